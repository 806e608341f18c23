"""Figures in one look: numbers in, figure out. Every figure answers one question, stated in its title."""

import functools
import io
import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from src import ROOT
from src.data import MNIST, Digits
from src.experiments import SERIES
from src.runs import files
from src.runs.records import Record
from src.show.significance import accuracy_interval, mean_interval
from src.show.tables import Records, seed_range, values

IMAGES, LOOK = ROOT / "images", Path(__file__).with_name("look.mplstyle")
# Of Okabe and Ito's palette, told apart by colour-blind eyes and, by lightness, in grey print.
BLUE, ORANGE, GREEN, PURPLE, SKY, BLACK = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000"
GOAL, TARGET_LINE = 99.4, dict(color=BLACK, linewidth=1, linestyle=":")  # percent, of most published logs
HALO = [withStroke(linewidth=2, foreground="white")]  # of text on lines
CURVES = [(ORANGE, "--"), (PURPLE, "-."), (GREEN, (0, (1, 1))), (BLUE, "-")]  # of series(); the last is the newest
MOST_MISTAKES = 10  # the darkest shade of every confusion matrix, so that they can be compared


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorate a function that returns a new figure: draw in the one look, and close it: a notebook shows it once."""

    @functools.wraps(draw)
    def draw_styled(*arguments, **options):
        with plt.style.context(LOOK):
            figure = draw(*arguments, **options)
        plt.close(figure)
        return figure

    return draw_styled


def save(figure: Figure, name: str, source: str = "", folder: Path = IMAGES) -> Figure:
    """Write a figure and what it was drawn from to a PNG file in folder, and return it for a notebook to show."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None, "Source": source})
    files.write(folder / name, buffer.getvalue())
    return figure


@styled
def digits_grid(images: torch.Tensor, captions: Sequence[str] | None = None, title: str = "") -> Figure:
    """Draw images (N, 1, 28, 28), ink bright, ten in a row, with a caption of one to three lines under each."""
    rows = max(1, math.ceil(len(images) / 10))
    three = any(str(each).count("\n") == 2 for each in captions or ())  # of long words, in smaller letters
    height = rows * (1.0 if captions is None else 1.6 if three else 1.35) + 0.4
    figure, axes = plt.subplots(rows, 10, figsize=(10, height), squeeze=False)
    look = dict(ha="center", va="top", fontsize=8 if three else 9)
    for ax in axes.flat:
        ax.set_axis_off()
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image.squeeze().numpy(), cmap=shades_of(images), vmin=0, vmax=255)
        if captions is not None:
            ax.text(0.5, -0.06, captions[i], transform=ax.transAxes, **look)
    figure.suptitle(title)
    return figure


def shades_of(images: torch.Tensor) -> str:
    """Return the colour map of images from 0 to 255: ink on a dark ground is drawn dark on white, bright ones as is."""
    return "gray" if images.float().mean() > 127.5 else "gray_r"


@styled
def history(records: Sequence[Record]) -> Figure:
    """Draw how runs of one experiment went, accuracy and loss after each epoch; of several: mean, 95 % interval."""
    first, goal = records[0], goal_of(records[0])
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for ax, quantity, factor in [(left, "accuracy", 100), (right, "loss", 1)]:
        look = dict(color=ORANGE, linestyle="--", marker="o", markersize=4, label="train while learning")
        _draw_mean(ax, records, f"train_{quantity}", factor, **look)
        look = dict(color=BLUE, linestyle="-", marker="s", markersize=4, label=first.split)
        _draw_mean(ax, records, f"test_{quantity}", factor, **look)
        _show_epochs(ax, len(first.history))
    if goal:
        left.axhline(goal, label=f"{goal} %", **TARGET_LINE)
    _cut_off(left, [*values(records, "train accuracy while learning"), *values(records, "test accuracy")])
    left.legend(loc="best")
    show_losses(right, "cross-entropy")
    right.legend(loc="upper right")
    runs = f"seed {first.seed}" if len(records) == 1 else f"{len(records)} seeds"
    runs += ", mean and 95 % interval" * (len(records) >= 3)
    figure.suptitle(f"{first.experiment}, {runs}: does it fit, and does it generalize?")
    return figure


def goal_of(record: Record) -> float | None:
    """Return the test accuracy, in percent, that an experiment of the series aims at; GOAL for all others on MNIST."""
    if record.labels:  # other data
        return None
    target = SERIES[record.experiment].target if record.experiment in SERIES else ()
    return next((condition.bound for condition in target if condition.quantity == "test accuracy"), GOAL)


