"""Was the change better? An experiment beside a recorded one, seed by seed: a table, a verdict and a picture."""

import textwrap
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from matplotlib.figure import Figure
from torch import nn

from src import InputError
from src.evidence import figures
from src.evidence.significance import effect, seeds_to_settle
from src.evidence.tables import differences, interval, on_shared_seeds, seed_range, summary, text
from src.experiments import Experiment
from src.runs.many import run_one
from src.runs.networks import OwnNetwork
from src.runs.one import RUNS, check_run
from src.runs.records import RESULTS, Record, definition_hash, load_of, path_of, recorded
from src.studies.catalogue import EXPERIMENTS
from src.studies.names import check_name, with_epochs

SMALLEST = 0.02  # points, two images in 10,000: no smaller difference is worth more seeds
WIDTH = 100  # columns of a printed sentence


def compare(
    experiment: Experiment, against: str, seeds: Iterable[int] = range(3), network: OwnNetwork | None = None
) -> Figure | None:
    """Train what is missing of an experiment; print and draw how it does beside a recorded one.

    against: the name of an experiment with records in results/ or, failing these, in runs/.
    seeds: of the experiment. Its runs are kept in runs/, resumed after an interruption and never trained twice.
    network: a class, or another function without arguments, that makes a network of your own.
    Prints a table and a verdict, writes images/NAME-against-OTHER.png and returns this figure for a notebook to show.
    Of an experiment that changes nothing, or only its number of epochs by EPOCHS, one sentence says so, and no figure.
    Raises InputError, before anything is trained, for names, seeds and networks that cannot be compared.
    """
    check_name(experiment, own_network=network is not None)
    if isinstance(network, nn.Module):
        raise InputError(
            "compare() trains one network per seed, each from new weights; give it what makes one, network=Mine or "
            "network=lambda: Mine(...), and not a network that is made already."
        )
    before = _recorded(against)
    if _is_unchanged(experiment, before[0], network):
        _print(
            f"This is {against} without a change, so there is nothing to compare. Replace the line that sets the "
            "experiment and run all cells: this cell then says whether your change was better. If the change is a "
            "network of your own, give it to this call too."
        )
        return None
    if experiment.name == against:
        raise InputError(f"the records of {against} are of another experiment; give this one a name of its own.")
    after = [_run(experiment, seed, network) for seed in _comparable(seeds, before)]

    records_by_name = {against: before, experiment.name: after}
    name = f"{experiment.name}-against-{against}.png"
    print(f"\n{text(summary(records_by_name))}\n")
    _print(verdict(before, after))
    print(f"\nThe picture is kept as images/{name}.")
    return figures.save(figures.series(records_by_name, f"Is {experiment.name} better than {against}?"), name)


def verdict(before: Sequence[Record], after: Sequence[Record]) -> str:
    """Say what the paired differences of two experiments show, on the seeds that both have (one at least)."""
    other, name = before[0].experiment, after[0].experiment
    paired, (_, shared) = differences(before, after), on_shared_seeds(before, after)
    seeds = f"seed {shared[0].seed}"
    if len(shared) > 1:
        seeds = f"the {len(shared)} seeds that both have ({seed_range(shared)})"
    change = f"Against {other}, on {seeds}, the test accuracy of {name} changes by {interval(paired, True)} points"
    match effect(paired):
        case "too few seeds":
            sentences = [f"{change}: three seeds are the fewest that tell a change from chance."]
        case "no difference shown":
            sentences = [f"{change} (95 % interval): no difference shown.", *_seeds_needed(paired, before)]
        case shown:
            sentences = [f"{change} (95 % interval): the change {shown}."]

    epochs = [len(records[0].history) for records in (after, before)]
    if epochs[0] != epochs[1]:
        sentences.append(f"The number of epochs differs too ({epochs[0]} against {epochs[1]}): it may be the cause.")
    if lacking := [record for record in after if record not in shared]:
        sentences.append(f"{other} lacks {seed_range(lacking)} of the seeds: they count in the table only.")
    return " ".join(sentences)


def _seeds_needed(paired: Sequence[float], before: Sequence[Record]) -> list[str]:
    """Estimate how many seeds would show a difference as large as the mean of these; none if they are enough."""
    size, deviation = max(round(abs(fmean(paired)), 2), SMALLEST), stdev(paired)
    if deviation > 10 * size:
        return [f"At this scatter it would take hundreds of seeds to show a difference of {size:.2f} points."]
    needed = seeds_to_settle(size, deviation)
    if needed <= len(paired):
        return []
    recorded = set(range(needed)) <= {record.seed for record in before}
    hint = f"try seeds=range({needed})" if recorded else f"{before[0].experiment} has {len(before)} recorded"
    return [f"At this scatter about {needed} seeds would show a difference of {size:.2f} points; {hint}."]


def _recorded(name: str) -> list[Record]:
    """Return the records of an experiment's name. Raises InputError unless there are some, of one definition."""
    found = isinstance(name, str) and (load_of(name, RESULTS) or load_of(name, RUNS))
    if not found:
        raise InputError(
            f"compare with the name of an experiment that has records, such as 'Model4', not {name!r:.40}."
        )
    definitions = {record.definition_hash for record in found}
    if name in EXPERIMENTS:
        definitions.add(definition_hash(EXPERIMENTS[name]))
    if len(definitions) > 1:
        raise InputError(f"the records of {name} are of more than one definition; remove them and train it again.")
    return found


def _is_unchanged(experiment: Experiment, record: Record, network: OwnNetwork | None) -> bool:
    """Tell whether an experiment is the one of a record, or was only shortened by EPOCHS."""
    known = EXPERIMENTS.get(record.experiment)
    shortened = known is not None and network is None and experiment == with_epochs(known, experiment.epochs)
    return shortened or definition_hash(experiment, network) == record.definition_hash


def _comparable(seeds: Iterable[int], before: Sequence[Record]) -> list[int]:
    """Return seeds as a list. Raises InputError unless they are seeds, and one of them is recorded before."""
    if not isinstance(seeds, Iterable):
        raise InputError(f"seeds must be several whole numbers, for example range(3), not {seeds!r}.")
    seeds = list(seeds)
    for seed in seeds:
        check_run(seed, "test", "auto")
    if not {record.seed for record in before}.intersection(seeds):
        raise InputError(
            f"{before[0].experiment} is recorded with the seeds {seed_range(before)}; choose some of them, for "
            f"example seeds=range(3), because only seeds that both have are compared."
        )
    return sorted(set(seeds))


def _run(experiment: Experiment, seed: int, network: OwnNetwork | None) -> Record:
    """Return the Record of a run from results/ or runs/; train it if neither has it."""
    for folder in [RESULTS, RUNS]:
        if record := recorded(experiment, seed, folder, network=network):
            return record
    if path_of(RUNS, experiment.name, seed).exists():
        print(f"Seed {seed} of {experiment.name} was recorded before something changed; it is trained again.")
    return run_one(experiment, seed, RUNS, network=network)


def _print(sentence: str) -> None:
    """Print sentences in lines that fit a notebook, with no break between a number and its interval or unit."""
    unbroken = sentence.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")
    print(textwrap.fill(unbroken, WIDTH).replace("\u00a0", " "))
