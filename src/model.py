"""The layer line (an architecture as one line of text) and the network it describes.

A layer line is a sequence of words separated by blanks, read from the image to the logits:

    16      3x3 convolution to 16 channels, no padding, stride 1
    16p     the same, zero-padded so that the map keeps its size
    t12     1x1 convolution (transition) to 12 channels
    d16     3x3 depthwise convolution to 16 channels, as many as come in or a multiple: each reads one of them
    s16     3x3 separable convolution: depthwise, then 1x1 to 16 channels, and nothing between the two
    7x10    7x7 convolution to 10 channels
    5x16s2  5x5 convolution to 16 channels, stride 2
    C24     crop: only the central 24x24 pixels are kept
    D       deskew: each image is sheared and shifted until its ink stands upright, in the middle
    P       2x2 max pooling, stride 2
    G       global average pooling to 1x1

Every convolution but the last is a hidden one, followed by normalization (if the experiment has it),
ReLU and dropout (if the experiment has it); the last one is the classifier and gives the 10 logits.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from src import InputError
from src.deskew import Deskew

if TYPE_CHECKING:
    from src.experiments import Experiment

IMAGE_SIZE = 28
CLASSES = 10
MOST_CHANNELS = 4096
CONVOLUTION = re.compile(
    r"(?:(?P<kernel>[1-9]\d*)x|(?P<letter>[tds]))?(?P<channels>[1-9]\d*)(?P<padded>p?)(?:s(?P<stride>[2-9]))?"
)
CROP = re.compile(r"C(?P<size>[1-9]\d*)")


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
    receptive_field: int  # input pixels (padding too), along one side, that one output unit depends on
    jump: int  # input pixels between neighbouring output units


def layers(layer_line: str) -> list[Layer]:
    """Parse a layer line into a list of Layers for a (1, 28, 28) image.

    The receptive field follows r' = r + (kernel - 1) * jump, jump' = jump * stride
    (Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks, Distill 2019).
    Raises InputError, naming position and word, for a word that is none of the above or does not fit its input.
    """
    line, channels, size, receptive_field, jump = [], 1, IMAGE_SIZE, 1, 1
    for position, word in enumerate(layer_line.split(), start=1):
        here = f"layer line '{layer_line}', word {position} '{word}'"
        in_channels, stride, padding = channels, 1, 0
        if word == "P":
            kind, kernel, stride = "max pooling", 2, 2
        elif word == "G":
            kind, kernel = "global average pooling", size
        elif word == "D":
            kind, kernel = "deskew", 1
            if any("convolution" in layer.kind for layer in line):
                raise InputError(f"{here}: only the image itself can be deskewed; put D before the first convolution.")
        elif match := CROP.fullmatch(word):
            kind, kernel, border = "crop", 1, size - int(match["size"])
            if border <= 0 or border % 2:
                raise InputError(f"{here}: a crop of a {size}x{size} map must take an even number of pixels off it.")
            padding = -border // 2
        elif match := CONVOLUTION.fullmatch(word):
            kind = {"d": "depthwise ", "s": "separable "}.get(match["letter"], "") + "convolution"
            channels = int(match["channels"])
            kernel = 1 if match["letter"] == "t" else int(match["kernel"] or 3)
            stride = int(match["stride"] or 1)
            if channels > MOST_CHANNELS:
                raise InputError(f"{here}: channels must be from 1 to {MOST_CHANNELS:,}.")
            if kind == "depthwise convolution" and channels % in_channels:
                raise InputError(f"{here}: channels must be a multiple of the {in_channels} that it is given.")
            padding = kernel // 2 if match["padded"] else 0
            if match["padded"] and kernel % 2 == 0:
                raise InputError(f"{here}: an even kernel cannot keep the map size; drop the p.")
        else:
            raise InputError(f"{here}: expected a word such as 16, 16p, t12, d16, s16, 7x10, 5x16s2, P, G, C24 or D.")
        if kernel > size + 2 * padding:
            raise InputError(f"{here}: the {kernel}x{kernel} kernel does not fit the {size}x{size} map it is given.")
        size = (size + 2 * padding - kernel) // stride + 1
        receptive_field += (kernel - 1) * jump
        jump *= stride
        line.append(Layer(word, kind, kernel, stride, padding, in_channels, channels, size, receptive_field, jump))
    if not line:
        raise InputError("the layer line is empty; write for example '8 P 16 G t10'.")
    return line


def check_layer_line(layer_line: str) -> None:
    """Raise InputError for a layer line that is malformed or does not end in 10 logits."""
    line = layers(layer_line)
    last = line[-1]
    if (last.channels, last.size) != (CLASSES, 1) or not any("convolution" in layer.kind for layer in line):
        raise InputError(
            f"layer line '{layer_line}': ends in {last.channels} maps of {last.size}x{last.size}, but must end in "
            f"{CLASSES} logits of 1x1; end it for example with 'G t{CLASSES}'."
        )


def build(experiment: "Experiment") -> nn.Sequential:
    """Build the network of an experiment: (N, 1, 28, 28) float images in, (N, 10) logits out.

    Its child number i is the word number i of the layer line.
    """
    line = layers(experiment.layer_line)
    classifier = max(i for i, layer in enumerate(line) if "convolution" in layer.kind)
    blocks = [block(layer, experiment, hidden=i != classifier) for i, layer in enumerate(line)]
    return nn.Sequential(*blocks, nn.Flatten())


def block(layer: Layer, experiment: "Experiment", hidden: bool) -> nn.Module:
    """Build the modules of one word of the layer line, as the experiment's fields say."""
    if layer.kind == "max pooling":
        return nn.MaxPool2d(layer.kernel, layer.stride)
    if layer.kind == "global average pooling":
        return nn.AdaptiveAvgPool2d(1)
    if layer.kind == "crop":
        return nn.ZeroPad2d(layer.padding)
    if layer.kind == "deskew":
        return Deskew()

    concerned = {"none": False, "3x3": hidden and layer.kernel == 3, "hidden": hidden, "all": True}
    normalized = concerned[experiment.batch_normalization]
    bias = {"all": True, "none": False, "unless normalized": not normalized}[experiment.bias]

    groups = 1 if layer.kind == "convolution" else layer.in_channels
    geometry = dict(kernel_size=layer.kernel, stride=layer.stride, padding=layer.padding, groups=groups)
    modules = []
    if layer.kind == "separable convolution":
        modules.append(nn.Conv2d(layer.in_channels, layer.in_channels, **geometry, bias=False))
        geometry = dict(kernel_size=1)
    modules.append(nn.Conv2d(layer.in_channels, layer.channels, **geometry, bias=bias))
    if normalized:
        modules.append(nn.BatchNorm2d(layer.channels))
        modules[-1].weight.requires_grad_(experiment.normalization_scale)
    if hidden:
        modules.insert(-1 if normalized and experiment.relu_before_bn else len(modules), nn.ReLU())
    if hidden and concerned[experiment.dropout_after]:
        if experiment.channel_dropout:
            modules.append(nn.Dropout2d(experiment.channel_dropout))
        if experiment.dropout:
            modules.append(nn.Dropout(experiment.dropout))
    return nn.Sequential(*modules)


def count_parameters(module: nn.Module) -> int:
    """Count the trainable parameters (running statistics of batch normalization are not trained)."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
