"""What a notebook of the series shows besides: sources, the network as a table, what changed, the results of a run."""

import contextlib
import inspect
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torchsummary
from IPython.display import Markdown, display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from src import ROOT
from src.checks import check_number
from src.data import MNIST
from src.experiments import SERIES, Experiment
from src.model import build, count_parameters, layers
from src.runs.names import changes, check_name, with_epochs
from src.runs.one import Run
from src.runs.records import RESULTS, RUNS, recorded, save
from src.show import figures
from src.show.sentences import analysis
from src.show.tables import summary, text


@dataclass(frozen=True, repr=False)  # which would hold all the code again
class Source:
    """Source code to display: with colours, in lines that scroll; in Markdown where nothing else is shown."""

    parts: list[tuple[str, str]]  # the path of a file, and code of it
    language: str = "python"

    def _repr_markdown_(self):
        return "\n\n".join(f"`{path}`\n\n```{self.language}\n{code}\n```" for path, code in self.parts)

    def _repr_html_(self):
        # nbconvert would break lines inside words, and show code in an output in the proportional font of its text.
        look = "white-space: pre; word-break: normal; overflow-x: auto; font-family: monospace; line-height: 1.3"
        colours, lexer = HtmlFormatter(noclasses=True, nowrap=True, style="default"), get_lexer_by_name(self.language)
        shown = [(path, highlight(code, lexer, colours)) for path, code in self.parts]
        return "\n".join(f'<p><code>{path}</code></p>\n<pre style="{look}">{code}</pre>' for path, code in shown)


def source(*objects: Callable) -> Source:
    """Return the source of functions and classes to display, each below the path of its file."""
    paths = [Path(inspect.getfile(each)).resolve().relative_to(ROOT).as_posix() for each in objects]
    return Source([(path, inspect.getsource(each).rstrip()) for path, each in zip(paths, objects, strict=True)])


def layer_table(experiment: Experiment) -> str:
    """Return the network of an experiment as text: a line per word of its layer line, or per part of one's own.

    The total is the number that counts; where torchsummary's is another one, the last line says why."""
    network = build(experiment)
    form, total = "{:>6}  {:<26}{:>12}  {:>15}  {:>10}", count_parameters(network)
    lines = [form.format("word", "layer", "output", "receptive field", "parameters")]
    for layer, module in [] if experiment.network else zip(layers(experiment.layer_line), network, strict=False):
        side = layer.size if layer.kind in ("crop", "deskew") else layer.kernel
        name, output = f"{side}x{side} {layer.kind}", f"{layer.channels} x {layer.size} x {layer.size}"
        lines.append(form.format(layer.word, name, output, layer.receptive_field, f"{count_parameters(module):,}"))
    if experiment.network:
        parts = [(name, type(part).__name__, count_parameters(part)) for name, part in network.named_children()]
        lines += [form.format(name[:6], kind[:26], "", "", f"{count:,}") for name, kind, count in parts]
    lines.append(f"{'total':>6}{total:>69,}")
    if (other := _summed_by_torchsummary(network)) != f"{total:,}":
        lines += [f"{total:,} trainable parameters is the number that counts. torchsummary says {other}: it counts a"]
        lines += ["module as often as it is used, frozen parameters too, and no nn.Parameter outside a layer."]
    return "\n".join(lines)


def _summed_by_torchsummary(network):  # it prints its total and returns nothing; some networks are beyond it
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(Exception):
        torchsummary.summary(network, (1, 28, 28), device="cpu")
    return ([*re.findall(r"Total params: ([\d,]+)", printed.getvalue()), "nothing"])[0]


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
    record, name, test = run.record, run.experiment.name, run.test_digits
    save(record, RUNS)
    print(text(summary({name: [record]})))
    answers, classes = run.logits.argmax(dim=1), test.of.classes
    kind = "digit" if classes == MNIST.classes else "class"
    several = "digits" if kind == "digit" else "classes"
    title = f"{name}: which {several} are mistaken for which?"
    drawn = {
        "history": figures.history([record]),
        "confusion": figures.confusion(test.labels, answers, title, classes),
        f"per-{kind}": figures.per_digit(
            test.labels, answers, f"{name}: how many of each {kind} are read right?", classes
        ),
        "mistakes": figures.mistakes(test, run.logits, name),
    }
    for kind, figure in drawn.items():
        display(figures.save(figure, f"{name}-{kind}.png"))
    resplits = []
    for k in range(10):
        found = recorded(run.experiment, [k], RESULTS, f"resplit-{k}", quiet=k > 0, made_by=run.fingerprint)
        resplits += found.values()
    resplits = resplits or [record] * run.split.startswith("resplit")
    show(analysis(record, run.experiment.target, resplits), record=record.hash)
