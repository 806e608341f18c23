import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from src import ROOT, InputError, data
from src.__main__ import main
from src.experiments import MODEL4, SERIES
from src.model import build
from src.training import predict
from src.use import weights
from src.use.export import OPENCV, export, fold
from studies.recipes import Recipe
from tests.others import CLOTHES, LETTERS, saved


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


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with images.npy, and what is known of each ONNX file beside it: its sentence, its logits in PyTorch.

    The files: every network that is kept, and one with operations that a learner's own may have."""
    folder, images = tmp_path_factory.mktemp("onnx"), data.load("test").images[:100]
    torch.manual_seed(0)
    maps = [nn.Conv2d(1, 4, 5, stride=3), nn.LeakyReLU(), nn.AvgPool2d(2), nn.ELU(), nn.Conv2d(4, 8, 3), nn.SiLU()]
    answer = [nn.Tanh(), nn.Flatten(), nn.Linear(32, 20), nn.Sigmoid(), nn.Linear(20, 10)]
    others = {of.name: weights.load(saved(of, folder)) for of in (LETTERS, CLOTHES)}
    networks = (
        others | {"own": nn.Sequential(*maps, *answer)} | {name: weights.load(name, Recipe) for name in weights.kept()}
    )
    np.save(folder / "images.npy", images.numpy())
    about = {name: export(network, name, folder / f"{name}.onnx") for name, network in networks.items()}
    return folder, {name: (about[name], predict(network, images).numpy()) for name, network in networks.items()}


READ = {
    "onnxruntime": """
import onnxruntime
def answer(path, pixels):
    return onnxruntime.InferenceSession(path).run(["logits"], {"images": pixels})[0]
""",
    "opencv-python-headless": """
import cv2
def answer(path, pixels):
    network = cv2.dnn.readNetFromONNX(path)
    network.setInput(cv2.dnn.blobFromImages(list(pixels[:, 0])), "images")
    return network.forward()
""",
}
READ_ALL = """
import pathlib, numpy as np
images, answers = np.load("images.npy"), {}
for path in pathlib.Path().glob("*.onnx"):
    try:
        answers |= {f"{path.stem} {size}": answer(str(path), images[:size]) for size in (1, 100)}
    except Exception as error:
        print(path, error)
np.savez("answers.npz", **answers)
"""


@pytest.mark.parametrize(
    "package, needs",
    [
        ("onnxruntime==1.16.3", ["numpy<2"]),
        ("opencv-python-headless==4.10.0.84", []),
        ("opencv-python-headless==4.12.0.88", []),
    ],
)
def test_runtimes_that_people_have_read_the_file_as_its_message_says(package, needs, exported):
    packages = ROOT / "runs" / "packages" / package  # once for all runs of the tests
    if not packages.exists():
        fresh = packages.with_name(f"{package}.{os.getpid()}")
        pip = [sys.executable, *"-m pip install --quiet --no-deps --only-binary :all: --retries 0".split()]
        done = subprocess.run([*pip, "--target", fresh, package, *needs], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot install {package} here: {done.stderr.strip().splitlines()[-1]}")
        fresh.rename(packages)

    folder, files = exported
    runtime, environment = package.split("==")[0], {**os.environ, "PYTHONPATH": str(packages)}
    command = [sys.executable, "-c", READ[runtime] + READ_ALL]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    answers, read = np.load(folder / "answers.npz"), "ONNX Runtime reads it from 1.16 on"
    for name, (about, logits) in files.items():
        if (read if runtime == "onnxruntime" else f"{read}, OpenCV from 4.10 on.") in about:
            for size in (1, 100):
                assert np.abs(answers[f"{name} {size}"] - logits[:size]).max() < 1e-3
        else:  # its deskewing
            assert name == "Frontier-1000" and "OpenCV is not known to read all of its operations." in about
            assert f"{name} 1" not in answers


def test_the_operations_that_opencv_reads_are_those_that_it_was_seen_to_read(exported):
    folder, files = exported
    read = [onnx.load(folder / f"{name}.onnx") for name, (about, _) in files.items() if "not known" not in about]
    assert {node.op_type for model in read for node in model.graph.node} == set(OPENCV)


def test_the_message_says_what_the_file_is_and_the_file_says_it_too(exported):
    folder, files = exported
    for name, (about, _) in files.items():
        model, path = onnx.load(folder / f"{name}.onnx"), folder / f"{name}.onnx"
        assert about.startswith(f"{path} ({path.stat().st_size:,} bytes) has opset 18 and IR version 8, takes")
        assert (model.opset_import[0].version, model.ir_version) == (18, 8)
        count = 26 if name == LETTERS.name else 10
        (images,), (logits,) = model.graph.input, model.graph.output
        for value, kind, shape in [(images, "uint8 pixels", "(N, 1, 28, 28)"), (logits, "float32", f"(N, {count})")]:
            assert f'"{value.name}", {kind} {shape}' in about
            assert onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type) in ("UINT8", "FLOAT")
            sizes = (each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim)
            assert f"({', '.join(map(str, sizes))})" == shape
        low, high = ("black", "white") if name == CLOTHES.name else ("background", "ink")
        assert f"from 0, {low}, to 255, {high}" in about and model.doc_string == f"{name}{about.split('bytes)')[1]}"


def test_of_other_data_the_message_names_the_classes_and_the_file_has_them_all(exported):
    folder, files = exported
    named = {
        LETTERS: '"logits", float32 (N, 26), one for each of A, B, C, D, E, F, G, H, I, J and 16 more, of which the',
        CLOTHES: "(N, 10), one for each of T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag ",
    }
    for of, words in named.items():
        assert words in files[of.name][0]
        session = onnxruntime.InferenceSession(folder / f"{of.name}.onnx")
        assert tuple(json.loads(session.get_modelmeta().custom_metadata_map["classes"])) == of.classes
        (logits,) = session.run(None, {"images": np.load(folder / "images.npy")})
        assert np.abs(logits - files[of.name][1]).max() < 1e-4
    assert not onnx.load(folder / "Model4.onnx").metadata_props, "as it was before there was other data"


def test_logits_without_classes_are_one_sentence():
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 26))
    with pytest.raises(InputError, match="MNIST has 10 classes, and the network gives 26 logits; say what it learned"):
        fold(network)
    network.learned_from = LETTERS
    assert fold(network).learned_from == LETTERS


@pytest.mark.parametrize("name, words", [("", "has no name; name it, model4.onnx"), ("here", "here: it is a folder; ")])
def test_a_file_without_a_name_or_with_that_of_a_folder_is_one_sentence(name, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert main(["export", "Model4", "--onnx", name]) == 2
    errors = capsys.readouterr().err
    assert words in errors and errors.count("\n") == 1 and "for example." in errors
    assert [path.name for path in tmp_path.rglob("*")] == ["here"]


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


def test_a_module_may_stand_in_several_places(images):
    relu = nn.ReLU()
    network = nn.Sequential(nn.Conv2d(1, 4, 5, 2), relu, nn.Conv2d(4, 4, 5), relu, nn.Flatten(), nn.Linear(256, 10))
    assert torch.allclose(predict(fold(network), images), predict(network, images), rtol=1e-5, atol=1e-5)
