"""A run in the middle, on disk: what it takes to go on after the last finished epoch, bit for bit."""

import os
import pickle
from pathlib import Path

import torch

from src import InputError


def save(path, identity, network, optimizer, history, device):
    """Write the state of a run by one rename.

    identity: a string that only this run has; history: a list of lists of numbers.
    Raises InputError if the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    state = {
        "identity": identity,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
        "random": [generator.get_rng_state() for generator in _generators(device)],
    }
    try:
        torch.save(state, temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        temporary.unlink(missing_ok=True)
        raise InputError(f"cannot write the checkpoint {path}: {error}; free or open that folder.") from error


def restore(path, identity, network, optimizer, device):
    """Put a run back to where save() left it and return its history; an empty one if there is nothing to go on from.

    The file of another run counts as nothing, and so does a damaged one, which is named on the screen.
    """
    try:
        state = torch.load(path, weights_only=True)
        if state["identity"] != identity:
            return []
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        for generator, random in zip(_generators(device), state["random"], strict=True):
            generator.set_rng_state(random)
        return state["history"]
    except FileNotFoundError:
        return []
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError):
        print(f"The checkpoint {path} is damaged; the run starts over.", flush=True)
        return []


def _generators(device):
    """The modules whose random generators a run on device draws from."""
    return [torch] if device.type == "cpu" else [torch, torch.get_device_module(device)]
