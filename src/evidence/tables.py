"""Tables from records, row by row, in Markdown or for the terminal. No number is typed by hand."""

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from src import InputError
from src.evidence.significance import effect, mcnemar, mean_interval
from src.experiments import MODEL4, Experiment, changes
from src.runs.records import Record
from src.studies.ladder import LADDER, LEAVE_ONE_OUT

Records = dict[str, list[Record]]  # name of an experiment -> its records in the order of seeds
Row = dict[str, str]  # column -> cell; the same columns in every row of a table

QUANTITIES = {  # accuracies in percent, the gap in points
    "train accuracy": lambda record: 100 * record.final.train_accuracy,
    "test accuracy": lambda record: 100 * record.final.test_accuracy,
    "best epoch": lambda record: 100 * max(epoch.test_accuracy for epoch in record.history),  # chosen on the split
    "generalization gap": lambda record: 100 * (record.final.train_accuracy - record.final.test_accuracy),
    "lowest of the last three epochs": lambda record: 100 * min(epoch.test_accuracy for epoch in record.history[-3:]),
    "parameters": lambda record: record.parameters,
    "epochs": lambda record: len(record.history),
}


def values(records: Sequence[Record], quantity: str) -> list[float]:
    """Return one of QUANTITIES of each record."""
    return [QUANTITIES[quantity](record) for record in records]


def differences(before: Sequence[Record], after: Sequence[Record]) -> list[float]:
    """Return the test accuracy after minus before, in points, for each seed that both have."""
    old, new = ({record.seed: 100 * record.final.test_accuracy for record in records} for records in (before, after))
    return [new[seed] - old[seed] for seed in new if seed in old]


def interval(numbers: Sequence[float], signed: bool = False) -> str:
    """Return the mean of numbers as text, with its 95 % interval where there are several."""
    mean, half_width = mean_interval(numbers)
    text = f"{mean:+.2f}" if signed else f"{mean:.2f}"
    return text if math.isnan(half_width) else f"{text} ± {half_width:.2f}"


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
            "train %": interval(values(records, "train accuracy")),
            f"{records[0].split} %": interval(values(records, "test accuracy")),
            "lowest of last 3 epochs": f"{min(values(records, 'lowest of the last three epochs')):.2f}",
            "best epoch %": interval(values(records, "best epoch")),
        }
        for name, records in records_by_name.items()
        if records
    ]


def ladder(records_by_name: Records) -> Iterator[Row]:
    """Show what each step of the ladder adds to the one before it, and how far it is from Model4."""
    for before, step in zip([None, *LADDER], LADDER, strict=False):
        records = records_by_name[step.name]
        to_model4 = differences(records, records_by_name[MODEL4.name])
        yield {
            "step": step.name,
            "what changes": "; ".join(changes(before, step)) if before else f"starts with {step.layer_line}",
            "parameters": f"{records[0].parameters:,}",
            "test %": interval(values(records, "test accuracy")),
            **_comparison("against before", records_by_name[before.name] if before else [], records),
            "Model4 minus it": "" if step is MODEL4 else interval(to_model4, signed=True),
        }


def leave_one_out(records_by_name: Records) -> Iterator[Row]:
    """Show each technique that Model4 has, or does without, with everything else as in Model4."""
    for without, with_it in LEAVE_ONE_OUT:
        records_without, records_with = records_by_name[without.name], records_by_name[with_it.name]
        yield {
            "technique": "; ".join(changes(without, with_it)),
            "without %": interval(values(records_without, "test accuracy")),
            "with %": interval(values(records_with, "test accuracy")),
            **_comparison("with minus without", records_without, records_with),
        }


def _comparison(heading, before, after):
    """Return the cells of a paired comparison, empty without records before: difference, effect, McNemar's p."""
    if not before:
        return {heading: "", "effect": "", "McNemar p": ""}
    paired = differences(before, after)
    seed = min({record.seed for record in before} & {record.seed for record in after})
    right = [next(record.right for record in records if record.seed == seed) for records in (before, after)]
    return {heading: interval(paired, signed=True), "effect": effect(paired), "McNemar p": f"{mcnemar(*right):.2g}"}


def selection_bias(records_by_name: Records) -> Iterator[Row]:
    """Show what picking the best epoch on the test set adds to the accuracy of the last one."""
    for name, records in records_by_name.items():
        last, best = values(records, "test accuracy"), values(records, "best epoch")
        bias = [after - before for before, after in zip(last, best, strict=True)]
        yield {
            "model": name,
            "seeds": f"{len(records)}",
            "last epoch %": interval(last),
            "best epoch %": interval(best),
            "selection bias": interval(bias, signed=True),
            "generalization gap": interval(values(records, "generalization gap"), signed=True),
        }


def choices(choices: dict[Experiment, list[Experiment]], trials_by_name: Records) -> Iterator[Row]:
    """Show what was compared on the validation split: experiments -> their changes, with the records of that split."""
    for start, others in choices.items():
        for other in [start, *others]:
            records = trials_by_name[other.name]
            paired = differences(trials_by_name[start.name], records)
            yield {
                "start": start.name,
                "what changes": "; ".join(changes(start, other)) or "nothing",
                "seeds": f"{len(records)}",
                "validation %": interval(values(records, "test accuracy")),
                "validation loss": f"{fmean(record.final.test_loss for record in records):.4f}",
                "difference in points": "" if other is start else interval(paired, signed=True),
                "effect": "" if other is start else effect(paired),
            }


def text(rows: Iterable[Row]) -> str:
    """Return a table for the terminal."""
    lines = _lines(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def markdown(rows: Iterable[Row]) -> str:
    """Return a table in Markdown; columns of numbers are on the right."""
    header, *body = _lines(rows)
    numeric = [any(cell[:1] in "0123456789+-" for cell in column if cell) for column in zip(*body, strict=True)]
    ruler = ["---:" if is_numeric else "---" for is_numeric in numeric]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ruler, *body])


def _lines(rows):
    """Return the cells of one or more rows, below those of the header."""
    first, *others = rows
    return [list(first), *(list(row.values()) for row in [first, *others])]
