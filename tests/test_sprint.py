import json
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from src import InputError
from src.__main__ import main
from src.experiments import MODEL4
from src.model import build, count_parameters
from src.runs.one import train
from src.speed import sprint, timing
from src.studies.changed import changes
from src.studies.sprint import B4, LADDER, SMALL_SPRINT, SPRINT


def test_a_sprint_ends_with_the_network_of_an_ordinary_run(few_digits):
    experiment = replace(SPRINT, name="Sprint-short", epochs=2)
    seconds, accuracy = sprint.sprint(experiment, seed=1, threads=1)
    run = train(experiment, seed=1, device="cpu", quiet=True)
    assert accuracy == run.history[-1].test_accuracy
    assert len(seconds) == 4 and seconds == sorted(seconds)


def test_a_sprint_is_evaluated_once(few_digits, monkeypatch):
    calls, evaluate = [], sprint.evaluate
    monkeypatch.setattr(sprint, "evaluate", lambda *arguments: calls.append(1) or evaluate(*arguments))
    monkeypatch.setattr("src.training.evaluate", None)  # the loop must not
    sprint.sprint(SPRINT, seed=0, threads=1)
    assert calls == [1]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sprint_repeats_itself_with_the_same_number_of_threads(few_digits, threads):
    losses = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, outputs: losses.append(outputs.sum().item()) if isinstance(module, nn.Flatten) else None
    )
    try:
        for _ in range(2):
            sprint.sprint(SPRINT, seed=0, threads=threads)
    finally:
        hook.remove()
    assert losses[: len(losses) // 2] == losses[len(losses) // 2 :]
    assert torch.get_num_threads() == 1  # as before


def test_a_training_that_is_cut_short_is_counted_as_long_as_its_last_epoch():
    assert sprint.whole([2, 10, 18, 19], epochs=15) == 19 + 13 * 8
    assert sprint.whole([2, 10, 18, 19], epochs=2) == 19
    assert sprint.whole([2, 10, 11], epochs=15) == 11 + 14 * 8


def test_seconds_accuracies_and_threads_of_every_seed_are_printed_and_kept(few_digits, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sprint, "RUNS", tmp_path)
    assert main(["sprint", "Sprint", "--seeds", "2"]) == 0
    *_, first, second, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"seed 0: [\d.]+ s, [\d.]+ %", first) and second.startswith("seed 1: ")
    assert re.fullmatch(r"mean [\d.]+ % over 2 seeds, median [\d.]+ s", last)
    kept = json.loads((tmp_path / "sprint.json").read_text())
    assert kept["threads"] == torch.get_num_threads() and len(kept["seconds"]) == len(kept["accuracies"]) == 2


def test_all_seeds_can_be_trained_at_once(few_digits, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sprint, "RUNS", tmp_path)
    assert main(["sprint", "Sprint", "--seeds", "3", "--together", "--device", "cpu"]) == 0
    assert "seeds 0 to 2 at once: " in capsys.readouterr().out
    assert len(json.loads((tmp_path / "sprint.json").read_text())["accuracies"]) == 3


def test_no_seeds_are_refused():
    with pytest.raises(InputError, match="--seeds must be a whole number from 1"):
        list(sprint.sprints(SPRINT, 0))


def test_the_small_sprint_has_the_network_of_model4():
    assert SMALL_SPRINT.layer_line == MODEL4.layer_line and count_parameters(build(SMALL_SPRINT)) == 7_870


def test_every_rung_changes_one_that_stands_above_it():
    rungs = [B4, *LADDER]
    assert all(rungs.index(before) < rungs.index(rung) for rung, before in LADDER.items())
    assert all(changes(before, rung) for rung, before in LADDER.items())


def test_what_is_saved_says_how_much_sooner_each_goal_is_reached(records):
    measured = timing.load("sprint", timing.RESULTS / "bench")
    text = sprint.text(measured, records)
    assert measured["machine"] in text and text.count("Goal: ") >= 3
    assert all(f"| {way} |" in text for way in ["the usual loop", "Sprint", "Sprint-99", "Sprint-Model4"])
    assert len(sprint.figure(measured, records).axes) == 1


def test_a_goal_is_met_only_by_a_recipe_that_reaches_the_accuracy(records):
    measured = timing.load("sprint", timing.RESULTS / "bench")
    seconds = {way: [1.0] for way in measured["seconds"]} | {"the usual loop": [1000.0]}
    fast = {**measured, "seconds": seconds}
    assert "1000x (met)" in sprint.text(fast, records)
    worse = {experiment.name: records["Model1"] for experiment in sprint.WAYS.values()}
    assert sprint.text(fast, worse).count("x (missed)") == 2  # Model1 has more than 99.0 %


@pytest.fixture(scope="module")
def records():
    from src.evidence.readme import load_evidence

    return load_evidence().tests
