"""Trained networks as files: a run's weights in safetensors, with what it takes to build the network again."""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from src import InputError
from src.experiments import SERIES, Constant, Experiment
from src.model import build
from src.runs import checkpoints, files
from src.runs.one import Run, train
from src.runs.records import RESULTS, Record, definition, recorded
from src.speed.bfloat16 import Bfloat16
from src.speed.ghost import GhostBatches
from src.studies.frontier import FRONTIER_1000

WEIGHTS = RESULTS / "weights"
KEPT = SERIES | {FRONTIER_1000.name: FRONTIER_1000}  # name -> Experiment whose weights of seed 0 are kept


def save(run: Run, path: str | Path) -> None:
    """Write the weights of a run to a file.safetensors; the same run gives the same bytes.

    Raises InputError for a network that is not built from a layer line and if the file cannot be written.
    """
    if run.own_network:
        raise InputError(
            "save() keeps networks that a layer line describes; keep the weights of your own with "
            f"torch.save(run.network.state_dict(), 'runs/{run.experiment.name}.pt')."
        )
    network = run.network
    while isinstance(network, Bfloat16 | GhostBatches):
        network = network.network
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    about = dict(
        experiment=run.experiment.name,
        definition=definition(run.experiment),
        seed=run.seed,
        record=Record.from_run(run).hash,
        sha256=_digest(tensors),
    )
    # One entry: safetensors writes several in any order.
    metadata = {"run": json.dumps(about, sort_keys=True)}
    files.write(Path(path), safetensors.torch.save(tensors, metadata))


def load(name: str | Path) -> nn.Sequential:
    """Return the network, ready to predict, of an experiment whose weights are kept or of a file that save() wrote.

    Raises InputError for any other name and for a file that is missing, damaged or not written by save().
    """
    about, tensors = _read(path_of(name))
    try:
        # What build() reads are plain values; schedule, optimizer and augmentation have done their work.
        fields = {field: value for field, value in about["definition"].items() if not isinstance(value, dict)}
        network = build(Experiment(name=about["experiment"], target=(), schedule=Constant(0.001), **fields))
        network.load_state_dict(tensors)
    except (InputError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(path_of(name)) from error
    # The memory layout that all records were made with, for the same rounding.
    return network.requires_grad_(False).eval().to(memory_format=torch.channels_last)


def path_of(name: str | Path) -> Path:
    """Return the file of an experiment whose weights are kept; a path of a .safetensors file stays as it is."""
    return Path(name) if Path(name).suffix == ".safetensors" else WEIGHTS / f"{name}.safetensors"


def record_hash(name: str | Path) -> str:
    """Return the hash of the record of the run whose weights these are. Raises InputError as load() does."""
    return _read(path_of(name))[0]["record"]


def keep_weights() -> str:
    """Train seed 0 again where the kept weights are not those of its record; return a sentence that says so.

    Raises InputError where there is no record and where training does not repeat it, bit for bit.
    """
    trained = []
    for name, experiment in KEPT.items():
        record = recorded(experiment, 0, RESULTS)
        if not record:
            raise InputError(f"there is no record of {name}, seed 0; make it with: python -m src run {name}")
        if not _kept(name, record):
            _train_again(experiment, record)
            trained.append(name)
    return f"{WEIGHTS} has the weights of {', '.join(KEPT)}; trained again: {', '.join(trained) or 'none'}."


def _kept(name: str, record: Record) -> bool:
    """Tell whether the weights of a record are kept, undamaged."""
    try:
        return record_hash(name) == record.hash
    except InputError:
        return False


def _train_again(experiment: Experiment, record: Record) -> None:
    """Train the run of a record again and keep its weights."""
    checkpoint = checkpoints.path_of(RESULTS, f"{experiment.name}-weights", record.seed, record.split)
    run = train(experiment, record.seed, None, record.split, record.device, checkpoint)
    checkpoint.unlink()
    if Record.from_run(run).hash != record.hash:
        raise InputError(
            f"{experiment.name}, seed {record.seed}, does not repeat its record on this machine (another processor or "
            f"version of torch rounds otherwise); take its weights from git: git checkout {path_of(experiment.name)}"
        )
    save(run, path_of(experiment.name))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return what save() wrote about a run and its tensors."""
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["run"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        damaged = about["sha256"] != _digest(tensors)
    except OSError as error:
        raise InputError(
            f"cannot read the weights {path} ({error.strerror or 'no such file'}); choose {', '.join(KEPT)} or a "
            "file.safetensors that save() wrote."
        ) from error
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path) from error
    if damaged:
        raise _unusable(path)
    return about, tensors


def _unusable(path: Path) -> InputError:
    """Return the error for a file that is damaged or foreign."""
    return InputError(f"the weights {path} are damaged or were not written by src.use.weights.save; save them again.")


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    """Return the SHA-256 of tensors in the order of their names."""
    return hashlib.sha256(b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))).hexdigest()
