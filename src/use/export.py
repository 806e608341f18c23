"""A trained network as an ONNX file, for programs without PyTorch."""

import warnings
from pathlib import Path

import torch
from torch import nn

from src.data import normalize
from src.runs import files
from src.use.folding import fold
from src.use.weights import load


class FromPixels(nn.Module):
    """A folded network that takes pixels (N, 1, 28, 28) uint8, 0 is background and 255 ink, and gives (N, 10) logits.

    The normalization of pixels is inside.
    """

    def __init__(self, network: nn.Sequential):
        super().__init__()
        self.network = fold(network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits for pixels."""
        return self.network(normalize(images))


TAKES = 'takes "images", uint8 pixels (N, 1, 28, 28), 0 is background and 255 ink, and gives "logits" (N, 10)'


def export(name: str | Path, path: str | Path) -> str:
    """Write a network to an ONNX file and return a sentence that says what it takes and gives.

    name: of an experiment whose weights are kept, or a path, as weights.load() takes it.
    Raises InputError as load() does and if the file cannot be written.
    """
    content = onnx_bytes(name)
    files.write(Path(path), content)
    return f"{path} ({len(content):,} bytes) {TAKES}."


def onnx_bytes(name: str | Path) -> bytes:
    """Return a network in the ONNX format. Raises InputError as weights.load() does."""
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            FromPixels(load(name)),
            (torch.zeros(2, 1, 28, 28, dtype=torch.uint8),),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    model.doc_string = f"{name}: {TAKES}"
    del model.graph.value_info[:]
    for part in [model.graph, *model.graph.node, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]  # traces of the export, larger than the network
    return model.SerializeToString()
