"""A picture of a digit, whatever it was made with, as the networks were trained on: 28x28, ink bright, centred.

The steps are those of MNIST's makers (LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998):
fit the ink into 20x20 pixels and put its centre of mass into the centre of 28x28. Those before find the ink."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy import ndimage

from src import InputError
from src.checks import kind_of
from src.contract import pixels
from src.runs import files

Picture = str | Path | bytes | BinaryIO | Image.Image | np.ndarray | torch.Tensor

LONGEST = 800  # pixels of the longer side that are looked at; more are averaged
SMALLEST_CONTRAST = 0.1  # of ink to paper, as a fraction of the paper's brightness
SMALLEST_DETAIL = 0.04  # what stands out of the picture averaged to some 64 pixels, as a fraction of full brightness
CHANNELS = (1, 3, 4)  # of an array: grey, colours, colours and transparency
BOX, SIZE = 20, 28  # pixels that the ink is fitted into, and of the image around it
THINNEST = 2  # pixels of that box; thinner strokes are thickened

EMPTY = "no digit stands out in the picture; draw it darker, or take the picture in better light."


def from_picture(picture: Picture) -> torch.Tensor:
    """Return the digit in a picture as uint8 (1, 1, 28, 28), 0 is background and 255 ink.

    picture: a path, the bytes of an image file, an open file, a Pillow image, or an array or a tensor of (H, W),
    (H, W, 1, 3 or 4), (1, 3 or 4, H, W) or one such in a batch, with values as contract.pixels() takes them. Dark on
    bright or bright on dark, of any size; paper that was photographed should fill the picture. Raises InputError if it
    is no picture, has only one colour, or is empty."""
    gray = _gray(_open(picture))
    if np.ptp(gray) < 0.02:
        raise InputError("the picture has only one colour; draw a digit on it.")
    gray = _dark_on_bright(gray)
    gray = gray[_box(_find(_ink(gray)), margin=0.3)]  # light is more even around the digit
    digit = _find(_ink(gray))
    return _place(_thicken(digit[_box(digit)]))


def write_seen(image: torch.Tensor, name: str) -> Path:
    """Write an image (1, 1, 28, 28) uint8, ten times enlarged, beside the picture NAME as NAME-seen.png; return where.

    Raises InputError if it cannot be written."""
    path = Path("picture" if name == "-" else name)
    path = path.with_name(f"{path.stem}-seen.png")
    content = io.BytesIO()
    Image.fromarray(image[0, 0].numpy()).resize((10 * SIZE, 10 * SIZE), Image.Resampling.NEAREST).save(content, "PNG")
    files.write(path, content.getvalue())
    return path


def _open(picture: Picture) -> Image.Image:
    """Return a picture as a Pillow image, upright and small enough to work on, in mode RGB or RGBA."""
    try:
        if isinstance(picture, str | Path | bytes) or hasattr(picture, "read"):
            picture = Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture)
        elif not isinstance(picture, Image.Image):
            picture = _from_array(picture)
        if picture.mode[0] in "IF":  # 16 or 32 bits
            picture = _from_array(np.asarray(picture) / max(np.max(picture), 1))
        picture = ImageOps.exif_transpose(picture)
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
        return picture
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        raise InputError("this is no picture in a format that Pillow reads, such as PNG or JPEG.") from error
    except Exception as error:  # a decoder lets through whatever the damage leads to
        raise InputError(f"cannot read the picture ({getattr(error, 'strerror', None) or error}).") from error


def _from_array(values: np.ndarray | torch.Tensor) -> Image.Image:
    """Return an array or a tensor, of a layout and a range that from_picture() takes, as a Pillow image."""
    given = kind_of(values)
    if not isinstance(values, torch.Tensor):
        array = np.array(values, order="C")  # torch takes none that is flipped, and warns of one that is read-only
        values = torch.from_numpy(array) if array.dtype.kind in "buif" else torch.zeros(0)
    values = values[0] if values.ndim == 4 and len(values) == 1 else values
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim == 3 and values.shape[2] not in CHANNELS:
        values = values.movedim(0, 2)
    if values.ndim != 3 or values.shape[2] not in CHANNELS or not values.numel():
        layouts = "(H, W), (H, W, 1, 3 or 4) or (1, 3 or 4, H, W), alone or in a batch of one"
        raise InputError(f"an array must be a picture of shape {layouts}, not {given}.")
    values = pixels(values.detach().cpu(), dark=True).round().to(torch.uint8)
    return Image.fromarray(values.squeeze(2).numpy())


def _gray(image: Image.Image) -> np.ndarray:
    """Return the brightness (H, W), 0 to 1, of an image; of a colour channel if that shows more."""
    channels = [image.convert("L"), *image.convert("RGB").split()]
    gray, *colours = [np.asarray(channel, np.float32) / 255 for channel in channels]
    if image.mode == "RGBA":
        alpha = np.asarray(image.getchannel("A"), np.float32) / 255
        opaque = alpha > alpha.max() / 2
        if not opaque.any() or gray[opaque].std() < 0.15:  # of one shade: its outline is what was drawn
            return alpha
        return gray * alpha + np.median(gray[opaque]) * (1 - alpha)  # a picture with holes
    return max([gray, *colours], key=np.std)


def _dark_on_bright(gray: np.ndarray) -> np.ndarray:
    """Return the picture, or its negative if what stands out of it is bright. Raises InputError if nothing does."""
    small = np.asarray(Image.fromarray(gray).reduce(-(-max(gray.shape) // 64)))
    coarse, fine = (small - ndimage.gaussian_filter(small, max(small.shape) / part, mode="nearest") for part in (8, 24))
    if np.abs(fine).max() < SMALLEST_DETAIL:
        raise InputError(EMPTY)
    return 1 - gray if (coarse**3).sum() > 0 else gray


def _ink(gray: np.ndarray) -> np.ndarray:
    """Return how much ink there is at each pixel, 0 to 1, from brightness in light that may be uneven."""
    size = max(3, max(gray.shape) // 3)
    # Closing fills dark strokes up to this size, and leaves gradients and the edges of shadows as they are.
    padded = np.pad(ndimage.gaussian_filter(gray, max(gray.shape) / 400), size, mode="edge")
    paper = ndimage.grey_closing(padded, size)[size:-size, size:-size]
    return (1 - gray / np.maximum(paper, 1e-3)).clip(0, 1)


def _find(ink: np.ndarray) -> np.ndarray:
    """Return the ink of the digit, 0 around it to 1, without specks and what lies at the edges."""
    dark = ink > _threshold(ink)
    if not 0 < dark.mean() < 0.7:
        raise InputError(EMPTY)
    paper, full = np.median(ink[~dark]), np.percentile(ink[dark], 75)
    noise = np.median(np.abs(ink[~dark] - paper))
    if full - paper < max(SMALLEST_CONTRAST, 7 * noise):
        raise InputError(EMPTY)
    ink = ((ink - paper) / (full - paper)).clip(0, 1)

    # The digit is the largest part, and what is no speck beside it; parts at the edges count only if nothing else does.
    parts, count = ndimage.label(dark, np.ones((3, 3)))
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    at_edge = np.zeros(count + 1, bool)
    at_edge[np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = True
    inner = np.where(at_edge, 0, areas)
    main = inner.argmax() if inner.max() > areas.max() / 8 else areas.argmax()
    keep = (areas > 0.02 * areas[main]) & (at_edge <= at_edge[main])
    return np.where(ndimage.binary_propagation(keep[parts], mask=ink > 0.25), ink, 0)


def _box(digit: np.ndarray, margin: float = 0) -> tuple[slice, slice]:
    """Return where a digit lies, with a margin as a fraction of its longer side."""
    box = ndimage.find_objects((digit > 0).astype(int))[0]
    margin = round(margin * max(side.stop - side.start for side in box))
    return tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in box)


def _threshold(values: np.ndarray) -> float:
    """Return the threshold that separates values 0 to 1 best, by the variance between the two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, 256, (0, 1))
    centers = (edges[1:] + edges[:-1]) / 2
    below, total = counts.cumsum(), counts.sum()
    sums = (counts * centers).cumsum()
    between = (sums[-1] * below - sums * total) ** 2 / np.maximum(below * (total - below), 1)
    return edges[1:][between.argmax()]


def _thicken(digit: np.ndarray) -> np.ndarray:  # a digit with strokes that stay visible in 20x20 pixels
    thickness = 4 * ndimage.distance_transform_edt(np.pad(digit > 0.5, 1))[1:-1, 1:-1][digit > 0.5].mean()
    radius = round((THINNEST * max(digit.shape) / BOX - thickness) / 2)
    return ndimage.grey_dilation(np.pad(digit, radius), size=2 * radius + 1) if radius > 0 else digit


def _place(digit: np.ndarray) -> torch.Tensor:
    """Return a digit fitted into 20x20 pixels, with its centre of mass in the centre of 28x28."""
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
