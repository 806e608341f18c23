"""What the figures of several studies share: points, a scale, and a note of the numbers behind each."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from src.experiments import Experiment
from src.model import build, count_parameters
from src.show.figures import IMAGES
from src.show.tables import Records
from studies.tables import measured

# Of an axis, for set_xscale() or set_yscale(): accuracies, in percent, stand by the logarithm of their error.
LOG_ERROR = dict(
    value="function",
    functions=(lambda accuracy: -np.log(100 - np.asarray(accuracy)), lambda y: 100 - np.exp(-y)),
)
Drawings = dict[str, tuple[Callable[[], Figure], str]]  # file name -> (function that draws it, hash of its numbers)


@dataclass(frozen=True)
class Point:
    """A network in the plane of parameters and test accuracy (percent)."""

    name: str
    parameters: int
    reported: float | None  # by a log: the best epoch of one run
    measured: tuple[float, float] | None  # mean over seeds and half-width of its 95 % interval, of the final networks
    words: str = ""  # what a step adds


def point(experiment: Experiment, tests_by_name: Records, reported: float | None = None, words: str = "") -> Point:
    """Make the Point of an experiment, which may have no records."""
    records = tests_by_name.get(experiment.name)
    parameters = count_parameters(build(experiment))
    return Point(experiment.name, parameters, reported, measured(records) if records else None, words)


def with_sources(draw_by_name: dict[str, partial]) -> Drawings:
    """Put a hash of what each function draws, its arguments, beside it."""
    return {
        name: (draw, hashlib.sha256(repr(draw.args).encode()).hexdigest()[:16]) for name, draw in draw_by_name.items()
    }


def source_of(name: str, folder: Path = IMAGES) -> str | None:
    """Return what a PNG file in folder says it was drawn from, or None if there is no such figure."""
    try:
        with Image.open(folder / name) as image:
            return image.text.get("Source")
    except OSError:
        return None
