"""Tables from records, row by row, in Markdown or for the terminal. No number is typed by hand."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os.path import commonprefix
from statistics import fmean

from src import InputError
from src.evidence.significance import RESPLITS, effect, mcnemar, mean_interval
from src.experiments import MODEL4, Experiment
from src.runs.records import Record
from src.studies.changed import changes
from src.studies.ladder import LADDER, LEAVE_ONE_OUT
from src.studies.rates import BY_RATE

Records = dict[str, list[Record]]  # name of an experiment -> its records in the order of seeds
Row = dict[str, str]  # column -> cell; the same columns in every row of a table

QUANTITIES = {  # accuracies in percent, the gap in points
    "train accuracy": lambda record: 100 * record.train_accuracy,
    "accuracy while learning": lambda record: 100 * record.final.train_accuracy,
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
    return [[record for record in records if record.seed in shared] for records in experiments]


def differences(before: Sequence[Record], after: Sequence[Record]) -> list[float]:
    """Return the test accuracy after minus before, in points, for each seed that both have."""
    old, new = (values(records, "test accuracy") for records in on_shared_seeds(before, after))
    return [later - earlier for earlier, later in zip(old, new, strict=True)]


def interval(numbers: Sequence[float], signed: bool = False, test_to_train: float = 0.0, places: int = 2) -> str:
    """Return the mean of numbers and its mean_interval() as text; one or two numbers as they are.

    places: decimal places; with three, the means of ten seeds are exact, so that their differences subtract.
    """
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
            "train %": interval(values(records, "train accuracy")) if _have_train_accuracy(records) else "",
            f"{records[0].split} %": interval(values(records, "test accuracy")),
            "lowest of last 3 epochs": f"{min(values(records, 'lowest of the last three epochs')):.2f}",
            "best epoch %": interval(values(records, "best epoch")),
        }
        for name, records in records_by_name.items()
        if records
    ]


def _have_train_accuracy(records):
    return all(record.train_accuracy is not None for record in records)


def with_resplits(rows: Iterable[Row], resplits_by_name: Records) -> list[Row]:
    """Return rows of summary() with the accuracy on re-splits of all digits."""

    def cell(records):
        return {f"{len(records)} re-splits %": interval(values(records, "test accuracy"), test_to_train=RESPLITS)}

    return [row | cell(resplits_by_name[row["model"]]) for row in rows]


@dataclass(frozen=True)
class Comparison:
    """An experiment and a change to it, on the seeds that both have."""

    name: str  # of the changed experiment
    change: str
    before: list[Record]
    after: list[Record]

    def cells(self) -> Row:
        """Return the cells of a table that say what the change does, and McNemar's p for the first seed."""
        paired = differences(self.before, self.after)
        p = mcnemar(self.before[0].right, self.after[0].right)
        return {"change in points": interval(paired, True, places=3), "effect": effect(paired), "McNemar p": f"{p:.2g}"}


def compare(before: Experiment, after: Experiment, records_by_name: Records) -> Comparison:
    """Make the Comparison of two experiments; of their layer lines it names what differs (…: other words)."""
    old, new = before.layer_line.split(), after.layer_line.split()
    start = len(commonprefix([old, new]))
    end = len(commonprefix([old[start:][::-1], new[start:][::-1]]))
    words = (" ".join(["…"] * (start > 0) + line[start : len(line) - end] + ["…"] * (end > 0)) for line in (old, new))
    parts = sorted(changes(before, after), key=lambda part: part.startswith("schedule"))  # a technique, then its rate
    change = "; ".join(parts).replace(f"{before.layer_line} → {after.layer_line}", " → ".join(words))
    shared = on_shared_seeds(records_by_name[before.name], records_by_name[after.name])
    return Comparison(after.name, change, *shared)


def ladder(records_by_name: Records) -> list[Comparison]:
    """Compare each step of the ladder with the one before it, all on the same seeds."""
    names = [step.name for step in LADDER]
    shared = on_shared_seeds(*(records_by_name[name] for name in names))
    rungs = dict(zip(names, shared, strict=True))
    return [compare(before, after, rungs) for before, after in pairwise(LADDER)]


