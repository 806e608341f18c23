"""Sentences on one run, in Markdown: what it shows, how far it can be trusted, and whether its target is met."""

import operator
from collections.abc import Sequence
from statistics import fmean

from src.checks import Condition
from src.runs.names import epochs_set
from src.runs.progress import at_chance
from src.runs.records import Record, decoded
from src.show.significance import TEST_TO_TRAIN, effect, sampling_error
from src.show.tables import QUANTITIES, interval, values

RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
GAP = "generalization gap"
EASIER = "MNIST's test images are easier than its training images"
NOT_JUDGED = 'not judged here; `report(train(experiment, seed=0, split="resplit-0"))` judges it on equally hard images'


def verdicts(target: Sequence[Condition], records: Sequence[Record], resplits: Sequence[Record] = ()) -> list[str]:
    """Say of each Condition what the records have on average (at worst, for a lowest), and whether it is met.

    resplits: what judges a generalization gap, records on re-splits, whose two parts are equally hard."""
    lines = []
    for condition in target:
        judges, where = (resplits, f" on {_named(resplits)}") if condition.quantity == GAP else (records, "")
        if not judges:
            lines.append(f"{condition}: {NOT_JUDGED}")
            continue
        numbers = values(judges, condition.quantity)
        value = min(numbers) if condition.quantity.startswith("lowest") else fmean(numbers)
        shown = f"{value:,.0f}" if condition.quantity in ("parameters", "epochs") else f"{value:.2f}"
        met = RELATIONS[condition.relation](value, condition.bound)
        lines.append(f"{condition}: {shown}{where}, {'met' if met else '**missed**'}")
    return lines


def analysis(record: Record, target: Sequence[Condition], resplits: Sequence[Record] = ()) -> str:
    """Say what one run shows, how far it can be trusted, and whether its target is met; resplits: as in verdicts()."""
    train, test, gap = (QUANTITIES[name](record) for name in ("train accuracy", "test accuracy", GAP))
    best = max(record.history, key=lambda epoch: epoch.test_accuracy)
    error, epochs = 100 * sampling_error(test / 100, len(record.predictions)), len(record.history)
    early = epochs < 3  # the network still changes too much to speak of a gap or of the best epoch
    kind = "validation" if record.split == "validation" else "test"
    reading = "too early to speak of over-fitting" if early else f"a generalization gap of {gap:+.2f} points"
    lines = [
        f"After {epochs} epoch{'' if epochs == 1 else 's'} {train:.2f} % of the training images are classified right, "
        f"as they are, and {test:.2f} % of the {kind} images: {reading}.",
        f"On {len(record.predictions):,} {kind} images the accuracy carries a sampling error of ±{error:.2f} "
        "points (95 %), before any difference between seeds.",
    ]
    if not early:
        lines[0] += f" {EASIER}; on equally hard images the gap is larger." * (
            record.split == "test" and not record.labels
        )
        lines += [over_fitting(resplits)] if resplits else []
        lines.append(
            f"The best epoch was number {best.epoch} with {100 * best.test_accuracy:.2f} %. Reporting it would add "
            f"{100 * best.test_accuracy - test:.2f} points of {kind}-set selection bias"
            f"{'; the series reports the last' * (record.final is record.history[-1])}."
        )
    hint = at_chance(record.final.test_accuracy, decoded(record.truth), record.classes)
    lines += [hint] * bool(hint)
    lines += [f"Target {line}." for line in verdicts(target, [record], resplits)]
    if not target and record.experiment.endswith(epochs_set(epochs)):
        lines.append(f"The number of epochs was set to {epochs} for this run, so its target is not judged.")
    return "\n".join(f"- {line}" for line in lines)


def over_fitting(resplits: Sequence[Record]) -> str:
    """Say what the generalization gap is on re-splits, and whether it is over-fitting beyond chance."""
    gaps = values(resplits, GAP)
    readings = {"helps": "over-fitting", "too few seeds": "too few to speak of over-fitting"}
    reading = readings.get(effect(gaps, TEST_TO_TRAIN), "no over-fitting shown")
    gap = interval(gaps, signed=True, test_to_train=TEST_TO_TRAIN)
    return f"On {_named(resplits)} the {GAP} is {gap} points: {reading}."


def _named(resplits):
    return f"{len(resplits)} re-split{'' if len(resplits) == 1 else 's'}"