def _draw_mean(ax, records, field, factor, **look):
    """Draw the mean over records of a field of each Epoch, times a factor, its 95 % interval; of one or two, each."""
    curves = factor * np.array([[getattr(epoch, field) for epoch in record.history] for record in records])
    epochs = np.arange(1, curves.shape[1] + 1)
    if len(curves) < 3:
        ax.plot(epochs, curves.T, **look | dict(label=[look["label"], *[None] * (len(curves) - 1)]))
        return
    means, half_widths = np.array([mean_interval(column.tolist()) for column in curves.T]).T
    ax.plot(epochs, means, **look)
    ax.fill_between(epochs, means - half_widths, means + half_widths, color=look["color"], alpha=0.2, linewidth=0)


def show_losses(ax: Axes, of: str) -> None:
    """Give losses, named by a word or two, a logarithmic y axis with few plain numbers on it."""
    ax.set(ylabel=f"{of} (nats, log scale)", yscale="log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def _show_epochs(ax, epochs):
    ax.set(xlabel="epoch", xlim=(0.5, epochs + 0.5) if epochs > 1 else (0.8, 1.9))  # a legend beside one point
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _cut_off(ax, accuracies, usual=98, what="accuracy", top=100.05):
    """Cut the y axis off below where accuracies, in percent, usually are, or lower so that all are seen."""
    bottom = usual if min(accuracies) > usual else max(0, math.floor(min(accuracies)) - 1)
    ax.set(ylabel=f"{what} (%), cut off below {bottom}", ylim=(bottom, top))


@styled
def confusion(
    labels: Sequence[int], predictions: Sequence[int], title: str, classes: Sequence[str] = MNIST.classes
) -> Figure:
    """Draw the confusion matrix of labels and predictions, (N,) integers: which class is mistaken for which."""
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (np.asarray(labels), np.asarray(predictions)), 1)
    mistakes = counts - np.diag(np.diag(counts))
    few, long = len(classes) <= 12, max(map(len, classes)) > 12
    figure, ax = plt.subplots(figsize=(6 + long, 5.4 + long) if few else (9.5, 8.6))
    ax.grid(False)
    shades = ax.imshow(mistakes, cmap="Blues", vmin=0, vmax=MOST_MISTAKES)
    for (true, predicted), count in np.ndenumerate(counts):
        color = "gray" if true == predicted else "white" if count > MOST_MISTAKES / 2 else "black"
        small = true == predicted or not few
        look = dict(ha="center", va="center", fontsize=8 if small else 10, color=color)
        ax.text(predicted, true, count or "", **look)
    kind = _kind_of(classes)
    ax.set(xlabel=f"predicted {kind}", ylabel=f"true {kind}", title=title)
    _name_classes(ax, classes)
    ax.set_yticks(range(len(classes)), [short(name, 16) for name in classes])
    bar = dict(ticks=range(0, MOST_MISTAKES + 1, 2), extend="max" if mistakes.max() > MOST_MISTAKES else "neither")
    figure.colorbar(shades, label="images mistaken (diagonal: images right)", shrink=0.85, **bar)
    return figure


def _kind_of(classes):
    return "digit" if tuple(classes) == MNIST.classes else "class"


def _name_classes(ax, classes):  # on the x axis; long names stand upright
    names = [short(name, 16) for name in classes]
    ax.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0)


def short(name: str, most: int = 11) -> str:
    """Return the name of a class, or its beginning if it has more letters than there is room for."""
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


@styled
def per_digit(
    labels: Sequence[int], predictions: Sequence[int], title: str, classes: Sequence[str] = MNIST.classes
) -> Figure:
    """Draw the accuracy on each digit, or class, that labels (N,) have, its 95 % interval and its mistakes."""
    labels, right = np.asarray(labels), np.asarray(labels) == np.asarray(predictions)
    there, kind = np.unique(labels), _kind_of(classes)
    each = [right[labels == label] for label in there]
    accuracies = np.array([100 * one.mean() for one in each])
    lows, highs = 100 * np.array([accuracy_interval(int(one.sum()), len(one)) for one in each]).T
    figure, ax = plt.subplots(figsize=(9, 4))
    look = dict(fmt="s", color=BLUE, capsize=4, linewidth=1.5)
    look["label"] = f"a {kind}, its mistakes, sampling error (95 %)"
    ax.errorbar(there, accuracies, yerr=[accuracies - lows, highs - accuracies], **look)
    aside = dict(xytext=(9, 0), va="center") if len(classes) <= 12 else dict(xytext=(0, 6), ha="center")
    place = dict(textcoords="offset points", path_effects=HALO, **aside)
    for label, one, accuracy in zip(there, each, accuracies, strict=True):
        ax.annotate(f"{(~one).sum()}", (label, accuracy), **place)
    ax.axhline(100 * right.mean(), label=f"all: {(~right).sum()} mistakes, {100 * right.mean():.2f} %", **TARGET_LINE)
    ax.set(xlabel=f"true {kind}", xlim=(-0.5, len(classes) - 0.3), title=title)
    _name_classes(ax, classes)
    _cut_off(ax, lows, usual=97)
    ax.legend(loc="lower left")
    return figure


