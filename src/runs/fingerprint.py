"""What code does, in nine numbers: a record or a checkpoint that other code made is stale, and is not taken for ours.

Code that is only moved or renamed keeps its fingerprint. In double precision that of another processor agrees to nine
digits; in single precision, rounding would decide after a few steps."""

import contextlib
import math
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from src import ROOT, InputError, data
from src.experiments import Experiment
from src.runs.machine import make_network, reproducible
from src.training import evaluate, fit, make_optimizer, predict

STEPS, BATCH, IMAGES = 8, 32, 256  # the first of the training images: one batch to learn from, the others to answer
CLOSE = 1e-6  # relative; rounding differs by less, any other code by more


def fingerprint(experiment: Experiment) -> tuple[float, ...]:
    """Return the losses of a training of eight steps over the whole schedule, and that of its network in the end.

    Always on the CPU; fewer losses if they do not stay finite. A network of one's own is trained in single precision,
    because it may insist on it: its records stay on the machine that made them."""
    tiny, losses = replace(experiment, epochs=STEPS, batch_size=BATCH), []
    with torch.random.fork_rng(devices=[]), reproducible(), contextlib.ExitStack() as stack:
        if not experiment.network:
            stack.enter_context(_double_precision())
        stack.enter_context(_Dropout())
        torch.manual_seed(0)
        network, digits = make_network(tiny, torch.device("cpu")), data.load("train")[:IMAGES]
        loop = tiny.fit or fit
        with contextlib.suppress(InputError):
            for epoch in loop(network, tiny, digits[:BATCH], optimizer=make_optimizer(tiny, network)):
                losses.append(epoch.train_loss)
            losses.append(evaluate(predict(network, digits[BATCH:].images), digits[BATCH:].labels)[0])
    return tuple(float(f"{loss:.10g}") for loss in losses)


def same_code(one: Sequence[float] | None, other: Sequence[float]) -> bool:
    """Say whether two fingerprints are equal but for rounding; None is that of a record which has none."""
    alike = (math.isclose(*pair, rel_tol=CLOSE) for pair in zip(one or (), other, strict=False))
    return one is not None and len(one) == len(other) and all(alike)


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
    torch.set_default_dtype(torch.float64)
    try:
        with mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
            yield
    finally:
        torch.set_default_dtype(torch.float32)


class _Dropout(TorchDispatchMode):  # that of torch draws other numbers on a processor of another make
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.bernoulli_.float:
            return args[0].copy_(torch.rand(args[0].shape) < args[1])
        return func(*args, **kwargs or {})
