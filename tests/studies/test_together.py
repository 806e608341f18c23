"""Runs side by side end as they do one by one. A GPU replays their steps; without one they are computed in turns."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from src import InputError
from src.__main__ import main
from src.augment import Augmentation
from src.experiments import MODEL4, Constant
from src.runs import records
from src.runs.one import train
from src.runs.records import Record
from src.training import plan_epoch
from studies import together
from studies.frontier import FRONTIER_1000
from studies.ladder import LADDER
from studies.recipes import SGD, Plateau, Recipe, plan_recipe
from studies.sprint import SPRINT
from studies.together import train_together

# SGD, because AdamW turns the rounding of a gradient near zero into a whole step.
STEADY = replace(SPRINT, name="Steady", layer_line="5x4s2 P 6 G t10", epochs=2, optimizer=SGD(), hardest=0.4)
DESKEWED = replace(STEADY, name="Deskewed", layer_line="D 5x4s2 P s6 G t10", hardest=1.0, normalization_scale=False)
SHORT = replace(STEADY, name="Short", epochs=1)
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))


def assert_alike(run, single):
    """A run among others ended as one by itself did, up to rounding."""
    for name, parameter in single.network.named_parameters():
        assert torch.allclose(run.network.get_parameter(name), parameter, atol=1e-4), name
    for epoch, other in zip(run.history, single.history, strict=True):
        assert epoch.train_loss == pytest.approx(other.train_loss, abs=1e-4)
        assert epoch.test_loss == pytest.approx(other.test_loss, abs=1e-3)
        assert epoch.learning_rate == pytest.approx(other.learning_rate)
    assert run.train_accuracy == pytest.approx(single.train_accuracy, abs=0.006)
    assert torch.allclose(run.logits, single.logits, atol=1e-2)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_runs_side_by_side_end_with_the_parameters_of_single_runs(few_digits, device):
    tasks = [(STEADY, 0, "test"), (DESKEWED, 7, "validation"), (SHORT, 3, "test")]
    runs = {run.experiment.name: run for run in train_together(tasks, at_a_time=2, device=device)}
    for experiment, seed, split in tasks:
        single = train(experiment, seed, split=split, device=device, quiet=True)
        assert_alike(runs[experiment.name], single)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_plain_experiment_ends_as_a_single_run_of_it_does_also_beside_a_recipe(few_digits, device):
    rate = replace(MODEL4, name="Rate", layer_line="5x4s2 P 6 G t10", epochs=3, schedule=Constant(0.003))
    cycle = replace(MODEL4, name="Cycle", layer_line="5x4s2 P 6 G t10", epochs=3)
    tasks = [(rate, 1, "test"), (STEADY, 0, "test"), (cycle, 2, "validation")]
    runs = {run.experiment.name: run for run in train_together(tasks, device=device)}
    for experiment, seed, split in tasks:
        assert runs[experiment.name].experiment == experiment
        assert_alike(runs[experiment.name], train(experiment, seed, split=split, device=device, quiet=True))


@pytest.mark.parametrize("experiment", LADDER, ids=lambda experiment: experiment.name)
def test_the_plan_of_a_plain_experiment_is_the_same_as_a_recipe(experiment):
    shown, plans = torch.arange(300), []
    for plan, planned in [(plan_epoch, experiment), (plan_recipe, Recipe(**vars(experiment)))]:
        torch.manual_seed(3)
        plans.append([batch for epoch in (0, 7, experiment.epochs - 1) for batch in plan(planned, epoch, shown)])
    for one, other in zip(*plans, strict=True):
        assert torch.equal(one.indices, other.indices) and one[1:] == other[1:]


def test_an_image_is_augmented_as_in_a_single_run_also_at_the_edge_of_a_chunk(few_digits, monkeypatch):
    monkeypatch.setattr(together, "CHUNK", 100)  # while batches have 128
    turned = replace(STEADY, name="Turned", hardest=1.0, augmentation=Augmentation(10, 2, 0.1, until=0.3))
    (run,) = train_together([(turned, 1, "test")], device="cpu")
    single = train(turned, 1, device="cpu", quiet=True)
    assert run.history[0].train_loss == pytest.approx(single.history[0].train_loss, abs=1e-5)


def test_the_command_records_runs_side_by_side_and_trains_none_twice(few_digits, tmp_path, capsys):
    command = ["run", "Model4", "--epochs", "1", "--seeds", "0-1", "--jobs", "2", "--together", "--device", "cpu"]
    for heading in ["Model4-1-epoch, seed 1", "recorded already"]:
        assert main([*command, "--results", str(tmp_path)]) == 0
        assert heading in capsys.readouterr().out
    record = records.load(tmp_path / "test" / "Model4-1-epoch" / "seed-1.json")
    assert isinstance(record, Record) and len(record.predictions) == 200 and record.device == "cpu"


def exit_code(arguments):
    try:
        return main(arguments)
    except SystemExit as end:  # of argparse
        return end.code


@pytest.mark.parametrize("option", [["--threads", "2"], ["--dask", "tcp://nowhere:1"]])
def test_the_command_refuses_what_does_not_go_together(option, tmp_path, capsys):
    assert exit_code(["run", "Model4", "--together", "--results", str(tmp_path), *option]) == 2
    assert "--together" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_that_diverges_is_named(few_digits):
    growing = dict(schedule=Constant(10), optimizer=SGD(weight_decay=1), batch_size=8)  # each step: nine times as large
    wild = replace(STEADY, name="Wild", layer_line="28x10", **growing)
    with pytest.raises(InputError, match="Wild, seed 5: the loss is no longer finite"):
        list(train_together([(wild, 5, "test")], device="cpu"))


@pytest.mark.parametrize(
    "change",
    [
        dict(dropout=0.1),
        dict(channel_dropout=0.1),
        dict(keep_best=True),
        dict(network=nn.Flatten),
        dict(ghost_batches=2),
        dict(schedule=Plateau(0.1, 2, 0.5)),
        dict(augmentation=Augmentation(cutout=3)),
    ],
    ids=lambda change: next(iter(change)),
)
def test_runs_that_cannot_be_put_side_by_side_are_refused_before_any_is_trained(change):
    other = replace(Recipe(**vars(MODEL4)), name="Other", **change)
    with pytest.raises(InputError, match="Other cannot be trained together"):
        next(train_together([(FRONTIER_1000, 0, "test"), (other, 0, "test")]))


@pytest.mark.parametrize(
    "seed, split, device, words",
    [(-1, "test", "cpu", "seed"), (0, "train", "cpu", "'train'"), (0, "test", "tpu", "tpu")],
)
def test_what_a_single_run_refuses_is_refused_side_by_side(seed, split, device, words):
    with pytest.raises(InputError, match=words):
        next(train_together([(STEADY, seed, split)], device=device))


def test_a_changed_experiment_under_a_name_of_the_catalogue_is_refused_side_by_side():
    with pytest.raises(InputError, match="called Sprint but differs.*epochs: 4 → 9"):
        next(train_together([(replace(SPRINT, epochs=9), 0, "test")]))
