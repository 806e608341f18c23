"""The sprint: a training that is timed ends as an ordinary run does, and its goals are counted from what is kept."""

import json
import re
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from torch import nn

from src import InputError
from src.__main__ import main
from src.experiments import MODEL4
from src.model import build, count_parameters
from src.runs.names import changes
from src.runs.one import train
from src.show.tables import interval
from studies.sprint import B4, LADDER, SMALL_SPRINT, SPRINT, timed, usual

TINY = replace(SPRINT, name="Sprint-tiny", layer_line="C24 5x4s2 8 P 8 2x10", epochs=2)


FEW = replace(TINY, name="Sprint-few", train_images=300, wrong_labels=0.1)


@pytest.mark.parametrize("experiment", [TINY, FEW, replace(MODEL4, name="Tiny", layer_line="5x4s5 G t10", epochs=2)])
def test_a_sprint_ends_with_the_network_of_an_ordinary_run(few_digits, experiment):
    seconds, accuracy = timed.sprint(experiment, seed=1, threads=1)
    run = train(experiment, seed=1, device="cpu", quiet=True)
    assert accuracy == run.history[-1].test_accuracy
    assert len(seconds) == 4 and seconds == sorted(seconds)


def test_a_sprint_is_evaluated_once(few_digits, monkeypatch):
    calls, evaluate = [], timed.evaluate
    monkeypatch.setattr(timed, "evaluate", lambda *arguments: calls.append(1) or evaluate(*arguments))
    for loop in ("src.training", "studies.recipes"):  # which must not
        monkeypatch.setattr(f"{loop}.evaluate", None)
    timed.sprint(TINY, seed=0, threads=1)
    assert calls == [1]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sprint_repeats_itself_with_the_same_number_of_threads(few_digits, threads):
    losses = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, outputs: losses.append(outputs.sum().item()) if isinstance(module, nn.Flatten) else None
    )
    try:
        for _ in range(2):
            timed.sprint(replace(TINY, batch_size=300), seed=0, threads=threads)
    finally:
        hook.remove()
    assert losses and losses[: len(losses) // 2] == losses[len(losses) // 2 :]
    assert torch.get_num_threads() == 1  # as before


def test_a_sprint_can_be_cut_short(few_digits):
    seconds, _ = timed.sprint(TINY, seed=0, threads=1, epochs=1)
    assert len(seconds) == 3  # digits, one epoch, evaluation


def test_a_training_that_is_cut_short_is_counted_as_long_as_its_last_epoch():
    assert timed.whole([2, 10, 18, 19], epochs=15) == 19 + 13 * 8
    assert timed.whole([2, 10, 18, 19], epochs=2) == 19
    assert timed.whole([2, 10, 11], epochs=15) == 11 + 14 * 8


def test_seconds_accuracies_and_threads_of_every_seed_are_printed_and_kept(few_digits, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(timed, "RUNS", tmp_path)
    assert main(["sprint", "Sprint-99", "--seeds", "2", "--device", "cpu"]) == 0
    *_, first, second, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"seed 0: [\d.]+ s, [\d.]+ %", first) and second.startswith("seed 1: ")
    assert re.fullmatch(r"mean [\d.]+ % over 2 seeds, median [\d.]+ s", last)
    kept = json.loads((tmp_path / "sprint.json").read_text())
    assert kept["experiment"] == "Sprint-99" and kept["device"] == "cpu"
    assert kept["threads"] == torch.get_num_threads() and len(kept["seconds"]) == len(kept["accuracies"]) == 2


def test_all_seeds_can_be_trained_at_once(few_digits, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(timed, "RUNS", tmp_path)
    assert main(["sprint", "Sprint-99", "--seeds", "3", "--together", "--device", "cpu"]) == 0
    assert "seeds 0 to 2 at once: " in capsys.readouterr().out
    assert len(json.loads((tmp_path / "sprint.json").read_text())["accuracies"]) == 3


def test_no_seeds_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(timed, "RUNS", tmp_path)
    with pytest.raises(InputError, match="--seeds must be a whole number from 1"):
        list(timed.sprints(SPRINT, 0))


def test_other_data_than_mnist_is_refused():
    letters = replace(SPRINT, name="letters", data="KMNIST")
    with pytest.raises(InputError, match="a sprint is timed on MNIST, and letters learns from KMNIST"):
        list(timed.sprints(letters, 1))


def test_the_small_sprint_has_the_network_of_model4():
    assert SMALL_SPRINT.layer_line == MODEL4.layer_line and count_parameters(build(SMALL_SPRINT)) == 7_870


def test_every_rung_changes_one_that_stands_above_it():
    rungs = [B4, *LADDER]
    assert all(rungs.index(before) < rungs.index(rung) for rung, before in LADDER.items())
    assert all(changes(before, rung) for rung, before in LADDER.items())


def test_what_is_saved_says_how_much_sooner_each_goal_is_reached(evidence):
    measured = evidence.timing("sprint")
    text = timed.text(measured, evidence)
    assert measured["machine"] in text and text.count("Goal: ") >= 3
    assert all(f"| {way} |" in text for way in [timed.USUAL, timed.USUAL_ONE, "Sprint", "Sprint-99", "Sprint-Model4"])


def test_a_goal_is_met_only_by_a_recipe_that_reaches_the_accuracy(evidence):
    measured = evidence.timing("sprint")
    seconds = {way: [1.0, 1.0] for way in measured["seconds"]} | {timed.USUAL: [1e4] * 2, timed.USUAL_ONE: [1e3, 2e3]}
    fast = {**measured, "seconds": seconds}
    assert "1500 (1000 to 2000) times (met)" in timed.text(fast, evidence)  # than the better setting
    worse = {experiment.name: evidence.tests["Model1"] for experiment in timed.WAYS.values()}
    assert timed.text(fast, replace(evidence, tests=worse)).count(" times (missed)") == 2  # Model1 has more than 99.0 %


def test_what_the_usual_loop_reaches_is_its_own(evidence):
    own = evidence.timing("usual")
    assert own["seeds"] == list(range(len(own["accuracies"]))) and len(own["seeds"]) >= 3
    assert {len(epochs) for epochs in own["accuracies"]} == {B4.epochs}
    assert timed.reached(timed.USUAL, evidence) == [100 * epochs[-1] for epochs in own["accuracies"]]
    assert interval(timed.reached(timed.USUAL, evidence)) in usual.text(own)
    means = [fmean(epoch) for epoch in zip(*own["accuracies"], strict=True)]
    epoch = usual.epochs_to(own, 0.99)
    assert means[epoch - 1] >= 0.99 > max(means[: epoch - 1])


def test_the_figure_has_a_row_with_the_median_seconds_and_the_accuracy_of_every_way(evidence):
    measured = evidence.timing("sprint")
    seconds = {way: [10.0 + i, 20.0 + i, 900.0] for i, way in enumerate(measured["seconds"])}
    reached = {way: timed.reached(way, evidence) for way in timed.WAYS}
    (ax,) = timed.figure({**measured, "seconds": seconds}, reached).axes
    ways = [way for way in timed.WAYS if way not in (timed.ONE_THREAD, timed.USUAL_ONE)]
    labels = [label.get_text().rpartition(", ") for label in ax.get_yticklabels()]
    assert [words for words, *_ in labels] == [timed.IN_WORDS[way] for way in ways]
    assert [int(epochs.split()[0]) for *_, epochs in labels] == [timed.WAYS[way].epochs for way in ways]
    for way, bar, text in zip(ways, ax.patches, ax.texts, strict=True):
        assert bar.get_width() == seconds[way][1]
        assert f"{seconds[way][1]:.1f} s" in text.get_text() and f"{fmean(reached[way]):.2f}" in text.get_text()
