"""Parts of a batch side by side: the bits of the same parts one after the other, with shared parameters."""

import math
import threading
from dataclasses import astuple, replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from src import InputError, data
from src.data import MNIST, Digits, data_of, normalize
from src.datasets import named
from src.experiments import MODEL4
from src.model import build, count_parameters
from src.runs import progress
from src.runs.machine import make_network, reproducible
from src.runs.one import train
from studies.ghost import GhostBatches
from studies.recipes import Recipe

HALVES = replace(Recipe(**vars(MODEL4)), name="Halves", epochs=2, ghost_batches=2)
PLAIN = replace(MODEL4, batch_normalization="none")


@pytest.fixture
def digits():
    """A few digits: normalized images and labels."""
    few = data.load("test")[:128]
    return normalize(few.images), few.labels


def gradients(network, images, labels):
    """The gradients of the mean loss over a batch."""
    loss = F.cross_entropy(network(images), labels)
    return torch.autograd.grad(loss, list(network.parameters()))


def test_two_halves_give_the_same_history_every_time(few_digits):
    histories = []
    for _ in range(2):
        torch.manual_seed(0)
        with reproducible():
            network = make_network(HALVES, torch.device("cpu"))
            history = list(HALVES.fit(network, HALVES, data.load("train"), data.load("test")))
        histories.append([astuple(replace(epoch, seconds=0, cpu_seconds=0)) for epoch in history])
    assert histories[0] == histories[1]


def test_two_halves_have_the_bits_of_the_same_halves_one_after_the_other(digits):
    torch.manual_seed(0)
    network = build(MODEL4).to(memory_format=torch.channels_last)
    with reproducible():
        parts = [gradients(network, *part) for part in zip(*(tensor.chunk(2) for tensor in digits), strict=True)]
        halves = gradients(GhostBatches(network, 2).train(), *digits)
    for first, second, both in zip(*parts, halves, strict=True):
        assert torch.equal(first / 2 + second / 2, both)


@pytest.mark.parametrize("images", [128, 7, 1])
@pytest.mark.parametrize("parts", [2, 3])
def test_without_normalization_the_gradient_is_that_of_the_whole_batch(digits, parts, images):
    images, labels = (tensor[:images] for tensor in digits)
    network = build(PLAIN).double()
    whole = gradients(network, images.double(), labels)
    ghost = gradients(GhostBatches(network, parts), images.double(), labels)
    assert all(torch.allclose(a, b) for a, b in zip(whole, ghost, strict=True))


def test_running_statistics_come_from_the_first_part(digits):
    torch.manual_seed(0)
    network = build(MODEL4)
    ghost = GhostBatches(network, 2)
    alone = build(MODEL4)
    alone.load_state_dict(network.state_dict())
    ghost(digits[0])
    alone(digits[0][:64])
    for buffer, expected in zip(network.buffers(), alone.buffers(), strict=True):
        assert torch.equal(buffer, expected)
    ghost.eval(), alone.eval()
    assert torch.equal(ghost(digits[0]), alone(digits[0]))


def test_the_parameters_are_those_of_the_network_and_are_learned_together(digits):
    network = build(MODEL4)
    ghost = GhostBatches(network, 2)
    optimizer = torch.optim.SGD(ghost.parameters(), lr=0.1)
    for _ in range(2):  # the second time with copies that have to know what was learned
        optimizer.zero_grad()
        F.cross_entropy(ghost(digits[0]), digits[1]).backward()
        optimizer.step()
    assert count_parameters(ghost) == count_parameters(network) == 7870
    assert list(ghost.parameters()) == list(network.parameters())
    for copy in ghost.copies:
        assert all(torch.equal(a, b) for a, b in zip(copy.parameters(), network.parameters(), strict=True))


def test_networks_share_their_threads(digits):
    gradients(GhostBatches(build(MODEL4), 4), *digits)
    before = threading.active_count()
    gradients(GhostBatches(build(MODEL4), 4), *digits)
    assert threading.active_count() == before


def test_a_bar_counts_a_batch_once(few_digits, monkeypatch):
    counted = []
    bar = SimpleNamespace(update=lambda: counted.append(1), close=lambda: None)
    monkeypatch.setattr(progress, "tqdm", lambda **options: bar)
    train(replace(HALVES, epochs=1), quiet=True, device="cpu")
    assert len(counted) == math.ceil(len(data.load("train")) / HALVES.batch_size)


def test_a_run_ends_with_the_plain_network_and_says_how_many_threads_it_had(few_digits):
    run = train(replace(HALVES, epochs=1), quiet=True, device="cpu")
    assert not any(isinstance(module, GhostBatches) for module in run.network.modules())
    assert run.record.threads == 2 and run.record.parameters == 7870


@pytest.mark.parametrize("images, parts", [(3, 2), (12, 12), (13, 6)])
def test_no_part_is_a_single_image_which_a_map_of_one_pixel_cannot_be_normalized_of(digits, images, parts):
    network = GhostBatches(build(replace(MODEL4, layer_line="28x4 t10")), parts).train()
    assert network(digits[0][:images]).shape == (images, 10)


def test_a_run_on_other_data_knows_what_it_learned_from(few_digits):
    own = named.given(*(Digits(digits.images // 2, digits.labels) for digits in map(data.load, ("train", "test"))))
    run = train(replace(HALVES, epochs=1), quiet=True, device="cpu", digits=own)
    assert data_of(run.network) == own[0].of != MNIST


def test_ghost_batches_with_dropout_cannot_be_repeated_and_are_refused():
    with pytest.raises(InputError, match="ghost_batches .* dropout"):
        replace(HALVES, dropout=0.1)
