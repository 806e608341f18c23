import math
import time

import pytest
import torch

from src import InputError
from src.experiments import MODEL4
from src.model import build, layers
from src.speed import accuracy, growth, throughput, timing


@pytest.fixture
def passes():
    """Timings in which the usual loop takes 8 seconds a pass at best, ours 2, and two of ours together 2.5."""
    seconds = {way: [2.0, 2.1, 1.9] for way in [*throughput.WAYS, *throughput.PAIRS]}
    seconds["the usual loop"] = seconds["the usual loop, one thread"] = [9.0, 9.5, 8.5]
    seconds["the usual loop, 2 workers"] = [8.0, 7.0, 9.0]
    seconds["the usual loop, two at a time"], seconds["ours, two at a time"] = [10.0, 10.0, 10.0], [2.5, 2.5, 2.5]
    seconds[throughput.FLOOR] = seconds[f"{throughput.FLOOR}, two at a time"] = [1.0, 1.0, 1.0]
    return dict(
        machine="a machine",
        experiment="B4",
        batch_size=64,
        images=12_000,
        seconds=seconds,
        first_pass=dict.fromkeys(throughput.WAYS, 3.0),
        peak_memory=dict.fromkeys(throughput.WAYS, 900_000_000),
        profiles=dict(B4=dict(forward=1.0, backward=1.5, evaluation=0.5, other=2.0)),
    )


def test_ratios_are_taken_to_the_best_of_the_usual_ways(passes):
    lines = throughput.text(passes).split("\n")
    rows = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ") for line in lines if line.startswith("| ")}
    assert rows["the usual loop, 2 workers"][3] == "1.00" and rows["the usual loop"][3] == "0.89"
    assert rows[throughput.OURS][1:7] == ["2.00 (1.90 to 2.10)", "6,000", "4.00", "25 %", "3.0", "900"]
    assert rows["ours, two at a time"][2:4] == ["9,600", "6.40"]  # 24,000 images in 2.5 seconds


def test_what_was_hoped_for_is_said_to_be_met_or_missed(passes):
    said = throughput.text(passes)
    assert "4.00 (3.33 to 4.74) times as fast as the best of the usual loop's three ways" in said
    assert "at least 3 times: met" in said
    assert "4.00 (4.00 to 4.00) times as fast as two usual loops at a time" in said
    assert "forward pass takes 20 %, its backward pass 30 %, evaluation 10 %" in said
    assert "at least 60 %: 50 %, missed by 10." in said
    assert "under 1,000 MB: 900, met" in said


@pytest.mark.parametrize("way", [way for way in throughput.WAYS if "workers" not in way and "compiled" not in way])
def test_every_way_makes_its_pass(monkeypatch, way):
    monkeypatch.setattr(throughput, "IMAGES", 64)
    threads = torch.get_num_threads()
    try:
        assert throughput._prepare(way) > throughput._timed_pass() > 0
    finally:
        torch.set_num_threads(threads)


def test_a_level_is_reached_when_it_holds_at_two_epochs_running():
    history = [(10, 0.991), (20, 0.989), (30, 0.991), (40, 0.990), (50, 0.993)]
    assert accuracy.reached(history, 0.990) == 40
    assert accuracy.reached(history, 0.993) == math.inf
    assert accuracy.reached([(10, 0.999)], 0.990) == math.inf


def histories(*seconds):
    """A history per entry: 99.3 % holds after so many seconds, or never does (None)."""
    return [[(1, 0.5), (1, 0.98)] if s is None else [(s / 2, 0.9935), (s, 0.9935)] for s in seconds]


def measured(usual, ours):
    ways = {"usual": histories(*usual), "other": histories(1, 1, 1), "ours": histories(*ours)}
    return dict(machine="a machine", workers=0, epochs=dict.fromkeys(ways, 2), histories=ways)


@pytest.mark.parametrize(
    "usual, ours, words",
    [
        (
            (80, 100, 120),
            (10, 8, 12),
            "99.3 %, the highest level that most seeds of usual reach, is there 10.0",
        ),
        ((80, None, 120), (10, 8, None), "12.0 times sooner with ours: after 10 seconds instead of 120"),
        ((80, None, None), (10, 8, 12), "Most seeds of usual reach none of these levels."),
        ((80, 80, 80), (None, None, 9), "Most seeds of usual reach 99.3 %, and of ours do not."),
    ],
)
def test_the_speed_up_is_said_at_the_highest_level_that_most_seeds_of_the_usual_loop_reach(usual, ours, words):
    said = accuracy.text(measured(usual, ours))
    assert words in said
    assert "not in 2 epochs (0 of 3 seeds)" in said  # 99.4 % in any case


def test_what_a_run_costs_is_the_slope_of_its_jobs():
    runs = [dict(value=n, jobs=jobs, seconds=[n * 6 / jobs], memory=8e8) for n in (2, 4) for jobs in (1, 2)]
    assert (growth.per_run(runs, 1), growth.per_run(runs, 2)) == pytest.approx((6, 3))


def test_widening_multiplies_the_channels_of_every_3x3_convolution():
    wide = growth.widened(MODEL4, 2)
    before, after = layers(MODEL4.layer_line), layers(wide.layer_line)
    for narrow, broad in zip(before, after, strict=True):
        assert broad.channels == (10 if narrow is before[-1] else 2 * narrow.channels)
    build(wide)


def test_a_missing_or_damaged_file_of_timings_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot read the timings .*throughput.json"):
        timing.load("throughput", tmp_path)
    (tmp_path / "throughput.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        timing.load("throughput", tmp_path)


def test_every_figure_of_timings_can_be_drawn(passes):
    cases = [
        dict(value=value, jobs=1, seconds=[value / 1000, value / 900], memory=9e8) for value in (1_000, 3_000, 10_000)
    ]
    runs = [dict(value=n, jobs=jobs, seconds=[n * 6 / jobs], memory=8e8 * jobs) for n in (2, 4) for jobs in (1, 2)]
    grown = dict(machine="a machine", experiment="Model4", images=cases, width=cases, runs=runs)
    assert len(throughput.figure(passes).axes) == 1
    four = measured((80, 80, 80), (9, 9, 9))
    four["histories"]["another"] = histories(3, 3, 3)
    assert len(accuracy.figure(four).axes) == 1
    assert len(growth.figure(grown).axes) == 6
    assert "1,600 MB in place of 800" in growth.text(grown)


def test_the_profile_has_a_time_for_every_part_of_the_loop(monkeypatch):
    monkeypatch.setattr(throughput, "IMAGES", 640)
    start = time.perf_counter()
    parts = throughput.profile(MODEL4)
    assert set(parts) == {"forward", "backward", "evaluation", "other"} and all(part > 0 for part in parts.values())
    assert sum(parts.values()) < time.perf_counter() - start


def test_the_convolutions_alone_are_all_convolutions_of_the_network(monkeypatch):
    monkeypatch.setattr(throughput, "IMAGES", 64)
    seen = []
    original = throughput.nn.Conv2d.forward
    monkeypatch.setattr(throughput.nn.Conv2d, "forward", lambda self, x: seen.append(self) or original(self, x))
    one_pass = throughput.convolutions_alone()
    seen.clear()
    one_pass()
    assert len(seen) == len(
        [layer for layer in layers(throughput.EXPERIMENT.layer_line) if layer.kind == "convolution"]
    )
