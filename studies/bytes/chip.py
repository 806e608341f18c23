"""What the C programs of seed 0 take on a chip: flash, memory and instructions on an emulated Cortex-M3."""

import numpy as np

from src import InputError, data
from src.experiments import MODEL4
from src.use import weights
from studies.bytes import BYTES
from studies.bytes.board import CHIP, MACHINE, PREFIX, on_board
from studies.bytes.compiled import call
from studies.bytes.export import program_of
from studies.bytes.integers import logits
from studies.bytes.source import source
from studies.recipes import Recipe

IMAGES = 1000  # the first of the test set


def measure() -> dict:
    """Run each program, and Model4's, on the board, as JSON values.

    Raises InputError if a tool is missing, if weights are, and if the board answers otherwise than the reference."""
    images, taken = data.load("test").images[:IMAGES].numpy().reshape(-1, 28, 28), {}
    for name in [*BYTES, MODEL4.name]:
        of = program_of(weights.load(name, Recipe))
        said, taken[name] = on_board(source(of, name), images)
        if not np.array_equal(said, logits(of, images)):
            raise InputError(f"the board answers otherwise than the reference of {name}.")
        taken[name]["record"] = weights.record_hash(name)
    tools = [call(tool, "--version").decode().splitlines()[0] for tool in (f"{PREFIX}gcc", MACHINE[0])]
    return {"tools": tools, "how": " ".join(CHIP), "images": IMAGES, "taken": taken}


def text(measured: dict) -> str:
    """Say what each takes, and how it was counted."""
    lines = [
        f"{name}: {of['constants']:,} bytes of constants, {of['code']:,} of code, {of['static']:,} of static memory "
        f"and {of['stack']:,} of stack, {of['instructions'] / 1e6:.2f} million instructions an image"
        for name, of in measured["taken"].items()
    ]
    how = f"Mean of {measured['images']:,} images, {measured['how']}, {', '.join(measured['tools'])}."
    return "\n".join([*lines, how])