def mistakes(digits: Digits, logits: torch.Tensor, title: str) -> Figure:
    """Draw the twenty mistakes of most confidence (the largest softmax) among Digits, with answers; logits (N, C)."""
    confidence, answers = logits.softmax(dim=1).max(dim=1)
    wrong = (answers != digits.labels).nonzero().flatten()
    shown = wrong[confidence[wrong].argsort(descending=True)][:20]
    captions = read_as(digits, answers, confidence, shown)
    title += f": {len(wrong)} mistakes, the {len(shown)} of most confidence"
    return digits_grid(digits.images[shown], captions, title)


def read_as(digits: Digits, answers: torch.Tensor, confidence: torch.Tensor, shown: torch.Tensor) -> list[str]:
    """Return a caption for each image shown (indices): what it is, what it was read as, with which confidence."""
    names, long = [*map(short, digits.of.classes)], max(map(len, digits.of.classes)) > 3
    form = "{},\nnot {}\n({:.0f} %)" if long else "true {}, read\nas {} ({:.0f} %)"
    return [form.format(names[digits.labels[i]], names[answers[i]], 100 * confidence[i]) for i in shown]


@styled
def series(records_by_name: Records, question: str = "What does each model reach?") -> Figure:
    """Draw the test accuracy of two to four experiments (name -> records): mean, 95 % interval; of few seeds, each."""
    figure, ax = plt.subplots(figsize=(9, 4.8))
    curves = [*CURVES[: len(records_by_name) - 1], CURVES[-1]]
    for (name, records), (color, line) in zip(records_by_name.items(), curves, strict=True):
        seeds = f"{len(records)} seeds" if len(records) >= 3 else f"seed {seed_range(records)}"
        look = dict(color=color, linestyle=line, linewidth=2, marker="o" if len(records[0].history) == 1 else "")
        look["label"] = f"{name}, {records[0].parameters:,} parameters, {seeds}"
        _draw_mean(ax, records, "test_accuracy", 100, **look)
    ends = [end for records in records_by_name.values() for end in values(records, "test accuracy")]
    goals = [goal for records in records_by_name.values() if (goal := goal_of(records[0]))]
    if goals:
        ax.axhline(max(goals), label=f"{max(goals)} %", **TARGET_LINE)
    _cut_off(ax, ends, what="test accuracy", top=max(99.7, max(ends) + 0.05))
    single = all(len(records) < 3 for records in records_by_name.values())
    ax.set_title(f"{question} {'A line per seed' if single else 'Mean over seeds, 95 % interval'}")
    _show_epochs(ax, max(len(records[0].history) for records in records_by_name.values()))
    ax.legend(loc="lower right")
    return figure


@styled
def choices(records_by_label: Records, base: str, title: str) -> Figure:
    """Draw the test accuracy of each setting: a dot a seed, their mean with its 95 % interval, and that of a base."""
    figure, ax = plt.subplots(figsize=(9, 4.2))
    accuracies = {label: values(records, "test accuracy") for label, records in records_by_label.items()}
    for place, (label, numbers) in enumerate(accuracies.items()):
        color, (mean, half_width) = BLACK if label == base else BLUE, mean_interval(numbers)
        ax.scatter([place] * len(numbers), numbers, s=12, color=SKY, label=None if place else "one seed")
        look = dict(fmt="s", color=color, capsize=5, linewidth=1.5)
        half_width = 0 if math.isnan(half_width) else half_width
        ax.errorbar(place, mean, half_width, label=None if place else "mean, 95 % interval", **look)
    ax.axhline(fmean(accuracies[base]), label=f"{base}: {fmean(accuracies[base]):.2f} %", **TARGET_LINE)
    words = [textwrap.fill(label, 90 // len(accuracies)) for label in accuracies]
    ax.set_xticks(range(len(words)), words)
    ax.set(ylabel="test accuracy (%)", xlim=(-0.5, len(words) - 0.5))
    ax.set_title("\n".join(textwrap.wrap(title, 80)))
    ax.legend(loc="best")
    return figure
