"""One run: repeatable, resumed bit for bit, with the best epoch kept if an experiment says so."""

from dataclasses import astuple, replace

import pytest
import torch
from torch import nn

from src import InputError, data
from src.augment import Augmentation
from src.experiments import MODEL4, SGD, Constant, Plateau, StepDecay
from src.runs import one
from src.runs.checkpoints import path_of
from src.runs.many import run_one
from src.runs.one import Interrupted, train
from src.runs.records import Record
from src.training import evaluate, fit, predict

SHORT = replace(MODEL4, name="Short", epochs=3, batch_size=64)


def numbers(run):
    """The history without its seconds, which no seed decides."""
    return [astuple(replace(epoch, seconds=0, cpu_seconds=0, hardest=None)) for epoch in run.history]


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """A folder of this test's own for what is unfinished."""
    monkeypatch.setattr(one, "RUNS", tmp_path)
    return tmp_path


@pytest.fixture
def interrupt(monkeypatch):
    """A function: from now on, Ctrl-C comes after so many finished epochs; without a number, no more."""

    def after(epochs=None):
        def interrupted(*arguments):
            for epoch in fit(*arguments):
                yield epoch
                if epoch.epoch == epochs:
                    raise KeyboardInterrupt

        monkeypatch.setattr(one, "fit", interrupted)

    return after


def test_the_same_seed_gives_the_same_history_bit_for_bit(few_digits, runs):
    first, second, other = (train(SHORT, seed) for seed in (3, 3, 4))
    assert numbers(first) == numbers(second) != numbers(other)
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.logits, predict(first.network, data.load("test").images))
    train_digits = data.load("train")
    right = predict(first.network, train_digits.images).argmax(dim=1) == train_digits.labels
    assert first.train_accuracy == right.sum().item() / len(train_digits)  # not as augmented, and after the last epoch
    assert not list(runs.rglob("*.checkpoint"))


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor cannot flush subnormal numbers")
def test_subnormal_numbers_are_zero_during_a_run_and_only_then():
    tiny = torch.tensor(1e-30)
    with one.reproducible():
        assert (tiny * 1e-10).item() == 0
    assert (tiny * 1e-10).item() > 0


def test_a_run_with_two_threads_repeats_itself_and_its_record_says_so(few_digits):
    first, second, one = (train(SHORT, 3, threads=threads) for threads in (2, 2, 1))
    assert numbers(first) == numbers(second)
    assert [Record.from_run(run).threads for run in (first, one)] == [2, 1]
    assert first.history[0].train_loss == pytest.approx(one.history[0].train_loss, abs=1e-3)
    assert torch.get_num_threads() == 1  # as before


@pytest.mark.parametrize(("split", "trained_on"), [("validation", "fit"), ("resplit-3", "resplit-3-rest")])
def test_a_run_on_another_split_sees_neither_the_test_set_nor_the_images_held_out(monkeypatch, split, trained_on):
    loaded = []
    load = data.load
    monkeypatch.setattr(data, "load", lambda split: loaded.append(split) or load(split)[:128])
    assert train(replace(SHORT, epochs=1), split=split).split == split
    assert loaded == [trained_on, split]


@pytest.mark.parametrize("finished", [1, 2])
@pytest.mark.parametrize(
    "technique",
    [
        dict(),
        dict(keep_best=True, schedule=StepDecay(0.02, step_size=1, gamma=0.001)),
        dict(schedule=Plateau(0.02, patience=1, gamma=0.5), augmentation=Augmentation(cutout=5)),
        dict(optimizer=SGD(), schedule=StepDecay(0.02, step_size=1, gamma=0.5)),
        dict(hardest=0.3, bfloat16=True),
    ],
    ids=["one-cycle", "the best epoch kept", "plateau", "SGD", "the hardest in 16 bits"],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(few_digits, interrupt, finished, technique):
    experiment = replace(SHORT, channel_dropout=0.1, dropout=0.1, **technique)
    whole = train(experiment, seed=5)
    interrupt(finished)
    with pytest.raises(Interrupted, match=f"{finished} of 3 epochs are finished; run the same again to resume"):
        train(experiment, seed=5)
    torch.manual_seed(99)  # whatever happens between the two processes
    interrupt()
    resumed = train(experiment, seed=5)
    assert numbers(resumed) == numbers(whole)
    assert torch.equal(resumed.logits, whole.logits)


def test_a_resumed_run_prints_the_epochs_behind_it_and_trains_only_the_others(
    few_digits, interrupt, monkeypatch, capsys
):
    interrupt(2)
    with pytest.raises(Interrupted):
        train(SHORT)
    capsys.readouterr()
    trained = []
    monkeypatch.setattr(one, "fit", lambda *arguments: (trained.append(epoch) or epoch for epoch in fit(*arguments)))
    run = train(SHORT)
    assert [epoch.epoch for epoch in trained] == [3]
    assert capsys.readouterr().out == f"{Record.from_run(run)}\n"


def test_the_checkpoint_of_another_run_is_not_resumed(few_digits, interrupt):
    interrupt(1)
    with pytest.raises(Interrupted):
        train(SHORT, seed=1)
    interrupt()
    other = replace(SHORT, batch_size=50)
    first, second = train(other, seed=1), train(other, seed=1)
    assert numbers(first) == numbers(second)


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", "truncated", "a flipped bit"])
def test_a_damaged_checkpoint_is_named_and_the_run_starts_over(few_digits, interrupt, runs, capsys, damage):
    whole = train(SHORT, seed=1)
    interrupt(2)
    with pytest.raises(Interrupted):
        train(SHORT, seed=1)
    interrupt()
    checkpoint = path_of(runs, SHORT.name, 1, "test")
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"truncated": content[:-1000], "a flipped bit": content}
    checkpoint.write_bytes(damaged[damage] if isinstance(damage, str) else damage)
    assert numbers(train(SHORT, seed=1)) == numbers(whole)
    assert f"The checkpoint {checkpoint} is damaged" in capsys.readouterr().out


