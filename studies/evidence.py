"""The committed records and timings: what every number of the README and of the studies' notebooks comes from."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from src import InputError
from src.experiments import Experiment
from src.runs.fingerprint import edited, fingerprint, same_code
from src.runs.records import RESULTS, Record, definition_hash, load
from src.show.tables import Records
from studies import timing
from studies.catalogue import EXPERIMENTS, FACES, GROUPS, collect


@dataclass(frozen=True)
class Evidence:
    """The committed records, by the name of their experiment."""

    tests: Records  # evaluated on the test set
    trials: Records  # on the validation split, for choosing
    resplits: Records  # on resplit-0 to resplit-9 by the seeds 0 to 9
    folder: Path

    def __len__(self):
        return sum(len(of) for by_name in (self.tests, self.trials, self.resplits) for of in by_name.values())

    def timing(self, name: str) -> dict[str, Any]:
        """Return what a bench measured. Raises InputError as timing.load() does."""
        return timing.load(name, self.folder / "bench")


def load_evidence(folder: Path = RESULTS) -> Evidence:
    """Return the records below a folder. Raises InputError unless each study finds the seeds that it needs.

    Where code was edited since it was committed, it must still train what these records claim."""
    tests, trials = (
        _load(folder, split, {g: range(n) for face in FACES for g, n in face.NEEDED[split].items()})
        for split in ("test", "validation")
    )
    resplits = [_load(folder, f"resplit-{k}", {"resplits": [k]}) for k in range(10)]
    paired = {
        experiment.name: [record for k in range(10) for record in resplits[k][experiment.name] if record.seed == k]
        for experiment in GROUPS["resplits"]
    }
    evidence = Evidence(tests, trials, paired, folder)
    if edited() and folder == RESULTS:
        check_code(evidence)
    return evidence


def check_code(evidence: Evidence) -> None:
    """Compute the fingerprint of every experiment that has records, in two processes.

    Raises InputError, naming the experiment, where today's code trains otherwise than its records claim."""
    recorded = [*evidence.tests.items(), *evidence.trials.items(), *evidence.resplits.items()]
    names = list(dict.fromkeys(name for name, records in recorded if records))
    collect(EXPERIMENTS[name] for name in names)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        today = dict(zip(names, pool.map(fingerprint, [EXPERIMENTS[name] for name in names], chunksize=8), strict=True))
    for name, records in recorded:
        if not all(same_code(record.fingerprint, today[name]) for record in records):
            raise InputError(f"the code of today{edited()} does not train {name} as its records claim; undo the edit.")


def records_of(experiments: list[Experiment], records_by_name: Records) -> Records:
    """Return the records of some experiments."""
    return {experiment.name: records_by_name[experiment.name] for experiment in experiments}


def _load(folder, split, needed):
    """Return the records on a split of groups: name -> the seeds that each of their experiments must have."""
    records_by_name, found = load_all(folder, split), {}
    for group, seeds in needed.items():
        found |= (these := records_of(GROUPS[group], records_by_name))
        lacking = [name for name in these if not set(seeds) <= {record.seed for record in these[name]}]
        if lacking:
            raise InputError(
                f"{folder} lacks {split} records of {', '.join(lacking)}; make them with: python -m src run "
                f"{' '.join(lacking)} --seeds {seeds[0]}-{seeds[-1]} --split {split} --jobs 2"
            )
    return found


def load_all(folder: Path, split: str = "test") -> Records:
    """Read the records of all experiments below a folder: a dict from name to records in the order of seeds.

    Raises InputError for a record that load() refuses, for one that is stale because its experiment has changed
    since, for one that repeats another, and for one of an unknown experiment."""
    records_by_name: dict[str, list[Record]] = {name: [] for name in EXPERIMENTS}
    hashes = {name: definition_hash(experiment) for name, experiment in EXPERIMENTS.items()}
    for path in sorted((folder / split).glob("*/*.json")):
        record = load(path)
        if record.experiment not in EXPERIMENTS:
            raise InputError(f"the record {path} is of an experiment that does not exist; remove it.")
        if record.definition_hash != hashes[record.experiment]:
            raise InputError(f"the record {path} is stale: {record.experiment} has changed since; remove it.")
        others = records_by_name[record.experiment]
        losses = [epoch.train_loss for epoch in record.history]  # no two seeds have the same
        if twin := next((one for one in others if [epoch.train_loss for epoch in one.history] == losses), None):
            raise InputError(f"the record {path} repeats that of seed {twin.seed}; remove it and run that seed again.")
        others.append(record)
    return {name: sorted(records, key=lambda record: record.seed) for name, records in records_by_name.items()}
