"""Figures in one look: numbers in, figure out. Every figure answers one question, stated in its title."""

import functools
import io
import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

from src import ROOT
from src.data import Digits
from src.evidence.logs import Point
from src.evidence.significance import mean_interval, sampling_error
from src.evidence.tables import Records, values
from src.model import CLASSES
from src.runs import files
from src.runs.records import Record

IMAGES = ROOT / "images"

# Okabe and Ito's palette, told apart by colour-blind eyes and, by lightness, in grey print.
BLUE, ORANGE, GREEN, PURPLE, BLACK = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000"
SKY, VERMILION = "#56B4E9", "#D55E00"
GOAL = 99.4  # percent
TARGET_LINE = dict(color=BLACK, linewidth=1, linestyle=":")

STYLE = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorate a function that returns a new figure: draw in STYLE, and close it, so that a notebook shows it once."""

    @functools.wraps(draw)
    def draw_styled(*arguments, **options):
        with plt.rc_context(STYLE):
            figure = draw(*arguments, **options)
        plt.close(figure)
        return figure

    return draw_styled


def save(figure: Figure, name: str, source: str = "", folder: Path = IMAGES) -> Figure:
    """Write a figure to a PNG file in folder and return it for a notebook to show.

    source: what the figure was drawn from, kept in the file, where source_of() finds it.
    Raises InputError if the file cannot be written.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None, "Source": source})
    files.write(folder / name, buffer.getvalue())
    return figure


def source_of(name: str, folder: Path = IMAGES) -> str | None:
    """Return what a PNG file in folder says it was drawn from, or None if there is no such figure."""
    try:
        with Image.open(folder / name) as image:
            return image.text.get("Source")
    except OSError:
        return None


@styled
def digits_grid(images: torch.Tensor, captions: Sequence[str] | None = None, title: str = "") -> Figure:
    """Draw images (N, 1, 28, 28), ink bright, ten in a row, with a caption of one or two lines under each."""
    rows = max(1, math.ceil(len(images) / 10))
    height = rows * (1.0 if captions is None else 1.35) + 0.4
    figure, axes = plt.subplots(rows, 10, figsize=(10, height), squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image.squeeze(), cmap="gray_r", vmin=0, vmax=255)
        if captions is not None:
            ax.text(0.5, -0.06, captions[i], transform=ax.transAxes, ha="center", va="top", fontsize=9)
    figure.suptitle(title)
    return figure


@styled
def history(records: Sequence[Record]) -> Figure:
    """Draw how runs of one experiment went: accuracy and loss after each epoch, while training and on the test set.

    records: of one run or more; of several, the mean is drawn over the range.
    """
    first = records[0]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for ax, quantity, factor in [(left, "accuracy", 100), (right, "loss", 1)]:
        look = dict(color=ORANGE, linestyle="--", marker="o", markersize=4, label="train (while learning)")
        _draw_range(ax, records, f"train_{quantity}", factor, 0.2, **look)
        look = dict(color=BLUE, linestyle="-", marker="s", markersize=4, label=first.split)
        _draw_range(ax, records, f"test_{quantity}", factor, 0.2, **look)
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    left.set(ylabel="accuracy (%)", ylim=(max(90, min(left.get_ylim()[0], 98)), 100.05))
    left.axhline(GOAL, label=f"{GOAL} %", **TARGET_LINE)
    left.legend(loc="lower right")
    right.set(ylabel="cross-entropy (nats, log scale)", yscale="log")
    right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_minor_formatter(NullFormatter())
    right.legend(loc="upper right")
    runs = f"seed {first.seed}" if len(records) == 1 else f"{len(records)} seeds, mean and range"
    figure.suptitle(f"{first.experiment}, {runs}: does it fit, and does it generalize?")
    return figure


def _draw_range(ax, records, field, factor, alpha, **look):
    """Draw the mean over records of a field of each Epoch, times a factor, and the range as a band."""
    curves = factor * np.array([[getattr(epoch, field) for epoch in record.history] for record in records])
    epochs = np.arange(1, curves.shape[1] + 1)
    ax.plot(epochs, curves.mean(axis=0), **look)
    ax.fill_between(epochs, curves.min(axis=0), curves.max(axis=0), color=look["color"], alpha=alpha, linewidth=0)


