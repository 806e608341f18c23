"""Where the ink is in a grey picture: a sheet on a table, light that is uneven, lines, boxes and frames.

Grey is brightness (H, W) from 0 to 1; ink is 0 on paper and 1 where a pen was."""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull

from src import InputError

SMALLEST_DETAIL = 0.04  # what stands out of the picture averaged to some 64 pixels, as a fraction of full brightness
NEIGHBOURS = np.ones((3, 3))  # parts hang together over corners, too
EMPTY = "no digit stands out in the picture; draw it darker, or take the picture in better light."


def resized(gray: np.ndarray, longest: float) -> np.ndarray:
    """Return a picture with the longer side as given, in pixels."""
    size = tuple(max(1, round(side * longest / max(gray.shape))) for side in gray.shape[::-1])
    smaller = longest < max(gray.shape)
    way = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(gray).resize(size, way)).clip(0, 1)


def sheet(gray: np.ndarray) -> np.ndarray:
    """Return what lies on the sheet of paper that a picture shows, on a table or in a frame; else the picture.

    A sheet is four-sided, has sharp edges and something on it. Around it, its edge is continued."""
    small = resized(gray, 240)
    bright = small > threshold(small)
    for side in (bright, ~bright):
        parts, count = ndimage.label(ndimage.binary_opening(side, NEIGHBOURS))
        part = parts == np.bincount(parts.ravel(), minlength=2)[1:].argmax() + 1
        filled = ndimage.binary_fill_holes(part)
        if not count or not 0.2 < filled.mean() < 0.985 or not _four_sided(filled):
            continue
        edge = ndimage.binary_dilation(filled) & ~filled
        steps = ndimage.maximum_filter(small, 5) - ndimage.minimum_filter(small, 5)
        inner = ndimage.binary_erosion(filled, iterations=3, border_value=1)
        drawn = ink_of(_continued(small, inner), 1 / 3) > 0.15
        sharp = np.quantile(steps[edge], 0.2) > 0.6 * abs(np.median(small[part]) - np.median(small[~filled]))
        if sharp and 0 < drawn.mean() < 0.35 and not _shows_more(small, ~filled):
            return _continued(
                gray, np.asarray(Image.fromarray(inner).resize(gray.shape[::-1], Image.Resampling.NEAREST))
            )
    return gray


def _continued(gray, mask):
    """Return a picture as far as a mask goes, and outside it the nearest pixels of the mask."""
    within = ndimage.find_objects(mask.astype(int))[0]
    nearest = ndimage.distance_transform_edt(~mask[within], return_distances=False, return_indices=True)
    return gray[within][tuple(nearest)]


def _shows_more(gray, table):
    """Say whether something as large as a digit lies on the table: then that is paper, too, in shadow for example."""
    table = ndimage.binary_erosion(table, iterations=4, border_value=1)
    if not table.any():
        return False
    surface = np.where(table, gray, np.median(gray[table]))
    dark = table & (ndimage.grey_closing(surface, 60) - surface > 0.15)
    return any(max(side.stop - side.start for side in box) > 12 for box in ndimage.find_objects(ndimage.label(dark)[0]))


def _four_sided(mask):
    """Say whether a mask fills the smallest rectangle around it, turned or not, as far as the picture shows that."""
    edge, places = np.argwhere(mask & ~ndimage.binary_erosion(mask)), np.argwhere(np.ones_like(mask))
    edge, most = edge[ConvexHull(edge).vertices], 0.0
    for angle in np.radians(np.arange(0, 90, 3)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        low, high = (edge @ turn).min(axis=0) - 0.5, (edge @ turn).max(axis=0) + 0.5
        turned = places @ turn
        most = max(most, mask.sum() / ((low <= turned) & (turned <= high)).all(axis=1).sum())
    return most > 0.88  # an ellipse fills 0.79


def dark_on_bright(gray: np.ndarray) -> np.ndarray:
    """Return the picture, or its negative if what stands out of it is bright. Raises InputError if nothing does."""
    small = np.asarray(Image.fromarray(gray).reduce(-(-max(gray.shape) // 64)))
    coarse, fine = (small - ndimage.gaussian_filter(small, max(small.shape) / part, mode="nearest") for part in (8, 24))
    if np.abs(fine).max() < SMALLEST_DETAIL:
        raise InputError(EMPTY)
    return 1 - gray if (coarse**3).sum() > 0 else gray


def ink_of(gray: np.ndarray, widest: float) -> np.ndarray:
    """Return how much ink there is at each pixel, 0 to 1, from brightness in light that may be uneven.

    widest: what is darker than its surroundings and no wider than this share of the picture is ink."""
    size = max(3, round(max(gray.shape) * widest))
    # Closing fills dark strokes up to this size, and leaves gradients and the edges of shadows as they are.
    padded = np.pad(ndimage.gaussian_filter(gray, max(gray.shape) / 400), size, mode="edge")
    paper = ndimage.grey_closing(padded, size)[size:-size, size:-size]
    return (1 - gray / np.maximum(paper, 1e-3)).clip(0, 1)


def straight(gray: np.ndarray) -> np.ndarray:
    """Return a picture turned, by 10 degrees at most, so that its lines are upright and level."""
    ink = ink_of(resized(gray, 400), 1 / 3)
    border = 1 + min(ink.shape) // 10  # where turning brings corners in

    def sharpness(angle):  # how suddenly the ink in rows and columns changes
        turned = ndimage.rotate(ink, angle, reshape=False, order=1)[border:-border, border:-border]
        return sum((np.diff(turned.sum(axis=axis)) ** 2).sum() for axis in (0, 1))

    angle = max(sorted(np.arange(-10, 10.1, 0.5), key=abs), key=sharpness)
    angle = max(angle + np.arange(-0.4, 0.41, 0.1), key=sharpness)
    return ndimage.rotate(gray, angle, reshape=False, order=1, mode="nearest") if abs(angle) > 0.15 else gray


def without_lines(ink: np.ndarray, lengths: tuple[float, float]) -> np.ndarray:
    """Return ink without upright and level lines of at least so many pixels; strokes that cross them are mended."""
    thick = max(3, round(max(lengths) / 40))  # pixels; what is thicker is no line
    for length in reversed(lengths):  # level lines, then, in the picture on its side, upright ones
        length = round(max(3, min(length, 0.9 * ink.shape[1])))
        loose = ndimage.grey_dilation(ink, (max(3, max(ink.shape) // 200), 1))  # lines are never quite level
        lines = np.minimum(ndimage.grey_opening(loose, (1, length)), ink)
        lines = lines - ndimage.grey_opening(lines, (thick, 1))
        rest = ink - lines
        ink = np.where(lines > 0.1, ndimage.grey_closing(rest, (thick + 2, 1)), rest).T
    return ink


def threshold(values: np.ndarray) -> float:
    """Return the threshold that separates values 0 to 1 best, by the variance between the two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, 256, (0, 1))
    centers = (edges[1:] + edges[:-1]) / 2
    below, total = counts.cumsum(), counts.sum()
    sums = (counts * centers).cumsum()
    between = (sums[-1] * below - sums * total) ** 2 / np.maximum(below * (total - below), 1)
    return edges[1:][between.argmax()]
