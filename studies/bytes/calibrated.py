"""A network that learned without Quantization, rounded to 8 bits afterwards; images say how large each map becomes."""

import copy

import torch
from torch import nn

from src import data
from src.data import MNIST, DataSet, data_of, normalize
from src.datasets import named
from src.use.export import fold
from studies.quantization import RoundedConv2d, RoundedReLU

BITS, IMAGES = 8, 1000  # of the training set


def images_of(of: DataSet) -> torch.Tensor:
    """Return the first training images (N, 1, 28, 28) of data. Raises InputError if it cannot be had."""
    return (data.load("train") if of == MNIST else named.load(of.name, "train")).images[:IMAGES]


def has_learned_rounded(network: nn.Module) -> bool:
    """Say whether a network learned with Quantization."""
    return any(isinstance(module, RoundedConv2d) for module in network.modules())


@torch.no_grad()
def calibrated(network: nn.Module, bits: int = BITS) -> nn.Module:
    """Return a copy on the CPU whose weights are rounded to some bits, and its activations to 8, if they are not yet.

    Raises InputError for a network that does more than its modules in turn, and if its data cannot be had."""
    if has_learned_rounded(network):
        return copy.deepcopy(network).cpu()
    folded, of = fold(network), data_of(network)
    convolutions = [module for module in folded if isinstance(module, nn.Conv2d)]
    modules = []
    for module, follows in zip(folded, [*folded[1:], None], strict=True):
        if isinstance(module, nn.Conv2d):
            one_step = module is convolutions[-1] or isinstance(follows, nn.Conv2d)
            module.bias = module.bias if module.bias.any() else None
            modules.append(RoundedConv2d(module, bits, one_step))
        elif isinstance(module, nn.ReLU):
            modules.append(RoundedReLU(BITS))
        elif isinstance(module, nn.AdaptiveAvgPool2d) and follows in convolutions:
            modules += [module, RoundedReLU(BITS)]
        else:
            modules.append(module)
    rounded = nn.Sequential(*modules)
    rounded.train()(normalize(images_of(of), of))  # each map is rounded up to its largest value
    rounded.learned_from = of
    return rounded.eval()
