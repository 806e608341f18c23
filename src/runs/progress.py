"""What a person sees of runs: a line per epoch, and a bar below them where somebody can watch it."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator

from torch import nn
from tqdm import tqdm

from src.experiments import Experiment
from src.training import Epoch, passes

HEADER = "epoch  train loss  train %  test loss  test %  learning rate  seconds"
CELL_COLUMNS = 100  # what the output of a notebook's cell has room for

# In a process that trains for another one: tells that one the title of the run, how many of its epochs are
# finished, and whether that is what it resumes.
report: Callable[[str, int, bool], None] | None = None


def row(epoch: Epoch) -> str:
    """Return an Epoch as a line below HEADER; accuracies in percent."""
    return (
        f"{epoch.epoch:5}  {epoch.train_loss:10.4f}  {100 * epoch.train_accuracy:7.2f}  "
        f"{epoch.test_loss:9.4f}  {100 * epoch.test_accuracy:6.2f}  {epoch.learning_rate:13.5f}  {epoch.seconds:7.1f}"
    )


def sentence(epoch: Epoch, epochs: int) -> str:
    """Return an Epoch of a run of so many as a line that needs no HEADER."""
    return (
        f"epoch {epoch.epoch} of {epochs}: train {100 * epoch.train_accuracy:.2f} %, "
        f"test {100 * epoch.test_accuracy:.2f} %, {epoch.seconds:.1f} s"
    )


def title(name: str, seed: int, split: str) -> str:
    """Return what a run is called above its table, whose test columns are those of the split."""
    return f"{name}, seed {seed}" + ("" if split == "test" else f", evaluated on {split}")


@contextlib.contextmanager
def progress(
    title: str, experiment: Experiment, images: int, network: nn.Module, history: list[Epoch], quiet: bool
) -> Iterator[Callable[[Epoch], None]]:
    """Print the table of a run, with a bar below it; gives a function that prints the line of an Epoch.

    images: that there are to train on. history: Epochs that a resumed run has behind it. quiet: print nothing.
    In a terminal the bar is on stderr and vanishes at the end. In a notebook table and bar share one
    output that is rewritten in place and keeps the table. Elsewhere there is only the table.
    """
    cell = _CellOutput() if _in_notebook() and not quiet else None
    batches = math.ceil(images / experiment.batch_size)  # of a whole pass
    bar = tqdm(
        total=round(passes(experiment, experiment.epochs) * batches),
        initial=round(passes(experiment, len(history)) * batches),
        desc=title,
        unit="batch",
        file=cell or sys.stderr,
        ascii=False if cell else None,  # None: as the terminal is able to
        ncols=CELL_COLUMNS if cell else None,
        disable=True if quiet else False if cell else None,  # None: only on a terminal
        leave=False,
        mininterval=0.5,
    )

    def count_batch(network, _):
        if network.training:
            bar.update()

    def show(line, news=""):
        if cell:
            cell.print(line, news)
        elif not quiet:
            tqdm.write(line)
            sys.stdout.flush()

    def show_epoch(epoch):
        show(row(epoch), sentence(epoch, experiment.epochs))
        if report:
            report(title, epoch.epoch, False)

    with contextlib.closing(bar), network.register_forward_pre_hook(count_batch):  # the training loop need not count
        for line in [title, HEADER, *map(row, history)]:
            show(line)
        if report:
            report(title, len(history), True)
        yield show_epoch


class EpochBar(tqdm):
    """A bar over the epochs of many runs, on stderr if that is a terminal, with the time that is left."""

    def __init__(self, epochs_by_title: dict[str, int]) -> None:
        self.finished = dict.fromkeys(epochs_by_title, 0)
        how = dict(desc="epochs", unit="epoch", mininterval=0, miniters=1, smoothing=0.05, disable=None, leave=False)
        super().__init__(total=sum(epochs_by_title.values()), **how)

    def note(self, title: str, finished: int, resumed: bool = False) -> None:
        """Take in how many epochs of a run are finished; resumed: in an earlier sweep, so they say nothing of speed."""
        new = finished - self.finished[title]
        self.finished[title] = finished
        if resumed:
            self.n += new
            self.last_print_n = self.n
        else:
            self.update(new)


class _CellOutput:
    """One output of a notebook cell: lines that stay, and tqdm's latest line below them while it lasts."""

    def __init__(self):
        from IPython.display import display

        self.lines = []
        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def print(self, line, epoch=""):
        """Add a line; src/execute.py reads the sentence on an epoch, which is sent along but not kept."""
        self.lines.append(line)
        self.write("", {"epoch": epoch} if epoch else {})

    def write(self, bar, transient=None):
        text = "\n".join([*self.lines, bar.strip()]).rstrip()
        self.handle.update({"text/plain": text}, raw=True, transient=transient)

    def flush(self):
        pass


def _in_notebook():
    """Tell whether a Jupyter or Colab kernel runs this code."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")
