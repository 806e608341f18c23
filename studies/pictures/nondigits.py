"""What is no digit, drawn at random: letters and signs, strokes, scribbles, blots, and digits that something spoils.

All are as a picture of a digit is after src.pictures.digits.place(): uint8 (1, 28, 28), 0 is background and 255 ink."""

import functools
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from src.pictures.digits import place

SIDE = 96  # pixels of what is drawn, before it is placed
# Letters that may be taken for a digit (O, I, Z, S, B, G, q, ...) are neither learned nor counted.
LETTERS = "ACEFHKLMNPRTUVWXYacdefhkmnprtuvwxy&#%@?+="
SIGNS = "*$<>{}[]ΓΔΘΛΞΠΣΦΨΩαβγδεζηθλμξπρσφψωЖИЙЛФЦЧШЩЪЫЮЯдйлфцчшщъыюя←↑→↓↔∀∃∅∇∈∏∑√∞∧∨∩∪∫≈≠≡≤≥⊂⊃⊕⊗■□▲△▼○◆◇★☆♠♣♥♦♪✓✗"

# Letters and signs as a pen draws them: corners "x y" of strokes, in tenths, y downwards.
STROKES = {
    "A": "0 9,4 0,8 9;2 6,6 6", "E": "7 0,1 0,1 9,7 9;1 4,6 4", "F": "7 0,1 0,1 9;1 4,6 4",
    "H": "1 0,1 9;7 0,7 9;1 4,7 4", "K": "1 0,1 9;7 0,1 5,7 9", "L": "1 0,1 9,7 9", "M": "0 9,1 0,4 6,7 0,8 9",
    "N": "1 9,1 0,7 9,7 0", "P": "1 9,1 0,5 0,7 1,7 3,5 5,1 5", "R": "1 9,1 0,5 0,7 1,7 3,5 5,1 5,7 9",
    "T": "0 0,8 0;4 0,4 9", "U": "1 0,1 6,2 8,4 9,6 8,7 6,7 0", "C": "7 1,5 0,3 0,1 2,0 5,1 7,3 9,5 9,7 8",
    "V": "0 0,4 9,8 0", "W": "0 0,2 9,4 3,6 9,8 0", "X": "0 0,8 9;8 0,0 9", "Y": "0 0,4 4,8 0;4 4,4 9",
    "a": "6 4,3 3,1 5,1 7,3 9,6 7,6 3,6 9", "e": "0 5,7 5,6 3,4 2,1 3,0 5,1 8,4 9,6 8",
    "h": "1 0,1 9;1 5,4 4,6 5,6 9", "k": "1 0,1 9;6 4,1 7,6 9", "m": "0 4,0 9;0 5,2 4,4 5,4 9;4 5,6 4,8 5,8 9",
    "n": "1 4,1 9;1 5,4 4,6 5,6 9", "r": "1 4,1 9;1 6,3 4,6 4", "w": "0 4,2 9,4 5,6 9,8 4", "x": "0 4,6 9;6 4,0 9",
    "pi": "0 1,8 1;2 1,2 9;6 1,6 9", "lambda": "0 0,2 0,7 9;4 4,0 9", "triangle": "4 0,8 8,0 8,4 0",
    "square": "0 0,8 0,8 8,0 8,0 0", "house": "0 9,0 4,4 0,8 4,8 9,0 9", "star": "4 0,6 8,0 3,8 3,2 8,4 0",
    "heart": "4 9,0 4,0 2,1 0,3 0,4 2,5 0,7 0,8 2,8 4,4 9", "arrow": "0 4,9 4;6 1,9 4,6 7", "tick": "0 5,3 9,8 0",
    "plus": "4 0,4 8;0 4,8 4", "equals": "0 3,8 3;0 6,8 6", "minus": "0 4,9 4",
    "hash": "3 0,2 9;6 0,5 9;0 3,8 3;0 6,8 6", "zigzag": "0 2,2 7,4 2,6 7,8 2",
}  # fmt: skip


