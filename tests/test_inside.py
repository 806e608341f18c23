"""The look inside tells the truth about networks of the series and about a learner's own."""

from collections import Counter

import matplotlib.figure
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from src import InputError, data
from src.data import Digits, normalize
from src.experiments import SERIES
from src.model import layers
from src.show import inside
from src.training import predict
from src.use.weights import load


class Mine(nn.Module):
    """A network as learners write it: steps without modules, one pooling used twice, a linear end."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 6, 3, padding=1)
        self.pool, self.relu, self.end = nn.AvgPool2d(2), nn.ReLU(), nn.Linear(6 * 3 * 3, 10)

    def forward(self, images):
        maps = self.pool(F.relu(self.conv1(images)))
        maps = F.max_pool2d(self.pool(self.relu(self.conv2(maps))), 2)
        return self.end(maps.flatten(1))


@pytest.fixture(scope="module")
def model4():
    return load("Model4")


@pytest.fixture(scope="module")
def mine():
    torch.manual_seed(0)
    return Mine().eval()


@pytest.fixture(scope="module")
def digits():
    return data.load("test")[:1000]


@pytest.fixture
def ink(digits):
    return digits.images[:1] / 255


def test_maps_are_what_the_blocks_of_a_model_give(model4, ink):
    maps, steps = normalize(255 * ink), inside.maps_of(model4, ink)
    for (_, _, found), block in zip(steps, model4, strict=False):
        maps = block(maps)
        assert torch.equal(found, maps)
    assert len(steps) == len(model4) - 1  # all but nn.Flatten


def test_maps_of_ones_own_network_are_in_the_order_of_use_and_leave_no_hooks(mine, ink):
    steps = inside.maps_of(mine, ink)
    names = ["1 convolution", "2 average pooling", "3 convolution", "4 average pooling"]
    assert [name for name, _, _ in steps] == names
    assert [module for _, module, _ in steps] == [mine.conv1, mine.pool, mine.conv2, mine.pool]
    first = mine.conv1(normalize(255 * ink))
    second = mine.pool(F.relu(first))
    third = F.relu(mine.conv2(second))
    for (_, _, found), expected in zip(steps, [first, second, third, mine.pool(third)], strict=True):
        assert torch.equal(found, expected)
    assert not any(part._forward_hooks for part in mine.modules())


@pytest.mark.parametrize("name", SERIES)
def test_receptive_fields_from_gradients_are_those_of_the_layer_line(name):
    fields = [field for _, field in inside.fields_of(load(name))]
    computed = [min(28, layer.receptive_field) for layer in layers(SERIES[name].layer_line)]
    assert [width for _, _, width, _ in fields] == [height for _, _, _, height in fields] == computed


def test_the_receptive_field_of_ones_own_network_counts_what_has_no_module(mine):
    class Pooled(nn.Sequential):
        def forward(self, images):
            return self[2](F.max_pool2d(self[1](F.relu(self[0](images))), 2)).mean(dim=(2, 3))

    torch.manual_seed(0)
    network = Pooled(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, (1, 5)), nn.Conv2d(4, 10, 3, stride=2))
    assert [field[2:] for _, field in inside.fields_of(network)] == [(3, 3), (7, 3), (12, 8)]
    assert [field[2] for _, field in inside.fields_of(mine)] == [5, 6, 10, 12]


def test_covering_blank_paper_changes_nothing_and_covering_ink_does(model4, ink):
    falls = inside.occlusion(model4, ink)
    seen = F.max_pool2d(ink, 5, stride=1, padding=2)[0, 0]  # the most ink below the square that is centred there
    assert falls[seen == 0].abs().max() < 1e-4 and falls.max() > 1
    covered = ink.clone()
    covered[:, :, 5:10, 6:11] = 0
    answer = predict(model4, ink).argmax()
    expected = predict(model4, ink)[0, answer] - predict(model4, covered)[0, answer]
    assert falls[7, 8].item() == pytest.approx(expected.item(), abs=1e-4)


def test_gradient_times_input_is_exact_for_a_linear_network(ink):
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    answer = network(normalize(255 * ink)).argmax()
    expected = network[1].weight[answer].view(28, 28) * ink[0, 0] / data.MNIST.std
    assert torch.allclose(inside.gradient_times_input(network, ink), expected, atol=1e-5)


class Prepared(nn.Module):
    """Reads each image as the digit that its first pixel says."""

    def forward(self, images):
        said = ((images * data.MNIST.std + data.MNIST.mean) * 255)[:, 0, 0, 0].round().long()
        return 5.0 * F.one_hot(said, 10)


def test_the_most_confused_pair_is_that_of_a_count_by_hand():
    pairs = [(4, 9)] * 3 + [(9, 4)] * 2 + [(7, 2)] * 4 + [(1, 1)] * 9  # true, read as
    images = torch.zeros(len(pairs), 1, 28, 28, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.tensor([read for _, read in pairs])
    images[:, 0, 27, 27] = 255
    figure = inside.confused(Prepared(), Digits(images, torch.tensor([true for true, _ in pairs])))
    assert figure.get_suptitle() == "4 and 9 are confused most: 5 of 9 mistakes"
    captions = [ax.texts[0].get_text().split(" (")[0] for ax in figure.axes if ax.texts]
    assert captions == ["true 4, read\nas 9"] * 3 + ["true 9, read\nas 4"] * 2


def test_the_most_confused_pair_of_a_model_is_that_of_a_count(digits):
    network, counts = load("Model1"), Counter()
    for true, read in zip(digits.labels.tolist(), predict(network, digits.images).argmax(dim=1).tolist(), strict=True):
        counts[tuple(sorted((true, read)))] += true != read
    (one, other), count = counts.most_common(1)[0]
    title = inside.confused(network, digits).get_suptitle()
    assert title.endswith(f": {count} of {counts.total()} mistakes")
    a, b = map(int, title.split(" are ")[0].split(" and "))
    assert counts[a, b] == count


def test_invented_images_raise_the_logit_of_their_digit_until_it_is_read(model4):
    before, after = (inside.invented(model4, steps) for steps in (0, 40))
    assert after.shape == (10, 1, 28, 28) and 0 <= after.min() and after.max() <= 1
    logits = predict(model4, after)
    assert (logits.diagonal() > predict(model4, before).diagonal()).all()
    assert logits.argmax(dim=1).tolist() == list(range(10))


def test_inventing_is_repeatable_and_changes_neither_the_network_nor_the_random_numbers(mine):
    weights, state = [each.clone() for each in mine.parameters()], torch.get_rng_state()
    assert torch.equal(inside.invented(mine, steps=3), inside.invented(mine, steps=3))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(
        each.grad is None and torch.equal(each, old) for each, old in zip(mine.parameters(), weights, strict=True)
    )


FIGURES = [inside.filters, inside.feature_maps, inside.pixels_that_matter, inside.receptive_field]


@pytest.mark.parametrize("draw", [*FIGURES, inside.confused, inside.invent])
@pytest.mark.parametrize("name", ["model4", "mine"])
def test_each_figure_is_drawn_of_a_model_and_of_ones_own_network(draw, name, digits, monkeypatch, request):
    quick = inside.invented
    monkeypatch.setattr(inside, "invented", lambda network, steps=2: quick(network, steps))
    what = [digits.images[0]] if draw in FIGURES else [digits] if draw is inside.confused else []
    figure = draw(request.getfixturevalue(name).train(), *what)  # as training leaves it
    assert isinstance(figure, matplotlib.figure.Figure) and figure.get_suptitle()
    figure.draw_without_rendering()


def test_a_row_says_how_many_maps_it_leaves_out(mine, digits):
    labels = [text.get_text() for text in inside.feature_maps(mine, digits.images[0]).axes[0].texts]
    assert labels[1] == "1 convolution\n20 of 24×24, 16 shown" and labels[-1] == "logits, 0 to 9\n10 of 1×1"


@pytest.mark.parametrize("draw", [inside.filters, inside.feature_maps, inside.receptive_field])
def test_a_network_without_a_convolution_gets_one_sentence(draw, digits):
    network = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 10))
    with pytest.raises(InputError, match=r"^the network Sequential uses no nn.Conv2d, .*\.$"):
        draw(network, digits.images[0])
    assert inside.pixels_that_matter(network, digits.images[0])  # which needs none


@pytest.mark.parametrize("draw", FIGURES)
def test_a_run_in_the_place_of_a_network_and_several_images_get_one_sentence(draw, digits, model4):
    with pytest.raises(InputError, match="must be an nn.Module, not dict; .* give run.network"):
        draw({}, digits.images[0])
    with pytest.raises(InputError, match="only one image can be looked at, not 3"):
        draw(model4, digits.images[:3])


def test_digits_without_a_mistake_get_one_sentence(model4, digits):
    right = predict(model4, digits.images).argmax(dim=1) == digits.labels
    with pytest.raises(InputError, match="digits right; give more"):
        inside.confused(model4, digits[right])
