"""What goes into a network and comes out of it: whatever people have is taken, or refused in one sentence."""

import copy
import inspect
import math
import traceback
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from src import InputError
from src.checks import Checked, kind_of  # Checked stands for Experiment, which needs this module
from src.data import MNIST, DataSet, Digits, normalize


def as_images(images: Tensor, dark: bool = False) -> Tensor:
    """Return images of shape (28, 28), (N, 28, 28) or (N, 1, 28, 28) as (N, 1, 28, 28) pixels.

    dark: whether uint8 images may be dark. Raises InputError for other shapes, and for values as pixels() does."""
    shape = getattr(images, "shape", ())
    if shape not in [(28, 28), (*shape[:1], 28, 28), (*shape[:1], 1, 28, 28)]:
        raise InputError(f"images must be of shape (28, 28), (N, 28, 28) or (N, 1, 28, 28), not {kind_of(images)}.")
    images = pixels(images if isinstance(images, Tensor) else torch.from_numpy(np.array(images)), dark)
    return images if images.ndim == 4 else images.reshape(-1, 1, 28, 28)


def pixels(images: Tensor, dark: bool = False) -> Tensor:
    """Return values of any shape as they are if they are uint8, else as float32; times 255 if none is above 1.

    images: a mask of 0 and 1, bool too; fractions from 0 to 1; or numbers from 0 to 255, some of them above 127, but
    for dark uint8 pictures. Raises InputError for other values, those of normalized images for example."""
    images = images if images.dtype == torch.uint8 else images.float()
    low, high = torch.stack([images.min(), images.max()]).tolist() if images.numel() else (0, 0)  # a GPU waits once
    if -1e-3 <= low and high <= 1.001:  # rounding
        return 255 * images.clamp(0, 1)
    if 0 <= low and high <= 255 and (high > 127 or dark and images.dtype == torch.uint8):
        return images
    if low < 0:
        hint = "they look normalized, and predict() normalizes by itself"
    elif math.isfinite(high):
        hint = f"divide them by {high:g} if that is full brightness"
    else:
        hint = "replace nan and infinity"
    accepted = "pixels must be numbers from 0 to 1, or from 0 to 255 with some above 127"
    raise InputError(f"{accepted}; these are from {low:.5g} to {high:.5g}: {hint}.")


def is_optimizer(value: object) -> bool:
    """Say whether a value is settings of an experiment, or a class of torch.optim that trains any network by gradients.

    A partial gives the class its settings, but for lr: the schedule sets it."""
    kind, settings = getattr(value, "func", value), getattr(value, "keywords", {})
    if isinstance(value, Checked):
        return True
    if getattr(torch.optim, getattr(kind, "__name__", ""), None) is not kind or getattr(value, "args", ()):
        return False
    try:
        inspect.signature(kind).bind([], **settings)
    except (TypeError, ValueError):
        return False
    return "lr" not in settings and kind.__name__ not in ("Optimizer", "LBFGS", "SparseAdam", "Muon")


def is_schedule(value: object) -> bool:
    """Say whether a value is a schedule, or a function that gives rates from 0 to 10 where it is tried."""
    try:
        hash(value)
        return isinstance(value, Checked) or all(0 <= float(value(done)) <= 10 for done in (0.0, 0.5, 1.0))
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return False


def own(make: Callable, classes: int | None = 10) -> nn.Module:
    """Make a network of one's own and try it on two images, which sets the shapes of lazy modules, too.

    Raises InputError for what make() needs or gives, and as check_network() does."""
    name = getattr(make, "__name__", type(make).__name__)
    try:
        inspect.signature(make).bind()
    except TypeError as error:
        remedy = f"give the values: network=lambda: {name}(...)"
        raise InputError(f"the network {name} must be made without arguments ({error}); {remedy}.") from error
    network = make()
    if not isinstance(network, nn.Module):
        raise InputError(f"the network {name} must be or give an nn.Module, not {type(network).__name__}.")
    with torch.random.fork_rng(devices=[]):
        if set(network.parameters()) & set(() if inspect.isclass(make) else make().parameters()):
            raise InputError(f"the network {name} must be a new one for each run: make it inside the function.")
    check_network(network, classes=classes)
    return network.train()


