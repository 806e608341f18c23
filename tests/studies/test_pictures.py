"""The network that doubts: the kept weights are those whose errors were measured, and what it learns from is none."""

import hashlib

import numpy as np
import pytest
import torch

from src import InputError, data
from src.pictures import doubt
from studies import fonts, timing
from studies.evidence import RESULTS
from studies.pictures import doubt as study
from studies.pictures import nondigits


@pytest.fixture(scope="module")
def measured():
    return timing.load("doubt", RESULTS / "bench")


def test_the_kept_network_is_the_one_whose_errors_were_measured(measured):
    assert hashlib.sha256(doubt.WEIGHTS.read_bytes()).hexdigest() == measured["weights"]
    doubted = (doubt.surety(data.load("test").images) < 0).float().mean().item()
    assert abs(doubted - measured["doubted"]["test digits"]) < 5e-4  # other processors round otherwise


def test_doubt_begins_where_it_has_one_percent_of_the_validation_digits():
    doubted = (doubt.surety(data.load("validation").images) < 0).float().mean().item()
    assert abs(doubted - study.DOUBTFUL) < 1e-3


def test_letters_in_fonts_that_were_not_learned_are_doubted_far_more_often_than_digits(measured):
    assert len(measured["fonts"]) >= study.FEWEST_FONTS and measured["images"]["letters"] > 1000
    assert measured["doubted"]["letters"] >= 0.85 and measured["doubted"]["test digits"] <= 0.012
    assert measured["doubted"]["scribbles and blots"] > 0.95
    for words in (f"{100 * measured['doubted']['letters']:.1f} %", f"{len(measured['fonts'])} fonts"):
        assert words in study.sentence(measured)


def test_the_fonts_that_are_learned_come_with_matplotlib_and_none_of_them_is_measured(measured):
    learned = {fonts.family(path) for path in nondigits.fonts()}
    assert len(nondigits.fonts()) > 15 and not learned & set(measured["fonts"])


def test_too_few_fonts_are_one_sentence_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(fonts.font_manager, "findSystemFonts", lambda: [])
    monkeypatch.setattr(study, "train", None)
    with pytest.raises(InputError, match="has 0 fonts of its own with letters, not 30; install more: apt-get install"):
        study.measure()


def test_what_is_no_digit_is_drawn_the_same_by_the_same_seed_and_placed_as_digits_are():
    digits = data.load("validation-rest")[:500]
    drawn = [nondigits.images(60, digits.images[:, 0].numpy(), digits.labels.numpy(), seed) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0][0], drawn[1][0]) and not torch.equal(drawn[0][0], drawn[2][0])
    for images in drawn[0]:
        assert images.dtype == torch.uint8 and images.shape[1:] == (1, 28, 28)
        rows, columns = images[:, 0].amax(dim=2) > 0, images[:, 0].amax(dim=1) > 0
        assert (rows.sum(dim=1).maximum(columns.sum(dim=1)) <= 20).all(), "in 20x20 pixels, as MNIST's digits"
    assert (len(drawn[0][0]), len(drawn[0][1])) == (60, 24)


def test_only_digits_that_are_none_on_their_side_are_turned():
    digits, dice = (
        np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8),
        np.random.default_rng(0),
    )
    seen = {round(255 * nondigits.turned(digits, np.arange(10), dice).max()) for _ in range(200)}
    assert seen == {2, 3, 4, 5, 7}
