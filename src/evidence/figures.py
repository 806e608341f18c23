"""Figures in one look: numbers in, figure out. Every figure answers one question, stated in its title."""

import functools
import io
import itertools
import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from src import ROOT
from src.data import Digits
from src.evidence.logs import Point
from src.evidence.significance import accuracy_interval, mean_interval, sampling_error
from src.evidence.tables import Comparison, Records, differences, seed_range, values
from src.experiments import SERIES, Experiment
from src.model import CLASSES
from src.runs import files
from src.runs.records import Record
from src.training import learning_rate

IMAGES = ROOT / "images"

# Okabe and Ito's palette, told apart by colour-blind eyes and, by lightness, in grey print.
BLUE, ORANGE, GREEN, PURPLE, BLACK = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000"
SKY, VERMILION = "#56B4E9", "#D55E00"
GOAL = 99.4  # percent, of most published logs
TARGET_LINE = dict(color=BLACK, linewidth=1, linestyle=":")
HALO = [withStroke(linewidth=2, foreground="white")]  # of text on lines
CURVES = [(ORANGE, "--"), (PURPLE, "-."), (GREEN, (0, (1, 1))), (BLUE, "-")]  # of series(); the last is the newest
MOST_MISTAKES = 10  # the darkest shade of every confusion matrix, so that they can be compared

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
        ax.imshow(image.squeeze().numpy(), cmap="gray_r", vmin=0, vmax=255)
        if captions is not None:
            ax.text(0.5, -0.06, captions[i], transform=ax.transAxes, ha="center", va="top", fontsize=9)
    figure.suptitle(title)
    return figure


@styled
def history(records: Sequence[Record]) -> Figure:
    """Draw how runs of one experiment went: accuracy and loss after each epoch, while training and on the test set.

    records: of one run or more; of several, the mean is drawn over its 95 % interval.
    """
    first, goal = records[0], _goal(records[0].experiment)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for ax, quantity, factor in [(left, "accuracy", 100), (right, "loss", 1)]:
        look = dict(color=ORANGE, linestyle="--", marker="o", markersize=4, label="train (while learning)")
        _draw_mean(ax, records, f"train_{quantity}", factor, **look)
        look = dict(color=BLUE, linestyle="-", marker="s", markersize=4, label=first.split)
        _draw_mean(ax, records, f"test_{quantity}", factor, **look)
        _show_epochs(ax, len(first.history))
    bottom = _bottom([*values(records, "accuracy while learning"), *values(records, "test accuracy")])
    left.set(ylabel=f"accuracy (%), cut off below {bottom}", ylim=(bottom, 100.05))
    left.axhline(goal, label=f"{goal} %", **TARGET_LINE)
    left.legend(loc="best")
    right.set(ylabel="cross-entropy (nats, log scale)", yscale="log")
    right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_minor_formatter(NullFormatter())
    right.legend(loc="upper right")
    runs = f"seed {first.seed}" if len(records) == 1 else f"{len(records)} seeds"
    if len(records) >= 3:
        runs += ", mean and 95 % interval"
    figure.suptitle(f"{first.experiment}, {runs}: does it fit, and does it generalize?")
    return figure


def _goal(name):
    """Return the test accuracy, in percent, that an experiment of the series aims at; GOAL for all others."""
    target = SERIES[name].target if name in SERIES else ()
    return next((condition.bound for condition in target if condition.quantity == "test accuracy"), GOAL)


def _draw_mean(ax, records, field, factor, **look):
    """Draw the mean over records of a field of each Epoch, times a factor, and its 95 % interval as a band.

    Of fewer than three records, which have no interval, each is a line.
    """
    curves = factor * np.array([[getattr(epoch, field) for epoch in record.history] for record in records])
    epochs = np.arange(1, curves.shape[1] + 1)
    if len(curves) < 3:
        ax.plot(epochs, curves.T, **look | dict(label=[look["label"], *[None] * (len(curves) - 1)]))
        return
    means, half_widths = np.array([mean_interval(column.tolist()) for column in curves.T]).T
    ax.plot(epochs, means, **look)
    ax.fill_between(epochs, means - half_widths, means + half_widths, color=look["color"], alpha=0.2, linewidth=0)