@styled
def confusion(labels: Sequence[int], predictions: Sequence[int], title: str) -> Figure:
    """Draw the confusion matrix of labels and predictions, (N,) integers 0 to 9: which digit is mistaken for which."""
    counts = np.zeros((CLASSES, CLASSES), dtype=int)
    np.add.at(counts, (np.asarray(labels), np.asarray(predictions)), 1)
    mistakes = counts - np.diag(np.diag(counts))
    figure, ax = plt.subplots(figsize=(6, 5.4))
    ax.grid(False)
    shades = ax.imshow(mistakes, cmap="Blues", vmax=max(1, mistakes.max()))
    for (true, predicted), count in np.ndenumerate(counts):
        color = "gray" if true == predicted else "white" if count > 0.6 * mistakes.max() else "black"
        size = 8 if true == predicted else 10
        ax.text(predicted, true, count or "", ha="center", va="center", fontsize=size, color=color)
    ax.set(xticks=range(CLASSES), yticks=range(CLASSES), xlabel="predicted digit", ylabel="true digit", title=title)
    figure.colorbar(shades, label="images mistaken (diagonal: images right)", shrink=0.85)
    return figure


def mistakes(digits: Digits, logits: torch.Tensor, title: str) -> Figure:
    """Draw the twenty surest mistakes among Digits, each with what was predicted and how surely; logits (N, 10)."""
    sureness, predictions = logits.softmax(dim=1).max(dim=1)
    wrong = (predictions != digits.labels).nonzero().flatten()
    wrong = wrong[sureness[wrong].argsort(descending=True)]
    shown = wrong[:20]
    captions = [f"{digits.labels[i]}, not {predictions[i]}\n{100 * sureness[i]:.0f} % sure" for i in shown]
    return digits_grid(digits.images[shown], captions, title=f"{title}: {len(wrong)} mistakes, the surest {len(shown)}")


@styled
def series(records_by_name: Records) -> Figure:
    """Draw the test accuracy of four models (name -> records) after each epoch: mean and range over seeds."""
    colors, lines = [ORANGE, PURPLE, GREEN, BLUE], ["--", "-.", (0, (1, 1)), "-"]
    figure, ax = plt.subplots(figsize=(9, 4.8))
    for (name, records), color, line in zip(records_by_name.items(), colors, lines, strict=True):
        label = f"{name}, {records[0].parameters:,} parameters, {len(records)} seeds"
        _draw_range(ax, records, "test_accuracy", 100, 0.15, color=color, linestyle=line, linewidth=2, label=label)
    ax.axhline(GOAL, label=f"{GOAL} %", **TARGET_LINE)
    ax.set(xlabel="epoch", ylabel="test accuracy (%)", ylim=(98.4, 99.7), xlim=(1, len(records[0].history)))
    ax.set_title("What does each model of the series reach? Mean and range over seeds")
    ax.legend(loc="lower right")
    return figure


@styled
def accuracies(records_by_name: Records, title: str) -> Figure:
    """Draw the final test accuracy of experiments (name -> records), top to bottom: seeds, mean, 95 % interval."""
    figure, ax = plt.subplots(figsize=(9, 0.5 * len(records_by_name) + 1.6))
    for i, records in enumerate(records_by_name.values()):
        finals = values(records, "test accuracy")
        mean, half_width = mean_interval(finals)
        labels = ("one seed", "mean, 95 % interval") if i == 0 else (None, None)  # in the legend once
        ax.plot(finals, [i] * len(finals), "o", color=ORANGE, markersize=5, alpha=0.7, label=labels[0])
        ax.errorbar(mean, i, xerr=half_width, fmt="s", color=BLUE, capsize=4, label=labels[1])
        ax.annotate(f"{mean:.2f}", (mean, i), xytext=(0, 8), textcoords="offset points", ha="center", fontsize=9)
    ax.set_yticks(range(len(records_by_name)), records_by_name)
    ax.set(xlabel="test accuracy after the last epoch (%)", ylim=(len(records_by_name) - 0.5, -0.7), title=title)
    ax.legend(loc="best")
    return figure


TOP = 99.65  # percent, of the picture of all steps
LOGS = {"A": (ORANGE, "o"), "B": (SKY, "s"), "C": (GREEN, "^"), "D": (VERMILION, "D"), "E": (PURPLE, "v")}


