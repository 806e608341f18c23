"""From ink to digits: parts that hang together, put together to digits, each as the networks were trained on.

The last step is that of MNIST's makers (LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998):
fit the ink into 20x20 pixels and put its centre of mass into the centre of 28x28."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from src import InputError
from src.pictures.ink import EMPTY, NEIGHBOURS, threshold

SMALLEST_CONTRAST = 0.1  # of ink to paper, as a fraction of the paper's brightness
BOX, SIZE = 20, 28  # pixels that the ink is fitted into, and of the image around it
THINNEST = 2  # pixels of that box; thinner strokes are thickened


@dataclass(frozen=True)
class Part:
    """Ink that hangs together, or several such: their numbers, and where they lie, in pixels."""

    numbers: tuple[int, ...]
    top: int
    bottom: int
    left: int
    right: int

    height = property(lambda self: self.bottom - self.top)
    width = property(lambda self: self.right - self.left)

    def __add__(self, other: "Part") -> "Part":
        corners = min(self.top, other.top), max(self.bottom, other.bottom)
        corners += min(self.left, other.left), max(self.right, other.right)
        return Part(self.numbers + other.numbers, *corners)


def separate(
    ink: np.ndarray, underlined: bool = False, own: tuple[bool, ...] = (True,) * 4
) -> list[tuple[Part, np.ndarray]]:
    """Return each digit in ink (H, W), from left to right and line by line: where it lies, and its ink there.

    underlined: what lies flat below the digits is none of their strokes. own: which sides, top, left,
    bottom and right, are edges of the picture; what reaches another one lies beside the digits. Raises InputError
    if nothing stands out."""
    dark = ink > threshold(ink)
    if not 0 < dark.mean() < 0.7:
        raise InputError(EMPTY)
    paper, full = np.median(ink[~dark]), np.percentile(ink[dark], 75)
    noise = np.median(np.abs(ink[~dark] - paper))
    if full - paper < max(SMALLEST_CONTRAST, 7 * noise):
        raise InputError(EMPTY)
    ink = ((ink - paper) / (full - paper)).clip(0, 1)
    labels, count = ndimage.label(dark, NEIGHBOURS)
    found = []
    for digit in _in_order(_together(_parts(labels, count, own), underlined)):
        own = np.isin(labels, digit.numbers)
        own = ndimage.binary_propagation(own, mask=(ink > 0.25) & (own | (labels == 0)))
        around = ndimage.find_objects(own.astype(int))[0]
        found.append((digit, np.where(own, ink, 0)[around]))
    return found


def _parts(labels, count, own):
    """Return the parts that may belong to digits: no specks, and nothing that goes around another.

    At the edges only what may be one of several digits counts, as high as the largest part and beside it."""
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    boxes = ndimage.find_objects(labels)
    parts = [Part((i + 1,), box[0].start, box[0].stop, box[1].start, box[1].stop) for i, box in enumerate(boxes)]
    height, width = labels.shape
    near = 1 + max(labels.shape) // 400
    reached = np.array([(p.top, p.left, height - p.bottom, width - p.right) for p in parts]) < near
    at_edge, cut_off = reached.any(axis=1), (reached & ~np.array(own)).any(axis=1)
    for i in np.flatnonzero(areas > 0.02 * areas.max()):  # a box or a ring around others is no digit
        inside = labels[boxes[i]] * ndimage.binary_fill_holes(labels[boxes[i]] == i + 1)
        others = set(np.unique(inside)) - {0, i + 1}
        if any(parts[other - 1].height > 0.2 * parts[i].height for other in others):
            areas[i] = 0
    inner = np.where(at_edge, 0, areas)
    main = inner.argmax() if inner.max() > areas.max() / 8 else areas.argmax()
    largest = parts[main]

    def beside(part):
        shared = min(part.bottom, largest.bottom) - max(part.top, largest.top)
        across = part.height > height - 2 * near or part.width > width - 2 * near  # a line
        alike = 0.5 < part.height / largest.height < 1.5 and shared > 0.5 * min(part.height, largest.height)
        return alike and not across

    counts = [not at_edge[i] or at_edge[main] or not cut_off[i] and beside(part) for i, part in enumerate(parts)]
    return [part for i, part in enumerate(parts) if areas[i] > 0.02 * areas[main] and counts[i]]


def _together(parts, underlined):
    """Put parts together that belong to one digit: one above another, or a small one near to another."""
    tallest = max(part.height for part in parts)
    if underlined:
        foot = max(part.bottom for part in parts if part.height > 0.5 * tallest) - 0.1 * tallest
        parts = [part for part in parts if part.width < 2.5 * part.height or part.top < foot]

    def belong(one, other):
        across = max(one.left, other.left) - min(one.right, other.right)  # the gap; negative where they overlap
        down = max(one.top, other.top) - min(one.bottom, other.bottom)
        if -across > 0.5 * min(one.width, other.width):
            return down < 0.3 * tallest
        return max(across, down) < 0.15 * tallest and min(one.height, other.height) < 0.5 * tallest

    digits = []
    for part in parts:
        while near := next((digit for digit in digits if belong(digit, part)), None):
            digits.remove(near)
            part = near + part
        digits.append(part)
    return digits


def _in_order(digits):
    """Return digits from left to right, line of text by line of text."""
    lines = []
    for digit in sorted(digits, key=lambda digit: digit.top + digit.bottom):
        top, bottom = (min(d.top for d in lines[-1]), max(d.bottom for d in lines[-1])) if lines else (0, 0)
        if min(bottom, digit.bottom) - max(top, digit.top) > 0.3 * min(bottom - top, digit.height) and lines:
            lines[-1].append(digit)
        else:
            lines.append([digit])
    return [digit for line in lines for digit in sorted(line, key=lambda digit: digit.left + digit.right)]


def place(digit: np.ndarray) -> torch.Tensor:
    """Return the ink of a digit (H, W) as uint8 (1, 1, 28, 28): in 20x20 pixels, its centre of mass in the centre."""
    digit = _thicken(digit / digit.max())
    height, width = (max(1, round(side * BOX / max(digit.shape))) for side in digit.shape)
    fitted = np.asarray(Image.fromarray(digit.astype(np.float32)).resize((width, height), Image.Resampling.BOX))
    fitted = (fitted * 255 / fitted.max()).round().astype(np.uint8)
    top, left = (
        min(max(round(SIZE / 2 - centre), 0), SIZE - side)
        for centre, side in zip(ndimage.center_of_mass(fitted), fitted.shape, strict=True)
    )
    image = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.uint8)
    image[0, 0, top : top + height, left : left + width] = torch.from_numpy(fitted)
    return image


def _thicken(digit):  # a digit with strokes that stay visible in 20x20 pixels
    thickness = 4 * ndimage.distance_transform_edt(np.pad(digit > 0.5, 1))[1:-1, 1:-1][digit > 0.5].mean()
    radius = round((THINNEST * max(digit.shape) / BOX - thickness) / 2)
    return ndimage.grey_dilation(np.pad(digit, radius), size=2 * radius + 1) if radius > 0 else digit
