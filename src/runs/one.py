"""One run: an experiment and a seed in, a Run out; shown while it trains, resumed after an interruption."""

import functools
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from src import InputError, data
from src.checks import check_number
from src.contract import check_network
from src.data import MNIST, Digits
from src.experiments import Experiment
from src.model import count_parameters
from src.runs import checkpoints, files
from src.runs.fingerprint import fingerprint, not_reloaded
from src.runs.machine import choose_device, digits_of, learned_digits, make_network, peak_memory, reproducible
from src.runs.names import check_name
from src.runs.progress import at_chance, progress, title
from src.runs.records import RUNS, Record, coded, definition, hash_of, recorded, save
from src.training import Epoch, evaluate, fit, make_optimizer, predict


@dataclass(frozen=True)
class Run:
    """What one run leaves behind."""

    experiment: Experiment
    seed: int
    split: str  # what it was evaluated on, one of data.TRAINED_ON
    device: str  # "cuda", "mps" or "cpu"
    threads: int
    history: tuple[Epoch, ...]
    train_accuracy: float  # fraction of its training images that the final network gets right, as they are
    logits: torch.Tensor  # (N, classes) float32 on the CPU, of the network on the split
    network: nn.Module  # as the last epoch left it, or as the best one did if that is kept
    fingerprint: tuple[float, ...]  # of the code that trained it, see fingerprint.py
    test_digits: Digits  # of the split, on the CPU

    @property
    def record(self) -> Record:
        """What is kept of this run."""
        fields, others = definition(self.experiment, self.network), ("experiment", "logits", "network", "test_digits")
        same = {name: value for name, value in vars(self).items() if name not in others}
        of = self.test_digits.of
        if of.name != MNIST.name:
            same |= dict(labels=coded(self.test_digits.labels), classes=of.classes)
        return Record(
            **same,
            experiment=self.experiment.name,
            definition=fields,
            definition_hash=hash_of(fields),
            parameters=count_parameters(self.network),
            versions={"python": platform.python_version(), "torch": torch.__version__},
            data_hash=of.hash,
            wall_seconds=round(sum(epoch.seconds for epoch in self.history), 1),
            cpu_seconds=round(sum(epoch.cpu_seconds for epoch in self.history), 1),
            peak_memory_mib=peak_memory() // 2**20,
            predictions=coded(self.logits.argmax(dim=1)),
        )


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the stop button of a notebook, during a run: what is kept and what to do, in one sentence."""

    def _render_traceback_(self):  # as InputError
        return [f"interrupted: {self}"]


def train(
    experiment: Experiment,
    seed: int = 0,
    split: str = "test",
    device: str = "auto",
    checkpoint: Path | None = None,
    quiet: bool = False,
    threads: int = 1,
    digits: tuple[Digits, Digits] | None = None,
) -> Run:
    """Train the network of an experiment from scratch and return the Run.

    seed: from 0 to 2**32 - 1; the same seed and threads on the same machine give the same history, bit for bit.
    split: what it is evaluated on: "test", "validation" or "resplit-0" to "resplit-9"; it trains on the other digits.
    digits: to learn from and to be tested on, in the place of the experiment's data; of data="given" the labels say how
    many classes there are, or datasets.named.given(), which names them.
    device: "auto" (CUDA, then MPS, then CPU), "cuda", "mps" or "cpu". threads: of a run on the CPU; two are faster
    than one if no other run wants the cores. quiet: print nothing, not even a progress bar.
    checkpoint: a file that is rewritten after each epoch; the same call resumes the run that it holds, bit for bit,
    and the caller removes it. By default it lies in runs/ and is removed at the end.
    Raises InputError for a bad seed, split or device, for a changed experiment under the name of one of the series,
    for a network of one's own that cannot be trained, for data that is missing or has other classes than the network,
    and for a training that diverges; Interrupted for Ctrl-C."""
    if digits is not None:
        experiment = replace(experiment, data=_name_of(digits, counted=experiment.data == "given"))
    check_name(experiment)
    device, test_digits = check_run(seed, split, device, threads), digits_of(experiment, split)
    learned, made_by = learned_digits(experiment, split), fingerprint(experiment)
    path = checkpoint or checkpoints.path_of(RUNS, experiment.name, seed, split)
    with reproducible(threads):
        torch.manual_seed(seed)
        network = make_network(experiment, device, threads)
        hints = [not_reloaded(), check_network(network, device, len(test_digits.of.classes))]
        for hint in [] if quiet else filter(None, hints):
            print(hint)
        optimizer = make_optimizer(experiment, network)
        train_digits = data.mislabel(learned, experiment.wrong_labels).to(device)
        others = [test_digits.of.hash] * (experiment.data != MNIST.name)  # a folder may change
        identity = repr((experiment.name, definition(experiment, network), seed, split, device.type, threads, *others))
        history, memory = [], {}  # memory: what an experiment's own fit() keeps from one epoch for the next ones
        if state := checkpoints.load(path, identity, made_by, device):
            network.load_state_dict(state["network"])
            optimizer.load_state_dict(state["optimizer"])
            history, memory = state["history"], state["memory"]
        loop = functools.partial(experiment.fit, memory=memory) if experiment.fit else fit
        test_digits = test_digits.to(device)
        shown = progress(title(experiment.name, seed, split), experiment, train_digits, network, history, quiet)
        try:
            with shown as show:
                for epoch in loop(network, experiment, train_digits, test_digits, optimizer, len(history)):
                    history.append(epoch)
                    state = dict(network=network.state_dict(), optimizer=optimizer.state_dict())
                    state |= dict(history=history, memory=memory, made_by=made_by)
                    checkpoints.save(path, identity, state, device)
                    show(epoch)
        except KeyboardInterrupt:
            finished = f"{len(history)} of {experiment.epochs} epochs are finished"
            raise Interrupted(f"{finished}; run the same again to resume after them.") from None
        if not checkpoint:
            path.unlink(missing_ok=True)
        learned = learned[: round(len(learned) * (1 - experiment.held_out))].to(device)  # with labels that are right
        _, train_accuracy = evaluate(predict(network, learned.images), learned.labels)
        logits, history = predict(network, test_digits.images).cpu(), tuple(history)
        if (hint := at_chance(history[-1].test_accuracy, test_digits.labels, test_digits.of.classes)) and not quiet:
            print(hint)
        used = threads * experiment.ghost_batches  # each ghost batch has threads of its own
        what = (experiment, seed, split, device.type, used, history, train_accuracy, logits, network, made_by)
        return Run(*what, test_digits.to(torch.device("cpu")))


def _name_of(digits, counted):  # the name that digits of one's own get as data; counted: labels say the classes
    from src.datasets import named  # most runs need none

    if not isinstance(digits, tuple | list) or [type(each) for each in digits] != [Digits, Digits]:
        raise InputError("digits must be two Digits: digits=(those to learn from, those to be tested on).")
    labels = torch.cat([each.labels.cpu() for each in digits])
    own = counted and digits[0].of == MNIST and len(labels)
    return named.given(*digits, range(int(labels.max()) + 1) if own else ())[0].of.name


def run_one(experiment: Experiment, seed: int, folder: Path, split: str = "test", **how: Any) -> Record:
    """Return the Record of one run below a folder; if it is not there, train it as train() is told, and save it.

    Of two processes that want the same run at once, the second waits for the first and takes its record."""
    checkpoint = checkpoints.path_of(folder, experiment.name, seed, split)
    with files.lock(checkpoint.with_suffix("")):
        if found := recorded(experiment, [seed], folder, split, quiet=True):
            return found[seed]
        record = train(experiment, seed, split, checkpoint=checkpoint, **how).record
        save(record, folder)
        checkpoint.unlink(missing_ok=True)
        return record


def check_run(seed: int, split: str, device: str, threads: int = 1) -> torch.device:
    """Return the device; raise InputError for a seed, a split, a device or a number of threads that is refused."""
    check_number("seed", seed, 0, 2**32 - 1, whole=True)
    check_number("threads", threads, 1, 256, whole=True)
    if split not in data.TRAINED_ON:
        raise InputError(f"cannot evaluate on '{split}'; choose one of {', '.join(data.TRAINED_ON)}.")
    return choose_device(device)
