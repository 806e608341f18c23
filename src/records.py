"""A run on disk: one JSON file per experiment and seed, the only source of every reported number."""

import dataclasses
import functools
import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from src import InputError, data, files
from src.training import Epoch, final_epoch

RESULTS = Path(__file__).resolve().parent.parent / "results"  # the committed evidence
RUNS = RESULTS.parent / "runs"  # what this clone ran last, in notebooks or with other epochs; not committed

DATA_HASH = hashlib.sha256("".join(data.SHA256.values()).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Record:
    """What is kept of a Run. Accuracies are fractions of 1, losses nats."""

    experiment: str
    definition: dict  # what definition() says of the experiment
    definition_hash: str
    seed: int
    split: str  # evaluated on: "test" or "validation"
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

    @property
    def final(self):
        """The epoch whose network the run ends with."""
        return final_epoch(self.history)

    @property
    def best_accuracy(self):
        """The best epoch's accuracy: what picking the epoch by looking at the split would report."""
        return max(epoch.test_accuracy for epoch in self.history)


def definition(experiment):
    """The fields of an Experiment that decide its numbers, as JSON values.

    A field at its default is left out, so that a technique that the code learns later does not
    make the records of experiments without it stale.
    """
    return {name: value for name, value in _not_default(experiment).items() if name not in ("name", "target")}


def _not_default(instance):
    """The fields of a dataclass that are not at their default, dataclasses in them likewise."""
    fields = {field.name: (getattr(instance, field.name), field.default) for field in dataclasses.fields(instance)}
    return {
        name: _not_default(value) if dataclasses.is_dataclass(value) else value
        for name, (value, default) in fields.items()
        if value != default
    }


def definition_hash(experiment):
    """A short hash of the definition: a record with another one is stale."""
    return _hash(definition(experiment))


def _hash(fields):
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def of(run):
    """The Record of a training.Run."""
    return Record(
        experiment=run.experiment.name,
        definition=definition(run.experiment),
        definition_hash=definition_hash(run.experiment),
        seed=run.seed,
        split=run.split,
        parameters=run.parameters,
        device=run.device,
        threads=run.threads,
        versions={"python": platform.python_version(), "torch": torch.__version__},
        data_hash=DATA_HASH,
        wall_seconds=round(sum(epoch.seconds for epoch in run.history), 1),
        cpu_seconds=round(sum(epoch.cpu_seconds for epoch in run.history), 1),
        peak_memory_mib=run.peak_memory // 2**20,
        history=run.history,
        predictions="".join(map(str, run.logits.argmax(dim=1).tolist())),
    )


def path_of(folder, name, seed, split="test"):
    """Where the record of an experiment's name and a seed lies below folder."""
    return Path(folder) / split / name / f"seed-{seed}.json"


def save(record, folder):
    """Write a record below folder. Raises InputError if that cannot be done."""
    files.write(path_of(folder, record.experiment, record.seed, record.split), _text(record).encode())


def _text(record):
    """JSON that diffs well: a line per field, per epoch and per hundred predictions."""
    fields = {name: json.dumps(value, sort_keys=True, default=str) for name, value in vars(record).items()}
    epochs = [json.dumps(list(dataclasses.astuple(epoch))) for epoch in record.history]
    hundreds = [json.dumps(record.predictions[i : i + 100]) for i in range(0, len(record.predictions), 100)]
    fields["history"] = "[\n  " + ",\n  ".join(epochs) + "\n ]"
    fields["predictions"] = "[\n  " + ",\n  ".join(hundreds) + "\n ]"
    return "{\n" + ",\n".join(f' "{name}": {value}' for name, value in fields.items()) + "\n}\n"


def load(path):
    """Read one record and check that it is whole and agrees with itself and with MNIST's labels.

    Raises InputError, naming the file, for anything else.
    """
    try:
        fields = json.loads(Path(path).read_text())
    except OSError as error:
        raise InputError(f"cannot read the record {path}: {error.strerror}.") from error
    except ValueError as error:
        raise InputError(f"the record {path} is damaged: {error}; remove it and run that seed again.") from error
    expected = {field.name for field in dataclasses.fields(Record)}
    if not isinstance(fields, dict) or set(fields) != expected:
        found = set(fields) if isinstance(fields, dict) else set()
        raise InputError(
            f"the record {path} has not the fields of a record (missing: {_listed(expected - found)}; "
            f"unknown: {_listed(found - expected)}); remove it and run that seed again."
        )
    try:
        fields["history"] = tuple(Epoch(*epoch) for epoch in fields["history"])
        fields["predictions"] = "".join(fields["predictions"])
        record = Record(**fields)
        complaint = _complaint(record, Path(path))
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise InputError(f"the record {path} is damaged ({error}); remove it and run that seed again.") from error
    if complaint:
        raise InputError(f"the record {path} {complaint}; remove it and run that seed again.")
    return record


def _complaint(record, path):
    """What is wrong with a record, or None."""
    if record.data_hash != DATA_HASH:
        return "is from another data set"
    if record.definition_hash != _hash(record.definition):
        return "has a definition that does not match its hash"
    if (path.parent.parent.name, path.parent.name, path.stem) != (
        record.split,
        record.experiment,
        f"seed-{record.seed}",
    ):
        return f"says it is {record.experiment}, seed {record.seed}, on {record.split}, but lies elsewhere"
    if [epoch.epoch for epoch in record.history] != list(range(1, record.definition["epochs"] + 1)):
        return "does not have one line per epoch"
    labels = _labels(record.split)
    if len(record.predictions) != len(labels):
        return f"has {len(record.predictions)} predictions for {len(labels)} images"
    claimed, given = record.final.test_accuracy, sum(map(str.__eq__, record.predictions, labels)) / len(labels)
    if abs(claimed - given) > 1e-6:
        return f"claims a final accuracy of {claimed:.4f}, but its predictions give {given:.4f}"
    return None


@functools.cache
def _labels(split):
    """The labels of a split as a string of digits."""
    return "".join(map(str, data.load(split).labels.tolist()))


def load_all(folder, experiments, split="test"):
    """The records of Experiments below folder: a dict from name to records in the order of seeds.

    Raises InputError for a record that load() refuses, for one that is stale because its
    experiment has changed since, for one that repeats another, and for one of an unknown experiment.
    """
    found = {name: [] for name in experiments}
    for path in sorted((Path(folder) / split).glob("*/*.json")):
        record = load(path)
        if record.experiment not in experiments:
            raise InputError(f"the record {path} is of an experiment that does not exist; remove it.")
        if record.definition_hash != definition_hash(experiments[record.experiment]):
            raise InputError(f"the record {path} is stale: {record.experiment} has changed since; run that seed again.")
        if twin := next((other for other in found[record.experiment] if _same_run(other, record)), None):
            raise InputError(f"the record {path} repeats that of seed {twin.seed}; remove it and run that seed again.")
        found[record.experiment].append(record)
    return {name: sorted(records, key=lambda record: record.seed) for name, records in found.items()}


def _same_run(record, other):
    """Whether two records claim the same training losses, which no two seeds share."""
    return [epoch.train_loss for epoch in record.history] == [epoch.train_loss for epoch in other.history]


def load_latest(experiments):
    """The records in runs/ of Experiments, whatever their number of epochs; name -> records."""
    found = {}
    for name in experiments:
        paths = sorted((RUNS / "test" / name).glob("seed-*.json"))
        found[name] = [load(path) for path in paths]
    return found


def _listed(names):
    return ", ".join(sorted(names)) or "none"
