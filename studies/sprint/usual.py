"""The loop that most MNIST notebooks have, written once and competently: what ours is timed against.

torchvision transforms on PIL images, a DataLoader, nn.Dropout, the default memory layout and threads; our optimizers.
"""

import itertools
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Subset

from src import InputError, data, download
from src.model import build
from src.runs import files
from src.runs.records import RUNS, definition_hash
from src.show.tables import interval
from src.training import make_optimizer
from studies.dropout import FastDropout
from studies.published import B4
from studies.recipes import Recipe
from studies.timing import machine

SEEDS = range(10)


def make_loader(
    experiment: Recipe, split: str = "train", images: int | None = None, workers: int = 0, device: str = "cpu"
) -> DataLoader:
    """Make a DataLoader over the first images of a split, "train" or "test"; over all of them by default.

    The training images are rotated as the experiment's augmentation says. For the device "cuda" memory is pinned."""
    from torchvision import datasets, transforms  # here, because it takes seconds and only timings need it

    steps = [transforms.ToTensor(), transforms.Normalize((data.MNIST.mean,), (data.MNIST.std,))]
    if split == "train" and experiment.augmentation:
        turn = transforms.RandomRotation(experiment.augmentation.rotation, transforms.InterpolationMode.BILINEAR)
        steps = [turn, *steps]
    data.load(split)  # downloads and verifies the files
    try:
        digits = datasets.MNIST(download.root(), train=split == "train", transform=transforms.Compose(steps))
    except RuntimeError as error:  # the files have other names, or are elsewhere
        remedy = "set MNIST_ROOT to another folder, where they will be"
        raise InputError(f"torchvision needs MNIST/raw/train-images-idx3-ubyte and so on; {remedy}.") from error
    if images:
        digits = Subset(digits, range(images))
    settings = dict(num_workers=workers, persistent_workers=workers > 0, pin_memory=device == "cuda")
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
    for images, labels in _moved(train_loader, network):
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
    batches = _moved(test_loader, network)
    correct = [(network(images).argmax(dim=1) == labels).sum().item() for images, labels in batches]
    return sum(correct) / len(test_loader.dataset)


def _moved(loader, network):  # its batches, where the network is
    place = next(network.parameters()).device
    return ((images.to(place), labels.to(place)) for images, labels in loader)


def trained(experiment: Recipe, seed: int, workers: int = 0, device: str = "cpu") -> Iterator[nn.Module]:
    """Train an experiment that has the schedule StepDecay; yield its network before the first epoch and after each."""
    torch.manual_seed(seed)
    network = make_network(experiment).to(device)
    optimizer = make_optimizer(experiment, network)
    for group in optimizer.param_groups:
        group["lr"] = experiment.schedule.rate
    scheduler = StepLR(optimizer, experiment.schedule.step_size, experiment.schedule.gamma)
    train_loader = make_loader(experiment, workers=workers, device=device)
    yield network
    for _ in range(experiment.epochs):
        train_epoch(network, optimizer, train_loader)
        scheduler.step()
        yield network


def train(
    experiment: Recipe, seed: int, epochs: int | None = None, threads: int = 1, workers: int = 0, device: str = "cpu"
) -> tuple[list[float], float]:
    """Train in a process that does nothing else; return what timed.sprint() does."""
    from torchvision import datasets  # noqa: F401  imports are not counted

    torch.set_num_threads(threads)
    start, seconds = time.perf_counter(), []
    for each in itertools.islice(trained(experiment, seed, workers, device), 1 + (epochs or experiment.epochs)):
        network = each
        seconds.append(time.perf_counter() - start)
    accuracy = evaluate(network, make_loader(experiment, "test"))
    return [*seconds, time.perf_counter() - start], accuracy


def accuracies(experiment: Recipe, seed: int) -> list[float]:
    """Train in one thread; return the accuracy on the test set after each epoch, as fractions.

    They are kept in runs/usual until measure() is through, so that an interrupted one goes on after its last seed."""
    path = RUNS / "usual" / f"{experiment.name}-{definition_hash(experiment)}-seed-{seed}.json"
    if not path.exists():
        torch.set_num_threads(1)
        _, *reached = [evaluate(each, make_loader(experiment, "test")) for each in trained(experiment, seed)]
        files.write(path, json.dumps(reached).encode())
    return json.loads(path.read_text())


def measure() -> dict:
    """Train the loop's own recipe from SEEDS, two at a time in processes of one thread; return JSON values."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        reached = list(pool.map(accuracies, [B4] * len(SEEDS), SEEDS))
    shutil.rmtree(RUNS / "usual")
    return dict(machine=machine(), experiment=B4.name, seeds=list(SEEDS), accuracies=reached)


def text(measured: dict) -> str:
    """Say in Markdown what the usual loop reaches by itself."""
    last, after = interval([100 * each[-1] for each in measured["accuracies"]]), epochs_to(measured, 0.99)
    return (
        f"The usual loop itself ends at {last} % ({len(measured['seeds'])} seeds, {measured['experiment']}'s recipe, "
        f"one thread); its mean first reaches 99 % after {after} epochs. {measured['machine']}."
    )


def epochs_to(measured: dict, accuracy: float) -> int:
    """Return after how many epochs the mean over seeds first reaches an accuracy, a fraction."""
    means = [fmean(epoch) for epoch in zip(*measured["accuracies"], strict=True)]
    return next(epoch for epoch, mean in enumerate(means, start=1) if mean >= accuracy)
