"""A program of whole numbers as one C99 file: its own numbers, packed, and then digit.c, which is the same for all."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from src import InputError
from src.data import MNIST, is_handwriting
from studies.bytes.integers import SIZE, Program, Stage

BODY = Path(__file__).with_name("digit.c")
INT16 = 2**15 - 1
ABOUT = """\
/* {name}: which of {count} classes do 28x28 pixels show? {size} bytes of constant data, whole numbers only, no heap.

   int digit(const uint8_t pixels[28 * 28]);    answers an image, 0 to {last}; 0 is {low} and 255 {high}

   The same for a camera, row by row from the top. Only the rows that are still needed are kept{image}:

   void digit_begin(void);                      before each image
   void digit_row(const uint8_t pixels[28]);    28 times; rows beyond are ignored
   int digit_end(void);                         the answer; -1 if there were fewer rows
   int32_t digit_logits[{count}];                    the largest is that of the answer; their unit is arbitrary{classes}

   One image at a time: what is between digit_begin() and digit_end() is kept in static memory. */
"""
LAYER = """\
static const struct layer {
    unsigned kind : 3, kernel : 3, stride : 2, channels : 8, bits : 3, before : 3, after : 5, bias_shift : 5;
} layers[LAYERS] = {"""
ROOM = dict(kernel=7, stride=3, channels=255)  # that fit into their bits


def source(of: Program, name: str) -> str:
    """Return a program as C99, about which its first lines say what it is. Raises InputError where it does not fit."""
    for stage in of.stages:
        for what, most in ROOM.items():
            if stage.kind != "average" and (value := getattr(stage, what)) > most:
                raise InputError(f"a layer of a C program has {what} up to {most}, not {value} as this network's.")
    multipliers, biases, weights = _small(of, "multiplier"), _small(of, "bias"), _packed(of)
    count, ink = len(of.data.classes), is_handwriting(of.data)
    about = dict(
        name=name,
        count=count,
        last=count - 1,
        size=f"{constants(of):,}",
        low="background" if ink else "black",
        high="ink" if ink else "white",
        classes="" if of.data.classes == MNIST.classes else f";\n   the classes are {', '.join(of.data.classes)}",
        image=" (here the whole image:\n   it is turned upright first)" if of.deskewed else "",
    )
    about = {what: re.sub(r"\*/|/\*", "* /", str(text)) for what, text in about.items()}  # which no comment may hold
    between = "int16_t" if max(stage.between for stage in of.stages) <= INT16 else "int32_t"
    lines = [
        ABOUT.format(**about),
        "#include <stdint.h>\n",
        f"#define DESKEW {int(of.deskewed)}\n",
        "enum { CONVOLUTION, DEPTHWISE, SEPARABLE, MAXIMUM, AVERAGE };",
        f"enum {{ {', '.join(f'{key} = {value}' for key, value in _sizes(of).items())} }};",
        f"typedef {between} between_t;\n",
        LAYER,
        *(f"    {_entry(stage)}," for stage in of.stages),
        "};",
        _array("uint8_t multipliers", multipliers),
        _array("int8_t biases", biases),
        _array("uint8_t weights", weights),
        "",
    ]
    return "\n".join(lines) + BODY.read_text(encoding="utf-8")


def constants(of: Program) -> int:
    """Return how many bytes the constant data of a program take: weights, multipliers, biases, a word a layer."""
    return len(_packed(of)) + len(_small(of, "multiplier")) + len(_small(of, "bias")) + 4 * len(of.stages)


def _small(of: Program, what: str) -> list[int]:
    arrays = (getattr(stage, what) for stage in of.stages if stage.weights or what == "multiplier")
    return [int(number) for array in arrays if array is not None for number in array] or [0]  # C has no empty arrays


def _sizes(of: Program) -> dict[str, int]:
    """Return how much memory the arrays of digit.c need, and how far its loops go."""
    width, inputs = SIZE - 2 * of.crop, 1
    kept, longest, kernel, between, total = 0, width, [1], [1], [1]
    for stage in of.stages:
        size = width if stage.kind == "average" else stage.kernel
        wide = (width - size) // stage.stride + 1
        kept += (size - 1) * width * inputs if stage.weights else wide * inputs * (stage.kind == "maximum")
        width = wide
        kernel += [weights[0].size for weights in stage.weights]
        between += [width * inputs] * (stage.kind == "separable")
        total += [inputs] * (stage.kind == "average")
        inputs = stage.channels
        longest = max(longest, width * inputs)
    convolutions = [stage for stage in of.stages if stage.weights]
    highest = {stage.highest for stage in of.stages if stage.multiplier is not None} or {1}
    if len(highest) > 1:
        raise InputError("all activations of a C program have as many bits; give all layers the same.")
    sizes = dict(
        CROP=of.crop,
        SIDE=SIZE - 2 * of.crop,
        LAYERS=len(of.stages),
        CLASSES=len(of.data.classes),
        KEPT=max(kept, 1),
        LONGEST=longest,
    )
    sizes |= dict(KERNEL=max(kernel), BETWEEN=max(between), TOTAL=max(total), HIGHEST=max(highest))
    return sizes | dict(TALLEST=max(stage.kernel for stage in convolutions))


def _packed(of: Program) -> bytes:
    """Return all weights as bits, the lowest first, in the order in which digit.c reads them, and a byte more."""
    bits = [
        (weights.transpose(0, 2, 3, 1).reshape(-1, 1) >> np.arange(stage.bits) & 1).reshape(-1)
        for stage in of.stages
        for weights in stage.weights
    ]
    return np.packbits(np.concatenate(bits).astype(np.uint8), bitorder="little").tobytes() + b"\0"


def _entry(stage: Stage) -> str:
    kernel = 1 if stage.kind == "average" else stage.kernel
    numbers = kernel, stage.stride, stage.channels, stage.bits - 1, stage.before, stage.after, stage.bias_shift
    return f"{{ {stage.kind.upper()}, {', '.join(map(str, numbers))} }}"


def _array(what: str, numbers: Sequence[int] | Iterable[int]) -> str:
    numbers = list(map(str, numbers))
    lines = [", ".join(numbers[i : i + 24]) for i in range(0, len(numbers), 24)]
    return f"static const {what}[] = {{\n    " + ",\n    ".join(lines) + "\n};"
