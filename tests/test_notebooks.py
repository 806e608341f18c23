"""The notebooks are executed headless in a copy of the repository, one epoch each, as a newcomer would."""

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from src import ROOT, InputError
from src.augment import affine, augment
from src.data import root
from src.experiments import MODEL4
from src.model import block, build
from src.notebooks import layer_table, set_address, shown_record, statements, with_epochs_from_environment
from src.runs import records
from src.training import fit, learning_rate

NAMES = ["Model1", "Model2", "Model3", "Model4"]
ALL = [*NAMES, "Evidence", "Published", "Speed", "Sprint"]
FEW_DIGITS = """
whole = load


def load(split):
    return whole(split)[:3000] if split == "train" else whole(split)
"""


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def execute(path, folder):
    """Execute a notebook in place, started from a folder, with one epoch and the digits of this clone."""
    environment = {**os.environ, "EPOCHS": "1", "MNIST_ROOT": str(root())}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(path)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def assert_executed(done, path):
    assert done.returncode == 0, done.stderr[-3000:]
    assert_clean(path)


def assert_clean(path):
    """Outputs a static page can show: no error, nothing on stderr, no widget, and every cell was run."""
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for output in (output for cell in cells for output in cell.outputs):
        assert output.output_type != "error" and output.get("name") != "stderr"
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
        assert "it/s" not in str(output) and "%|" not in str(output)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the repository that trains on fewer images; the real figures and notebooks stay as they are."""
    folder = tmp_path_factory.mktemp("copy")
    unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".unfinished")
    for name in ["src", "notebooks", "results"]:
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    with open(folder / "src" / "data.py", "a", encoding="utf-8") as file:
        file.write(FEW_DIGITS)
    return folder


@pytest.fixture(scope="module")
def executed(copy):
    """All notebooks, executed two at a time, some from the root and some from their folder: name -> what came of it."""
    starts = {name: [copy, copy / "notebooks"][i % 2] for i, name in enumerate(ALL)}
    with ThreadPoolExecutor(2) as pool:
        running = {name: pool.submit(execute, copy / "notebooks" / f"{name}.ipynb", starts[name]) for name in ALL}
        return {name: future.result() for name, future in running.items()}


@pytest.mark.parametrize("name", ALL)
def test_a_notebook_runs_headless_and_leaves_clean_outputs(copy, executed, name):
    assert_executed(executed[name], copy / "notebooks" / f"{name}.ipynb")


@pytest.mark.parametrize("name", NAMES)
def test_a_model_leaves_its_figures_and_its_record(copy, executed, name):
    for figure in ["history", "confusion", "mistakes"]:
        assert (copy / "images" / f"{name}-{figure}.png").stat().st_size > 10_000
    hash, analysis = shown_record(copy / "notebooks" / f"{name}.ipynb")
    assert hash == records.load(records.path_of(copy / "runs", name, seed=0)).hash
    assert "of the test images" in analysis


@pytest.mark.parametrize(
    ("name", "objects"),
    [("Model1", [build, block, fit]), ("Model3", [affine, augment]), ("Model4", [learning_rate])],
)
def test_a_notebook_shows_the_code_that_is_new_in_it_from_the_files_themselves(copy, executed, name, objects):
    outputs = [output for cell in code_cells(copy / "notebooks" / f"{name}.ipynb") for output in cell.outputs]
    shown = "\n".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    for each in objects:
        assert f"```python\n{inspect.getsource(each).rstrip()}\n```" in shown
        assert f"`{each.__module__.replace('.', '/')}.py`" in shown


def test_an_evidence_notebook_keeps_the_name_of_each_statement_with_its_text(copy, executed):
    texts = statements(copy / "notebooks" / "Evidence.ipynb")
    assert {"trust", "ladder", "choices"} <= set(texts) and all(texts.values())
    assert shown_record(copy / "notebooks" / "Evidence.ipynb") is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"cells": 1, "nbformat": 4}', None])
def test_a_notebook_that_cannot_be_read_is_one_sentence(tmp_path, content):
    path = tmp_path / "Model1.ipynb"
    if content is not None:
        path.write_bytes(content)
    for read in [statements, shown_record]:
        with pytest.raises(InputError, match="cannot read the notebook .*Model1.ipynb"):
            read(path)


@pytest.mark.parametrize("epochs", ["two", "1.5", "0", "-1"])
def test_epochs_from_the_environment_are_checked(monkeypatch, epochs):
    monkeypatch.setenv("EPOCHS", epochs)
    with pytest.raises(InputError, match="epochs must be a whole number|EPOCHS=.* is not a whole number"):
        with_epochs_from_environment(MODEL4)


def test_the_layer_table_has_a_line_per_word_and_adds_up():
    _, *rows, total = (line.split() for line in layer_table(MODEL4).splitlines())
    assert [word for word, *_ in rows] == MODEL4.layer_line.split()
    assert sum(int(row[-1].replace(",", "")) for row in rows) == int(total[-1].replace(",", ""))


def test_a_notebook_alone_in_an_empty_folder_clones_the_repository_and_runs_there(copy, tmp_path):
    origin, alone = tmp_path / "origin", tmp_path / "alone"
    shutil.copytree(copy / "src", origin / "src", ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(origin)]
    for arguments in [["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]]:
        subprocess.run(git + arguments, check=True)
    alone.mkdir()
    path = alone / "Model1.ipynb"
    notebook = nbformat.read(ROOT / "notebooks" / "Model1.ipynb", as_version=4)
    setup = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first, rest = setup.source.split("\n", 1)
    assert first.startswith('REPO = "')
    setup.source = f"REPO = {str(origin)!r}\n{rest}"
    training = next(i for i, cell in enumerate(notebook.cells) if cell.source == "## Training")
    del notebook.cells[training:]  # from here on it is like the others
    nbformat.write(notebook, path)
    assert_executed(execute(path, alone), path)
    assert (alone / "mnist-series" / "images" / "Model1-digits.png").exists()


def test_a_notebook_alone_without_an_address_says_what_to_set(tmp_path):
    setup = code_cells(ROOT / "notebooks" / "Model1.ipynb")[0].source.split("\n", 1)[1]
    done = subprocess.run([sys.executable, "-c", 'REPO = ""\n' + setup], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0 and "set REPO in this cell" in done.stderr.splitlines()[-1]


def test_all_notebooks_share_one_setup_cell():
    assert len({code_cells(ROOT / "notebooks" / f"{name}.ipynb")[0].source for name in ALL}) == 1


def test_the_setup_cell_installs_every_package_that_the_notebooks_need():
    setup, *_ = code_cells(ROOT / "notebooks" / "Model1.ipynb")
    needed = set(ast.literal_eval(re.search(r"needed = (\[.*?\])", setup.source)[1]))
    brought_along = {"IPython", "torch", "numpy", "PIL"}  # by Jupyter, by Colab, by torch and Matplotlib
    sources = [cell.source for name in ALL for cell in code_cells(ROOT / "notebooks" / f"{name}.ipynb")]
    modules, packages = set(), set()
    while sources:
        for node in ast.parse(sources.pop()).body:  # an import within a function is made where it is needed
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module, *(f"{node.module}.{name}" for name in names)]
            for name in set(names) - modules:
                modules.add(name)
                path = ROOT / f"{name.replace('.', '/')}.py"
                if name.startswith("src") and path.exists():
                    sources.append(path.read_text(encoding="utf-8"))
                packages.add(name.split(".")[0])
    assert packages - sys.stdlib_module_names - brought_along - {"src"} <= needed


@pytest.mark.parametrize("name", ALL)
def test_the_saved_outputs_are_clean(name):
    assert_clean(ROOT / "notebooks" / f"{name}.ipynb")


def test_the_address_goes_into_notebooks_and_badges_and_out_again(copy, tmp_path):
    shutil.copytree(copy / "notebooks", tmp_path / "notebooks")
    path = tmp_path / "notebooks" / "Model2.ipynb"
    before = json.loads(path.read_text(encoding="utf-8"))
    set_address("someone/something", path.parent)
    text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    assert "colab.research.google.com/github/someone/something/blob/main/notebooks/Model2.ipynb" in text
    assert code_cells(path)[0].source.startswith('REPO = "someone/something"  #')
    set_address("", path.parent)
    after = json.loads(path.read_text(encoding="utf-8"))
    assert "colab" not in "".join(after["cells"][0]["source"]).replace("Colab", "")
    assert [cell["source"] for cell in after["cells"]] == [cell["source"] for cell in before["cells"]]


# What a learner sees of their own mistakes and interruptions, in a real kernel.

SETUP = """
import time
from dataclasses import replace
from pathlib import Path
from torch import nn
from src import data
from src.experiments import MODEL4
from src.runs.one import train

