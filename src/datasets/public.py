"""Data of torchvision.datasets: read where people have the files, or fetched as torchvision does it."""

import gzip
import hashlib
import itertools
import os
import pickle
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePath

import numpy as np
import torch
from filelock import FileLock

from src import InputError, download, sources
from src.datasets import idx
from src.datasets.published import Published, published

Pair = tuple[np.ndarray, np.ndarray]  # images (N, 1, 28, 28) uint8 and labels (N,) int64
PLACES = ("raw", "", "gzip", "data/fashion", "cifar-10-batches-py")  # below a folder, where people have the files
STAYS = "it stays as it is; move it away or set MNIST_ROOT to another folder."


def read(name: str, root: Path) -> tuple[Pair, Pair, tuple[str, ...]]:
    """Return training digits, test digits and the names of the classes of data with a name of data.CLASSES.

    Files are read where they lie below root; what is missing is fetched. Raises InputError for a file that is not what
    its name says, and when files cannot be fetched or written."""
    known = published(name)
    try:
        if len(found := find(known, root)) < len(known.files):
            fetch(known, root)
            found = find(known, root)
    except OSError as error:
        remedy = "set MNIST_ROOT to a folder that can be read and written."
        raise InputError(f"cannot read or keep {name} under {root}: {error}; {remedy}") from error
    paths, contents = zip(*(found[file] for file in known.files), strict=True)
    if name == "CIFAR10":
        *train, test, meta = contents
        return _grey(train), _grey([test]), tuple(meta["label_names"])
    for k in (0, 2):
        if (images := len(contents[k])) != (labels := len(contents[k + 1])):
            what = f"{paths[k]} has {images} images, but {paths[k + 1]} has {labels} labels"
            raise InputError(f"{what}; they stay as they are; put two files there that belong together.")
    return contents[:2], contents[2:], known.classes


def find(known: Published, root: Path) -> dict[str, tuple[Path, np.ndarray | dict]]:
    """Return the files that lie below root: name -> where it is, and what it says, images or labels as read() has them.

    They lie in a folder with the name of the data, or in root itself if MNIST has no files of these names; they may
    have a dot before idx, and .gz at the end. Raises InputError for a wrong file if there is no right one."""
    kind, found, wrong = _plain(known.name.partition("-")[0]), {}, []
    folders = [folder for folder in [*sorted(root.glob("*")), root] if _plain(folder.name) == kind]
    folders += [] if set(known.files) & set(download.SHA256) else [root]
    places = [folder / place for folder in folders for place in PLACES]
    spelled = itertools.product(places, known.files, ("-idx", ".idx"), ("", ".gz"))
    candidates = [(place / (file.replace("-idx", dot) + ending), [file]) for place, file, dot, ending in spelled]
    candidates += [(place / known.archive, list(known.files)) for place in places if known.archive]
    for path, files in candidates:
        wanted = [file for file in files if file not in found]
        if wanted and path.is_file():
            try:
                contents = _members(path, wanted, known) if len(files) > 1 else {files[0]: path.read_bytes()}
                found |= {file: (path, _said(path, file, content, known)) for file, content in contents.items()}
            except InputError as error:
                wrong.append(error)
    if wrong and len(found) < len(known.files):
        raise wrong[0]
    return found