def leave_one_out(records_by_name: Records) -> list[Comparison]:
    """Compare Model4 without and with each technique that it has, or does without."""
    return [compare(without, with_it, records_by_name) for without, with_it in LEAVE_ONE_OUT]


def ladder_table(comparisons: Sequence[Comparison]) -> Iterator[Row]:
    """Show each step of the ladder, and what it changes."""

    start, cells = comparisons[0].before, comparisons[0].cells()

    def row(name, change, records, cells):
        return {
            "step": name,
            "what changes": change,
            "parameters": f"{records[0].parameters:,}",
            f"test %, seeds {seed_range(start)}": interval(values(records, "test accuracy"), places=3),
            **cells,
        }

    yield row(start[0].experiment, "", start, dict.fromkeys(cells, ""))
    yield from (row(each.name, each.change, each.after, each.cells()) for each in comparisons)


def leave_one_out_table(comparisons: Sequence[Comparison]) -> Iterator[Row]:
    """Show each technique of Model4, with everything else as in Model4."""
    for each in comparisons:
        yield {
            "what changes": each.change,
            "seeds": seed_range(each.after),
            "before %": interval(values(each.before, "test accuracy"), places=3),
            "after %": interval(values(each.after, "test accuracy"), places=3),
            **each.cells(),
        }


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
            records, comparison = trials_by_name[other.name], compare(start, other, trials_by_name)
            paired = differences(comparison.before, comparison.after)
            yield {
                "start": start.name,
                "what changes": comparison.change or "nothing",
                "seeds": seed_range(records),
                "validation %": interval(values(records, "test accuracy")),
                "validation loss": f"{fmean(record.final.test_loss for record in records):.4f}",
                "change in points, same seeds": "" if other is start else interval(paired, signed=True),
                "effect": "" if other is start else effect(paired),
            }


def by_rate(step: Experiment, trials_by_name: Records) -> dict[float, list[Record]]:
    """Return the trials of a step of the ladder by their learning rate, those of seeds that all of them have."""
    trials = on_shared_seeds(*(trials_by_name[trial.name] for trial in BY_RATE[step].values()))
    return dict(zip(BY_RATE[step], trials, strict=True))


def rates(trials_by_name: Records) -> Iterator[Row]:
    """Show the mean validation accuracy of each step of the ladder at each learning rate, the best in bold."""
    for step in BY_RATE:
        trials = by_rate(step, trials_by_name)
        means = {rate: fmean(values(records, "test accuracy")) for rate, records in trials.items()}
        best = max(means.values())
        cells = {f"{rate:g}": f"**{mean:.3f}**" if mean == best else f"{mean:.3f}" for rate, mean in means.items()}
        yield {"step": step.name, "seeds": seed_range(next(iter(trials.values()))), **cells}


def resplits(tests_by_name: Records, resplits_by_name: Records) -> Iterator[Row]:
    """Show experiments on the test set and on re-splits of all digits, and how Model4 stands beside each there."""

    def on_resplits(numbers, signed=False):
        return interval(numbers, signed, test_to_train=RESPLITS, places=3)

    for name, records in resplits_by_name.items():
        paired, is_other = differences(records, resplits_by_name[MODEL4.name]), name != MODEL4.name
        yield {
            "experiment": name,
            "parameters": f"{records[0].parameters:,}",
            "test %": interval(values(tests_by_name[name], "test accuracy"), places=3),
            "seeds": f"{len(tests_by_name[name])}",
            f"{len(records)} re-splits %": on_resplits(values(records, "test accuracy")),
            "generalization gap there": on_resplits(values(records, "generalization gap"), signed=True),
            "Model4 minus this, in points": on_resplits(paired, signed=True) if is_other else "",
            "Model4 is": standing(paired) if is_other else "",
        }


def standing(differences: Sequence[float], test_to_train: float = RESPLITS) -> str:
    """Say how a recipe stands beside another, from paired differences: "better", "worse" or as effect()."""
    return {"helps": "better", "hurts": "worse"}.get(shown := effect(differences, test_to_train), shown)


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
