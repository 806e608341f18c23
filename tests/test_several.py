"""Several runs at once: the same numbers as one after the other, from a notebook as from a script."""

import os
import subprocess
import sys
from dataclasses import replace

from torch import nn

from src import ROOT
from src.experiments import Constant, Experiment
from src.runs import several
from src.runs.one import run_one
from src.runs.several import run_several

# A moment on all 60,000 digits, because other processes have no fewer.
TINY = Experiment("Tiny", (), "C20 5x4s5 G t10", Constant(0.01), epochs=1, batch_size=2048)
SCRIPT = """
from pathlib import Path
from src.experiments import Constant, Experiment
from src.runs.several import run_several

tiny = Experiment("Tiny", (), "C20 5x4s5 G t10", Constant(0.01), epochs=1, batch_size=2048)
print(len(run_several([(tiny, 0), (tiny, 1)], Path(FOLDER), jobs=2)), "runs")
"""


def test_runs_at_once_give_the_numbers_of_runs_in_turn_in_the_order_of_the_tasks(tmp_path, capsys):
    tasks = [(TINY, 1), (TINY, 0)]
    together = run_several(tasks, tmp_path / "together", jobs=2)
    assert "2 runs, 2 at a time, were trained in" in capsys.readouterr().out
    assert [record.seed for record in together] == [1, 0]
    assert [record.hash for record in together] == [run_one(*task, tmp_path / "alone").hash for task in tasks]


def test_a_script_without_a_guard_is_not_run_again_by_its_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("FOLDER", repr(str(tmp_path / "runs"))))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 runs\n") == 1


class Mine(nn.Sequential):
    """A network that other processes could not import, were it of a notebook."""

    def __init__(self):
        super().__init__(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10))


def test_what_only_this_process_knows_is_trained_here_one_after_the_other(few_digits, tmp_path, monkeypatch):
    monkeypatch.setattr(several, "in_processes", lambda *_, **__: 1 / 0)
    local = [replace(TINY, name="local", network=lambda: Mine()), replace(TINY, name="own", schedule=lambda done: 0.01)]
    found = run_several([(each, seed) for each in local for seed in (0, 1)], tmp_path, jobs=2)
    assert [(record.experiment, record.seed) for record in found] == [
        ("local", 0),
        ("local", 1),
        ("own", 0),
        ("own", 1),
    ]
