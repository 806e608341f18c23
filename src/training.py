"""The loop: a network, an experiment and digits in, an Epoch out after every pass over the training images."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src import InputError
from src.augment import augment
from src.checks import Checked
from src.contract import as_images, check_training
from src.data import MNIST, Digits, data_of, normalize
from src.experiments import Experiment


@dataclass(frozen=True)
class Epoch:
    """One line of a history. Losses are mean cross-entropies in nats, accuracies fractions of 1."""

    epoch: int  # counted from 1
    train_loss: float  # running: while the network changes, on the images as it sees them, augmented and with dropout
    train_accuracy: float  # likewise
    test_loss: float | None  # after the epoch, without either; None without test digits
    test_accuracy: float | None
    learning_rate: float  # of the last step
    seconds: float  # of training and of evaluation on the test digits, by the clock
    cpu_seconds: float  # the same, by all threads of the process
    held_out_accuracy: float | None = None  # on the images that a study chooses its final epoch on


class Batch(NamedTuple):
    """What one step of the optimizer learns from."""

    indices: Tensor  # (B,) of training images
    learning_rate: float
    augmented: bool


def plan_epoch(
    experiment: Experiment, epoch: int, shown: Tensor, span: tuple[float, float, float] | None = None
) -> Iterator[Batch]:
    """Draw the order in which an epoch, counted from 0, shows images (indices (N,)), and plan the step of each batch.

    span: how much of the training is over before and after the epoch, and how much there is; by default in epochs."""
    if experiment.fit and not span:
        raise InputError(f"{experiment.name} has techniques of studies/recipes.py: train it with experiment.fit().")
    before, after, whole = span or (epoch, epoch + 1, experiment.epochs)
    batches = list(shown[torch.randperm(len(shown), device=shown.device)].split(experiment.batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:  # batch normalization may be unable to learn from one image
        batches[-2:] = [torch.cat(batches[-2:])]
    for i, indices in enumerate(batches):
        done = (before + (after - before) * (i + 0.5) / len(batches)) / whole
        augmented = experiment.augmentation is not None and done < experiment.augmentation.until
        yield Batch(indices, experiment.learning_rate(done, epoch), augmented)


def fit(
    network: nn.Module,
    experiment: Experiment,
    train_digits: Digits,
    test_digits: Digits | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    start: int = 0,
    plan: Callable[[int], Iterable[Batch]] | None = None,
    loss_of: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
) -> Iterator[Epoch]:
    """Train a network and yield an Epoch after each pass over the training digits.

    network: takes (N, 1, 28, 28) floats and gives (N, 10) logits, one a class, on the device of the digits.
    optimizer, start: those of a training to resume, and how many of its epochs are finished.
    plan, loss_of: give the batches of an epoch, and the loss of logits (N, 10) and labels (N,).
    Raises InputError when the loss is no longer finite, and as check_training() does."""
    check_training(network, experiment, train_digits, test_digits)
    optimizer = optimizer or make_optimizer(experiment, network)
    network.learned_from = train_digits.of  # predict() needs its mean, answers its classes
    everything = torch.arange(len(train_digits), device=train_digits.labels.device)
    plan = plan or (lambda epoch: plan_epoch(experiment, epoch, everything))
    for epoch in range(start, experiment.epochs):
        began, cpu_began = time.perf_counter(), time.process_time()
        loss_sum = correct = seen = 0  # on the device: a GPU need not wait for the host
        network.train()
        for batch in plan(epoch):
            images = train_digits.images[batch.indices].float()
            labels = train_digits.labels[batch.indices]
            if batch.augmented:
                images = augment(images, experiment.augmentation, background=train_digits.of.background)

            logits = network(normalize(images, train_digits.of))
            loss = loss_of(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            for group in optimizer.param_groups:
                group["lr"] = batch.learning_rate
            optimizer.step()

            loss_sum += loss.detach() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum()
            seen += len(labels)

        check_finite(loss_sum, experiment, epoch)
        train_figures = loss_sum.item() / seen, correct.item() / seen
        test_figures = None, None
        if test_digits:
            test_figures = evaluate(predict(network, test_digits.images), test_digits.labels)
        seconds = time.perf_counter() - began, time.process_time() - cpu_began
        yield Epoch(epoch + 1, *train_figures, *test_figures, batch.learning_rate, *seconds)


def check_finite(loss_sum: Tensor, experiment: Experiment, epoch: int) -> None:
    """Raise InputError for a sum of losses that is no longer finite."""
    if not math.isfinite(loss_sum):
        remedy = "try a smaller learning rate, a longer warm-up or batch normalization."
        raise InputError(f"{experiment.name}: the loss is no longer finite in epoch {epoch + 1}; {remedy}")


def make_optimizer(experiment: Experiment, network: nn.Module) -> torch.optim.Optimizer:
    """Make the optimizer of an experiment for the parameters of a network; fit() sets its learning rate."""
    make = experiment.optimizer
    if isinstance(make, Checked):
        make = partial(getattr(torch.optim, type(make).__name__), **vars(make), fused=True)
    return make(network.parameters())


@torch.no_grad()
def predict(network: nn.Module, images: Tensor) -> Tensor:
    """Return logits (N, 10), one a class, for images, without dropout, with the running statistics.

    images: those of Digits, or as contract.as_images() takes them, on any device. Raises InputError as that does."""
    of = data_of(network)
    images = as_images(images, dark=of != MNIST)
    images = images.to(next(network.parameters(), images).device)
    network.eval()  # 250 images at a time: four times as many take 90 MB more and no less time
    return torch.cat([network(normalize(batch, of)) for batch in images.split(250)])


def evaluate(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy as a fraction; logits (N, 10), labels (N,)."""
    return F.cross_entropy(logits, labels).item(), (logits.argmax(dim=1) == labels).sum().item() / len(labels)
