"""What a person sees of a run: a line per epoch, and a bar below them where somebody can watch it."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator

from torch import nn
from tqdm import tqdm

from src.experiments import Experiment
from src.training import Epoch

HEADER = "epoch  train loss  train %  test loss  test %  learning rate  seconds"


def row(epoch: Epoch) -> str:
    """Return an Epoch as a line below HEADER; accuracies in percent."""
    return (
        f"{epoch.epoch:5}  {epoch.train_loss:10.4f}  {100 * epoch.train_accuracy:7.2f}  "
        f"{epoch.test_loss:9.4f}  {100 * epoch.test_accuracy:6.2f}  {epoch.learning_rate:13.5f}  {epoch.seconds:7.1f}"
    )


def title(name: str, seed: int, split: str) -> str:
    """Return what a run is called above its table, whose test columns are those of the split."""
    return f"{name}, seed {seed}" + ("" if split == "test" else f", evaluated on {split}")


@contextlib.contextmanager
def progress(
    title: str, experiment: Experiment, images: int, network: nn.Module, history: list[Epoch], quiet: bool
) -> Iterator[Callable[[Epoch], None]]:
    """Print the table of a run, with a bar below it; gives a function that prints the line of an Epoch.

    images: per epoch. history: Epochs that a resumed run has behind it. quiet: print nothing.
    In a terminal the bar is on stderr and vanishes at the end. In a notebook table and bar share one
    output that is rewritten in place and keeps the table. Elsewhere there is only the table.
    """
    cell = _CellOutput() if _in_notebook() and not quiet else None
    batches = math.ceil(images / experiment.batch_size)
    bar = tqdm(
        total=experiment.epochs * batches,
        initial=len(history) * batches,
        desc=title,
        unit="batch",
        file=cell or sys.stderr,
        disable=True if quiet else False if cell else None,  # None: only on a terminal
        leave=False,
        mininterval=0.5,
    )

    def count_batch(network, _):
        if network.training:
            bar.update()

    def show(line):
        if cell:
            cell.print(line)
        elif not quiet:
            tqdm.write(line)
            sys.stdout.flush()

    with contextlib.closing(bar), network.register_forward_pre_hook(count_batch):  # the training loop need not count
        for line in [title, HEADER, *map(row, history)]:
            show(line)
        yield lambda epoch: show(row(epoch))


class _CellOutput:
    """One output of a notebook cell: lines that stay, and tqdm's latest line below them while it lasts."""

    def __init__(self):
        from IPython.display import display

        self.lines = []
        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def print(self, line):
        self.lines.append(line)
        self.write("")

    def write(self, bar):
        self.handle.update({"text/plain": "\n".join([*self.lines, bar.strip()]).rstrip()}, raw=True)

    def flush(self):
        pass


def _in_notebook():
    """Tell whether a Jupyter or Colab kernel runs this code."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")
