"""How the cost of training Model4 grows with images, width, and runs at a time."""

import contextlib
import time
from dataclasses import replace
from statistics import linear_regression, median

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from src import data
from src.evidence.figures import BLUE, GREEN, ORANGE, PURPLE, styled
from src.experiments import MODEL4, Experiment
from src.runs.one import make_network, reproducible
from src.speed.memory import peak_memory
from src.speed.timing import machine, process
from src.training import fit

REPEATS = 3  # of every measurement


def measure() -> dict:
    """Take seconds and peak memory of an epoch against images and width, and of several runs; return JSON values."""
    cases = {
        "images": [(images, dict(images=images)) for images in (1_000, 3_000, 10_000, 30_000, 60_000)],
        "width": [(factor, dict(experiment=widened(MODEL4, factor))) for factor in (0.5, 1, 2, 4)],
        "runs": [(runs, dict(runs=runs, jobs=jobs)) for jobs, runs in [(1, 1), (1, 2), (1, 4), (2, 2), (2, 4)]],
    }
    measured = {quantity: [_case(value, **settings) for value, settings in cases[quantity]] for quantity in cases}
    return dict(machine=machine(), experiment=MODEL4.name) | measured


def widened(experiment: Experiment, factor: float) -> Experiment:
    """Return the experiment with factor times as many channels after every 3x3 convolution."""
    words = [str(round(int(word) * factor)) if word.isdigit() else word for word in experiment.layer_line.split()]
    return replace(experiment, layer_line=" ".join(words))


def _case(value, experiment=MODEL4, images=6_000, runs=1, jobs=1):
    """Train so many epochs, jobs at a time, REPEATS times; return a JSON value with seconds and bytes."""
    seconds, peaks = zip(*(_train(experiment, images, runs, jobs) for _ in range(REPEATS)), strict=True)
    return dict(value=value, jobs=jobs, seconds=list(seconds), memory=max(peaks))


def _train(experiment, images, runs, jobs):
    """Return the seconds of so many epochs, in new processes that are warm, and the sum of their peaks in bytes."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(process()) for _ in range(jobs)]
        for warm_up in [one.submit(train_epoch, experiment, 500) for one in processes]:
            warm_up.result()
        start = time.perf_counter()
        for run in [processes[i % jobs].submit(train_epoch, experiment, images) for i in range(runs)]:
            run.result()
        seconds = time.perf_counter() - start
        return seconds, sum(one.submit(peak_memory).result() for one in processes)


@reproducible()
def train_epoch(experiment: Experiment, images: int) -> None:
    """Train a new network for an epoch on so many images."""
    network = make_network(experiment, torch.device("cpu"))
    next(fit(network, experiment, data.load("train")[:images], data.load("test")[:1]))


def per_run(cases: list[dict], jobs: int) -> float:
    """Return the seconds per run with so many jobs: the slope of the line through zero, least squares."""
    runs, seconds, _ = _points(cases, jobs)
    return linear_regression(runs, seconds, proportional=True).slope


def text(measured: dict) -> str:
    """Say in Markdown how time and memory grow with images, width and runs."""
    images, seconds, megabytes = _points(measured["images"])
    per_image, start = linear_regression(images, seconds)
    memory_per_image, base = linear_regression(images, megabytes)
    widths, seconds, peaks = _points(measured["width"])
    quadratic, constant = linear_regression([width**2 for width in widths], seconds)
    one, two = (per_run(measured["runs"], jobs) for jobs in (1, 2))
    alone, together = (max(_points(measured["runs"], jobs)[2]) for jobs in (1, 2))
    return (
        f"{measured['machine']}, {measured['experiment']}. An epoch takes {start:.2f} seconds and "
        f"{1000 * per_image:.2f} more per 1,000 images; its process peaks at {base:.0f} MB and "
        f"{1000 * memory_per_image:.1f} MB more per 1,000 images trained on (all 60,000 are loaded in any case). "
        f"6,000 images take {constant:.2f} seconds and {quadratic:.2f} more times the square of the network's width; "
        f"the peak is {peaks[0]:,.0f} MB at {widths[0]:g} times its width and {peaks[-1]:,.0f} MB at {widths[-1]:g} "
        f"times. Two runs at a time take {100 * two / one:.0f} % of the time per run that one takes, and "
        f"{together:,.0f} MB instead of {alone:,.0f}."
    )


@styled
def figure(measured: dict) -> Figure:
    """Draw time, above, and memory, below, against the number of training images, width, and runs, with fits."""
    figure, axes = plt.subplots(2, 3, sharex="col", figsize=(12, 7))
    thousands = [{**case, "value": case["value"] / 1000} for case in measured["images"]]
    labels = "{:.2f} s + {:.2f} s per 1,000 images", "{:.0f} MB + {:.1f} MB per 1,000"
    _draw(axes[:, 0], _points(thousands), labels, color=BLUE, marker="o")
    labels = "{:.2f} s + {:.2f} s · width²", "{:.0f} MB + {:.0f} MB · width"
    _draw(axes[:, 1], _points(measured["width"]), labels, powers=(2, 1), color=PURPLE, marker="D")
    for jobs, look in [(1, dict(color=ORANGE, marker="o")), (2, dict(color=GREEN, marker="s"))]:
        label = f"{jobs} at a time: "
        labels = label + "{:.2f} s + {:.2f} s per run", label + "{:.0f} MB + {:.0f} MB per run"
        _draw(axes[:, 2], _points(measured["runs"], jobs), labels, **look)
    axes[0, 2].xaxis.get_major_locator().set_params(integer=True)
    for ax in axes.flat:
        ax.set_ylim(0, 1.5 * ax.dataLim.y1)
        ax.legend(loc="upper left", fontsize=9)
    labels = "thousands of training images", "channels, times the model's", "runs (6,000 images each)"
    for ax, label in zip(axes[1], labels, strict=True):
        ax.set_xlabel(label)
    axes[0, 0].set_ylabel("seconds, median")
    axes[1, 0].set_ylabel("megabytes, peak")
    figure.suptitle("How does the cost of training grow?")
    return figure


def _points(cases, jobs=1):
    """Return values, median seconds and peak megabytes of the cases with so many jobs."""
    cases = [case for case in cases if case["jobs"] == jobs]
    seconds = [median(case["seconds"]) for case in cases]
    return [case["value"] for case in cases], seconds, [case["memory"] / 1e6 for case in cases]


def _draw(axes, points, labels, powers=(1, 1), **look):
    """Draw time and memory as marks, and as lines their least-squares fits: a start and a slope in x to a power."""
    x, *measured = points
    fitted = np.linspace(x[0], x[-1])
    for ax, y, label, power in zip(axes, measured, labels, powers, strict=True):
        slope, start = linear_regression(np.power(x, float(power)), y)
        ax.plot(x, y, linestyle="", **look)
        ax.plot(fitted, start + slope * fitted**power, markevery=[], label=label.format(start, slope), **look)
