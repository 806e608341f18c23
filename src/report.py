"""Words and tables from records: what a reader sees of the numbers. Nothing in here is typed by hand."""

import math
import operator
from statistics import stdev

from src import data
from src.experiments import LADDER, LEAVE_ONE_OUT, MODEL4, SERIES, UNDROPPED, changes
from src.statistics import effect, mcnemar, mean_interval, sampling_error, seeds_to_settle

QUANTITIES = {
    "train accuracy": lambda record: 100 * record.final.train_accuracy,
    "test accuracy": lambda record: 100 * record.final.test_accuracy,
    "best epoch": lambda record: 100 * record.best_accuracy,
    "gap": lambda record: 100 * (record.final.train_accuracy - record.final.test_accuracy),
    "lowest of the last three epochs": lambda record: 100 * min(epoch.test_accuracy for epoch in record.history[-3:]),
    "parameters": lambda record: record.parameters,
    "epochs": lambda record: len(record.history),
}
COUNTS = ["parameters", "epochs"]
COMMON_SEEDS = 5  # every experiment has at least the seeds 0 to 4
RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def values(records, quantity):
    """A quantity of each record, accuracies in percent."""
    return [QUANTITIES[quantity](record) for record in records]


def interval(numbers, signed=False):
    """Mean of numbers with its 95 % interval where there are several, as text."""
    mean, half_width = mean_interval(numbers)
    text = f"{mean:+.2f}" if signed else f"{mean:.2f}"
    return text if math.isnan(half_width) else f"{text} ± {half_width:.2f}"


def differences(before, after, quantity="test accuracy"):
    """After minus before for the seeds that both have, accuracies in points."""
    by_seed = {record.seed: QUANTITIES[quantity](record) for record in before}
    return [QUANTITIES[quantity](record) - by_seed[record.seed] for record in after if record.seed in by_seed]


# Tables: lists of rows, the first of which is the header.


def summary(found):
    """A row per experiment that has records; found: name -> records."""
    split = next((records[0].split for records in found.values() if records), "test")
    header = [
        "model",
        "parameters",
        "epochs",
        "seeds",
        "train %",
        f"{split} %",
        "lowest of last 3 epochs",
        "best epoch %",
    ]
    return [header] + [
        [
            name,
            f"{records[0].parameters:,}",
            f"{len(records[0].history)}",
            f"{len(records)}",
            interval(values(records, "train accuracy")),
            interval(values(records, "test accuracy")),
            f"{min(values(records, 'lowest of the last three epochs')):.2f}",
            interval(values(records, "best epoch")),
        ]
        for name, records in found.items()
        if records
    ]


def ladder(found):
    """The ladder: what each step adds to the one before it, and how far it is from Model4."""
    rows = [
        ["step", "what changes", "parameters", "test %", "against before", "effect", "McNemar p", "Model4 minus it"]
    ]
    for before, step in zip([None, *LADDER], LADDER, strict=False):
        records = found[step.name]
        rows.append(
            [
                step.name,
                "; ".join(changes(before, step)) if before else f"starts with {step.layer_line}",
                f"{records[0].parameters:,}",
                interval(values(records, "test accuracy")),
                *(_comparison(found[before.name], records) if before else ["", "", ""]),
                "" if step is MODEL4 else interval(differences(records, found[MODEL4.name]), signed=True),
            ]
        )
    return rows


def leave_one_out(found):
    """Each technique that Model4 has, or does without, with everything else as in Model4."""
    rows = [["technique", "without %", "with %", "with minus without", "effect", "McNemar p"]]
    for without, with_it in LEAVE_ONE_OUT:
        pair = [found[without.name], found[with_it.name]]
        accuracies = [interval(values(records, "test accuracy")) for records in pair]
        rows.append(["; ".join(changes(without, with_it)), *accuracies, *_comparison(*pair)])
    return rows


def optimism(found):
    """What picking the best epoch on the test set adds to the accuracy of the last one."""
    rows = [["model", "seeds", "last epoch %", "best epoch %", "picking adds", "gap between train and test"]]
    for name, records in found.items():
        last, best = values(records, "test accuracy"), values(records, "best epoch")
        added = [after - before for before, after in zip(last, best, strict=True)]
        gaps = interval(values(records, "gap"), signed=True)
        rows.append([name, f"{len(records)}", interval(last), interval(best), interval(added, signed=True), gaps])
    return rows


def choices(choices, tried):
    """What was tried on the validation split.

    choices: a dict from an Experiment to those that change it; tried: name -> records of that split.
    """
    rows = [["start", "what changes", "seeds", "validation %", "validation loss", "difference in points", "effect"]]
    for start, others in choices.items():
        for other in [start, *others]:
            records = tried[other.name]
            losses = [record.final.test_loss for record in records]
            paired = differences(tried[start.name], records)
            rows.append(
                [
                    start.name,
                    "; ".join(changes(start, other)) or "nothing",
                    f"{len(records)}",
                    interval(values(records, "test accuracy")),
                    f"{sum(losses) / len(losses):.4f}",
                    *(["", ""] if other is start else [interval(paired, signed=True), effect(paired)]),
                ]
            )
    return rows


