"""One run: repeatable, resumed bit for bit, also with a network of one's own."""

from dataclasses import astuple, replace

import pytest
import torch
from torch import nn

from src import InputError, data
from src.augment import Augmentation
from src.experiments import MODEL4, Constant
from src.runs import machine, one, progress
from src.runs.checkpoints import path_of
from src.runs.one import Interrupted, run_one, train
from src.training import Epoch, predict

SHORT = replace(MODEL4, name="Short", layer_line="6 P 8 P G t10", epochs=3, batch_size=64)


def numbers(run):
    """The history without its seconds, which no seed decides."""
    return [astuple(replace(epoch, seconds=0, cpu_seconds=0)) for epoch in run.history]


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """A folder of this test's own for what is unfinished."""
    monkeypatch.setattr(one, "RUNS", tmp_path)
    return tmp_path


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
    with machine.reproducible():
        assert (tiny * 1e-10).item() == 0
    assert (tiny * 1e-10).item() > 0


def test_a_run_with_two_threads_repeats_itself_and_its_record_says_so(few_digits):
    brief = replace(SHORT, epochs=1, batch_size=200, schedule=Constant(0.001))
    first, second, single = (train(brief, 3, threads=threads) for threads in (2, 2, 1))
    assert numbers(first) == numbers(second)
    assert [run.record.threads for run in (first, single)] == [2, 1]
    assert first.history[0].train_loss == pytest.approx(single.history[0].train_loss, abs=1e-3)
    assert torch.get_num_threads() == 1  # as before


@pytest.mark.parametrize(("split", "trained_on"), [("validation", "validation-rest"), ("resplit-3", "resplit-3-rest")])
def test_a_run_on_another_split_sees_neither_the_test_set_nor_the_images_held_out(monkeypatch, split, trained_on):
    loaded = []
    load = data.load
    monkeypatch.setattr(data, "load", lambda split: loaded.append(split) or load(split)[:128])
    assert train(replace(SHORT, epochs=1), split=split).split == split
    assert loaded == [split, trained_on, "train"]  # the last for the fingerprint, which trains another network


def test_a_run_that_is_interrupted_and_resumed_twice_is_the_uninterrupted_one_bit_for_bit(few_digits, interrupt):
    experiment = replace(SHORT, channel_dropout=0.1, augmentation=Augmentation(rotation=7, cutout=5, until=0.85))
    whole = train(experiment, seed=5)
    for finished in (1, 2):
        interrupt(1)
        with pytest.raises(Interrupted, match=f"{finished} of 3 epochs are finished; .*resume"):
            train(experiment, seed=5)
        torch.manual_seed(99)  # whatever happens between two processes
    interrupt(None)
    resumed = train(experiment, seed=5)
    assert numbers(resumed) == numbers(whole) and resumed.record.hash == whole.record.hash
    assert torch.equal(resumed.logits, whole.logits)


def test_a_resumed_run_prints_the_epochs_behind_it_and_trains_only_the_others(
    few_digits, interrupt, monkeypatch, capsys
):
    interrupt(2)
    with pytest.raises(Interrupted):
        train(SHORT)
    interrupt(None)
    capsys.readouterr()
    trained, fit = [], one.fit
    monkeypatch.setattr(one, "fit", lambda *given: (trained.append(epoch.epoch) or epoch for epoch in fit(*given)))
    run = train(SHORT)
    assert trained == [3]
    expected = ["Short, seed 0", progress.HEADER, *map(progress.row, run.history)]
    assert capsys.readouterr().out.splitlines() == expected


def test_the_table_of_a_run_says_what_is_measured_while_learning_and_fits_in_100_columns():
    row = progress.row(Epoch(15, 0.0123, 0.9876, 0.0234, 0.9912, 0.003, seconds=123.4, cpu_seconds=1))
    assert len(row) == len(progress.HEADER) < 100
    numbers = {"train loss while learning": "0.0123", "train % while learning": "98.76", "test %": "99.12"}
    for name, number in numbers.items():
        end = progress.HEADER.index(name) + len(name)  # numbers stand on the right
        assert row[:end].endswith(f" {number}")


def test_a_run_whose_checkpoint_has_all_epochs_is_not_trained_again(few_digits, runs, monkeypatch):
    first = train(SHORT, checkpoint=runs / "whole")
    fit, epochs = one.fit, []
    monkeypatch.setattr(one, "fit", lambda *given: (epochs.append(epoch) or epoch for epoch in fit(*given)))
    second = train(SHORT, checkpoint=runs / "whole")
    assert not epochs and second.history == first.history and torch.equal(second.logits, first.logits)


def test_a_quiet_run_prints_nothing(few_digits, capsys):
    train(replace(SHORT, epochs=1), quiet=True)
    output, errors = capsys.readouterr()
    assert output == errors == ""


