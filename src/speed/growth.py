"""How the cost of training Model4 grows with images, width, and runs at a time."""

import contextlib
import time
from dataclasses import replace
from statistics import linear_regression, median

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.ticker import LogLocator, NullFormatter

from src import data, memory, training
from src.experiments import MODEL4
from src.plots import BLUE, GREEN, ORANGE, PURPLE, STYLE, detached
from src.progress import Progress
from src.speed.timing import machine, process

REPEATS = 3  # of every measurement


def measure():
    """Seconds and peak memory in bytes: of an epoch against images and width, and of several runs; JSON values.

    Every measurement is made REPEATS times, each in processes of its own.
    """
    measured = dict(machine=machine(), experiment=MODEL4.name)
    cases = {
        "images": [(images, dict(images=images)) for images in (1_000, 3_000, 10_000, 30_000, 60_000)],
        "width": [(factor, dict(experiment=widened(MODEL4, factor))) for factor in (0.5, 1, 2, 4)],
        "runs": [(runs, dict(runs=runs, jobs=jobs)) for jobs, runs in [(1, 1), (1, 2), (1, 4), (2, 2), (2, 4)]],
    }
    for quantity, list_of in cases.items():
        measured[quantity] = []
        for value, settings in list_of:
            done = [_runs(**dict(experiment=MODEL4, images=6_000) | settings) for _ in range(REPEATS)]
            seconds, peaks = zip(*done, strict=True)
            case = dict(value=value, jobs=settings.get("jobs", 1), seconds=list(seconds), memory=max(peaks))
            measured[quantity].append(case)
    return measured


def widened(experiment, factor):
    """The experiment with factor times as many channels after every 3x3 convolution."""
    words = [str(round(int(word) * factor)) if word.isdigit() else word for word in experiment.layer_line.split()]
    return replace(experiment, layer_line=" ".join(words))


@training.reproducible()
def _epoch(experiment, images):
    """Train a new network for an epoch on so many images."""
    memory.keep_freed()
    network = training.make_network(experiment, torch.device("cpu"))
    optimizer = training.make_optimizer(experiment, network)
    digits = data.load("train")[:images]
    training.train_epoch(network, optimizer, digits, experiment, [], Progress("", 1, 1, quiet=True))