def _comparison(before, after):
    """Paired difference, its effect in words, and McNemar's p for the first seed that both have."""
    paired = differences(before, after)
    labels = data.load("test").labels.tolist()
    first = min({record.seed for record in before} & {record.seed for record in after})
    right = [
        [int(digit) == label for digit, label in zip(record.predictions, labels, strict=True)]
        for records in (before, after)
        for record in records
        if record.seed == first
    ]
    return [interval(paired, signed=True), effect(paired), f"{mcnemar(*right):.2g}"]


def text(rows):
    """A table for the terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def markdown(rows):
    """A table in Markdown; columns of numbers are on the right."""
    header, *body = rows
    ruler = [
        "---:" if any(row[i][:1] in "0123456789+-" for row in body if row[i]) else "---" for i in range(len(header))
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ruler, *body])


# Sentences.


def verdicts(target, records):
    """Each Condition of a target, what the records have on average (at worst, for a lowest), and whether it is met."""
    lines = []
    for condition in target:
        numbers = values(records, condition.quantity)
        value = min(numbers) if condition.quantity.startswith("lowest") else sum(numbers) / len(numbers)
        shown = f"{value:,.0f}" if condition.quantity in COUNTS else f"{value:.2f}"
        met = "met" if RELATIONS[condition.relation](value, condition.bound) else "**missed**"
        lines.append(f"{condition}: {shown}, {met}")
    return lines


def analysis(record, target):
    """What one run says, how far it can be trusted, and whether its target is met, in Markdown."""
    train, test = QUANTITIES["train accuracy"](record), QUANTITIES["test accuracy"](record)
    best = max(record.history, key=lambda epoch: epoch.test_accuracy)
    error = 100 * sampling_error(record.final.test_accuracy, len(record.predictions))
    return "\n".join(
        [
            f"- After {len(record.history)} epochs {train:.2f} % of the training images were classified right "
            f"while learning, and {test:.2f} % of the test images: a gap of {train - test:+.2f} points; "
            f"{_reading(train - test, error)}.",
            f"- On {len(record.predictions):,} test images this accuracy carries a sampling error of ±{error:.2f} "
            "points (95 %), before any difference between seeds.",
            f"- The best epoch was number {best.epoch} with {100 * best.test_accuracy:.2f} %. Reporting it would add "
            f"{100 * best.test_accuracy - test:.2f} points by choosing on the test set; the series reports the last.",
            *(f"- Target {line}." for line in verdicts(target, [record])),
        ]
    )


def _reading(gap, error):
    """What a gap between train and test accuracy, in points, says beside the sampling error of the test set."""
    if gap > error:
        return "the network knows its training images better than digits in general"
    if gap < -error:
        return "what the network sees while training is harder than the test"
    return "no more than the sampling error of the test set"


def log(name, found):
    """Results and Analysis of a model of the series over its recorded seeds, in Markdown."""
    records, models = found[name], list(SERIES)
    tests, gap = values(records, "test accuracy"), sum(values(records, "gap")) / len(records)
    error = 100 * sampling_error(tests[0] / 100, len(records[0].predictions))
    lines = [
        f"**Results** ({len(records)} seeds, last of {len(records[0].history)} epochs): "
        f"train {interval(values(records, 'train accuracy'))} %, test {interval(tests)} % "
        f"(from {min(tests):.2f} to {max(tests):.2f}), {records[0].parameters:,} parameters.",
        "",
        f"**Analysis.** The gap between train and test accuracy is {gap:+.2f} points: {_reading(gap, error)}.",
    ]
    if name != models[0]:
        before = models[models.index(name) - 1]
        paired = differences(found[before], records)
        lines[-1] += (
            f" Against {before}, seed by seed, the test accuracy changes by {interval(paired, signed=True)} points: "
            f"{_sentence(effect(paired))}."
        )
    met = "; ".join(verdicts(SERIES[name].target, records[:COMMON_SEEDS]))
    return "\n".join([*lines, "", f"Target, over the first {COMMON_SEEDS} seeds: {met}."])


def _sentence(effect_in_words):
    return {"helps": "the step helps", "hurts": "the step hurts"}.get(effect_in_words, effect_in_words)


def trust(found):
    """How much one run of Model4 says, and how many would settle a small difference, in Markdown."""
    records = found[MODEL4.name]
    tests = values(records, "test accuracy")
    error = 100 * sampling_error(sum(tests) / len(tests) / 100, len(records[0].predictions))
    paired = differences(found[UNDROPPED.name], records)
    deviation = stdev(paired)
    return (
        f"Over {len(tests)} seeds Model4 ends between {min(tests):.2f} and {max(tests):.2f} %, with a mean of "
        f"{interval(tests)} %. On {len(records[0].predictions):,} images such an accuracy carries a sampling error of "
        f"±{error:.2f} points of its own: the seeds say how the recipe varies on these images, not on others. "
        f"Paired differences between Model4 and the step before it scatter by {deviation:.3f} points from seed to "
        f"seed; at that scatter {seeds_to_settle(0.05, deviation)} seeds would settle a difference of 0.05 points, "
        f"and {seeds_to_settle(0.02, deviation)} one of 0.02."
    )
