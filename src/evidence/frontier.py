"""The frontier in tables and figures: what a parameter is worth, where it sits, and where accuracy is lost first."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from torch import nn

from src import data
from src.evidence.figures import BLACK, BLUE, GOAL, HALO, LOGS, TARGET_LINE, digits_grid, styled, to_log_error
from src.evidence.logs import Point, points
from src.evidence.significance import RESPLITS, mean_interval
from src.evidence.tables import Records, Row, interval, values
from src.experiments import SERIES, Experiment
from src.model import CLASSES, build, count_parameters, layers
from src.studies.frontier import AIMS, ENDS, FRONTIER, FRONTIER_CHOICES, SHORT
from src.studies.published import STEPS

# Public results on MNIST's test images: parameters and accuracy in percent, mostly of the best epoch of one run (697
# parameters: the best of about 700 trainings). Known are their numbers, and of 4,862 parameters the address,
# github.com/ruslangrimov/mnist-minimal-model. None was repeated here.
PUBLIC = [(697, 99.03), (1_936, 99.0), (4_232, 99.08), (4_862, 99.07), (4_968, 99.45), (5_854, 99.40)]


def results(tests_by_name: Records, resplits_by_name: Records) -> Iterator[Row]:
    """Show each network of the frontier: what it reaches, what its worst seed does, and whether its goal is met."""
    for name, experiment in sorted((FRONTIER | AIMS).items(), key=lambda item: item[1].target[0].bound):
        records, short = tests_by_name[name], tests_by_name[SHORT[name].name]
        tests = values(records, "test accuracy")
        resplits = values(resplits_by_name.get(name, []), "test accuracy")
        goal = experiment.target[-1].bound
        yield {
            "network": name,
            "layer line": f"`{experiment.layer_line}`",
            "parameters": f"{records[0].parameters:,}",
            "epochs": f"{experiment.epochs}",
            "goal": f"{goal:.2f} %, {'met' if fmean(tests) >= goal else '**missed**'}",
            f"test %, {len(tests)} seeds": interval(tests, places=3),
            "worst seed": f"{min(tests):.2f}",
            "10 re-splits %": interval(resplits, test_to_train=RESPLITS) if resplits else "not run",
            "in 15 epochs %": interval(values(short, "test accuracy"), places=3),
        }


DEVICES = {"cpu": "of one core of a CPU", "cuda": "of a GPU that trained them side by side"}


def effort(trials_by_name: Records) -> str:
    """Say how many trials there were, and what they cost."""
    names = {trial.name for start, others in FRONTIER_CHOICES.items() for trial in [start, *others]}
    trials = [record for name in names for record in trials_by_name[name]]
    minutes = Counter()
    for record in trials:
        minutes[record.device] += record.wall_seconds / 60
    spent = " and ".join(f"{minutes[device]:.0f} minutes {words}" for device, words in DEVICES.items())
    return f"{len(names)} recorded recipes were tried on the validation split, in {len(trials)} runs: {spent}."


def spending(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """Show where the parameters of experiments sit: a row for each kind of layer."""
    spent = {experiment.name: _spent(experiment) for experiment in experiments}
    for kind in list(dict.fromkeys(kind for counts in spent.values() for kind in counts)):
        yield {"parameters in": kind} | {
            name: f"{counts[kind]:,} ({100 * counts[kind] / counts.total():.0f} %)" for name, counts in spent.items()
        }
    yield {"parameters in": "all"} | {name: f"{counts.total():,}" for name, counts in spent.items()}


def _spent(experiment):
    """Count the parameters of an experiment by kind."""
    line, counts = layers(experiment.layer_line), Counter()
    for layer, module in zip(line, build(experiment), strict=False):
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                counts["batch normalization"] += count_parameters(part)
            elif isinstance(part, nn.Conv2d):
                side = part.kernel_size[0]
                kind = f"{'depthwise ' if part.groups > 1 else ''}{side}x{side} convolutions"
                counts["the classifier" if layer is line[-1] else kind] += count_parameters(part)
    return counts


def mistakes_by_digit(tests_by_name: Records) -> Iterator[Row]:
    """Show on how many of a thousand images of each digit the networks err, on average over seeds."""
    labels = data.load("test").labels.numpy()
    for name in [*FRONTIER, "Model4"]:
        wrong = ~np.array([record.right for record in tests_by_name[name]])
        by_digit = {str(digit): f"{1000 * wrong[:, labels == digit].mean():.1f}" for digit in range(CLASSES)}
        yield {"network": name} | by_digit | {"all": f"{1000 * wrong.mean():.1f}"}


def lost(tests_by_name: Records, shown: int = 20) -> Figure:
    """Draw the images that the smallest network loses first: most often wrong there, never in the largest one."""
    (smallest, *_, largest) = FRONTIER
    small, large = (~np.array([record.right for record in tests_by_name[name]]) for name in (smallest, largest))
    times = small.sum(axis=0) * (large.sum(axis=0) == 0)
    order = np.argsort(-times, kind="stable")[:shown]
    digits = data.load("test")
    readings = [Counter(record.predictions[i] for record in tests_by_name[smallest]).most_common(2) for i in order]
    captions = [
        f"true {digits.labels[i]}, {times[i]} of {len(small)}\nwrong, as {_other(reading, digits.labels[i])}"
        for i, reading in zip(order, readings, strict=True)
    ]
    title = f"What does {smallest} lose first? Images that {largest} never gets wrong"
    return digits_grid(digits.images[torch.from_numpy(order.copy())], captions, title=title)


def _other(reading, label):
    """Return the most common wrong digit among (digit, count) pairs."""
    return next(digit for digit, _ in reading if digit != str(label.item()))


Curve = tuple[list[Point], list[Point]]  # ours, and the published steps


def curve_points(tests_by_name: Records) -> Curve:
    """Return the points of curve(): ours by their number of parameters, and the steps of the logs."""
    known = points(STEPS, tests_by_name)
    ours = []
    for experiment in [*FRONTIER.values(), *AIMS.values(), *ENDS]:
        mean, half_width = mean_interval(values(tests_by_name[experiment.name], "test accuracy"))
        parameters = count_parameters(build(experiment))
        ours.append(Point("frontier", experiment.name, parameters, None, (round(mean, 6), round(half_width, 6))))
    models = [point for point in known if point.name in SERIES]
    return sorted(ours, key=lambda point: point.parameters) + models, [point for point in known if point.name in STEPS]


@styled
def curve(points: Curve, public: Sequence[tuple[int, float]]) -> Figure:
    """Draw accuracy against parameters: means of ours with their intervals, and what others give as their best epoch.

    public: (parameters, percent) of results elsewhere.
    """
    ours, steps = points
    frontier, models = ([point for point in ours if (point.group == "frontier") == wanted] for wanted in (True, False))
    figure, ax = plt.subplots(figsize=(9, 5.6))
    for group, label, marker, line in [
        (frontier, "our frontier: mean over seeds of the last epoch, 95 % interval", "o", "-"),
        (models, "Model1 to Model4 of this series, the same", "*", ""),
    ]:
        x, means, half_widths = zip(*((point.parameters, *point.measured) for point in group), strict=True)
        look = dict(color=BLUE, marker=marker, markersize=13 if marker == "*" else 8, linestyle=line, capsize=4)
        ax.errorbar(x, means, yerr=half_widths, linewidth=2, label=label, zorder=4, **look)
    for point in frontier:
        place = dict(xytext=(-8, 9), ha="right") if point.parameters > 800 else dict(xytext=(10, -6), ha="left")
        place |= dict(textcoords="offset points", path_effects=HALO, zorder=6)
        ax.annotate(f"{point.parameters:,}: {point.measured[0]:.2f} %", (point.parameters, point.measured[0]), **place)
    hollow = dict(linestyle="", markerfacecolor="none", markersize=8, markeredgewidth=1.3, zorder=3)
    ax.plot(*zip(*public, strict=True), color=BLACK, marker="X", label="public results, single runs", **hollow)
    for log, (color, marker) in LOGS.items():
        shown = [(step.parameters, step.reported) for step in steps if step.group == log and step.reported]
        label = "five published logs: best epoch of one run" if log == "A" else None
        ax.plot(*zip(*shown, strict=True), color=color, marker=marker, label=label, **hollow)
    ax.axhline(GOAL, label=f"{GOAL} %", **TARGET_LINE)
    ax.set(xscale="log", xlim=(400, 22_000), xlabel="parameters (log scale, up to 20,000)")
    ticks = [500, 1_000, 2_000, 4_000, 8_000, 15_000]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yscale("function", functions=(to_log_error, lambda y: 100 - np.exp(-y)))
    ax.set_yticks([98, 98.5, 99, 99.2, 99.4, 99.5, 99.6, 99.7])
    bottom = np.floor(10 * min(point.measured[0] - point.measured[1] for point in frontier)) / 10
    ax.set(ylim=(bottom, 99.78), ylabel=f"test accuracy (%), errors on a log scale, from {bottom:.1f}")
    ax.set_title("What is a parameter worth?")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


@styled
def filters(network: nn.Sequential, title: str) -> Figure:
    """Draw every weight of a network's convolutions on one scale; a column is what one channel reads."""
    banks = [part.weight.detach() for part in network.modules() if isinstance(part, nn.Conv2d)]
    gaps = [bank.shape[2] > 1 for bank in banks]  # between kernels that stand above each other
    heights = [bank.shape[1] * (bank.shape[2] + gap) for bank, gap in zip(banks, gaps, strict=True)]
    figure, axes = plt.subplots(len(banks), 1, figsize=(9, 0.1 * sum(heights) + 2), height_ratios=heights)
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
