import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from src import InputError
from src.contract import check_network
from src.experiments import MODEL4, SERIES
from src.model import build, count_parameters, layers

PLAIN = replace(MODEL4, batch_normalization="none")


def modules(**changes):
    """The types of modules of the three convolutions of a small network, with changes to PLAIN."""
    network = build(replace(PLAIN, layer_line="4 t3 P G t10", **changes))
    return [[type(module) for module in network[i]] for i in (0, 1, 4)]


def test_a_hidden_convolution_is_followed_by_what_the_experiment_says_in_this_order_and_the_classifier_by_nothing():
    hidden = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Dropout2d]
    assert modules(batch_normalization="hidden", channel_dropout=0.1) == [hidden, hidden, [nn.Conv2d]]
    assert modules(batch_normalization="hidden") == [hidden[:3], hidden[:3], [nn.Conv2d]]
    assert modules() == [[nn.Conv2d, nn.ReLU], [nn.Conv2d, nn.ReLU], [nn.Conv2d]]


@pytest.mark.parametrize("normalized, carried", [("none", [1, 1, 1]), ("hidden", [0, 0, 1])])
def test_a_convolution_carries_a_bias_unless_normalization_shifts_behind_it(normalized, carried):
    network = build(replace(PLAIN, layer_line="4 t3 P G t10", batch_normalization=normalized))
    assert [network[i][0].bias is not None for i in (0, 1, 4)] == carried


def test_the_network_of_ones_own_takes_the_place_of_the_layer_line():
    assert isinstance(build(replace(MODEL4, network=Mine)), Mine)


def test_a_crop_keeps_the_pixels_in_the_middle():
    images = torch.arange(28.0 * 28).view(1, 1, 28, 28)
    assert torch.equal(build(replace(PLAIN, layer_line="C22 8 G t10"))[0](images), images[:, :, 3:25, 3:25])


def test_a_depthwise_convolution_reads_one_channel_for_each_of_its_own():
    convolution = build(replace(PLAIN, layer_line="2 d6 G t10"))[1][0]
    assert count_parameters(convolution) == 6 * 9 + 6
    first, second = torch.zeros(2, 26, 26)
    maps = torch.stack([first, second + 1])[None]  # only the second channel has ink
    answered = (convolution(maps) - convolution(torch.zeros_like(maps))).abs().amax(dim=(0, 2, 3)) > 0
    assert answered.tolist() == [False] * 3 + [True] * 3


def test_a_separable_convolution_has_nothing_between_its_two():
    block = build(replace(PLAIN, layer_line="4 s6 G t10", batch_normalization="hidden", channel_dropout=0.1))[1]
    assert [type(module) for module in block] == [nn.Conv2d, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Dropout2d]
    assert count_parameters(block) == 4 * 9 + 4 * 6 + 2 * 6  # depthwise, 1x1, normalization


def test_running_statistics_are_not_counted_as_parameters():
    network = nn.Sequential(nn.BatchNorm2d(8))
    assert count_parameters(network) == 16


