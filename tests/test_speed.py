import pytest
import torch

from src import InputError
from src.speed import throughput, timing
from src.speed.bench import TIMINGS


@pytest.fixture
def passes():
    """Timings in which the usual loop takes 8 seconds a pass at best, ours 2, and two of ours together 2.5."""
    seconds = {way: [2.0, 2.1, 1.9] for way in [*throughput.WAYS, *throughput.PAIRS]}
    seconds["the usual loop"] = seconds["the usual loop, one thread"] = [9.0, 9.5, 8.5]
    seconds["the usual loop, 2 workers"] = [8.0, 7.0, 9.0]
    seconds["the usual loop, two at a time"], seconds["ours, two at a time"] = [10.0, 10.0, 10.0], [2.5, 2.5, 2.5]
    return dict(
        machine="a machine",
        experiment="B4",
        batch_size=64,
        images=12_000,
        seconds=seconds,
        peak_memory=dict.fromkeys(throughput.WAYS, 900_000_000),
    )


def test_ratios_are_taken_to_the_best_of_the_usual_ways(passes):
    lines = throughput.text(passes).split("\n")
    rows = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ") for line in lines if line.startswith("| ")}
    assert rows["the usual loop, 2 workers"][3] == "1.00" and rows["the usual loop"][3] == "0.89"
    assert rows[throughput.OURS][1:5] == ["2.00 (1.90 to 2.10)", "6,000", "4.00", "900"]
    assert rows["ours, two at a time"][2:4] == ["9,600", "6.40"]  # 24,000 images in 2.5 seconds


def test_ratios_are_said_with_their_range_and_the_goal_is_met_or_missed(passes):
    text = throughput.text(passes)
    one = "one run of ours is 4.00 (3.33 to 4.74) times as fast as the fastest usual loop"
    assert f"{one}, two at a time are 6.40" in text
    assert "4.00 (4.00 to 4.00) times as fast as two usual loops at a time" in text
    assert "Goal: under 1,000 MB; measured 900 MB (met)." in text


@pytest.mark.parametrize("way", [way for way in throughput.WAYS if "workers" not in way])
def test_every_way_makes_its_pass(monkeypatch, few_digits, way):
    monkeypatch.setattr(throughput, "IMAGES", 64)
    threads = torch.get_num_threads()
    try:
        assert throughput.timed_pass(way) > throughput.timed_pass(way) > 0
    finally:
        torch.set_num_threads(threads)
        throughput.prepared.cache_clear()


def test_a_missing_or_damaged_file_of_timings_is_one_sentence(tmp_path):
    with pytest.raises(
        InputError, match=r"cannot read the timings .*throughput.json: No such file.*bench throughput\."
    ):
        timing.load("throughput", tmp_path)
    (tmp_path / "throughput.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        timing.load("throughput", tmp_path)


@pytest.mark.parametrize("name", TIMINGS)
def test_what_is_saved_can_be_loaded_told_and_drawn(monkeypatch, tmp_path, name):
    measured = timing.load(name, timing.RESULTS / "bench")
    monkeypatch.setattr(timing, "RESULTS", tmp_path)
    timing.save(name, measured)
    assert timing.load(name, tmp_path / "bench") == measured
    assert measured["machine"] in TIMINGS[name].text(measured)
    if name == "throughput":
        assert len(TIMINGS[name].figure(measured).axes) == 1
