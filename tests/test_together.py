"""Runs side by side end as they do one by one. A GPU replays their steps; without one they are computed in turns."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from src import ROOT, InputError
from src.__main__ import main
from src.augment import Augmentation
from src.experiments import MODEL4, SGD, Plateau
from src.runs import records
from src.runs.one import train
from src.runs.records import Record
from src.speed.together import train_together
from src.studies.frontier import FRONTIER_1000
from src.studies.sprint import SPRINT

# SGD, because AdamW turns the rounding of a gradient near zero into a whole step.
STEADY = replace(SPRINT, name="Steady", layer_line="5x4s2 P 6 G t10", epochs=2, optimizer=SGD(), hardest=0.4)
DESKEWED = replace(STEADY, name="Deskewed", layer_line="D 5x4s2 P s6 G t10", hardest=1.0, normalization_scale=False)
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_runs_side_by_side_end_with_the_parameters_of_single_runs(few_digits, device):
    tasks = [(STEADY, 0, "test"), (DESKEWED, 7, "validation"), (replace(STEADY, name="Short", epochs=1), 3, "test")]
    together = {run.experiment.name: run for run in train_together(tasks, at_a_time=2, device=device)}
    for experiment, seed, split in tasks:
        run, single = together[experiment.name], train(experiment, seed, split=split, device=device, quiet=True)
        for name, parameter in single.network.named_parameters():
            assert torch.allclose(run.network.get_parameter(name), parameter, atol=1e-4), name
        for epoch, other in zip(run.history, single.history, strict=True):
            assert epoch.train_loss == pytest.approx(other.train_loss, abs=1e-4)
            assert epoch.test_loss == pytest.approx(other.test_loss, abs=1e-3)
            assert epoch.learning_rate == pytest.approx(other.learning_rate)
        assert run.train_accuracy == pytest.approx(single.train_accuracy, abs=0.006)
        assert torch.allclose(run.logits, single.logits, atol=1e-2)


def test_an_image_is_augmented_as_in_a_single_run_also_at_the_edge_of_a_chunk(few_digits, monkeypatch):
    monkeypatch.setattr("src.speed.together.CHUNK", 100)  # while batches have 128
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


@pytest.mark.parametrize("option", [["--threads", "2"], ["--dask", "tcp://nowhere:1"]])
def test_the_command_refuses_what_does_not_go_together(option, tmp_path):
    command = [sys.executable, "-m", "src", "run", "Model4", "--together", "--results", str(tmp_path), *option]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "--together" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_run_that_diverges_is_named(few_digits, monkeypatch):
    monkeypatch.setattr("src.speed.together.learning_rate", lambda *_: math.nan)
    with pytest.raises(InputError, match="Steady, seed 5: the loss is no longer finite"):
        list(train_together([(STEADY, 5, "test")], device="cpu"))


@pytest.mark.parametrize(
    "change",
    [
        dict(dropout=0.1),
        dict(keep_best=True),
        dict(bfloat16=True),
        dict(ghost_batches=2),
        dict(schedule=Plateau(0.1, 2, 0.5)),
        dict(augmentation=Augmentation(cutout=3)),
    ],
)
def test_runs_that_cannot_be_put_side_by_side_are_refused_before_any_is_trained(change):
    with pytest.raises(InputError, match="cannot be trained together"):
        next(train_together([(FRONTIER_1000, 0, "test"), (replace(MODEL4, name="Other", **change), 0, "test")]))
