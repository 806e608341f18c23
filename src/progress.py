"""What a person sees while a run is going on: a tqdm bar that leaves nothing but a clean table behind."""

import sys

from tqdm import tqdm

HEADER = "epoch  train loss  train %  test loss  test %  learning rate  seconds"


def row(epoch):
    """An Epoch as a line below HEADER; accuracies in percent."""
    return (
        f"{epoch.epoch:5}  {epoch.train_loss:10.4f}  {100 * epoch.train_accuracy:7.2f}  "
        f"{epoch.test_loss:9.4f}  {100 * epoch.test_accuracy:6.2f}  {epoch.learning_rate:13.5f}  {epoch.seconds:7.1f}"
    )


def title(name, seed, split):
    """What a run is called above its table, whose test columns are the validation split's in a run for choosing."""
    return f"{name}, seed {seed}" + ("" if split == "test" else f", evaluated on {split}")


def table(record):
    """The table of a whole Record, as Progress prints it epoch by epoch."""
    return "\n".join([title(record.experiment, record.seed, record.split), HEADER, *map(row, record.history)])


class Progress:
    """Context manager around the epochs of one run: prints the table, and a bar below it for whoever watches.

    In a terminal the bar is on stderr and vanishes at the end. In a notebook table and bar share one
    output that is rewritten in place and keeps the table. Elsewhere there is only the table.
    """

    def __init__(self, title, epochs, batches, history=(), quiet=False):
        """title: of the run; batches: per epoch; history: Epochs that an interrupted run has behind it."""
        self.title, self.epochs, self.quiet = title, epochs, quiet
        self.cell = _CellOutput() if _in_notebook() and not quiet else None
        self.bar = tqdm(
            total=epochs * batches,
            initial=len(history) * batches,
            desc=title,
            unit="batch",
            file=self.cell or sys.stderr,
            disable=True if quiet else False if self.cell else None,  # None: only on a terminal
            leave=False,
            mininterval=0.5,
        )
        self.seen = 0
        for line in [title, HEADER, *map(row, history)]:
            self._print(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()

    def finish_batch(self, epoch, loss_sum, correct, images):
        """Advance by a batch; loss_sum and correct are this epoch's sums so far, on the device."""
        self.seen += images
        if self.bar.update():
            self.bar.set_description(f"{self.title}, epoch {epoch + 1}/{self.epochs}", refresh=False)
            self.bar.set_postfix(
                loss=f"{loss_sum.item() / self.seen:.4f}", accuracy=f"{100 * correct.item() / self.seen:.2f}%"
            )

    def finish_epoch(self, epoch):
        """Print the line of an Epoch."""
        self.seen = 0
        self._print(row(epoch))

    def _print(self, line):
        if self.cell:
            self.cell.print(line)
        elif not self.quiet:
            tqdm.write(line)
            sys.stdout.flush()


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
    """Whether a Jupyter or Colab kernel runs this code."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")
