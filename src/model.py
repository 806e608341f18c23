"""The layer line (an architecture as one line of text) and the network it describes.

A layer line is a sequence of words separated by blanks, read from the image to the logits:

    16      3x3 convolution to 16 channels, no padding, stride 1; 16p: zero-padded, so that the map keeps its size
    t12     1x1 convolution (transition) to 12 channels
    d16     3x3 depthwise convolution to 16 channels, as many as come in or a multiple: each reads one of them
    s16     3x3 separable convolution: depthwise, then 1x1 to 16 channels, and nothing between the two
    7x10    7x7 convolution to 10 channels
    5x16s2  5x5 convolution to 16 channels, stride 2
    C24     crop: only the central 24x24 pixels are kept
    D       deskew (a Recipe's): each image is sheared and shifted until its ink stands upright, in the middle
    P       2x2 max pooling, stride 2
    G       global average pooling to 1x1

Every convolution but the last, the classifier, is a hidden one: normalization, if any, an activation, and dropout, if
any, follow it."""

import re
from dataclasses import dataclass

from torch import nn

from src import InputError
from src.checks import Checked  # stands for Experiment, which imports this module
from src.contract import own
from src.data import CLASSES

IMAGE_SIZE, MOST_CHANNELS = 28, 4096
LETTERS = {"P": ("max pooling", 2, 2), "G": ("global average pooling", None, 1), "D": ("deskew", 1, 1)}
CONVOLUTION = re.compile(
    r"(?:(?P<kernel>[1-9]\d*)x|(?P<letter>[tds]))?(?P<channels>[1-9]\d*)(?P<padded>p?)(?:s(?P<stride>[2-9]))?"
)


@dataclass(frozen=True)
class Layer:
    """One word of a layer line with its geometry: maps are square, sizes in pixels."""

    word: str
    kind: str  # (depthwise or separable) convolution, max or global average pooling, crop, deskew
    kernel: int
    stride: int
    padding: int  # on each side; negative for a crop
    in_channels: int
    channels: int
    size: int  # height and width of the output map
    position: int  # of the word in the line, from 1
    receptive_field: int  # input pixels (padding too), along one side, that one output unit depends on


def layers(layer_line: str) -> list[Layer]:
    """Parse a layer line into a list of Layers for a (1, 28, 28) image.

    The receptive field follows r' = r + (kernel - 1) * jump, jump' = jump * stride (Araujo et al., Distill 2019).
    Raises InputError, naming position and word, for a word that is none of the above or does not fit its input."""
    line, channels, size, receptive_field, jump = [], 1, IMAGE_SIZE, 1, 1
    for position, word in enumerate(layer_line.split(), start=1):
        in_channels, kernel, stride, padding, complaint = channels, 1, 1, 0, None
        if word in LETTERS:
            kind, kernel, stride = LETTERS[word]
            kernel = kernel or size
            if word == "D" and any("convolution" in layer.kind for layer in line):
                complaint = "only the image itself can be deskewed; put D before the first convolution"
        elif re.fullmatch(r"C[1-9]\d*", word, re.A):
            kind, border = "crop", size - int(word[1:])
            padding = -border // 2
            if border <= 0 or border % 2:
                complaint = f"a crop of a {size}x{size} map must take an even number of pixels off it"
        elif match := CONVOLUTION.fullmatch(word):
            kind = {"d": "depthwise ", "s": "separable "}.get(match["letter"], "") + "convolution"
            channels, stride = int(match["channels"]), int(match["stride"] or 1)
            kernel = 1 if match["letter"] == "t" else int(match["kernel"] or 3)
            padding = kernel // 2 if match["padded"] else 0
            if channels > MOST_CHANNELS:
                complaint = f"channels must be from 1 to {MOST_CHANNELS:,}"
            elif kind == "depthwise convolution" and channels % in_channels:
                complaint = f"channels must be a multiple of the {in_channels} that it is given"
            elif match["padded"] and kernel % 2 == 0:
                complaint = "an even kernel cannot keep the map size; drop the p"
        else:
            complaint = "expected a word such as 16, 16p, t12, d16, s16, 7x10, 5x16s2, P, G, C24 or D"
        if not complaint and kernel > size + 2 * padding:
            complaint = f"the {kernel}x{kernel} kernel does not fit the {size}x{size} map it is given"
        if complaint:
            raise InputError(f"layer line '{layer_line}', word {position} '{word}': {complaint}.")
        size = (size + 2 * padding - kernel) // stride + 1
        receptive_field += (kernel - 1) * jump
        jump *= stride
        line.append(Layer(word, kind, kernel, stride, padding, in_channels, channels, size, position, receptive_field))
    return line


