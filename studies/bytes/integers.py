"""A network that learned with Quantization as whole numbers, and what these answer: the reference of the C program.

Every map holds bytes. A convolution adds up weights times bytes; each sum is multiplied by a small number, a bias is
added, and a shift makes it a byte again: mean, deviation, scale and steps of the training are all in these three."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

from src import InputError
from src.data import DataSet, data_of
from studies.deskew import Deskew
from studies.quantization import RoundedConv2d, RoundedReLU

SIZE = 28  # of an image
STEEPEST = 1 << 24  # slant, in 65536ths
SHIFTS = dict(before=7, after=31, bias_shift=31)  # at most
MULTIPLIER, BIAS, LARGEST = 255, 127, 2**31 - 1  # the most that each, and whatever is computed, may be


@dataclass(frozen=True)
class Stage:
    """One step of the program: a map of bytes in; a map of bytes out or, at the end, logits.

    A byte that comes out is (sum / 2**before * multiplier + bias * 2**bias_shift + half) >> after, from 0 to highest,
    where the division cuts off and half is 2**(after - 1). A sum is that of weights times bytes, or of bytes."""

    kind: str  # convolution, depthwise, separable, maximum, average
    kernel: int
    stride: int
    channels: int  # that come out
    weights: tuple[np.ndarray, ...] = ()  # (channels, inputs, kernel, kernel) each; two if separable
    bits: int = 8  # of each weight
    multiplier: np.ndarray | None = None  # (channels,), or (1,) of an average; None: sum and bias are logits
    bias: np.ndarray | None = None  # (channels,), or (1,)
    before: int = 0
    after: int = 0
    bias_shift: int = 0
    highest: int = 255
    between: int = 0  # the largest sum between the two parts of a separable convolution


@dataclass(frozen=True)
class Program:
    """Whole numbers that answer as a network does, for images that may be deskewed and cropped before."""

    deskewed: bool
    crop: int  # pixels on each side that are left out
    stages: tuple[Stage, ...]
    data: DataSet  # that it learned from

    @property
    def bits(self) -> list[int]:
        """How many bits its weights have, each number once."""
        return sorted({stage.bits for stage in self.stages if stage.weights})


def program(network: nn.Sequential) -> Program:
    """Return the whole numbers of a network that learned with Quantization.

    Raises InputError for a network without it, and for a part that no stage is made for."""
    parts = network.named_modules(remove_duplicate=False)  # one module may stand in several places
    modules = [each for _, each in parts if not isinstance(each, nn.Sequential | nn.Dropout | nn.Dropout2d)]
    modules = modules[:-1] if isinstance(modules[-1], nn.Flatten) else modules
    for module in modules:
        _check(module)

    def take(kind):
        return modules.pop(0) if modules and isinstance(modules[0], kind) else None

    of = data_of(network)
    step, zero = 1 / (255 * of.std), 255 * of.mean  # a byte b of a map stands for step * (b - zero)
    crop, size, channels, highest, stages = 0, SIZE, 1, 255, []
    deskewed = take(Deskew) is not None
    while modules:
        if not stages and (border := take(nn.ZeroPad2d)):
            crop -= border.padding[0]
            size = SIZE - 2 * crop
        elif pool := take(nn.MaxPool2d):
            stages.append(Stage("maximum", _side(pool.kernel_size), _side(pool.stride), channels))
            size = size // _side(pool.stride)
        elif take(nn.AdaptiveAvgPool2d):
            if stages and stages[-1].weights and stages[-1].multiplier is None and not modules:
                break  # the logits of all places are added up
            if not any(stage.weights for stage in stages):
                raise InputError("a C program averages the maps of a convolution only; put one before G.")
            rounding = take(RoundedReLU) or _refuse(modules)
            scale = step / rounding.step / size**2
            stage = Stage("average", size, 1, channels, highest=rounding.levels)
            stages.append(_scaled(stage, np.array([scale]), np.zeros(1), size**2 * highest))
            step, highest, size = rounding.step, rounding.levels, 1
        else:
            parts = [take(RoundedConv2d) or _refuse(modules)]
            if modules and _makes_separable(parts[0], modules[0]):
                parts.append(take(RoundedConv2d))
            norm, rounding = take(nn.BatchNorm2d), take(RoundedReLU)
            if not rounding and (
                norm or len(modules) > 1 or modules and not isinstance(modules[0], nn.AdaptiveAvgPool2d)
            ):
                _refuse([norm or modules[0]])
            stage, scale, bias, largest = _convolution(parts, norm, step, zero, highest)
            if rounding:
                stage = replace(stage, highest=rounding.levels)
                stages.append(_scaled(stage, scale / rounding.step, bias / rounding.step, largest))
                step, zero, highest = rounding.step, 0, rounding.levels
            channels, size = stage.channels, (size - stage.kernel) // stage.stride + 1
            if not rounding:
                stages.append(_logits(stage, bias / scale[0], largest, places=size**2))
    if not stages or stages[-1].multiplier is not None or not stages[-1].weights:
        _refuse(modules)
    return Program(deskewed, crop, tuple(stages), of)


def _check(module):
    """Refuse a module that no stage can be made of."""
    fits = {
        Deskew: lambda: True,
        nn.BatchNorm2d: lambda: module.track_running_stats and module.affine,
        RoundedReLU: lambda: True,
        nn.ZeroPad2d: lambda: len(set(module.padding)) == 1 and module.padding[0] < 0,
        nn.AdaptiveAvgPool2d: lambda: module.output_size in (1, (1, 1)),
        nn.MaxPool2d: lambda: (
            _side(module.kernel_size) is not None
            and _side(module.kernel_size) == _side(module.stride)
            and (_side(module.padding), _side(module.dilation), module.ceil_mode) == (0, 1, False)
        ),
        RoundedConv2d: lambda: (
            len({*module.kernel_size}) == len({*module.stride}) == 1
            and module.padding in ((0, 0), "valid")
            and module.dilation == (1, 1)
            and module.groups in (1, module.in_channels)
        ),
    }
    if not fits.get(type(module), lambda: False)():
        raise InputError(
            f"a C program has no {module}. It may have a deskewing and a crop at its beginning, convolutions of square "
            "kernels without padding, groups (but depthwise) or dilation, ReLU after each but the last, max pooling "
            "whose stride is its size, and global average pooling."
        )
    if isinstance(module, RoundedReLU) and not module.top:
        raise InputError("this network was never trained; train it first.")


def _refuse(rest):
    """Refuse a network for the first of the modules that are left, which stands in the place of another."""
    if rest and isinstance(rest[0], Deskew | nn.ZeroPad2d):
        raise InputError("a C program deskews and crops at its beginning only, once and in this order: D C24.")
    what = type(rest[0]).__name__ if rest else "its end"
    raise InputError(
        "a C program needs a ReLU after each convolution but the last, which gives the logits, without "
        f"normalization; this network has {what} in such a place."
    )


def _side(size):
    """Return the side of a square size of a pooling; None if it is not square."""
    sides = {*size} if isinstance(size, tuple) else {size}
    return sides.pop() if len(sides) == 1 else None


def _makes_separable(first, second):
    """Say whether two convolutions with nothing between them are the two of a separable one."""
    if not isinstance(second, RoundedConv2d) or first.bias is not None:
        return False
    channels = first.groups == first.in_channels == first.out_channels
    return channels and (second.kernel_size, second.stride, second.groups) == ((1, 1), (1, 1), 1)


def _convolution(parts, norm, step, zero, highest):
    """Return a stage without its small numbers, what a sum stands for and what is added (C,), and the largest sum."""
    last, weights, between = parts[-1], [], 0
    low, high, ones = (np.full(parts[0].in_channels, value) for value in (0, highest, 1))  # of what comes in
    for part in parts:
        between = max(-low.min(), high.max())
        whole, unit = (each.detach().numpy() for each in part.whole())
        weights.append(whole := whole.astype(np.int64))
        step = step * unit.flatten().astype(np.float64)
        up, down = whole.clip(min=0).sum(axis=(2, 3)), whole.clip(max=0).sum(axis=(2, 3))
        if part.groups == 1:
            low, high, ones = up @ low + down @ high, up @ high + down @ low, (up + down) @ ones
        else:
            up, down, times = up[:, 0], down[:, 0], len(whole) // part.groups
            low, high, ones = (each.repeat(times) for each in (low, high, ones))
            low, high, ones = up * low + down * high, up * high + down * low, (up + down) * ones
    step = np.broadcast_to(step, last.out_channels)
    bias = -zero * step * ones + (0 if last.bias is None else last.bias.detach().double().numpy())
    if norm:
        scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().double().numpy()
        step, bias = (
            step * scale,
            (bias - norm.running_mean.double().numpy()) * scale + norm.bias.detach().double().numpy(),
        )
    # A multiplier is positive; a negative scale turns its weights around, where the lowest has no counterpart.
    weights[-1][step < 0] = (-weights[-1][step < 0]).clip(max=2 ** (last.bits - 1) - 1)
    kind = "separable" if len(parts) == 2 else "depthwise" if last.groups > 1 else "convolution"
    kernel, stride = parts[0].kernel_size[0], parts[0].stride[0]
    largest = max(-low.min(), high.max())
    if largest > LARGEST:
        raise InputError(
            f"a C program adds up to 2**31; a {kind} of this network may reach {largest:,}: use fewer bits."
        )
    stage = Stage(kind, kernel, stride, last.out_channels, tuple(weights), last.bits, between=int(between))
    return stage, np.abs(step), bias, largest


def _scaled(stage, scale, bias, largest):
    """Return a stage with the small numbers that come nearest to a real scale and bias (C,) of sums up to largest."""
    before = max(0, math.ceil(math.log2(largest * MULTIPLIER / (LARGEST / 2))))
    after = math.floor(math.log2(MULTIPLIER / np.abs(scale).max())) - before
    after = min(max(after, 0), math.floor(math.log2(LARGEST / 4 / max(np.abs(bias).max(), 1))))
    bias_shift = max(0, math.ceil(math.log2(max(np.abs(bias).max(), 1e-9) * 2**after / BIAS)))
    _fit(before=before, after=after, bias_shift=bias_shift)
    multiplier = np.round(scale * 2.0 ** (before + after)).clip(max=MULTIPLIER)
    bias = np.round(bias * 2**after / 2**bias_shift)
    whole = dict(multiplier=multiplier.astype(np.int64), bias=bias.astype(np.int64))
    return replace(stage, before=before, after=after, bias_shift=bias_shift, **whole)


def _fit(**shifts):
    """Refuse shifts that the program's table has no bits for."""
    if not all(0 <= shift <= SHIFTS[name] for name, shift in shifts.items()):
        raise InputError("the numbers of this network lie too far apart for a C program; use fewer bits or channels.")


