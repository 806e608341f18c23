"""The C program, compiled: what it answers on this machine, how large its constant data and its memory are."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src import InputError

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
MAIN = Path(__file__).with_name("main.c")


def compiler() -> str:
    """Return this machine's C compiler, that of CC if it is set. Raises InputError if there is none."""
    given = os.environ.get("CC")
    for name in [given] if given else ["cc", "gcc", "clang"]:
        if shutil.which(name):
            return name
    missing = f"no program {given}, which CC names" if given else "no C compiler here"
    raise InputError(f"there is {missing}; install gcc, or name yours: CC=my-compiler.")


def call(*command: str | Path, given: bytes = b"") -> bytes:
    """Run a program and return what it prints. Raises InputError, with what it complains of, if it fails."""
    try:
        done = subprocess.run([str(part) for part in command], input=given, capture_output=True)
    except OSError as error:
        raise InputError(f"cannot run {command[0]}: {error.strerror}; install it.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"it ends with {done.returncode}"]
        raise InputError(f"{command[0]} fails: {said[0]}")
    return done.stdout or done.stderr  # what an emulated board prints is there


def answers(text: str, images: np.ndarray, classes: int = 10, flags: Sequence[str] = ("-O2",)) -> np.ndarray:
    """Return the logits (N, classes) int32 of a C program for images (N, 28, 28) uint8, on this machine.

    Raises InputError without a C compiler and for a program that it does not accept."""
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder, "digit.c")).write_text(text)
        call(compiler(), *FLAGS, *flags, f"-DCOUNT={classes}", path, MAIN, "-o", Path(folder, "digit"))
        said = call(Path(folder, "digit"), given=images.tobytes())
    return np.frombuffer(said, np.int32).reshape(-1, classes)


def sizes(text: str, prefix: str = "", flags: Sequence[str] = ("-O2",)) -> dict[str, int]:
    """Return how many bytes of a compiled C program are "constants", "code" and "static" memory, as size says.

    prefix: of the tools of another machine, "arm-none-eabi-" for example. Raises InputError as answers() does."""
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder, "digit.c")).write_text(text)
        call(
            f"{prefix}gcc" if prefix else compiler(),
            *FLAGS,
            *flags,
            "-fdata-sections",
            "-c",
            path,
            "-o",
            Path(folder, "digit.o"),
        )
        said = call(f"{prefix}size", "-A", Path(folder, "digit.o")).decode()
    found = {"constants": 0, "code": 0, "static": 0}
    for name, size in re.findall(r"^\.(rodata|text|bss|data)(?!\.cst)\S*\s+(\d+)", said, re.MULTILINE):
        kind = {"rodata": "constants", "text": "code"}.get(name, "static")
        found[kind] += int(size)
    return found
