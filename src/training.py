"""One run: an experiment and a seed in, a history out. Nothing in here is specific to a model."""

import contextlib
import dataclasses
import math
import resource
import sys
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from src import InputError, checkpoints, data
from src.augment import augment
from src.experiments import Experiment
from src.model import build, count_parameters
from src.progress import Progress, title

TRAINING_PART = {"test": "train", "validation": "fit"}  # what is trained on, by what is evaluated on
EVALUATION_BATCH = 1000  # images; a whole split at once would take gigabytes


@dataclass(frozen=True)
class Epoch:
    """One line of a history. Losses are mean cross-entropies in nats, accuracies fractions of 1.

    The training figures are taken while learning: over the epoch's batches as the network saw
    them, augmented and with dropout. The test figures are taken after the epoch, without either;
    they are the validation split's in a run for choosing a recipe.
    """

    epoch: int  # counted from 1
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    learning_rate: float  # of the last step
    seconds: float  # training and evaluation, by the clock
    cpu_seconds: float  # the same, by all threads of the process


@dataclass(frozen=True)
class Run:
    """What one run leaves behind."""

    experiment: Experiment
    seed: int
    split: str  # evaluated on "test" or "validation"
    device: str  # "cuda", "mps" or "cpu"
    threads: int
    parameters: int
    history: tuple  # of Epochs
    peak_memory: int  # bytes, of the whole process
    logits: torch.Tensor  # (N, 10) float32 on the CPU, of the last epoch on the split
    network: torch.nn.Module


@contextlib.contextmanager
def reproducible():
    """Compute so that the same seed gives the same bits.

    On the CPU with one thread: sums come out alike however many cores there are, and two runs on
    two cores, a thread each, are done sooner than one after the other with two. On CUDA with the
    convolution algorithms that do not depend on timing.
    """
    threads, deterministic = torch.get_num_threads(), torch.backends.cudnn.deterministic
    torch.set_num_threads(1)
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.deterministic = deterministic


@reproducible()
def train(experiment, seed, device="auto", split="test", checkpoint=None, quiet=False):
    """Train the network of an experiment from scratch and return the Run.

    seed: int; the same seed on the same machine gives the same history, bit for bit.
    device: "auto" (CUDA, then MPS, then CPU), "cuda", "mps" or "cpu".
    split: "test" trains on all 60,000 training images; "validation" on 55,000, and evaluates on the other 5,000.
    checkpoint: a file that is rewritten after each epoch; if it holds this run, the run goes on from
    there and ends with the history that it would have had without the interruption, bit for bit.
    quiet: print nothing, not even a progress bar.
    Raises InputError for an unknown device or split and for an experiment that cannot be run.
    """
    device = check_input(experiment, device, split)
    torch.manual_seed(seed)
    network = build(experiment).to(device)
    if device.type != "mps":  # where batch normalization has had wrong gradients in this layout
        network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=experiment.weight_decay, fused=True)
    train_digits = data.load(TRAINING_PART[split]).to(device)
    test_digits = data.load(split).to(device)
    batches = math.ceil(len(train_digits) / experiment.batch_size)

    identity = repr((experiment, seed, split, device.type))
    history = checkpoints.restore(checkpoint, identity, network, optimizer, device) if checkpoint else []
    history = [Epoch(*numbers) for numbers in history]
    with Progress(title(experiment.name, seed, split), experiment.epochs, batches, history, quiet) as progress:
        for epoch in range(len(history), experiment.epochs):
            start, cpu_start = time.perf_counter(), time.process_time()
            train_loss, train_accuracy = train_epoch(network, optimizer, train_digits, experiment, epoch, progress)
            test_loss, test_accuracy = evaluate(predict(network, test_digits.images), test_digits.labels)
            rate = optimizer.param_groups[0]["lr"]
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
            history.append(
                Epoch(epoch + 1, train_loss, train_accuracy, test_loss, test_accuracy, rate, seconds, cpu_seconds)
            )
            if checkpoint:
                numbers = [list(dataclasses.astuple(line)) for line in history]
                checkpoints.save(checkpoint, identity, network, optimizer, numbers, device)
            progress.finish_epoch(history[-1])
    return Run(
        experiment=experiment,
        seed=seed,
        split=split,
        device=device.type,
        threads=torch.get_num_threads(),
        parameters=count_parameters(network),
        history=tuple(history),
        peak_memory=peak_memory(),
        logits=predict(network, test_digits.images).cpu(),
        network=network,
    )


def check_input(experiment, device, split):
    """The torch.device to train on; raises InputError for what train() refuses, before anything is done."""
    if experiment.epochs < 1:
        raise InputError(f"{experiment.name}: epochs must be at least 1, not {experiment.epochs}.")
    if split not in TRAINING_PART:
        raise InputError(f"cannot evaluate on '{split}'; choose one of {', '.join(TRAINING_PART)}.")
    learning_rate(experiment, done=0)
    build(experiment)
    return choose_device(device)


def train_epoch(network, optimizer, digits, experiment, epoch, progress):
    """One pass over the digits in random order; returns mean loss and accuracy while learning."""
    network.train()
    order = torch.randperm(len(digits), device=digits.images.device)
    batches = order.split(experiment.batch_size)
    # Sums stay on the device, so that a GPU need not wait for the host after each batch.
    loss_sum, correct = order.new_zeros((), dtype=torch.float32), order.new_zeros(())
    for i, index in enumerate(batches):
        images, labels = digits.images[index].float(), digits.labels[index]
        if experiment.augmentation:
            images = augment(images, experiment.augmentation)
        logits = network(data.normalize(images))
        loss = F.cross_entropy(logits, labels)

        done = (epoch + (i + 0.5) / len(batches)) / experiment.epochs
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(experiment, done)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        loss_sum += loss.detach() * len(labels)
        correct += (logits.argmax(dim=1) == labels).sum()
        progress.finish_batch(epoch, loss_sum, correct, len(labels))
    return loss_sum.item() / len(digits), correct.item() / len(digits)


def learning_rate(experiment, done):
    """The learning rate when a fraction of the training, from 0 to 1, is done.

    "one-cycle" climbs linearly from a 25th of the peak and then falls to zero along a cosine
    (Smith and Topin, arXiv:1708.07120). Raises InputError for an unknown schedule.
    """
    peak = experiment.learning_rate
    if experiment.schedule == "constant":
        return peak
    if experiment.schedule == "one-cycle":
        climb = experiment.warm_up
        if done < climb:
            return peak * (0.04 + 0.96 * done / climb)
        return peak * (1 + math.cos(math.pi * (done - climb) / (1 - climb))) / 2
    raise InputError(f"{experiment.name}: unknown schedule '{experiment.schedule}'; use 'constant' or 'one-cycle'.")


@torch.no_grad()
def predict(network, images):
    """Logits (N, 10) for uint8 images (N, 1, 28, 28), without dropout, with the running statistics."""
    network.eval()
    return torch.cat([network(data.normalize(batch)) for batch in images.split(EVALUATION_BATCH)])


def evaluate(logits, labels):
    """Mean cross-entropy in nats and accuracy as a fraction; logits (N, 10), labels (N,)."""
    return F.cross_entropy(logits, labels).item(), (logits.argmax(dim=1) == labels).sum().item() / len(labels)


def choose_device(name):
    """The torch.device called "auto", "cuda", "mps" or "cpu". Raises InputError if it is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, there in available.items() if there)
    if not available.get(name):
        here = ", ".join(device for device, there in available.items() if there)
        raise InputError(f"no device '{name}' on this machine; use auto or one of: {here}.")
    return torch.device(name)


def peak_memory():
    """Largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
