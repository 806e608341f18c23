"""The picture of the published logs: what each step reported, and what came out here."""

import math
from collections import Counter
from collections.abc import Sequence
from textwrap import fill

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from src.show.figures import BLUE, ORANGE, styled
from studies.figures import Point


@styled
def published(points: Sequence[Point]) -> Figure:
    """Draw a row for each Point: the accuracy that its log reports (hollow) and the mean measured here (filled).

    Logs, whose names begin with different letters, stand apart. An interval leaves the picture where it is longer."""
    places, row = [], -1.0
    for i, each in enumerate(points):
        row += 1.6 if i and each.name[0] != points[i - 1].name[0] else 1
        places.append(row)
    figure, ax = plt.subplots(figsize=(9, 0.37 * row + 1.8))
    reported = [(each.reported, row) for row, each in zip(places, points, strict=True) if each.reported is not None]
    hollow = dict(color=ORANGE, marker="D", linestyle="", markerfacecolor="none", markeredgewidth=1.8, zorder=5)
    ax.plot(*zip(*reported, strict=True), label="reported by its author, mostly the best epoch of one run", **hollow)
    means = [(*each.measured, row) for row, each in zip(places, points, strict=True) if each.measured]
    for mean, half_width, row in means:
        if not math.isnan(half_width):
            ax.plot([mean - half_width, mean + half_width], [row, row], color=BLUE, marker="|", linewidth=2)
    x, _, rows = zip(*means, strict=True)
    ax.plot(x, rows, "o", color=BLUE, label="trained here: mean over seeds, last epoch, 95 % interval", zorder=4)
    names = [fill(f"{each.name}: {each.words}", 50) for each in points]
    ax.set_yticks(places, names, fontsize=9)
    least = min(mark for mark, _ in [*reported, *zip(x, rows, strict=True)])
    ax.set(ylim=(places[-1] + 0.7, -0.7), xlim=(math.floor(10 * least - 1) / 10, 99.8), xlabel="test accuracy (%)")
    figure.suptitle(agreement(points), fontsize=12)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def agreement(points: Sequence[Point]) -> str:
    """Say how the accuracies that logs report stand to the intervals measured here, where there are both."""
    counts = Counter()
    for each in points:
        mean, half_width = each.measured or (math.nan, math.nan)
        if each.reported is not None and not math.isnan(half_width):
            away = mean - each.reported
            counts["agree" if abs(away) <= half_width else "exceed" if away > 0 else "miss"] += 1
    return (
        f"{counts.total()} published accuracies, trained again: our interval holds {counts['agree']} of them, "
        f"lies above {counts['exceed']} and below {counts['miss']}"
    )
