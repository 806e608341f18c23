"""Words and tables from records: what a reader sees of the numbers."""

import math
import operator

from src.experiments import SERIES
from src.statistics import mean_interval, sampling_error

QUANTITIES = {
    "train accuracy": lambda record: 100 * record.final.train_accuracy,
    "test accuracy": lambda record: 100 * record.final.test_accuracy,
    "gap": lambda record: 100 * (record.final.train_accuracy - record.final.test_accuracy),
    "lowest of the last three epochs": lambda record: 100 * min(epoch.test_accuracy for epoch in record.history[-3:]),
    "parameters": lambda record: record.parameters,
    "epochs": lambda record: len(record.history),
}
RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

COLUMNS = {
    "model": lambda records: records[0].experiment,
    "parameters": lambda records: f"{records[0].parameters:,}",
    "epochs": lambda records: f"{len(records[0].history)}",
    "seeds": lambda records: f"{len(records)}",
    "train %": lambda records: percent([record.final.train_accuracy for record in records]),
    "test %": lambda records: percent([record.final.test_accuracy for record in records]),
    "lowest of last 3": lambda records: f"{min(map(QUANTITIES['lowest of the last three epochs'], records)):.2f}",
    "best epoch": lambda records: percent([record.best_accuracy for record in records]),
}


def percent(fractions):
    """Mean of fractions in percent, with its 95 % interval where there are several."""
    mean, half_width = mean_interval([100 * fraction for fraction in fractions])
    return f"{mean:.2f}" if math.isnan(half_width) else f"{mean:.2f} ± {half_width:.2f}"


def table(found):
    """A row per experiment that has records, as text; found: name -> records."""
    lines = _rows(found)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def markdown_table(found):
    """The same rows in Markdown."""
    header, *body = _rows(found)
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] + ["---:"] * (len(header) - 1), *body])


def _rows(found):
    return [list(COLUMNS)] + [[cell(records) for cell in COLUMNS.values()] for records in found.values() if records]


def verdicts(target, records):
    """Each Condition of a target with what the records have on average, and whether it is met."""
    lines = []
    for condition in target:
        value = sum(map(QUANTITIES[condition.quantity], records)) / len(records)
        met = RELATIONS[condition.relation](value, condition.bound)
        shown = f"{value:,.0f}" if condition.quantity in ("parameters", "epochs") else f"{value:.2f}"
        lines.append(f"{condition}: {shown}, {'met' if met else '**missed**'}")
    return lines


def analysis(record):
    """What one run says and how far it can be trusted, in Markdown."""
    train, test = QUANTITIES["train accuracy"](record), QUANTITIES["test accuracy"](record)
    gap = train - test
    best = max(record.history, key=lambda epoch: epoch.test_accuracy)
    error = 100 * sampling_error(record.final.test_accuracy, len(record.predictions))
    reading = (
        "it knows its training images better than digits in general"
        if gap > error
        else "what it sees in training is harder than the test"
        if gap < 0
        else "no more than the sampling error of the test set"
    )
    return "\n".join(
        [
            f"- After {len(record.history)} epochs {train:.2f} % of the training images were classified right "
            f"while learning, and {test:.2f} % of the test images: a gap of {gap:.2f} points; {reading}.",
            f"- On {len(record.predictions):,} test images this accuracy carries a sampling error of ±{error:.2f} "
            "points (95 %), before any difference between seeds.",
            f"- The best epoch was number {best.epoch} with {100 * best.test_accuracy:.2f} %. Reporting it would add "
            f"{100 * best.test_accuracy - test:.2f} points by choosing on the test set; the series reports the last.",
            *(f"- Target {line}." for line in verdicts(SERIES[record.experiment].target, [record])),
        ]
    )
