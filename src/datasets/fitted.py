"""Pictures in a folder as images of 28x28, as the networks take them: the whole picture, or the digit in it."""

import contextlib
import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src import ROOT, InputError
from src.pictures.opening import as_it_is, opened

KEPT = ROOT / "runs" / "pictures"  # the digits that were found in pictures: to find one takes some 50 ms
MANY = 200  # pictures that take longer than a person waits without a word


def whole(folder: Path, pictures: Sequence[str]) -> list[np.ndarray]:
    """Return pictures, by their names below a folder, as opening.as_it_is() does, (28, 28) uint8.

    Raises InputError, which names the first picture that cannot be read, and for pictures of different sizes."""
    sizes = {}

    def image_of(name):
        image = opened(folder / name, bright=2**16 - 1)
        sizes[image.size] = sizes.get(image.size, name)
        return as_it_is(image)

    images = _each(folder, pictures, image_of)
    if len(sizes) > 1:
        (one, first), (other, second) = list(sizes.items())[:2]
        has = f"{folder.name}/{first} has {one[0]} x {one[1]} pixels and {second} has {other[0]} x {other[1]}"
        raise InputError(f"{has}; make all of one size, or if they show digits, write digits: in the place of folder:.")
    return images


def digits(folder: Path, pictures: Sequence[str]) -> list[np.ndarray]:
    """Return the digit in each picture, by its name below a folder, as from_picture() does, (28, 28) uint8.

    What was found is kept for the next time. Raises InputError, which names the first picture that cannot be read or
    shows none or several digits."""
    from src.pictures import reading  # needs SciPy

    code = b"".join(path.read_bytes() for path in sorted(Path(reading.__file__).parent.glob("*.*")))
    file = KEPT / f"{hashlib.sha256(code + bytes(folder)).hexdigest()[:16]}.npz"
    kept, keys = _kept(file), {name: repr((name, *state(folder / name))) for name in pictures}
    if not (new := len(set(keys.values()) - set(kept))):
        return [kept[keys[name]] for name in pictures]
    if new >= MANY:
        print(f"{folder.name}: finding the digits in {new:,} pictures; this takes a while, but only once.")

    def digit_of(name):
        if keys[name] not in kept:
            found = reading.from_picture(folder / name)
            if len(found) > 1:
                raise InputError(f"it shows {len(found)} digits, and must show one; cut it up or remove it.")
            kept[keys[name]] = found[0, 0].numpy()
        return kept[keys[name]]

    try:
        return _each(folder, pictures, digit_of)
    finally:  # what was found is kept if another cannot be used, too
        _keep(file, {key: kept[key] for key in keys.values() if key in kept})


def state(file: Path | str) -> tuple[int, int]:
    """Return the bytes of a file and the time of its last change in ns, of a link that leads nowhere its own."""
    about = os.stat(file) if os.path.exists(file) else os.lstat(file)
    return about.st_size, about.st_mtime_ns


def _each(folder, pictures, image_of):
    """Return the image of each picture; one sentence says which cannot be used, and why."""
    images, bad = [], []
    for name in pictures:
        try:
            images.append(image_of(name))
        except InputError as error:
            bad.append((name, error))
    if bad:
        (name, error), more = bad[0], f" and {len(bad) - 1:,} more pictures" if len(bad) > 1 else ""
        remedy = "" if ";" in (why := str(error)) else "; replace it or remove it"
        raise InputError(f"cannot use {folder.name}/{name}{more}: {why.rstrip('.')}{remedy}.") from error
    return images


def _kept(file):
    try:
        with np.load(file) as content:
            return dict(zip(content["keys"].tolist(), content["images"], strict=True))
    except Exception:  # missing, or damaged, whatever that leads to: found again
        return {}


def _keep(file, kept):
    content, temporary = io.BytesIO(), file.with_suffix(f".{os.getpid()}.part")
    np.savez_compressed(content, keys=np.array(list(kept), str), images=np.array(list(kept.values()), np.uint8))
    with contextlib.suppress(OSError):  # where nothing can be written, it is found again
        KEPT.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content.getvalue())
        os.replace(temporary, file)
