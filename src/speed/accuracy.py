"""Time to accuracy: seconds until a test accuracy first holds at two epochs running, evaluations counted in.

Nothing is chosen by these accuracies: they are the target that the published logs set.
"""

import itertools
import math
import time
from dataclasses import replace
from statistics import median

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from src import data
from src.evidence.figures import BLUE, GOAL, GREEN, ORANGE, PURPLE, TARGET_LINE, styled
from src.evidence.tables import markdown
from src.experiments import MODEL4, Experiment
from src.runs.one import make_network, reproducible
from src.speed import usual
from src.speed.timing import goal, in_process, machine, save
from src.studies.published import STEPS
from src.studies.trials import MODEL4_SHORT
from src.training import fit

LEVELS = [0.990, 0.992, 0.993, 0.994]
SEEDS = 3  # of every way to train
B4 = STEPS["B4"].experiment
USUAL = "the usual loop, B4's recipe"
WAYS = {
    USUAL: replace(B4, epochs=20),
    "our loop, B4's network, one-cycle": replace(
        B4, name="B4-one-cycle", optimizer=MODEL4.optimizer, epochs=MODEL4.epochs, schedule=MODEL4.schedule
    ),
    "Model4": MODEL4,
    "Model4, shortened": MODEL4_SHORT,
}


def measure() -> dict:
    """Train every way with every seed, in turns, each run in a process of its own; return JSON values.

    The usual loop has the number of workers with which it is faster. What is measured is saved after each seed.
    """
    workers = min((0, 2), key=_seconds_per_epoch)
    epochs = {way: experiment.epochs for way, experiment in WAYS.items()}
    measured = dict(machine=machine(), workers=workers, epochs=epochs, histories={way: [] for way in WAYS})
    for seed in range(SEEDS):
        for way, experiment in WAYS.items():
            run = (usual.train, experiment, seed, workers) if way == USUAL else (our_history, experiment, seed)
            history = in_process(*run)
            measured["histories"][way].append(history)
            print(f"seed {seed}, {way}: {history[-1][0]:.0f} s", flush=True)
        save("accuracy", measured)
    return measured


def _seconds_per_epoch(workers):
    """Return the seconds of the usual loop's second epoch; the first has to start the workers."""
    (first, _), (second, _) = in_process(usual.train, replace(B4, epochs=2), 0, workers)
    return second - first


@reproducible()
def our_history(experiment: Experiment, seed: int) -> list[tuple[float, float]]:
    """Train with our loop; return seconds so far and test accuracy after each epoch, as usual.train() does."""
    torch.manual_seed(seed)
    network = make_network(experiment, torch.device("cpu"))
    digits, start = (data.load("train"), data.load("test")), time.perf_counter()
    return [(time.perf_counter() - start, epoch.test_accuracy) for epoch in fit(network, experiment, *digits)]


def seconds_to(level: float, history: list[tuple[float, float]]) -> float:
    """Return after how many seconds an accuracy of at least level has held at two epochs running, or infinity."""
    for (_, before), (seconds, after) in itertools.pairwise(history):
        if min(before, after) >= level:
            return seconds
    return math.inf


def text(measured: dict) -> str:
    """Say in Markdown after how many seconds each way reaches each level, and how much sooner the last way does."""
    rows, medians = [], {}
    for way, histories in measured["histories"].items():
        epochs = measured["epochs"][way]
        times = {level: [seconds_to(level, history) for history in histories] for level in LEVELS}
        seconds_per_epoch = median(history[-1][0] / len(history) for history in histories)
        cells = {f"{100 * level:.1f} %": _median(seconds, epochs) for level, seconds in times.items()}
        rows.append({"way": way, "epochs": f"{epochs}", "seconds per epoch": f"{seconds_per_epoch:.1f}", **cells})
        medians[way] = [median(seconds) for seconds in times.values()]
    return (
        f"{markdown(rows)}\n\nMedian over seeds, where a seed that does not reach a level counts as later than the "
        f"others; the usual loop with {measured['workers']} workers.\n\n{measured['machine']}. {_comparison(medians)}"
    )


def _median(seconds, epochs):
    """Say the median of the seconds that seeds took, and how many of them reached the level."""
    reached = sum(math.isfinite(each) for each in seconds)
    middle = f"{median(seconds):.0f} s" if math.isfinite(median(seconds)) else f"not in {epochs} epochs"
    return f"{middle} ({reached} of {len(seconds)} seeds)"


def _comparison(medians):
    """Compare the last way with the first at the highest level that the first reaches; medians: way -> per level."""
    usual_way, *_, our_way = medians
    reached = [case for case in zip(LEVELS, medians[usual_way], medians[our_way], strict=True) if case[1] < math.inf]
    if not reached:
        return f'Most seeds of "{usual_way}" reach none of these levels.'
    level, before, after = reached[-1]
    ratio = before / after
    ours = f"after {after:.0f} seconds, {ratio:.1f} times sooner" if after < math.inf else "with too few seeds"
    return (
        f'The highest level that most seeds of "{usual_way}" reach is {100 * level:.1f} %, after {before:.0f} seconds; '
        f'"{our_way}" reaches it {ours}. {goal("at least 8x", f"{ratio:.1f}x", ratio >= 8)}'
    )


@styled
def figure(measured: dict) -> Figure:
    """Draw test accuracy against seconds, a curve per run."""
    looks = zip([ORANGE, PURPLE, GREEN, BLUE], ["--", "-.", (0, (1, 1)), "-"], ["o", "s", "^", "D"], strict=True)
    figure, ax = plt.subplots(figsize=(9, 4.8))
    for (way, histories), (color, line, marker) in zip(measured["histories"].items(), looks, strict=True):
        for i, history in enumerate(histories):
            seconds, accuracies = zip(*history, strict=True)
            percent = [100 * accuracy for accuracy in accuracies]
            look = dict(color=color, linestyle=line, marker=marker, markersize=4, alpha=0.8)
            ax.plot(seconds, percent, label=None if i else f"{way}, {len(histories)} seeds", **look)
    ax.axhline(GOAL, label=f"{GOAL} %", **TARGET_LINE)
    ax.set(xlabel="seconds, evaluations counted in (log scale)", xscale="log")
    ax.set(ylabel="test accuracy (%), cut off below 98", ylim=(98, 99.7), title="How soon is which accuracy reached?")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure
