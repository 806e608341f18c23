"""A picture, whatever it was made with, as images of the digits in it, such as the networks were trained on.

opening.py opens it, ink.py finds the ink, digits.py the digits in it; of several ways, doubt.py says which is best."""

import contextlib
import functools
import operator
from collections.abc import Iterator

import numpy as np
import torch

from src import InputError
from src.pictures.digits import place, separate
from src.pictures.doubt import surety
from src.pictures.ink import EMPTY, dark_on_bright, ink_of, resized, sheet, straight, without_lines
from src.pictures.opening import LONGEST, Picture, brightness, opened

SHORTEST = 160  # pixels of the longer side that are needed
FEWEST = 20  # pixels of a picture, so that a doubt about its digit is not due to them
LINE = 0.7  # a line is no stroke if it is longer than this share of the picture, or of what stands out of it
SURE = 3  # what doubt.surety() must say of the first reading, so that no other is tried


def from_picture(picture: Picture) -> torch.Tensor:
    """Return the digits in a picture, from left to right and line by line, as uint8 (N, 1, 28, 28), 255 is ink.

    picture: a path, the bytes of an image file, an open file, a Pillow image, or an array or a tensor of (H, W),
    (H, W, 1, 3 or 4), (1, 3 or 4, H, W) or one such in a batch, with values as contract.pixels() takes them. Dark on
    bright or bright on dark, of any size, on plain, ruled or squared paper, in a box, or on a sheet on a table. Digits
    must not touch. Raises InputError if it is no picture, is too large, has only one colour, or is empty."""
    gray = brightness(opened(picture))
    if np.ptp(gray) < 0.02:
        raise InputError("the picture has only one colour; draw a digit on it.")
    best, surest, most = None, -np.inf, 0
    for digits in _readings(gray):
        images = torch.cat([place(digit) for digit in digits])
        count = sum(width < 2.5 * height for height, width in (digit.shape for digit in digits))  # no underlines
        # With lines a 1 may go, and what is left of a box may look like one: neither may happen in silence.
        as_many = count == most or (count > most and surest < 0)
        if (least_sure := surety(images).min()) > surest and as_many:
            best, surest, most = images, least_sure, count
        if surest >= SURE:
            break
    if best is None:
        raise InputError(EMPTY)
    if surest < 0 and max(gray.shape) < FEWEST:
        height, width = gray.shape
        raise InputError(f"the picture has only {width} x {height} pixels; take it larger, {FEWEST} or more each way.")
    return best


def _readings(gray: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield what a picture may show, the ink of each digit, the likeliest first.

    As it is, then without lines as long as the picture, then without lines as long as what stands out, a box say."""
    gray = dark_on_bright(sheet(resized(gray, SHORTEST) if max(gray.shape) < SHORTEST else gray))
    small = _small(gray)
    sizes = [small.shape]
    with contextlib.suppress(InputError):
        found = separate(ink_of(small, 1 / 3))
        yield _closer(gray, small, found)
        sizes.append((_whole(found).height, _whole(found).width))
    gray = straight(gray)
    small = _small(gray)
    ink = ink_of(small, 1 / 3)
    for size in sizes:
        lengths = tuple(LINE * side for side in size)
        with contextlib.suppress(InputError):
            yield _closer(gray, small, separate(without_lines(ink, lengths), underlined=True), lengths)


def _small(gray):
    return resized(gray, min(LONGEST, max(gray.shape)))


def _whole(found):  # all digits that were found, as one part
    return functools.reduce(operator.add, [part for part, _ in found])


def _closer(gray, small, found, lengths=None):
    """Return the ink of each digit from a closer look: the light is more even there, and small digits are larger.

    small: the reduced picture in which the digits were found. lengths: of lines in it that are no strokes."""
    whole, scale = _whole(found), max(gray.shape) / max(small.shape)
    margin = 0.3 * max(whole.height, whole.width)
    top, left = (int(scale * (first - margin)) for first in (whole.top, whole.left))
    bottom, right = (int(scale * (last + margin)) for last in (whole.bottom, whole.right))
    near = gray[max(0, top) : bottom, max(0, left) : right]
    own = (top <= 0, left <= 0, bottom >= gray.shape[0], right >= gray.shape[1])
    scale *= min(1, LONGEST / max(near.shape))
    near = _small(near)
    ink = ink_of(near, 0.8)
    if lengths:
        ink = without_lines(ink, tuple(scale * length for length in lengths))
    return [digit for _, digit in separate(ink, bool(lengths), own)]
