"""Was the change better? An experiment beside a recorded one, seed by seed: a table, a verdict and a picture."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from src import InputError
from src.experiments import BASES, Experiment
from src.runs.names import check_name, with_epochs
from src.runs.one import check_run
from src.runs.records import RESULTS, RUNS, Record, definition, recorded
from src.runs.several import Task, run_several
from src.show import figures
from src.show.tables import seed_range, summary, text


def compare(experiment: Experiment, against: str | Experiment, seeds: Iterable[int] = range(3)) -> Figure | None:
    """Train what is missing of an experiment and of another; print a table and a verdict, draw the two together.

    against: the name of one of the series or "Quick", or any experiment; it is taken with as many epochs as the first
    one has. seeds: of the experiment. What results/ does not have is trained on all cores, kept in runs/, resumed after
    an interruption and never trained twice. The figure is kept in images/. Of an experiment that changes nothing, or
    only its number of epochs, one sentence says so. Raises InputError, before anything is trained, for what cannot be
    compared."""
    check_name(experiment)
    base, seeds = _experiment(against), checked(seeds)
    check_same_data(experiment, base)
    if remedy := _nothing_to_compare(experiment, base):
        return say(remedy)
    base = with_epochs(base, experiment.epochs)
    if experiment.name == base.name:
        raise InputError(f"both experiments are called {base.name} but differ; give one a name of its own.")
    from src.show.verdict import verdict  # a notebook that changes nothing needs none

    before = recorded(base, None, RESULTS)
    if before and not before.keys() & set(seeds):
        known = f"{base.name} is recorded with the seeds {seed_range(list(before.values()))}"
        raise InputError(f"{known}; choose some of them, such as range(3): only seeds that both have are compared.")
    lacking = []
    if not before:
        before = recorded(base, None, RUNS)
        if lacking := [seed for seed in seeds if seed not in before]:
            say(f"Today's code has no records of {base.name} with the seeds {lacking}, so it is trained, too.")
    found = records_of([*((base, seed) for seed in lacking), *((experiment, seed) for seed in seeds)])
    before, after = [*before.values(), *found[: len(lacking)]], found[len(lacking) :]

    records_by_name, name = {base.name: before, experiment.name: after}, f"{experiment.name}-against-{base.name}.png"
    print(f"\n{text(summary(records_by_name))}\n")
    say(verdict(before, after))
    print(f"\nThe picture is kept as images/{name}.")
    return figures.save(figures.series(records_by_name, f"Is {experiment.name} better than {base.name}?"), name)


def _experiment(against):  # the one that a name says
    if isinstance(against, str) and against in BASES:
        return BASES[against]
    if not isinstance(against, Experiment):
        remedy = f"choose one of {', '.join(BASES)}, or give the experiment itself in the place of its name"
        raise InputError(f"cannot compare with {against!r:.40}; {remedy}.")
    check_name(against)
    return against


def check_same_data(experiment: Experiment, base: Experiment) -> None:
    """Raise InputError for experiments on different data."""
    if experiment.data != base.data:
        on = f"{experiment.name} is on {experiment.data}, {base.name} on {base.data}"
        remedy = f"compare it with replace(..., name='{base.name}-there', data={experiment.data!r})"
        raise InputError(f"{on}: accuracies on different data are not compared; {remedy}.")


def checked(seeds: Iterable[int]) -> list[int]:
    """Return seeds as a sorted list. Raises InputError for none, and for what is no seed."""
    if not isinstance(seeds, Iterable) or not (seeds := list(seeds)):
        raise InputError(f"seeds must be several whole numbers, for example range(3), not {seeds!r}.")
    for seed in seeds:
        check_run(seed, "test", "auto")
    return sorted(set(seeds))


def _nothing_to_compare(experiment, base):  # the sentence for an experiment that differs in nothing, or in its epochs
    if definition(replace(experiment, epochs=base.epochs)) != definition(base):
        return None
    if experiment in (base, with_epochs(base, experiment.epochs)) or experiment.epochs == base.epochs:
        remedy = "Replace the line that sets the experiment and run all cells: this cell then says whether your change"
        return f"This is {base.name} without a change, so there is nothing to compare. {remedy} was better."
    unequal = f"{experiment.epochs} in the place of {base.epochs}: runs of unequal length get no verdict"
    return f"{experiment.name} changes nothing of {base.name} but the number of epochs, {unequal}."


def records_of(tasks: Sequence[Task]) -> list[Record]:
    """Return the Records of tasks in their order, from results/ or runs/; what neither has is trained."""
    found = {}
    for experiment in dict.fromkeys(experiment for experiment, _ in tasks):
        seeds = [seed for each, seed in tasks if each == experiment]
        records = recorded(experiment, seeds, RESULTS)
        records |= recorded(experiment, [seed for seed in seeds if seed not in records], RUNS)
        found |= {(experiment, seed): record for seed, record in records.items()}
    missing = [task for task in tasks if task not in found]
    found |= zip(missing, run_several(missing, RUNS), strict=True)
    return [found[task] for task in tasks]


def say(sentence: str) -> None:
    """Print a sentence in lines that fit a notebook, with no break between a number and its interval or unit."""
    unbroken = sentence.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")
    print(textwrap.fill(unbroken, width=90).replace("\u00a0", " "))
