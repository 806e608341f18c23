"""Was the change better? An experiment beside a recorded one, seed by seed: a table, a verdict and a picture."""

import textwrap
from collections.abc import Iterable

from matplotlib.figure import Figure

from src import InputError
from src.experiments import SERIES, Experiment
from src.runs.names import check_name, with_epochs
from src.runs.one import check_run, run_one
from src.runs.records import RESULTS, RUNS, definition_hash, load_of, path_of, recorded
from src.show import figures
from src.show.tables import seed_range, summary, text


def compare(experiment: Experiment, against: str, seeds: Iterable[int] = range(3)) -> Figure | None:
    """Train what is missing of an experiment; print a table and a verdict, draw how it does beside a recorded one.

    against: the name of an experiment with records in results/ or, failing these, in runs/.
    seeds: of the experiment. Its runs are kept in runs/, resumed after an interruption and never trained twice.
    The figure is kept in images/. Of an experiment that changes nothing, or only its number of epochs by EPOCHS, one
    sentence says so. Raises InputError, before anything is trained, for names and seeds that cannot be compared."""
    check_name(experiment)
    before = _recorded(against)
    if _is_unchanged(experiment, before[0]):
        remedy = "Replace the line that sets the experiment and run all cells: this cell then says whether your change"
        return _print(f"This is {against} without a change, so there is nothing to compare. {remedy} was better.")
    if experiment.name == against:
        raise InputError(f"the records of {against} are of another experiment; give this one a name of its own.")
    from src.show.verdict import verdict  # a notebook that changes nothing needs none

    after = [_run(experiment, seed) for seed in _comparable(seeds, before)]

    records_by_name, name = {against: before, experiment.name: after}, f"{experiment.name}-against-{against}.png"
    print(f"\n{text(summary(records_by_name))}\n")
    _print(verdict(before, after))
    print(f"\nThe picture is kept as images/{name}.")
    return figures.save(figures.series(records_by_name, f"Is {experiment.name} better than {against}?"), name)


def _recorded(name):  # the records of an experiment's name, which are of one definition
    found = isinstance(name, str) and (load_of(name, RESULTS) or load_of(name, RUNS))
    if not found:
        raise InputError(f"compare with the name of an experiment that has records, 'Model4' say, not {name!r:.40}.")
    known = {definition_hash(SERIES[name])} if name in SERIES else set()
    if len(known | {record.definition_hash for record in found}) > 1:
        raise InputError(f"the records of {name} are of more than one definition; remove them and train it again.")
    return found


def _is_unchanged(experiment, record):  # whether it is the one of the record, or was only shortened by EPOCHS
    known = SERIES.get(record.experiment)
    shortened = known is not None and experiment == with_epochs(known, experiment.epochs)
    return shortened or definition_hash(experiment) == record.definition_hash


def _comparable(seeds, before):  # the seeds as a list, one of which is recorded before
    if not isinstance(seeds, Iterable):
        raise InputError(f"seeds must be several whole numbers, for example range(3), not {seeds!r}.")
    seeds = list(seeds)
    for seed in seeds:
        check_run(seed, "test", "auto")
    if not {record.seed for record in before}.intersection(seeds):
        known = f"{before[0].experiment} is recorded with the seeds {seed_range(before)}"
        raise InputError(f"{known}; choose some of them, such as range(3): only seeds that both have are compared.")
    return sorted(set(seeds))


def _run(experiment, seed):  # the Record from results/ or runs/; trained if neither has it
    if record := recorded(experiment, seed, RESULTS) or recorded(experiment, seed, RUNS):
        return record
    if path_of(RUNS, experiment.name, seed).exists():
        print(f"Seed {seed} of {experiment.name} was recorded before something changed; it is trained again.")
    return run_one(experiment, seed, RUNS)


def _print(sentence):  # in lines that fit a notebook, with no break between a number and its interval or unit
    unbroken = sentence.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")
    print(textwrap.fill(unbroken, width=100).replace("\u00a0", " "))
