"""Data by the name that an experiment says: MNIST, other data of torchvision, a folder of pictures, given digits."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from src import InputError, data, download
from src.data import MNIST, DataSet, Digits
from src.datasets import folder, public

GIVEN: dict[str, tuple[Digits, Digits]] = {}  # what train() was given in this process, by name


def load(name: str, split: str = "train") -> Digits:
    """Return the Digits of a split, as data.load() does, of the data with a name; the others are parted likewise.

    name: one of data.CLASSES, "folder:PATH" or "digits:PATH" (folder.py). Raises InputError for an unknown name or
    split, for files that are missing or bad, and for a split that leaves a class nothing to learn from."""
    if name == MNIST.name:
        return data.load(split)
    train, test = whole(name)
    digits = data.part(train, test, split)
    if split in data.TRAINED_ON.values():
        check_classes(digits, f"the split '{split}' of {name}; add some")
    return digits


def first(digits: Digits, count: int) -> Digits:
    """Return the first so many digits to learn from. Raises InputError if there are fewer, or if these lack a class."""
    if count > len(digits):
        there = f"there are only {len(digits):,} to learn from in {digits.of.name}"
        raise InputError(f"{count:,} train_images are wanted, but {there}; leave train_images out for all.")
    check_classes(digits[:count], f"the first {count:,} images of {digits.of.name}; mix them")
    return digits[:count]


def check_classes(digits: Digits, of: str) -> None:
    """Raise InputError if digits to learn from lack a class; of: what they are, and what to do."""
    if 0 in (counts := digits.labels.bincount(minlength=len(digits.of.classes))):
        lacking = digits.of.classes[counts.argmin()]
        raise InputError(f"there is nothing of class '{lacking}' to learn from in {of}.")


def whole(name: str) -> tuple[Digits, Digits]:
    """Return the training and the test digits of the data with a name, each read once while it stays as it is."""
    kind, _, path = name.partition(":")
    if name == MNIST.name:
        return data.load("train"), data.load("test")
    if kind == "given":
        if not path:
            raise InputError("data='given' is for train(..., digits=...); elsewhere write data=run.experiment.data.")
        if name not in GIVEN:
            remedy = "give it again: named.given(train, test), with named from src.datasets"
            raise InputError(f"the data {name} was given in another process; {remedy}.")
        return GIVEN[name]
    if path:
        return _of_folder(name, folder.listing(Path(path)))
    return _of_torchvision(name, download.root())


def given(train: Digits, test: Digits, classes: Sequence[str] = ()) -> tuple[Digits, Digits]:
    """Return digits of one's own as data with a name, a mean and a deviation, and keep them for this process.

    classes: what the labels 0, 1, ... stand for, by default what the digits know of it, or these numbers. An experiment
    for other classes than ten says data="given": train(replace(..., data="given"), digits=given(...)).
    Raises InputError for labels outside the classes, for fewer than two classes and for two of one name."""
    if not len(train) or not len(test):
        raise InputError("give digits to learn from and digits to be tested on: both need some.")
    train, test = (digits.to(torch.device("cpu")) for digits in (train, test))
    low, high = (getattr(torch.cat([train.labels, test.labels]), end)().item() for end in ("min", "max"))
    known = train.of.classes if train.of != MNIST or high < len(MNIST.classes) else range(high + 1)
    if not classes and test.of not in (MNIST, train.of) and test.of.classes != known:
        learned, tested = (", ".join(map(str, each)) for each in (known, test.of.classes))
        remedy = "number both alike, and name them: named.given(train, test, classes=[...])"
        raise InputError(f"the classes to learn from are {learned}, those to be tested on {tested}; {remedy}.")
    classes = tuple(map(str, classes or known))
    if low < 0 or high >= len(classes):
        raise InputError(f"labels must be from 0 to {len(classes) - 1}, one a class, not from {low} to {high}.")
    if len(classes) < 2:
        raise InputError(f"there is only one class, {classes[0]}; a network learns to tell two or more apart.")
    if len(set(classes)) < len(classes):
        raise InputError(f"two of the classes {', '.join(classes)} have the same name; give each its own.")
    train, test = described("", train, test, classes)
    of = replace(train.of, name=f"given:{train.of.hash}")
    GIVEN[of.name] = Digits(train.images, train.labels, of), Digits(test.images, test.labels, of)
    return GIVEN[of.name]


def described(name: str, train: Digits, test: Digits, classes: Sequence[str]) -> tuple[Digits, Digits]:
    """Return digits that know their data: its name, its classes, mean and deviation of its training pixels, a hash."""
    shades, counts = np.arange(256) / 255, np.bincount(train.images.numpy().ravel(), minlength=256)
    mean = np.average(shades, weights=counts)
    std = np.sqrt(np.average((shades - mean) ** 2, weights=counts))
    content = hashlib.sha256("\n".join(classes).encode())
    for digits in (train, test):
        content.update(digits.images.contiguous().numpy())
        content.update(digits.labels.contiguous().numpy())
    of = DataSet(name, tuple(classes), float(f"{mean:.4f}"), max(float(f"{std:.4f}"), 1e-3), content.hexdigest()[:16])
    return Digits(train.images, train.labels, of), Digits(test.images, test.labels, of)


@functools.lru_cache(maxsize=2)  # of a folder that changes, what it had before is let go
def _of_folder(name, files):
    return described(name, *_digits(*folder.read(files, ink=name.startswith("digits:"))))


@functools.lru_cache(maxsize=2)
def _of_torchvision(name, root):
    return described(name, *_digits(*public.read(name, root)))


def _digits(train, test, classes):
    return *(Digits(torch.from_numpy(images), torch.from_numpy(labels)) for images, labels in (train, test)), classes
