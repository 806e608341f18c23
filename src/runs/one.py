"""One run: an experiment and a seed in, a Run out; shown while it trains, resumed after an interruption."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from src import ROOT, InputError, data
from src.checks import check_number
from src.experiments import Experiment
from src.model import build, count_parameters
from src.runs import checkpoints
from src.runs.networks import describe
from src.runs.progress import progress, title
from src.speed.bfloat16 import Bfloat16
from src.speed.dropout import with_fast_dropout
from src.speed.ghost import GhostBatches
from src.speed.memory import keep_freed_memory, peak_memory
from src.studies.names import check_name
from src.training import Epoch, evaluate, fit, make_optimizer, predict

RUNS = ROOT / "runs"  # what this clone ran last, in notebooks or with other epochs; not committed

HELD_OUT = 1 / 12  # of the training images, on which the epoch to keep is chosen, if an experiment keeps the best


@dataclass(frozen=True)
class Run:
    """What one run leaves behind."""

    experiment: Experiment
    seed: int
    split: str  # what it was evaluated on, one of data.TRAINED_ON
    device: str  # "cuda", "mps" or "cpu"
    threads: int
    history: tuple  # of Epochs
    peak_memory: int  # bytes, of the whole process
    train_accuracy: float  # fraction of its training images that the final network gets right, as they are
    logits: torch.Tensor  # (N, 10) float32 on the CPU, of the network on the split
    network: nn.Module  # as the last epoch left it, or as the best one did if that is kept
    own_network: bool  # whether the network was given, and not built from the layer line

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return count_parameters(self.network)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the stop button of a notebook, during a run: what is kept and what to do, in one sentence."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in the place of a traceback."""
        return [f"interrupted: {self}"]


def train(
    experiment: Experiment,
    seed: int = 0,
    network: nn.Module | Callable[[], nn.Module] | None = None,
    split: str = "test",
    device: str = "auto",
    checkpoint: Path | None = None,
    quiet: bool = False,
    threads: int = 1,
) -> Run:
    """Train the network of an experiment from scratch and return the Run.

    seed: from 0 to 2**32 - 1; the same seed and threads on the same machine give the same history, bit for bit.
    network: a network of your own in the place of the layer line's: a module, trained from the weights that it has,
    or a function (a class) that makes one, called after the seed is set.
    split: "test" trains on all 60,000 training images; "validation" on 55,000, and evaluates on the other 5,000;
    "resplit-0" to "resplit-9" train on a random 60,000 of all 70,000 digits, and evaluate on the other 10,000.
    An experiment that keeps the best epoch trains on eleven twelfths of these, and chooses on the last.
    device: "auto" (CUDA, then MPS, then CPU), "cuda", "mps" or "cpu".
    checkpoint: a file that is rewritten after each epoch; the same call resumes the run that it holds, bit for bit,
    and the caller removes it. By default it lies in runs/ and is removed at the end.
    quiet: print nothing, not even a progress bar.
    threads: of a run on the CPU; two are faster than one if no other run wants the cores (see the Speed notebook).
    Committed records have one thread, or one for each ghost batch.
    Raises InputError for a bad seed, split or device, for a changed experiment under the name of one in the catalogue
    and for a training that diverges; Interrupted for Ctrl-C.
    """
    check_name(experiment, own_network=network is not None)
    path = checkpoint or checkpoints.path_of(RUNS, experiment.name, seed, split)
    check_run(seed, split, device, threads)
    device = choose_device(device)
    with reproducible(threads):
        torch.manual_seed(seed)
        own_network = network is not None
        network = make_network(experiment, device, network, threads)
        optimizer = make_optimizer(experiment, network)
        train_digits, held_out = data.load(data.TRAINED_ON[split]).to(device), None
        if experiment.keep_best:
            cut = round(len(train_digits) * (1 - HELD_OUT))
            train_digits, held_out = train_digits[:cut], train_digits[cut:]
        test_digits = data.load(split).to(device)

        identity = repr((experiment, seed, split, device.type, threads, describe(network) if own_network else ""))
        history, best = [], None
        if state := checkpoints.load(path, identity, device):
            network.load_state_dict(state["network"])
            optimizer.load_state_dict(state["optimizer"])
            history, best = state["history"], state["best"]
        heading = title(experiment.name, seed, split)
        try:
            with progress(heading, experiment, len(train_digits), network, history, quiet) as show:
                for epoch in fit(network, experiment, train_digits, test_digits, held_out, optimizer, history):
                    history.append(epoch)
                    if held_out is not None and final_epoch(history) is epoch:
                        best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
                    state = dict(network=network.state_dict(), optimizer=optimizer.state_dict())
                    checkpoints.save(path, identity, state | dict(history=history, best=best), device)
                    show(epoch)
        except KeyboardInterrupt:
            raise Interrupted(
                f"{len(history)} of {experiment.epochs} epochs are finished; run the same again to resume after them."
            ) from None
        if best:
            network.load_state_dict(best)
        if not checkpoint:
            path.unlink(missing_ok=True)
        return Run(
            experiment=experiment,
            seed=seed,
            split=split,
            device=device.type,
            threads=threads * experiment.ghost_batches,
            history=tuple(history),
            peak_memory=peak_memory(),
            train_accuracy=evaluate(predict(network, train_digits.images), train_digits.labels)[1],
            logits=predict(network, test_digits.images).cpu(),
            network=network,
            own_network=own_network,
        )