def _show_epochs(ax, epochs):
    """Label the x axis of a picture that has so many epochs."""
    ax.set(xlabel="epoch", xlim=(0.5, epochs + 0.5) if epochs > 1 else (0.8, 1.9))  # a legend beside one point
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _bottom(accuracies, usual=98):
    """Return where an axis that shows accuracies, in percent, is cut off: as usual, or lower so that all are seen."""
    return usual if min(accuracies) > usual else max(0, math.floor(min(accuracies)) - 1)


@styled
def confusion(labels: Sequence[int], predictions: Sequence[int], title: str) -> Figure:
    """Draw the confusion matrix of labels and predictions, (N,) integers 0 to 9: which digit is mistaken for which."""
    counts = np.zeros((CLASSES, CLASSES), dtype=int)
    np.add.at(counts, (np.asarray(labels), np.asarray(predictions)), 1)
    mistakes = counts - np.diag(np.diag(counts))
    figure, ax = plt.subplots(figsize=(6, 5.4))
    ax.grid(False)
    shades = ax.imshow(mistakes, cmap="Blues", vmin=0, vmax=MOST_MISTAKES)
    for (true, predicted), count in np.ndenumerate(counts):
        color = "gray" if true == predicted else "white" if count > MOST_MISTAKES / 2 else "black"
        size = 8 if true == predicted else 10
        ax.text(predicted, true, count or "", ha="center", va="center", fontsize=size, color=color)
    ax.set(xticks=range(CLASSES), yticks=range(CLASSES), xlabel="predicted digit", ylabel="true digit", title=title)
    bar = dict(ticks=range(0, MOST_MISTAKES + 1, 2), extend="max" if mistakes.max() > MOST_MISTAKES else "neither")
    figure.colorbar(shades, label="images mistaken (diagonal: images right)", shrink=0.85, **bar)
    return figure


@styled
def per_digit(labels: Sequence[int], predictions: Sequence[int], title: str) -> Figure:
    """Draw the accuracy on each digit with its 95 % interval and the number of mistakes.

    labels, predictions: (N,) integers 0 to 9; every digit is among the labels.
    """
    labels, right = np.asarray(labels), np.asarray(labels) == np.asarray(predictions)
    each = [right[labels == digit] for digit in range(CLASSES)]
    accuracies = np.array([100 * one.mean() for one in each])
    lows, highs = 100 * np.array([accuracy_interval(int(one.sum()), len(one)) for one in each]).T
    figure, ax = plt.subplots(figsize=(9, 4))
    look = dict(
        fmt="s", color=BLUE, capsize=4, linewidth=1.5, label="one digit: number of mistakes, sampling error (95 %)"
    )
    ax.errorbar(range(CLASSES), accuracies, yerr=[accuracies - lows, highs - accuracies], **look)
    for digit, (one, accuracy) in enumerate(zip(each, accuracies, strict=True)):
        place = dict(xytext=(9, 0), textcoords="offset points", va="center", path_effects=HALO)
        ax.annotate(f"{(~one).sum()}", (digit, accuracy), **place)
    ax.axhline(100 * right.mean(), label=f"all: {(~right).sum()} mistakes, {100 * right.mean():.2f} %", **TARGET_LINE)
    bottom = _bottom(lows, usual=97)
    ax.set(xticks=range(CLASSES), xlabel="true digit", xlim=(-0.5, CLASSES - 0.3), title=title)
    ax.set(ylabel=f"accuracy (%), cut off below {bottom}", ylim=(bottom, 100.05))
    ax.legend(loc="lower left")
    return figure


