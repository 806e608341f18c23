"""A run in the middle, on disk: what it takes to resume after the last finished epoch, bit for bit."""

import hashlib
import io
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch

from src.runs import files
from src.runs.fingerprint import edited, same_code
from src.training import Epoch

# network and optimizer: their state_dict(); history: Epochs; memory: of an experiment's fit(); made_by: a fingerprint
State = dict[str, Any]


def path_of(folder: Path, name: str, seed: int, split: str) -> Path:
    """Return where the checkpoint of a run lies below a folder."""
    return folder / ".unfinished" / f"{split}-{name}-{seed}.checkpoint"


def save(path: Path, identity: str, state: State, device: torch.device) -> None:
    """Write the state of a run and of the random generators, behind its SHA-256; identity: what only this run has."""
    random = [generator.get_rng_state() for generator in _generators(device)]
    history, buffer = [astuple(epoch) for epoch in state["history"]], io.BytesIO()
    torch.save({**state, "history": history, "identity": identity, "random": random}, buffer)
    files.write(path, hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())


def load(path: Path, identity: str, made_by: tuple[float, ...], device: torch.device) -> State | None:
    """Return the state of this run and set the random generators; a file that is damaged or stale counts as none.

    made_by: the fingerprint of today's code. Of a file that does not count one sentence says so."""
    if not path.exists():
        return None
    content = path.read_bytes()
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return print(f"The checkpoint {path} is damaged; the run starts over.", flush=True)
    state = torch.load(io.BytesIO(content[32:]), map_location="cpu", weights_only=True)
    if state["identity"] != identity:
        return print(f"{path} is unfinished, of other settings or another network; the run starts over.", flush=True)
    if not same_code(state.get("made_by", ()), made_by):
        return print(f"{path} is unfinished, and was made by other code{edited()}; the run starts over.", flush=True)
    for generator, random in zip(_generators(device), state["random"], strict=True):
        generator.set_rng_state(random)
    return {**state, "history": [Epoch(*numbers) for numbers in state["history"]]}


def _generators(device):  # the modules whose random generators a run on a device draws from
    return [torch] if device.type == "cpu" else [torch, torch.get_device_module(device)]
