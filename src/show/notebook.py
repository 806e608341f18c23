"""What a notebook of the series shows besides: sources, the network as a table, what changed, the results of a run."""

import inspect
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from IPython.display import Markdown, display

from src import ROOT, data
from src.checks import check_number
from src.experiments import SERIES, Experiment
from src.model import build, count_parameters, layers
from src.runs import records
from src.runs.names import changes, check_name, with_epochs
from src.runs.one import Run
from src.show import figures
from src.show.sentences import analysis
from src.show.tables import summary, text


def source(*objects: Callable) -> Markdown:
    """Return the source of functions and classes as Markdown to display, each below the path of its file."""
    paths = [Path(inspect.getfile(each)).resolve().relative_to(ROOT).as_posix() for each in objects]
    codes = [f"```python\n{inspect.getsource(each).rstrip()}\n```" for each in objects]
    blocks = [f"`{path}`\n\n{code}" for path, code in zip(paths, codes, strict=True)]
    # nbconvert's HTML would show code in an output in the proportional font of its text.
    return Markdown("\n\n".join(['<div style="font-family: monospace">', *blocks, "</div>"]))


def layer_table(experiment: Experiment) -> str:
    """Return the network of an experiment as text, one line per word of its layer line."""
    lines = [f"{'word':>6}  {'layer':<26}{'output':>12}  {'receptive field':>15}  {'parameters':>10}"]
    network = build(experiment)
    for layer, module in [] if experiment.network else zip(layers(experiment.layer_line), network, strict=False):
        side = layer.size if layer.kind in ("crop", "deskew") else layer.kernel
        name, output = f"{side}x{side} {layer.kind}", f"{layer.channels} x {layer.size} x {layer.size}"
        field, parameters = f"{layer.receptive_field:>15}", f"{count_parameters(module):>10,}"
        lines.append(f"{layer.word:>6}  {name:<26}{output:>12}  {field}  {parameters}")
    return "\n".join([*lines, f"{'total':>6}{count_parameters(network):>69,}"])


def with_epochs_from_environment(experiment: Experiment) -> Experiment:
    """Return the experiment with the epochs that the environment says: how `make run EPOCHS=2` gets here."""
    epochs = os.environ.get("EPOCHS", "").strip() or str(experiment.epochs)
    check_number("EPOCHS", int(epochs) if epochs.isdecimal() else epochs, 1, 1000, whole=True)
    return with_epochs(experiment, int(epochs))


def target_and_changes(experiment: Experiment, model: str) -> str:
    """Return the target of the experiment in a model's notebook, and what it changes: of the model before, or of this.

    Raises InputError for a changed experiment that has no name of its own."""
    check_name(experiment)
    lines, before = ["Target:", *(f"  {condition}" for condition in experiment.target or ["none"])], SERIES[model]
    if experiment == with_epochs(before, experiment.epochs):  # the model itself, perhaps shortened
        before = {after: before for before, after in pairwise(SERIES.values())}.get(before)
    if before:
        lines += ["", f"{experiment.name}, changed from {before.name}:"]
        lines += [f"  {change}" for change in changes(before, experiment) or ["nothing"]]
    return "\n".join(lines)


def show(text: str, **metadata: str) -> None:
    """Display Markdown and keep metadata with this output in the notebook's file: statement=name or record=hash."""
    display(Markdown(text), metadata=metadata)


def report(run: Run) -> None:
    """Keep the record of a run in runs/; show its results, draw them into images/ too, and say what they mean."""
    record, name, test = run.record, run.experiment.name, data.load(run.split)
    records.save(record, records.RUNS)
    print(text(summary({name: [record]})))
    answers = run.logits.argmax(dim=1)
    drawn = {
        "history": figures.history([record]),
        "confusion": figures.confusion(test.labels, answers, f"{name}: which digits are mistaken for which?"),
        "per-digit": figures.per_digit(test.labels, answers, f"{name}: how many of each digit are read right?"),
        "mistakes": figures.mistakes(test, run.logits, name),
    }
    for kind, figure in drawn.items():
        display(figures.save(figure, f"{name}-{kind}.png"))
    show(analysis(record, run.experiment.target), record=record.hash)
