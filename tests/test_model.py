from dataclasses import replace

import pytest
import torch
from torch import nn

from src import InputError
from src.experiments import MODEL4, SERIES
from src.model import build, count_parameters, layers, receptive_field

PLAIN = replace(MODEL4, batch_normalization=False, dropout=0.0)


@pytest.mark.parametrize(
    "layer_line, batch_normalization, parameters",
    [
        ("16 32 32 P 32 64 128 5x10", False, 147_658),
        ("32 64 t32 P 64 128 256 512 t10 4x10", False, 1_595_316),
        ("8 8 P 16 16 32 G t10", True, 9_192 + 10),  # published without a bias in the classifier
        ("8 8 P 16 16 32 G t20 t10", True, 9_752 + 10),
        ("12 12 12 P 10 10 10 16 G t10", True, 7_344 + 10),
    ],
)
def test_published_networks_have_their_published_number_of_parameters(layer_line, batch_normalization, parameters):
    experiment = replace(PLAIN, layer_line=layer_line, batch_normalization=batch_normalization)
    assert count_parameters(build(experiment)) == parameters


def test_running_statistics_are_not_counted_as_parameters():
    network = nn.Sequential(nn.BatchNorm2d(8))
    assert count_parameters(network) == 16


@pytest.mark.parametrize("experiment", SERIES.values(), ids=SERIES)
def test_every_model_gives_ten_logits_per_image(experiment):
    assert build(experiment)(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize("name", ["Model2", "Model3", "Model4"])
def test_small_models_have_fewer_than_8000_parameters(name):
    assert count_parameters(build(SERIES[name])) < 8_000


@pytest.mark.parametrize("layer_line", ["8 12 P 16 16 18 G t10", "8p P t4 5x6p P 3x5 G t10", "7x3 P 2x4 P 5x10"])
def test_layer_geometry_is_that_of_the_built_network(layer_line):
    maps = torch.zeros(1, 1, 28, 28)
    network = build(replace(PLAIN, layer_line=layer_line))
    for layer, block in zip(layers(layer_line), network, strict=False):
        maps = block(maps)
        assert maps.shape == (1, layer.channels, layer.size, layer.size)


@pytest.mark.parametrize("layer_line", ["8", "8 12", "8 P", "8 12 P 16 16", "7x4 P t3 5x2", "8 P 8 P 8", "8 8 G"])
def test_receptive_field_is_where_the_gradient_is_not_zero(layer_line):
    modules = []
    for layer in layers(layer_line):
        if layer.kind == "convolution":
            convolution = nn.Conv2d(layer.in_channels, layer.channels, layer.kernel)
            nn.init.constant_(convolution.weight, 1.0)
            modules.append(convolution)
        else:  # averaging has the geometry of max pooling, and a gradient everywhere in its window
            modules.append(nn.AvgPool2d(layer.kernel, layer.stride))
    image = torch.ones(1, 1, 28, 28, requires_grad=True)
    maps = nn.Sequential(*modules)(image)
    middle = maps.shape[-1] // 2
    maps[0, 0, middle, middle].backward()
    rows, columns = image.grad[0, 0].nonzero(as_tuple=True)
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == receptive_field(layer_line)


def test_dropout_zeroes_whole_channels_and_only_while_training():
    network = build(replace(PLAIN, dropout=0.5))
    dropout = next(module for module in network.modules() if isinstance(module, nn.Dropout2d))
    maps = dropout(torch.ones(20, 8, 5, 5))
    dropped = (maps == 0).flatten(2)
    assert (dropped.all(dim=2) == dropped.any(dim=2)).all() and dropped.any() and not dropped.all()
    assert (dropout.eval()(torch.ones(20, 8, 5, 5)) == 1).all()


def test_the_classifier_has_neither_activation_nor_normalization_nor_dropout():
    classifier = build(MODEL4)[-2]
    assert [type(module) for module in classifier] == [nn.Conv2d]


@pytest.mark.parametrize(
    "layer_line, words",
    [
        ("8 12 Q G t10", ["word 3", "'Q'"]),
        ("8 0 G t10", ["word 2", "'0'"]),
        ("8 P P P P 16 G t10", ["word 6", "'16'", "3x3", "1x1"]),
        ("8 2x8p G t10", ["word 2", "even"]),
        ("8 16 G", ["10 logits"]),
        ("8 16 P t10", ["10 logits"]),
        ("P", ["10 logits"]),
        ("  ", ["empty"]),
    ],
)
def test_a_bad_layer_line_is_refused_with_position_and_word(layer_line, words):
    with pytest.raises(InputError) as error:
        build(replace(MODEL4, layer_line=layer_line))
    assert all(word in str(error.value) for word in words)
