"""The C program, compiled, here and for an emulated Cortex-M3: what it answers, and what memory and time it takes."""

import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src import InputError

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
FOLDER = Path(__file__).parent
PREFIX, CHIP = "arm-none-eabi-", ("-mcpu=cortex-m3", "-mthumb", "-O2", "-ffreestanding")
PER_TICK = 40  # instructions: one takes a nanosecond of emulated time, and the clock has 25 MHz
MACHINE = ("qemu-system-arm", "-machine", "mps2-an385", "-nographic", "-icount", "shift=0")


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
        call(compiler(), *FLAGS, *flags, f"-DCOUNT={classes}", path, FOLDER / "main.c", "-o", Path(folder, "digit"))
        said = call(Path(folder, "digit"), given=images.tobytes())
    return np.frombuffer(said, np.int32).reshape(-1, classes)


def sizes(text: str, prefix: str = "", flags: Sequence[str] = ("-O2",)) -> dict[str, int]:
    """Return how many bytes of a compiled C program are "constants", "code" and "static" memory, as size says.

    prefix: of the tools of another machine, "arm-none-eabi-" for example. Raises InputError as answers() does."""
    with tempfile.TemporaryDirectory() as folder:
        path, built = Path(folder, "digit.c"), Path(folder, "digit.o")
        path.write_text(text)
        call(f"{prefix}gcc" if prefix else compiler(), *FLAGS, *flags, "-fdata-sections", "-c", path, "-o", built)
        said = call(f"{prefix}size", "-A", built).decode()
    found = {"constants": 0, "code": 0, "static": 0}
    for name, size in re.findall(r"^\.(rodata|text|bss|data)(?!\.cst)\S*\s+(\d+)", said, re.MULTILINE):
        kind = {"rodata": "constants", "text": "code"}.get(name, "static")
        found[kind] += int(size)
    return found


def missing_tools() -> str | None:
    """Say which of the programs that on_board() calls is not installed here; None if all are."""
    names = [f"{PREFIX}gcc", f"{PREFIX}size", MACHINE[0]]
    absent = [name for name in names if not shutil.which(name)]
    packages = "Debian's packages gcc-arm-none-eabi and qemu-system-arm"
    return f"{', '.join(absent)} not found; install {packages}." if absent else None


def on_board(text: str, images: np.ndarray, classes: int = 10) -> tuple[np.ndarray, dict[str, float]]:
    """Run a C program on the board: logits (N, classes) int32 of images (N, 28, 28) uint8, and what it takes.

    That is "instructions" for an image on average, and bytes of "constants", "code", "static" memory and "stack".
    Raises InputError if a program that this needs is not installed, see missing_tools()."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "digit.c").write_text(text)
        (folder / "images").write_bytes(struct.pack("<I", len(images)) + images.tobytes())
        sources = (folder / "digit.c", FOLDER / "board.c")
        how = (f"-DCOUNT={classes}", "-nostdlib", "-T", FOLDER / "board.ld", "-lgcc", "-o", folder / "board.elf")
        call(f"{PREFIX}gcc", *CHIP, *sources, *how)
        loaded = f"loader,file={folder / 'images'},addr=0x21000000,force-raw=on"
        hosting = ("-semihosting-config", "enable=on,target=native")
        said = call(*MACHINE, *hosting, "-kernel", folder / "board.elf", "-device", loaded).split()
    *logits, ticks, stack = map(int, said)
    taken = sizes(text, PREFIX, CHIP) | {"stack": stack, "instructions": ticks * PER_TICK / len(images)}
    return np.array(logits, np.int32).reshape(-1, classes), taken
