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
from dataclasses import replace
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from src import ROOT, InputError
from src.augment import affine, augment
from src.download import root
from src.experiments import MODEL1, MODEL4, OneCycle
from src.runs import records
from src.runs.names import with_epochs
from src.show.notebook import layer_table, target_and_changes, with_epochs_from_environment
from src.training import fit
from studies.readme import outputs

MODELS = ["Model1", "Model2", "Model3", "Model4"]
PLACES = {
    path.stem: path.relative_to(ROOT) for path in [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("studies/*/*.ipynb")]
} | {f"solutions/{path.stem}": path.relative_to(ROOT) for path in ROOT.glob("notebooks/solutions/*.ipynb")}


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def execute(path, folder=None, **environment):
    """Execute a notebook as the Makefile does, with one epoch and the digits of this clone; by default in place."""
    environment = {**os.environ, "EPOCHS": "1", "MNIST_ROOT": str(root()), **environment}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", str(path)]
    command += [
        "--config",
        str(ROOT / "notebooks" / "nbconvert_config.py"),
        "--ExecutePreprocessor.kernel_name=python3",
    ]
    command += ["--output-dir", str(folder or path.parent)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def assert_executed(done, path):
    assert done.returncode == 0 and not done.stderr, done.stderr[-3000:]
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
def executed(copy):
    """All notebooks, executed two at a time: name -> what came of it."""
    with ThreadPoolExecutor(2) as pool:
        running = {name: pool.submit(execute, copy / place) for name, place in PLACES.items()}
        return {name: future.result() for name, future in running.items()}


@pytest.mark.parametrize("name", PLACES)
def test_a_notebook_runs_headless_and_leaves_clean_outputs(copy, executed, name):
    assert_executed(executed[name], copy / PLACES[name])


@pytest.mark.parametrize("name", MODELS)
def test_an_epoch_is_one_line_while_a_notebook_is_executed(executed, name):
    started, epoch, finished = executed[name].stdout.splitlines()
    numbers = r"train \d+\.\d\d % while learning, test \d+\.\d\d %, \d+\.\d s"
    assert re.fullmatch(rf"{name} \| epoch 1 of 1: {numbers}", epoch)
    assert started == f"{name} | started" and finished.startswith(f"{name} | finished in ")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_leaves_its_figures_and_its_record(copy, executed, name):
    for figure in ["history", "confusion", "per-digit", "mistakes"]:
        assert (copy / "images" / f"{name}-1-epoch-{figure}.png").stat().st_size > 10_000
    [(hash, analysis)] = outputs(copy / PLACES[name], "record")
    assert hash == records.load(records.path_of(copy / "runs", f"{name}-1-epoch", seed=0)).hash
    assert "of the test images" in analysis and "its target is not judged" in analysis
    assert not list((copy / "images").glob(f"{name}-history.png"))  # a committed figure is not replaced


@pytest.mark.parametrize(
    ("name", "objects"),
    [("Model1", [fit]), ("Model3", [affine, augment]), ("Model4", [OneCycle])],
)
def test_a_notebook_shows_the_code_that_is_new_in_it_from_the_files_themselves(copy, executed, name, objects):
    shown = [output for cell in code_cells(copy / PLACES[name]) for output in cell.outputs]
    text = "".join(output.get("data", {}).get("text/markdown", "") for output in shown)
    for each in objects:
        assert inspect.getsource(each).rstrip() in text


@pytest.mark.parametrize("epochs", ["two", "0", "1.5", "²"])
def test_epochs_that_are_no_number_of_epochs_are_refused(monkeypatch, epochs):
    monkeypatch.setenv("EPOCHS", epochs)
    with pytest.raises(InputError, match="EPOCHS must be a whole number from 1"):
        with_epochs_from_environment(MODEL4)


def test_epochs_from_the_environment_give_the_run_a_name_of_its_own_and_no_target(monkeypatch):
    monkeypatch.setenv("EPOCHS", "1")
    shortened = with_epochs_from_environment(MODEL4)
    assert (shortened.name, shortened.epochs, shortened.target) == ("Model4-1-epoch", 1, ())
    for value in ["", " ", "15 "]:
        monkeypatch.setenv("EPOCHS", value)
        assert with_epochs_from_environment(MODEL4) == MODEL4


@pytest.mark.parametrize(
    "experiment, words",
    [
        (MODEL4, "Model4, changed from Model3:\n  schedule: constant 0.003 → one-cycle"),
        (with_epochs(MODEL4, 1), "Target:\n  none\n\nModel4-1-epoch, changed from Model3:\n  schedule: constant"),
        (replace(MODEL4, name="mine", epochs=5), "mine, changed from Model4:\n  epochs: 15 → 5"),
        (replace(MODEL4, name="mine"), "mine, changed from Model4:\n  nothing"),
        (replace(MODEL4, name="mine", network=dict), "mine, changed from Model4:\n  network: None → dict"),
    ],
    ids=["of the series", "shortened", "changed", "renamed", "a network of one's own"],
)
def test_what_changed_is_said_of_the_experiment_that_is_trained(experiment, words):
    assert words in target_and_changes(experiment, "Model4")


def test_a_change_without_a_name_of_its_own_is_refused_before_anything_is_said_of_it():
    with pytest.raises(InputError, match="give it a name of its own"):
        target_and_changes(replace(MODEL4, layer_line="8 16 P 16 16 16 G t10"), "Model4")


def test_the_first_model_changed_nothing_and_has_its_target():
    assert target_and_changes(MODEL1, "Model1") == "\n".join(["Target:", *(f"  {part}" for part in MODEL1.target)])


def test_the_layer_table_has_a_line_per_word_and_adds_up():
    _, *rows, total = (line.split() for line in layer_table(MODEL4).splitlines())
    assert [word for word, *_ in rows] == MODEL4.layer_line.split()
    assert sum(int(row[-1].replace(",", "")) for row in rows) == int(total[-1].replace(",", ""))


# The set-up cell.


def with_repo(address):
    """The source of the set-up cell with an address of the repository in it."""
    title, setting, rest = code_cells(ROOT / PLACES["Model1"])[0].source.split("\n", 2)
    assert title.startswith("# @title ") and setting.startswith('REPO = "')
    return f"{title}\nREPO = {str(address)!r}\n{rest}"


def set_up(folder, address="", before="", after="print(Path.cwd())"):
    """Run the set-up cell in a folder, and then print where it is."""
    command = [sys.executable, "-c", f"{before}\n{with_repo(address)}\n{after}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_notebook_alone_in_an_empty_folder_clones_the_repository_and_runs_there(copy, tmp_path):
    origin, alone = tmp_path / "origin", tmp_path / "alone"
    for name in ["src", "notebooks"]:
        shutil.copytree(copy / name, origin / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(origin)]
    for arguments in [["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]]:
        subprocess.run(git + arguments, check=True)
    alone.mkdir()
    path = alone / "Model1.ipynb"
    notebook = nbformat.read(ROOT / PLACES["Model1"], as_version=4)
    next(cell for cell in notebook.cells if cell.cell_type == "code").source = with_repo(origin.as_uri())
    training = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## Training"))
    del notebook.cells[training:]  # from here on it is like the others
    nbformat.write(notebook, path)
    assert_executed(execute(path), path)
    assert (alone / "mnist-series" / "images" / "Model1-1-epoch-digits.png").exists()


@pytest.mark.parametrize("folder", [".", "notebooks", "lab", "studies/ladder"])
def test_the_setup_cell_finds_the_repository_from_its_root_and_from_the_folders_of_notebooks(copy, folder):
    (copy / folder).mkdir(exist_ok=True)
    assert set_up(copy / folder).stdout.strip() == str(copy)


def without(*packages):
    """Code after which these packages cannot be found."""
    hidden = f"u.find_spec = lambda name, *rest: None if name in {packages} else found(name, *rest)"
    return f"import importlib.util as u; found = u.find_spec; {hidden}"


REFUSING = (
    "import subprocess; subprocess.run = lambda *_, **__: subprocess.CompletedProcess([], 1, '', 'externally-managed')"
)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (without("tqdm", "pip"), "no pip in this environment to install tqdm; run: uv pip install tqdm"),
        (f"{without('tqdm')}\n{REFUSING}", "this environment refuses installs, and lacks tqdm"),
        (without("torch"), "PyTorch is not installed here"),
    ],
    ids=["no pip", "refuses installs", "no torch"],
)
def test_what_the_setup_cannot_do_is_one_sentence(copy, before, words):
    done = set_up(copy, before=before)
    assert done.returncode != 0 and words in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("files", [["__init__.py", "download.py"], ["download.py"]], ids=["a package", "a folder"])
def test_another_package_called_src_makes_room_for_ours_and_is_told_of(copy, tmp_path, files):
    (tmp_path / "src").mkdir()
    for file in files:
        (tmp_path / "src" / file).write_text("mine = 7")
    before = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import src.download as other; sys.path.pop(0)"
    done = set_up(
        copy / "notebooks", before=before, after="import src.download; print(src.download.__file__, other.mine)"
    )
    told, files = done.stdout.splitlines()
    assert told == f"This kernel had imported another package called src; from here on, src is the one in {copy}."
    assert files == f"{copy / 'src' / 'download.py'} 7"
    again = set_up(copy, before=f"import sys; sys.path.insert(0, {str(copy)!r}); import src.download")
    assert again.stdout.strip() == str(copy)  # ours stays


@pytest.mark.parametrize("in_the_way", [False, True], ids=["a wrong address", "a foreign folder"])
def test_a_setup_cell_that_cannot_find_the_repository_says_so_in_one_sentence(tmp_path, in_the_way):
    if in_the_way:
        (tmp_path / "mnist-series").mkdir()
        (tmp_path / "mnist-series" / "file").touch()
    for address in ["", (tmp_path / "nothing").as_uri()]:
        done = set_up(tmp_path, address)
        assert done.returncode != 0 and "src is not here; correct REPO in this cell" in done.stderr.splitlines()[-1]
        assert "fatal" not in done.stderr


def test_a_setup_cell_that_fails_shows_its_sentence_in_the_place_of_a_traceback(tmp_path):
    path = tmp_path / "Model1.ipynb"
    shutil.copy(ROOT / PLACES["Model1"], path)
    done = execute(path, tmp_path / "executed")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: Model1: src is not here; correct REPO in this cell")


@pytest.mark.parametrize("name", PLACES)
def test_the_setup_cell_is_collapsed_in_jupyter_and_in_colab_and_short(name):
    cell = code_cells(ROOT / PLACES[name])[0]
    assert cell.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert len(cell.source.splitlines()) <= 12
    assert cell.source == code_cells(ROOT / PLACES["Model1"])[0].source


def test_the_setup_installs_every_package_that_the_notebooks_of_the_series_need():
    setup = (ROOT / "notebooks" / "setup.py").read_text(encoding="utf-8")
    needed = set(ast.literal_eval(re.search(r"needed = (\[.*?\])", setup)[1]))
    brought_along = {"IPython", "pygments", "torch", "numpy", "PIL"}  # by Jupyter, by Colab, by torch and Matplotlib
    sources = [cell.source for name in ["Start", *MODELS] for cell in code_cells(ROOT / PLACES[name])]
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


@pytest.mark.parametrize("name", PLACES)
def test_the_saved_outputs_are_clean(name):
    assert_clean(ROOT / PLACES[name])


def test_the_sources_that_saved_notebooks_show_are_those_of_the_code():
    showing = set()
    for name, path in PLACES.items():
        outputs = [output for cell in code_cells(ROOT / path) for output in cell.outputs]
        text = "\n".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
        for file, code in re.findall(r"^`([\w/]+\.py)`\n\n```python\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE):
            assert code in (ROOT / file).read_text(encoding="utf-8"), f"run {name}.ipynb again: {file} has changed"
            showing.add(name)
    assert showing >= {"Model1", "Model3", "Model4"}


@pytest.mark.parametrize("name", PLACES)
def test_links_between_notebooks_lead_to_files(name):
    path = ROOT / PLACES[name]
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert targets and all((path.parent / target).exists() for target in targets)


def test_the_address_goes_into_notebooks_and_badges_and_out_again(copy, tmp_path):
    for name in ["notebooks", "studies"]:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    script, path = tmp_path / "notebooks" / "colab.py", tmp_path / PLACES["Evidence"]
    before = json.loads(path.read_text(encoding="utf-8"))
    subprocess.run([sys.executable, script, "someone/something"], check=True, capture_output=True)
    text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    assert "colab.research.google.com/github/someone/something/blob/main/studies/ladder/Evidence.ipynb" in text
    assert code_cells(path)[0].source.splitlines()[1].startswith('REPO = "https://github.com/someone/something"  #')
    subprocess.run([sys.executable, script], check=True, capture_output=True)  # a folder without an origin
    after = json.loads(path.read_text(encoding="utf-8"))
    assert [cell["source"] for cell in after["cells"]] == [cell["source"] for cell in before["cells"]]
    done = subprocess.run([sys.executable, script, "https://example.org"], capture_output=True, text=True)
    assert done.returncode == 2 and "write REPO=owner/name" in done.stderr


def test_a_learner_gets_copies_of_the_notebooks_and_keeps_those_that_are_changed(copy):
    venv = copy / "venv"
    (venv / "bin").mkdir(parents=True)
    for name in ["jupyter", "python"]:  # stand-ins: make lab would install, and start a server
        (venv / "bin" / name).write_text('#!/bin/sh\necho "first: $PYTHONSTARTUP"\n')
        (venv / "bin" / name).chmod(0o755)
    (copy / "requirements.txt").touch()
    (venv / "installed").touch()
    make = ["make", "lab", f"VENV={venv}"]
    output = subprocess.run(make, cwd=copy, check=True, capture_output=True, text=True).stdout
    assert "lab/" in output and f"first: {copy / 'notebooks' / 'startup.py'}\n" in output
    copies = {path.relative_to(copy / "lab").as_posix(): path for path in (copy / "lab").rglob("*.ipynb")}
    assert sorted(f"notebooks/{name}" for name in copies) == sorted(
        path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").rglob("*.ipynb")
    )
    copies["Model1.ipynb"].write_text("mine")
    copies["Model2.ipynb"].unlink()
    subprocess.run(make, cwd=copy, check=True, capture_output=True)
    assert copies["Model1.ipynb"].read_text() == "mine"
    assert copies["Model2.ipynb"].read_bytes() == (copy / PLACES["Model2"]).read_bytes()


def in_lab(notebook, *steps):
    """The tracebacks of cells in a kernel as make lab starts it for a notebook; a step None restarts it."""
    session = dict(PYTHONSTARTUP=str(ROOT / "notebooks" / "startup.py"), JPY_SESSION_NAME=str(notebook))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | session
    manager, client = start_new_kernel(cwd=notebook.parent, env=environment)
    tracebacks = []

    def look(message):
        if message["msg_type"] == "error":
            tracebacks.append(message["content"]["traceback"])

    for cell in steps:
        if cell is None:
            manager.restart_kernel(now=True)
            client.wait_for_ready(timeout=60)
        else:
            client.execute_interactive(cell, output_hook=look, timeout=120)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return tracebacks


def test_a_restarted_kernel_asks_for_the_first_cell_and_a_typo_keeps_its_traceback(copy):
    first, imports = (cell.source for cell in code_cells(ROOT / PLACES["Model1"])[:2])
    middle = ["run = train(experiment, seed=0)", imports, "import nonsense"]
    shown = in_lab(copy / PLACES["Model1"], first, "trian(1)", "import nonsense", None, *middle, first, "train(1)")
    typo, other, *restarted, unknown, after = shown
    assert restarted == 2 * [["error: this kernel was restarted, or is new: run the first cell, then those below it."]]
    for each, words in [
        (typo, "'trian' is not"),
        (other, "named 'nonsense'"),
        (unknown, "named"),
        (after, "'train' is"),
    ]:
        assert len(each) > 1 and words in each[-1]


def test_a_kernel_of_a_notebook_without_the_set_up_cell_is_left_as_it_is(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "Untitled.ipynb")
    [traceback] = in_lab(tmp_path / "Untitled.ipynb", "train(1)")
    assert len(traceback) > 1


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

class Mine(nn.Module):
    batches = 0

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(16, 10))

    def forward(self, images):
        Mine.batches += self.training
        time.sleep(0.02)  # so that there is time to interrupt
        return self.layers(images)

experiment = replace(MODEL4, name="mine", epochs=12, augmentation=None, network=Mine)
"""


@pytest.fixture(scope="module")
def kernel():
    """A notebook's kernel in the root of the repository, after SETUP: a function that runs a cell."""
    manager, client = start_new_kernel(cwd=ROOT, env={**os.environ, "MNIST_ROOT": str(root())})

    def run(code, when_shown=None):
        """Return the texts, the number of pictures and the tracebacks; interrupt the cell when it shows when_shown."""
        cell = SimpleNamespace(texts=[], pictures=0, tracebacks=[])
        interrupted = []

        def look(message):
            content = message["content"]
            if message["msg_type"] == "error":
                cell.tracebacks.append(content["traceback"])
            cell.pictures += "image/png" in content.get("data", {})
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


def test_the_bar_of_a_notebook_is_drawn_in_blocks_and_fits_100_columns(kernel):
    name = "a-name-that-is-nearly-as-long-as-the-line-itself"
    texts = kernel(f'run = train(replace(experiment, name="{name}"), seed=0)').texts
    bars = [line for text in texts for line in text.splitlines() if "batch" in line]
    assert bars and all(line.startswith(name) and len(line) <= 100 for line in bars)
    assert any("█" in line for line in bars) and not any("#" in line for line in bars)


def test_a_network_of_ones_own_is_interrupted_with_one_sentence_and_resumed_in_a_notebook(kernel, tmp_path):
    checkpoint = (tmp_path / "mine.checkpoint").as_posix()
    training = f'run = train(experiment, seed=0, checkpoint=Path("{checkpoint}"))'
    [traceback] = kernel(training, when_shown="\n    2  ").tracebacks
    [sentence] = traceback
    finished = int(re.fullmatch(r"interrupted: (\d+) of 12 epochs are finished; .*resume.*\.", sentence)[1])
    assert 2 <= finished < 12
    kernel("Mine.batches = 0")
    resumed = kernel(training)
    assert not resumed.tracebacks
    rows = resumed.texts[-1].splitlines()[2:]
    assert [int(row.split()[0]) for row in rows] == list(range(1, 13))
    answer = kernel("print(Mine.batches, run.record.parameters)").texts[-1].split()
    assert answer == [f"{8 + 4 * (12 - finished)}", "170"]  # eight for the fingerprint


# From here on all test images, which the committed records of Model4 are of.
COMPARING = """
from functools import partial
from src.show import compare as module, figures
from src.show.compare import compare

data.load = lambda split: whole(split)[:500] if split == "train" else whole(split)
module.RUNS = Path({folder!r})
figures.save = partial(figures.save, folder=module.RUNS)
"""


@pytest.mark.parametrize(
    "change",
    ['layer_line="4 P P G t10"', "augmentation=None, network=Mine"],
    ids=["another layer line", "a network of one's own"],
)
def test_a_change_is_compared_with_a_model_in_one_cell(kernel, tmp_path, change):
    assert not kernel(COMPARING.format(folder=tmp_path.as_posix())).tracebacks
    cell = kernel(
        f'experiment = replace(MODEL4, name="mine", epochs=1, {change})\ncompare(experiment, "Model4", seeds=range(3))'
    )
    assert not cell.tracebacks and cell.pictures == 1 and (tmp_path / "mine-against-Model4-1-epoch.png").exists()
    output = " ".join("".join(cell.texts).split())
    assert re.search(r"Model4-1-epoch 7,870 1 10 99.03 ± 0.03 .* mine [\d,]+ 1 3 ", output)
    assert re.search(r"Against Model4-1-epoch, on the 3 seeds .*: the change hurts.", output)


def test_a_changed_experiment_under_an_unchanged_name_is_one_sentence_in_a_notebook(kernel):
    [[sentence]] = kernel("train(replace(MODEL4, epochs=1), seed=0)").tracebacks
    assert re.fullmatch(r"error: this experiment is called Model4 but differs.*; give it a name .*\.", sentence)
