"""Sentences on one run, in Markdown: what it shows, how far it can be trusted, and whether its target is met."""

import operator
from collections.abc import Sequence
from statistics import fmean

from src.checks import Condition
from src.runs.names import epochs_set
from src.runs.records import Record
from src.show.significance import sampling_error
from src.show.tables import QUANTITIES, values

RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def verdicts(target: Sequence[Condition], records: Sequence[Record]) -> list[str]:
    """Say of each Condition what the records have on average (at worst, for a lowest), and whether it is met."""
    lines = []
    for condition in target:
        numbers = values(records, condition.quantity)
        value = min(numbers) if condition.quantity.startswith("lowest") else fmean(numbers)
        shown = f"{value:,.0f}" if condition.quantity in ("parameters", "epochs") else f"{value:.2f}"
        met = RELATIONS[condition.relation](value, condition.bound)
        lines.append(f"{condition}: {shown}, {'met' if met else '**missed**'}")
    return lines


def analysis(record: Record, target: Sequence[Condition]) -> str:
    """Say what one run shows, how far it can be trusted, and whether its target is met."""
    train, test, gap = (QUANTITIES[name](record) for name in ("train accuracy", "test accuracy", "generalization gap"))
    best = max(record.history, key=lambda epoch: epoch.test_accuracy)
    error, epochs = 100 * sampling_error(test / 100, len(record.predictions)), len(record.history)
    early = epochs < 3  # the network still changes too much to speak of a gap or of the best epoch
    gap_reading = f"a generalization gap of {gap:+.2f} points; {reading_of(gap, error)}"
    reading = "too early to speak of over-fitting" if early else gap_reading
    lines = [
        f"After {epochs} epoch{'' if epochs == 1 else 's'} {train:.2f} % of the training images are classified right, "
        f"as they are, and {test:.2f} % of the test images: {reading}.",
        f"On {len(record.predictions):,} test images this accuracy carries a sampling error of ±{error:.2f} "
        "points (95 %), before any difference between seeds.",
    ]
    if not early:
        lines.append(
            f"The best epoch was number {best.epoch} with {100 * best.test_accuracy:.2f} %. Reporting it would add "
            f"{100 * best.test_accuracy - test:.2f} points of test-set selection bias; the series reports the last."
        )
    lines += [f"Target {line}." for line in verdicts(target, [record])]
    if not target and record.experiment.endswith(epochs_set(epochs)):
        lines.append(f"The number of epochs was set to {epochs} for this run, so its target is not judged.")
    return "\n".join(f"- {line}" for line in lines)


def reading_of(gap: float, error: float) -> str:
    """Say what a generalization gap, in points, means beside the sampling error of the test set."""
    if abs(gap) <= error:
        return "no more than the sampling error of the test set"
    if gap < 0:
        return "the test images are easier than the training images"
    return "over-fitting, beyond the sampling error of the test set"
