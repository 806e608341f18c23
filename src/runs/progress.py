"""What a person sees of runs: a line per epoch, and a bar below them where somebody can watch it."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor, nn
from tqdm import tqdm

from src.data import Digits
from src.experiments import Experiment
from src.training import Epoch

HEADER = "epoch  train loss while learning  train % while learning  test loss  test %  learning rate  seconds"
# In a process that trains for another one: tells it a run's title, how many epochs are finished, whether resumed.
report: Callable[[str, int, bool], None] | None = None


def row(epoch: Epoch) -> str:
    """Return an Epoch as a line below HEADER; accuracies in percent."""
    return (
        f"{epoch.epoch:5}  {epoch.train_loss:25.4f}  {100 * epoch.train_accuracy:22.2f}  "
        f"{epoch.test_loss:9.4f}  {100 * epoch.test_accuracy:6.2f}  {epoch.learning_rate:13.5f}  {epoch.seconds:7.1f}"
    )


def title(name: str, seed: int, split: str) -> str:
    """Return what a run is called above its table, whose test columns are those of the split."""
    return f"{name}, seed {seed}" + ("" if split == "test" else f", evaluated on {split}")


@contextlib.contextmanager
def progress(
    title: str, experiment: Experiment, digits: Digits, network: nn.Module, history: list[Epoch], quiet: bool
) -> Iterator[Callable[[Epoch], None]]:
    """Print the table of a run, with a bar below it; gives a function that prints the line of an Epoch.

    digits: to train on. history: Epochs that a resumed run has behind it. In a terminal the bar is on stderr and
    vanishes at the end. In a notebook table and bar share one output, which keeps the table. Elsewhere there is no bar.
    """
    cell = _CellOutput() if _in_notebook() and not quiet else None
    look = dict(file=cell, ascii=False, ncols=100) if cell else dict(disable=quiet or None)
    batches = math.ceil(len(digits) / experiment.batch_size)  # of an epoch that shows all digits
    size = dict(total=experiment.epochs * batches, initial=len(history) * batches)
    bar = tqdm(desc=title, unit="batch", leave=False, mininterval=0.5, **size, **look)

    def count_batch(called, _):
        if called is network and called.training:  # and not a copy of it, as for ghost batches
            bar.update()

    def show(line, news=""):
        if cell:
            cell.print(line, news)
        elif not quiet:
            tqdm.write(line)
            sys.stdout.flush()

    def show_epoch(epoch):
        bar.n = epoch.epoch * batches  # an epoch may have shown fewer
        accuracies = f"train {100 * epoch.train_accuracy:.2f} % while learning, test {100 * epoch.test_accuracy:.2f} %"
        show(row(epoch), f"epoch {epoch.epoch} of {experiment.epochs}: {accuracies}, {epoch.seconds:.1f} s")
        if report:
            report(title, epoch.epoch, False)

    with contextlib.closing(bar), network.register_forward_pre_hook(count_batch):  # the training loop need not count
        for line in [title, HEADER, *map(row, history)]:
            show(line)
        if report:
            report(title, len(history), True)
        yield show_epoch


class EpochBar(tqdm):
    """A bar over the epochs of many runs, on stderr if that is a terminal or in a notebook, with the time left."""

    def __init__(self, epochs_by_title: dict[str, int]) -> None:
        self.finished = dict.fromkeys(epochs_by_title, 0)
        self.cell = _CellOutput() if _in_notebook() else None
        look = dict(file=self.cell, ascii=False, ncols=100) if self.cell else dict(disable=None)
        how = dict(desc="epochs", unit="epoch", mininterval=0, miniters=1, smoothing=0.05, leave=False)
        super().__init__(total=sum(epochs_by_title.values()), **how, **look)

    def note(self, title: str, finished: int, resumed: bool = False) -> None:
        """Take in how many epochs of a run are finished; resumed: in an earlier sweep, so they say nothing of speed."""
        new = finished - self.finished[title]
        self.finished[title] = finished
        if resumed:
            self.n += new
            self.last_print_n = self.n
        else:
            self.update(new)

    def say(self, line: str) -> None:
        """Print a line that stays."""
        if self.cell:
            self.cell.print(line)
        else:
            self.write(line)


def _in_notebook():  # of Jupyter or Colab
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")


def at_chance(test_accuracy: float, labels: Tensor, classes: Sequence[str]) -> str | None:
    """Say so if an accuracy, a fraction, is no better than one and the same answer for all labels (N,)."""
    share, label = (labels.bincount() / len(labels)).max(dim=0)
    answer = classes[label]
    if test_accuracy > share + 1e-6:  # beyond rounding
        return None
    right = f"{100 * test_accuracy:.2f} % of its answers are right, {100 * share:.2f} % if it answered {answer} always"
    remedy = "try more epochs, a smaller learning rate, a longer warm-up or batch normalization"
    return f"The network has learned nothing: {right}; {remedy}."


class _CellOutput:
    """One output of a notebook cell: lines that stay, and tqdm's latest line below them while it lasts."""

    def __init__(self):
        from IPython.display import display

        self.lines, self.handle = [], display({"text/plain": ""}, raw=True, display_id=True)

    def print(self, line, epoch=""):  # nbconvert_config.py prints the words on an epoch, which are not kept
        self.lines.append(line)
        self.write("", {"epoch": epoch} if epoch else {})

    def write(self, bar, transient=None):
        text = "\n".join([*self.lines, bar.strip()]).rstrip()
        self.handle.update({"text/plain": text}, raw=True, transient=transient)

    def flush(self):
        pass
