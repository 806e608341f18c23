from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from src import InputError, data
from src.__main__ import main
from src.experiments import MODEL4, SERIES
from src.model import build
from src.training import predict
from src.use import weights
from src.use.export import fold
from studies.recipes import Recipe


@pytest.fixture
def images():
    return data.load("test").images[:100]


# What the words of a layer line can be, with and without normalization; tests/studies has what recipes add.
SHAPES = {
    **SERIES,
    "plain": replace(MODEL4, batch_normalization="none", channel_dropout=0.1),
    "padded and strided": replace(MODEL4, layer_line="8p P t4 5x6p P 3x5s2 G t10"),
    "cropped": replace(MODEL4, layer_line="C24 5x16s2 8 P 8 2x10"),
    "depthwise": replace(MODEL4, layer_line="4 d8 P d8ps2 G t10"),
    "separable": replace(MODEL4, layer_line="6 8 P s16 s16 s18 G t10"),
}


@pytest.mark.parametrize("experiment", SHAPES.values(), ids=SHAPES)
def test_a_folded_network_gives_the_same_logits(experiment, images):
    torch.manual_seed(0)
    network = build(experiment)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.2, 3)
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(tensor)
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    logits, folded = predict(network, images), fold(network)
    assert torch.allclose(predict(folded, images), logits, rtol=1e-5, atol=1e-5 * logits.abs().max())
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())

    kinds = (nn.ZeroPad2d, nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Flatten)
    assert all(isinstance(module, kinds) for module in folded)
    assert all(module.bias is not None for module in folded if isinstance(module, nn.Conv2d))


@pytest.mark.parametrize("name", ["Model4", "Frontier-1000"])
def test_onnx_runtime_gives_the_logits_of_pytorch_for_any_number_of_images(name, tmp_path, capsys):
    assert main(["export", name, "--onnx", str(tmp_path / "network.onnx")]) == 0
    assert "network.onnx" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    images = data.load("test").images
    logits = predict(weights.load(name, Recipe), images).numpy()
    for part in (slice(1), slice(7), slice(None)):
        (answers,) = session.run(None, {"images": images[part].numpy()})
        assert np.abs(answers - logits[part]).max() < 1e-4

    model = onnx.load(tmp_path / "network.onnx")
    onnx.checker.check_model(model)
    assert not {"BatchNormalization", "Dropout"} & {node.op_type for node in model.graph.node}
    assert b"site-packages" not in (tmp_path / "network.onnx").read_bytes()


def test_exporting_what_is_not_kept_is_one_sentence(tmp_path, capsys):
    assert main(["export", "Model5", "--onnx", str(tmp_path / "network.onnx")]) == 2
    assert ", ".join(weights.kept()) in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


class Halved(nn.Sequential):
    """A network of a learner's own that does more than its modules in turn."""

    def forward(self, images):
        return super().forward(images) / 2


class Functional(nn.Module):
    """Another one, in which something happens between its modules."""

    def __init__(self):
        super().__init__()
        self.maps, self.answer = nn.Conv2d(1, 2, 5, stride=4), nn.Linear(72, 10)

    def forward(self, images):
        return self.answer(self.maps(images).relu().flatten(1))


@pytest.mark.parametrize("network", [Halved(nn.Flatten(), nn.Linear(784, 10)), Functional()])
def test_a_network_that_does_more_than_its_modules_in_turn_is_not_exported(network):
    with pytest.raises(InputError, match="does more: write it as nn.Sequential, with nn.ReLU"):
        fold(network)
