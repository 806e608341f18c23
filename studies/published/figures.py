"""The picture of the published logs: what each step reported, and what came out here."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from src.show.figures import BLUE, GOAL, ORANGE, TARGET_LINE, styled
from studies.figures import LOG_ERROR, Point


@styled
def published(points: Sequence[Point]) -> Figure:
    """Draw a row for each Point: the accuracy that its log reports (hollow) and the mean measured here (filled).

    An interval leaves the picture where it is longer."""
    figure, ax = plt.subplots(figsize=(9, 0.29 * len(points) + 1.6))
    reported = [(each.reported, row) for row, each in enumerate(points) if each.reported is not None]
    hollow = dict(color=ORANGE, marker="D", linestyle="", markerfacecolor="none", markeredgewidth=1.5, zorder=3)
    ax.plot(*zip(*reported, strict=True), label="as reported: mostly the best epoch of one run", **hollow)
    means = [(*each.measured, row) for row, each in enumerate(points) if each.measured]
    for mean, half_width, row in means:
        if not math.isnan(half_width):
            ax.plot([mean - half_width, min(mean + half_width, 99.99)], [row, row], color=BLUE, marker="|", linewidth=2)
    x, _, rows = zip(*means, strict=True)
    ax.plot(x, rows, "o", color=BLUE, label="trained here: mean of the last epoch, 95 % interval", zorder=4)
    ax.axvline(GOAL, label=f"{GOAL} %, the goal of most logs", **TARGET_LINE)
    ax.set_yticks(range(len(points)), [f"{each.name}: {each.parameters:,}" for each in points], fontsize=9)
    ax.set(ylim=(len(points) - 0.4, -0.6), ylabel="step of a log: parameters", title="Are published steps reached?")
    ax.set_xscale(**LOG_ERROR)
    least = min(marks) if (marks := [mark for mark, _ in reported] + list(x)) else 98
    ax.set_xlim(math.floor(10 * least - 1) / 10, 99.7)
    ax.set_xticks([98.5, 99, 99.2, 99.4, 99.5, 99.6], ["98.5", "99", "99.2", "99.4", "99.5", "99.6"])
    ax.set_xlabel("test accuracy (%), errors on a log scale")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure
