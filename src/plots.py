"""Figures in one look: numbers in, figure out. Every figure answers one question, stated in its title."""

import io
import math
from operator import attrgetter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

from src import files
from src.model import CLASSES
from src.statistics import mean_interval, sampling_error

IMAGES = Path(__file__).resolve().parent.parent / "images"

# Okabe and Ito's palette, told apart by colour-blind eyes and, by lightness, in grey print.
BLUE, ORANGE, GREEN, PURPLE, BLACK = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000"
SKY, VERMILION = "#56B4E9", "#D55E00"
TARGET_LINE = dict(color=BLACK, linewidth=1, linestyle=":")

STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
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


def save(figure, name, source=""):
    """Write a figure to images/name as PNG and return it for a notebook to show.

    source: what the figure was drawn from, kept in the file, where source_of() finds it.
    Raises InputError if it cannot be written.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None, "Source": source})
    files.write(IMAGES / name, buffer.getvalue())
    return figure


def source_of(name):
    """What images/name says it was drawn from, or None if there is no such figure."""
    try:
        with Image.open(IMAGES / name) as image:
            return image.text.get("Source")
    except OSError:
        return None


def digits_grid(images, captions=None, columns=10, title=""):
    """Images (N, 1, 28, 28), ink bright, as a grid with a caption of one or two lines under each."""
    rows = max(1, -(-len(images) // columns))
    height = 1.0 if captions is None else 1.35
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(columns, rows * height + 0.4),
            squeeze=False,
            subplot_kw={"xticks": [], "yticks": []},
        )
        for ax in axes.flat:
            ax.set_axis_off()
        for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
            ax.imshow(image.squeeze(), cmap="gray_r", vmin=0, vmax=255)
            if captions is not None:
                ax.text(0.5, -0.06, captions[i], transform=ax.transAxes, ha="center", va="top", fontsize=9)
        figure.suptitle(title)
    return detached(figure)


def history(records, goal=0.994):
    """How runs of one experiment went: accuracy and loss after each epoch, while training and on the test set.

    records: of one run or more; of several, the mean is drawn over the range.
    """
    first = records[0]
    epochs = [epoch.epoch for epoch in first.history]
    curves = [("train", "train (while learning)", ORANGE, "--", "o"), ("test", first.split, BLUE, "-", "s")]
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
        for ax, quantity, factor in [(left, "accuracy", 100), (right, "loss", 1)]:
            for part, label, colour, line, marker in curves:
                field = f"{part}_{quantity}"
                values = factor * np.array([[getattr(epoch, field) for epoch in record.history] for record in records])
                ax.plot(epochs, values.mean(axis=0), line, color=colour, marker=marker, markersize=4, label=label)
                ax.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.2, linewidth=0)
            ax.set_xlabel("epoch")
            ax.xaxis.get_major_locator().set_params(integer=True)
        left.set_ylabel("accuracy (%)")
        left.set_ylim(max(90, min(left.get_ylim()[0], 98)), 100.05)
        left.axhline(100 * goal, label=f"{100 * goal:.1f} %", **TARGET_LINE)
        left.legend(loc="lower right")
        right.set_ylabel("cross-entropy (nats, log scale)")
        right.set_yscale("log")
        right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        right.yaxis.set_major_formatter("{x:g}")
        right.yaxis.set_minor_formatter(NullFormatter())
        right.legend(loc="upper right")
        runs = f"seed {first.seed}" if len(records) == 1 else f"{len(records)} seeds, mean and range"
        figure.suptitle(f"{first.experiment}, {runs}: does it fit, and does it generalize?")
    return detached(figure)


def confusion(labels, predictions, title):
    """Confusion matrix of labels and predictions, (N,) integers 0 to 9: which digits are mistaken for which."""
    counts = np.zeros((CLASSES, CLASSES), dtype=int)
    np.add.at(counts, (np.asarray(labels), np.asarray(predictions)), 1)
    mistakes = counts - np.diag(np.diag(counts))
    with plt.rc_context({**STYLE, "axes.grid": False}):
        figure, ax = plt.subplots(figsize=(6, 5.4))
        shades = ax.imshow(mistakes, cmap="Blues", vmax=max(1, mistakes.max()))
        for true in range(CLASSES):
            for predicted in range(CLASSES):
                count = counts[true, predicted]
                if count:
                    dark = true != predicted and count > 0.6 * mistakes.max()
                    ax.text(
                        predicted,
                        true,
                        count,
                        ha="center",
                        va="center",
                        fontsize=8 if true == predicted else 10,
                        color="white" if dark else "gray" if true == predicted else "black",
                    )
        ax.set(xticks=range(CLASSES), yticks=range(CLASSES), xlabel="predicted digit", ylabel="true digit", title=title)
        figure.colorbar(shades, label="images mistaken (diagonal: images right)", shrink=0.85)
    return detached(figure)


def mistakes(digits, logits, title, most=20):
    """The misclassified Digits, surest mistake first, each with what was predicted and how surely."""
    probabilities = logits.softmax(dim=1)
    sureness, predictions = probabilities.max(dim=1)
    wrong = (predictions != digits.labels).nonzero().flatten()
    wrong = wrong[sureness[wrong].argsort(descending=True)]
    shown = wrong[:most]
    captions = [f"{digits.labels[i]}, not {predictions[i]}\n{100 * sureness[i]:.0f} % sure" for i in shown.tolist()]
    return digits_grid(digits.images[shown], captions, title=f"{title}: {len(wrong)} mistakes, the surest {len(shown)}")


def series(found, goal=0.994):
    """Test accuracy after each epoch of the models in found (name -> records): mean and range over seeds."""
    colours, lines = [ORANGE, PURPLE, GREEN, BLUE], ["--", "-.", (0, (1, 1)), "-"]
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(9, 4.8))
        for (name, records), colour, line in zip(found.items(), colours, lines, strict=True):
            accuracies = 100 * np.array([[epoch.test_accuracy for epoch in record.history] for record in records])
            epochs = np.arange(1, accuracies.shape[1] + 1)
            label = f"{name}, {records[0].parameters:,} parameters, {len(records)} seeds"
            ax.plot(epochs, accuracies.mean(axis=0), color=colour, linestyle=line, linewidth=2, label=label)
            ax.fill_between(
                epochs, accuracies.min(axis=0), accuracies.max(axis=0), color=colour, alpha=0.15, linewidth=0
            )
        ax.axhline(100 * goal, label=f"{100 * goal:.1f} %", **TARGET_LINE)
        ax.set(xlabel="epoch", ylabel="test accuracy (%)", ylim=(98.4, 99.7), xlim=(1, len(epochs)))
        ax.set_title("What does each model of the series reach? Mean and range over seeds")
        ax.legend(loc="lower right")
    return detached(figure)


def accuracies(found, title):
    """Final test accuracy of each experiment in found (name -> records), top to bottom: seeds, mean, 95 % interval."""
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(9, 0.5 * len(found) + 1.6))
        for i, records in enumerate(found.values()):
            finals = [100 * record.final.test_accuracy for record in records]
            mean, half_width = mean_interval(finals)
            ax.plot(
                finals,
                [i] * len(finals),
                "o",
                color=ORANGE,
                markersize=5,
                alpha=0.7,
                label="one seed" if not i else None,
            )
            ax.errorbar(
                mean, i, xerr=half_width, fmt="s", color=BLUE, capsize=4, label="mean, 95 % interval" if not i else None
            )
            ax.annotate(f"{mean:.2f}", (mean, i), xytext=(0, 8), textcoords="offset points", ha="center", fontsize=9)
        ax.set_yticks(range(len(found)), found)
        ax.set(xlabel="test accuracy after the last epoch (%)", ylim=(len(found) - 0.5, -0.7), title=title)
        ax.legend(loc="best")
    return detached(figure)


TOP = 99.65  # percent, of the picture of all steps
LOGS = {"A": (ORANGE, "o"), "B": (SKY, "s"), "C": (GREEN, "^"), "D": (VERMILION, "D"), "E": (PURPLE, "v")}


def comparison(points, goal=0.994):
    """Test accuracy against parameters of comparison.Points: as published (hollow), and as measured here (filled).

    Networks of nearly the same size are drawn side by side.
    """
    small, large = [7_000, 8_000, 9_000, 10_000, 12_000, 15_000, 20_000, 30_000], [150_000, 1_600_000]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(10, 6.4), sharey=True, width_ratios=[5, 1])
        for ax, ticks, least, most in [(axes[0], small, 0, 50_000), (axes[1], large, 50_000, math.inf)]:
            shown = sorted(
                (point for point in points if least <= point.parameters < most), key=attrgetter("parameters", "name")
            )
            for point, x in zip(shown, _apart([point.parameters for point in shown]), strict=True):
                _draw(ax, point, x)
            ax.axhline(100 * goal, **TARGET_LINE)
            ax.set_xscale("log")
            ax.set_xticks(ticks, [f"{tick / 1e6:g}M" if tick >= 1e6 else f"{tick / 1e3:g}k" for tick in ticks])
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.margins(x=0.06 if ax is axes[0] else 0.2)
            ax.set_xlabel("parameters")
        axes[0].set_yscale("function", functions=(lambda y: -np.log(100 - y), lambda y: 100 - np.exp(-y)))
        axes[0].set_yticks([98.4, 98.6, 98.8, 99, 99.1, 99.2, 99.3, 99.4, 99.5, 99.6])
        marks = [y for point in points for y in (point.reported, point.measured and point.measured[0]) if y is not None]
        axes[0].set(ylabel="test accuracy (%), errors on a log scale", ylim=(min(marks) - 0.1, TOP))
        axes[0].legend(handles=_legend(axes[0]), loc="upper right", fontsize=9)
        figure.suptitle("What do published steps reach, and with how many parameters?")
    return detached(figure)


def _draw(ax, point, x):
    """One Point of comparison() at x: hollow mark, filled mark with its interval, name above both (Model4 as M4)."""
    colour, marker = (BLUE, "*") if point.group == "ours" else LOGS.get(point.group, (BLACK, "P"))
    look = dict(color=colour, marker=marker, markersize=13 if point.group == "ours" else 7, linestyle="")
    heights = []
    if point.reported is not None:
        ax.plot(x, point.reported, **look, markerfacecolor="white")
        heights.append(point.reported)
    if point.measured:
        mean, half_width = point.measured
        ax.errorbar(x, mean, yerr=[[half_width], [min(half_width, TOP - mean)]], **look, capsize=3)
        ax.plot([x, x], [heights[0] if heights else mean, mean], color=colour, linewidth=1, alpha=0.5, zorder=1)
        heights.append(mean)
    if heights:
        place = dict(xytext=(0, 8), textcoords="offset points", ha="center")
        halo = [withStroke(linewidth=2.5, foreground="white")]
        style = dict(fontsize=9, color=colour, fontweight="bold", path_effects=halo)
        name = point.name.replace("Model", "M") if point.group == "ours" else point.name
        ax.annotate(name, (x, max(heights)), **place, **style)


def _legend(ax):
    grey = dict(color="gray", marker="o", linestyle="", markersize=7)
    ours = "here: mean over seeds, 95 % interval"
    return [
        ax.plot([], [], **grey, markerfacecolor="white", label="as published: best epoch of one run")[0],
        ax.errorbar([], [], yerr=[], **grey, capsize=3, label=ours),
        ax.plot(
            [], [], color=BLUE, marker="*", linestyle="", markersize=13, label="M1 to M4: the models of this series"
        )[0],
        *(
            ax.plot([], [], color=colour, marker=marker, linestyle="", label=f"log {log}")[0]
            for log, (colour, marker) in LOGS.items()
        ),
    ]


def _apart(sizes, step=0.023):
    """Sorted sizes, those within a step of the one before moved apart around their middle, by a step each."""
    clusters = []
    for size in sizes:
        if clusters and size < clusters[-1][-1] * (1 + step):
            clusters[-1].append(size)
        else:
            clusters.append([size])
    return [
        sum(cluster) / len(cluster) * (1 + step) ** (i - (len(cluster) - 1) / 2)
        for cluster in clusters
        for i in range(len(cluster))
    ]


def seeds(records):
    """Final test accuracies of one experiment over seeds, beside the sampling error of the test set itself."""
    finals = np.array([100 * record.final.test_accuracy for record in records])
    mean, images = finals.mean(), len(records[0].predictions)
    error = 100 * sampling_error(mean / 100, images)
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(9, 3.8))
        step = 100 / images  # one image more or less: a bar for every accuracy there can be
        edges = np.arange(round(finals.min() / step) - 0.5, round(finals.max() / step) + 1.5) * step
        band = f"sampling error of {images:,} images (95 %)"
        ax.axvspan(mean - error, mean + error, color=ORANGE, alpha=0.2, zorder=0, label=band)
        counts, *_ = ax.hist(finals, bins=edges, color=BLUE, label=f"{len(finals)} seeds, last epoch")
        ax.axvline(mean, label=f"mean {mean:.2f} %", **TARGET_LINE)
        ax.yaxis.get_major_locator().set_params(integer=True)
        ax.set(xlabel="test accuracy (%)", ylabel="seeds", ylim=(0, 1.5 * counts.max()))
        ax.set_xlim(mean - 1.6 * error, mean + 1.6 * error)
        ax.set_title(f"How much does one run of {records[0].experiment} say?")
        ax.legend(loc="upper left")
    return detached(figure)


def detached(figure):
    """Close a figure, lest a notebook shows it twice: by itself, and as the value of a cell."""
    plt.close(figure)
    return figure
