"""One run: an experiment and a seed in, a history out. Nothing in here is specific to a model."""

import contextlib
import copy
import dataclasses
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import torch
import torch.nn.functional as F

from src import InputError, checkpoints, data, memory
from src.augment import augment
from src.experiments import Experiment
from src.model import build, count_parameters
from src.progress import Progress, title

TRAINING_PART = {"test": "train", "validation": "fit"}  # what is trained on, by what is evaluated on
HELD_OUT = 1 / 12  # of the training images, on which the epoch to keep is chosen, if an experiment keeps the best
EVALUATION_BATCH = 250  # images at a time: four times as many take 90 MB more and no less time


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
    held_out_accuracy: float | None = None  # on the images held out to choose the epoch that is kept


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
    logits: torch.Tensor  # (N, 10) float32 on the CPU, of the network on the split
    network: torch.nn.Module  # as the last epoch left it, or as the best one did if that is kept


@contextlib.contextmanager
def reproducible():
    """Compute so that the same seed gives the same bits.

    On the CPU with one thread (to a shard): sums come out alike however many cores there are, and two
    runs on two cores, a thread each, are done sooner than one after the other with two. On CUDA with
    the convolution algorithms that do not depend on timing.
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
    An experiment that keeps the best epoch trains on eleven twelfths of these, and chooses on the last.
    checkpoint: a file that is rewritten after each epoch; if it holds this run, the run goes on from
    there and ends with the history that it would have had without the interruption, bit for bit.
    quiet: print nothing, not even a progress bar.
    Raises InputError for an unknown device or split and for an experiment that cannot be run.
    """
    device = check_input(experiment, device, split)
    memory.keep_freed()
    torch.manual_seed(seed)
    network = make_network(experiment, device)
    optimizer = make_optimizer(experiment, network)
    train_digits, held_out = data.load(TRAINING_PART[split]).to(device), None
    if experiment.keep_best:
        cut = round(len(train_digits) * (1 - HELD_OUT))
        train_digits, held_out = train_digits[:cut], train_digits[cut:]
    test_digits = data.load(split).to(device)
    batches = math.ceil(len(train_digits) / experiment.batch_size)

    identity = repr((experiment, seed, split, device.type))
    history, kept = checkpoints.restore(checkpoint, identity, network, optimizer, device) if checkpoint else ([], None)
    history = [Epoch(*numbers) for numbers in history]
    with Progress(title(experiment.name, seed, split), experiment.epochs, batches, history, quiet) as progress:
        for epoch in range(len(history), experiment.epochs):
            start, cpu_start = time.perf_counter(), time.process_time()
            train_loss, train_accuracy = train_epoch(network, optimizer, train_digits, experiment, history, progress)
            test_loss, test_accuracy = evaluate(predict(network, test_digits.images), test_digits.labels)
            held_out_accuracy = None
            if held_out:
                _, held_out_accuracy = evaluate(predict(network, held_out.images), held_out.labels)
            rate = optimizer.param_groups[0]["lr"]
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
            numbers = [train_loss, train_accuracy, test_loss, test_accuracy, rate, seconds, cpu_seconds]
            history.append(Epoch(epoch + 1, *numbers, held_out_accuracy))
            if held_out and final_epoch(history) is history[-1]:
                kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            if checkpoint:
                lines = [list(dataclasses.astuple(line)) for line in history]
                checkpoints.save(checkpoint, identity, network, optimizer, lines, kept, device)
            progress.finish_epoch(history[-1])
    if kept:
        network.load_state_dict(kept)
    return Run(
        experiment=experiment,
        seed=seed,
        split=split,
        device=device.type,
        threads=torch.get_num_threads() * experiment.shards,
        parameters=count_parameters(network),
        history=tuple(history),
        peak_memory=memory.peak(),
        logits=predict(network, test_digits.images).cpu(),
        network=network,
    )


def final_epoch(history):
    """The Epoch whose network a run ends with: the last, or the first best one on held-out images if there are any."""
    if history[-1].held_out_accuracy is None:
        return history[-1]
    return max(history, key=lambda epoch: epoch.held_out_accuracy)


def check_input(experiment, device, split):
    """The torch.device to train on; raises InputError for what train() refuses, before anything is done."""
    if experiment.epochs < 1:
        raise InputError(f"{experiment.name}: epochs must be at least 1, not {experiment.epochs}.")
    if split not in TRAINING_PART:
        raise InputError(f"cannot evaluate on '{split}'; choose one of {', '.join(TRAINING_PART)}.")
    learning_rate(experiment, done=0)
    make_optimizer(experiment, build(experiment))
    if experiment.shards > 1 and (experiment.dropout or experiment.activation_dropout):
        raise InputError(f"{experiment.name}: shards side by side would draw their dropout in any order; leave it out.")
    return choose_device(device)


def make_network(experiment, device):
    """The network of an experiment on a torch.device, in the memory layout that all records were made with."""
    network = build(experiment).to(device)
    if device.type == "mps":  # where batch normalization has had wrong gradients in channels_last
        return network
    return network.to(memory_format=torch.channels_last)


