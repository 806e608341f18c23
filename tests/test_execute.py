"""Notebooks executed without a browser, in real kernels: what is shown, what is written, and what a failure leaves."""

import re
import signal
import subprocess
import sys
from functools import partial

import nbformat
import psutil
import pytest
from nbconvert.preprocessors import ExecutePreprocessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from src import ROOT, InputError
from src.execute import execute

CELLS = [
    "print('out')",
    "from IPython.display import Markdown\ndisplay(Markdown('*text*'), metadata={'statement': 'one'})\n{'a': 1}",
    "handle = display('first', display_id='same')\nhandle.update('second')",
]
EPOCHS = """
from src.runs.progress import progress
from src.experiments import MODEL4
from src.training import Epoch
from torch import nn

first = Epoch(1, 0.1, 0.97524, 0.2, 0.98914, 0.001, 12.06, 12.0)
with progress("Model4, seed 0", MODEL4, 60_000, nn.Linear(1, 1), [], quiet=False) as show:
    show(first)
"""


@pytest.fixture
def notebook(tmp_path):
    """A function that writes a notebook of code cells."""

    def write(*cells):
        path = tmp_path / "Mine.ipynb"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [new_markdown_cell("# Mine", id="title"), *(new_code_cell(cell, id=f"a{len(cell)}") for cell in cells)]
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
        return path

    return write


def test_an_executed_notebook_is_what_nbconvert_makes_of_it(notebook, tmp_path):
    path = notebook(*CELLS)
    executed = execute(path, tmp_path / "runs" / "notebooks")
    theirs, _ = ExecutePreprocessor(record_timing=False).preprocess(nbformat.read(path, as_version=4))
    assert executed == tmp_path / "runs" / "notebooks" / "Mine.ipynb"
    assert executed.read_text(encoding="utf-8") == nbformat.writes(theirs) + "\n"


def test_a_notebook_is_executed_in_its_place_and_in_its_folder(notebook, tmp_path):
    path = notebook("import os\nprint(os.getcwd())")
    assert execute(path) == path
    assert nbformat.read(path, as_version=4).cells[1].outputs[0].text.strip() == str(tmp_path)


def test_each_epoch_is_shown_with_the_name_of_the_notebook_and_is_no_part_of_it(notebook, capfd):
    path = notebook(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{EPOCHS}")
    execute(path)
    shown = capfd.readouterr()
    started, epoch, finished = shown.out.splitlines()
    assert started == "Mine | started" and re.fullmatch(r"Mine \| finished in \d+ s", finished)
    assert epoch == "Mine | epoch 1 of 15: train 97.52 %, test 98.91 %, 12.1 s"
    assert shown.err == ""
    assert "epoch 1 of 15" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("from src.notebooks import x", r"Mine: cell 1 failed\.\n[^\x1b]*ModuleNotFoundError: No module named 'src'$"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", r"Mine: the process of cell 1 was killed, .*\.$"),
        (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom src.model import layers\nlayers('8 Q G t10')",
            r"Mine: [^\n]*word 2 'Q'[^\n]*\.$",
        ),
        (
            "from IPython.display import Image\nImage('none.png')",
            r"Mine: cell 1 failed\.\n[^\x1b]*FileNotFoundError[^\x1b]*'none\.png'",
        ),
    ],
    ids=["a mistake", "a dead kernel", "bad input", "a picture that is not there"],
)
def test_a_cell_that_fails_says_why_and_nothing_is_written(notebook, tmp_path, cell, words):
    path = notebook(cell, "print('never')")
    before = path.read_bytes()
    for folder in [None, tmp_path / "executed"]:
        with pytest.raises(InputError) as error:
            execute(path, folder)
        assert re.match(words, str(error.value), re.DOTALL)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_ctrl_c_is_one_sentence_ends_the_kernel_and_writes_nothing(notebook):
    path = notebook("import time\ndisplay('x', transient={'epoch': 'at work'})\ntime.sleep(600)")
    before = path.read_bytes()
    command = [sys.executable, "-m", "src", "execute", str(path)]
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a test run in the background may ignore Ctrl-C
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=listen, **streams)
    assert process.stdout.readline() == "Mine | started\n" and process.stdout.readline() == "Mine | at work\n"
    [kernel] = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "\ninterrupted: Mine keeps its finished epochs; run the same command again to resume.\n"
    assert not kernel.is_running() and path.read_bytes() == before
