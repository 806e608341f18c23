"""Quantization: a network learns with weights and activations rounded to a few bits, so that integers can replace them.

Rounding in the forward pass, as if there were none in the backward pass: Jacob et al., arXiv:1712.05877."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.checks import Checked, that_is, within
from src.model import Layer, layers

# bits -> the step, in deviations, that rounds normally distributed weights with the least square error
STEPS = {2: 1.067, 3: 0.592, 4: 0.341, 5: 0.189, 6: 0.105, 7: 0.0561, 8: 0.03}
FEWEST, MOST = min(STEPS), max(STEPS)
MOMENTUM = 0.05  # of the running mean of the largest activations


def _are_bits(value: object) -> bool:
    bits = value if isinstance(value, tuple) else (value,)
    return bool(bits) and all(type(each) is int and each in STEPS for each in bits)


@dataclass(frozen=True)
class Quantization(Checked):
    """How many bits weights and activations have, and when rounding to them begins."""

    weights: int | tuple = that_is("from 2 to 8 bits, or a tuple of such, one for each convolution's word", _are_bits)
    activations: int = within(FEWEST, MOST, default=8)
    start: float = within(0, 0.99, default=0.0)  # fraction of the training, in whole epochs

    def __str__(self):
        bits = self.weights if isinstance(self.weights, int) else ", ".join(map(str, self.weights))
        after = f", after {100 * self.start:g} % of the training" if self.start else ""
        return f"weights of {bits} bits, activations of {self.activations}{after}"

    def bits_of(self, layer: Layer, layer_line: str) -> int:
        """Return how many bits the weights of a convolution have."""
        if isinstance(self.weights, int):
            return self.weights
        return self.weights[[each for each in layers(layer_line) if "convolution" in each.kind].index(layer)]


class RoundedConv2d(nn.Conv2d):
    """A convolution whose weights are whole numbers of some bits times a step, one step for each channel or for all."""

    def __init__(self, like: nn.Conv2d, bits: int, one_step: bool):
        """Take over the parameters of a convolution."""
        channels, place = (like.in_channels, like.out_channels), (like.kernel_size, like.stride, like.padding)
        rest = dict(dilation=like.dilation, groups=like.groups, bias=like.bias is not None)
        super().__init__(*channels, *place, **rest, device="meta")
        self.weight, self.bias = like.weight, like.bias
        self.bits, self.one_step, self.rounds = bits, one_step, True

    def whole(self) -> tuple[Tensor, Tensor]:
        """Return whole numbers from -2**(bits - 1) to 2**(bits - 1) - 1, and their step.

        The numbers have the shape of the weights, the step (1, 1, 1, 1) or (channels, 1, 1, 1).
        The gradient goes to the weights as if none were rounded."""
        axes = (0, 1, 2, 3) if self.one_step else (1, 2, 3)
        deviation = self.weight.detach().square().mean(dim=axes, keepdim=True).sqrt()
        step = STEPS[self.bits] * deviation.clamp_min(1e-8)
        half = 2 ** (self.bits - 1)
        inside = (self.weight / step).clamp(-half, half - 1)
        return inside + (inside.round() - inside).detach(), step

    def forward(self, maps: Tensor) -> Tensor:
        """Take and return maps, as a convolution does."""
        whole, step = self.whole()
        weight = whole * step if self.rounds else self.weight
        place = self.stride, self.padding, self.dilation
        return F.conv2d(maps, weight, self.bias, *place, self.groups)


class RoundedReLU(nn.Module):
    """ReLU up to a top, the running mean of the largest values that it was given, in 2**bits - 1 equal steps."""

    def __init__(self, bits: int):
        super().__init__()
        self.levels, self.rounds = 2**bits - 1, True
        self.register_buffer("top", torch.tensor(0.0))

    @property
    def step(self) -> float:
        """The difference between a level and the next."""
        return self.top.item() / self.levels

    def forward(self, maps: Tensor) -> Tensor:
        """Take and return maps."""
        if self.training:
            largest = maps.detach().amax().clamp_min(1e-3)
            self.top.lerp_(largest, MOMENTUM if self.top else 1.0)
        return _Rounding.apply(maps, self.top.item(), self.levels) if self.rounds and self.top else F.relu(maps)


class _Rounding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, top: float, levels: int) -> Tensor:
        ctx.save_for_backward(maps)
        ctx.top = top
        return maps.clamp(0, top).mul_(levels / top).round_().mul_(top / levels)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (maps,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, maps, 0, ctx.top), None, None


def rounded(convolutions: list[nn.Module], bits: int, hidden: bool) -> list[nn.Module]:
    """Return the convolutions of a word with rounded weights.

    One step for all where its sums are added up before a scale can follow: between the two of a separable one, and in
    the classifier, whose logits are compared."""
    last = len(convolutions) - 1
    return [RoundedConv2d(each, bits, one_step=i < last or not hidden) for i, each in enumerate(convolutions)]


def set_rounding(network: nn.Module, rounds: bool) -> None:
    """Switch the rounding of a network on or off."""
    for module in network.modules():
        if isinstance(module, RoundedConv2d | RoundedReLU):
            module.rounds = rounds
