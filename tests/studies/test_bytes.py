"""The C program answers as the integer reference does, number for number, and that as the network does, nearly."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from src import InputError, data
from src.__main__ import main
from src.data import normalize
from src.experiments import MODEL4, SERIES
from src.model import build
from src.runs.machine import make_network
from src.training import predict
from src.use import weights
from src.use.export import export as onnx_export
from studies.bytes.calibrated import calibrated
from studies.bytes.compiled import answers, compiler, missing_tools, on_board, sizes
from studies.bytes.export import export, program_of
from studies.bytes.integers import deskew, logits, program
from studies.bytes.source import constants, source
from studies.deskew import Deskew
from studies.quantization import Quantization
from studies.recipes import Recipe

SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
has_compiler = any(map(shutil.which, ("cc", "gcc", "clang")))
needs_compiler = pytest.mark.skipif(not has_compiler, reason="there is no C compiler here")
needs_board = pytest.mark.skipif(missing_tools() is not None, reason=str(missing_tools()))

# Every kind of word that the program can run, at several numbers of bits.
LINES = {
    "series": ("8 10 P 12 14 16 15 G t10", Quantization(4)),
    "a kernel as large as the map": ("8 10 P 12 14 16 15 4x10", Quantization(8)),
    "bits of each convolution": ("C24 6 8 P s12 s14 G t12 t10", Quantization((5, 4, 3, 3, 2, 6))),
    "deskewed": ("D C24 3 5 P s9 s9 G t10", Quantization(3)),
    "depthwise and strides": ("5x8s2 d16 t12 P s16 3x10 G", Quantization(2, activations=5)),
    "two averages": ("8 P G t16 G t10", Quantization(4)),
    "pooled before all": ("P 8 P 16 G t10", Quantization(4, activations=5)),
    "odd maps": ("C26 3 d6s2 4x5 P t7 G t10", Quantization(7, activations=4)),
}


@pytest.fixture(scope="module")
def digits():
    return data.load("train")[:300], data.load("test")[:60]


@pytest.fixture(scope="module", params=LINES.values(), ids=LINES)
def learned(request, digits):
    """A network of each kind after two epochs on few digits."""
    line, bits = request.param
    recipe = replace(MODEL4, name="Few", target=(), layer_line=line, epochs=2)
    recipe = Recipe(**vars(recipe) | dict(quantization=bits))
    torch.manual_seed(0)
    network = make_network(recipe, torch.device("cpu"))
    for _ in recipe.fit(network, recipe, digits[0]):
        pass
    return network


def pixels(digits):
    return digits.images.numpy().reshape(-1, 28, 28)


@needs_compiler
def test_the_c_program_gives_the_logits_of_the_reference_number_for_number(learned, digits):
    of, images = program(learned), pixels(digits[1])
    noise = np.random.RandomState(0).randint(0, 256, (20, 28, 28)).astype(np.uint8)
    extremes = np.stack([np.full((28, 28), value, np.uint8) for value in (0, 1, 255)])
    images = np.concatenate([images, noise, extremes, 255 - images[:10]])
    assert np.array_equal(answers(source(of, "Few"), images, flags=SANITIZED), logits(of, images))


def test_the_reference_answers_nearly_as_the_network_does(learned, digits):
    images, network = digits[1].images, predict(learned, digits[1].images)
    whole = torch.from_numpy(logits(program(learned), pixels(digits[1]))).float()
    scale = (whole * network).sum() / whole.square().sum()  # the whole numbers' unit; both have the bias in them
    assert len(images) == len(whole)
    assert (scale * whole - network).std() < 0.12 * network.std()


@needs_compiler
def test_size_counts_as_constants_just_what_we_count(learned):
    of = program(learned)
    text = source(of, "Few")
    assert sizes(text, flags=("-Os",))["constants"] == constants(of)
    assert f"? {constants(of):,} bytes of constant data" in text


@needs_board
def test_a_cortex_m3_answers_as_this_machine_does_and_says_what_it_took(learned, digits):
    of, images = program(learned), pixels(digits[1])[:5]
    said, taken = on_board(source(of, "Few"), images)
    assert np.array_equal(said, logits(of, images))
    assert taken["constants"] == constants(of)
    assert 100_000 < taken["instructions"] < 30e6 and 100 < taken["stack"] < 1000
    assert taken["static"] == sizes(source(of, "Few"))["static"]


def test_whole_numbers_deskew_as_the_network_does_but_for_rounding(digits):
    images = digits[0].images
    of = data.MNIST
    floats = (Deskew()(normalize(images)) * of.std + of.mean) * 255
    error = np.abs(deskew(pixels(digits[0])) - floats[:, 0].numpy())
    assert error.mean() < 0.2 and error.max() < 4


@needs_compiler
@pytest.mark.parametrize("name", ["Model4", "Frontier-1000"])
def test_a_network_that_learned_without_rounding_is_rounded_and_loses_next_to_nothing(name):
    network, test = weights.load(name, Recipe), data.load("test")[:2000]
    rounded = calibrated(network)
    of, before = program(rounded), predict(network, test.images).argmax(dim=1)
    said = answers(source(of, name), pixels(test)).argmax(axis=1)
    assert (said != before.numpy()).mean() < 0.004
    assert (said != predict(rounded, test.images).argmax(dim=1).numpy()).mean() < 0.004


@needs_compiler
def test_a_camera_may_deliver_rows_again_and_again_and_in_the_middle_of_an_image(learned, digits, tmp_path):
    of, images = program(learned), pixels(digits[1])[:3]
    text = source(of, "Few")
    given, ends = "{\n    digit_begin();\n", "    return digit_end();\n}"
    assert text.count(given) == text.count(ends) == 1
    stray = "    for (int y = 0; y < 20; y++)\n        digit_row(pixels);\n    digit_begin();\n"
    text = text.replace(given, given + stray).replace(ends, "    digit_row(pixels);\n    digit_row(pixels);\n" + ends)
    twice = np.concatenate([images, images])
    assert np.array_equal(answers(text, twice, flags=SANITIZED), logits(of, twice))


def test_export_writes_a_c_file_and_says_what_it_holds(tmp_path, capsys):
    assert main(["export", "Model4", "--c", str(tmp_path / "new" / "digit.c")]) == 0
    said, text = capsys.readouterr().out, (tmp_path / "new" / "digit.c").read_text()
    assert "holds Model4 in 7,908 bytes of constant data. int digit(const uint8_t pixels[28 * 28])" in said
    assert (
        "1,000 training images said how to round it to 8 bits" in said and "of 1,000 training images as PyTorch" in said
    )
    assert text.startswith("/* Model4: which of 10 classes") and "float" not in text and "malloc" not in text
    assert [line for line in text.splitlines() if line.startswith("#include")] == ["#include <stdint.h>"]


def untrained(changes):
    experiment = Recipe(**vars(replace(SERIES["Model2"], name="Odd", target=())) | changes)
    network = build(experiment)
    network(torch.rand(8, 1, 28, 28))
    return network.eval()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(layer_line="8p P 16 G t10"), r"a C program has no RoundedConv2d\(1, 8, kernel_size=.*padding"),
        (dict(layer_line="9x8 P 16 G t10"), "has kernel up to 7, not 9"),
        (dict(layer_line="8 t300 P 16 G t10"), "has channels up to 255, not 300"),
        (dict(activation="GELU"), "GELU"),
        (
            dict(batch_normalization="all", quantization=Quantization(4)),
            "without normalization; this network has BatchNorm2d",
        ),
    ],
)
def test_what_cannot_be_a_c_program_says_so_in_one_sentence(changes, words, tmp_path):
    with pytest.raises(InputError, match=words) as error:
        export(untrained(changes), "Odd", tmp_path / "odd.c")
    assert str(error.value).count("\n") == 0 and not (tmp_path / "odd.c").exists()


def test_a_network_with_rounded_weights_leaves_as_c_only_and_says_so(learned, tmp_path):
    with pytest.raises(InputError, match="leaves PyTorch as a C file: export NAME --c FILE"):
        onnx_export(learned, "Few", tmp_path / "few.onnx")
    assert "holds Few in" in export(learned, "Few", tmp_path / "few.c")


@needs_compiler
def test_the_command_compiles_what_is_kept_and_prints_a_line_for_each(monkeypatch, capsys):
    monkeypatch.setattr(weights, "kept", lambda: ["Frontier-1000"])
    assert main(["bytes"]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "network" and line.split()[:4] == ["Frontier-1000", "929", "8", "1,013"]
    assert "99.16" in line.split() and "(10 seeds)" in line


def test_a_network_of_ones_own_is_refused_or_rounded(tmp_path):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.end = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(784, 10)

        def forward(self, images):
            return self.end((images + self.convolution(images)).flatten(1))

    with pytest.raises(InputError, match="only a network that is its modules in turn can leave PyTorch"):
        export(Residual(), "Residual", tmp_path / "r.c")


SMALL, END = [nn.Conv2d(1, 4, 3), nn.ReLU()], [nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 10, 1), nn.Flatten()]


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ([*SMALL, nn.Conv2d(4, 10, 7), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()], "ReLU after each"),
        ([*SMALL, nn.Conv2d(4, 4, 3), *END], "has AdaptiveAvgPool2d in such a place"),
        (
            [*SMALL, nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.Conv2d(4, 4, 3), nn.ReLU(), *END],
            "has RoundedConv2d in",
        ),
        ([*SMALL, nn.MaxPool2d(3, 2), *END], r"a C program has no MaxPool2d\(kernel_size=3, stride=2"),
        ([nn.Conv2d(1, 4, 3, dilation=2), nn.ReLU(), *END], r"a C program has no RoundedConv2d\(.*dilation=\(2, 2\)"),
        ([nn.Conv2d(1, 4, (3, 5)), nn.ReLU(), *END], r"a C program has no RoundedConv2d\(.*kernel_size=\(3, 5\)"),
        (
            [nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 10, 1), nn.Flatten()],
            "averages the maps of a convolution only; put one before G",
        ),
        ([*SMALL, nn.ZeroPad2d(-1), *END], "deskews and crops at its beginning only, once and in this order: D C24"),
        ([*SMALL, nn.MaxPool2d(4), nn.Flatten(), nn.Linear(144, 10)], "a C program has no Flatten"),
        ([nn.Conv2d(1, 4, 9), nn.ReLU(), *END], "has kernel up to 7, not 9"),
    ],
)
def test_a_network_of_ones_own_that_no_program_fits_is_refused_in_one_sentence(modules, words, tmp_path):
    with pytest.raises(InputError, match=words):
        export(nn.Sequential(*modules), "Own", tmp_path / "own.c")


@needs_compiler
@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d((2, 2), stride=(2, 2))])
def test_a_network_of_ones_own_becomes_a_program_that_answers_as_it_does(pool, digits):
    torch.manual_seed(0)
    depthwise = [nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.Conv2d(4, 4, 1), nn.ReLU()]
    end = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 10, 1), nn.Flatten()]
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), pool, *depthwise, *end)
    nn.init.constant_(network[1].weight, -1.5)  # as it may learn
    network(torch.rand(50, 1, 28, 28))
    of, images = program_of(network.eval()), digits[1].images
    ours, theirs = answers(source(of, "Own"), pixels(digits[1])), predict(network, images).numpy()
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.995


def test_a_module_that_stands_in_several_places_is_a_stage_in_each():
    pool, relu = nn.MaxPool2d(2), nn.ReLU()
    network = nn.Sequential(nn.Conv2d(1, 4, 3), relu, pool, nn.Conv2d(4, 4, 3), relu, pool, *END)
    kinds = [stage.kind for stage in program_of(network.eval()).stages]
    assert kinds == ["convolution", "maximum", "convolution", "maximum", "average", "convolution"]


def test_a_comment_is_not_ended_by_a_name():
    text = source(program_of(weights.load("Frontier-1000", Recipe)), "x*/y/*z")
    assert text.index("*/") > text.index("static memory") and "x* /y* /z" in text


@needs_compiler
def test_a_compiler_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CC", "")
    with pytest.raises(InputError, match="there is no C compiler here; install gcc"):
        compiler()