def check_logits(logits: Tensor, of: DataSet) -> None:
    """Raise InputError unless logits (N, C) are one for each class of the data that their network learned from."""
    if logits.shape[1:] != (len(of.classes),):
        gives = f"{of.name} has {len(of.classes)} classes, and the network gives {logits.shape[-1]} logits"
        raise InputError(f"{gives}; say what it learned from: network.learned_from = digits.of.")


@torch.no_grad()
def check_network(network: nn.Module, device: torch.device | str = "cpu", classes: int | None = 10) -> str | None:
    """Try a network on two images; return a hint if it gives probabilities in the place of logits.

    classes: how many logits it must give; None if that is not known yet.
    Raises InputError, which says what it must take and give, for a network that cannot be trained."""
    name, must = type(network).__name__, f"must take images (N, 1, 28, 28) and give (N, {classes or 'classes'}) logits"
    values = torch.linspace(-0.4, 2.8, 2 * 28**2, device=device)
    try:
        logits, again = (network.eval()(values.reshape(2, 1, 28, 28)) for _ in range(2))
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [frame for frame in frames if frame.filename != __file__ and "torch" not in frame.filename]
        where = f" at line {theirs[-1].lineno}, {theirs[-1].line}" if theirs else ""
        why = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise InputError(f"the network {name} {must}; with two images it fails{where}: {why}.") from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or logits.shape != (2, classes or logits.shape[1]):
        remedy = "; end it with nn.Flatten()" if getattr(logits, "ndim", 0) == 4 else ""
        remedy = "; let forward() return the logits" if logits is None else remedy
        raise InputError(f"the network {name} {must}; for two images it gives {kind_of(logits)}{remedy}.")
    parts = [(key, value) for module in network.modules() for key, value in vars(module).items() if key[0] != "_"]
    for key, value in parts:
        held = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        if any(isinstance(part, nn.Module) and part not in set(network.modules()) for part in held):
            remedy = "which torch neither trains nor saves; use nn.ModuleList or nn.ModuleDict"
            raise InputError(f"{name}.{key} is a {type(value).__name__} of layers, {remedy}.")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError(f"the network {name} has no parameters that can be trained.")
    if not torch.allclose(logits, again, equal_nan=True):
        remedy = "switch dropout and noise off where self.training is False, as nn.Dropout does"
        raise InputError(f"the network {name} gives other logits each time for the same images; {remedy}.")
    if logits.min() >= 0 and torch.allclose(logits.sum(dim=1), torch.ones_like(logits[:, 0])):
        return f"The network {name} gives probabilities; leave the softmax at its end out: the loss has one."
    return None


def check_training(
    network: nn.Module, experiment: Checked, train_digits: Digits, test_digits: Digits | None = None
) -> None:
    """Raise InputError for digits and labels that are no such, and for a network that cannot learn from them."""
    check_network(network, train_digits.images.device, classes := len(train_digits.of.classes))
    if not len(train_digits):
        raise InputError(f"{experiment.name}: there are no digits to learn from.")
    if as_images(train_digits.images, dark=train_digits.of != MNIST).max() > train_digits.images.max():
        raise InputError(f"{experiment.name}: the pixels to learn from are 0 and 1; multiply them by 255.")
    if test_digits and test_digits.of != train_digits.of:
        both = f"the digits to learn from are of {train_digits.of.name}, those of the test of {test_digits.of.name}"
        raise InputError(f"{experiment.name}: {both}; take both from the same data.")
    for digits in filter(len, [train_digits, test_digits or []]):
        low, high = torch.stack([digits.labels.min(), digits.labels.max()]).tolist()
        if low < 0 or high >= classes:
            raise InputError(f"labels must be from 0 to {classes - 1}, not from {low} to {high}.")
    if 1 in (experiment.batch_size, len(train_digits)):
        try:
            with torch.random.fork_rng():  # the training draws what it would have drawn
                copy.deepcopy(network).train()(normalize(train_digits.images[:1], train_digits.of))
        except ValueError as error:
            complaint = "its batch normalization cannot learn from one image; take batch_size=2 or more"
            raise InputError(f"{experiment.name}: {complaint}.") from error
