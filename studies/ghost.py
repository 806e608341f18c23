"""Ghost batch normalization: parts of a batch side by side in threads, each normalized by itself (arXiv:1705.08741)."""

import copy
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn


class GhostBatches(nn.Module):
    """A network that, while training, sends the parts of each batch through copies of itself side by side.

    The copies share the network's parameters and have running statistics of their own;
    evaluation uses those of the network, which come from the first part of each batch."""

    def __init__(self, network: nn.Module, parts: int):
        super().__init__()
        self.network = network
        self.parts = parts
        self.copies = ()  # a tuple, so that they are no modules of this one

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Take (N, 1, 28, 28) floats, give (N, 10) logits."""
        if not self.training:
            return self.network(images)
        if not self.copies:  # not before the first batch: by then the parameters are where they stay
            self.copies = tuple(_sharing_parameters(self.network) for _ in range(self.parts - 1))
        parts = self.parts
        while parts > 1 and len(images.chunk(parts)[-1]) == 1:  # which batch normalization may be unable to learn from
            parts -= 1
        return _SideBySide.apply(images, (self.network, *self.copies)[:parts], *self.network.parameters())


class _SideBySide(torch.autograd.Function):
    """Forward and backward pass of each part in a thread of its own."""

    @staticmethod
    def forward(ctx: Any, images: torch.Tensor, networks: tuple, *parameters: torch.Tensor) -> torch.Tensor:
        def run(network, part):
            with torch.enable_grad():
                return network(part)

        ctx.networks = networks
        ctx.logits = _in_threads(run, networks, images.chunk(len(networks)))  # chunk() makes fewer of few images
        return torch.cat([logits.detach() for logits in ctx.logits])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple:
        def run(network, logits, part):
            return torch.autograd.grad(logits, list(network.parameters()), part)

        parts = gradient.split([len(logits) for logits in ctx.logits])
        gradients = _in_threads(run, ctx.networks, ctx.logits, parts)
        return None, None, *(sum(rest, start=first) for first, *rest in zip(*gradients, strict=True))


def _in_threads(function, networks, *arguments):
    """Return what the function returns for each network and its arguments, as list(map()) does."""
    return list(_pool(len(networks), torch.get_num_threads()).map(function, networks, *arguments))


@functools.cache
def _pool(size, threads):
    """Return a pool of threads, kept because what a convolution prepares for its next call belongs to its thread."""
    # A new thread learns torch's number of threads with most operations, but not with a convolution.
    return ThreadPoolExecutor(size, initializer=torch.set_num_threads, initargs=[threads])


def _sharing_parameters(network):  # a copy of a network with the same parameters and with running statistics of its own
    replica = copy.deepcopy(network)
    for parameter, shared in zip(replica.parameters(), network.parameters(), strict=True):
        parameter.data = shared.data
    return replica
