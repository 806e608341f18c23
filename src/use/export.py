"""A trained network without what only training needs, and as an ONNX file, for programs without PyTorch."""

import contextlib
import copy
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from src import InputError
from src.data import normalize
from src.runs import files


def fold(network: nn.Module) -> nn.Sequential:
    """Return a copy of a network, of model.build() or one's own, for prediction: one flat sequence on the CPU.

    Convolutions have taken in the batch normalization that follows them, so they all have a bias; no dropout.
    Raises InputError for a network that does more than its modules in turn."""
    modules = []
    for module in copy.deepcopy(network).cpu().double().eval().modules():
        if list(module.children()) or isinstance(module, nn.Sequential | nn.Dropout2d | nn.Dropout):
            continue
        if isinstance(module, nn.BatchNorm2d) and modules and isinstance(modules[-1], nn.Conv2d):
            modules[-1] = fuse_conv_bn_eval(modules[-1], module)
        else:
            modules.append(module)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is None:
            module.bias = nn.Parameter(torch.zeros(len(module.weight), dtype=module.weight.dtype))
    folded, images = nn.Sequential(*modules).float().requires_grad_(False).eval(), torch.rand(2, 1, 28, 28)
    expected = copy.deepcopy(network).cpu().eval()(images)
    with contextlib.suppress(RuntimeError):  # of shapes that do not fit
        logits = folded(images)
        if logits.shape == expected.shape and torch.allclose(logits, expected, rtol=1e-3, atol=1e-3):
            return folded
    remedy = "write it as nn.Sequential, with nn.ReLU() and nn.Flatten() as modules"
    raise InputError(f"only a network that is its modules in turn can leave PyTorch; this one does more: {remedy}.")


class FromPixels(nn.Module):
    """A folded network that takes pixels (N, 1, 28, 28) uint8, 0 is background and 255 ink, and gives (N, 10) logits.

    The normalization of pixels is inside."""

    def __init__(self, network: nn.Sequential):
        super().__init__()
        self.network = fold(network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits for pixels."""
        return self.network(normalize(images))


TAKES = 'takes "images", uint8 pixels (N, 1, 28, 28), 0 is background and 255 ink, and gives "logits" (N, 10)'


def export(network: nn.Sequential, name: str, path: str | Path) -> str:
    """Write a network to an ONNX file and return a sentence that says what it takes and gives.

    network: as weights.load() returns it. name: what the file says it is. Raises InputError if it cannot be written."""
    files.write(Path(path), content := onnx_bytes(network, name))
    return f"{path} ({len(content):,} bytes) {TAKES}."


def onnx_bytes(network: nn.Sequential, name: str) -> bytes:
    """Return a network in the ONNX format."""
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            FromPixels(network),
            (torch.zeros(2, 1, 28, 28, dtype=torch.uint8),),
            **dict(input_names=["images"], output_names=["logits"], dynamo=True, verbose=False),
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
        )
    model = program.model_proto
    model.doc_string = f"{name}: {TAKES}"
    del model.graph.value_info[:]
    for part in [model.graph, *model.graph.node, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]  # traces of the export, larger than the network
    return model.SerializeToString()
