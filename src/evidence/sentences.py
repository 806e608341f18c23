"""Sentences from records, in Markdown: what a run or an experiment says, and how far it can be trusted."""

import operator
from collections.abc import Sequence
from statistics import fmean, stdev

from src.evidence import tables
from src.evidence.significance import RESPLITS, effect, sampling_error, seeds_to_settle
from src.evidence.tables import QUANTITIES, Records, differences, interval, values
from src.experiments import MODEL3, MODEL4, SERIES, Condition
from src.runs.records import Record
from src.studies.names import epochs_were_set

EPOCHS_TO_READ_A_GAP = 3
RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def verdicts(target: Sequence[Condition], records: Sequence[Record]) -> list[str]:
    """Say of each Condition what the records have on average (at worst, for a lowest), and whether it is met."""
    lines = []
    for condition in target:
        value = _value(condition, records)
        shown = f"{value:,.0f}" if condition.quantity in ("parameters", "epochs") else f"{value:.2f}"
        lines.append(f"{condition}: {shown}, {met_or_missed([condition], records)}")
    return lines


def met_or_missed(target: Sequence[Condition], records: Sequence[Record]) -> str:
    """Say in Markdown whether a whole target is met."""
    met = all(RELATIONS[condition.relation](_value(condition, records), condition.bound) for condition in target)
    return "met" if met else "**missed**"


def _value(condition, records):
    """Return what the records have of the quantity of a Condition: the mean, or the least for a lowest."""
    numbers = values(records, condition.quantity)
    return min(numbers) if condition.quantity.startswith("lowest") else fmean(numbers)


def analysis(record: Record, target: Sequence[Condition]) -> str:
    """Say what one run shows, how far it can be trusted, and whether its target is met.

    Before EPOCHS_TO_READ_A_GAP epochs the network still changes a lot, so nothing is said of a gap or of the best
    epoch. The target of a run whose number of epochs was set (EPOCHS=1) is not judged.
    """
    train, test, gap = (QUANTITIES[name](record) for name in ("train accuracy", "test accuracy", "generalization gap"))
    best = max(record.history, key=lambda epoch: epoch.test_accuracy)
    error = _sampling_error(test, record)
    epochs = len(record.history)
    early = epochs < EPOCHS_TO_READ_A_GAP
    reading = f"a generalization gap of {gap:+.2f} points; {_reading(gap, error)}"
    if early:
        reading = "too early to speak of over-fitting"
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
    if not target and epochs_were_set(record.experiment, epochs):
        lines.append(f"The number of epochs was set to {epochs} for this run, so its target is not judged.")
    return "\n".join(f"- {line}" for line in lines)


def log(name: str, records_by_name: Records, resplits_by_name: Records) -> str:
    """Return Results and Analysis of a model of the series over its recorded seeds."""
    records, resplits = records_by_name[name], resplits_by_name[name]
    tests, gap = values(records, "test accuracy"), fmean(values(records, "generalization gap"))
    results = (
        f"**Results** ({len(records)} seeds, last of {len(records[0].history)} epochs): "
        f"train {interval(values(records, 'train accuracy'))} %, test {interval(tests)} % "
        f"(from {min(tests):.2f} to {max(tests):.2f}); on {len(resplits)} re-splits "
        f"{interval(values(resplits, 'test accuracy'), test_to_train=RESPLITS)} %, with a gap of "
        f"{fmean(values(resplits, 'generalization gap')):+.2f}; {records[0].parameters:,} parameters."
    )
    analysis = (
        f"**Analysis.** The generalization gap is {gap:+.2f} points: "
        f"{_reading(gap, _sampling_error(fmean(tests), records[0]))}."
    )
    for step in _steps_to(name, records_by_name):
        paired = differences(step.before, step.after)
        analysis += (
            f" {step.name} minus {step.before[0].experiment}, on {len(paired)} seeds: "
            f"{interval(paired, signed=True, places=3)} points ({effect(paired)})."
        )
    return f"{results}\n\n{analysis}\n\nTarget: {'; '.join(verdicts(SERIES[name].target, records))}."


def _steps_to(name, records_by_name):
    """Return the steps of the ladder that lead from the model before to this one."""
    steps = []
    for step in tables.ladder(records_by_name):
        steps.append(step)
        if step.name == name:
            break
        if step.name in SERIES:
            steps.clear()
    return steps


def trust(records_by_name: Records) -> str:
    """Say how much one run of Model4 shows, and how many would settle a small difference."""
    records = records_by_name[MODEL4.name]
    tests = values(records, "test accuracy")
    deviation = stdev(differences(records_by_name[MODEL3.name], records))
    return (
        f"Over {len(tests)} seeds Model4 ends between {min(tests):.2f} and {max(tests):.2f} %, with a mean of "
        f"{interval(tests)} %. On {len(records[0].predictions):,} images such an accuracy carries a sampling error of "
        f"±{_sampling_error(fmean(tests), records[0]):.2f} points of its own: the seeds say how the recipe varies on "
        "these images, not on others. Paired differences between Model4 and the step before it scatter by "
        f"{deviation:.3f} points from seed to seed; at that scatter {seeds_to_settle(0.05, deviation)} seeds would "
        f"give an interval of ±0.05 points, and {seeds_to_settle(0.02, deviation)} one of ±0.02."
    )


def _sampling_error(accuracy, record):
    """Return the half-width of the 95 % interval, in points, of an accuracy in percent on a record's test images."""
    return 100 * sampling_error(accuracy / 100, len(record.predictions))


def _reading(gap, error):
    """Say what a generalization gap, in points, means beside the sampling error of the test set."""
    if gap > error:
        return "over-fitting, beyond the sampling error of the test set"
    if gap < -error:
        return "the test images are easier than the training images"
    return "no more than the sampling error of the test set"
