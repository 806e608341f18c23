"""What the reports of several studies say in tables: paired comparisons and trials, in Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from statistics import fmean

from src.experiments import Experiment
from src.runs.names import changes
from src.runs.records import Record
from src.show.significance import TEST_TO_TRAIN, effect, mean_interval
from src.show.tables import Records, Row, differences, interval, lines_of, on_shared_seeds, seed_range, values


def markdown(rows: Iterable[Row]) -> str:
    """Return a table in Markdown; columns of numbers are on the right."""
    header, *body = lines_of(rows)
    numeric = [any(cell[:1] in "0123456789+-" for cell in column if cell) for column in zip(*body, strict=True)]
    ruler = ["---:" if is_numeric else "---" for is_numeric in numeric]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ruler, *body])


def without(rows: Iterable[Row], *columns: str) -> Iterator[Row]:
    """Return rows without the columns whose headings begin so: a README has less room than a notebook."""
    return ({name: cell for name, cell in row.items() if not name.startswith(columns)} for row in rows)


def measured(records: Sequence[Record]) -> tuple[float, float]:
    """Return the mean test accuracy, in percent, and the half-width of its interval.

    Rounded, so that every version of SciPy gives the same."""
    mean, half_width = mean_interval(values(records, "test accuracy"))
    return round(mean, 6), round(half_width, 6)


@dataclass(frozen=True)
class Comparison:
    """An experiment and a change to it, on the seeds that both have."""

    name: str  # of the changed experiment
    change: str
    before: list[Record]
    after: list[Record]

    def cells(self) -> Row:
        """Return the cells of a table that say what the change does."""
        paired = differences(self.before, self.after)
        return {"change in points": interval(paired, True, places=3), "effect": effect(paired)}


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


def ablation_table(comparisons: Sequence[Comparison]) -> Iterator[Row]:
    """Show each change, with everything else as it was."""
    for each in comparisons:
        yield {
            "what changes": each.change,
            "seeds": seed_range(each.after),
            "before %": interval(values(each.before, "test accuracy"), places=3),
            "after %": interval(values(each.after, "test accuracy"), places=3),
            **each.cells(),
        }


def choices(changes_of: dict[Experiment, list[Experiment]], trials_by_name: Records) -> Iterator[Row]:
    """Show what was compared on the validation split: experiments -> their changes, with the records of that split."""
    for start, others in changes_of.items():
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


def folded(title: str, changes_of: dict[Experiment, list[Experiment]], trials_by_name: Records) -> str:
    """Return choices() under a title that a click unfolds, in HTML and Markdown: the blank lines are needed."""
    rows = list(choices(changes_of, trials_by_name))
    return f"<details><summary>{title}: {len(rows)} recipes</summary>\n\n{markdown(rows)}\n\n</details>"


def standing(differences: Sequence[float], test_to_train: float = TEST_TO_TRAIN) -> str:
    """Say how a recipe stands beside another, from paired differences: "better", "worse" or as effect()."""
    return {"helps": "better", "hurts": "worse"}.get(shown := effect(differences, test_to_train), shown)
