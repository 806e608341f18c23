import math
from dataclasses import astuple, replace

import pytest
import torch

from src import InputError, data, records, training
from src.augment import Augmentation
from src.experiments import MODEL1, MODEL4
from src.published import STEPS
from src.training import evaluate, learning_rate, make_optimizer, predict, train

SHORT = replace(MODEL4, epochs=3, batch_size=64)


def numbers(run):
    """The history without its seconds, which no seed decides."""
    return [astuple(replace(epoch, seconds=0, cpu_seconds=0)) for epoch in run.history]


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
@pytest.mark.parametrize(
    "technique",
    [
        dict(),
        dict(keep_best=True, schedule="step", step_size=1, gamma=100.0),  # nothing is better than the first epoch
        dict(schedule="plateau", patience=1, gamma=0.5, augmentation=Augmentation(cutout=5)),
        dict(optimizer="SGD", momentum=0.9, schedule="step", step_size=1, gamma=0.5),
    ],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(few_digits, monkeypatch, tmp_path, finished, technique):
    experiment = replace(SHORT, dropout=0.1, activation_dropout=0.1, **technique)
    checkpoint = tmp_path / "run.checkpoint"
    whole = train(experiment, seed=5)
    if experiment.keep_best:
        accuracies = [epoch.held_out_accuracy for epoch in whole.history]
        assert accuracies.index(max(accuracies)) == 0

    def killed_after(network, optimizer, digits, experiment, history, progress):
        if len(history) == finished:
            raise Killed
        return train_epoch(network, optimizer, digits, experiment, history, progress)

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


def test_steps_multiply_the_learning_rate_at_the_start_of_every_so_many_epochs():
    steps = replace(MODEL1, schedule="step", learning_rate=0.01, step_size=3, gamma=0.5, epochs=7)
    rates = [learning_rate(steps, (epoch + half) / 7) for epoch in range(7) for half in (0.001, 0.999)]
    assert rates == [0.01] * 6 + [0.005] * 6 + [0.0025] * 2


def test_a_plateau_lowers_the_learning_rate_after_so_many_epochs_without_a_better_accuracy():
    plateau = replace(MODEL1, schedule="plateau", learning_rate=0.01, patience=2, gamma=0.1)
    accuracies = [0.5, 0.6, 0.6, 0.59, 0.7, 0.6, 0.6, 0.6, 0.6]
    rates = [learning_rate(plateau, 0.5, accuracies[:n]) for n in range(len(accuracies) + 1)]
    assert rates == pytest.approx([0.01] * 4 + [0.001] * 3 + [0.0001] * 2 + [0.00001])


def test_a_plateau_watches_held_out_images_if_there_are_any_and_else_the_accuracy_while_learning(
    few_digits, monkeypatch
):
    watched = []
    monkeypatch.setattr(
        training, "learning_rate", lambda experiment, done, accuracies=(): watched.append(accuracies) or 0.01
    )
    for keep_best, quantity in [(True, "held_out_accuracy"), (False, "train_accuracy")]:
        run = train(replace(SHORT, schedule="plateau", patience=1, gamma=0.5, keep_best=keep_best), seed=0)
        assert watched[-1] == [getattr(epoch, quantity) for epoch in run.history[:-1]]


def test_the_kept_network_is_that_of_the_epoch_best_on_images_that_were_held_out(few_digits):
    ruinous_end = dict(schedule="step", step_size=3, gamma=1e6, epochs=4)
    run = train(replace(SHORT, keep_best=True, **ruinous_end), seed=0)
    accuracies = [epoch.held_out_accuracy for epoch in run.history]
    best = run.history[accuracies.index(max(accuracies))]
    assert best is not run.history[-1]  # else this test says nothing
    held_out = data.load("train")[550:]
    assert evaluate(predict(run.network, held_out.images), held_out.labels)[1] == best.held_out_accuracy
    assert evaluate(run.logits, data.load("test").labels)[1] == best.test_accuracy
    assert records.of(run).final == best


def test_images_held_out_are_not_trained_on(few_digits, monkeypatch):
    seen = []
    train_epoch = training.train_epoch

    def watched(network, optimizer, digits, *others):
        seen.append(digits.images)
        return train_epoch(network, optimizer, digits, *others)

    monkeypatch.setattr(training, "train_epoch", watched)
    train(replace(SHORT, epochs=1, keep_best=True), seed=0)
    train(replace(SHORT, epochs=1), seed=0)
    images = data.load("train").images
    assert torch.equal(seen[0], images[:550]) and torch.equal(seen[1], images)


def test_shards_side_by_side_give_the_same_history_every_time(few_digits):
    experiment = replace(SHORT, shards=2)
    first, second = train(experiment, seed=3), train(experiment, seed=3)
    assert numbers(first) == numbers(second) != numbers(train(SHORT, seed=3))
    assert torch.equal(first.logits, second.logits)


@pytest.mark.parametrize("batch_size", [60, 599])  # whole batches only, and a last one of a single image
def test_without_normalization_shards_learn_what_the_whole_batch_does(few_digits, batch_size):
    experiment = replace(
        SHORT, batch_normalization="none", batch_size=batch_size, epochs=1, schedule="constant", learning_rate=0.001
    )
    whole, halves = train(experiment, seed=0), train(replace(experiment, shards=2), seed=0)
    assert halves.history[0].train_loss == pytest.approx(whole.history[0].train_loss, rel=1e-4)
    assert torch.allclose(whole.logits, halves.logits, atol=1e-3)


def test_an_epoch_reads_nothing_back_from_the_device_before_its_end(few_digits, monkeypatch):
    network = training.make_network(SHORT, torch.device("cpu"))
    optimizer, digits = make_optimizer(SHORT, network), data.load("train")
    progress = training.Progress("", 1, 1, quiet=True)
    read = []
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: read.append(tensor) or 0.0)
    training.train_epoch(network, optimizer, digits, SHORT, [], progress)
    assert len(read) == 2  # the sums of loss and of images right


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_the_optimizer_takes_the_steps_that_its_formula_says(optimizer):
    experiment = replace(MODEL1, optimizer=optimizer, momentum=0.9, weight_decay=0.1, learning_rate=0.01)
    network = torch.nn.Linear(3, 1, bias=False)
    weight = network.weight.detach().clone()
    stepper = make_optimizer(experiment, network)
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    for i, gradient in enumerate([torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 1.0, 1.0]])], start=1):
        network.weight.grad = gradient.clone()
        stepper.step()
        if optimizer == "SGD":
            mean = 0.9 * mean + gradient + 0.1 * weight
            weight = weight - 0.01 * mean
            continue
        if optimizer == "Adam":
            gradient = gradient + 0.1 * weight
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        decay = 0.01 * 0.1 * weight if optimizer == "AdamW" else 0
        weight = weight - decay - 0.01 * (mean / (1 - 0.9**i)) / ((square / (1 - 0.999**i)).sqrt() + 1e-8)
    assert torch.allclose(network.weight, weight, atol=1e-6)


def test_a_published_step_trains_with_everything_that_it_needs(few_digits):
    for name in ["B4", "D3", "E4"]:
        run = train(replace(STEPS[name].experiment, epochs=1, batch_size=20), seed=0)
        assert run.history[0].test_accuracy > 0.2  # ten classes: chance is 0.1


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(shards=2, dropout=0.1), "in any order"),
        (dict(optimizer="Lion"), "unknown optimizer 'Lion'"),
        (dict(schedule="step", gamma=0.5), "step_size of at least 1"),
        (dict(schedule="step", step_size=1), "with a gamma"),
        (dict(schedule="plateau", gamma=0.5), "patience of at least 1"),
        (dict(schedule="plateau", patience=1), "with a gamma"),
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