def mistakes(digits: Digits, logits: torch.Tensor, title: str) -> Figure:
    """Draw the twenty surest mistakes among Digits, each with what it was read as and how surely; logits (N, 10)."""
    sureness, predictions = logits.softmax(dim=1).max(dim=1)
    wrong = (predictions != digits.labels).nonzero().flatten()
    wrong = wrong[sureness[wrong].argsort(descending=True)]
    shown = wrong[:20]
    captions = [f"true {digits.labels[i]}, read\nas {predictions[i]} ({100 * sureness[i]:.0f} %)" for i in shown]
    return digits_grid(digits.images[shown], captions, title=f"{title}: {len(wrong)} mistakes, the surest {len(shown)}")


@styled
def series(records_by_name: Records, question: str = "What does each model reach?") -> Figure:
    """Draw the test accuracy of two to four experiments (name -> records) after each epoch: mean, 95 % interval.

    Of fewer than three seeds, which have no interval, each is drawn as a line of its own.
    """
    figure, ax = plt.subplots(figsize=(9, 4.8))
    curves = [*CURVES[: len(records_by_name) - 1], CURVES[-1]]
    for (name, records), (color, line) in zip(records_by_name.items(), curves, strict=True):
        seeds = (
            f"{len(records)} seeds" if len(records) >= 3 else f"seed{'s' * (len(records) - 1)} {seed_range(records)}"
        )
        label = f"{name}, {records[0].parameters:,} parameters, {seeds}"
        marker = dict(marker="o" if len(records[0].history) == 1 else "")  # a line of one epoch is not seen
        _draw_mean(ax, records, "test_accuracy", 100, color=color, linestyle=line, linewidth=2, label=label, **marker)
    ends = [end for records in records_by_name.values() for end in values(records, "test accuracy")]
    bottom, goal = _bottom(ends), max(map(_goal, records_by_name))
    ax.axhline(goal, label=f"{goal} %", **TARGET_LINE)
    ax.set(ylabel=f"test accuracy (%), cut off below {bottom}", ylim=(bottom, max(99.7, max(ends) + 0.05)))
    single = all(len(records) < 3 for records in records_by_name.values())
    ax.set_title(f"{question} {'A line per seed' if single else 'Mean over seeds, 95 % interval'}")
    _show_epochs(ax, max(len(records[0].history) for records in records_by_name.values()))
    ax.legend(loc="lower right")
    return figure


@styled
def rates(trials: dict[str, dict[float, Sequence[Record]]], title: str) -> Figure:
    """Draw what each learning rate reaches: label of each of two lines -> rate -> records; mean, 95 % interval."""
    figure, ax = plt.subplots(figsize=(9, 4.4))
    looks = [dict(color=GREEN, marker="s", linestyle=(0, (1, 1))), dict(color=BLUE, marker="o", linestyle="-")]
    for (label, by_rate), look, aside in zip(trials.items(), looks, [0.98, 1.02], strict=True):
        places = aside * np.array(list(by_rate))  # so that intervals do not hide each other
        accuracies = [values(records, "test accuracy") for records in by_rate.values()]
        means, half_widths = np.array([mean_interval(numbers) for numbers in accuracies]).T
        ax.errorbar(places, means, yerr=half_widths, capsize=4, linewidth=2, label=label, **look)
    ax.set(xscale="log", xlabel="learning rate (of the schedule: its peak), log scale", title=title)
    ax.set_xticks(list(by_rate), [f"{rate:g}" for rate in by_rate])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set(ylabel="validation accuracy (%)")
    ax.legend(loc="lower center")
    return figure


