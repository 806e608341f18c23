"""A picture, whatever it was made with, as images of the digits in it, such as the networks were trained on.

ink.py finds the ink, digits.py the digits in it; where there are several ways, doubt.py says which is best."""

import contextlib
import functools
import io
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps

from src import InputError
from src.checks import kind_of
from src.contract import pixels
from src.use.digits import place, separate
from src.use.doubt import surety
from src.use.ink import EMPTY, dark_on_bright, ink_of, resized, sheet, straight, without_lines

Picture = str | Path | bytes | BinaryIO | Image.Image | np.ndarray | torch.Tensor

MOST_MEMORY = 200_000_000  # bytes that a picture may take until it is reduced
LARGEST, LONGEST, SHORTEST = 2000, 800, 160  # pixels of the longer side: that are kept, looked at, and needed
FEWEST = 20  # pixels of a picture, so that a doubt about its digit is not due to them
LINE = 0.7  # a line is no stroke if it is longer than this share of the picture, or of what stands out of it
SURE = 3  # what doubt.surety() must say of the first reading, so that no other is tried
CHANNELS = (1, 3, 4)  # of an array: grey, colours, colours and transparency
OWN = "seen by a network"  # in the PNG files that --show writes
HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc")


def from_picture(picture: Picture) -> torch.Tensor:
    """Return the digits in a picture, from left to right and line by line, as uint8 (N, 1, 28, 28), 255 is ink.

    picture: a path, the bytes of an image file, an open file, a Pillow image, or an array or a tensor of (H, W),
    (H, W, 1, 3 or 4), (1, 3 or 4, H, W) or one such in a batch, with values as contract.pixels() takes them. Dark on
    bright or bright on dark, of any size, on plain, ruled or squared paper, in a box, or on a sheet on a table. Digits
    must not touch. Raises InputError if it is no picture, is too large, has only one colour, or is empty."""
    gray = _gray(_open(picture))
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


def _open(picture):
    """Return a picture as a Pillow image, upright and small enough to work on, in mode RGB or RGBA."""
    try:
        if isinstance(picture, str | Path | bytes) or hasattr(picture, "read"):
            picture = _decoded(io.BytesIO(picture) if isinstance(picture, bytes) else picture)
        elif not isinstance(picture, Image.Image):
            picture = _from_array(picture)
        if picture.mode[0] in "IF":  # 16 or 32 bits
            picture = _from_array(np.asarray(picture) / max(np.max(picture), 1))
        if picture.mode not in ("1", "P", "PA"):  # less memory for what follows
            picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
        picture = ImageOps.exif_transpose(picture)
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
        return picture
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        raise InputError("this is no picture in a format that Pillow reads, such as PNG or JPEG.") from error
    except Exception as error:  # a decoder lets through whatever the damage leads to
        raise InputError(f"cannot read the picture ({getattr(error, 'strerror', None) or error}).") from error


def _decoded(file):
    """Return the picture in a file, or a path, of which a JPEG is reduced while it is read.

    Raises InputError for one that takes too much memory, and for one that only pillow-heif reads if that is missing."""
    most = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # what counts here is memory, and a phone makes 200 megapixels
    try:
        with contextlib.suppress(ImportError):
            from pillow_heif import register_heif_opener

            register_heif_opener()
        picture = Image.open(file)
    except Image.UnidentifiedImageError:
        head = Path(file).read_bytes()[:12] if isinstance(file, str | Path) else file.seek(0) or file.read(12)
        if head[4:] in HEIC:
            remedy = "python -m pip install pillow-heif reads it; or save it as JPEG"
            raise InputError(f"this is a HEIC picture, as phones make them; {remedy}.") from None
        raise
    finally:
        Image.MAX_IMAGE_PIXELS = most
    if picture.info.get(OWN):
        raise InputError("this is what --show wrote of another picture; give that one.")
    width, height = picture.size
    picture.draft(None, (LARGEST, LARGEST))  # a JPEG
    needed = {"1": 5, "L": 1, "P": 5, "I": 20, "F": 20}.get(picture.mode[0], 4) * picture.width * picture.height
    if picture.info.get("progressive"):
        needed = 3 * width * height
    if needed > MOST_MEMORY:
        remedy = "save it with fewer pixels, or as a JPEG that is not progressive"
        raise InputError(f"the picture has {width:,} x {height:,} pixels, more than fit into memory; {remedy}.")
    return picture


def _from_array(values):
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


def _gray(image):
    """Return the brightness (H, W), 0 to 1, of an image; of a colour channel if that shows more."""
    small = image.copy()
    small.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    if image.mode == "RGBA" and np.ptp(small.getchannel("A")) > 0:  # an alpha of one value says nothing
        alpha = np.asarray(small.getchannel("A"))
        shades = np.asarray(small.convert("L"))[alpha > alpha.max() / 2]
        if shades.std() < 0.15 * 255:  # of one shade: its outline is what was drawn
            return np.asarray(image.getchannel("A"), np.float32) / 255
        paper = Image.new("RGBA", image.size, (int(np.median(shades)),) * 3 + (255,))
        image = Image.alpha_composite(paper, image)  # a picture with holes
        small = image.resize(small.size)
    shown = [np.std(channel) for channel in (small.convert("L"), *small.convert("RGB").split())]
    channel = np.argmax(shown)
    return np.asarray(image.getchannel(int(channel) - 1) if channel else image.convert("L"), np.float32) / 255
