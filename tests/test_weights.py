"""A network comes back from its file as it was, and a file that is none is refused."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from src import InputError, data
from src.experiments import MODEL4, SERIES
from src.runs import records
from src.runs.one import train
from src.training import predict
from src.use import weights
from src.use.weights import load, save
from tests.others import CLOTHES, LETTERS, run_on, saved

SHORT = replace(MODEL4, name="Short", layer_line="4 P 6 G t10", epochs=1)


@pytest.fixture
def run(few_digits, tmp_path):
    return train(SHORT, checkpoint=tmp_path / "checkpoint", quiet=True)


@pytest.fixture
def path(run, tmp_path):
    save(run, tmp_path / "mine.safetensors")
    return tmp_path / "mine.safetensors"


@pytest.mark.parametrize("name", SERIES)
def test_kept_weights_give_exactly_the_recorded_predictions(name):
    record = records.load(records.path_of(records.RESULTS, name, 0))
    answers = predict(load(name), data.load("test").images).argmax(dim=1)
    assert "".join(map(str, answers.tolist())) == record.predictions
    assert weights.record_hash(name) == record.hash


def test_a_network_is_loaded_as_it_was_saved(run, path):
    images = data.load("test").images
    assert torch.equal(predict(load(path), images), run.logits)
    assert torch.equal(predict(load(str(path)), images), run.logits)


def test_the_same_run_gives_the_same_bytes(run, path, tmp_path):
    save(run, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", SERIES)
def test_of_mnist_the_file_says_nothing_and_kept_weights_would_be_saved_as_they_are(name, tmp_path):
    network, record = load(name), records.load(records.path_of(records.RESULTS, name, 0))
    save(
        SimpleNamespace(experiment=SERIES[name], seed=0, network=network, record=record),
        path := tmp_path / "a.safetensors",
    )
    assert path.read_bytes() == weights.path_of(name).read_bytes()
    assert network.learned_from == data.MNIST


@pytest.mark.parametrize("of", [LETTERS, CLOTHES], ids=lambda of: of.name)
def test_a_network_knows_the_data_that_it_learned_from_when_it_is_loaded(of, tmp_path):
    run, images = run_on(of), data.load("test").images[:300]
    save(run, path := tmp_path / "other.safetensors")
    network = load(path)
    assert network.learned_from == of and network.learned_from.classes[7] == of.classes[7]
    assert torch.allclose(predict(network, images), predict(run.network, images), atol=1e-3)
    network.learned_from = data.MNIST  # with another mean, it answers otherwise
    assert not torch.allclose(predict(network, images), predict(run.network, images), atol=0.01)


def test_weights_of_a_folder_that_is_gone_and_of_a_network_of_ones_own_know_their_data(tmp_path):
    class Mine(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Flatten(), nn.Linear(784, 3))

    of = data.DataSet("folder:gone", ("cat", "dog", "owl"), 0.4, 0.2, "abc")
    network = Mine()
    network.learned_from = of
    experiment = replace(SHORT, name="Own", network=Mine, data=of.name, layer_line="4 P G t3")
    run = SimpleNamespace(experiment=experiment, seed=0, network=network, record=SimpleNamespace(hash="of another"))
    save(run, path := tmp_path / "own.safetensors")
    assert load(path, network=Mine).learned_from == of


def test_data_that_is_none_in_a_file_of_weights_is_one_sentence(tmp_path):
    with safe_open(path := saved(LETTERS, tmp_path), "pt") as file:
        about, tensors = json.loads(file.metadata()["run"]), {name: file.get_tensor(name) for name in file.keys()}
    for other in ({"name": "letters"}, [], {**about["data"], "mean": None, "more": 1}):
        save_file(tensors, path, {"run": json.dumps(about | {"data": other})})
        with pytest.raises(InputError, match="damaged or were not written by"):
            load(path)


def test_a_network_of_ones_own_is_loaded_with_its_class_and_with_no_other(few_digits, tmp_path):
    def mine():
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))

    run = train(replace(SHORT, name="Own", network=mine), checkpoint=tmp_path / "checkpoint", quiet=True)
    save(run, path := tmp_path / "own.safetensors")
    assert torch.equal(predict(load(path, network=mine), data.load("test").images), run.logits)
    with pytest.raises(InputError, match="own; load it with its class: network=Mine"):
        load(path)
    with pytest.raises(InputError, match="of another network than this"):
        load(path, network=lambda: nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10)))


def test_weights_of_a_study_say_in_one_sentence_that_a_recipe_loads_them():
    with pytest.raises(InputError, match=r"Recipe.* studies\.recipes") as error:
        load("Frontier-1000")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["Model5", "nowhere/mine.safetensors", "."])
def test_missing_weights_are_one_sentence_that_names_those_that_are_kept(name):
    assert set(SERIES) <= set(weights.kept())
    with pytest.raises(InputError, match=", ".join(weights.kept())):
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


def test_weights_that_other_code_answers_otherwise_with_are_refused(path, monkeypatch):
    monkeypatch.setattr(nn.ReLU, "forward", lambda module, maps: nn.functional.softplus(maps))
    with pytest.raises(InputError, match="was saved by other code.*answers otherwise"):
        load(path)


def test_a_network_of_the_series_is_loaded_without_a_class_and_weights_have_one_ending(run, path):
    with pytest.raises(InputError, match="no network of one's own"):
        load(path, network=nn.Flatten)
    with pytest.raises(InputError, match="let the name end in .safetensors"):
        save(run, path.with_suffix(".pt"))
