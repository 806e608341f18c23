"""What C programs take on a chip, and what they get right: those of all kept weights, seed 0."""

import numpy as np

from src import InputError, data
from src.use import weights
from studies.bytes.compiled import CHIP, MACHINE, PREFIX, answers, call, missing_tools, on_board
from studies.bytes.export import program_of
from studies.bytes.integers import logits
from studies.bytes.source import source
from studies.recipes import Recipe
from studies.timing import machine

IMAGES = 1000  # the first of the test set


def measure() -> dict:
    """Run the C program of each network whose weights are kept: here on all test images, on the board on some.

    Raises InputError if a tool is missing, and if one of the two answers otherwise than the reference in Python."""
    if complaint := missing_tools():
        raise InputError(complaint)
    test, taken = data.load("test"), {}
    images = test.images.numpy().reshape(-1, 28, 28)
    for name in weights.kept():
        of = program_of(weights.load(name, Recipe))
        text = source(of, name)
        said, expected = answers(text, images), logits(of, images)
        on_chip, taken[name] = on_board(text, images[:IMAGES])
        if not (np.array_equal(said, expected) and np.array_equal(on_chip, expected[:IMAGES])):
            raise InputError(f"the C program of {name} answers otherwise than the reference.")
        taken[name] |= {
            "record": weights.record_hash(name),
            "bits": of.bits,
            "right": float((said.argmax(axis=1) == test.labels.numpy()).mean()),
        }
    tools = [call(tool, "--version").decode().splitlines()[0] for tool in (f"{PREFIX}gcc", MACHINE[0])]
    return {"machine": machine(), "tools": tools, "how": " ".join(CHIP), "images": IMAGES, "taken": taken}


def text(measured: dict) -> str:
    """Say what each takes, and how it was counted."""
    lines = [
        f"{name}: {100 * of['right']:.2f} %, {of['constants']:,} bytes of constant data, {of['code']:,} of code, "
        f"{of['static']:,} of static memory and {of['stack']:,} of stack, {of['instructions'] / 1e6:.2f} million "
        "instructions an image"
        for name, of in measured["taken"].items()
    ]
    return "\n".join([*lines, counted(measured), f"Emulated on {measured['machine']}."])


def counted(measured: dict) -> str:
    """Say how instructions and bytes were counted."""
    how = f"`{measured['how']}`, {', '.join(measured['tools'])}"
    return (
        f"The logits of all 10,000 test images are those of the reference, number for number. Instructions: mean of "
        f"the first {measured['images']:,} test images on an emulated Cortex-M3, whose logits are the same ({how})."
    )
