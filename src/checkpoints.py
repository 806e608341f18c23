"""A run in the middle, on disk: what it takes to go on after the last finished epoch, bit for bit."""

import hashlib
import io
from pathlib import Path

import torch

from src import files


def save(path, identity, network, optimizer, history, kept, device):
    """Write the state of a run, behind its SHA-256.

    identity: a string that only this run has; history: a list of lists of numbers; kept: the
    state of the network after an earlier epoch, or None.
    Raises InputError if the file cannot be written.
    """
    state = {
        "identity": identity,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
        "kept": kept,
        "random": [generator.get_rng_state() for generator in _generators(device)],
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    files.write(path, hashlib.sha256(content).digest() + content)


def restore(path, identity, network, optimizer, device):
    """Put a run back to where save() left it and return its history and what it kept; [] and None without a file.

    The file of another run counts as none, and so does a damaged one, which is named on the screen.
    """
    path = Path(path)
    if not path.exists():
        return [], None
    content = path.read_bytes()
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        print(f"The checkpoint {path} is damaged; the run starts over.", flush=True)
        return [], None
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if state["identity"] != identity:
        return [], None
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    for generator, random in zip(_generators(device), state["random"], strict=True):
        generator.set_rng_state(random)
    return state["history"], state["kept"]


def _generators(device):
    """The modules whose random generators a run on device draws from."""
    return [torch] if device.type == "cpu" else [torch, torch.get_device_module(device)]
