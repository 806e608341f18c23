"""MNIST on the disk: four files, verified by their checksums, fetched from the first source that has them."""

import functools
import hashlib
import os
from pathlib import Path

import numpy as np

from src import ROOT, InputError

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = SHA256


def root() -> Path:
    """Return the folder of MNIST, best in MNIST/raw below it: MNIST_ROOT if it is set, else data/ in the repository."""
    return Path(os.environ.get("MNIST_ROOT") or ROOT / "data")


@functools.cache
def read(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return training and test digits below a folder: pairs of images (N, 1, 28, 28) uint8 and labels (N,) int64.

    They are verified and read once per process. Raises InputError as fetch() does."""
    files = fetch(folder)
    images = [files[name][16:].reshape(-1, 1, 28, 28) for name in (TRAIN_IMAGES, TEST_IMAGES)]
    labels = [files[name][8:].astype(np.int64) for name in (TRAIN_LABELS, TEST_LABELS)]
    return list(zip(images, labels, strict=True))


def fetch(folder: Path) -> dict[str, np.ndarray]:
    """Return the four verified files of MNIST/raw below a folder, name -> bytes (N,) uint8.

    Files of other spellings, see sources.find(), are read where they are; what is missing or damaged is fetched.
    Raises InputError when no source gives the files, for another data set, and when the folder cannot be written."""
    try:
        files = verified(folder / "MNIST" / "raw")
        if len(files) < len(SHA256):
            from src import sources  # most runs have the digits and need none

            files = sources.obtain(folder, SHA256, damaged)
    except OSError as error:
        remedy = "set MNIST_ROOT to a folder that can be written."
        raise InputError(f"cannot keep MNIST under {folder}: {error}; {remedy}") from error
    return files


def damaged(raw: Path) -> list[str]:
    """List the files of MNIST that are missing below raw or have another checksum."""
    right = verified(raw)
    return [name for name in SHA256 if name not in right]


def verified(raw: Path) -> dict[str, np.ndarray]:
    """Return the files below raw that have MNIST's checksums, name -> bytes (N,) uint8."""
    files = {name: np.fromfile(raw / name, np.uint8) for name in SHA256 if (raw / name).is_file()}
    return {name: content for name, content in files.items() if hashlib.sha256(content).hexdigest() == SHA256[name]}
