"""The fonts of this system: their families, which characters they have, and a character as ink."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from matplotlib import font_manager, ft2font
from PIL import Image, ImageDraw, ImageFont

STYLES = ("Regular", "Book", "Roman", "Medium")  # upright, of common weight
NO_LETTERS = "Symbol Dingbat D050000L Initials Keyboard LastResort".split()  # in names of families


def family(path: str | Path) -> str:
    """Return the name of the family of a font file."""
    return ft2font.FT2Font(str(path)).family_name


def installed(characters: str, without: Collection[str] = ()) -> dict[str, Path]:
    """Return a font file for each family that has all characters, in order of names, but for families without."""
    paths = {}
    for path in sorted(font_manager.findSystemFonts(), reverse=True):
        font = ft2font.FT2Font(path)
        known = set(map(ord, characters)) <= set(font.get_charmap()) and font.style_name in STYLES
        if known and not any(word in font.family_name for word in NO_LETTERS) and font.family_name not in without:
            paths[font.family_name] = Path(path)
    return dict(sorted(paths.items()))


def drawn(character: str, path: Path, size: int = 200) -> np.ndarray:
    """Return the ink (300, 300) of a character in a font of a size in pixels, 0 to 1, in the middle."""
    image = Image.new("L", (300, 300))
    ImageDraw.Draw(image).text((150, 150), character, 255, ImageFont.truetype(str(path), size), anchor="mm")
    return np.asarray(image) / 255
