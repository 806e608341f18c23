"""What all timings need: processes of their own, the machine's name, goals in words, files."""

import json
import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import torch

from src import InputError
from src.runs import files
from src.runs.records import RESULTS


def process() -> ProcessPoolExecutor:
    """Return a fresh process for a with statement: what one way leaves in memory must not slow the next."""
    return ProcessPoolExecutor(1, get_context("spawn"))


def in_process(function: Callable, *arguments: Any) -> Any:
    """Call a function in a process of its own and return what it returns."""
    with process() as executor:
        return executor.submit(function, *arguments).result()


def machine() -> str:
    """Describe in words what the timings are taken on."""
    try:
        with open("/proc/cpuinfo") as lines:
            processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores, {processor}, torch {torch.__version__.split('+')[0]}"


def goal(bound: str, measured: str, met: bool) -> str:
    """Say what a timing should be, what it is, and whether the goal is met."""
    return f"Goal: {bound}; measured {measured} ({'met' if met else 'missed'})."


def spread(numbers: Sequence[float], places: int = 2) -> str:
    """Return the median of numbers and their range as text."""
    return f"{median(numbers):.{places}f} ({min(numbers):.{places}f} to {max(numbers):.{places}f})"


def save(name: str, measured: dict) -> None:
    """Write what was measured to results/bench/name.json. Raises InputError if that cannot be done."""
    files.write(RESULTS / "bench" / f"{name}.json", (json.dumps(measured, indent=1) + "\n").encode())


def load(name: str, folder: Path) -> dict:
    """Read what save() wrote. Raises InputError, naming the file, if it cannot be read."""
    path = folder / f"{name}.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is damaged ({error})"
        remedy = f"take the committed one again: git checkout {path}"
        raise InputError(f"cannot read the measurements {path}: {reason}; {remedy}") from error
