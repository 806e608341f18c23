"""Images per second: every way makes its pass, and the sentences say what the seconds do."""

import pytest
import torch

from studies.sprint import throughput


@pytest.fixture
def passes():
    """Timings in which the usual loop takes 8 seconds a pass at best, ours 2, and two of ours together 2.5."""
    seconds = {way: [2.0, 2.1, 1.9] for way in [*throughput.WAYS, *throughput.PAIRS]}
    seconds[throughput.USUAL] = seconds[throughput.ONE_THREAD] = [9.0, 9.5, 8.5]
    seconds["the usual loop, 2 workers"] = [8.0, 7.0, 9.0]
    seconds[throughput.USUAL_PAIR], seconds[throughput.OUR_PAIR] = [10.0, 10.0, 10.0], [2.5, 2.5, 2.5]
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
    assert rows[throughput.OUR_PAIR][2:4] == ["9,600", "6.40"]  # 24,000 images in 2.5 seconds


def test_ratios_are_said_with_their_range_and_the_goal_is_met_or_missed(passes):
    equal_work, pairs, memory = throughput.ratios(passes)
    assert "4.00 (3.33 to 4.74) times" in equal_work and "6.40" in equal_work
    assert "4.00 (4.00 to 4.00) times as fast as two usual loops" in pairs
    assert "under 1,000 MB; measured 900 MB (met)" in memory
    passes["peak_memory"][throughput.OURS] = 1_100_000_000
    assert "measured 1,100 MB (missed)" in list(throughput.ratios(passes))[2]


@pytest.mark.parametrize("way", [way for way in throughput.WAYS if "workers" not in way])
def test_every_way_makes_its_pass_and_is_prepared_once(monkeypatch, few_digits, way):
    monkeypatch.setattr(throughput, "IMAGES", 64)
    threads = torch.get_num_threads()
    try:
        assert throughput.timed_pass(way) > 0 and throughput.timed_pass(way) > 0
        assert throughput.prepared(way) is throughput.prepared(way)
    finally:
        torch.set_num_threads(threads)
        throughput.prepared.cache_clear()


def test_the_figure_has_a_bar_with_the_images_per_second_of_every_way(passes):
    (ax,) = throughput.figure(passes).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        throughput.IN_WORDS[way] for way in passes["seconds"]
    ]
    numbers = dict(zip(passes["seconds"], [text.get_text() for text in ax.texts], strict=True))
    assert numbers[throughput.OURS] == "6,000" and numbers[throughput.OUR_PAIR] == "9,600"