@functools.cache
def fonts() -> list[Path]:
    """Return the fonts that come with matplotlib and have letters; there are the same everywhere."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    kinds = ("DejaVuSans*", "DejaVuSerif*", "STIXGeneral*", "cmb*", "cmr*", "cmss*", "cmtt*")
    return sorted(path for kind in kinds for path in folder.glob(f"{kind}.ttf") if "Display" not in path.stem)


@functools.cache
def _loaded(path):
    """Return a font, and the numbers of the characters that it has."""
    return ImageFont.truetype(str(path), 44), set(matplotlib.ft2font.FT2Font(str(path)).get_charmap())


def glyph(characters: str, dice: np.random.Generator) -> np.ndarray:
    """Print one of the characters in a font of fonts(), bolder or not, as ink (SIDE, SIDE), 0 to 1."""
    font, known = _loaded(fonts()[dice.integers(len(fonts()))])
    character = dice.choice([character for character in characters if ord(character) in known])
    image = Image.new("L", (SIDE, SIDE))
    bold = int(dice.choice([0, 0, 0, 1, 2]))
    ImageDraw.Draw(image).text((SIDE / 2,) * 2, character, 255, font, anchor="mm", stroke_width=bold, stroke_fill=255)
    return np.asarray(image) / 255


def lines(strokes: list[np.ndarray], width: int) -> np.ndarray:
    """Draw strokes, (N, 2) points in pixels, with a round pen so many pixels wide, as ink (SIDE, SIDE)."""
    image = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        pen.line([tuple(point) for point in stroke], 255, width, joint="curve")
        for x, y in stroke:
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 255)
    return np.asarray(image) / 255


def penned(dice: np.random.Generator) -> np.ndarray:
    """Draw one of STROKES with a pen, its corners a little elsewhere, round or sharp."""
    text = STROKES[dice.choice(list(STROKES))]
    strokes = [np.array([point.split() for point in stroke.split(",")], float) for stroke in text.split(";")]
    strokes = [18 + 6.5 * (stroke + dice.normal(0, 0.35, stroke.shape)) for stroke in strokes]
    return lines([_round(stroke) for stroke in strokes] if dice.random() < 0.5 else strokes, dice.integers(2, 10))


def _round(stroke):  # the corners of a stroke
    finer = np.stack([np.interp(np.linspace(0, len(stroke) - 1, 30), range(len(stroke)), axis) for axis in stroke.T], 1)
    return np.concatenate([finer[:1], ndimage.uniform_filter1d(finer, 7, axis=0), finer[-1:]])


def scribble(dice: np.random.Generator) -> np.ndarray:
    """Draw strokes without a meaning: here and there, wandering, back and forth, a spiral, or a face."""
    turns, width = np.linspace(0, 2 * np.pi, 60), dice.integers(2, 9)
    match dice.integers(5):
        case 0:
            strokes = [dice.uniform(18, 78, (dice.integers(6, 30), 2)) for _ in range(dice.choice([1, 1, 4]))]
        case 1:
            walk = ndimage.gaussian_filter1d(dice.normal(0, 1, (dice.integers(12, 60), 2)).cumsum(0), 1, axis=0)
            strokes = [48 + 30 * (walk - walk.mean(0)) / np.abs(walk - walk.mean(0)).max()]
        case 2:
            heights = np.tile(dice.uniform([18, 54], [42, 78]), dice.integers(2, 8))
            strokes = [np.stack([np.linspace(18, 78, len(heights)), heights + dice.normal(0, 4, len(heights))], 1)]
        case 3:
            turns, width = np.linspace(0, dice.uniform(11, 25), 150), min(width, 4)
            strokes = [48 + np.linspace(3, 30, 150)[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)]
        case _:
            circle, width = np.stack([np.cos(turns), np.sin(turns)], 1), min(width, 5)
            eyes = [np.array([x, dice.uniform(36, 42)]) + dice.uniform(0, 4) * circle for x in (37, 59)]
            mouth = 48 + dice.uniform([10, 3], 20) * circle[4:27]
            strokes = [48 + 30 * dice.uniform(0.8, 1.2, 2) * circle, *eyes[: dice.choice([0, 2])], mouth]
    return lines(strokes, width)


def blot(dice: np.random.Generator) -> np.ndarray:
    """Draw a dot, or a smudge with soft edges: round, long or torn."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    angle, long = dice.uniform(0, np.pi), dice.uniform(1, 1.5)
    if dice.random() < 0.4:
        return (np.hypot(x, long * y) < dice.uniform(10, 35)) * 1.0
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    blurred = np.exp(-((along / 24) ** 2 + (across / dice.uniform(8, 24)) ** 2) * dice.uniform(0.5, 2))
    torn = ndimage.gaussian_filter(dice.normal(0, 1, (SIDE, SIDE)), dice.uniform(3, 14))
    return (blurred * (1 + dice.choice([0, 1]) * torn / np.abs(torn).max())).clip(0, 1)


