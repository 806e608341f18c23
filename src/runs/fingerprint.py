"""What code does, in five numbers: a record or a checkpoint that other code made is stale, and is not taken for ours.

Code that is only moved or renamed keeps its fingerprint. In double precision that of another processor agrees to nine
digits; in single precision, rounding would decide after a few steps."""

import contextlib
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from src import ROOT, InputError, data
from src.contract import check_training
from src.experiments import Experiment
from src.runs.machine import digits_of, make_network, reproducible
from src.training import evaluate, fit, make_optimizer, predict

# Some of the first training images to learn from, in epochs of two unequal batches, and the others to answer.
EPOCHS, BATCH, LEARNED, IMAGES = 4, 20, 32, 256
CLOSE = 1e-6  # relative; rounding differs by less, any other code by more
STARTED = time.time()  # about when this process read the code


def fingerprint(experiment: Experiment) -> tuple[float, ...]:
    """Return the losses of four epochs of two steps over the whole schedule, and that of the network in the end.

    Always on the CPU; infinity is the last if they do not stay finite. A network of one's own is trained in single
    precision, because it may insist on it: its records stay on the machine that made them."""
    tiny, losses = replace(experiment, epochs=EPOCHS, batch_size=BATCH), []
    digits = digits_of(experiment, "train")[:IMAGES]
    with torch.random.fork_rng(devices=[]), reproducible(), contextlib.ExitStack() as stack:
        if not experiment.network:
            stack.enter_context(_double_precision())
            stack.enter_context(_Dropout())
        torch.default_generator.manual_seed(0)  # and not that of a GPU
        network, few = make_network(tiny, torch.device("cpu")), min(LEARNED, len(digits) // 2)
        learned, others = data.mislabel(digits[:few], tiny.wrong_labels), digits[few:]
        loop = tiny.fit or fit
        check_training(network, tiny, learned)
        try:
            for epoch in loop(network, tiny, learned, optimizer=make_optimizer(tiny, network)):
                losses.append(epoch.train_loss)
            losses.append(evaluate(predict(network, others.images), others.labels)[0])
        except InputError:
            losses.append(math.inf)
    return tuple(float(f"{loss:.10g}") for loss in losses)


def same_code(one: Sequence[float], other: Sequence[float]) -> bool:
    """Say whether two fingerprints are equal but for rounding; an empty one, of an older record, equals none."""
    alike = (math.isclose(*pair, rel_tol=CLOSE) for pair in zip(one, other, strict=False))
    return 0 < len(one) == len(other) and all(alike)


def not_reloaded() -> str | None:
    """Say which files of src and studies were edited after this process read them, and what to do."""
    ours = [module.__file__ for name, module in sys.modules.items() if re.match(r"(src|studies)\b", name)]
    late = [Path(file) for file in ours if file and Path(file).exists() and Path(file).stat().st_mtime > STARTED]
    names = ", ".join(file.relative_to(ROOT).as_posix() for file in late)
    return f"Edited since this process read it: {names}; restart it (the kernel of a notebook)." if late else None


def edited() -> str:
    """Say in brackets which files of src and studies differ from the committed ones; "" for none, or without git."""
    git = ["git", "-C", str(ROOT), "diff", "--name-only", "HEAD", "--", "src", "studies"]
    try:
        names = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return ""
    names = [name for name in names if name.endswith(".py")]
    return f" ({', '.join(names)} differ{'s' * (len(names) == 1)} from what is committed)" if names else ""


@contextlib.contextmanager
def _double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
            yield
    finally:
        torch.set_default_dtype(before)


class _Dropout(TorchDispatchMode):  # that of torch draws other numbers on a processor of another make
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.bernoulli_.float:
            tensor, probability = (*args, 0.5)[:2]  # a probability of 0.5 is left out
            return tensor.copy_(torch.rand(tensor.shape) < probability)
        return func(*args, **kwargs or {})
