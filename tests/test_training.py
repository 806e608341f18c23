import math
from dataclasses import astuple, replace

import pytest
import torch

from src import InputError, data, training
from src.experiments import MODEL1, MODEL4
from src.training import evaluate, learning_rate, predict, train

SHORT = replace(MODEL4, epochs=3, batch_size=64)


def numbers(run):
    """The history without its seconds, which no seed decides."""
    return [astuple(epoch)[:-2] for epoch in run.history]


def test_the_same_seed_gives_the_same_history_bit_for_bit(few_digits):
    first, second, other = train(SHORT, seed=3), train(SHORT, seed=3), train(SHORT, seed=4)
    assert numbers(first) == numbers(second) != numbers(other)
    assert torch.equal(first.logits, second.logits)


def test_a_run_learns_and_reports_what_its_network_does(few_digits):
    run = train(replace(MODEL1, epochs=8, batch_size=32), seed=0)
    assert run.history[-1].train_loss < 0.5 * run.history[0].train_loss
    assert run.history[-1].test_accuracy > 0.8
    test = data.load("test")
    logits = predict(run.network, test.images)
    assert torch.equal(logits, run.logits)
    assert evaluate(logits, test.labels) == (run.history[-1].test_loss, run.history[-1].test_accuracy)
    assert [epoch.epoch for epoch in run.history] == list(range(1, 9))


def test_validation_runs_see_neither_the_test_set_nor_the_images_held_out(monkeypatch):
    loaded = []
    load = data.load
    monkeypatch.setattr(data, "load", lambda split: loaded.append(split) or load(split)[:128])
    assert train(replace(SHORT, epochs=1), seed=0, split="validation").split == "validation"
    assert loaded == ["fit", "validation"]


class Killed(Exception):
    """Stands for whatever ends a process between two epochs."""


@pytest.mark.parametrize("finished", [1, 2])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(few_digits, monkeypatch, tmp_path, finished):
    experiment, checkpoint = replace(SHORT, dropout=0.1), tmp_path / "run.checkpoint"
    whole = train(experiment, seed=5)

    def killed_after(network, optimizer, digits, experiment, epoch, progress):
        if epoch == finished:
            raise Killed
        return train_epoch(network, optimizer, digits, experiment, epoch, progress)

    train_epoch = training.train_epoch
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training, "train_epoch", killed_after)
        train(experiment, seed=5, checkpoint=checkpoint)
    torch.manual_seed(99)  # whatever happens between the two processes
    resumed = train(experiment, seed=5, checkpoint=checkpoint)
    assert numbers(resumed) == numbers(whole)
    assert torch.equal(resumed.logits, whole.logits)


def test_a_checkpoint_of_another_run_is_not_gone_on_from(few_digits, tmp_path):
    checkpoint = tmp_path / "run.checkpoint"
    train(SHORT, seed=1, checkpoint=checkpoint)
    assert numbers(train(SHORT, seed=2, checkpoint=checkpoint)) == numbers(train(SHORT, seed=2))
    assert (
        numbers(train(replace(SHORT, epochs=4), seed=2, checkpoint=checkpoint))[0] != numbers(train(SHORT, seed=2))[0]
    )


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", "truncated", "a flipped bit"])
def test_a_damaged_checkpoint_is_named_and_the_run_starts_over(few_digits, tmp_path, capsys, damage):
    checkpoint = tmp_path / "run.checkpoint"
    whole = train(SHORT, seed=1, checkpoint=checkpoint)
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"truncated": checkpoint.read_bytes()[:-1000], "a flipped bit": content}
    checkpoint.write_bytes(damaged[damage] if isinstance(damage, str) else damage)
    assert numbers(train(SHORT, seed=1, checkpoint=checkpoint)) == numbers(whole)
    assert f"The checkpoint {checkpoint} is damaged" in capsys.readouterr().out


def test_a_checkpoint_that_cannot_be_written_is_one_sentence(few_digits, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write .*run.checkpoint"):
        train(SHORT, seed=1, checkpoint=tmp_path / "file" / "run.checkpoint")


def test_one_cycle_climbs_to_the_peak_and_falls_to_zero():
    rates = [learning_rate(MODEL4, i / 1000) for i in range(1001)]
    peak = rates.index(max(rates))
    assert math.isclose(rates[peak], MODEL4.learning_rate) and 0 < peak < 500
    assert rates[0] < 0.05 * MODEL4.learning_rate and rates[-1] < 1e-12
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:], reverse=True)


def test_the_constant_schedule_is_constant():
    assert {learning_rate(MODEL1, i / 10) for i in range(11)} == {MODEL1.learning_rate}


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(epochs=0), "epochs must be at least 1"),
        (dict(schedule="cosine"), "unknown schedule 'cosine'"),
        (dict(layer_line="8 16 G"), "10 logits"),
    ],
)
def test_an_experiment_that_cannot_be_run_is_refused(few_digits, change, words):
    with pytest.raises(InputError, match=words):
        train(replace(MODEL4, **change), seed=0)


@pytest.mark.parametrize(
    "arguments, words", [(dict(device="tpu"), "no device 'tpu'"), (dict(split="train"), "'train'")]
)
def test_an_unknown_device_or_split_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        train(SHORT, seed=0, **arguments)
