"""A run on disk: one JSON file per experiment and seed, the only source of every reported number."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import nn

from src import ROOT, InputError, data
from src.download import SHA256
from src.experiments import Experiment
from src.model import build
from src.runs import files, own
from src.runs.fingerprint import edited, fingerprint, same_code
from src.training import Epoch

RESULTS = ROOT / "results"  # the committed evidence
RUNS = ROOT / "runs"  # what this clone ran last, in notebooks or with other epochs; not committed
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
    fingerprint: tuple = ()  # of the code that trained it, see fingerprint.py; older records lack it

    @property
    def final(self) -> Epoch:
        """The epoch whose network the run ends with: the last, or the first best one on held-out images."""
        if self.history[-1].held_out_accuracy is None:
            return self.history[-1]
        return max(self.history, key=lambda epoch: epoch.held_out_accuracy)

    @property
    def right(self) -> list[bool]:
        """Which images of the split the predictions get right."""
        return list(map(str.__eq__, self.predictions, _labels(self.split)))

    @property
    def hash(self) -> str:
        """A short hash of what the run was and what came out, without its seconds."""
        numbers = [dataclasses.replace(epoch, seconds=0, cpu_seconds=0) for epoch in self.history]
        return hash_of([self.experiment, self.definition, self.seed, self.split, repr(numbers), self.predictions])


def definition(experiment: Experiment, network: nn.Module | None = None) -> dict[str, Any]:
    """Return the fields that decide an experiment's numbers, as JSON values; a network of one's own, if made, as text.

    A field at its default is left out: a technique that the code learns later makes no records of others stale."""
    fields = {name: value for name, value in _fields(experiment).items() if name not in ("name", "target")}
    if experiment.network:
        fields["network"] = own.describe(build(experiment) if network is None else network)
    if callable(schedule := fields.get("schedule")):  # what a function reads elsewhere counts, too
        rates = [round(experiment.learning_rate(part / 1000, 0), 10) for part in range(1001)]
        fields["schedule"] = [own.in_words(schedule), hash_of(rates)]
    return {name: own.in_words(value) if callable(value) else value for name, value in fields.items()}


def _fields(instance):  # those of a dataclass that are not at their default; a dataclass as {its type: its fields}
    defaults = {field.name: field.default for field in dataclasses.fields(instance)}
    return {
        name: {type(value).__name__: _fields(value)} if dataclasses.is_dataclass(value) else value
        for name, value in vars(instance).items()
        if value != defaults[name]
    }


def definition_hash(experiment: Experiment) -> str:
    """Return a short hash of the definition: a record with another one is stale."""
    return hash_of(definition(experiment))


def hash_of(values: Any) -> str:
    """Return a short hash of JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def path_of(folder: Path, name: str, seed: int, split: str = "test") -> Path:
    """Return where the record of an experiment's name and a seed lies below folder."""
    return folder / split / name / f"seed-{seed}.json"


def save(record: Record, folder: Path) -> None:
    """Write a record below folder; another one in its place is set aside, as seed-0.json.HASH say, and named.

    Raises InputError if that cannot be done."""
    path = path_of(folder, record.experiment, record.seed, record.split)
    if path.exists() and (other := _hash_in(path)) != record.hash:
        path.replace(aside := path.with_name(f"{path.name}.{other}"))
        print(f"Another record was at {path}; it is kept as {aside.name}.", flush=True)
    files.write(path, _text(record).encode())


def _hash_in(path):  # of the record in a file, or of the bytes of a damaged one
    try:
        return load(path).hash
    except InputError:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _text(record):  # JSON that diffs well: a line per field, per epoch and per hundred predictions
    fields = {name: json.dumps(value, sort_keys=True, default=str) for name, value in vars(record).items()}
    hundreds = [record.predictions[i : i + 100] for i in range(0, len(record.predictions), 100)]
    for name, lines in {"history": map(dataclasses.astuple, record.history), "predictions": hundreds}.items():
        fields[name] = "[\n  " + ",\n  ".join(map(json.dumps, lines)) + "\n ]"
    return "{\n" + ",\n".join(f' "{name}": {value}' for name, value in fields.items()) + "\n}\n"


def load(path: Path) -> Record:
    """Read one record. Raises InputError unless it is whole and agrees with itself and with MNIST's labels."""
    try:
        fields = json.loads(path.read_text())
        fields["history"] = tuple(Epoch(*epoch) for epoch in fields["history"])
        fields["predictions"] = "".join(fields["predictions"])
        fields["fingerprint"] = tuple(fields.get("fingerprint", ()))
        record = Record(**fields)
        complaint = _complaint(record, path)
    except (OSError, TypeError, ValueError, IndexError, KeyError) as error:
        complaint = f"is damaged ({error})"
    if complaint:
        raise InputError(f"the record {path} {complaint}; remove it and run that seed again.")
    return record


def _complaint(record, path):  # what is wrong with a record, or None
    if record.data_hash != DATA_HASH:
        return "is from another data set"
    if record.definition_hash != hash_of(record.definition):
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
def _labels(split):  # as a string of digits
    return "".join(map(str, data.load(split).labels.tolist()))


def recorded(
    experiment: Experiment,
    seeds: Iterable[int] | None,
    folder: Path,
    split: str = "test",
    quiet: bool = False,
    made_by: tuple[float, ...] = (),
) -> dict[int, Record]:
    """Return the Records that a folder has of an experiment, by seed, without stale ones; unless quiet, say which.

    seeds: None for all. made_by: the fingerprint of today's code, if it is known. Stale is what is of another
    definition, or of code that trains otherwise (fingerprint.py)."""
    if seeds is None:
        found = {record.seed: record for record in load_of(experiment.name, folder, split)}
    else:
        paths = {seed: path_of(folder, experiment.name, seed, split) for seed in seeds}
        found = {seed: load(path) for seed, path in paths.items() if path.exists()}
    if not found:
        return {}
    expected, made_by = definition_hash(experiment), made_by or fingerprint(experiment)
    defined = {seed: record for seed, record in found.items() if record.definition_hash == expected}
    fresh = {seed: record for seed, record in defined.items() if same_code(record.fingerprint, made_by)}
    for stale, why in [
        (found.keys() - defined, "have other settings or another network"),
        (defined.keys() - fresh, f"were made by other code than today's{edited()}"),
    ]:
        if stale and not quiet:
            of = f"{experiment.name} (seeds {', '.join(map(str, sorted(stale)))})"
            print(f"Records of {of} in {folder / split} {why}; they are not used.", flush=True)
    return fresh


def load_of(name: str, folder: Path, split: str = "test") -> list[Record]:
    """Read the records on a split that a folder has of an experiment's name, in the order of seeds."""
    records = [load(path) for path in (folder / split / name).glob("seed-*.json")]
    return sorted(records, key=lambda record: record.seed)
