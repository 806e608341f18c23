"""Notebooks executed by nbconvert with our configuration: what is shown, what is written, and what a failure leaves."""

import os
import re
import signal
import subprocess
import sys
from functools import partial

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from src import ROOT

CELLS = [
    "print('out')",
    "from IPython.display import Markdown\ndisplay(Markdown('*text*'), metadata={'statement': 'one'})\n{'a': 1}",
    "handle = display('first', display_id='same')\nhandle.update('second')",
    "import os\nprint(os.getcwd())",
]
EPOCHS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import torch
from src.data import Digits
from src.runs.progress import progress
from src.experiments import MODEL4
from src.training import Epoch

digits = Digits(torch.zeros(256, 1, 28, 28, dtype=torch.uint8), torch.arange(256))
first = Epoch(1, 0.1, 0.97524, 0.2, 0.98914, 0.001, 12.06, 12.0)
with progress("Model4, seed 0", MODEL4, digits, torch.nn.Linear(1, 1), [], quiet=False) as show:
    show(first)
"""
COMMAND = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute"]
COMMAND += ["--ExecutePreprocessor.kernel_name=python3"]
OURS = ["--config", str(ROOT / "notebooks" / "nbconvert_config.py")]


def execute(path, *how, folder="executed"):
    command = [*COMMAND, *how, "--output-dir", str(path.parent / folder), str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def notebook(tmp_path):
    """A function that writes a notebook of code cells, made with a kernel that this machine does not have."""

    def write(*cells):
        path = tmp_path / "Mine.ipynb"
        kernel = {"name": "somebody's", "display_name": "Somebody's", "language": "python"}
        cells = [new_markdown_cell("# Mine", id="title"), *(new_code_cell(cell, id=f"a{len(cell)}") for cell in cells)]
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
        return path

    return write


def test_an_executed_notebook_is_what_nbconvert_makes_of_it_in_the_folder_of_the_notebook(notebook, tmp_path):
    path = notebook(*CELLS)
    assert execute(path, *OURS).returncode == 0
    assert execute(path, "--ExecutePreprocessor.record_timing=False", folder="theirs").returncode == 0
    executed, theirs = (tmp_path / folder / "Mine.ipynb" for folder in ("executed", "theirs"))
    assert executed.read_text(encoding="utf-8") == theirs.read_text(encoding="utf-8")
    assert nbformat.read(executed, as_version=4).cells[-1].outputs[0].text.strip() == str(tmp_path)


def test_each_epoch_is_shown_with_the_name_of_the_notebook_and_is_no_part_of_it(notebook, tmp_path):
    done = execute(notebook(EPOCHS), *OURS)
    started, epoch, finished = done.stdout.splitlines()
    assert started == "Mine | started" and re.fullmatch(r"Mine \| finished in \d+ s", finished)
    assert epoch == "Mine | epoch 1 of 15: train 97.52 % while learning, test 98.91 %, 12.1 s"
    assert done.stderr == ""
    assert "epoch 1 of 15" not in (tmp_path / "executed" / "Mine.ipynb").read_text(encoding="utf-8")


def test_a_picture_takes_the_place_of_a_page_that_could_not_be_alive(notebook, tmp_path):
    shown = "display({'text/html': 'alive', 'image/png': 'aaaa'}, raw=True, transient={'still': 'image/png'})"
    assert execute(notebook(shown), *OURS).returncode == 0
    [output] = nbformat.read(tmp_path / "executed" / "Mine.ipynb", as_version=4).cells[1].outputs
    assert output.data.keys() == {"image/png"}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (
            "from src.show import x",
            r"error: Mine: cell 1 failed\.\n[^\x1b]*ModuleNotFoundError: No module named 'src'$",
        ),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", r"error: Mine: the process of cell 1 was killed"),
        (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom src.model import layers\nlayers('8 Q G t10')",
            r"error: Mine: [^\n]*word 2 'Q'[^\n]*\.$",
        ),
    ],
    ids=["a mistake", "a dead kernel", "bad input"],
)
def test_a_cell_that_fails_says_why_with_exit_code_2_and_nothing_is_written(notebook, tmp_path, cell, words):
    path = notebook(cell, "print('never')")
    before = path.read_bytes()
    done = execute(path, *OURS)
    assert done.returncode == 2 and re.match(words, done.stderr.strip(), re.DOTALL)
    assert path.read_bytes() == before and not list((tmp_path / "executed").glob("*"))


def test_ctrl_c_is_one_sentence_ends_the_kernel_and_writes_nothing(notebook, tmp_path):
    path = notebook("import time\ndisplay('x', transient={'epoch': 'at work'})\ntime.sleep(600)")
    command = [*COMMAND, *OURS, "--output-dir", str(tmp_path / "executed"), str(path)]
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a test run in the background may ignore Ctrl-C
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=listen, **streams)
    assert process.stdout.readline() == "Mine | started\n" and process.stdout.readline() == "Mine | at work\n"
    kernels = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.count("keeps its finished epochs") == 1 and "Traceback" not in errors
    assert (
        kernels and not any(kernel.is_running() for kernel in kernels) and not list((tmp_path / "executed").glob("*"))
    )
