"""Whatever holds a picture, a file, an image or an array: opened, as its brightness, and whole as 28x28."""

import contextlib
import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps

from src import InputError
from src.checks import kind_of
from src.contract import pixels
from src.model import IMAGE_SIZE

Picture = str | Path | bytes | BinaryIO | Image.Image | np.ndarray | torch.Tensor

MOST_MEMORY = 200_000_000  # bytes that a picture may take until it is reduced
LARGEST, LONGEST = 2000, 800  # pixels of the longer side: that are kept, and looked at
CHANNELS = (1, 3, 4)  # of an array: grey, colours, colours and transparency
OWN = "seen by a network"  # in the PNG files that --show writes
HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc")


def is_picture(name: str | Path) -> bool:
    """Say whether a file is named as a picture that is read here, or would be with pillow-heif."""
    Image.init()
    ending = Path(name).suffix.lower()
    return ending in (".heic", ".heif") or Image.EXTENSION.get(ending) in Image.OPEN


def is_shown(path: str | Path) -> bool:
    """Say whether a file is what --show wrote of another picture."""
    try:
        with Image.open(path) as picture:
            return OWN in picture.info
    except Exception:  # as in opened(), where more is said of it
        return False


def opened(picture: Picture, bright: int | None = None) -> Image.Image:
    """Return a picture as a Pillow image, upright and small enough to work on, in mode RGB or RGBA.

    bright: what full brightness is in whole numbers of more than 8 bits, by default what their brightest pixel has."""
    try:
        if isinstance(picture, str | Path | bytes) or hasattr(picture, "read"):
            picture = _decoded(io.BytesIO(picture) if isinstance(picture, bytes) else picture)
        else:  # what is given stays as it is
            picture = picture.copy() if isinstance(picture, Image.Image) else _from_array(picture)
        if picture.mode[0] in "IF":  # 16 or 32 bits
            full = bright if bright and picture.mode[0] == "I" else max(np.max(picture), 1)
            picture = _from_array(np.asarray(picture) / full)
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
        raise InputError("this is what --show wrote of another picture; use that one and remove this.")
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


def brightness(image: Image.Image) -> np.ndarray:
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


def as_it_is(picture: Picture) -> np.ndarray:
    """Return a whole picture in grey, fitted to 28x28, as uint8 (28, 28), for networks that learned from such pictures.

    What is transparent is white. The longer side is fitted, and the rest filled with the shade that is usual at the
    picture's border. Nothing is cut out, and nothing is inverted: a shirt on white paper stays one, while Fashion-MNIST
    shows clothes bright on black. picture: as from_picture() takes it. Raises InputError if it is none or is too large.
    """
    image = opened(picture, bright=2**16 - 1)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L")
    gray = np.asarray(image)
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    width, height = (max(1, round(side * IMAGE_SIZE / max(image.size))) for side in image.size)
    fitted = Image.new("L", (IMAGE_SIZE, IMAGE_SIZE), int(np.median(border)))
    place = (IMAGE_SIZE - width) // 2, (IMAGE_SIZE - height) // 2
    fitted.paste(image.resize((width, height), Image.Resampling.BICUBIC), place)
    return np.array(fitted)
