"""Figures of the frontier: a whole network, which digits are lost first, what a parameter is worth, every weight."""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter
from torch import nn

from src import data
from src.experiments import SERIES, Experiment
from src.model import build, count_parameters, layers
from src.show.figures import BLUE, HALO, ORANGE, digits_grid, styled
from src.show.tables import Records, values
from src.use.weights import kept, load
from studies.figures import LOG_ERROR, Point, point
from studies.frontier import AIMS, ENDS, FRONTIER, budget_and_goal

# The smallest public networks known to us that report 99.0 and 99.4 % on MNIST's test images: parameters, accuracy in
# percent. Only these numbers are known. None was repeated here.
Marks = dict[str, tuple[int, float]]  # what each is -> parameters, accuracy in percent
PUBLIC: Marks = {
    "smallest public one\nat 99.0 %: best of\nabout 700 trainings": (697, 99.03),
    "smallest public one at 99.4 %": (4_968, 99.45),
}


@styled
def whole(experiment: Experiment, tests_by_name: Records) -> Figure:
    """Draw a network and what it does with a digit: the maps of each layer, to scale, with their sizes and parameters.

    They are shaded where the weights of seed 0 are kept, each layer on a scale of its own; otherwise they are empty."""
    columns = _columns(experiment)
    wide = [1 if len(maps) == 1 else 2 for *_, maps in columns[:-1]] + [1]  # maps beside each other
    pitches = [max(maps.shape[1], 5) + 2 for *_, maps in columns]  # from one map to the next; a pixel is seen, too
    rows = [math.ceil(len(maps) / n) for n, (*_, maps) in zip(wide, columns, strict=True)]
    widths = [max(37, n * pitch + 5) for n, pitch in zip(wide, pitches, strict=True)]
    middle = max(n * pitch for n, pitch in zip(rows, pitches, strict=True)) / 2
    figure, ax = plt.subplots(figsize=(9, 9 * (2 * middle + 40) / (34 + sum(widths)) + 0.4))
    left, lines = 0, [middle + 5, middle + 21, middle + 30]
    for column, n, pitch, width, high in zip(columns, wide, pitches, widths, rows, strict=True):
        *words, maps = column
        shades = dict(cmap="gray_r", vmin=maps.min().item(), vmax=maps.max().item())
        for i, one in enumerate(maps):
            x, y = left + width / 2 + (i % n - n / 2) * pitch, (i // n - high / 2) * pitch
            if column is columns[0] or experiment.name in kept():
                ax.imshow(one.numpy(), extent=(x, x + pitch - 2, y + pitch - 2, y), **shades)
            ax.add_patch(Rectangle((x, y), pitch - 2, pitch - 2, fill=False, edgecolor=BLUE, linewidth=0.7))
            if column is columns[-1]:
                ax.text(x + pitch, y + pitch / 2 - 1, i, va="center", fontsize=8)
        for line, text in zip(lines, words, strict=True):
            ax.text(left + width / 2, line, text, ha="center", va="top", fontsize=8)
        left += width
    for line, text in zip(lines, ["layer", "maps", "parameters"], strict=True):
        ax.text(-2, line, text, ha="right", va="top", fontsize=8, weight="bold")
    ax.set(xlim=(-34, left), ylim=(lines[-1] + 8, -middle - 2), aspect="equal")
    ax.set_axis_off()
    records = tests_by_name[experiment.name]
    right = f"{fmean(values(records, 'test accuracy')):.2f} % of the test digits"
    figure.suptitle(f"{experiment.name}, the whole network: {records[0].parameters:,} parameters read {right}")
    return figure


def _columns(experiment):
    """Return what whole() shows of the first test digit and of each layer: name, shape, parameters and the maps."""
    network = build(experiment).eval()
    parameters = [f"{count_parameters(module):,}" for module in network]
    if experiment.name in kept():
        network = load(experiment.name, type(experiment))
    maps = data.normalize(data.load("test").images[:1])
    columns = [("a digit", "28x28", "", maps[0])]
    for layer, module, number in zip(layers(experiment.layer_line), network, parameters, strict=False):
        maps = module(maps).detach()
        name = f"{layer.kernel}x{layer.kernel}\n{layer.kind.removesuffix(' convolution')}"
        name = {"global average pooling": "average\nof a map", "deskew": "deskewing"}.get(layer.kind, name)
        columns.append((name, f"{layer.channels} x {layer.size}x{layer.size}", number, maps[0]))
    return columns


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
        wrong = max(sorted(read.keys() - {true}), key=read.get)
        captions.append(f"{true} read as {wrong},\n{times[i]} of {len(small)} seeds")
    few, many = (tests_by_name[name][0].parameters for name in (smallest, largest))
    title = f"Lost most often with {few:,} parameters, and never with {many:,}"
    return digits_grid(digits.images[torch.from_numpy(order.copy())], captions, title=title)


def curve_marks(tests_by_name: Records) -> tuple[list[Point], list[Point], Marks]:
    """Return what curve() draws: our frontier by parameters, the series, and PUBLIC."""
    networks = [*FRONTIER.values(), *AIMS.values(), *ENDS]
    frontier = sorted((point(each, tests_by_name) for each in networks), key=lambda each: each.parameters)
    return frontier, [point(experiment, tests_by_name) for experiment in SERIES.values()], PUBLIC


@styled
def curve(frontier: Sequence[Point], series: Sequence[Point], public: Marks) -> Figure:
    """Draw accuracy against parameters: means of ours with their intervals, and two that others report (hollow)."""
    figure, ax = plt.subplots(figsize=(9, 5.6))
    for group, label, marker, line in [
        (frontier, "the frontier, this study's networks: mean over seeds, 95 % interval", "o", "-"),
        (series, "the four models of the series: the same", "*", ""),
    ]:
        x, means, half_widths = zip(*((each.parameters, *each.measured) for each in group), strict=True)
        look = dict(color=BLUE, marker=marker, markersize=13 if marker == "*" else 8, linestyle=line, capsize=4)
        ax.errorbar(x, means, yerr=half_widths, linewidth=2, label=label, zorder=4, **look)
    near = dict(textcoords="offset points", path_effects=HALO, zorder=6, fontsize=10)
    for each in [*frontier, *series]:
        on_the_left = each in frontier and each.parameters > 1_000  # where there is room
        text = f"{each.name}: {each.measured[0]:.3f} %" if each in frontier else each.name
        place = dict(xytext=(-9, 9), ha="right") if on_the_left else dict(xytext=(10, -4), ha="left")
        ax.annotate(text, (each.parameters, each.measured[0]), **place, **near)
    hollow = dict(color=ORANGE, marker="D", linestyle="", markerfacecolor="none", markeredgewidth=1.8)
    ax.plot(*zip(*public.values(), strict=True), label="reported by others, not repeated here", **hollow)
    for (words, mark), place in zip(public.items(), [dict(xytext=(4, 8)), dict(xytext=(62, -19))], strict=True):
        ax.annotate(words, mark, ha="right", **place, **near)
    ax.set(xscale="log", xlim=(340, 20_000), xlabel="parameters (log scale)")
    ticks = [500, 1_000, 2_000, 4_000, 8_000, 15_000]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yscale(**LOG_ERROR)
    ax.set_yticks([98, 98.5, 99, 99.2, 99.4, 99.5, 99.6, 99.7])
    bottom = np.floor(10 * min(each.measured[0] - each.measured[1] for each in frontier)) / 10
    ax.set(ylim=(bottom, 99.78), ylabel="test accuracy (%), errors on a log scale")
    ax.set_title(enough(frontier))
    ax.legend(loc="lower right", fontsize=9)
    return figure


def enough(frontier: Sequence[Point]) -> str:
    """Say how many parameters are enough for each accuracy that the frontier aims at."""
    goals = sorted({budget_and_goal(each)[1] for each in FRONTIER.values()})
    fewest = {g: min((p.parameters for p in frontier if p.measured[0] >= g), default=None) for g in goals}
    return "Enough parameters: " + ", ".join(f"{number:,} for {goal} %" for goal, number in fewest.items() if number)


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
