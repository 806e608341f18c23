"""A run on disk: one JSON file per experiment and seed, the only source of every reported number."""

import dataclasses
import functools
import hashlib
import json
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn

from src import ROOT, InputError, data
from src.download import SHA256
from src.experiments import Experiment
from src.runs import files
from src.runs.networks import OwnNetwork, describe
from src.runs.one import RUNS, Run, final_epoch, make_network
from src.runs.progress import HEADER, row, title
from src.training import Epoch

RESULTS = ROOT / "results"  # the committed evidence

RUN_FIELDS = ("seed", "split", "parameters", "device", "threads", "train_accuracy")
DATA_HASH = hashlib.sha256("".join(SHA256.values()).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Record:
    """What is kept of a Run. Accuracies are fractions of 1, losses nats."""

    experiment: str
    definition: dict  # what definition() says of the experiment
    definition_hash: str
    seed: int
    split: str  # what it was evaluated on, one of data.TRAINED_ON
    parameters: int
    device: str
    threads: int
    versions: dict  # of Python and torch
    data_hash: str  # of the checksums of the four MNIST files
    wall_seconds: float  # of training and evaluation
    cpu_seconds: float  # the same, of all threads
    peak_memory_mib: int
    history: tuple  # of Epochs
    predictions: str  # one digit per image of the split, by the network that the run ends with
    train_accuracy: float | None = None  # of that network on its training images, as they are; older records lack it

    @classmethod
    def from_run(cls, run: Run) -> "Record":
        """Make the Record of a Run."""
        fields = definition(run.experiment, run.network if run.own_network else None)
        return cls(
            experiment=run.experiment.name,
            definition=fields,
            definition_hash=_hash(fields),
            **{name: getattr(run, name) for name in RUN_FIELDS},
            history=tuple(dataclasses.replace(epoch, hardest=None) for epoch in run.history),
            versions={"python": platform.python_version(), "torch": torch.__version__},
            data_hash=DATA_HASH,
            wall_seconds=round(sum(epoch.seconds for epoch in run.history), 1),
            cpu_seconds=round(sum(epoch.cpu_seconds for epoch in run.history), 1),
            peak_memory_mib=run.peak_memory // 2**20,
            predictions="".join(map(str, run.logits.argmax(dim=1).tolist())),
        )

    @property
    def final(self) -> Epoch:
        """The epoch whose network the run ends with."""
        return final_epoch(self.history)

    @property
    def right(self) -> list[bool]:
        """Which images of the split the predictions get right."""
        return list(map(str.__eq__, self.predictions, _labels(self.split)))

    @property
    def hash(self) -> str:
        """A short hash of what the run was and what came out, without its seconds."""
        numbers = [dataclasses.replace(epoch, seconds=0, cpu_seconds=0) for epoch in self.history]
        return _hash([self.experiment, self.definition, self.seed, self.split, repr(numbers), self.predictions])

    def __str__(self) -> str:
        """Return the table that a run prints epoch by epoch."""
        return "\n".join([title(self.experiment, self.seed, self.split), HEADER, *map(row, self.history)])


def definition(experiment: Experiment, network: nn.Module | None = None) -> dict[str, Any]:
    """Return the fields of an Experiment that decide its numbers, as JSON values, and a network of one's own as text.

    A field at its default is left out, so that a technique that the code learns later does not
    make the records of experiments without it stale.
    """
    fields = {name: value for name, value in _fields(experiment).items() if name not in ("name", "target")}
    return fields if network is None else fields | {"network": describe(network)}


def _fields(instance):
    """Return the fields of a dataclass that are not at their default; a dataclass in them as {its type: its fields}."""
    defaults = {field.name: field.default for field in dataclasses.fields(instance)}
    return {
        name: {type(value).__name__: _fields(value)} if dataclasses.is_dataclass(value) else value
        for name, value in vars(instance).items()
        if value != defaults[name]
    }


def definition_hash(experiment: Experiment, network: OwnNetwork | None = None) -> str:
    """Return a short hash of the definition: a record with another one is stale; network: as train() takes it."""
    made = None if network is None else make_network(experiment, torch.device("cpu"), network)
    return _hash(definition(experiment, made))


def _hash(values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def path_of(folder: Path, name: str, seed: int, split: str = "test") -> Path:
    """Return where the record of an experiment's name and a seed lies below folder."""
    return folder / split / name / f"seed-{seed}.json"


def save(record: Record, folder: Path) -> None:
    """Write a record below folder. Raises InputError if that cannot be done."""
    files.write(path_of(folder, record.experiment, record.seed, record.split), _text(record).encode())


def _text(record):
    """Return JSON that diffs well: a line per field, per epoch and per hundred predictions."""
    fields = {name: json.dumps(value, sort_keys=True, default=str) for name, value in vars(record).items()}
    epochs = [json.dumps(dataclasses.astuple(epoch)[:-1]) for epoch in record.history]  # without `hardest`
    hundreds = [json.dumps(record.predictions[i : i + 100]) for i in range(0, len(record.predictions), 100)]
    fields["history"] = "[\n  " + ",\n  ".join(epochs) + "\n ]"
    fields["predictions"] = "[\n  " + ",\n  ".join(hundreds) + "\n ]"
    return "{\n" + ",\n".join(f' "{name}": {value}' for name, value in fields.items()) + "\n}\n"


def load(path: Path) -> Record:
    """Read one record and check that it is whole and agrees with itself and with MNIST's labels.

    Raises InputError, naming the file, for anything else.
    """
    try:
        fields = json.loads(path.read_text())
        fields["history"] = tuple(Epoch(*epoch) for epoch in fields["history"])
        fields["predictions"] = "".join(fields["predictions"])
        record = Record(**fields)
        complaint = _complaint(record, path)
    except OSError as error:
        raise InputError(f"cannot read the record {path}: {error.strerror}.") from error
    except (TypeError, ValueError, IndexError, KeyError) as error:
        complaint = f"is damaged ({error})"
    if complaint:
        raise InputError(f"the record {path} {complaint}; remove it and run that seed again.")
    return record


def _complaint(record, path):
    """Return what is wrong with a record, or None."""
    if record.data_hash != DATA_HASH:
        return "is from another data set"
    if record.definition_hash != _hash(record.definition):
        return "has a definition that does not match its hash"
    if path.parts[-3:] != (record.split, record.experiment, f"seed-{record.seed}.json"):
        return f"says it is {record.experiment}, seed {record.seed}, on {record.split}, but lies elsewhere"
    if [epoch.epoch for epoch in record.history] != list(range(1, record.definition["epochs"] + 1)):
        return "does not have one line per epoch"
    if len(record.predictions) != len(_labels(record.split)):
        return f"has {len(record.predictions)} predictions for {len(_labels(record.split))} images"
    claimed, given = record.final.test_accuracy, fmean(record.right)
    if abs(claimed - given) > 1e-6:
        return f"claims a final accuracy of {claimed:.4f}, but its predictions give {given:.4f}"
    return None


@functools.cache
def _labels(split):
    """Return the labels of a split as a string of digits."""
    return "".join(map(str, data.load(split).labels.tolist()))


def recorded(
    experiment: Experiment,
    seed: int,
    folder: Path,
    split: str = "test",
    network: OwnNetwork | None = None,
) -> Record | None:
    """Return the Record of a run if the folder has it and it is not stale; network: as train() takes it."""
    path = path_of(folder, experiment.name, seed, split)
    record = load(path) if path.exists() else None
    return record if record and record.definition_hash == definition_hash(experiment, network) else None


def load_all(folder: Path, experiments: dict[str, Experiment], split: str = "test") -> dict[str, list[Record]]:
    """Read the records of experiments below a folder: a dict from name to records in the order of seeds.

    Raises InputError for a record that load() refuses, for one that is stale because its
    experiment has changed since, for one that repeats another, and for one of an unknown experiment.
    """
    records_by_name = {name: [] for name in experiments}
    for path in sorted((folder / split).glob("*/*.json")):
        record = load(path)
        if record.experiment not in experiments:
            raise InputError(f"the record {path} is of an experiment that does not exist; remove it.")
        if record.definition_hash != definition_hash(experiments[record.experiment]):
            raise InputError(f"the record {path} is stale: {record.experiment} has changed since; run that seed again.")
        others = records_by_name[record.experiment]
        losses = [epoch.train_loss for epoch in record.history]  # no two seeds have the same
        if twin := next((one for one in others if [epoch.train_loss for epoch in one.history] == losses), None):
            raise InputError(f"the record {path} repeats that of seed {twin.seed}; remove it and run that seed again.")
        others.append(record)
    return {name: sorted(records, key=lambda record: record.seed) for name, records in records_by_name.items()}


def load_of(name: str, folder: Path) -> list[Record]:
    """Read the records on the test set that a folder has of an experiment's name, in the order of seeds."""
    records = [load(path) for path in (folder / "test" / name).glob("seed-*.json")]
    return sorted(records, key=lambda record: record.seed)


def load_latest(experiments: dict[str, Experiment]) -> dict[str, list[Record]]:
    """Read the last run in runs/, of seed 0, of each experiment that has one, whatever its number of epochs.

    Returns a dict from the name of the run, for example Model4 or Model4-1-epoch, to a list of its one record.
    """
    latest = {}
    for name in experiments:
        paths = (RUNS / "test").glob(f"{name}*/seed-0.json")
        runs = [path for path in paths if re.fullmatch(rf"{re.escape(name)}(-\d+-epochs?)?", path.parent.name)]
        if runs:
            record = load(max(runs, key=lambda path: path.stat().st_mtime_ns))
            latest[record.experiment] = [record]
    return latest
