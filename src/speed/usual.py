"""The loop that most MNIST notebooks have, written once and competently: what ours is timed against.

torchvision transforms on PIL images, a DataLoader, nn.Dropout, the default memory layout and threads; our optimizers.
"""

import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Subset

from src import data
from src.model import ActivationDropout, build
from src.training import make_optimizer


def network(experiment):
    """The network of an experiment with nn.Dropout in the place of our own."""
    usual = build(experiment)
    for block in usual:
        for i, module in enumerate(block.children()):
            if isinstance(module, ActivationDropout):
                block[i] = nn.Dropout(module.probability)
    return usual


def loader(experiment, split="train", images=None, workers=0):
    """A DataLoader over the first images of a split, "train" or "test"; all of them by default.

    The training images are rotated as the experiment's augmentation says.
    """
    from torchvision import datasets, transforms  # here, because it takes seconds and only timings need it

    steps = [transforms.ToTensor(), transforms.Normalize((data.MEAN,), (data.STD,))]
    if split == "train" and experiment.augmentation:
        turn = transforms.RandomRotation(experiment.augmentation.rotation, transforms.InterpolationMode.BILINEAR)
        steps = [turn, *steps]
    data.load(split)  # verified, and there
    digits = datasets.MNIST(data.root(), train=split == "train", transform=transforms.Compose(steps))
    if images:
        digits = Subset(digits, range(images))
    settings = dict(num_workers=workers, persistent_workers=workers > 0)
    return DataLoader(digits, experiment.batch_size, shuffle=split == "train", **settings)


def train_epoch(network, optimizer, batches):
    """One pass over a DataLoader; returns the mean loss and accuracy while learning."""
    network.train()
    loss_sum, correct, images_seen = 0.0, 0, 0
    for images, labels in batches:
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
def evaluate(network, batches):
    """Accuracy, a fraction, over a DataLoader."""
    network.eval()
    right = [(network(images).argmax(dim=1) == labels).sum().item() for images, labels in batches]
    return sum(right) / len(batches.dataset)


def seconds_per_pass(experiment, workers, images=6_016):
    """Seconds of a pass over the first images, after one that does not count."""
    batches = loader(experiment, images=images, workers=workers)
    model = network(experiment)
    optimizer = make_optimizer(experiment, model)
    train_epoch(model, optimizer, batches)
    start = time.perf_counter()
    train_epoch(model, optimizer, batches)
    return time.perf_counter() - start


def train(experiment, seed, workers=0):
    """Train an experiment with the "step" schedule; yields seconds so far and test accuracy after each epoch."""
    torch.manual_seed(seed)
    model = network(experiment)
    optimizer = make_optimizer(experiment, model)
    scheduler = StepLR(optimizer, experiment.step_size, experiment.gamma)
    batches, test = loader(experiment, workers=workers), loader(experiment, "test", workers=workers)
    start = time.perf_counter()
    for _ in range(experiment.epochs):
        train_epoch(model, optimizer, batches)
        scheduler.step()
        accuracy = evaluate(model, test)
        yield time.perf_counter() - start, accuracy