def check_run(seed: int, split: str, device: str, threads: int = 1) -> None:
    """Raise InputError for a seed, a split, a device or a number of threads that train() refuses."""
    check_number("seed", seed, 0, 2**32 - 1, whole=True)
    check_number("threads", threads, 1, 256, whole=True)
    if split not in data.TRAINED_ON:
        raise InputError(f"cannot evaluate on '{split}'; choose one of {', '.join(data.TRAINED_ON)}.")
    choose_device(device)


@contextlib.contextmanager
def reproducible(threads: int = 1) -> Iterator[None]:
    """Compute so that the same seed and the same number of threads give the same bits.

    On the CPU with one thread (for each ghost batch) by default: sums come out alike however many cores there are,
    and two runs on two cores, a thread each, are done sooner than one after the other with two. On CUDA with
    the convolution algorithms that do not depend on timing.

    Weights of a dead channel decay to subnormal numbers, with which a CPU is slow: D3 took up to six times as long
    for an epoch. They are zero here, which has changed no bit of its results.
    """
    before, deterministic = torch.get_num_threads(), torch.backends.cudnn.deterministic
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    torch.set_flush_denormal(True)
    keep_freed_memory()
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
        torch.backends.cudnn.deterministic = deterministic


def make_network(
    experiment: Experiment,
    device: torch.device,
    network: nn.Module | Callable[[], nn.Module] | None = None,
    threads: int = 1,
) -> nn.Module:
    """Make the network of a run on a device, in the memory layout that suits its threads."""
    if network is None:
        network = with_fast_dropout(build(experiment))
    elif not isinstance(network, nn.Module):
        network = network()
    # In channels_last, batch normalization has had wrong gradients on MPS. A GPU is slower with it for small networks;
    # several threads are no faster.
    layout = torch.channels_last if device.type == "cpu" and threads == 1 else torch.contiguous_format
    network = network.to(device, memory_format=layout)
    network = Bfloat16(network) if experiment.bfloat16 else network
    return network if experiment.ghost_batches == 1 else GhostBatches(network, experiment.ghost_batches)


def final_epoch(history: list[Epoch]) -> Epoch:
    """Return the Epoch whose network a run ends with: the last, or the first best one on held-out images."""
    if history[-1].held_out_accuracy is None:
        return history[-1]
    return max(history, key=lambda epoch: epoch.held_out_accuracy)


def choose_device(name: str) -> torch.device:
    """Return the torch.device called "auto", "cuda", "mps" or "cpu". Raises InputError if this machine lacks it."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [device for device in available if available[device]]
    if name not in ["auto", *usable]:
        raise InputError(f"no device '{name}' on this machine; use auto or one of: {', '.join(usable)}.")
    return torch.device(usable[0] if name == "auto" else name)
