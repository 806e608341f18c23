"""The layer line (an architecture as one line of text) and the network it describes.

A layer line is a sequence of words separated by blanks, read from the image to the logits:

    16      3x3 convolution to 16 channels, no padding, stride 1
    16p     the same, zero-padded so that the map keeps its size
    t12     1x1 convolution (transition) to 12 channels
    7x10    7x7 convolution to 10 channels
    P       2x2 max pooling, stride 2
    G       global average pooling to 1x1

Every convolution but the last is a hidden one, followed by normalization (if the experiment has it),
ReLU and dropout (if the experiment has it); the last one is the classifier and gives the 10 logits.
"""

import re
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from src import InputError

IMAGE_SIZE = 28
CLASSES = 10
CONVOLUTION = re.compile(r"(?:(?P<kernel>[1-9]\d*)x|(?P<transition>t))?(?P<channels>[1-9]\d*)(?P<padded>p?)")


@dataclass(frozen=True)
class Layer:
    """One word of a layer line with its geometry: maps are square, sizes in pixels."""

    word: str
    kind: str  # "convolution", "max pooling" or "global average pooling"
    kernel: int
    stride: int
    padding: int
    in_channels: int
    channels: int
    size: int  # height and width of the output map
    receptive_field: int  # input pixels, along one side, that one output unit depends on
    jump: int  # input pixels between neighbouring output units


def layers(layer_line):
    """Parse a layer line into a list of Layers for a (1, 28, 28) image.

    The receptive field follows r' = r + (kernel - 1) * jump, jump' = jump * stride
    (Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks, Distill 2019).
    Raises InputError, naming position and word, for a word that is none of the above
    and for a map that shrinks below the kernel.
    """
    parsed = []
    channels, size, receptive_field, jump = 1, IMAGE_SIZE, 1, 1
    for position, word in enumerate(layer_line.split(), start=1):
        here = f"layer line '{layer_line}', word {position} '{word}'"
        in_channels, stride, padding = channels, 1, 0
        if word == "P":
            kind, kernel, stride = "max pooling", 2, 2
        elif word == "G":
            kind, kernel = "global average pooling", size
        elif match := CONVOLUTION.fullmatch(word):
            kind, channels = "convolution", int(match["channels"])
            kernel = 1 if match["transition"] else int(match["kernel"] or 3)
            if match["padded"]:
                if kernel % 2 == 0:
                    raise InputError(f"{here}: an even kernel cannot keep the map size; drop the p.")
                padding = kernel // 2
        else:
            raise InputError(f"{here}: expected a convolution such as 16, 16p, t12 or 7x10, or P, or G.")
        if kernel > size + 2 * padding:
            raise InputError(f"{here}: the {kernel}x{kernel} kernel does not fit the {size}x{size} map it is given.")
        size = (size + 2 * padding - kernel) // stride + 1
        receptive_field += (kernel - 1) * jump
        jump *= stride
        parsed.append(Layer(word, kind, kernel, stride, padding, in_channels, channels, size, receptive_field, jump))
    if not parsed:
        raise InputError("the layer line is empty; write for example '8 P 16 G t10'.")
    return parsed


def receptive_field(layer_line):
    """Side, in input pixels, of the square that one output unit depends on, global pooling included.

    Padding counts as input, so a padded network can reach beyond the 28 pixels of the image.
    Raises InputError as layers() does; the line need not end in 10 logits.
    """
    return layers(layer_line)[-1].receptive_field


def build(experiment):
    """The network of an experiment: (N, 1, 28, 28) float images in, (N, 10) logits out.

    Its child number i is the word number i of the layer line.

    Which convolutions are normalized, carry a bias and are followed by dropout, and whether ReLU
    comes before normalization, is what the experiment's fields of these names say. Channel dropout
    is that of Tompson et al., arXiv:1411.4280.
    Raises InputError for a line that is malformed or does not end in 10 logits and for words
    that these fields cannot have.
    """
    line = layers(experiment.layer_line)
    last = line[-1]
    classifier = max((i for i, layer in enumerate(line) if layer.kind == "convolution"), default=None)
    if classifier is None or (last.channels, last.size) != (CLASSES, 1):
        raise InputError(
            f"layer line '{experiment.layer_line}': ends in {last.channels} maps of "
            f"{last.size}x{last.size}, but must end in {CLASSES} logits of 1x1; "
            f"end it for example with 'G t{CLASSES}'."
        )
    blocks = [_block(layer, experiment, is_classifier=i == classifier) for i, layer in enumerate(line)]
    return nn.Sequential(*blocks, nn.Flatten())


