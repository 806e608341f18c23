"""MNIST as uint8 tensors, split by name; download.py brings the files and verifies them."""

from dataclasses import dataclass

import numpy as np
import torch

from src import InputError, download
from src.checks import kind_of

MEAN, STD = 0.1307, 0.3081  # of the training pixels, as fractions of full brightness
# What a run is evaluated on -> what it is trained on.
TRAINED_ON = {"test": "train"} | {s: f"{s}-rest" for s in ["validation", *(f"resplit-{k}" for k in range(10))]}


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 28, 28) uint8, 0 is background and 255 ink, and labels (N,) int64, 0 to 9.

    Raises InputError for other dtypes and shapes; values are not read, so that a part of the digits costs little."""

    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self):
        images, labels = self.images, self.labels
        fits = [getattr(each, "dtype", None) for each in (images, labels)] == [torch.uint8, torch.int64]
        if not fits or labels.ndim != 1 or images.shape != (len(labels), 1, 28, 28):
            needed = "images, torch.uint8 of shape (N, 1, 28, 28), and as many labels, torch.int64 of shape (N,)"
            raise InputError(f"Digits need {needed}, not {kind_of(images)} and {kind_of(labels)}.")

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index: slice | torch.Tensor) -> "Digits":
        return Digits(self.images[index], self.labels[index])

    def to(self, device: torch.device) -> "Digits":
        """Return the digits on a device."""
        return Digits(self.images.to(device), self.labels.to(device))


def load(split: str) -> Digits:
    """Return the Digits of a split: MNIST's own "train" (60,000) and "test" (10,000), or parts of these.

    "validation" (5,000, stratified) and "validation-rest" part the training set, for choosing recipes. "resplit-0" to
    "resplit-9" are each another random 10,000 of all 70,000 digits, and "resplit-0-rest" to "resplit-9-rest" the rest.
    Raises InputError for an unknown split, and when no source gives the verified files."""
    if split not in (splits := [*TRAINED_ON, *TRAINED_ON.values()]):
        raise InputError(f"unknown split '{split}'; choose one of {', '.join(splits)}.")
    train, test = (Digits(*map(torch.from_numpy, pair)) for pair in download.read(download.root()))
    if split in ("train", "test"):
        return train if split == "train" else test
    if split.startswith("validation"):
        # Every twelfth image in label order: the same 5,000 forever, each digit at its own frequency.
        digits, chosen = train, torch.argsort(train.labels, stable=True)[::12]
    else:
        digits = Digits(torch.cat([train.images, test.images]), torch.cat([train.labels, test.labels]))
        number = int(split.split("-")[1])
        chosen = np.random.RandomState(number).permutation(len(digits))[: len(test)]  # NumPy never changes this stream
    held_out = torch.zeros(len(digits), dtype=torch.bool)
    held_out[chosen] = True
    return digits[held_out if split in TRAINED_ON else ~held_out]


def mislabel(digits: Digits, fraction: float) -> Digits:
    """Return digits of which a fraction, drawn at random and always the same, has another label than its own."""
    if not fraction:
        return digits
    draw, labels = np.random.RandomState(0), digits.labels.clone()
    chosen = torch.from_numpy(draw.permutation(len(digits))[: round(fraction * len(digits))])
    labels[chosen] = (labels[chosen] + torch.from_numpy(draw.randint(1, 10, len(chosen)))) % 10
    return Digits(digits.images, labels)


def normalize(images: torch.Tensor) -> torch.Tensor:
    """Scale pixels (N, 1, 28, 28) from 0..255 to zero mean and unit variance over the training set, float32."""
    return (images.float() / 255 - MEAN) / STD
