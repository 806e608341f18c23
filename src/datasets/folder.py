"""A folder with a folder of pictures for each class, as training and test images of 28x28; nothing in it is changed.

A share of each class is for testing, unless the folder has just two folders, train and test, with the classes in both.
"""

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src import ROOT, InputError
from src.datasets import fitted
from src.pictures.opening import is_picture

Pair = tuple[np.ndarray, np.ndarray]  # images (N, 1, 28, 28) uint8 and labels (N,) int64

SHARE = 7  # one picture of so many is for testing, as in MNIST
NO_DATA = ("thumbs.db", "desktop.ini", "__macosx")  # in lower case; nor is what starts with a dot


@dataclass(frozen=True)
class Listing:
    """What is in a folder: equal, and hash alike, as long as no file is added, removed, renamed or changed."""

    path: Path  # absolute
    # Each folder: its name below path, the folders in it, and the files in it with bytes and time of change in ns.
    folders: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, int, int], ...]], ...]


def listing(path: Path) -> Listing:
    """List a folder below the current one, or else below the repository. Raises InputError if it cannot be read."""
    needed = "name a folder that holds a folder of pictures for each class"
    try:
        places = [Path(os.path.abspath(place)) for place in (path.expanduser(), ROOT / path)]
        found = next((place for place in places if place.exists()), None)
    except (OSError, RuntimeError) as error:  # a name that is too long, the home of nobody
        raise InputError(f"cannot look for the folder {path}: {error}; {needed}.") from error
    if not found:
        raise InputError(f"there is no folder {' and no '.join(dict.fromkeys(map(str, places)))}; {needed}.")
    if not found.is_dir():
        raise InputError(f"{path} is a file; {needed}.")
    folders = []
    for folder, below, files in os.walk(found, onerror=_refuse, followlinks=True):
        below[:], files = (sorted(filter(_is_data, names), key=_natural) for names in (below, files))
        at = Path(folder).relative_to(found).parts
        files = tuple((name, *fitted.state(os.path.join(folder, name))) for name in files)
        folders.append(("/".join(at), tuple(below), files))
        if len(at) == 2:  # a class in train or test
            below.clear()
    return Listing(found, tuple(folders))


def read(files: Listing, ink: bool) -> tuple[Pair, Pair, tuple[str, ...]]:
    """Return training digits, test digits and the names of the classes in their order, 2 before 10.

    ink: the digit in each picture, else the picture, see fitted.py. Prints which files are left out. Raises InputError,
    which names the class or the picture, for what cannot be used."""
    where, halves = _plain(files.path.name), sorted(files.folders[0][1], key=str.casefold, reverse=True)
    parted = [half.casefold() for half in halves] == ["train", "test"]
    if parted:
        train, test = (_classes(files, half, f"{where}/{half}", fewest=1) for half in halves)
        if odd := train.keys() ^ test.keys():
            (name, _), (has, lacks) = (train | test)[min(odd)], halves if min(odd) in train else halves[::-1]
            remedy = "each class must be in both"
            raise InputError(f"the class '{name}' is in {where}/{has} and not in {where}/{lacks}; {remedy}.")
    else:
        train, test = _classes(files, "", where, fewest=2), {}
        for key, (name, pictures) in train.items():
            order = np.random.RandomState(0).permutation(len(pictures))  # NumPy never changes this stream
            end = max(1, round(len(pictures) / SHARE))
            test[key], train[key] = ((name, [pictures[i] for i in part]) for part in (order[:end], order[end:]))
    _say_what_is_left_out(files, where, depth=1 + parted)
    parts = [[part[key][1] for key in train] for part in (train, test)]
    pictures = sorted((picture for part in parts for of_class in part for picture in of_class), key=_natural)
    images = dict(zip(pictures, (fitted.digits if ink else fitted.whole)(files.path, pictures), strict=True))
    first, second = (_pair(part, images) for part in parts)
    return first, second, tuple(name for name, _ in train.values())


def _is_data(name):
    return not name.startswith(".") and name.casefold() not in NO_DATA


def _refuse(error):
    raise InputError(f"cannot read the folder {error.filename}: {error.strerror}; change who may read it.") from error


def _natural(name):  # what to sort by, so that 2 comes before 10
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))], name


def _plain(name):  # a name whose bytes are no text cannot be printed or kept
    return unicodedata.normalize("NFC", name.encode(errors="replace").decode()).strip()


def _classes(files, folder, where, fewest):
    """Return the classes in a folder: key -> name and pictures; two with one key would be taken for each other."""
    inside, classes = {name: content for name, *content in files.folders}, {}
    for each in inside[folder][0]:
        path = f"{folder}/{each}".lstrip("/")
        (deeper, names), name = inside[path], _plain(each)
        key = unicodedata.normalize("NFKC", name)
        key = key if len(key) == 1 else key.casefold()  # A and a are two letters
        if deeper:
            remedy = "move its pictures up, or name the folder that holds the classes"
            raise InputError(f"the class '{name}' of {where} holds a folder, '{_plain(deeper[0])}'; {remedy}.")
        if key in classes:
            remedy = "give them different names, or put them together"
            raise InputError(f"{where} has two classes of one name, '{classes[key][0]}' and '{name}'; {remedy}.")
        classes[key] = name, [f"{path}/{file}" for file, *_ in names if is_picture(file)]
    if len(classes) < 2:
        has = f"only one class, '{name}'" if classes else "no folders in it"
        raise InputError(f"{where} has {has}; it must hold a folder of pictures for each of two or more classes.")
    for name, pictures in classes.values():
        if len(pictures) < fewest:
            has = "only one picture" if pictures else "no pictures"
            remedy = "add one to test on" if pictures else "add some"
            raise InputError(f"the class '{name}' of {where} has {has}; {remedy}, or remove its folder.")
    return classes


def _say_what_is_left_out(files, where, depth):
    """Print how many files are no pictures, and how many pictures are not in the folder of a class."""
    others, beside = [], []
    for folder, _, names in files.folders:
        paths = [f"{folder}/{name}".lstrip("/") for name, *_ in names]
        others += [path for path in paths if not is_picture(path)]
        beside += [path for path in paths if is_picture(path) and path.count("/") < depth]
    reasons = {"with an ending that no picture has": others, "beside the folders of the classes": beside}
    for what, left_out in reasons.items():
        if left_out:
            print(f"{where}: left out {len(left_out):,} {what}; the first is {_plain(left_out[0])}.")


def _pair(classes, images):
    """Return the images and labels of the pictures of each class, in a fixed order in which the classes are mixed."""
    pairs = [(images[picture], label) for label, pictures in enumerate(classes) for picture in pictures]
    mixed = [pairs[i] for i in np.random.RandomState(0).permutation(len(pairs))]
    return np.stack([image for image, _ in mixed])[:, None], np.array([label for _, label in mixed], np.int64)
