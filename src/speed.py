"""What the timings of src/bench.py say: rows and sentences, from results/bench/*.json."""

import json
from statistics import median

from src import InputError

LEVELS = [0.990, 0.992, 0.993, 0.994]


def load(path):
    """What bench.save() wrote. Raises InputError, naming the file, if it cannot be read."""
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"cannot read the timings {path}: {error.strerror}; make them with make bench.") from error
    except ValueError as error:
        raise InputError(f"the timings {path} are damaged: {error}; make them again with make bench.") from error


def throughput(measured):
    """A row per way to make one pass over the images."""
    rows = [["way", "seconds, median (range)", "images per second", "times the usual loop", "of it convolutions"]]
    rows[0] += ["first pass, seconds", "peak memory, MB"]
    seconds = measured["seconds"]
    usual = min(median(seconds[way]) for way in seconds if way.startswith("the usual"))
    floor = median(seconds["the convolutions alone"])
    for way, there in seconds.items():
        images = measured["images"] * (2 if "two runs" in way else 1)
        per_second = images / median(there)
        memory = measured["peak_memory"].get(way)
        rows.append(
            [
                way,
                f"{median(there):.2f} ({min(there):.2f} to {max(there):.2f})",
                f"{per_second:,.0f}",
                f"{per_second / (measured['images'] / usual):.2f}",
                f"{floor / (measured['images'] / per_second):.0%}",
                f"{measured['first_pass'][way]:.1f}",
                f"{memory / 1e6:,.0f}" if memory else "",
            ]
        )
    return rows


def profile(measured):
    """Where our loop spends its time, in a sentence."""
    parts = measured["profile"]
    whole = sum(parts.values())
    return (
        f"Of our loop's time {parts['forward'] / whole:.0%} is the network's forward pass and "
        f"{parts['backward'] / whole:.0%} its backward pass; the other {parts['rest'] / whole:.0%} is data, "
        "augmentation, optimizer, metrics and evaluation."
    )


def reached(history, level):
    """Seconds of training after which an accuracy of at least level has held at two epochs running, or None."""
    for (_, before), (seconds, after) in zip(history, history[1:], strict=False):
        if min(before, after) >= level:
            return seconds
    return None


def to_accuracy(measured):
    """A row per way to train: median seconds to each level, and how many of the seeds reach it."""
    rows = [["way", "epochs", *(f"{level:.1%}" for level in LEVELS)]]
    for way, histories in measured["histories"].items():
        cells = []
        for level in LEVELS:
            times = [reached(history, level) for history in histories]
            there = [seconds for seconds in times if seconds is not None]
            note = "" if len(there) == len(times) else f" ({len(there)} of {len(times)} seeds)"
            cells.append(f"{median(there):.0f} s{note}" if there else "not reached")
        rows.append([way, f"{measured['epochs'][way]}", *cells])
    return rows


def speed_up(measured, usual, ours):
    """How many times sooner ours is at the highest level that the usual way reaches with most seeds, in words."""
    for level in reversed(LEVELS):
        times = {way: [reached(history, level) for history in measured["histories"][way]] for way in (usual, ours)}
        there = {way: [seconds for seconds in list_ if seconds is not None] for way, list_ in times.items()}
        if 2 * len(there[usual]) > len(times[usual]):
            if not there[ours]:
                return f"{level:.1%} is reached by {usual} with most seeds, by {ours} with none."
            ratio = median(there[usual]) / median(there[ours])
            return (
                f"{level:.1%}, the highest level that most seeds of {usual} reach, is there {ratio:.1f} times sooner "
                f"with {ours}: after {median(there[ours]):.0f} seconds instead of {median(there[usual]):.0f}."
            )
    return f"{usual} reaches none of the levels with most seeds."
