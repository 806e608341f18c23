from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from src import InputError, data
from src.experiments import MODEL1, MODEL4
from src.runs import records
from src.runs.many import run_one
from src.runs.one import train
from src.training import predict
from src.use import weights
from src.use.weights import KEPT, load, save

SHORT = replace(MODEL4, name="Short", layer_line="4 P 6 G t10", epochs=1)


@pytest.fixture
def run(few_digits, tmp_path):
    return train(SHORT, checkpoint=tmp_path / "checkpoint", quiet=True)


@pytest.fixture
def path(run, tmp_path):
    save(run, tmp_path / "mine.safetensors")
    return tmp_path / "mine.safetensors"


@pytest.mark.parametrize("name", KEPT)
def test_kept_weights_give_exactly_the_recorded_predictions(name):
    record = records.recorded(KEPT[name], 0, records.RESULTS)
    answers = predict(load(name), data.load("test").images).argmax(dim=1)
    assert "".join(map(str, answers.tolist())) == record.predictions
    assert weights.record_hash(name) == record.hash


def test_a_network_is_loaded_as_it_was_saved(run, path):
    images = data.load("test").images
    assert torch.equal(predict(load(path), images), run.logits)
    assert torch.equal(predict(load(str(path)), images), run.logits)


def test_a_network_trained_in_ghost_batches_is_loaded_as_it_was_saved(few_digits, tmp_path):
    run = train(replace(SHORT, ghost_batches=2), checkpoint=tmp_path / "checkpoint", quiet=True)
    save(run, tmp_path / "ghost.safetensors")
    assert torch.equal(predict(load(tmp_path / "ghost.safetensors"), data.load("test").images), run.logits)


def test_a_network_trained_in_16_bits_is_loaded_with_32(few_digits, tmp_path):
    run = train(replace(SHORT, ghost_batches=2, bfloat16=True), checkpoint=tmp_path / "checkpoint", quiet=True)
    save(run, tmp_path / "16-bits.safetensors")
    logits = predict(load(tmp_path / "16-bits.safetensors"), data.load("test").images)
    assert logits.dtype == run.logits.dtype == torch.float32
    assert torch.allclose(logits, run.logits, atol=0.1) and not torch.equal(logits, run.logits)


def test_the_same_run_gives_the_same_bytes(run, path, tmp_path):
    save(run, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_network_of_ones_own_is_refused_in_one_sentence(few_digits, tmp_path):
    own = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    run = train(SHORT, network=own, checkpoint=tmp_path / "checkpoint", quiet=True)
    with pytest.raises(InputError, match="torch.save"):
        save(run, tmp_path / "own.safetensors")


@pytest.mark.parametrize("name", ["Model5", "nowhere/mine.safetensors", "."])
def test_missing_weights_are_one_sentence_that_names_those_that_are_kept(name):
    with pytest.raises(InputError, match="Model4"):
        load(name)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-9],
        lambda content: content[:-9] + bytes(9),
        lambda content: b"x" * 99,
    ],
    ids=["empty", "cut off", "other bytes", "no weights"],
)
def test_damaged_weights_are_one_sentence(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="damaged"):
        load(path)


@pytest.mark.parametrize("metadata", [None, {"run": "[1]"}, {"run": "{}"}])
def test_foreign_weights_are_one_sentence(tmp_path, metadata):
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign.safetensors", metadata)
    with pytest.raises(InputError, match="damaged or were not written by"):
        load(tmp_path / "foreign.safetensors")


@pytest.fixture
def results(few_digits, tmp_path, monkeypatch):
    """A folder of results with the record of one experiment, whose weights are to be kept."""
    monkeypatch.setattr(weights, "RESULTS", tmp_path)
    monkeypatch.setattr(weights, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(weights, "KEPT", {"Short": SHORT})
    run_one(SHORT, 0, tmp_path, quiet=True)
    return tmp_path


def test_weights_are_kept_once_and_again_when_they_are_damaged_or_of_another_run(results):
    path = results / "weights" / "Short.safetensors"
    assert "trained again: Short" in weights.keep_weights()
    kept = path.read_bytes()
    assert "trained again: none" in weights.keep_weights()

    path.write_bytes(kept[:-1])
    assert "trained again: Short" in weights.keep_weights()
    assert path.read_bytes() == kept

    save(train(SHORT, seed=1, checkpoint=Path(results, "checkpoint"), quiet=True), path)
    assert "trained again: Short" in weights.keep_weights()
    assert path.read_bytes() == kept
    assert not list(results.glob(".unfinished/*.checkpoint"))


def test_weights_are_not_kept_where_training_does_not_repeat_the_record(results):
    record = records.recorded(SHORT, 0, results)
    altered = replace(record.history[-1], train_loss=record.history[-1].train_loss + 1e-6)
    records.save(replace(record, history=(altered,)), results)
    with pytest.raises(InputError, match="does not repeat its record on this machine"):
        weights.keep_weights()
    assert not (results / "weights").exists()


def test_weights_without_a_record_are_one_sentence(results, monkeypatch):
    monkeypatch.setattr(weights, "KEPT", {"Model1": MODEL1})
    with pytest.raises(InputError, match="python -m src run Model1"):
        weights.keep_weights()
