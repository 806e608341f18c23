"""Whether a picture may show no digit: asked of a second network, which learned to tell digits from everything else.

It is of Model4's kind. studies/pictures/doubt.py trained it, chose where doubt begins and measured how it errs."""

import functools
from pathlib import Path

import safetensors.torch
import torch
from safetensors import safe_open
from torch import nn

from src.experiments import MODEL4
from src.model import build
from src.training import predict

WEIGHTS = Path(__file__).with_name("doubt.safetensors")


def surety(images: torch.Tensor) -> torch.Tensor:
    """Return how sure it is that images show digits, (N,) floats; below 0, an image may show none.

    images: as training.predict() takes them."""
    network, least = load()
    return log_odds(network, images) - least


def log_odds(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the odds, (N,), that images show digits; of ten logits the first two say that."""
    digit, none = predict(network, images)[:, :2].unbind(dim=1)
    return digit - none


@functools.cache
def load() -> tuple[nn.Module, float]:
    """Return the network, and the log-odds below which it doubts."""
    network = build(MODEL4)
    network.load_state_dict(safetensors.torch.load_file(WEIGHTS))
    with safe_open(WEIGHTS, "pt") as file:
        return network.requires_grad_(False).eval(), float(file.metadata()["least"])
