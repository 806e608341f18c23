"""What a run computes on: its data, its device, its threads, its memory; and what keeps its bits the same."""

import contextlib
import ctypes
import sys
from collections.abc import Iterator

import torch
from torch import nn

from src import InputError, data
from src.experiments import Experiment
from src.model import build, check_layer_line


@contextlib.contextmanager
def reproducible(threads: int = 1) -> Iterator[None]:
    """Compute so that the same seed and the same number of threads give the same bits, on the CPU and on CUDA.

    Weights of a dead channel decay to subnormal numbers, with which a CPU is slow: an epoch of D3 took up to six times
    as long. They are zero here, which has changed no bit of its results."""
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


def make_network(experiment: Experiment, device: torch.device, threads: int = 1) -> nn.Module:
    """Make the network of a run on a device, in the memory layout that suits its threads."""
    # In channels_last, MPS has had wrong gradients, a GPU is slower with small networks, several threads no faster, and
    # view() in a network of one's own ends in an error.
    suits = device.type == "cpu" and threads == 1 and not experiment.network
    return build(experiment).to(device, memory_format=torch.channels_last if suits else torch.contiguous_format)


def digits_of(experiment: Experiment, split: str) -> data.Digits:
    """Return the Digits of a split of an experiment's data. Raises InputError as datasets.named.load() does.

    And for other data than MNIST, whose classes only the data tell, if the layer line ends in another number."""
    if experiment.data == data.MNIST.name:
        return data.load(split)
    from src.datasets import named  # most experiments need none

    digits = named.load(experiment.data, split)
    if not experiment.network:
        check_layer_line(experiment.layer_line, len(digits.of.classes), experiment.data)
    return digits


def learned_digits(experiment: Experiment, split: str = "test") -> data.Digits:
    """Return the Digits that an experiment learns from when it is evaluated on a split; their labels are as they are.

    Raises InputError as digits_of() and datasets.named.first() do."""
    digits, wanted = digits_of(experiment, data.TRAINED_ON[split]), experiment.train_images
    if experiment.data == data.MNIST.name:
        return digits[:wanted]
    if wanted == Experiment.train_images:  # the default stands for all, however many there are
        return digits
    from src.datasets import named

    return named.first(digits, wanted)


def choose_device(name: str) -> torch.device:
    """Return the torch.device called "auto", "cuda", "mps" or "cpu". Raises InputError if this machine lacks it."""
    usable = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    if name not in ["auto", *usable]:
        raise InputError(f"no device '{name}' on this machine; use auto or one of: {', '.join(usable)}.")
    return torch.device(usable[0] if name == "auto" else name)


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes; 0 on Windows, which does not tell."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next batch; does nothing where that is not glibc.

    By default glibc returns it and asks for it again page by page, which took Model4 7 % of its CPU time."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "mallopt"):  # musl has none
        for option, size in [(-3, 32 * 2**20), (-1, 256 * 2**20)]:  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of malloc.h
            libc.mallopt(option, size)
