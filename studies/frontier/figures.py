"""Figures of the frontier: what a parameter is worth, which digits are lost first, and every weight of a network."""

import math
from collections import Counter
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from torch import nn

from src import data
from src.experiments import SERIES
from src.model import build, count_parameters
from src.show.figures import BLACK, BLUE, GOAL, HALO, ORANGE, TARGET_LINE, digits_grid, styled
from src.show.tables import Records
from studies.figures import LOG_ERROR, Point, point
from studies.frontier import AIMS, ENDS, FRONTIER
from studies.published import STEPS

# Public results on MNIST's test images: parameters and accuracy in percent, mostly of the best epoch of one run (697
# parameters: the best of about 700 trainings). Known are their numbers, and of 4,862 parameters the address,
# github.com/ruslangrimov/mnist-minimal-model. None was repeated here.
PUBLIC = [(697, 99.03), (1_936, 99.0), (4_232, 99.08), (4_862, 99.07), (4_968, 99.45), (5_854, 99.40)]


def lost(tests_by_name: Records, shown: int = 20) -> Figure:
    """Draw what the smallest network with a goal of its own loses: most often wrong there, never in the largest."""
    (smallest, *_, largest) = FRONTIER
    small, large = (~np.array([record.right for record in tests_by_name[name]]) for name in (smallest, largest))
    times = small.sum(axis=0) * (large.sum(axis=0) == 0)
    order = np.argsort(-times, kind="stable")[:shown]
    digits = data.load("test")
    captions = []
    for i in order:
        true, read = str(digits.labels[i].item()), Counter(record.predictions[i] for record in tests_by_name[smallest])
        wrong = max(read.keys() - {true}, key=read.get)
        captions.append(f"{true} read as {wrong},\n{times[i]} of {len(small)} seeds")
    title = f"What does {smallest} lose that {largest} never gets wrong?"
    return digits_grid(digits.images[torch.from_numpy(order.copy())], captions, title=title)


Mark = tuple[int, float]  # parameters, accuracy in percent


def curve_marks(tests_by_name: Records) -> tuple[list[Point], list[Point], list[Mark], list[Mark]]:
    """Return what curve() draws: our frontier by parameters, the series, what the logs report, and PUBLIC."""
    networks = [*FRONTIER.values(), *AIMS.values(), *ENDS]
    frontier = sorted((point(each, tests_by_name) for each in networks), key=lambda each: each.parameters)
    series = [point(experiment, tests_by_name) for experiment in SERIES.values()]
    reported = [(count_parameters(build(step.experiment)), step.test) for step in STEPS.values() if step.test]
    return frontier, series, reported, PUBLIC


@styled
def curve(
    frontier: Sequence[Point], series: Sequence[Point], reported: Sequence[Mark], public: Sequence[Mark]
) -> Figure:
    """Draw accuracy against parameters: means of ours with their intervals, and what others report (hollow)."""
    figure, ax = plt.subplots(figsize=(9, 6))
    for group, label, marker, line in [
        (frontier, "our frontier: mean of the last epoch, 95 % interval", "o", "-"),
        (series, "M1 to M4, the models of this series: the same", "*", ""),
    ]:
        x, means, half_widths = zip(*((each.parameters, *each.measured) for each in group), strict=True)
        look = dict(color=BLUE, marker=marker, markersize=13 if marker == "*" else 8, linestyle=line, capsize=4)
        ax.errorbar(x, means, yerr=half_widths, linewidth=2, label=label, zorder=4, **look)
    texts = [f"{each.parameters:,}: {each.measured[0]:.3f} %" for each in frontier]
    texts += [each.name.replace("Model", "M") for each in series]
    for each, text in zip([*frontier, *series], texts, strict=True):
        on_the_left = each in frontier and each.parameters > 800  # where there is room
        place = dict(xytext=(-9, 9), ha="right") if on_the_left else dict(xytext=(9, -4), ha="left")
        place |= dict(textcoords="offset points", path_effects=HALO, zorder=6)
        ax.annotate(text, (each.parameters, each.measured[0]), **place)
    hollow = dict(linestyle="", markerfacecolor="none", markersize=8, markeredgewidth=1.3, zorder=3)
    public_label = "public results, mostly the best epoch"
    ax.plot(*zip(*public, strict=True), color=BLACK, marker="X", label=public_label, **hollow)
    ax.plot(*zip(*reported, strict=True), color=ORANGE, marker="D", label="five published logs: as reported", **hollow)
    ax.axhline(GOAL, label=f"{GOAL} %, the goal of most logs", **TARGET_LINE)
    ax.set(xscale="log", xlim=(400, 22_000), xlabel="parameters (log scale); larger networks are not shown")
    ticks = [500, 1_000, 2_000, 4_000, 8_000, 15_000]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yscale(**LOG_ERROR)
    ax.set_yticks([98, 98.5, 99, 99.2, 99.4, 99.5, 99.6, 99.7])
    bottom = np.floor(10 * min(each.measured[0] - each.measured[1] for each in frontier)) / 10
    ax.set(ylim=(bottom, 99.78), ylabel=f"test accuracy (%), errors on a log scale, from {bottom:.1f}")
    ax.set_title("What is a parameter worth?")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


@styled
def filters(network: nn.Sequential, title: str) -> Figure:
    """Draw every weight of a network's convolutions on one scale; a column makes one channel, a row reads one."""
    banks = [part.weight.detach() for part in network.modules() if isinstance(part, nn.Conv2d)]
    gaps = [bank.shape[2] > 1 for bank in banks]  # between kernels that stand above each other
    heights = [bank.shape[1] * (bank.shape[2] + gap) for bank, gap in zip(banks, gaps, strict=True)]
    figure, axes = plt.subplots(len(banks), 1, figsize=(9, 0.1 * sum(heights) + 4), height_ratios=heights)
    figure.get_layout_engine().set(h_pad=0.12)  # inches: banks are further apart than the kernels of one
    # The darkest shades are those of the largest 2 %: some weights of the classifier are far larger than all others.
    most = torch.cat([bank.flatten() for bank in banks]).abs().quantile(0.98).item()
    rows = [
        # (channels, height, side and a gap), beside each other
        F.pad(bank, (0, 1, 0, gap), value=math.nan).flatten(1, 2).transpose(0, 1).flatten(1)
        for bank, gap in zip(banks, gaps, strict=True)
    ]
    width = max(row.shape[1] for row in rows)
    for ax, bank, row in zip(axes, banks, rows, strict=True):
        channels, read, side, _ = bank.shape
        row = F.pad(row, (0, width - row.shape[1]), value=math.nan)
        shades = ax.imshow(row.numpy(), cmap="RdBu_r", vmin=-most, vmax=most, aspect="equal", interpolation="nearest")
        kind = "depthwise" if read == 1 and side == 3 and ax is not axes[0] else f"from {read}"
        ax.set_ylabel(f"{side}x{side}, {kind}\nto {channels}", rotation=0, ha="right", va="center", fontsize=9)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(False)
    figure.colorbar(shades, ax=axes, label="weight", shrink=0.4, extend="both")
    figure.suptitle(title, fontsize=12)
    return figure