whole = data.load
data.load = lambda split: whole(split)[:500]
experiment = replace(MODEL4, name="mine", epochs=12, augmentation=None)

class Mine(nn.Module):
    batches = 0

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(16, 10))

    def forward(self, images):
        Mine.batches += self.training
        time.sleep(0.02)  # so that there is time to interrupt
        return self.layers(images)
"""


@pytest.fixture(scope="module")
def kernel():
    """A notebook's kernel in the root of the repository, after SETUP."""
    manager, client = start_new_kernel(cwd=ROOT, env={**os.environ, "MNIST_ROOT": str(root())})

    def run(code, when_shown=None):
        """Run a cell and return its texts and its tracebacks; interrupt it when it shows when_shown."""
        cell = SimpleNamespace(texts=[], tracebacks=[])
        interrupted = []

        def look(message):
            content = message["content"]
            if message["msg_type"] == "error":
                cell.tracebacks.append(content["traceback"])
            if text := content.get("text") or content.get("data", {}).get("text/plain"):
                cell.texts.append(text)
                if when_shown and when_shown in text and not interrupted:
                    interrupted.append(manager.interrupt_kernel())

        client.execute_interactive(code, output_hook=look, timeout=120)
        return cell

    assert not run(SETUP).tracebacks
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_mistake_in_a_notebook_is_one_sentence_without_a_traceback(kernel):
    [traceback] = kernel('replace(experiment, layer_line="8 Q G t10")').tracebacks
    assert len(traceback) == 1 and re.fullmatch(r"error: .*word 2 'Q'.*\.", traceback[0])


def test_a_network_of_ones_own_is_interrupted_with_one_sentence_and_resumed_in_a_notebook(kernel, tmp_path):
    checkpoint = (tmp_path / "mine.checkpoint").as_posix()
    training = f'run = train(experiment, seed=0, network=Mine(), checkpoint=Path("{checkpoint}"))'
    [traceback] = kernel(training, when_shown="\n    2  ").tracebacks
    [sentence] = traceback
    finished = int(re.fullmatch(r"interrupted: (\d+) of 12 epochs are finished; .*resume.*\.", sentence)[1])
    assert 2 <= finished < 12
    kernel("Mine.batches = 0")
    resumed = kernel(training)
    assert not resumed.tracebacks
    rows = resumed.texts[-1].splitlines()[2:]
    assert [int(row.split()[0]) for row in rows] == list(range(1, 13))
    assert kernel("print(Mine.batches, run.parameters)").texts[-1].split() == [f"{4 * (12 - finished)}", "170"]
