"""Two folders of pictures to learn from: digits of other hands, and printed digits and letters.

`hands` are scikit-learn's 1,797 digits of 8x8 pixels, written by 13 people in Turkey (Alpaydin and Kaynak, 1998).
`printed` are characters in fonts that Debian packages, drawn once by draw() and kept in printed.png, a row a font."""

import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from src import ROOT, InputError
from src.runs import files
from studies import fonts

HANDS, PRINTED = ROOT / "data" / "hands", ROOT / "data" / "printed"
SHEET = Path(__file__).with_name("printed.png")
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIDE, CAPITAL, LARGER = 28, 18, 8  # pixels: of a picture, the height of an H in it; drawn so many times larger
ALIKE = 0.035  # mean difference of brightness, 0 to 1, below which two fonts count as one
TESTED = 4  # every fourth font is for the test


def collect(hands: Path = HANDS, printed: Path = PRINTED) -> None:
    """Write each folder that is not there yet. Raises InputError without scikit-learn."""
    if not hands.exists():
        try:
            from sklearn.datasets import load_digits
        except ModuleNotFoundError as error:
            remedy = "run: python -m pip install -r requirements-studies.txt"
            raise InputError(f"the digits of other hands come with scikit-learn, which is missing; {remedy}") from error

        digits = load_digits()
        each = enumerate(zip(digits.images, digits.target, strict=True))
        _write(hands, {f"{label}/{number:04}.png": image / 16 for number, (image, label) in each})
        print(f"{len(digits.target):,} digits of other hands written into the folder {hands.name}.")
    if not printed.exists():
        sheet = Image.open(SHEET)
        names = json.loads(sheet.info["fonts"])
        pixels = np.asarray(sheet).reshape(len(names), SIDE, len(CHARACTERS), SIDE).swapaxes(1, 2) / 255
        pictures = {}
        for row, name in enumerate(names):
            for image, character in zip(pixels[row], CHARACTERS, strict=True):
                part = "train" if (row + 1) % TESTED else "test"
                pictures[f"{part}/{character}/{name.replace(' ', '-')}.png"] = image
        _write(printed, pictures)
        print(f"{len(names)} fonts of {len(CHARACTERS)} characters written into the folder {printed.name}.")


def draw() -> list[str]:
    """Draw CHARACTERS in the fonts of this system, each unlike the others, into SHEET; return the fonts' names."""
    kept = {}
    for name, path in fonts.installed(CHARACTERS).items():
        size = 200 * CAPITAL * LARGER / np.ptp(np.flatnonzero(fonts.drawn("H", path).any(axis=1)))
        row = np.stack([_reduced(fonts.drawn(character, path, round(size))) for character in CHARACTERS])
        if all(np.abs(row - other).mean() > ALIKE for other in kept.values()):
            kept[name] = row
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in kept.values()])
    about = PngImagePlugin.PngInfo()
    about.add_text("fonts", json.dumps(list(kept)))
    Image.fromarray(np.rint(255 * sheet).astype(np.uint8)).save(SHEET, pnginfo=about, optimize=True)
    return list(kept)


def _reduced(ink):
    """Reduce ink (300, 300) to a picture (SIDE, SIDE), the middle of the ink in the middle."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    part = Image.fromarray(np.rint(255 * ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).astype(np.uint8))
    width, height = (min(max(round(side / LARGER), 1), SIDE) for side in part.size)
    image = Image.new("L", (SIDE, SIDE))
    image.paste(part.resize((width, height), Image.Resampling.HAMMING), ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.asarray(image) / 255


def _write(folder, pictures):
    """Write pictures, name -> brightness (H, W) from 0 to 1, into a folder that is whole or not there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _fill(folder, pictures)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}; make room there.") from error


def _fill(folder, pictures):
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as place:
        for name, image in pictures.items():
            content = io.BytesIO()
            Image.fromarray(np.rint(255 * image).astype(np.uint8)).save(content, "PNG")
            files.write(Path(place, folder.name, name), content.getvalue())
        if not folder.exists():  # another process may have been faster
            os.replace(Path(place, folder.name), folder)
