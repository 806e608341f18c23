"""The loop: a network, an experiment and digits in, an Epoch out after every pass over the training images.

What surrounds a run (resume, keeping the best epoch, progress, records) acts between two epochs: see runs/one.py.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from src import InputError
from src.augment import augment
from src.data import Digits, normalize
from src.experiments import SGD, Adam, AdamW, Constant, Experiment, OneCycle, Plateau, StepDecay

EVALUATION_BATCH = 250  # images at a time: four times as many take 90 MB more and no less time


@dataclass(frozen=True)
class Epoch:
    """One line of a history. Losses are mean cross-entropies in nats, accuracies fractions of 1.

    The training figures are taken while learning, on the images as the network saw them: augmented and with
    dropout. The test figures are taken after the epoch, without either, on the split that the run evaluates on;
    they are None where fit() is given no test digits.
    """

    epoch: int  # counted from 1
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    learning_rate: float  # of the last step
    seconds: float  # training and evaluation, by the clock
    cpu_seconds: float  # the same, by all threads of the process
    held_out_accuracy: float | None = None  # on training images held out to choose the epoch that is kept
    # Indices (K,) of the training images that later epochs show, where these are not all; records leave them out.
    hardest: torch.Tensor | None = field(default=None, repr=False, compare=False)


def fit(
    network: nn.Module,
    experiment: Experiment,
    train_digits: Digits,
    test_digits: Digits | None = None,
    held_out: Digits | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    history: Sequence[Epoch] = (),
) -> Iterator[Epoch]:
    """Train a network and yield an Epoch after each pass over the training digits.

    network: any module that takes (N, 1, 28, 28) floats and gives (N, 10) logits, on the device of the digits.
    test_digits: what it is evaluated on after each epoch, if anything.
    optimizer, history: those of a training to resume; by default a new one starts.
    Raises InputError when the loss is no longer finite.
    """
    optimizer = optimizer or make_optimizer(experiment, network)
    history, device = list(history), train_digits.labels.device
    hardest = history[-1].hardest if history else None
    for epoch in range(len(history), experiment.epochs):
        start, cpu_start = time.perf_counter(), time.process_time()
        accuracies = [past.train_accuracy if held_out is None else past.held_out_accuracy for past in history]
        shown = torch.arange(len(train_digits), device=device) if hardest is None else hardest.to(device)
        order = shown[torch.randperm(len(shown), device=device)]
        batches, kept = order.split(experiment.batch_size), []
        before, after, whole = (passes(experiment, epochs) for epochs in (epoch, epoch + 1, experiment.epochs))
        # Sums stay on the device, so that a GPU need not wait for the host after each batch.
        loss_sum, correct = order.new_zeros((), dtype=torch.float32), order.new_zeros(())
        network.train()
        for i, batch in enumerate(batches):
            done = (before + (after - before) * (i + 0.5) / len(batches)) / whole
            images, labels = train_digits.images[batch].float(), train_digits.labels[batch]
            if experiment.augmentation and done < experiment.augmentation.until:
                images = augment(images, experiment.augmentation)

            logits = network(normalize(images))
            loss = F.cross_entropy(logits, labels, label_smoothing=experiment.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(experiment.schedule, done, experiment.epochs, accuracies)
            optimizer.step()

            loss_sum += loss.detach() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum()
            if experiment.hardest < 1 and epoch == 0:  # later epochs show only the largest losses of each batch
                losses = F.cross_entropy(logits.detach(), labels, reduction="none")
                places = losses.topk(math.ceil(experiment.hardest * len(batch))).indices
                kept.append(batch[places.sort().values])

        if not math.isfinite(loss_sum):
            raise InputError(
                f"{experiment.name}: the loss is no longer finite in epoch {epoch + 1}; "
                "try a smaller learning rate, a longer warm-up or batch normalization."
            )
        hardest = torch.cat(kept) if kept else hardest
        train_figures = loss_sum.item() / len(order), correct.item() / len(order)
        test_figures, held_out_accuracy = (None, None), None
        if test_digits is not None:
            test_figures = evaluate(predict(network, test_digits.images), test_digits.labels)
        if held_out is not None:
            _, held_out_accuracy = evaluate(predict(network, held_out.images), held_out.labels)
        rate = optimizer.param_groups[0]["lr"]
        seconds = time.perf_counter() - start, time.process_time() - cpu_start
        history.append(Epoch(epoch + 1, *train_figures, *test_figures, rate, *seconds, held_out_accuracy, hardest))
        yield history[-1]


def passes(experiment: Experiment, epochs: int) -> float:
    """Return how often so many epochs of an experiment show as many images as there are in the training set."""
    return min(epochs, 1) + max(epochs - 1, 0) * experiment.hardest


def learning_rate(
    schedule: Constant | OneCycle | StepDecay | Plateau, done: float, epochs: int, accuracies: Sequence[float] = ()
) -> float:
    """Return the learning rate of a schedule when a fraction of the training, from 0 to 1, is done.

    epochs: of the whole training. accuracies: one per epoch so far, which Plateau watches.
    """
    match schedule:
        case Constant(rate):
            return rate
        case OneCycle(peak, warmup) if done < warmup:
            return peak * (0.04 + 0.96 * done / warmup)
        case OneCycle(peak, warmup):
            return peak * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2
        case StepDecay(rate, step_size, gamma):
            return rate * gamma ** (int(done * epochs) // step_size)
        case Plateau(rate, patience, gamma):  # counted as Keras does; PyTorch's scheduler waits an epoch longer
            best, waited, lowered = 0.0, 0, 0
            for accuracy in accuracies:
                waited = 0 if accuracy > best else waited + 1
                best = max(best, accuracy)
                if waited == patience:
                    waited, lowered = 0, lowered + 1
            return rate * gamma**lowered


def make_optimizer(experiment: Experiment, network: nn.Module) -> torch.optim.Optimizer:
    """Make the optimizer of an experiment for the parameters of a network; fit() sets its learning rate."""
    match experiment.optimizer:
        case AdamW(decay):
            return torch.optim.AdamW(network.parameters(), weight_decay=decay, fused=True)
        case Adam(decay):
            return torch.optim.Adam(network.parameters(), weight_decay=decay, fused=True)
        case SGD(momentum, decay):
            return torch.optim.SGD(network.parameters(), momentum=momentum, weight_decay=decay, fused=True)


@torch.no_grad()
def predict(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return logits (N, 10) for uint8 images (N, 1, 28, 28), without dropout, with the running statistics."""
    network.eval()
    return torch.cat([network(normalize(batch)) for batch in images.split(EVALUATION_BATCH)])


def evaluate(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy as a fraction; logits (N, 10), labels (N,)."""
    return F.cross_entropy(logits, labels).item(), (logits.argmax(dim=1) == labels).sum().item() / len(labels)
