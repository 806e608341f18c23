"""The frontier in tables and figures: what a parameter is worth, where it sits, and where accuracy is lost first."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from torch import nn

from src import data
from src.evidence.figures import BLACK, BLUE, GOAL, HALO, ORANGE, TARGET_LINE, digits_grid, show_log_errors, styled
from src.evidence.logs import Point, point, points
from src.evidence.sentences import met_or_missed
from src.evidence.significance import RESPLITS
from src.evidence.tables import Records, Row, interval, values
from src.experiments import Experiment
from src.model import CLASSES, build, count_parameters, layers
from src.studies.catalogue import GROUPS
from src.studies.frontier import AIMS, ENDS, FRONTIER, SHORT
from src.studies.published import STEPS

# Public results on MNIST's test images: parameters and accuracy in percent, mostly of the best epoch of one run (697
# parameters: the best of about 700 trainings). Known are their numbers, and of 4,862 parameters the address,
# github.com/ruslangrimov/mnist-minimal-model. None was repeated here.
PUBLIC = [(697, 99.03), (1_936, 99.0), (4_232, 99.08), (4_862, 99.07), (4_968, 99.45), (5_854, 99.40)]


def results(tests_by_name: Records, resplits_by_name: Records) -> Iterator[Row]:
    """Show each network of the frontier: what it reaches, what its worst seed does, and whether its goal is met."""
    for name, experiment in sorted((FRONTIER | AIMS).items(), key=lambda item: _goal(item[1])):
        records, short = tests_by_name[name], tests_by_name[SHORT[name].name]
        tests = values(records, "test accuracy")
        resplits = values(resplits_by_name.get(name, []), "test accuracy")
        budget, goal = _goal(experiment)
        yield {
            "network": name,
            "layer line": f"`{experiment.layer_line}`",
            "parameters": f"{records[0].parameters:,}",
            "epochs": f"{experiment.epochs}",
            "goal": f"{goal:.2f} % with {budget:,}: {met_or_missed(experiment.target, records)}",
            f"test %, {len(tests)} seeds": interval(tests, places=3),
            "worst seed": f"{min(tests):.2f}",
            "10 re-splits %": interval(resplits, test_to_train=RESPLITS) if resplits else "not run",
            "in 15 epochs %": interval(values(short, "test accuracy"), places=3),
        }


def _goal(experiment):
    """Return the most parameters that an experiment's target allows, and the percent that it asks for."""
    parameters, _epochs, accuracy = (condition.bound for condition in experiment.target)
    return parameters, accuracy


DEVICES = {"cpu": "of one core of a CPU", "cuda": "of a GPU that trained them side by side"}


def effort(trials_by_name: Records) -> str:
    """Say how many trials there were, and what they cost."""
    recipes = GROUPS["frontier-choices"]
    trials = [record for recipe in recipes for record in trials_by_name[recipe.name]]
    minutes = Counter()
    for record in trials:
        minutes[record.device] += record.wall_seconds / 60
    spent = " and ".join(f"{minutes[device]:.0f} minutes {words}" for device, words in DEVICES.items())
    return f"{len(recipes)} recorded recipes were tried on the validation split, in {len(trials)} runs: {spent}."


FULL, DEPTHWISE, POINTWISE = "full 3x3 convolutions", "depthwise 3x3 convolutions", "pointwise (1x1) convolutions"
CLASSIFIER, NORMALIZATION = "the classifier", "batch normalization"


def spending(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """Show where the parameters of experiments sit: a row for each kind of layer."""
    spent = {experiment.name: _spent(experiment) for experiment in experiments}
    for kind in [FULL, DEPTHWISE, POINTWISE, CLASSIFIER, NORMALIZATION]:
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
                counts[NORMALIZATION] += count_parameters(part)
            elif isinstance(part, nn.Conv2d):
                kind = POINTWISE if part.kernel_size == (1, 1) else DEPTHWISE if part.groups > 1 else FULL
                counts[CLASSIFIER if layer is line[-1] else kind] += count_parameters(part)
    return counts


def mistakes_by_digit(tests_by_name: Records) -> Iterator[Row]:
    """Show on how many of a thousand images of each digit the networks err, on average over seeds."""
    labels = data.load("test").labels.numpy()
    for name in [*FRONTIER, "Model4"]:
        wrong = ~np.array([record.right for record in tests_by_name[name]])
        by_digit = {str(digit): f"{1000 * wrong[:, labels == digit].mean():.1f}" for digit in range(CLASSES)}
        yield {"network": name} | by_digit | {"all": f"{1000 * wrong.mean():.1f}"}


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
    """Return what curve() draws: our frontier by its number of parameters, the logs and the series, PUBLIC, goals."""
    frontier = [point(experiment, tests_by_name) for experiment in [*FRONTIER.values(), *AIMS.values(), *ENDS]]
    goals = [_goal(experiment) for experiment in FRONTIER.values()]
    return sorted(frontier, key=lambda each: each.parameters), points(STEPS, tests_by_name), PUBLIC, goals


@styled
def curve(
    frontier: Sequence[Point],
    others: Sequence[Point],
    public: Sequence[Mark],
    goals: Sequence[Mark],
) -> Figure:
    """Draw accuracy against parameters: means of ours with their intervals, and what others report (hollow).

    others: the steps of the published logs and the models of this series.
    goals: the most parameters, and the accuracy that they shall reach.
    """
    series = [each for each in others if each.group == "ours"]
    reported = [(each.parameters, each.reported) for each in others if each.reported]
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
    corner = dict(marker=[(-1, 0), (0, 0), (0, 1)], markersize=18, zorder=5)
    ax.plot(*zip(*goals, strict=True), color=BLACK, label="our goals: met above and to the left", **hollow | corner)
    ax.axhline(GOAL, label=f"{GOAL} %, the goal of most logs", **TARGET_LINE)
    ax.set(xscale="log", xlim=(400, 22_000), xlabel="parameters (log scale); larger networks are not shown")
    ticks = [500, 1_000, 2_000, 4_000, 8_000, 15_000]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())
    show_log_errors(ax)
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
