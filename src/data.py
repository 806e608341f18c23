"""MNIST as uint8 tensors, split by name; download.py brings the files and verifies them."""

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from src import ROOT, InputError, download

# Mean and standard deviation of the training pixels, as fractions of full brightness.
MEAN, STD = 0.1307, 0.3081

# What a run is evaluated on -> what it is trained on.
TRAINED_ON = {"test": "train", "validation": "fit"} | {f"resplit-{k}": f"resplit-{k}-rest" for k in range(10)}
SPLITS = (*TRAINED_ON, *TRAINED_ON.values())


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 28, 28) uint8, 0 is background and 255 ink, and labels (N,) int64, 0 to 9."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index: slice | torch.Tensor) -> "Digits":
        return Digits(self.images[index], self.labels[index])

    def to(self, device: torch.device) -> "Digits":
        """Return the digits on a device."""
        return Digits(self.images.to(device), self.labels.to(device))


def load(split: str) -> Digits:
    """Return the Digits of a split.

    "train" (60,000) and "test" (10,000) are MNIST's own. "fit" (55,000) and "validation" (5,000, stratified) are two
    parts of the training set, for choosing recipes. "resplit-0" to "resplit-9" are each another random 10,000 of all
    70,000 digits, and "resplit-0-rest" to "resplit-9-rest" the other 60,000.
    The files are verified once per process, and fetched if they are missing.
    Raises InputError for an unknown split and when no source gives the digits.
    """
    if split not in SPLITS:
        raise InputError(f"unknown split '{split}'; choose one of {', '.join(SPLITS)}.")
    train, test = read(root())
    if split in ("train", "test"):
        return train if split == "train" else test
    if split in ("fit", "validation"):
        # Every twelfth image in label order: the same 5,000 forever, each digit at its own frequency.
        digits, chosen = train, torch.argsort(train.labels, stable=True)[::12]
    else:
        digits = Digits(torch.cat([train.images, test.images]), torch.cat([train.labels, test.labels]))
        number = int(split.split("-")[1])
        chosen = np.random.RandomState(number).permutation(len(digits))[: len(test)]  # NumPy never changes this stream
    held_out = torch.zeros(len(digits), dtype=torch.bool)
    held_out[chosen] = True
    return digits[held_out if split in TRAINED_ON else ~held_out]


def normalize(images: torch.Tensor) -> torch.Tensor:
    """Scale pixels (N, 1, 28, 28) from 0..255 to zero mean and unit variance over the training set, float32."""
    return (images.float() / 255 - MEAN) / STD


def root() -> Path:
    """Return the folder that holds MNIST/raw: MNIST_ROOT if it is set, else data/ in the repository."""
    return Path(os.environ.get("MNIST_ROOT") or ROOT / "data")


@functools.cache
def read(folder: Path) -> tuple[Digits, Digits]:
    """Return the verified training and test Digits below a folder, from the disk the first time."""
    raw = download.fetch(folder)
    pairs = [(download.TRAIN_IMAGES, download.TRAIN_LABELS), (download.TEST_IMAGES, download.TEST_LABELS)]
    return tuple(
        Digits(
            torch.from_numpy(np.fromfile(raw / images, np.uint8, offset=16).reshape(-1, 1, 28, 28)),
            torch.from_numpy(np.fromfile(raw / labels, np.uint8, offset=8).astype(np.int64)),
        )
        for images, labels in pairs
    )