def check_layer_line(layer_line: str, classes: int | None = 10, name: str = "MNIST") -> None:
    """Raise InputError for a layer line that is malformed or does not end in a logit for each class of the data.

    classes: how many these are; None if that is not known yet. name: of the data."""
    line = layers(layer_line)
    ends = f"in {line[-1].channels} maps of {line[-1].size}x{line[-1].size}" if line else "before it begins"
    classes = classes or (max(line[-1].channels, 2) if line else 10)
    if ends != f"in {classes} maps of 1x1" or not any("convolution" in layer.kind for layer in line):
        remedy = f"must end in {classes} logits of 1x1 from a convolution; end it for example with 'G t{classes}'."
        if line and line[-1].size == 1 and "convolution" in line[-1].kind:
            right = re.sub(rf"{line[-1].channels}(?=p?(s\d)?$)", str(classes), line[-1].word)
            remedy = f"{name} has {classes} classes; write '{right}' for its last word '{line[-1].word}'."
        raise InputError(f"layer line '{layer_line}': ends {ends}, but {remedy}")


def build(experiment: Checked) -> nn.Sequential:
    """Build the network of an Experiment, a child for each word: (N, 1, 28, 28) floats in, (N, classes) logits out."""
    if experiment.network:
        return own(experiment.network, CLASSES.get(experiment.data))
    line, make = layers(experiment.layer_line), experiment.block or block
    classifier = max(i for i, layer in enumerate(line) if "convolution" in layer.kind)
    blocks = [make(layer, experiment, hidden=i < classifier) for i, layer in enumerate(line)]
    return nn.Sequential(*blocks, nn.Flatten())


def block(layer: Layer, experiment: Checked, hidden: bool) -> nn.Module:
    """Build the modules of one word: a hidden convolution, for example, with all that follows it."""
    if layer.kind == "max pooling":
        return nn.MaxPool2d(layer.kernel, layer.stride)
    if layer.kind == "global average pooling":
        return nn.AdaptiveAvgPool2d(1)
    if layer.kind == "crop":
        return nn.ZeroPad2d(layer.padding)
    if layer.kind == "deskew":
        raise InputError("the word D is for a Recipe of studies/recipes.py; make Recipe(**vars(experiment)).")

    normalized = hidden and experiment.batch_normalization == "hidden"
    modules = convolutions(layer, bias=not normalized)
    if normalized:
        modules.append(nn.BatchNorm2d(layer.channels))
    if hidden:
        modules.append(getattr(nn, experiment.activation)())
    if hidden and experiment.channel_dropout:
        modules.append(nn.Dropout2d(experiment.channel_dropout))
    return nn.Sequential(*modules)


def convolutions(layer: Layer, bias: bool) -> list[nn.Module]:
    """Build the convolution of a word, or the two of a separable one."""
    geometry = dict(kernel_size=layer.kernel, stride=layer.stride, padding=layer.padding)
    geometry["groups"] = 1 if layer.kind == "convolution" else layer.in_channels
    if layer.kind != "separable convolution":
        return [nn.Conv2d(layer.in_channels, layer.channels, bias=bias, **geometry)]
    depthwise = nn.Conv2d(layer.in_channels, layer.in_channels, bias=False, **geometry)
    return [depthwise, nn.Conv2d(layer.in_channels, layer.channels, kernel_size=1, bias=bias)]


def count_parameters(module: nn.Module) -> int:
    """Count the trainable parameters (running statistics of batch normalization are not trained)."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
