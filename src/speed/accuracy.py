"""Time to accuracy: seconds until a test accuracy first holds at two epochs running, evaluations counted in.

Nothing is chosen by these accuracies: they are the target that the published logs set.
"""

import itertools
import math
from dataclasses import replace
from statistics import median

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator

from src import training
from src.experiments import MODEL4, MODEL4_SHORT, ONE_CYCLE
from src.plots import BLUE, GREEN, ORANGE, PURPLE, STYLE, TARGET_LINE, detached
from src.published import STEPS
from src.report import markdown
from src.speed import usual
from src.speed.timing import against, in_process, machine, save

LEVELS = [0.990, 0.992, 0.993, 0.994]
SEEDS = 3  # of every way to train
B4 = STEPS["B4"].experiment
B4_ONE_CYCLE = replace(
    B4,
    name="B4-one-cycle",
    optimizer=MODEL4.optimizer,
    momentum=MODEL4.momentum,
    weight_decay=MODEL4.weight_decay,
    epochs=MODEL4.epochs,
    step_size=0,
    gamma=1.0,
    **ONE_CYCLE,
)


# A history: a pair of seconds so far, evaluations counted in, and test accuracy after each epoch.


def usual_history(experiment, seed, workers):
    return list(usual.train(experiment, seed, workers))


def our_history(experiment, seed, workers):
    run = training.train(experiment, seed, "cpu", quiet=True)
    seconds = itertools.accumulate(epoch.seconds for epoch in run.history)
    return list(zip(seconds, (epoch.test_accuracy for epoch in run.history), strict=True))


WAYS = {
    "the usual loop, B4's recipe": (usual_history, replace(B4, epochs=20)),
    "our loop, B4's network, one-cycle": (our_history, B4_ONE_CYCLE),
    "Model4": (our_history, MODEL4),
    "Model4, shortened": (our_history, MODEL4_SHORT),
}


def measure():
    """Train every way with every seed, in turns, each run in a process of its own; returns JSON values.

    The usual loop has the number of workers with which it is faster.
    What there is after each seed is saved, so that little is lost if the machine is.
    """
    workers = min((0, 2), key=lambda workers: in_process(usual.seconds_per_pass, B4, workers))
    epochs = {way: experiment.epochs for way, (_, experiment) in WAYS.items()}
    measured = dict(machine=machine(), workers=workers, epochs=epochs, histories={way: [] for way in WAYS})
    for seed in range(SEEDS):
        for way, (history, experiment) in WAYS.items():
            measured["histories"][way].append(in_process(history, experiment, seed, workers))
            print(f"seed {seed}, {way}: {measured['histories'][way][-1][-1][0]:.0f} s", flush=True)
        save("accuracy", measured)
    return measured


def reached(history, level):
    """Seconds after which an accuracy of at least level has held at two epochs running; infinite if it never does."""
    for (_, before), (seconds, after) in itertools.pairwise(history):
        if min(before, after) >= level:
            return seconds
    return math.inf


def text(measured):
    """Median seconds to each level, and how much sooner the last way is there than the first, in Markdown."""
    rows, medians = [["way", "epochs", "seconds per epoch", *(f"{100 * level:.1f} %" for level in LEVELS)]], {}
    for way, histories in measured["histories"].items():
        times = [[reached(history, level) for history in histories] for level in LEVELS]
        medians[way] = [median(there) for there in times]
        each = median(history[-1][0] / len(history) for history in histories)
        rows.append([way, f"{measured['epochs'][way]}", f"{each:.1f}"])
        rows[-1] += [_said(there, measured["epochs"][way]) for there in times]
    usual_way, *_, ours = medians
    pairs = list(zip(LEVELS, medians[usual_way], medians[ours], strict=True))
    highest = next((pair for pair in reversed(pairs) if pair[1] < math.inf), None)
    if highest is None:
        said = f"Most seeds of {usual_way} reach none of these levels."
    elif highest[2] == math.inf:
        said = f"Most seeds of {usual_way} reach {100 * highest[0]:.1f} %, and of {ours} do not."
    else:
        level, before, after = highest
        said = (
            f"{100 * level:.1f} %, the highest level that most seeds of {usual_way} reach, is there "
            f"{before / after:.1f} times sooner with {ours}: after {after:.0f} seconds instead of {before:.0f}. "
            f"Hoped for were at least 8 times: {against(before / after, 8)}."
        )
    return (
        f"{markdown(rows)}\n\n{measured['machine']}; median over {len(histories)} seeds, where one that does not get "
        f"there is later than the others; the usual loop with {measured['workers']} workers. {said}"
    )


def _said(times, epochs):
    """The median of the seconds that seeds took, and how many of them got there."""
    there = sum(seconds < math.inf for seconds in times)
    middle = median(times)
    return f"{f'{middle:.0f} s' if middle < math.inf else f'not in {epochs} epochs'} ({there} of {len(times)} seeds)"


def figure(measured):
    """Test accuracy against seconds, a curve per run."""
    looks = zip([ORANGE, PURPLE, GREEN, BLUE], ["--", "-.", (0, (1, 1)), "-"], ["o", "s", "^", "D"], strict=True)
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(9, 4.8))
        for (way, histories), (colour, line, marker) in zip(measured["histories"].items(), looks, strict=True):
            for i, history in enumerate(histories):
                seconds, accuracies = zip(*history, strict=True)
                look = dict(color=colour, linestyle=line, marker=marker, markersize=4, alpha=0.8)
                ax.plot(seconds, 100 * np.array(accuracies), **look, label=None if i else way)
        ax.axhline(99.4, label="99.4 %", **TARGET_LINE)
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set(xlabel="seconds, evaluations counted in (log scale)", ylabel="test accuracy (%)", ylim=(98, 99.7))
        ax.set_title(f"How soon is which accuracy reached? {len(histories)} seeds of each")
        ax.legend(loc="lower right")
    return detached(figure)
