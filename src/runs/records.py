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

import torch
from torch import nn

from src import ROOT, InputError, data
from src.data import MNIST
from src.experiments import Experiment
from src.model import build
from src.runs import files, own
from src.runs.fingerprint import edited, fingerprint, same_code
from src.runs.machine import digits_of
from src.training import Epoch

RESULTS = ROOT / "results"  # the committed evidence
RUNS = ROOT / "runs"  # what this clone ran last, in notebooks or with other epochs; not committed


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
    data_hash: str  # of its data: see data.DataSet
    wall_seconds: float  # of training and evaluation
    cpu_seconds: float  # the same, of all threads
    peak_memory_mib: int
    history: tuple  # of Epochs
    predictions: str  # for each image of the split, by the network that the run ends with; see coded()
    train_accuracy: float | None = None  # of that network on its training images, as they are; older records lack it
    fingerprint: tuple = ()  # of the code that trained it, see fingerprint.py; older records lack it
    # Of other data than MNIST: what is true, as the predictions, and the names of the classes.
    labels: str = dataclasses.field(default="", repr=False)
    classes: tuple = dataclasses.field(default=MNIST.classes, repr=False)

    @property
    def final(self) -> Epoch:
        """The epoch whose network the run ends with: the last, or the first best one on held-out images."""
        if self.history[-1].held_out_accuracy is None:
            return self.history[-1]
        return max(self.history, key=lambda epoch: epoch.held_out_accuracy)

    @property
    def right(self) -> list[bool]:
        """Which images of the split the predictions get right."""
        return list(map(str.__eq__, self.predictions, self.truth))

    @property
    def truth(self) -> str:
        """What the predictions should be."""
        return self.labels or _labels(self.split)

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
        files.write(aside := path.with_name(f"{path.name}.{other}"), path.read_bytes())
        print(f"Another record was at {path}; it is kept as {aside.name}.", flush=True)
    files.write(path, _text(record).encode())


def _hash_in(path):  # of the record in a file, or of the bytes of a damaged one
    try:
        return load(path).hash
    except InputError:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _text(record):  # JSON that diffs well: a line per field, per epoch and per hundred predictions
    kept = vars(record) if record.labels else {k: v for k, v in vars(record).items() if k not in ("labels", "classes")}
    fields = {name: json.dumps(value, sort_keys=True, default=str) for name, value in kept.items()}
    parts = {"history": map(dataclasses.astuple, record.history)}
    for name in ("predictions", "labels"):
        parts |= {name: [kept[name][i : i + 100] for i in range(0, len(kept[name]), 100)]} if name in kept else {}
    for name, lines in parts.items():
        fields[name] = "[\n  " + ",\n  ".join(map(json.dumps, lines)) + "\n ]"
    return "{\n" + ",\n".join(f' "{name}": {value}' for name, value in fields.items()) + "\n}\n"


def load(path: Path) -> Record:
    """Read one record. Raises InputError unless it is whole and agrees with itself and with MNIST's labels."""
    try:
        fields = json.loads(path.read_text())
        fields["history"] = tuple(Epoch(*epoch) for epoch in fields["history"])
        fields |= {name: "".join(fields.get(name, ())) for name in ("predictions", "labels")}
        fields |= {name: tuple(fields[name]) for name in ("fingerprint", "classes") if name in fields}
        record = Record(**fields)
        complaint = _complaint(record, path)
    except (OSError, TypeError, ValueError, IndexError, KeyError) as error:
        complaint = f"is damaged ({error})"
    if complaint:
        raise InputError(f"the record {path} {complaint}; remove it and run that seed again.")
    return record


def _complaint(record, path):  # what is wrong with a record, or None
    if ("data" not in record.definition) != (record.data_hash == MNIST.hash and not record.labels):
        return "is from another data set than it says"
    if record.definition_hash != hash_of(record.definition):
        return "has a definition that does not match its hash"
    if path.parts[-3:] != (record.split, record.experiment, f"seed-{record.seed}.json"):
        return f"says it is {record.experiment}, seed {record.seed}, on {record.split}, but lies elsewhere"
    if [epoch.epoch for epoch in record.history] != list(range(1, record.definition["epochs"] + 1)):
        return "does not have one line per epoch"
    if len(record.predictions) != len(record.truth):
        return f"has {len(record.predictions)} predictions for {len(record.truth)} images"
    claimed, given = record.final.test_accuracy, fmean(record.right)
    if abs(claimed - given) > 1e-6:
        return f"claims a final accuracy of {claimed:.4f}, but its predictions give {given:.4f}"
    return None


@functools.cache
def _labels(split):
    return coded(data.load(split).labels)


def coded(labels: torch.Tensor) -> str:
    """Return labels (N,) as text, a character each: 0 to 9 as they are, then those that follow in Unicode."""
    return "".join(chr(ord("0") + label) for label in labels.tolist())


def decoded(text: str) -> torch.Tensor:
    """Return the labels (N,) int64 of a text that coded() gave."""
    return torch.tensor([ord(letter) - ord("0") for letter in text])


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
    definition, of data that has changed, or of code that trains otherwise (fingerprint.py)."""
    if seeds is None:
        found = {record.seed: record for record in load_of(experiment.name, folder, split)}
    else:
        paths = {seed: path_of(folder, experiment.name, seed, split) for seed in seeds}
        found = {seed: load(path) for seed, path in paths.items() if path.exists()}
    if not found:
        return {}
    expected, made_by = definition_hash(experiment), made_by or fingerprint(experiment)
    defined = {seed: record for seed, record in found.items() if record.definition_hash == expected}
    today = data_hash(experiment)
    same_data = {seed: record for seed, record in defined.items() if record.data_hash == today}
    fresh = {seed: record for seed, record in same_data.items() if same_code(record.fingerprint, made_by)}
    for stale, why in [
        (found.keys() - defined, "have other settings or another network"),
        (defined.keys() - same_data, f"learned from what {experiment.data} was before it changed"),
        (same_data.keys() - fresh, f"were made by other code than today's{edited()}"),
    ]:
        if stale and not quiet:
            of = f"{experiment.name} (seeds {', '.join(map(str, sorted(stale)))})"
            print(f"Records of {of} in {folder / split} {why}; they are not used.", flush=True)
    return fresh


def data_hash(experiment: Experiment) -> str:
    """Return the hash of the data of an experiment, as it is today."""
    return MNIST.hash if experiment.data == MNIST.name else digits_of(experiment, "test").of.hash


def load_of(name: str, folder: Path, split: str = "test") -> list[Record]:
    """Read the records on a split that a folder has of an experiment's name, in the order of seeds."""
    records = [load(path) for path in (folder / split / name).glob("seed-*.json")]
    return sorted(records, key=lambda record: record.seed)