def test_a_checkpoint_that_cannot_be_written_is_one_sentence(few_digits, runs):
    (runs / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write .*checkpoint"):
        train(SHORT, seed=1, checkpoint=runs / "file" / "checkpoint")


def test_the_kept_network_is_that_of_the_epoch_best_on_images_that_were_held_out(few_digits, monkeypatch):
    def ruined_at_the_end(network, *arguments):
        for epoch in fit(network, *arguments):
            yield replace(epoch, held_out_accuracy=0.0) if epoch.epoch == SHORT.epochs else epoch

    monkeypatch.setattr(one, "fit", ruined_at_the_end)
    run = train(replace(SHORT, keep_best=True))
    accuracies = [epoch.held_out_accuracy for epoch in run.history]
    best = run.history[accuracies.index(max(accuracies))]
    assert best is not run.history[-1]
    held_out = data.load("train")[550:]
    assert evaluate(predict(run.network, held_out.images), held_out.labels)[1] == best.held_out_accuracy
    assert evaluate(run.logits, data.load("test").labels)[1] == best.test_accuracy
    assert Record.from_run(run).final == best


def test_images_held_out_are_not_trained_on(few_digits, monkeypatch):
    trained_on = []
    monkeypatch.setattr(one, "fit", lambda *given: trained_on.append(given[2].images) or fit(*given))
    train(replace(SHORT, epochs=1, keep_best=True))
    train(replace(SHORT, epochs=1))
    images = data.load("train").images
    assert torch.equal(trained_on[0], images[:550]) and torch.equal(trained_on[1], images)


class Mine(nn.Sequential):
    """A network of a learner's own."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 5, stride=3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))


def test_a_network_of_ones_own_is_trained_repeated_and_resumed(few_digits, interrupt):
    whole = train(SHORT, network=Mine)
    assert whole.parameters == 8 * 25 + 8 + 16 + 5130 and whole.history[-1].test_accuracy > 0.3
    interrupt(2)
    with pytest.raises(Interrupted):
        train(SHORT, network=Mine())
    interrupt()
    assert len(train(SHORT, network=Mine()).history) == 3
    assert numbers(train(SHORT, network=Mine)) == numbers(whole)


def test_a_record_of_a_network_of_ones_own_is_not_taken_for_that_of_the_experiment(few_digits):
    ours, own = (Record.from_run(train(SHORT, network=network)) for network in (None, Mine))
    assert own.definition_hash != ours.definition_hash and "Mine" in own.definition["network"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(device="tpu"), "no device 'tpu'"),
        (dict(split="train"), "cannot evaluate on 'train'"),
        (dict(seed=-1), "seed must be a whole number from 0 to 4,294,967,295, not -1"),
        (dict(seed=1.5), "not 1.5"),
        (dict(seed=2**70), "not 1180591620717411303424"),
    ],
)
def test_a_bad_seed_device_or_split_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        train(SHORT, **arguments)


@pytest.mark.parametrize(
    "experiment, network",
    [(replace(MODEL4, layer_line="8 16 P 16 16 16 G t10"), None), (MODEL4, Mine)],
    ids=["another layer line", "a network of one's own"],
)
def test_a_change_without_a_name_of_its_own_is_refused(experiment, network, runs):
    with pytest.raises(InputError, match="is called Model4 but differs from it .*name='Model4-changed'"):
        train(experiment, network=network)
    assert not list(runs.iterdir())


def test_a_network_of_the_same_modules_and_another_forward_does_not_resume_the_first_one(few_digits, interrupt):
    class Other(Mine):
        def forward(self, images):
            return super().forward(images.flip(3))

    Other.__name__ = Mine.__name__
    whole = train(SHORT, network=Other)
    interrupt(1)
    with pytest.raises(Interrupted):
        train(SHORT, network=Mine)
    interrupt()
    assert str(Other()) == str(Mine()) and numbers(train(SHORT, network=Other)) == numbers(whole)


def test_a_training_that_diverges_leaves_no_record(few_digits, runs, monkeypatch):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.Linear(32, 10))
    monkeypatch.setattr(one, "build", lambda experiment: linear)
    with pytest.raises(InputError, match="no longer finite"):
        run_one(replace(SHORT, optimizer=SGD(), schedule=Constant(10)), 0, runs)
    assert not list(runs.rglob("*.json"))