def _runs(experiment, images, runs=1, jobs=1):
    """Seconds for so many epochs, jobs at a time, in processes that are warm; the sum of their peaks in bytes."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(process()) for _ in range(jobs)]
        for started in [one.submit(_epoch, experiment, 500) for one in processes]:
            started.result()
        start = time.perf_counter()
        for run in [processes[i % jobs].submit(_epoch, experiment, images) for i in range(runs)]:
            run.result()
        seconds = time.perf_counter() - start
        return seconds, sum(one.submit(memory.peak).result() for one in processes)


def per_run(cases, jobs):
    """Seconds per run with so many jobs: the slope of the line through zero, least squares."""
    runs, seconds, _ = _points(cases, jobs)
    return linear_regression(runs, seconds, proportional=True).slope


def text(measured):
    """How time and memory grow with images, width and runs, in Markdown."""
    images, seconds, megabytes = _points(measured["images"])
    each, start = linear_regression(images, seconds)
    more, base = linear_regression(images, megabytes)
    widths, seconds, peaks = _points(measured["width"])
    quadratic, constant = linear_regression([width**2 for width in widths], seconds)
    one, two = (per_run(measured["runs"], jobs) for jobs in (1, 2))
    alone, together = (max(_points(measured["runs"], jobs)[2]) for jobs in (1, 2))
    return (
        f"{measured['machine']}, {measured['experiment']}. An epoch takes {start:.2f} seconds and "
        f"{1000 * each:.2f} more per 1,000 images; its process peaks at {base:.0f} MB and {1000 * more:.1f} MB more "
        f"per 1,000 images trained on (all 60,000 are loaded in any case). 6,000 images take {constant:.2f} seconds "
        f"and {quadratic:.2f} more times the square of the network's width; the peak is {peaks[0]:.0f} MB at "
        f"{widths[0]:g} times its width and {peaks[-1]:.0f} MB at {widths[-1]:g} times. Two runs at a time take "
        f"{100 * two / one:.0f} % of the time per run that one takes, and {together:,.0f} MB in place of {alone:,.0f}."
    )


def figure(measured):
    """Time, above, and memory, below, against the number of training images, width, and runs, with fits."""
    with plt.rc_context(STYLE):
        figure, (above, below) = plt.subplots(2, 3, figsize=(12, 7))
        images, seconds, megabytes = _points(measured["images"])
        fitted = np.geomspace(images[0], images[-1])
        each, start = linear_regression(images, seconds)
        label = f"{start:.2f} s + {1000 * each:.2f} s per 1,000 images"
        _draw(above[0], images, seconds, fitted, start + each * fitted, label, color=BLUE, marker="o")
        each, start = linear_regression(images, megabytes)
        label = f"{start:.0f} MB + {1000 * each:.1f} MB per 1,000"
        _draw(below[0], images, megabytes, fitted, start + each * fitted, label, color=BLUE, marker="o")
        for ax in (above[0], below[0]):
            ax.set(xscale="log", xlabel="training images")
            ax.set_xticks(images, [f"{value / 1000:g}k" for value in images])

        factors, seconds, megabytes = _points(measured["width"])
        fitted = np.geomspace(factors[0], factors[-1])
        each, start = linear_regression([factor**2 for factor in factors], seconds)
        label = f"{start:.2f} s + {each:.2f} s · width²"
        _draw(above[1], factors, seconds, fitted, start + each * fitted**2, label, color=PURPLE, marker="D")
        each, start = linear_regression(factors, megabytes)
        label = f"{start:.0f} MB + {each:.0f} MB · width"
        _draw(below[1], factors, megabytes, fitted, start + each * fitted, label, color=PURPLE, marker="D")
        for ax in (above[1], below[1]):
            ax.set(xscale="log", xlabel=f"channels, times {measured['experiment']}'s (6,000 images)")
            ax.set_xticks(factors, [f"{factor:g}" for factor in factors])

        for jobs, colour, marker in [(1, ORANGE, "o"), (2, GREEN, "s")]:
            values, seconds, megabytes = _points(measured["runs"], jobs)
            each, most = per_run(measured["runs"], jobs), max(megabytes)
            line, look = np.array([0, values[-1]]), dict(color=colour, marker=marker)
            _draw(above[2], values, seconds, line, each * line, f"{jobs} at a time: {each:.2f} s per run", **look)
            _draw(below[2], values, megabytes, line, [most, most], f"{jobs} at a time: {most:,.0f} MB", **look)
        for ax in (above[2], below[2]):
            ax.set(xlabel="runs (6,000 images each)")
            ax.xaxis.get_major_locator().set_params(integer=True)

        for ax in above[:2]:
            ax.set(yscale="log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
        above[2].set(ylim=(0, None))
        for ax in below:
            ax.set(ylim=(0, 1.5 * ax.dataLim.y1))
        for ax in figure.axes:
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.yaxis.set_minor_formatter(NullFormatter())
            ax.legend(loc="upper left", fontsize=9)
        above[0].set(ylabel="seconds, median")
        below[0].set(ylabel="megabytes, peak")
        figure.suptitle("How does cost grow?")
    return detached(figure)


def _points(cases, jobs=None):
    """Values, median seconds and peak megabytes of cases; of runs, those with so many jobs."""
    cases = [case for case in cases if jobs is None or case["jobs"] == jobs]
    return (
        [case["value"] for case in cases],
        [median(case["seconds"]) for case in cases],
        [case["memory"] / 1e6 for case in cases],
    )


def _draw(ax, x, y, fitted_x, fitted_y, label, color, marker):
    """What was measured as marks, and its fit as a line with a label."""
    ax.plot(x, y, marker, color=color)
    ax.plot(fitted_x, fitted_y, color=color, marker=marker, markevery=[], label=label)
