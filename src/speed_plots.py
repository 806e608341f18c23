"""Figures of timings, in the look of src/plots.py; numbers in, figure out."""

from statistics import median

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from src.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, STYLE, TARGET_LINE, detached
from src.speed import FLOOR, TWO, line_fit, per_run, power_fit


def throughput(measured):
    """Images per second of every way to make a pass: median and range over rounds."""
    ways = list(measured["seconds"])
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(9, 0.5 * len(ways) + 1.4))
        for i, way in enumerate(ways):
            images = measured["images"] * (2 if way == TWO else 1)
            slowest, middle, fastest = (images / f(measured["seconds"][way]) for f in (max, median, min))
            colour = "lightgray" if way == FLOOR else ORANGE if "usual" in way else BLUE if "ours" in way else SKY
            ax.barh(i, middle, xerr=[[middle - slowest], [fastest - middle]], color=colour, capsize=3)
            ax.annotate(
                f"{middle:,.0f}", (fastest, i), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9
            )
        ax.set_yticks(range(len(ways)), ways)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.set(xlabel="images per second (median and range)", title="How many images are trained on in a second?")
    return detached(figure)


def to_accuracy(measured):
    """Test accuracy against seconds of training, a curve per run."""
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
        ax.set(xlabel="seconds of training (log scale)", ylabel="test accuracy (%)", ylim=(98, 99.7))
        ax.set_title("How soon is which accuracy reached? Three seeds of each")
        ax.legend(loc="lower right")
    return detached(figure)


def growth(measured):
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
