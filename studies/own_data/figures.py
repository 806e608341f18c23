"""The figure of the OwnData notebook: what each technique changes on each data."""

import textwrap

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from src.show.figures import BLACK, BLUE, GREEN, ORANGE, styled
from src.show.significance import effect, mean_interval

LOOKS = [(BLUE, "o"), (ORANGE, "s"), (GREEN, "D")]  # of MNIST and the other data


@styled
def effects(changes: dict[str, dict[str, list[float]]], title: str) -> Figure:
    """Draw by how much each technique moves the test accuracy on each data: means of pairs, 95 % intervals.

    changes: technique -> data -> paired differences in points. Filled where a difference is shown."""
    figure, ax = plt.subplots(figsize=(9, 0.9 * len(changes) + 1.4))
    for row, by_data in enumerate(changes.values()):
        for place, ((data, paired), (color, marker)) in enumerate(zip(by_data.items(), LOOKS, strict=True)):
            mean, half_width = mean_interval(paired)
            shown = effect(paired) in ("helps", "hurts")
            look = dict(color=color, fmt=marker, capsize=4, linewidth=2, markersize=8)
            face = color if shown else "white"
            ax.errorbar(mean, row + 0.25 * (place - 1), xerr=half_width, markerfacecolor=face, **look)
            if not row:
                ax.plot([], [], color=color, marker=marker, markersize=8, linewidth=2, label=data)
    ax.axvline(0, color=BLACK, linewidth=1)
    ax.set_yticks(range(len(changes)), [textwrap.fill(name, 22) for name in changes])
    ax.set(xlabel="change in test accuracy (points); filled: a difference is shown", ylim=(len(changes) - 0.5, -0.5))
    figure.legend(loc="outside lower right", ncols=3, fontsize=10)
    figure.suptitle("\n".join(textwrap.wrap(title, 90)), fontsize=12)
    return figure