@styled
def schedules(experiments: Sequence[Experiment]) -> Figure:
    """Draw the learning rate of two experiments during training; not of Plateau, which depends on the training."""
    figure, ax = plt.subplots(figsize=(9, 3.6))
    done = np.linspace(0, 1, 1000, endpoint=False)
    for experiment, color, line in zip(experiments, [GREEN, BLUE], [(0, (1, 1)), "-"], strict=True):
        curve = [learning_rate(experiment.schedule, fraction, experiment.epochs) for fraction in done]
        label = f"{experiment.name}: {experiment.schedule}"
        ax.plot(done * experiment.epochs, curve, color=color, linestyle=line, linewidth=2, label=label)
    ax.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None), title="How large are the steps?")
    ax.legend(loc="upper right")
    return figure


@styled
def effects(comparisons: Sequence[Comparison], title: str) -> Figure:
    """Draw by how much each change moves the test accuracy: paired differences, their mean and its 95 % interval."""
    figure, ax = plt.subplots(figsize=(9, 0.62 * len(comparisons) + 1.5))
    for i, each in enumerate(comparisons):
        paired = differences(each.before, each.after)
        mean, half_width = mean_interval(paired)
        labels = ("one seed", "mean, 95 % interval") if i == 0 else (None, None)  # in the legend once
        ax.plot(paired, [i + 0.2] * len(paired), "o", color=ORANGE, markersize=4, alpha=0.8, label=labels[0])
        ax.errorbar(mean, i, xerr=half_width, fmt="s", color=BLUE, capsize=4, linewidth=2, label=labels[1])
        before, after = (np.mean(values(records, "test accuracy")) for records in (each.before, each.after))
        text = f"{before:.3f} → {after:.3f} %"
        ax.annotate(text, (1, i), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    ax.axvline(0, color=BLACK, linewidth=1)
    names = ["\n".join(_wrapped(part) for part in each.change.split("; ")) for each in comparisons]
    ax.set_yticks(range(len(comparisons)), names, fontsize=9)
    ax.set(xlabel="change in test accuracy (points), seed by seed", ylim=(len(comparisons) - 0.5, -0.5))
    figure.suptitle(title, fontsize=12)
    figure.legend(loc="outside lower right", ncols=2, fontsize=9)
    return figure


def _wrapped(change):
    return change.replace(" → ", " →\n") if len(change) > 42 else change


# The picture of all steps: color and marker of each log; scale, limits and ticks of the parameters in each panel.
LOGS = {"A": (ORANGE, "o"), "B": (SKY, "s"), "C": (GREEN, "^"), "D": (VERMILION, "D"), "E": (PURPLE, "v")}
PANELS = [
    ("linear", 0, 10_000, [7_500, 8_000, 8_500, 9_000, 9_500]),
    ("log", 10_000, 100_000, [12_000, 15_000, 20_000, 30_000]),
    ("log", 100_000, math.inf, [150_000, 1_600_000]),
]
TOP = 99.7  # percent


@styled
def published(points: Sequence[Point]) -> Figure:
    """Draw test accuracy against parameters of logs.Points: as published (hollow), and as measured here (filled).

    Every mark stands at its numbers; names stand left of hollow marks and right of filled ones.
    """
    figure, axes = plt.subplots(1, 3, figsize=(9, 6.5), sharey=True, width_ratios=[6, 3.2, 1.4])
    for ax, (scale, least, most, ticks) in zip(axes, PANELS, strict=True):
        shown = sorted((p for p in points if least <= p.parameters < most), key=attrgetter("parameters"))
        for point in shown:
            _draw_point(ax, point)
        hollow = [(p.parameters, p.reported, p) for p in shown if p.reported is not None]
        filled = [(p.parameters, p.measured[0], p) for p in shown if p.measured]
        for marks, side, align in [(hollow, -7, "right"), (filled, 7, "left")]:
            for (x, y, point), height in zip(marks, _heights(marks), strict=True):
                look = dict(color=_look(point)[0], fontsize=9, weight="bold" if marks is filled else "normal")
                place = dict(xytext=(side, height), textcoords=("offset points", "data"), ha=align, va="center")
                name = point.name.replace("Model", "M") if point.group == "ours" else point.name
                ax.annotate(name, (x, y), **place, **look, path_effects=HALO, zorder=5)
        ax.axhline(GOAL, **TARGET_LINE)
        ax.set(xscale=scale)
        ax.set_xticks(ticks, [f"{tick / 1e6:g}M" if tick >= 1e6 else f"{tick / 1e3:g}k" for tick in ticks])
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.margins(x=0.6 if ax is axes[2] else 0.12)
    show_log_errors(axes[0])
    axes[0].set_yticks([98.4, 98.6, 98.8, 99, 99.1, 99.2, 99.3, 99.4, 99.5, 99.6])
    marks = [y for point in points for y in (point.reported, point.measured and point.measured[0]) if y is not None]
    bottom = round(min(marks) - 0.1, 1)
    axes[0].set(ylabel=f"test accuracy (%), errors on a log scale, cut off below {bottom}", ylim=(bottom, TOP))
    axes[0].set_xlabel("parameters, up to 10,000")
    axes[1].set_xlabel("above, on a log scale")
    figure.legend(handles=_legend(axes[0]), loc="outside lower center", ncols=2, fontsize=9, columnspacing=1)
    figure.suptitle("What do published steps reach, and with how many parameters?", fontsize=12)
    return figure


def show_log_errors(ax: Axes) -> None:
    """Place accuracies, in percent on the y axis, by the logarithm of their error."""
    ax.set_yscale("function", functions=(_to_log_error, lambda y: 100 - np.exp(-y)))


def _to_log_error(accuracy):
    return -np.log(100 - np.asarray(accuracy))


def _look(point):
    """Return the color and the marker of a Point."""
    return (BLUE, "*") if point.group == "ours" else LOGS.get(point.group, (BLACK, "P"))


def _draw_point(ax, point):
    """Draw one Point: hollow mark, filled mark and its interval, which leaves the picture where it is longer."""
    color, marker = _look(point)
    look = dict(color=color, marker=marker, markersize=14 if point.group == "ours" else 7, linestyle="")
    if point.measured:
        (mean, half_width), over = point.measured, 3 if point.group == "ours" else 2
        ends = [mean - half_width, min(mean + half_width, 99.99)]
        ax.plot([point.parameters] * 2, ends, color=color, marker="_", linewidth=1.5, alpha=0.8, zorder=over)
        ax.plot(point.parameters, mean, **look, markeredgecolor="white", markeredgewidth=0.6, zorder=4)
    if point.reported is not None:
        ax.plot(point.parameters, point.reported, **look, markerfacecolor="none", markeredgewidth=1.3, zorder=4)


def _heights(marks):
    """Return the accuracies at which the names of marks (x, accuracy, point) stand: the same, but apart."""
    gap, heights = 0.042, [float(_to_log_error(y)) for _, y, _ in marks]
    for _ in range(100):
        for i, j in itertools.combinations(sorted(range(len(marks)), key=heights.__getitem__), 2):
            near = marks[i][0] * 0.97 < marks[j][0] < marks[i][0] * 1.03
            if near and (push := gap - (heights[j] - heights[i])) > 1e-6:
                heights[i], heights[j] = heights[i] - push / 2, heights[j] + push / 2
    return [100 - math.exp(-height) for height in heights]


def _legend(ax):
    grey, ours = dict(color="gray", marker="o", markersize=7), dict(color=BLUE, marker="*", markersize=13)
    return [
        *ax.plot([], [], **grey, linestyle="", markerfacecolor="white", label="A1 to E4: five logs, as published"),
        *ax.plot([], [], **grey, label="the same networks, trained here: mean, 95 % interval"),
        *ax.plot([], [], **ours, label="M1 to M4: this series"),
        *ax.plot([], [], **TARGET_LINE, label=f"{GOAL} %, the goal of most logs"),
    ]


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
