"""A folder with a folder of pictures for each class, as training and test digits."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]  # images (N, 1, 28, 28) uint8 and labels (N,) int64


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder: equal, and hash alike, as long as no file is added, removed or changed."""

    path: Path


def listing(path: Path) -> Listing:
    """List the pictures of a folder. Raises InputError for a folder that is missing or holds no classes."""
    raise NotImplementedError


def read(files: Listing, ink: bool) -> tuple[Pair, Pair, tuple[str, ...]]:
    """Return training digits, test digits and the names of the classes."""
    raise NotImplementedError
