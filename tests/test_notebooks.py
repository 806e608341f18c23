"""The notebooks are executed headless in a copy of the repository, one epoch each, as a newcomer would."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from src.colab import set_address
from src.data import root

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["Model1", "Model2", "Model3", "Model4"]
ALL = [*NAMES, "Evidence", "Published"]


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def execute(path, folder):
    """Execute a notebook in place, started from a folder, with one epoch and the digits already there."""
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
    """A copy of the repository's files, so that the real figures and notebooks stay as they are."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ["src", "notebooks", "results"]:
        shutil.copytree(
            ROOT / name,
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".unfinished"),
        )
    return folder


@pytest.fixture(scope="module")
def executed(copy):
    """All notebooks, executed two at a time, some from the root and some from their folder: name -> what came of it."""
    starts = dict(zip(ALL, [copy, copy / "notebooks"] * 3, strict=True))
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
    assert (copy / "runs" / "test" / name / "seed-0.json").exists()


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


@pytest.mark.parametrize("name", ALL)
def test_the_saved_outputs_are_clean(name):
    assert_clean(ROOT / "notebooks" / f"{name}.ipynb")


def test_the_address_goes_into_notebooks_and_badges_and_out_again(copy, tmp_path):
    shutil.copytree(copy / "notebooks", tmp_path / "notebooks")
    path = tmp_path / "notebooks" / "Model2.ipynb"
    before = json.loads(path.read_text())
    set_address("someone/something", path.parent)
    text = "".join(json.loads(path.read_text())["cells"][0]["source"])
    assert "colab.research.google.com/github/someone/something/blob/main/notebooks/Model2.ipynb" in text
    assert code_cells(path)[0].source.startswith('REPO = "someone/something"  #')
    set_address("", path.parent)
    after = json.loads(path.read_text())
    assert "colab" not in "".join(after["cells"][0]["source"]).replace("Colab", "")
    assert [cell["source"] for cell in after["cells"]] == [cell["source"] for cell in before["cells"]]
