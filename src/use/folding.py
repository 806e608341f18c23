"""A trained network without what only training needs: batch normalization inside the convolutions, no dropout."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold(network: nn.Sequential) -> nn.Sequential:
    """Return a copy for prediction that gives the same logits up to rounding, as one flat sequence of modules.

    network: as model.build() makes it. The copy has Deskew, ZeroPad2d, Conv2d with bias, ReLU, MaxPool2d,
    AdaptiveAvgPool2d, Flatten, on the CPU; and BatchNorm2d where ReLU stands before it, so that no convolution can
    take it in.
    """
    modules = []
    for module in copy.deepcopy(network).cpu().double().eval().modules():
        if isinstance(module, nn.Sequential | nn.Dropout2d | nn.Dropout):
            continue
        if isinstance(module, nn.BatchNorm2d) and isinstance(modules[-1], nn.Conv2d):
            modules[-1] = fuse_conv_bn_eval(modules[-1], module)
        else:
            modules.append(module)
        if isinstance(module, nn.Conv2d) and module.bias is None:
            module.bias = nn.Parameter(torch.zeros(module.out_channels, dtype=module.weight.dtype))
    return nn.Sequential(*modules).float().requires_grad_(False).eval()
