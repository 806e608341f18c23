"""The C programs on an emulated Cortex-M3: instructions for an image, flash and memory, and the same answers."""

import shutil
import struct
import tempfile
from pathlib import Path

import numpy as np

from src import InputError
from studies.bytes.compiled import call, sizes

PREFIX, CHIP = "arm-none-eabi-", ("-mcpu=cortex-m3", "-mthumb", "-O2", "-ffreestanding")
FOLDER = Path(__file__).parent
PER_TICK = 40  # instructions: one takes a nanosecond of emulated time, and the clock has 25 MHz
MACHINE = ("qemu-system-arm", "-machine", "mps2-an385", "-nographic", "-icount", "shift=0")


def missing() -> str | None:
    """Say which of the programs is not installed here; None if all are."""
    names = [f"{PREFIX}gcc", f"{PREFIX}size", MACHINE[0]]
    absent = [name for name in names if not shutil.which(name)]
    packages = "Debian's packages gcc-arm-none-eabi and qemu-system-arm"
    return f"{', '.join(absent)} not found; install {packages}." if absent else None


def on_board(text: str, images: np.ndarray, classes: int = 10) -> tuple[np.ndarray, dict[str, float]]:
    """Run a C program on the board: logits (N, classes) int32 of images (N, 28, 28) uint8, and what it takes.

    That is "instructions" for an image on average, and bytes of "constants", "code", "static" memory and "stack".
    Raises InputError if a program that this needs is not installed."""
    if complaint := missing():
        raise InputError(complaint)
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
