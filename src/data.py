"""MNIST as uint8 tensors, split by name; download.py brings the files and verifies them. datasets/ has other data."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from src import InputError, download
from src.checks import kind_of

# How many classes data that an experiment may name has; "folder:PATH" and "digits:PATH" are pictures of one's own.
CLASSES = {"MNIST": 10, "FashionMNIST": 10, "KMNIST": 10, "QMNIST": 10, "CIFAR10": 10}
CLASSES |= {"EMNIST-letters": 26, "EMNIST-balanced": 47}
HANDWRITING = ("MNIST", "QMNIST", "KMNIST", "EMNIST-", "digits:")  # how names of data that is written begin
# What a run is evaluated on -> what it is trained on.
TRAINED_ON = {"test": "train"} | {s: f"{s}-rest" for s in ["validation", *(f"resplit-{k}" for k in range(10))]}


@dataclass(frozen=True)
class DataSet:
    """What a network has to know of the data that it learns from, and a record of it."""

    name: str  # as an experiment says it
    classes: tuple[str, ...]  # what the labels 0, 1, ... stand for
    mean: float  # of the training pixels, as a fraction of full brightness
    std: float
    hash: str  # short, of all that it has

    @property
    def background(self) -> float:
        """The brightness of what is usual, 0 or 255: it comes in from beyond the border where an image is turned."""
        return 255.0 if self.mean > 0.5 else 0.0


_HASH = hashlib.sha256("".join(download.SHA256.values()).encode()).hexdigest()[:16]
MNIST = DataSet("MNIST", tuple("0123456789"), 0.1307, 0.3081, _HASH)


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 28, 28) uint8, 0 is background and 255 ink, and labels (N,) int64, numbers of the classes of `of`.

    Raises InputError for other dtypes and shapes; values are not read, so that a part of the digits costs little."""

    images: torch.Tensor
    labels: torch.Tensor
    of: DataSet = MNIST

    def __post_init__(self):
        images, labels = self.images, self.labels
        fits = [getattr(each, "dtype", None) for each in (images, labels)] == [torch.uint8, torch.int64]
        if not fits or labels.ndim != 1 or images.shape != (len(labels), 1, 28, 28):
            needed = "images, torch.uint8 of shape (N, 1, 28, 28), and as many labels, torch.int64 of shape (N,)"
            raise InputError(f"Digits need {needed}, not {kind_of(images)} and {kind_of(labels)}.")

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index: slice | torch.Tensor) -> "Digits":
        return Digits(self.images[index], self.labels[index], self.of)

    def to(self, device: torch.device) -> "Digits":
        """Return the digits on a device."""
        return Digits(self.images.to(device), self.labels.to(device), self.of)


def load(split: str) -> Digits:
    """Return the Digits of a split: MNIST's own "train" (60,000) and "test" (10,000), or parts of these.

    "validation" (5,000, stratified) and "validation-rest" part the training set, for choosing recipes. "resplit-0" to
    "resplit-9" are each another random 10,000 of all 70,000 digits, and "resplit-0-rest" to "resplit-9-rest" the rest.
    Raises InputError for an unknown split, and when no source gives the verified files."""
    return part(*(Digits(*map(torch.from_numpy, pair)) for pair in download.read(download.root())), split)


def part(train: Digits, test: Digits, split: str) -> Digits:
    """Return the Digits of a split, as load() does, of any training and test digits."""
    if split not in (splits := [*TRAINED_ON, *TRAINED_ON.values()]):
        raise InputError(f"unknown split '{split}'; choose one of {', '.join(splits)}.")
    if split in ("train", "test"):
        return train if split == "train" else test
    if split.startswith("validation"):
        # Every twelfth image in label order: the same 5,000 forever, each digit at its own frequency.
        digits, chosen = train, torch.argsort(train.labels, stable=True)[::12]
    else:
        digits = Digits(torch.cat([train.images, test.images]), torch.cat([train.labels, test.labels]), train.of)
        number = int(split.split("-")[1])
        chosen = np.random.RandomState(number).permutation(len(digits))[: len(test)]  # NumPy never changes this stream
    held_out = torch.zeros(len(digits), dtype=torch.bool)
    held_out[chosen] = True
    return digits[held_out if split in TRAINED_ON else ~held_out]


def data_of(network: object) -> DataSet:
    """Return the data that a network learned from; MNIST if it does not know."""
    return getattr(network, "learned_from", MNIST)


def is_handwriting(of: DataSet) -> bool:
    """Say whether data is writing, bright on dark, which is found in a picture; else a picture is one image."""
    given = of.name.startswith("given:") and of.classes == MNIST.classes and of.mean < 0.5
    return given or of.name.startswith(HANDWRITING)


def mislabel(digits: Digits, fraction: float) -> Digits:
    """Return digits of which a fraction, drawn at random and always the same, has another label than its own."""
    if not fraction:
        return digits
    draw, labels = np.random.RandomState(0), digits.labels.clone()
    chosen = torch.from_numpy(draw.permutation(len(digits))[: round(fraction * len(digits))])
    classes = len(digits.of.classes)
    labels[chosen] = (labels[chosen] + torch.from_numpy(draw.randint(1, classes, len(chosen)))) % classes
    return Digits(digits.images, labels, digits.of)


def normalize(images: torch.Tensor, of: DataSet = MNIST) -> torch.Tensor:
    """Scale pixels (N, 1, 28, 28) from 0..255 to zero mean and unit variance over the training set, float32."""
    return (images.float() / 255 - of.mean) / of.std
