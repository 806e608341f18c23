"""The pictures of what a technique does show what the network computes; worth() says what a step costs and brings."""

import re
from dataclasses import replace

import pytest
import torch

from src import InputError, data
from src.experiments import MODEL1, MODEL2, MODEL3, MODEL4
from src.runs.records import RESULTS, recorded
from src.show import effects, worth
from src.use.weights import load
from studies.recipes import Recipe


@pytest.fixture(scope="module")
def digit():
    return data.load("test").images[0]


def test_the_means_below_the_maps_are_what_global_average_pooling_gives(digit):
    network = load("Model2")
    figure = effects.pooled(network, digit)
    with torch.no_grad():
        means = network.eval()[:-2](data.normalize(digit[None])).flatten().tolist()
    shown = [float(ax.texts[0].get_text()) for ax in figure.axes[1:]]
    assert shown == pytest.approx(means, abs=0.051)
    with pytest.raises(InputError, match="no global average pooling"):
        effects.pooled(load("Model1"), digit)


def test_a_channel_is_marked_as_dropped_where_its_map_is_empty_and_the_random_numbers_stay_as_they_were(digit):
    network = load("Model2")
    before = torch.get_rng_state()
    figure = effects.dropped(network, digit)
    assert torch.equal(before, torch.get_rng_state()) and not any(part.training for part in network.modules())
    empty = [bool((ax.images[0].get_array() == 0).all()) for ax in figure.axes]
    marked = [ax.get_title() == "dropped" for ax in figure.axes]
    assert 0 < sum(marked) < len(marked) / 4 and all(gone for gone, mark in zip(empty, marked, strict=True) if mark)
    with pytest.raises(InputError, match="no dropout"):
        effects.dropped(load("Model4"), digit)


def test_the_rate_and_the_loss_are_those_of_the_experiments_and_their_records():
    runs = [recorded(each, [0], RESULTS)[0] for each in (MODEL3, MODEL4)]
    figure = effects.rate_and_loss([MODEL3, MODEL4], runs)
    left, right = figure.axes
    assert max(left.lines[1].get_ydata()) == pytest.approx(MODEL4.schedule.peak, rel=1e-2)
    assert list(right.lines[0].get_ydata()) == [epoch.test_loss for epoch in runs[0].history]


def test_worth_says_parameters_seconds_and_the_difference_over_ten_seeds(monkeypatch, capsys):
    monkeypatch.setattr(worth, "IMAGES", 256)
    worth.worth(MODEL2, MODEL1)
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"Model1 10,120 1\.00x 99\.\d\d ± .* Model2 7,870 \d\.\d\dx 99\.\d\d ± ", said)
    assert "on the 10 seeds that both have (0 to 9), the test accuracy of Model2 changes by" in said


def test_worth_gives_no_verdict_between_different_data():
    with pytest.raises(InputError, match="Hands-Model4 is on folder:data/hands, Model4 on MNIST: .* are not compared"):
        worth.worth(replace(MODEL4, name="Hands-Model4", data="folder:data/hands"), MODEL4)


def test_seconds_are_measured_of_a_recipe_too(monkeypatch):
    monkeypatch.setattr(worth, "IMAGES", 256)
    assert 0 < worth.ratio_of_seconds(replace(Recipe(**vars(MODEL4)), dropout=0.1), MODEL4) < 100