def make_optimizer(experiment, network):
    """The optimizer of an experiment for the parameters of its network. Raises InputError for an unknown one."""
    settings = dict(lr=experiment.learning_rate, weight_decay=experiment.weight_decay, fused=True)
    if experiment.optimizer == "SGD":
        return torch.optim.SGD(network.parameters(), momentum=experiment.momentum, **settings)
    if experiment.optimizer in ("Adam", "AdamW"):
        return getattr(torch.optim, experiment.optimizer)(network.parameters(), **settings)
    raise InputError(f"{experiment.name}: unknown optimizer '{experiment.optimizer}'; use 'AdamW', 'Adam' or 'SGD'.")


def train_epoch(network, optimizer, digits, experiment, history, progress):
    """One pass over the digits in random order; returns mean loss and accuracy while learning.

    history: the Epochs before this one.
    """
    network.train()
    replicas = [network, *(_sharing_parameters(network) for _ in range(experiment.shards - 1))]
    epoch = len(history)
    accuracies = [line.held_out_accuracy if experiment.keep_best else line.train_accuracy for line in history]
    order = torch.randperm(len(digits), device=digits.images.device)
    batches = order.split(experiment.batch_size)
    # Sums stay on the device, so that a GPU need not wait for the host after each batch.
    loss_sum, correct = order.new_zeros((), dtype=torch.float32), order.new_zeros(())
    with ThreadPoolExecutor(experiment.shards) as pool:
        side_by_side = pool.map if experiment.shards > 1 else map
        for i, index in enumerate(batches):
            images, labels = digits.images[index].float(), digits.labels[index]
            if experiment.augmentation:
                images = augment(images, experiment.augmentation)
            shards = images.chunk(experiment.shards), labels.chunk(experiment.shards)
            learned = list(side_by_side(learn, replicas, *shards, repeat(len(labels))))
            for replica in replicas[1 : len(learned)]:
                for parameter, other in zip(network.parameters(), replica.parameters(), strict=True):
                    parameter.grad += other.grad

            done = (epoch + (i + 0.5) / len(batches)) / experiment.epochs
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(experiment, done, accuracies)
            optimizer.step()

            for share, right in learned:
                loss_sum += share * len(labels)
                correct += right
            progress.finish_batch(epoch, loss_sum, correct, len(labels))
    return loss_sum.item() / len(digits), correct.item() / len(digits)


def learn(network, images, labels, all_images):
    """Compute the gradients of a shard's share of the mean loss over a batch of all_images.

    images: (N, 1, 28, 28) float, 0 to 255; labels: (N,). Returns the share and how many images are right, as tensors.
    """
    logits = network(data.normalize(images))
    share = F.cross_entropy(logits, labels) * (len(labels) / all_images)
    network.zero_grad()
    share.backward()
    return share.detach(), (logits.argmax(dim=1) == labels).sum()


def _sharing_parameters(network):
    """A copy of a network with the same parameters, but with gradients and running statistics of its own.

    Those of the network itself are what evaluation uses: they come from the first shard of each batch.
    """
    replica = copy.deepcopy(network)
    for parameter, shared in zip(replica.parameters(), network.parameters(), strict=True):
        parameter.data = shared.data
    return replica


def learning_rate(experiment, done, accuracies=()):
    """The learning rate when a fraction of the training, from 0 to 1, is done.

    accuracies: fractions, one per epoch so far; on the held-out images if there are any, else while learning.

    "constant" stays at the experiment's learning rate.
    "one-cycle" climbs linearly from a 25th of it and then falls to zero along a cosine
    (Smith and Topin, arXiv:1708.07120).
    "step" multiplies it by gamma every step_size epochs.
    "plateau" multiplies it by gamma whenever patience epochs have gone by without a better accuracy,
    counted as Keras does; PyTorch's scheduler waits an epoch longer.
    Raises InputError for an unknown schedule and for one whose settings are missing.
    """
    peak, climb = experiment.learning_rate, experiment.warm_up
    if experiment.schedule == "constant":
        return peak
    if experiment.schedule == "one-cycle":
        if done < climb:
            return peak * (0.04 + 0.96 * done / climb)
        return peak * (1 + math.cos(math.pi * (done - climb) / (1 - climb))) / 2
    if experiment.schedule == "step" and experiment.step_size >= 1 and experiment.gamma != 1:
        return peak * experiment.gamma ** (int(done * experiment.epochs) // experiment.step_size)
    if experiment.schedule == "plateau" and experiment.patience >= 1 and experiment.gamma != 1:
        best, waited, lowered = 0.0, 0, 0
        for accuracy in accuracies:
            waited = 0 if accuracy > best else waited + 1
            best = max(best, accuracy)
            if waited == experiment.patience:
                waited, lowered = 0, lowered + 1
        return peak * experiment.gamma**lowered
    raise InputError(
        f"{experiment.name}: unknown schedule '{experiment.schedule}', or one without its settings; use 'constant', "
        "'one-cycle', 'step' with a gamma and a step_size of at least 1 epoch, or 'plateau' with a gamma and a "
        "patience of at least 1 epoch."
    )


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
