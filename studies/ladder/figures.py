"""Figures of the Evidence notebook: seeds, steps and techniques with their uncertainty, learning rates."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from src.runs.records import Record
from src.show.figures import BLACK, BLUE, GREEN, ORANGE, TARGET_LINE, styled
from src.show.significance import effect, mean_interval, sampling_error
from src.show.tables import differences, values
from studies.tables import Comparison

GRAY = "#707070"
EFFECTS = {"helps": BLUE, "hurts": ORANGE}  # GRAY: no difference shown, or too few seeds


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
def effects(changes: dict[str, Comparison], title: str) -> Figure:
    """Draw by how much each change moves the test accuracy: paired differences, their mean and its 95 % interval.

    changes: what is changed, in words -> before and after."""
    figure, ax = plt.subplots(figsize=(9, 0.62 * len(changes) + 1.5))
    for i, each in enumerate(changes.values()):
        paired = differences(each.before, each.after)
        mean, half_width = mean_interval(paired)
        shown = effect(paired)
        ax.plot(paired, [i + 0.25] * len(paired), "o", color=GRAY, markersize=4, alpha=0.6)
        look = dict(color=EFFECTS.get(shown, GRAY), capsize=4, linewidth=2.5, markersize=8)
        ax.errorbar(mean, i, xerr=half_width, fmt="s", **look)
        before, after = (np.mean(values(records, "test accuracy")) for records in (each.before, each.after))
        text = f"{shown}\n{before:.2f} → {after:.2f} %"
        place = dict(xycoords=("axes fraction", "data"), va="center", fontsize=10, color=look["color"])
        ax.annotate(text, (1.01, i), **place)
    ax.axvline(0, color=BLACK, linewidth=1)
    ax.set_yticks(range(len(changes)), changes, fontsize=10)
    ax.set(xlabel="change in test accuracy (percentage points)", ylim=(len(changes) - 0.5, -0.5))
    figure.suptitle(title, fontsize=12)
    marks = [
        Line2D([], [], color=BLACK, marker="s", markersize=8, linewidth=2.5, label="mean and its 95 % interval"),
        Line2D([], [], color=GRAY, marker="o", markersize=4, linestyle="", label="one seed, with and without"),
    ]
    figure.legend(handles=marks, loc="outside lower right", ncols=2, fontsize=9)
    return figure


@styled
def seeds(records: Sequence[Record]) -> Figure:
    """Draw the final test accuracies of one experiment over seeds, beside the sampling error of the test set."""
    finals = np.array(values(records, "test accuracy"))
    mean, images = finals.mean(), len(records[0].predictions)
    error = 100 * sampling_error(mean / 100, images)
    figure, ax = plt.subplots(figsize=(9, 3.8))
    step = 100 / images  # one image more or less: a bar for every accuracy there can be
    edges = np.arange(round(finals.min() / step) - 0.5, round(finals.max() / step) + 1.5) * step
    band = f"what other images would change: sampling error of {images:,} images (95 %)"
    ax.axvspan(mean - error, mean + error, color=ORANGE, alpha=0.2, zorder=0, label=band)
    counts, *_ = ax.hist(finals, bins=edges, color=BLUE, label=f"{len(finals)} seeds, last epoch")
    ax.axvline(mean, label=f"mean {mean:.2f} %", **TARGET_LINE)
    ax.yaxis.get_major_locator().set_params(integer=True)
    title = f"{len(finals)} runs of {records[0].experiment}, alike but for the seed, end between "
    title += f"{finals.min():.2f} and {finals.max():.2f} %"
    ax.set(xlabel="test accuracy (%)", ylabel="seeds that end there", title=title)
    ax.set(xlim=(mean - 1.6 * error, mean + 1.6 * error), ylim=(0, 1.5 * counts.max()))
    ax.legend(loc="upper left")
    return figure
