"""The commands of the package, and what all commands promise: one sentence and an exit code, never a traceback.

predict is in test_pictures.py and export in test_export.py.
"""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from src import ROOT, data
from src.__main__ import main
from src.download import root
from src.experiments import MODEL2, MODEL4
from src.runs import files, records
from src.runs.names import with_epochs
from src.runs.one import run_one
from src.use.page import PAGE


def test_data_says_where_the_digits_are(capsys):
    assert main(["data"]) == 0
    assert str(root()) in capsys.readouterr().out


def test_page_writes_the_page_and_says_where(monkeypatch, capsys):
    written = {}
    monkeypatch.setattr(files, "write", written.__setitem__)
    assert main(["page"]) == 0
    assert written == {PAGE: PAGE.read_bytes()} and str(PAGE) in capsys.readouterr().out


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder of this test's own for runs."""
    monkeypatch.setattr(records, "RUNS", tmp_path)
    return tmp_path


def test_table_shows_the_last_run_of_each_model_whatever_its_number_of_epochs(few_digits, runs, capsys):
    ran = [with_epochs(MODEL4, 1), with_epochs(MODEL2, 1), with_epochs(MODEL4, 2)]
    ran += [replace(ran[0], name="Model4-3"), replace(ran[0], name="Model4-wider-1-epoch")]
    for age, experiment in enumerate(ran, start=-len(ran)):
        run_one(experiment, 0, runs, quiet=True)
        path = records.path_of(runs, experiment.name, 0)
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + age * 10**9))
    run_one(ran[2], 1, runs, quiet=True)  # seed 0 is what notebooks train
    assert main(["table"]) == 0
    heading, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert heading[:2] == ["model", "parameters"]
    assert [row[:4] for row in rows] == [["Model2-1-epoch", "7,870", "1", "1"], ["Model4-2-epochs", "7,870", "2", "1"]]


def test_a_table_of_no_runs_is_one_sentence(runs, capsys):
    assert main(["table"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ") and errors.count("\n") == 1 and "make run" in errors


@pytest.mark.parametrize("kept", ["", "finished runs are in runs/; run the same command again to resume."])
def test_ctrl_c_is_exit_code_130_and_says_how_to_resume(monkeypatch, capsys, kept):
    def interrupted(split):
        raise KeyboardInterrupt(*filter(None, [kept]))

    monkeypatch.setattr(data, "load", interrupted)
    assert main(["data"]) == 130
    errors = capsys.readouterr().err
    assert errors == f"\ninterrupted: {kept or 'run the same command again.'}\n"


def test_a_package_that_only_studies_need_is_named_with_what_installs_it(tmp_path):
    program = (
        "import sys; sys.modules['onnxscript'] = None; from src.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "export", "Model4", "--onnx", str(tmp_path / "network.onnx")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)  # torch imports it once a process
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert "onnxscript" in done.stderr and "requirements-studies.txt" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["export", "Model4"], "one of the arguments --onnx --c is required"),
        (["export", "Model5", "--onnx", "network.onnx"], "error: "),
    ],
)
def test_the_process_exits_with_code_2_and_without_a_traceback(arguments, words):
    done = subprocess.run([sys.executable, "-m", "src", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_the_help_names_every_command_at_once():
    program = "import sys; from src.__main__ import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    *shown, modules = done.stdout.splitlines()
    first_words = {line.split()[0] for line in shown if line.strip()}
    assert {"predict", "export", "data", "table", "page"} <= first_words
    assert "torch" not in modules.split()  # which takes seconds