def spoiled(digits: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Draw a digit, of (N, 28, 28), with lines through it, a box or a ring around it, or with a second one."""

    def paste(left, top):
        digit = Image.fromarray(digits[dice.integers(len(digits))]).resize((50, 50), Image.Resampling.BICUBIC)
        image = Image.new("L", (SIDE, SIDE))
        image.paste(digit, (left, top))
        return image

    image = paste(23, 23)
    pen, width, (a, b, c) = ImageDraw.Draw(image), dice.integers(1, 5), dice.integers(6, 27, 3).tolist()
    match dice.integers(5):
        case 0:
            return np.maximum(paste(4, 23), paste(dice.integers(25, 44), dice.integers(18, 29))) / 255
        case 1:
            for at in dice.integers(24, 72, dice.integers(1, 4)).tolist():
                pen.line((6, at, 90, at) if dice.random() < 0.5 else (at, 6, at, 90), 255, width)
        case 2:  # on a line, or underlined
            for at in (65 + dice.integers(-4, 8) + np.arange(dice.integers(1, 3)) * 7).tolist():
                pen.line((a, at, SIDE - b, at + dice.integers(-2, 3)), 255, width)
        case 3:
            pen.rectangle((a, b, SIDE - c, SIDE - b), outline=255, width=width)
        case _:
            pen.ellipse((a // 2, b // 2, SIDE - a // 2, SIDE - b // 2), outline=255, width=width)
    return np.asarray(image) / 255


def turned(digits: np.ndarray, labels: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Return a 2, 3, 4, 5 or 7 on its side, or a 3, 4 or 7 in a mirror: no longer a digit."""
    index = dice.choice(np.flatnonzero(np.isin(labels, [2, 3, 4, 5, 7])))
    mirrored = labels[index] in (3, 4, 7) and dice.random() < 0.5
    return (np.fliplr(digits[index]) if mirrored else np.rot90(digits[index], dice.choice([1, 3]))) / 255


def warped(ink: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Return ink turned, sheared, stretched and bent a little, at random."""
    angle = np.radians(dice.normal(0, 6))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ [[1, 0], [dice.normal(0, 0.15), 1]] @ np.diag(np.exp(dice.normal(0, 0.12, 2)))
    places = np.tensordot(matrix, np.mgrid[:SIDE, :SIDE] - SIDE / 2, 1) + SIDE / 2
    bends = [Image.fromarray(bend.astype(np.float32)).resize((SIDE,) * 2) for bend in dice.normal(0, 1.5, (2, 5, 5))]
    return ndimage.map_coordinates(ink, places + np.stack(bends), order=1).clip(0, 1)


def repenned(digit: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Return a digit (28, 28) as another pen writes it: thicker or thinner."""
    larger = np.asarray(Image.fromarray(digit).resize((SIDE,) * 2, Image.Resampling.BICUBIC)) / 255
    filtered = dice.choice([ndimage.grey_dilation, ndimage.grey_erosion])
    return filtered(larger, size=(int(dice.choice([1, 3, 5])),) * 2)


def images(count: int, digits: np.ndarray, labels: np.ndarray, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (about count, 1, 28, 28) of no digits, and 0.4 times as many of digits that MNIST has not.

    digits: of MNIST, (N, 28, 28) uint8, with their labels."""
    dice = np.random.default_rng(seed)
    draw = {
        "letters": lambda: warped(glyph(LETTERS, dice), dice),
        "signs": lambda: warped(glyph(SIGNS, dice), dice),
        "penned": lambda: warped(penned(dice), dice),
        "scribbles": lambda: scribble(dice),
        "blots": lambda: blot(dice),
        "spoiled": lambda: spoiled(digits, dice),
        "turned": lambda: turned(digits, labels, dice),
    }
    shares = dict(zip(draw, (0.26, 0.12, 0.18, 0.12, 0.07, 0.2, 0.05), strict=True))
    others = [placed(draw[kind]()) for kind, share in shares.items() for _ in range(round(share * count))]
    more = [placed(warped(glyph("0123456789", dice), dice)) for _ in range(count // 5)]
    more += [placed(repenned(digits[dice.integers(len(digits))], dice)) for _ in range(count // 5)]
    return torch.cat(others), torch.cat(more)


def placed(ink: np.ndarray) -> torch.Tensor:
    """Return ink (H, W), 0 to 1, as src.pictures.digits.place() does, without what surrounds it and what is faint."""
    ink = np.where(ink > 0.25, ink, 0) if ink.max() > 0.5 else ink
    return place(ink[ndimage.find_objects((ink > 0).astype(int))[0]])