def fetch(known: Published, root: Path) -> None:
    """Have torchvision fetch the files, and move those that are missing to where it keeps them below root.

    No file is overwritten. Raises InputError when they cannot be had."""
    home, (kind, _, split) = root / known.home, known.name.partition("-")
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{home}.lock"), tempfile.TemporaryDirectory(prefix=f".fetch-{kind}-", dir=home.parent) as folder:
        for leftover in set(home.parent.glob(f".fetch-{kind}-*")) - {Path(folder)}:  # of a process that was killed
            shutil.rmtree(leftover)
        there = find(known, root)  # another process may have fetched meanwhile
        missing = [file for file in known.files if file not in there]
        if not missing:
            return
        if taken := [home / file for file in missing if os.path.lexists(home / file)]:
            raise InputError(f"{taken[0]} is no file that can be read; {STAYS}")
        options = f"{folder!r}, {f'{split!r}, ' if split else ''}download=True"
        calls = f"for part in (True, False): torchvision.datasets.{kind}({options}, train=part)"
        try:
            sources.run(["-c", f"{sources.GIVE_UP}; import torchvision\n{calls}"], Path(folder))
            if len(find(known, Path(folder))) < len(known.files):
                raise sources.DownloadError("it came without some of them")
        except (sources.DownloadError, InputError) as error:
            what = f"{known.name} needs {', '.join(missing)} below {root}, and torchvision cannot fetch"
            them = f"them, or {known.archive}, which has them," if known.archive else "them, packed or not,"
            raise InputError(f"{what} them from {known.source}: {error}; put {them} into {home} by hand.") from error
        for file in [*missing, known.archive]:  # EMNIST's archive has its other splits, too
            if (new := Path(folder, known.home, file)).is_file() and not os.path.lexists(home / file):
                os.replace(new, home / file)
                print(f"{file} of {known.name} fetched with torchvision into {home}.", flush=True)


def _plain(name):  # the same for FashionMNIST and fashion-mnist
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def _verify(path, content, md5, known):
    if (own := hashlib.md5(content, usedforsecurity=False).hexdigest()) != md5:
        what = f"{path} is not the file that {known.name} publishes: its MD5 is {own}, not {md5}"
        raise InputError(f"{what} (if you packed it yourself, unpack it); {STAYS}")


def _members(path, wanted, known):  # of an archive that is verified: file -> content, packed as it is there
    _verify(path, path.read_bytes(), known.md5, known)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {file: archive.read(f"gzip/{file}.gz") for file in wanted}
    with tarfile.open(path) as archive:  # each is read as it comes, so that all is unpacked once
        members = ((PurePath(member.name).name, member) for member in archive)
        return {file: archive.extractfile(member).read() for file, member in members if file in wanted}


def _said(path, file, content, known):  # what a file says: images, labels, or the dictionary of a batch of CIFAR10
    packed, batch = content[:2] == b"\x1f\x8b", known.name == "CIFAR10"
    if batch or (packed and known.files[file]):
        _verify(path, content, known.files[file], known)
    if batch:
        return pickle.loads(content, encoding="latin1")  # a pickle can run code: only the known ones are read
    try:
        content = gzip.decompress(content) if packed else content
        values = idx.values(content, file)
        if hashlib.sha256(content).hexdigest() == download.SHA256.get(file):
            raise ValueError("it has MNIST's digits")
        if "images" in file:  # EMNIST's lie transposed
            return np.array(values.swapaxes(1, 2) if "emnist" in file else values, order="C")[:, None]
        labels = values.reshape(len(values), -1)[:, 0].astype(np.int64)
        first = 1 if known.name == "EMNIST-letters" else 0
        last = first + len(known.classes) - 1
        if labels.min() < first or labels.max() > last:
            raise ValueError(f"it has labels from {labels.min()} to {labels.max()}, not from {first} to {last}")
        return labels - first
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"{path} cannot be read as a file of {known.name}: {error}; {STAYS}") from error


def _grey(batches):  # colour pictures of 32 x 32 pixels -> grey ones of 28 x 28, and labels
    images, luma = [], torch.tensor([0.299, 0.587, 0.114])  # of red, green, blue: ITU-R 601, as in Pillow
    for batch in batches:
        grey = torch.einsum("nchw,c->nhw", torch.from_numpy(batch["data"]).view(-1, 3, 32, 32).float(), luma)
        fitted = torch.nn.functional.interpolate(grey[:, None], size=28, mode="bicubic", antialias=True)
        images.append(fitted.round().clamp(0, 255).byte().numpy())
    return np.concatenate(images), np.concatenate([batch["labels"] for batch in batches]).astype(np.int64)
