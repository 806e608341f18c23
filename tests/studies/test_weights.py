"""The weights that are kept are those of the records, and those of a recipe come back as they were."""

from dataclasses import replace

import pytest
import torch

from src import InputError, data
from src.experiments import MODEL1, MODEL4, SERIES
from src.runs import records
from src.runs.one import run_one, train
from src.training import predict
from src.use import weights
from src.use.weights import load, save
from studies import weights as studies_weights
from studies.recipes import SGD, Recipe, StepDecay
from studies.weights import KEPT, keep_weights

SHORT = replace(Recipe(**vars(MODEL4)), name="Short", layer_line="4 P 6 G t10", epochs=1)


def test_the_weights_of_the_series_and_of_two_smaller_networks_are_kept_and_no_others():
    assert weights.kept() == sorted(KEPT) and set(KEPT) == {*SERIES, "Frontier-1000", "Frontier-2500"}
    for name in KEPT:
        assert weights.record_hash(name) == records.load(records.path_of(records.RESULTS, name, 0)).hash


@pytest.mark.parametrize("name", sorted(set(KEPT) - set(SERIES)))
def test_kept_weights_give_exactly_the_recorded_predictions(name):
    answers = predict(load(name, Recipe), data.load("test").images).argmax(dim=1)
    assert "".join(map(str, answers.tolist())) == records.load(records.path_of(records.RESULTS, name, 0)).predictions


@pytest.mark.parametrize(
    "technique",
    [
        dict(ghost_batches=2),
        dict(keep_best=True, bias="all", relu_before_bn=True, dropout=0.1, epochs=2),
        dict(layer_line="D 4 P s6 G t10", normalization_scale=False),
        dict(optimizer=SGD(), schedule=StepDecay(0.02, 1, 0.5), batch_normalization="all", hardest=0.5),
    ],
    ids=lambda technique: " ".join(technique),
)
def test_a_network_of_a_recipe_is_loaded_as_it_was_saved(few_digits, tmp_path, technique):
    run = train(replace(SHORT, **technique), checkpoint=tmp_path / "checkpoint", quiet=True)
    save(run, tmp_path / "mine.safetensors")
    assert torch.equal(predict(load(tmp_path / "mine.safetensors", Recipe), data.load("test").images), run.logits)


@pytest.mark.parametrize(
    "technique",
    [
        dict(normalization_scale=False),
        dict(layer_line="D 4 P 6 G t10"),
        dict(batch_normalization="3x3"),
    ],
    ids=lambda technique: " ".join(technique),
)
def test_weights_of_a_recipe_say_in_one_sentence_that_a_recipe_loads_them(few_digits, tmp_path, technique):
    run = train(replace(SHORT, **technique), checkpoint=tmp_path / "checkpoint", quiet=True)
    save(run, tmp_path / "mine.safetensors")
    with pytest.raises(InputError, match="Recipe") as error:
        load(tmp_path / "mine.safetensors")
    assert "\n" not in str(error.value)


@pytest.fixture
def results(few_digits, tmp_path, monkeypatch):
    """A folder of results with the record of one experiment, whose weights are to be kept."""
    monkeypatch.setattr(studies_weights, "RESULTS", tmp_path)
    monkeypatch.setattr(weights, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(studies_weights, "KEPT", {"Short": SHORT})
    run_one(SHORT, 0, tmp_path, quiet=True)
    return tmp_path


def test_weights_are_kept_once_and_again_when_they_are_damaged_or_of_another_run(results):
    path = results / "weights" / "Short.safetensors"
    assert "trained again: Short" in keep_weights()
    kept = path.read_bytes()
    assert "trained again: none" in keep_weights()

    path.write_bytes(kept[:-1])
    assert "trained again: Short" in keep_weights()
    assert path.read_bytes() == kept

    save(train(SHORT, seed=1, checkpoint=results / "checkpoint", quiet=True), path)
    assert "trained again: Short" in keep_weights()
    assert path.read_bytes() == kept
    assert not list(results.glob(".unfinished/*.checkpoint"))


def test_weights_are_trained_again_with_as_many_threads_as_the_record_had(results, monkeypatch):
    asked = {}
    monkeypatch.setattr(studies_weights, "train", lambda *given, **named: asked.update(named) or train(*given, **named))
    records.path_of(results, "Short", 0).unlink()
    run_one(SHORT, 0, results, quiet=True, threads=2)
    assert "trained again: Short" in keep_weights()
    assert asked == {"threads": 2}


def test_weights_are_not_kept_where_training_does_not_repeat_the_record(results):
    record = records.load(records.path_of(results, "Short", 0))
    altered = replace(record.history[-1], train_loss=record.history[-1].train_loss + 1e-6)
    records.save(replace(record, history=(altered,)), results)
    with pytest.raises(InputError, match="does not repeat its record on this machine"):
        keep_weights()
    assert not (results / "weights").exists()


def test_weights_without_a_record_are_one_sentence(results, monkeypatch):
    monkeypatch.setattr(studies_weights, "KEPT", {"Model1": MODEL1})
    with pytest.raises(InputError, match="python -m src run Model1"):
        keep_weights()
