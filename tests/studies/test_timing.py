"""Timings: kept as they were taken, told in words, and refused in one sentence where their file is no good."""

import os
from importlib import import_module

import pytest
import torch
from torch import nn

from src import InputError
from src.runs.records import RESULTS
from studies import timing
from studies.catalogue import BENCHES
from studies.frontier import depthwise
from studies.sprint import inference

# Not everybody has a GPU.
TAKEN = [name for name in BENCHES if name != "gpu" or (RESULTS / "bench" / "gpu.json").exists()]


def test_a_missing_or_damaged_file_of_timings_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="throughput.json: No such file.*; take the .*git checkout .*throughput.json"):
        timing.load("throughput", tmp_path)
    (tmp_path / "throughput.json").write_text("{")
    with pytest.raises(InputError, match="measurements .*throughput.json.* damaged"):
        timing.load("throughput", tmp_path)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_saved_can_be_loaded_and_told(evidence, monkeypatch, tmp_path, name):
    measured = evidence.timing(name)
    monkeypatch.setattr(timing, "RESULTS", tmp_path)
    timing.save(name, measured)
    assert timing.load(name, tmp_path / "bench") == measured
    monkeypatch.setattr("studies.sprint.timed.load_evidence", lambda: evidence, raising=False)  # loaded already
    assert measured["machine"] in import_module(BENCHES[name]).text(measured)


def test_a_process_for_a_timing_is_a_fresh_one():
    assert timing.in_process(os.getpid) != os.getpid()


def test_a_goal_is_met_or_missed():
    assert "at least 2x" in timing.goal("at least 2x", "1.9x", False)
    assert timing.goal("2x", "2.1x", True).count("(met)") == 1 and "(missed)" in timing.goal("2x", "1.9x", False)


def test_multiply_adds_are_counted_for_every_place_of_a_map():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 4, 3, groups=2), nn.Flatten())
    assert inference.multiply_adds(network) == 2 * 9 * 26 * 26 + 4 * 9 * 11 * 11


def test_the_table_of_use_has_a_row_for_each_network_with_what_it_costs(evidence):
    measured = evidence.timing("use")
    rows = inference.rows(measured)
    assert [row["network"] for row in rows] == ["Model1", "Model2", "Model3", "Model4"]
    assert rows[-1]["parameters"] == "7,870"
    assert f"{measured['networks']['Model4']['multiply_adds']:,}" == rows[-1]["multiply-adds"]


@pytest.mark.parametrize("form", [depthwise.shifted, depthwise.full])
def test_every_form_of_a_depthwise_convolution_gives_the_same_numbers(form):
    assert {form for form, _ in depthwise.FORMS.values()} == {depthwise.grouped, depthwise.shifted, depthwise.full}
    maps, weight = torch.randn(5, 4, 9, 9, requires_grad=True), torch.randn(4, 1, 3, 3, requires_grad=True)
    expected, given = depthwise.grouped(maps, weight), form(maps, weight)
    assert torch.allclose(given, expected, atol=1e-5)
    for one, other in zip(
        torch.autograd.grad(given.square().sum(), (maps, weight)),
        torch.autograd.grad(expected.square().sum(), (maps, weight)),
        strict=True,
    ):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def test_the_best_other_form_of_a_depthwise_convolution_is_named_and_compared_with_its_goal(evidence):
    measured = evidence.timing("depthwise")
    best = "full convolution with zeros, channels last"
    seconds = measured["seconds"] | {best: [one / 3 for one in measured["seconds"][depthwise.OURS]]}
    text = depthwise.text({**measured, "seconds": seconds})
    assert f"fastest of the other forms: {best}" in text and "measured 3.00x (met)" in text