def _logits(stage, bias, largest, places):
    """Return the last stage, whose sums are logits when a bias (C,) is added, in so many places."""
    bias_shift = max(0, math.ceil(math.log2(max(np.abs(bias).max(), 1e-9) / BIAS)))
    _fit(bias_shift=bias_shift)
    if places * (largest + (BIAS << bias_shift)) > LARGEST:
        raise InputError("the logits of this network do not fit into 32 bits; use fewer bits or channels.")
    return replace(stage, bias=np.round(bias / 2**bias_shift).astype(np.int64), bias_shift=bias_shift)


def logits(of: Program, images: np.ndarray) -> np.ndarray:
    """Return what a program answers: int32 logits (N, classes) for images (N, 28, 28) uint8."""
    inside = slice(of.crop, SIZE - of.crop)
    images = deskew(images) if of.deskewed else images
    parts = np.array_split(images[:, inside, inside, None], -(-len(images) // 250))
    return np.concatenate([_answers(of, part) for part in parts])


def deskew(images: np.ndarray) -> np.ndarray:
    """Return images (N, 28, 28) uint8 upright and in the middle, as deskew.Deskew makes them but for rounding.

    A row of the result is a row of the image at a height of its own, moved sideways: both in 256ths of a pixel."""
    background = images.min(axis=(1, 2), keepdims=True)
    ink, place = (images - background).astype(np.int64), 2 * np.arange(SIZE) - SIZE + 1  # in half pixels
    ink_x, ink_y = ink.sum(axis=1), ink.sum(axis=2)
    total = np.maximum(ink.sum(axis=(1, 2)), 1)
    x, y, xy, yy = ink_x @ place, ink_y @ place, (ink @ place) @ place, ink_y @ place**2
    slant = _divided((total * xy - x * y) * 65536, np.maximum(total * yy - y * y, 1)).clip(-STEEPEST, STEEPEST)
    middle_x, middle_y = _divided(x * 128, total), _divided(y * 128, total)
    padded = np.pad(ink, [(0, 0), (SIZE, SIZE + 1), (SIZE, SIZE + 1)])
    upright = np.empty_like(ink)
    for row, height in enumerate(place):
        left = (middle_x + _divided(slant * height, 512)).clip(-SIZE * 256, SIZE * 256)
        top = middle_y + 256 * (row + SIZE)
        columns = np.arange(SIZE) + SIZE + (left >> 8)[:, None]
        number, right, below = np.arange(len(ink))[:, None], (left & 255)[:, None], (top & 255)[:, None]
        above, under = ((top >> 8) + i for i in (0, 1))
        mixed = [
            padded[number, of[:, None], columns] * (256 - right) + padded[number, of[:, None], columns + 1] * right
            for of in (above, under)
        ]
        upright[:, row] = mixed[0] * (256 - below) + mixed[1] * below + 32768 >> 16
    return (upright + background).astype(np.uint8)


def _divided(numbers, by):
    """Divide whole numbers and cut off, as C does."""
    return np.sign(numbers) * (np.abs(numbers) // by)


def _answers(of, maps):
    maps = maps.astype(np.int32)
    for stage in of.stages:
        if stage.kind in ("maximum", "average"):
            windows = sliding_window_view(maps, (stage.kernel, stage.kernel), axis=(1, 2))[
                :, :: stage.stride, :: stage.stride
            ]
            maps = windows.max(axis=(4, 5)) if stage.kind == "maximum" else windows.sum(axis=(4, 5), dtype=np.int32)
        for weights in stage.weights:
            stride = stage.stride if weights is stage.weights[0] else 1
            maps = _sums(maps, weights.astype(np.int32), stride)
        if stage.multiplier is not None:
            scaled = _divided(maps, 1 << stage.before) * stage.multiplier
            bias = (stage.bias << stage.bias_shift) + (1 << stage.after >> 1)
            maps = (scaled + bias >> stage.after).clip(0, stage.highest).astype(np.int32)
        elif stage.weights:
            maps = (maps + (stage.bias << stage.bias_shift)).astype(np.int32)
    return maps.sum(axis=(1, 2), dtype=np.int32)


def _sums(maps, weights, stride):
    """Add up weights (C, inputs, kernel, kernel) times maps (N, H, W, inputs of all)."""
    windows = sliding_window_view(maps, weights.shape[2:], axis=(1, 2))[
        :, ::stride, ::stride
    ]  # (N, h, w, inputs, k, k)
    if weights.shape[1] == windows.shape[3]:
        return np.tensordot(windows, weights, axes=[(3, 4, 5), (1, 2, 3)])
    windows = windows.repeat(len(weights) // windows.shape[3], axis=3)
    return (windows * weights[:, 0]).sum(axis=(4, 5), dtype=np.int32)
