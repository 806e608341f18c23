"""What the paired records of two experiments show, in sentences."""

from collections.abc import Sequence
from statistics import fmean, stdev

from src.runs.records import Record
from src.show.significance import effect, seeds_to_settle
from src.show.tables import differences, interval, on_shared_seeds, seed_range

SMALLEST = 0.02  # points, two images in 10,000: no smaller difference is worth more seeds


def verdict(before: Sequence[Record], after: Sequence[Record]) -> str:
    """Say what the paired differences of two experiments show, on the seeds that both have (one at least)."""
    other, name = before[0].experiment, after[0].experiment
    paired, (_, shared) = differences(before, after), on_shared_seeds(before, after)
    several, of = len(shared) > 1, seed_range(shared)
    seeds = f"the {len(shared)} seeds that both have ({of})" if several else f"seed {of}"
    change = f"Against {other}, on {seeds}, the test accuracy of {name} changes by {interval(paired, True)} points"
    match effect(paired):
        case "too few seeds":
            sentences = [f"{change}: three seeds are the fewest that tell a change from chance."]
        case "no difference shown":
            sentences = [f"{change} (95 % interval): no difference shown.", *_seeds_needed(paired, before)]
        case shown:
            sentences = [f"{change} (95 % interval): the change {shown}.", *_few_images(paired, after)]

    if lacking := [record for record in after if record not in shared]:
        sentences.append(f"{other} lacks {seed_range(lacking)} of the seeds: they count in the table only.")
    return " ".join(sentences)


def _few_images(paired, after):  # that a difference stands for: scatter over seeds says nothing of other images
    images = len(after[0].predictions)
    if (different := abs(fmean(paired)) / 100 * images) < 2.5:
        return [f"That is about {max(round(different), 1)} of {images:,} test images; more of these would tell better."]
    return []


def _seeds_needed(paired, before):  # to show a difference as large as the mean of these, if these are not enough
    size, deviation = max(round(abs(fmean(paired)), 2), SMALLEST), stdev(paired)
    if deviation > 10 * size:
        return [f"At this scatter it would take hundreds of seeds to show a difference of {size:.2f} points."]
    needed = seeds_to_settle(size, deviation)
    if needed <= len(paired):
        return []
    recorded = set(range(needed)) <= {record.seed for record in before}
    hint = f"try seeds=range({needed})" if recorded else f"{before[0].experiment} has {len(before)} recorded"
    return [f"At this scatter about {needed} seeds would show a difference of {size:.2f} points; {hint}."]