def test_the_checkpoint_of_another_run_is_not_resumed(few_digits, interrupt):
    interrupt(1)
    with pytest.raises(Interrupted):
        train(SHORT, seed=1)
    interrupt(None)
    other = replace(SHORT, batch_size=50)
    first, second = train(other, seed=1), train(other, seed=1)
    assert numbers(first) == numbers(second)


def truncated(content):
    return content[:-1000]


def a_flipped_bit(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_a_damaged_checkpoint_is_named_and_the_run_starts_over(few_digits, interrupt, runs, capsys):
    whole = train(SHORT, seed=1)
    interrupt(2)
    with pytest.raises(Interrupted):
        train(SHORT, seed=1)
    interrupt(None)
    checkpoint = path_of(runs, SHORT.name, 1, "test")
    content = checkpoint.read_bytes()
    for damaged in [b"not a checkpoint", truncated(content), a_flipped_bit(content), b""]:
        checkpoint.write_bytes(damaged)
        assert numbers(train(SHORT, seed=1)) == numbers(whole)
        assert f"{checkpoint} is damaged" in capsys.readouterr().out, damaged[:20]


def test_a_checkpoint_that_cannot_be_written_is_one_sentence(few_digits, runs):
    (runs / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write .*checkpoint"):
        train(SHORT, seed=1, checkpoint=runs / "file" / "checkpoint")


class Mine(nn.Sequential):
    """A network of a learner's own."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 5, stride=3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))


OWN = replace(SHORT, name="Own", network=Mine)


def test_a_network_of_ones_own_is_trained_repeated_and_resumed(few_digits, interrupt):
    whole = train(OWN)
    assert isinstance(whole.network, Mine) and whole.record.parameters == 8 * 25 + 8 + 16 + 5130
    assert whole.history[-1].test_accuracy > 0.3
    interrupt(2)
    with pytest.raises(Interrupted):
        train(OWN)
    interrupt(None)
    resumed = train(replace(OWN, network=lambda: Mine()))  # another way to make the same
    assert numbers(resumed) == numbers(whole) == numbers(train(OWN))


def test_a_record_of_a_network_of_ones_own_is_not_taken_for_that_of_the_experiment(few_digits, runs):
    ours = run_one(replace(OWN, network=None), 0, runs, quiet=True)
    own = run_one(OWN, 0, runs, quiet=True)
    assert own.definition_hash != ours.definition_hash and "Mine" in own.definition["network"]
    assert run_one(replace(OWN, network=lambda: Mine()), 0, runs) == own  # recorded already


def test_a_network_that_is_made_already_is_refused_in_one_sentence(few_digits):
    """Every seed starts from new weights."""
    with pytest.raises(InputError, match="network"):
        train(replace(OWN, network=Mine()))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(device="tpu"), "no device 'tpu'"),
        (dict(split="train"), "cannot evaluate on 'train'"),
        (dict(seed=-1), "seed must be .* from 0 to 4,294,967,295, not -1"),
        (dict(seed=1.5), "not 1.5"),
        (dict(seed=2**70), "not 1180591620717411303424"),
    ],
)
def test_a_bad_seed_device_or_split_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        train(SHORT, **arguments)


@pytest.mark.parametrize(
    "change",
    [dict(layer_line="8 16 P 16 16 16 G t10"), dict(network=Mine)],
    ids=["another layer line", "a network of one's own"],
)
def test_a_change_without_a_name_of_its_own_is_refused(change, runs):
    with pytest.raises(InputError, match="Model4 .*name='Model4-changed'"):
        train(replace(MODEL4, **change))
    assert not list(runs.iterdir())


def test_a_network_of_the_same_modules_and_another_forward_does_not_resume_the_first_one(few_digits, interrupt):
    class Other(Mine):
        def forward(self, images):
            return super().forward(images.flip(3))

    Other.__name__ = Mine.__name__
    whole = train(replace(OWN, network=Other))
    interrupt(1)
    with pytest.raises(Interrupted):
        train(OWN)
    interrupt(None)
    assert str(Other()) == str(Mine()) and numbers(train(replace(OWN, network=Other))) == numbers(whole)


def test_a_training_that_diverges_leaves_no_record(few_digits, runs):
    def overflowing():
        linear = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        nn.init.constant_(linear[1].weight, 1e38)
        return linear

    with pytest.raises(InputError, match="no longer finite"):
        run_one(replace(OWN, network=overflowing), 0, runs)
    assert not list(runs.rglob("*.json"))


def test_an_interrupted_run_of_a_folder_is_resumed_and_recorded_and_leaves_no_checkpoint(few_digits, interrupt, runs):
    whole = run_one(SHORT, 0, runs / "whole", quiet=True)
    interrupt(1)
    with pytest.raises(Interrupted):
        run_one(SHORT, 0, runs / "resumed", quiet=True)
    assert not list(runs.glob("resumed/test/*"))
    interrupt(None)
    assert run_one(SHORT, 0, runs / "resumed", quiet=True).hash == whole.hash
    assert not list(runs.rglob("*.checkpoint"))
