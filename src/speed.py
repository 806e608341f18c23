"""What the timings of src/bench.py say: rows and sentences, from results/bench/*.json."""

import json
import math
from statistics import linear_regression, median

from src import InputError
from src.bench import FLOOR, TWO
from src.report import markdown

LEVELS = [0.990, 0.992, 0.993, 0.994]


def load(folder, name):
    """What bench.save() wrote. Raises InputError, naming the file, if it cannot be read."""
    path = folder / f"{name}.json"
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"cannot read the timings {path}: {error.strerror}; make them with make bench.") from error
    except ValueError as error:
        raise InputError(f"the timings {path} are damaged: {error}; make them again with make bench.") from error


def throughput(measured):
    """The ways to make one pass over the images, the ratio, and where our loop spends its time, in Markdown."""
    seconds, usual = measured["seconds"], min(map(median, _only(measured["seconds"], "the usual loop")))
    rows = [["way", "seconds, median (range)", "images per second", "times the usual loop", "of it convolutions"]]
    rows[0] += ["first pass, seconds", "peak memory, MB"]
    for way, there in seconds.items():
        each = median(there) / (2 if way == TWO else 1)
        memory = measured["peak_memory"].get(way)
        rows.append(
            [
                way,
                f"{median(there):.2f} ({min(there):.2f} to {max(there):.2f})",
                f"{measured['images'] / each:,.0f}",
                f"{usual / each:.2f}",
                f"{100 * median(seconds[FLOOR]) / median(there):.0f} %",
                f"{measured['first_pass'][way]:.1f}",
                f"{memory / 1e6:,.0f}" if memory else "",
            ]
        )
    parts = measured["profile"]
    shares = {part: f"{100 * spent / sum(parts.values()):.0f} %" for part, spent in parts.items()}
    return (
        f"{markdown(rows)}\n\n{measured['machine']}; {measured['experiment']}'s network, batches of "
        f"{measured['batch_size']}, {measured['images']:,} images per pass, {len(seconds[FLOOR])} passes of each way "
        f"in turns. In the better of its two ways the usual loop takes {usual:.2f} seconds. Of our loop's time "
        f"{shares['forward']} is the network's forward pass, {shares['backward']} its backward pass and "
        f"{shares['rest']} the rest: data, augmentation, optimizer, metrics and evaluation."
    )


def _only(values, start):
    return [value for key, value in values.items() if key.startswith(start)]


def reached(history, level):
    """Seconds of training after which an accuracy of at least level has held at two epochs running, or None."""
    for (_, before), (seconds, after) in zip(history, history[1:], strict=False):
        if min(before, after) >= level:
            return seconds
    return None


def accuracy(measured):
    """Median seconds of training to each level, and how much sooner the last way is there than the first; Markdown."""
    rows, medians = [["way", "epochs", *(f"{100 * level:.1f} %" for level in LEVELS)]], {}
    for way, histories in measured["histories"].items():
        times = [[reached(history, level) for history in histories] for level in LEVELS]
        there = [[seconds for seconds in level if seconds is not None] for level in times]
        medians[way] = [median(level) if 2 * len(level) > len(histories) else None for level in there]
        rows.append([way, f"{measured['epochs'][way]}"])
        rows[-1] += [
            f"{median(level):.0f} s ({len(level)} of {len(histories)} seeds)" if level else "never" for level in there
        ]
    usual, *_, ours = medians
    pairs = list(zip(LEVELS, medians[usual], medians[ours], strict=True))
    highest = next((pair for pair in reversed(pairs) if pair[1] is not None), None)
    if highest is None:
        said = f"Most seeds of {usual} reach none of these levels."
    elif highest[2] is None:
        said = f"Most seeds of {usual} reach {100 * highest[0]:.1f} %, and of {ours} do not."
    else:
        level, before, after = highest
        said = (
            f"{100 * level:.1f} %, the highest level that most seeds of {usual} reach, is there {before / after:.1f} "
            f"times sooner with {ours}: after {after:.0f} seconds of training instead of {before:.0f}."
        )
    return f"{markdown(rows)}\n\n{measured['machine']}. {said}"


def growth(measured):
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


def per_run(cases, jobs):
    """Seconds per run with so many jobs: the slope of the line through zero, least squares."""
    there = [(case["value"], median(case["seconds"])) for case in cases if case["jobs"] == jobs]
    return sum(runs * seconds for runs, seconds in there) / sum(runs**2 for runs, _ in there)


BLOCKS = {"throughput": throughput, "accuracy": accuracy, "growth": growth}


def line_fit(x, y):
    """Intercept and slope of the least-squares line."""
    slope, intercept = linear_regression(x, y)
    return intercept, slope


def power_fit(x, y):
    """Scale and exponent of y = scale * x**exponent, least squares in logarithms."""
    exponent, intercept = linear_regression([math.log(value) for value in x], [math.log(value) for value in y])
    return math.exp(intercept), exponent
