"""What the notebooks need besides: sources and networks to read, outputs with a name, an address, copies to change."""

import inspect
import os
import re
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from IPython.display import Markdown, display

from src import ROOT, InputError
from src.experiments import SERIES, Experiment
from src.model import build, count_parameters, layers
from src.runs import files
from src.studies.changed import changes
from src.studies.names import check_name, with_epochs

BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"


def source(*objects: Callable) -> Markdown:
    """Return the source of functions and classes as Markdown to display, each below the path of its file."""
    blocks = []
    for each in objects:
        path = Path(inspect.getfile(each)).resolve().relative_to(ROOT).as_posix()
        blocks.append(f"`{path}`\n\n```python\n{inspect.getsource(each).rstrip()}\n```")
    # nbconvert's HTML would show code in an output in the proportional font of its text.
    return Markdown("\n\n".join(['<div style="font-family: monospace">', *blocks, "</div>"]))


def layer_table(experiment: Experiment) -> str:
    """Return the network of an experiment as text, one line per word of its layer line."""
    lines = [f"{'word':>6}  {'layer':<26}{'output':>12}  {'receptive field':>15}  {'parameters':>10}"]
    network = build(experiment)
    for layer, module in zip(layers(experiment.layer_line), network, strict=False):
        side = layer.size if layer.kind in ("crop", "deskew") else layer.kernel
        name = f"{side}x{side} {layer.kind}"
        output = f"{layer.channels} x {layer.size} x {layer.size}"
        parameters = count_parameters(module)
        lines.append(f"{layer.word:>6}  {name:<26}{output:>12}  {layer.receptive_field:>15}  {parameters:>10,}")
    return "\n".join([*lines, f"{'total':>6}{count_parameters(network):>69,}"])


def with_epochs_from_environment(experiment: Experiment) -> Experiment:
    """Return the experiment with the number of epochs in the environment variable EPOCHS, if it is set.

    This is how `make run EPOCHS=2` reaches the notebooks: Model4 becomes Model4-2-epochs, whose target is not judged.
    Raises InputError if EPOCHS is not a whole number.
    """
    epochs = os.environ.get("EPOCHS") or experiment.epochs
    try:
        epochs = int(epochs)
    except ValueError:
        raise InputError(f"EPOCHS={epochs} is not a whole number; write for example EPOCHS=2.") from None
    return with_epochs(experiment, epochs)


def target_and_changes(experiment: Experiment, model: str) -> str:
    """Return the target of the experiment that a model's notebook trains, and what changed before it came to that.

    A model of the series is a change to the one before it; any other experiment is taken as a change to the model.
    Raises InputError for a changed experiment that has no name of its own: sooner than its training would.
    """
    check_name(experiment)
    lines = ["Target:", *(f"  {condition}" for condition in experiment.target or ["none"])]
    before = SERIES[model]
    if experiment == with_epochs(before, experiment.epochs):  # the model itself, perhaps shortened
        before = {after: before for before, after in pairwise(SERIES.values())}.get(before)
    if before:
        changed = changes(before, experiment) or ["nothing (a network of your own is not listed here)"]
        lines += ["", f"{experiment.name}, changed from {before.name}:", *(f"  {change}" for change in changed)]
    return "\n".join(lines)


def show(text: str, **metadata: str) -> None:
    """Display Markdown and keep metadata with this output in the notebook's file: statement=name or record=hash."""
    display(Markdown(text), metadata=metadata)


def statements(path: Path) -> dict[str, str]:
    """Return the statements that a notebook shows: name -> Markdown. Raises InputError if it cannot be read."""
    return dict(_outputs(path, "statement"))


def shown_record(path: Path) -> tuple[str, str] | None:
    """Return the hash of the record that a notebook analyses, and the analysis in Markdown; None if it has none.

    Raises InputError if the notebook cannot be read.
    """
    return next(iter(_outputs(path, "record")), None)


def _outputs(path, key):
    """Return (metadata[key], Markdown) of the outputs that have such metadata."""
    return [
        (output.metadata[key], output.data.get("text/markdown", ""))
        for cell in files.read_notebook(path).cells
        for output in cell.get("outputs", [])
        if key in output.get("metadata", {})
    ]


def copy_to_lab(root: Path = ROOT) -> str:
    """Copy the notebooks that root/lab does not have yet into it, for a learner to change; return what to know of it.

    Raises InputError if that cannot be done.
    """
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        if not (copy := root / "lab" / path.name).exists():
            files.write(copy, path.read_bytes())
    return (
        "Your own copies of the notebooks are in lab/; to get a fresh one, remove it from there and run make lab again."
    )


def set_address(repo: str | None = None, folder: Path = ROOT / "notebooks") -> str:
    """Write repo ("owner/name" on GitHub, by default that of the git remote origin) into the notebooks of a folder.

    It goes into the setting REPO and the Colab badge; without an address there is no badge.
    Returns a sentence that says what was done. Raises InputError for an address of another form.
    """
    repo = _origin() if repo is None else repo
    if repo and not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise InputError(f"REPO={repo} is not an address on GitHub; write REPO=owner/name.")
    for path in sorted(folder.glob("*.ipynb")):
        notebook = files.read_notebook(path)
        title, setup = notebook.cells[0], next(cell for cell in notebook.cells if cell.cell_type == "code")
        lines = [line for line in title.source.splitlines() if not line.startswith("[![Open in Colab]")]
        if repo:
            url = f"https://colab.research.google.com/github/{repo}/blob/main/notebooks/{path.name}"
            lines.insert(1, f"{BADGE}({url})")
        title.source = "\n".join(lines)
        setup.source = re.sub(r'^REPO = ".*?"', f'REPO = "{repo}"', setup.source, count=1, flags=re.MULTILINE)
        files.write_notebook(path, notebook)
    return f"The notebooks point to {repo}." if repo else "No address is known: the notebooks carry no badge."


def _origin():
    """Return owner/name of the GitHub repository that this clone came from, or ""."""
    try:
        answer = subprocess.run(["git", "-C", ROOT, "remote", "get-url", "origin"], capture_output=True, text=True)
    except OSError:  # no git: then no address is known either
        return ""
    match = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", answer.stdout.strip())
    return match[1] if match else ""
