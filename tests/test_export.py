import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from src import data
from src.__main__ import main
from src.deskew import Deskew
from src.experiments import SERIES
from src.model import build
from src.speed.inference import multiply_adds
from src.studies.catalogue import EXPERIMENTS
from src.training import predict
from src.use.folding import fold
from src.use.weights import KEPT, load


@pytest.fixture
def images():
    return data.load("test").images[:100]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_folded_network_gives_the_same_logits(name, images):
    torch.manual_seed(0)
    network = build(EXPERIMENTS[name])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.2, 3)
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(tensor)
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    logits, folded = predict(network, images), fold(network)
    assert torch.allclose(predict(folded, images), logits, rtol=1e-5, atol=1e-5 * logits.abs().max())
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())

    kinds = (Deskew, nn.ZeroPad2d, nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Flatten)
    normalized = EXPERIMENTS[name].relu_before_bn
    assert all(isinstance(module, (*kinds, nn.BatchNorm2d) if normalized else kinds) for module in folded)
    assert all(module.bias is not None for module in folded if isinstance(module, nn.Conv2d))


@pytest.mark.parametrize("name", ["Model1", "Model4", "Frontier-1000"])
def test_onnx_runtime_gives_the_logits_of_pytorch_for_any_number_of_images(name, tmp_path, capsys):
    assert main(["export", name, "--onnx", str(tmp_path / "network.onnx")]) == 0
    assert "network.onnx" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    images = data.load("test").images
    logits = predict(load(name), images).numpy()
    for part in (slice(1), slice(7), slice(None)):
        (answers,) = session.run(None, {"images": images[part].numpy()})
        assert np.abs(answers - logits[part]).max() < 1e-4

    model = onnx.load(tmp_path / "network.onnx")
    onnx.checker.check_model(model)
    assert not {"BatchNormalization", "Dropout"} & {node.op_type for node in model.graph.node}
    assert b"site-packages" not in (tmp_path / "network.onnx").read_bytes()


def test_exporting_what_is_not_kept_is_one_sentence(tmp_path, capsys):
    assert main(["export", "Model5", "--onnx", str(tmp_path / "network.onnx")]) == 2
    assert ", ".join(KEPT) in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_multiply_adds_are_those_of_the_convolutions():
    words = [
        (26, 9 * 1 * 8),
        (24, 9 * 8 * 10),
        (10, 9 * 10 * 12),
        (8, 9 * 12 * 14),
        (6, 9 * 14 * 16),
        (4, 9 * 16 * 15),
        (1, 16 * 15 * 10),
    ]
    assert multiply_adds(fold(build(SERIES["Model1"]))) == sum(size**2 * weights for size, weights in words)
