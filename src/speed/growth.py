"""How the cost of training Model4 grows with images, width, and runs at a time."""

import contextlib
import math
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
from src.speed.timing import in_process, machine, process

REPEATS = 3  # of every measurement


def measure():
    """Seconds of an epoch and peak memory in bytes against images and width; seconds of several runs; JSON values.

    Every measurement is made REPEATS times, each in processes of its own.
    """
    cases = {
        "images": [(images, MODEL4, images) for images in (1_000, 3_000, 10_000, 30_000, 60_000)],
        "width": [(factor, widened(MODEL4, factor), 6_000) for factor in (0.5, 1, 2, 4)],
    }
    measured = dict(machine=machine(), experiment=MODEL4.name)
    for quantity, list_of in cases.items():
        measured[quantity] = []
        for value, experiment, images in list_of:
            done = [in_process(_epoch, experiment, images) for _ in range(REPEATS)]
            measured[quantity].append(dict(value=value, seconds=[s for s, _ in done], memory=max(m for _, m in done)))
    measured["runs"] = []
    for jobs, runs in [(1, 1), (1, 2), (1, 4), (2, 2), (2, 4)]:
        seconds = [_many(runs, jobs) for _ in range(REPEATS)]
        measured["runs"].append(dict(value=runs, jobs=jobs, seconds=seconds))
    return measured


def widened(experiment, factor):
    """The experiment with a factor as many channels after every 3x3 convolution."""
    words = [str(round(int(word) * factor)) if word.isdigit() else word for word in experiment.layer_line.split()]
    return replace(experiment, layer_line=" ".join(words))


@training.reproducible()
def _epoch(experiment, images):
    """Train one epoch on so many images, after a warming-up on a few batches; returns seconds and peak memory."""
    memory.keep_freed()
    network = training.make_network(experiment, torch.device("cpu"))
    optimizer = training.make_optimizer(experiment, network)
    digits, progress = data.load("train"), Progress("", 1, 1, quiet=True)
    training.train_epoch(network, optimizer, digits[:500], experiment, [], progress)
    start = time.perf_counter()
    training.train_epoch(network, optimizer, digits[:images], experiment, [], progress)
    return time.perf_counter() - start, memory.peak()


def _many(runs, jobs):
    """Seconds for so many epochs on 6,000 images, jobs at a time, once the processes are there."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(process()) for _ in range(jobs)]
        for started in [one.submit(_epoch, MODEL4, 500) for one in processes]:
            started.result()
        start = time.perf_counter()
        for run in [processes[i % jobs].submit(_epoch, MODEL4, 6_000) for i in range(runs)]:
            run.result()
        return time.perf_counter() - start


def line_fit(x, y):
    """Intercept and slope of the least-squares line."""
    slope, intercept = linear_regression(x, y)
    return intercept, slope


def power_fit(x, y):
    """Scale and exponent of y = scale * x**exponent, least squares in logarithms."""
    exponent, intercept = linear_regression([math.log(value) for value in x], [math.log(value) for value in y])
    return math.exp(intercept), exponent


def per_run(cases, jobs):
    """Seconds per run with so many jobs: the slope of the line through zero, least squares."""
    there = [(case["value"], median(case["seconds"])) for case in cases if case["jobs"] == jobs]
    return sum(runs * seconds for runs, seconds in there) / sum(runs**2 for runs, _ in there)


def text(measured):
    """How time and memory grow with images, width and runs, in Markdown."""
    images = [case["value"] for case in measured["images"]]
    start, each = line_fit(images, [median(case["seconds"]) for case in measured["images"]])
    base, more = line_fit(images, [case["memory"] / 1e6 for case in measured["images"]])
    _, power = power_fit(
        [case["value"] for case in measured["width"]], [median(case["seconds"]) for case in measured["width"]]
    )
    one, two = (per_run(measured["runs"], jobs) for jobs in (1, 2))
    return (
        f"{measured['machine']}, {measured['experiment']}. An epoch takes {start:.2f} seconds and "
        f"{1000 * each:.2f} more per 1,000 images; its process peaks at {base:.0f} MB and {1000 * more:.1f} MB more "
        f"per 1,000 images. Time grows with the width of the network to the power {power:.2f}. Two runs at a time take "
        f"{100 * two / one:.0f} % of the time per run that one takes."
    )


def figure(measured):
    """Time and memory against the number of training images, width, and runs, with fits."""
    with plt.rc_context(STYLE):
        figure, ((time, memory), (width, runs)) = plt.subplots(2, 2, figsize=(10, 7.2))
        images = [case["value"] for case in measured["images"]]
        seconds = [median(case["seconds"]) for case in measured["images"]]
        start, each = line_fit(images, seconds)
        fitted = np.geomspace(images[0], images[-1])
        time.plot(images, seconds, "o", color=BLUE, label="median of one epoch")
        time.plot(
            fitted, start + each * fitted, color=BLUE, label=f"{start:.2f} s + {1000 * each:.2f} s per 1,000 images"
        )
        time.set(xscale="log", yscale="log", xlabel="training images", ylabel="seconds", title="Time against images")

        peaks = [case["memory"] / 1e6 for case in measured["images"]]
        start, each = line_fit(images, peaks)
        memory.plot(images, peaks, "s", color=GREEN, label="peak of the process")
        memory.plot(
            fitted, start + each * fitted, color=GREEN, label=f"{start:.0f} MB + {1000 * each:.1f} MB per 1,000 images"
        )
        memory.set(xscale="log", ylim=(0, 1.4 * max(peaks)), xlabel="training images", ylabel="megabytes")
        memory.set_title("Memory against images")

        factors = [case["value"] for case in measured["width"]]
        seconds = [median(case["seconds"]) for case in measured["width"]]
        scale, power = power_fit(factors, seconds)
        width.plot(factors, seconds, "D", color=PURPLE, label="median, 6,000 images")
        fitted = np.geomspace(factors[0], factors[-1])
        width.plot(fitted, scale * fitted**power, color=PURPLE, label=f"{scale:.2f} s · width**{power:.2f}")
        width.set(xscale="log", yscale="log", xlabel=f"channels, times {measured['experiment']}'s", ylabel="seconds")
        width.set_xticks(factors, [f"{factor:g}" for factor in factors])
        width.set_title("Time against width")

        for jobs, colour, marker in [(1, ORANGE, "o"), (2, BLUE, "s")]:
            cases = [case for case in measured["runs"] if case["jobs"] == jobs]
            values, seconds = [case["value"] for case in cases], [median(case["seconds"]) for case in cases]
            each = per_run(measured["runs"], jobs)
            label = f"{jobs} at a time: {each:.2f} s per run"
            runs.plot(values, seconds, marker, color=colour)
            runs.plot([0, values[-1]], [0, each * values[-1]], color=colour, marker=marker, markevery=[], label=label)
        runs.set(
            xlabel="runs (6,000 images each)", ylabel="seconds", ylim=(0, None), title="Time against seeds and jobs"
        )

        for ax in (time, memory):
            ax.set_xticks(images, [f"{value / 1000:g}k" for value in images])
        for ax in (time, width):
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
        runs.xaxis.get_major_locator().set_params(integer=True)
        for ax in (time, memory, width, runs):
            ax.yaxis.set_minor_formatter(NullFormatter())
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.legend(loc="upper left", fontsize=9)
        figure.suptitle("How does cost grow?")
    return detached(figure)