@styled
def published(points: Sequence[Point]) -> Figure:
    """Draw test accuracy against parameters of logs.Points: as published (hollow), and as measured here (filled).

    Networks of nearly the same size are drawn side by side.
    """
    small, large = [7_000, 8_000, 9_000, 10_000, 12_000, 15_000, 20_000, 30_000], [150_000, 1_600_000]
    figure, axes = plt.subplots(1, 2, figsize=(10, 6.4), sharey=True, width_ratios=[5, 1])
    for ax, ticks, least, most in [(axes[0], small, 0, 50_000), (axes[1], large, 50_000, math.inf)]:
        shown = [point for point in points if least <= point.parameters < most]
        shown.sort(key=attrgetter("parameters", "name"))
        for point, x in zip(shown, _apart([point.parameters for point in shown]), strict=True):
            _draw_point(ax, point, x)
        ax.axhline(GOAL, **TARGET_LINE)
        ax.set(xscale="log", xlabel="parameters")
        ax.set_xticks(ticks, [f"{tick / 1e6:g}M" if tick >= 1e6 else f"{tick / 1e3:g}k" for tick in ticks])
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.margins(x=0.06 if ax is axes[0] else 0.2)
    axes[0].set_yscale("function", functions=(lambda y: -np.log(100 - y), lambda y: 100 - np.exp(-y)))
    axes[0].set_yticks([98.4, 98.6, 98.8, 99, 99.1, 99.2, 99.3, 99.4, 99.5, 99.6])
    marks = [y for point in points for y in (point.reported, point.measured and point.measured[0]) if y is not None]
    axes[0].set(ylabel="test accuracy (%), errors on a log scale", ylim=(min(marks) - 0.1, TOP))
    axes[0].legend(handles=_legend(axes[0]), loc="upper right", fontsize=9)
    figure.suptitle("What do published steps reach, and with how many parameters?")
    return figure


def _draw_point(ax, point, x):
    """Draw one Point at x: hollow mark, filled mark with its interval, name above both (Model4 as M4)."""
    ours = point.group == "ours"
    color, marker = (BLUE, "*") if ours else LOGS.get(point.group, (BLACK, "P"))
    look = dict(color=color, marker=marker, markersize=13 if ours else 7, linestyle="")
    heights = [] if point.reported is None else [point.reported]
    ax.plot([x] * len(heights), heights, **look, markerfacecolor="white")
    if point.measured:
        mean, half_width = point.measured
        heights.append(mean)
        ax.errorbar(x, mean, yerr=[[half_width], [min(half_width, TOP - mean)]], **look, capsize=3)
        ax.plot([x, x], [heights[0], mean], color=color, linewidth=1, alpha=0.5, zorder=1)
    if heights:
        name = point.name.replace("Model", "M") if ours else point.name
        halo = [withStroke(linewidth=2.5, foreground="white")]
        place = dict(xytext=(0, 8), textcoords="offset points", ha="center")
        ax.annotate(name, (x, max(heights)), **place, fontsize=9, color=color, weight="bold", path_effects=halo)


def _legend(ax):
    grey, ours = dict(color="gray", marker="o", markersize=7), dict(color=BLUE, marker="*", markersize=13)
    return [
        *ax.plot([], [], **grey, linestyle="", markerfacecolor="white", label="as published: best epoch of one run"),
        ax.errorbar([], [], yerr=[], **grey, linestyle="", capsize=3, label="here: mean over seeds, 95 % interval"),
        *ax.plot([], [], **ours, linestyle="", label="M1 to M4: the models of this series"),
        *(line for log, (c, m) in LOGS.items() for line in ax.plot([], [], m, color=c, label=f"log {log}")),
    ]


def _apart(sizes):
    """Return sorted sizes, those within a step of the one before moved apart around their middle, by a step each."""
    sizes, step = np.array(sizes), 1.023
    clusters = np.split(sizes, np.flatnonzero(sizes[1:] >= sizes[:-1] * step) + 1)
    return np.concatenate([part.mean() * step ** (np.arange(len(part)) - (len(part) - 1) / 2) for part in clusters])


@styled
def seeds(records: Sequence[Record]) -> Figure:
    """Draw the final test accuracies of one experiment over seeds, beside the sampling error of the test set."""
    finals = np.array(values(records, "test accuracy"))
    mean, images = finals.mean(), len(records[0].predictions)
    error = 100 * sampling_error(mean / 100, images)
    figure, ax = plt.subplots(figsize=(9, 3.8))
    step = 100 / images  # one image more or less: a bar for every accuracy there can be
    edges = np.arange(round(finals.min() / step) - 0.5, round(finals.max() / step) + 1.5) * step
    band = f"sampling error of {images:,} images (95 %)"
    ax.axvspan(mean - error, mean + error, color=ORANGE, alpha=0.2, zorder=0, label=band)
    counts, *_ = ax.hist(finals, bins=edges, color=BLUE, label=f"{len(finals)} seeds, last epoch")
    ax.axvline(mean, label=f"mean {mean:.2f} %", **TARGET_LINE)
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="test accuracy (%)", ylabel="seeds", title=f"How much does one run of {records[0].experiment} say?")
    ax.set(xlim=(mean - 1.6 * error, mean + 1.6 * error), ylim=(0, 1.5 * counts.max()))
    ax.legend(loc="upper left")
    return figure
