"""A trained network without what only training needs, and as an ONNX file, for programs without PyTorch."""

import contextlib
import copy
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from src import InputError
from src.contract import check_logits
from src.data import MNIST, data_of, is_handwriting, normalize
from src.runs import files


def fold(network: nn.Module) -> nn.Sequential:
    """Return a copy of a network, of model.build() or one's own, for prediction: one flat sequence on the CPU.

    Convolutions have taken in the batch normalization that follows them, so they all have a bias; no dropout.
    Raises InputError for a network that does more than its modules in turn, for one with rounded weights, and for one
    with other logits than one for each class of the data that it learned from."""
    if any(hasattr(module, "rounds") for module in network.modules()):  # of studies/quantization.py
        raise InputError(
            "a network that learned with rounded weights leaves PyTorch as a C file: export NAME --c FILE."
        )
    modules = []
    for _, module in copy.deepcopy(network).cpu().double().eval().named_modules(remove_duplicate=False):
        if list(module.children()) or isinstance(module, nn.Sequential | nn.Dropout2d | nn.Dropout):
            continue
        if isinstance(module, nn.BatchNorm2d) and modules and isinstance(modules[-1], nn.Conv2d):
            modules[-1] = fuse_conv_bn_eval(modules[-1], module)
        else:
            modules.append(module)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is None:
            module.bias = nn.Parameter(torch.zeros(len(module.weight), dtype=module.weight.dtype))
    folded, images = nn.Sequential(*modules).float().requires_grad_(False).eval(), torch.rand(2, 1, 28, 28)
    expected, of = copy.deepcopy(network).cpu().eval()(images), data_of(network)
    check_logits(expected, of)
    with contextlib.suppress(RuntimeError):  # of shapes that do not fit
        logits = folded(images)
        if logits.shape == expected.shape and torch.allclose(logits, expected, rtol=1e-3, atol=1e-3):
            folded.learned_from = of
            return folded
    remedy = "write it as nn.Sequential, with nn.ReLU() and nn.Flatten() as modules"
    raise InputError(f"only a network that is its modules in turn can leave PyTorch; this one does more: {remedy}.")


class FromPixels(nn.Module):
    """A folded network that takes pixels (N, 1, 28, 28) uint8, 0 is background and 255 ink, and gives (N, C) logits.

    The normalization of pixels is inside."""

    def __init__(self, network: nn.Sequential):
        super().__init__()
        self.network, self.of = fold(network), data_of(network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits for pixels."""
        return self.network(normalize(images, self.of))


OPSET, IR_VERSION = 18, 8  # the oldest that PyTorch writes, and the IR version of that time
# What OpenCV 4.10 and 4.12 were seen to read right. Pad for a crop, GatherND and GridSample they refuse, and Erf, which
# GELU needs, ends the process.
OPENCV = "AveragePool Cast Conv Div Elu Gemm LeakyRelu MaxPool Mul ReduceMean Relu Reshape Sigmoid Sub Tanh".split()
ABOUT = (
    f"has opset {OPSET} and IR version {IR_VERSION}, "
    'takes "images", uint8 pixels (N, 1, 28, 28) from 0, {low}, to 255, {high}, '
    'and gives "logits", float32 (N, {count}){named}, of which the largest is the answer. '
    "ONNX Runtime reads it from 1.16 on"
)
NAMED = 10  # classes; of more, the first


def export(network: nn.Sequential, name: str, path: str | Path) -> str:
    """Write a network to an ONNX file and return what the file is, takes and gives, and which programs read it.

    network: as weights.load() returns it. name: what the file says it is. Raises InputError if it cannot be written."""
    if not (path := Path(path)).name:
        raise InputError("the ONNX file to write has no name; name it, model4.onnx for example.")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; name a file in it, {path / 'model4.onnx'} for example.")
    content, about = as_onnx(network, name)
    files.write(path, content)
    return f"{path} ({len(content):,} bytes) {about}"


def as_onnx(network: nn.Sequential, name: str) -> tuple[bytes, str]:
    """Return a network in the ONNX format, and words about it that the file holds, too."""
    # Weights in the order of channels_last have PyTorch write a pooling that OpenCV does not read.
    network = FromPixels(network).to(memory_format=torch.contiguous_format)
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 1, 28, 28, dtype=torch.uint8),),
            **dict(input_names=["images"], output_names=["logits"], dynamo=True, verbose=False, opset_version=OPSET),
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
        )
    model = program.model_proto
    model.ir_version = IR_VERSION
    of, reads = network.of, {node.op_type for node in model.graph.node} <= set(OPENCV)
    named = "" if of.classes == MNIST.classes else f", one for each of {listed(of.classes)}"
    low, high = ("background", "ink") if is_handwriting(of) else ("black", "white")
    about = ABOUT.format(count=len(of.classes), named=named, low=low, high=high)
    about += ", OpenCV from 4.10 on." if reads else "; OpenCV is not known to read all of its operations."
    model.doc_string = f"{name} {about}"
    del model.graph.value_info[:]
    for part in [model.graph, *model.graph.node, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]  # traces of the export, larger than the network
    if of != MNIST:
        model.metadata_props.add(key="classes", value=json.dumps(of.classes))
    return model.SerializeToString(), about


def listed(classes: Sequence[str]) -> str:
    """Return the names of classes as one speaks: "A, B and C"; of many, the first ones and how many more."""
    last = classes[-1] if len(classes) <= NAMED + 1 else f"{len(classes) - NAMED} more"
    return f"{', '.join(classes[: min(NAMED, len(classes) - 1)])} and {last}"
