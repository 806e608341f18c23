"""The loop that most MNIST notebooks have, written once and competently: what ours is timed against.

torchvision transforms on PIL images, a DataLoader, nn.Dropout, the default memory layout and threads; our optimizers.
"""

import time
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Subset

from src import data, download
from src.model import build
from src.training import make_optimizer
from studies.dropout import FastDropout
from studies.recipes import Recipe


def make_loader(experiment: Recipe, split: str = "train", images: int | None = None, workers: int = 0) -> DataLoader:
    """Make a DataLoader over the first images of a split, "train" or "test"; over all of them by default.

    The training images are rotated as the experiment's augmentation says."""
    from torchvision import datasets, transforms  # here, because it takes seconds and only timings need it

    steps = [transforms.ToTensor(), transforms.Normalize((data.MEAN,), (data.STD,))]
    if split == "train" and experiment.augmentation:
        turn = transforms.RandomRotation(experiment.augmentation.rotation, transforms.InterpolationMode.BILINEAR)
        steps = [turn, *steps]
    data.load(split)  # downloads and verifies the files
    digits = datasets.MNIST(download.root(), train=split == "train", transform=transforms.Compose(steps))
    if images:
        digits = Subset(digits, range(images))
    settings = dict(num_workers=workers, persistent_workers=workers > 0)
    return DataLoader(digits, experiment.batch_size, shuffle=split == "train", **settings)


def make_network(experiment: Recipe) -> nn.Module:
    """Make the network of an experiment with the library's own dropout."""
    network = build(experiment)
    for block in network:
        for name, module in block.named_children():
            if isinstance(module, FastDropout):
                setattr(block, name, nn.Dropout(module.p))
    return network


def train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, train_loader: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> tuple[float, float]:
    """Make one pass over the training images; return the mean loss and the accuracy while learning."""
    network.train()
    loss_sum, correct, images_seen = 0.0, 0, 0
    for images, labels in train_loader:
        optimizer.zero_grad()
        log_probabilities = F.log_softmax(network(images), dim=1)
        loss = F.nll_loss(log_probabilities, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(labels)
        correct += (log_probabilities.argmax(dim=1) == labels).sum().item()
        images_seen += len(labels)
    return loss_sum / images_seen, correct / images_seen


@torch.no_grad()
def evaluate(network: nn.Module, test_loader: DataLoader) -> float:
    """Return the accuracy over a DataLoader, as a fraction."""
    network.eval()
    correct = [(network(images).argmax(dim=1) == labels).sum().item() for images, labels in test_loader]
    return sum(correct) / len(test_loader.dataset)


def train(experiment: Recipe, seed: int, epochs: int | None = None) -> tuple[list[float], float]:
    """Train an experiment that has the schedule StepDecay; return what timed.sprint() does."""
    from torchvision import datasets  # noqa: F401  imports are not counted

    start = time.perf_counter()
    torch.manual_seed(seed)
    network = make_network(experiment)
    optimizer = make_optimizer(experiment, network)
    for group in optimizer.param_groups:
        group["lr"] = experiment.schedule.rate
    scheduler = StepLR(optimizer, experiment.schedule.step_size, experiment.schedule.gamma)
    train_loader, test_loader = (make_loader(experiment, split) for split in ("train", "test"))
    seconds = [time.perf_counter() - start]
    for _ in range(epochs or experiment.epochs):
        train_epoch(network, optimizer, train_loader)
        scheduler.step()
        seconds.append(time.perf_counter() - start)
    accuracy = evaluate(network, test_loader)
    return [*seconds, time.perf_counter() - start], accuracy
