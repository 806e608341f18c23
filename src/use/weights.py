"""Trained networks as files: a run's weights in safetensors, with what it takes to build the network again."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from src import InputError
from src.data import MNIST, DataSet, data_of
from src.experiments import Constant, Experiment
from src.model import build
from src.runs import files
from src.runs.fingerprint import edited
from src.runs.one import Run
from src.runs.own import describe
from src.runs.records import RESULTS, definition
from src.training import predict

WEIGHTS = RESULTS / "weights"


def save(run: Run, path: str | Path) -> None:
    """Write the weights of a run, and what data it learned from, to a file.safetensors; the same run, the same bytes.

    Raises InputError for another ending of the name and if the file cannot be written."""
    if Path(path).suffix != ".safetensors":
        raise InputError(f"cannot save weights as {path}; let the name end in .safetensors.")
    tensors = {name: tensor.cpu().contiguous().clone() for name, tensor in run.network.state_dict().items()}
    about = dict(experiment=run.experiment.name, definition=definition(run.experiment, run.network), seed=run.seed)
    about |= dict(record=run.record.hash, sha256=_digest(tensors), logits=_answers(run.network))
    about |= {} if (of := data_of(run.network)) == MNIST else {"data": dataclasses.asdict(of)}
    metadata = {"run": json.dumps(about, sort_keys=True)}  # one entry: safetensors writes several in any order
    files.write(Path(path), safetensors.torch.save(tensors, metadata))


def load(name: str | Path, kind: type[Experiment] = Experiment, network: Callable | None = None) -> nn.Module:
    """Return the network, ready to predict, of an experiment whose weights are kept or of a file that save() wrote.

    kind: what its experiment was: Recipe, for example, with the fields of studies/recipes.py. network: what a network
    of one's own was made with, its class for example. Raises InputError for any other name, for another network and for
    a file that is missing, damaged or not written by save()."""
    about, tensors = _read(path_of(name))
    try:
        # What build() reads are plain values; schedule, optimizer and augmentation have done their work.
        done = ("schedule", "optimizer", "augmentation")
        fields = {field: value for field, value in about["definition"].items() if field not in done}
        fields["name"], source = about["experiment"], fields.pop("network", None)
        fields |= {field: _made(kind, field, value) for field, value in fields.items() if isinstance(value, dict)}
        of = DataSet(**about["data"] | {"classes": tuple(about["data"]["classes"])}) if "data" in about else MNIST
    except (KeyError, TypeError, AttributeError, ValueError, StopIteration) as error:
        raise _unusable(path_of(name)) from error
    if bool(source) != bool(network):
        how = "a network of one's own; load it with its class: network=Mine" if source else "no network of one's own"
        raise InputError(f"{path_of(name)} has {how}.")
    try:
        made = build(kind(target=(), schedule=Constant(0.001), network=network, **fields))
        if not source or describe(made) == source:
            made.load_state_dict(tensors)
        else:
            raise InputError("they are of another network than this, or of another version of it")
    except (InputError, TypeError) as error:
        remedy = "if a study trained it: load(..., Recipe), from studies.recipes" if not source else "load that one"
        raise InputError(f"cannot build the network of {path_of(name)} ({error}); {remedy}.") from error
    except RuntimeError as error:
        raise _unusable(path_of(name)) from error
    # The memory layout that make_network() has, for the same rounding.
    layout = torch.contiguous_format if source else torch.channels_last
    made = made.requires_grad_(False).eval().to(memory_format=layout)
    made.learned_from = of  # predict() needs its mean, answers its classes
    answers = _answers(made)
    if not torch.allclose(*map(torch.tensor, (answers, about.get("logits", answers))), rtol=1e-3, atol=1e-2):
        raise InputError(f"{path_of(name)} was saved by other code{edited()}, in which its network answers otherwise.")
    return made


def _made(kind: type[Experiment], field: str, value: dict) -> object:  # the dataclass that a definition holds as a dict
    ((name, parts),) = value.items()
    types = {each.name: each.type for each in dataclasses.fields(kind)}
    if field not in types:  # of another kind of experiment, which is told to the caller
        return value
    make = next(each for each in get_args(types[field]) if each.__name__ == name)
    return make(**{part: tuple(of) if isinstance(of, list) else of for part, of in parts.items()})


def _answers(network: nn.Module) -> list[float]:
    """Return the logits of a network for two images, which only the same code gives."""
    images = torch.linspace(0, 255, 2 * 28**2).reshape(2, 1, 28, 28)
    return [round(logit, 4) for logit in predict(network, images).flatten().tolist()]


def path_of(name: str | Path) -> Path:
    """Return the file of an experiment whose weights are kept; a path of a .safetensors file stays as it is."""
    return Path(name) if Path(name).suffix == ".safetensors" else WEIGHTS / f"{name}.safetensors"


def kept() -> list[str]:
    """Return the names of the experiments whose weights of seed 0 are kept."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def record_hash(name: str | Path) -> str:
    """Return the hash of the record of the run whose weights these are. Raises InputError as load() does."""
    return _read(path_of(name))[0]["record"]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return what save() wrote about a run and its tensors."""
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["run"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        damaged = about["sha256"] != _digest(tensors)
    except OSError as error:
        remedy = f"choose {', '.join(kept())} or a file.safetensors that save() wrote"
        reason = "it is a folder" if path.is_dir() else error.strerror or "no such file"
        raise InputError(f"cannot read the weights {path} ({reason}); {remedy}.") from error
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path) from error
    if damaged:
        raise _unusable(path)
    return about, tensors


def _unusable(path: Path) -> InputError:
    return InputError(f"the weights {path} are damaged or were not written by src.use.weights.save; save them again.")


def _digest(tensors: dict[str, torch.Tensor]) -> str:  # the SHA-256 of tensors in the order of their names
    return hashlib.sha256(b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))).hexdigest()