@pytest.mark.parametrize("experiment", SERIES.values(), ids=SERIES)
def test_every_model_gives_ten_logits_per_image(experiment):
    assert build(experiment)(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize("name", ["Model2", "Model3", "Model4"])
def test_small_models_have_fewer_than_8000_parameters(name):
    assert count_parameters(build(SERIES[name])) < 8_000


@pytest.mark.parametrize(
    "layer_line",
    [
        "8 12 P 16 16 18 G t10",
        "8p P t4 5x6p P 3x5 G t10",
        "7x3 P 2x4 P 5x10",
        "C24 5x4s2 C8 8ps3 3x10",
        "4 d8 P d8ps2 G t10",
        "4 4 P s8 s9 G t10",
    ],
)
def test_layer_geometry_is_that_of_the_built_network(layer_line):
    maps = torch.zeros(1, 1, 28, 28)
    network = build(replace(PLAIN, layer_line=layer_line))
    for layer, block in zip(layers(layer_line), network, strict=False):
        maps = block(maps)
        assert maps.shape == (1, layer.channels, layer.size, layer.size)


@pytest.mark.parametrize(
    "layer_line",
    [
        "8",
        "8 12",
        "8 12 P 16 16",
        "7x4 P t3 5x2",
        "8 P 8 P 8",
        "8 8 G",
        "5x4s2 3 P 3",
        "t2s3 2x3s2 2",
        "C24 8 P C9",
        "2 d4s2 d4",
    ],
)
def test_receptive_field_is_where_the_gradient_is_not_zero(layer_line):
    modules = []
    for layer in layers(layer_line):
        if "convolution" in layer.kind:
            convolution = nn.Conv2d(layer.in_channels, layer.channels, layer.kernel, layer.stride)
            nn.init.constant_(convolution.weight, 1.0)
            modules.append(convolution)
        elif layer.kind == "crop":
            modules.append(nn.ZeroPad2d(layer.padding))
        else:  # averaging has the geometry of max pooling, and a gradient everywhere in its window
            modules.append(nn.AvgPool2d(layer.kernel, layer.stride))
    image = torch.ones(1, 1, 28, 28, requires_grad=True)
    maps = nn.Sequential(*modules)(image)
    middle = maps.shape[-1] // 2
    maps[0, 0, middle, middle].backward()
    rows, columns = image.grad[0, 0].nonzero(as_tuple=True)
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == layers(layer_line)[-1].receptive_field


def test_dropout_zeroes_whole_channels_and_only_while_training():
    network = build(replace(PLAIN, channel_dropout=0.5))
    dropout = next(module for module in network.modules() if isinstance(module, nn.Dropout2d))
    maps = dropout(torch.ones(20, 8, 5, 5))
    dropped = (maps == 0).flatten(2)
    assert (dropped.all(dim=2) == dropped.any(dim=2)).all() and dropped.any() and not dropped.all()
    assert (dropout.eval()(torch.ones(20, 8, 5, 5)) == 1).all()


@pytest.mark.parametrize(
    "layer_line, words",
    [
        ("8 12 Q G t10", ["word 3", "'Q'"]),
        ("8 0 G t10", ["word 2", "'0'"]),
        ("8 P P P P 16 G t10", ["word 6", "'16'", "3x3", "1x1"]),
        ("8 2x8p G t10", ["word 2", "even"]),
        ("8s1 G t10", ["word 1", "'8s1'", "5x16s2"]),
        ("8 16 G", ["10 logits"]),
        ("8 16 P t10", ["10 logits"]),
        ("8 99999999999 G t10", ["word 2", "channels must be from 1 to 4,096"]),
        ("P", ["10 logits"]),
        ("8 d12 G t10", ["word 2", "'d12'", "multiple of the 8"]),
        ("8 5xd16 G t10", ["word 2", "d16"]),
        ("  ", ["10 logits"]),
        ("C25 8 G t10", ["word 1", "28x28", "even number"]),
        ("8 C26 G t10", ["word 2", "26x26", "even number"]),
        ("C30 8 G t10", ["word 1", "even number"]),
        ("C0 8 G t10", ["word 1", "'C0'", "C24"]),
        ("C024 8 G t10", ["word 1", "'C024'", "C24"]),
        ("8 D 16 G t10", ["word 2", "'D'", "before the first convolution"]),
        ("1 D 8 G t10", ["word 2", "before the first convolution"]),
        ("D G", ["10 logits"]),
    ],
)
def test_a_bad_layer_line_is_refused_with_position_and_word(layer_line, words):
    with pytest.raises(InputError) as error:
        build(replace(MODEL4, layer_line=layer_line))
    assert all(word in str(error.value) for word in words)


def test_deskewing_is_built_only_for_the_recipes_of_studies():
    with pytest.raises(InputError, match="Recipe"):
        build(replace(MODEL4, layer_line="D 8 G t10"))


class Mine(nn.Sequential):
    """A network of a learner's own: its logits, then what is done to them."""

    def __init__(self, logits=10, *end):
        super().__init__(nn.Flatten(), nn.Linear(784, logits), *end)


class NeedsWidth(Mine):
    def __init__(self, width):
        super().__init__(width)


class Pair(Mine):
    def forward(self, images):
        return super().forward(images), 1


class Nothing(Mine):
    def forward(self, images):
        super().forward(images)


class Broken(Mine):
    def forward(self, images):
        return super().forward(images[:, :, :5])


class Hidden(Mine):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(10, 10)]


class Noisy(Mine):
    def forward(self, images):
        return torch.dropout(super().forward(images), 0.5, True)


SHARED = Mine()


class Fixed(nn.Flatten):
    def forward(self, images):
        return super().forward(images)[:, :10]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Mine(9), "network Mine must take images (N, 1, 28, 28) and give (N, 10) logits; .* of shape (2, 9)."),
        (lambda: Mine(11), "of shape (2, 11)."),
        (lambda: nn.Conv2d(1, 10, 28), "of shape (2, 10, 1, 1); end it with nn.Flatten()."),
        (Pair, "it gives tuple."),
        (Nothing, "it gives NoneType; let forward() return the logits."),
        (Fixed, "Fixed has no parameters that can be trained."),
        (NeedsWidth, "made without arguments .*'width'.*: network=lambda: NeedsWidth(...)."),
        (lambda: nn.Linear(784, 10), "with two images it fails: .*shapes cannot be multiplied"),
        (Broken, "it fails at line .*return super().forward(images[:, :, :5]): .*shapes cannot be multiplied"),
        (lambda: SHARED, "must be a new one for each run"),
        (Hidden, "Hidden.layers is a list of layers, which torch neither trains nor saves; use nn.ModuleList"),
        (Noisy, "Noisy gives other logits each time for the same images"),
        (lambda: None, "must be or give an nn.Module, not NoneType."),
    ],
)
def test_a_network_of_ones_own_that_cannot_be_trained_is_one_sentence_before_anything_is_trained(make, words):
    pattern = re.escape(words).replace(r"\.\*", ".*")
    with pytest.raises(InputError, match=pattern) as error:
        build(replace(MODEL4, name="mine", network=make))
    assert "\n" not in str(error.value)


def test_a_lazy_network_of_ones_own_has_its_shapes_once_it_is_built():
    network = build(replace(MODEL4, name="mine", network=lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10))))
    assert count_parameters(network) == 7850 and network.training


def test_a_softmax_at_the_end_gets_a_hint_and_other_ends_do_not():
    assert "leave the softmax at its end out" in check_network(Mine(10, nn.Softmax(dim=1)))
    for network in (Mine(10), Mine(10, nn.LogSoftmax(dim=1)), Mine(10, nn.ReLU()), build(MODEL4)):
        assert check_network(network) is None