def _block(layer, experiment, is_classifier):
    """The modules of one word of the layer line."""
    if layer.kind == "max pooling":
        return nn.MaxPool2d(layer.kernel, layer.stride)
    if layer.kind == "global average pooling":
        return nn.AdaptiveAvgPool2d(1)
    normalized = _concerns(experiment.batch_normalization, layer, is_classifier)
    if experiment.bias not in ("unless normalized", "all", "none"):
        raise InputError(f"bias '{experiment.bias}': use 'unless normalized', 'all' or 'none'.")
    bias = experiment.bias == "all" or experiment.bias == "unless normalized" and not normalized
    modules = [nn.Conv2d(layer.in_channels, layer.channels, layer.kernel, padding=layer.padding, bias=bias)]
    if normalized:
        modules.append(nn.BatchNorm2d(layer.channels))
    if not is_classifier:
        modules.insert(1 if experiment.activation_first else len(modules), nn.ReLU())
    if not is_classifier and _concerns(experiment.dropout_after, layer, is_classifier):
        if experiment.dropout:
            modules.append(nn.Dropout2d(experiment.dropout))
        if experiment.activation_dropout:
            modules.append(ActivationDropout(experiment.activation_dropout))
    return nn.Sequential(*modules)


def _concerns(which, layer, is_classifier):
    """Whether a convolution is one of "all", of the "hidden" ones, of the hidden "3x3" ones or of "none"."""
    answers = {"all": True, "hidden": not is_classifier, "3x3": layer.kernel == 3 and not is_classifier, "none": False}
    if which not in answers:
        raise InputError(f"'{which}' convolutions: choose one of {', '.join(answers)}.")
    return answers[which]


class ActivationDropout(nn.Module):
    """Zero each activation with a probability while training, and scale the others up (arXiv:1207.0580).

    What nn.Dropout does, at a third of its cost on a CPU, where drawing random numbers is most of it:
    one draw of 64 bits serves four activations, so the probability is rounded to 16 bits.
    """

    def __init__(self, probability):
        super().__init__()
        self.probability = probability

    def forward(self, maps):
        """maps: (N, C, H, W) float, dense in memory in whatever layout; the same comes back."""
        if not self.training:
            return maps
        if maps.device.type != "cpu":
            return F.dropout(maps, self.probability)
        draws = torch.empty(-(-maps.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = draws.view(torch.int16)[: maps.numel()].as_strided(maps.shape, maps.stride())
        # A mask of 0 and 1 without a comparison, whose bools are slow to make and slow to turn into floats.
        least = max(1, round(self.probability * 2**16)) - 2**15
        kept = bits.clamp(least - 1, least).sub_(least - 1)
        return maps * kept.to(maps.dtype).mul_(1 / (1 - self.probability))


def count_parameters(module):
    """Number of trainable parameters (running statistics of batch normalization are not trained)."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def count_running_statistics(module):
    """Number of running means and variances of batch normalization, which Keras counts as parameters."""
    return sum(buffer.numel() for buffer in module.buffers() if buffer.is_floating_point())


def layer_table(experiment):
    """The network of an experiment as text, one line per word of its layer line."""
    lines = [f"{'word':>6}  {'layer':<26}{'output':>12}  {'receptive field':>15}  {'parameters':>10}"]
    network = build(experiment)
    for layer, block in zip(layers(experiment.layer_line), network, strict=False):
        name = f"{layer.kernel}x{layer.kernel} {layer.kind}"
        output = f"{layer.channels} x {layer.size} x {layer.size}"
        lines.append(
            f"{layer.word:>6}  {name:<26}{output:>12}  {layer.receptive_field:>15}  {count_parameters(block):>10,}"
        )
    return "\n".join([*lines, f"{'total':>6}{count_parameters(network):>67,}"])
