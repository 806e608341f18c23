"""A run in the middle, on disk: what it takes to resume after the last finished epoch, bit for bit."""

import hashlib
import io
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch

from src.runs import files
from src.training import Epoch

# network and optimizer: what their state_dict() gives; history: list of Epochs; best: a state of the network or None
State = dict[str, Any]


def path_of(folder: Path, name: str, seed: int, split: str) -> Path:
    """Return where the checkpoint of a run lies below a folder."""
    return folder / ".unfinished" / f"{split}-{name}-{seed}.checkpoint"


def save(path: Path, identity: str, state: State, device: torch.device) -> None:
    """Write the state of a run with that of the random generators, behind its SHA-256.

    identity: text that only this run has. Raises InputError if the file cannot be written.
    """
    random = [generator.get_rng_state() for generator in _generators(device)]
    history = [astuple(epoch) for epoch in state["history"]]
    buffer = io.BytesIO()
    torch.save({**state, "history": history, "identity": identity, "random": random}, buffer)
    content = buffer.getvalue()
    files.write(path, hashlib.sha256(content).digest() + content)


def load(path: Path, identity: str, device: torch.device) -> State | None:
    """Return the state that save() wrote and set the random generators; None without one of this run.

    A damaged file is named on the screen and counts as none.
    """
    if not path.exists():
        return None
    content = path.read_bytes()
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        print(f"The checkpoint {path} is damaged; the run starts over.", flush=True)
        return None
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if state["identity"] != identity:
        return None
    for generator, random in zip(_generators(device), state["random"], strict=True):
        generator.set_rng_state(random)
    return {**state, "history": [Epoch(*numbers) for numbers in state["history"]]}


def _generators(device):
    """Return the modules whose random generators a run on a device draws from."""
    return [torch] if device.type == "cpu" else [torch, torch.get_device_module(device)]
