"""What all timings need: processes of their own, the machine's name, files."""

import json
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from src import InputError, files
from src.records import RESULTS

BENCH = RESULTS / "bench"


def process():
    """A fresh process, to be used in a with statement: what one way has left in memory does not slow the next."""
    return ProcessPoolExecutor(1, get_context("spawn"))


def in_process(function, *arguments):
    """What the function returns, called in a process of its own."""
    with process() as one:
        return one.submit(function, *arguments).result()


def machine():
    """What the timings are taken on, in words."""
    try:
        with open("/proc/cpuinfo") as lines:
            processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores, {processor}, torch {torch.__version__.split('+')[0]}"


def against(value, goal):
    """Whether what was hoped for came out, in words: at least the goal."""
    return "met" if value >= goal else f"missed by {goal - value:.2g}"


def save(name, measured, folder=BENCH):
    """Write what was measured to a JSON file. Raises InputError if that cannot be done."""
    files.write(folder / f"{name}.json", (json.dumps(measured, indent=1) + "\n").encode())


def load(name, folder=BENCH):
    """What save() wrote. Raises InputError, naming the file, if it cannot be read."""
    path = folder / f"{name}.json"
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise InputError(
            f"cannot read the timings {path}: {error.strerror}; make them with python -m src bench {name}."
        ) from error
    except ValueError as error:
        raise InputError(
            f"the timings {path} are damaged: {error}; make them again with python -m src bench {name}."
        ) from error
