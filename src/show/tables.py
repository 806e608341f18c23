"""Tables from records, row by row. No number is typed by hand."""

import math
from collections.abc import Iterable, Sequence

from src import InputError
from src.runs.records import Record
from src.show.significance import mean_interval

Records = dict[str, list[Record]]  # name of an experiment -> its records in the order of seeds
Row = dict[str, str]  # column -> cell; the same columns in every row of a table

QUANTITIES = {  # accuracies in percent, the gap in points
    "train accuracy": lambda record: 100 * record.train_accuracy,
    "train accuracy while learning": lambda record: 100 * record.final.train_accuracy,
    "test accuracy": lambda record: 100 * record.final.test_accuracy,
    "best epoch": lambda record: 100 * max(epoch.test_accuracy for epoch in record.history),  # chosen on the split
    "generalization gap": lambda record: 100 * (record.train_accuracy - record.final.test_accuracy),
    "lowest of the last three epochs": lambda record: 100 * min(epoch.test_accuracy for epoch in record.history[-3:]),
    "parameters": lambda record: record.parameters,
    "epochs": lambda record: len(record.history),
}


def values(records: Sequence[Record], quantity: str) -> list[float]:
    """Return one of QUANTITIES of each record."""
    return [QUANTITIES[quantity](record) for record in records]


def on_shared_seeds(*experiments: Sequence[Record]) -> list[list[Record]]:
    """Return the records of each experiment, those of seeds that all of them have."""
    shared = set.intersection(*({record.seed for record in records} for records in experiments))
    ordered = [sorted(records, key=lambda record: record.seed) for records in experiments]
    return [[record for record in records if record.seed in shared] for records in ordered]


def differences(before: Sequence[Record], after: Sequence[Record]) -> list[float]:
    """Return the test accuracy after minus before, in points, for each seed that both have."""
    old, new = (values(records, "test accuracy") for records in on_shared_seeds(before, after))
    return [later - earlier for earlier, later in zip(old, new, strict=True)]


def interval(numbers: Sequence[float], signed: bool = False, test_to_train: float = 0.0, places: int = 2) -> str:
    """Return the mean of numbers and its mean_interval() as text; one or two numbers as they are."""
    mean, half_width = mean_interval(numbers, test_to_train)
    form = f"{'+' if signed else ''}.{places}f"
    if math.isnan(half_width):
        return ", ".join(format(n, form) for n in numbers)
    return f"{mean:{form}} ± {half_width:.{places}f}"


def seed_range(records: Sequence[Record]) -> str:
    """Name the seeds of records, for example "0 to 4"."""
    seeds = [record.seed for record in records]
    whole = len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds))


def summary(records_by_name: Records) -> list[Row]:
    """Make a row per experiment that has records. Raises InputError if none has any."""
    if not any(records_by_name.values()):
        raise InputError("there are no runs to show yet; train the models with make run.")
    return [
        {
            "model": name,
            "parameters": f"{records[0].parameters:,}",
            "epochs": f"{len(records[0].history)}",
            "seeds": f"{len(records)}",
            "train % afterwards": interval(values(records, "train accuracy"))
            if all(record.train_accuracy for record in records)
            else "",
            f"{records[0].split} %": interval(values(records, "test accuracy")),
            "lowest of last 3 epochs": f"{min(values(records, 'lowest of the last three epochs')):.2f}",
        }
        for name, records in records_by_name.items()
        if records
    ]


def text(rows: Iterable[Row]) -> str:
    """Return a table for the terminal."""
    lines = lines_of(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def lines_of(rows: Iterable[Row]) -> list[list[str]]:
    """Return the cells of one or more rows, below those of the header."""
    first, *others = rows
    return [list(first), *(list(row.values()) for row in [first, *others])]
