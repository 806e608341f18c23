"""Digits as a pen draws them, for the tests."""

import numpy as np
from PIL import Image, ImageDraw


def arc(box, start, end):
    """Points of an arc within a box, from one angle in degrees to another, clockwise from the right."""
    left, top, right, bottom = box
    angles = np.radians(np.linspace(start, end, 60))
    xs, ys = (
        (left + right) / 2 + (right - left) / 2 * np.cos(angles),
        (top + bottom) / 2 + (bottom - top) / 2 * np.sin(angles),
    )
    return list(zip(xs, ys, strict=True))


STROKES = {  # of each digit in a unit square, y downwards
    0: [arc((0.15, 0, 0.85, 1), 0, 360)],
    1: [[(0.5, 0), (0.5, 1)]],
    2: [arc((0.15, 0, 0.85, 0.6), 180, 400) + [(0.15, 1), (0.9, 1)]],
    3: [arc((0.15, 0, 0.8, 0.5), 200, 450), arc((0.1, 0.5, 0.85, 1), 270, 520)],
    4: [[(0.6, 0), (0.1, 0.6), (0.9, 0.6)], [(0.65, 0.3), (0.65, 1)]],
    5: [[(0.8, 0), (0.25, 0), (0.2, 0.42)], arc((0.1, 0.38, 0.85, 1), 230, 500)],
    6: [[(0.65, 0), (0.3, 0.35), (0.18, 0.7)], arc((0.18, 0.45, 0.82, 1), 0, 360)],
    7: [[(0.1, 0), (0.85, 0), (0.35, 1)]],
    8: [arc((0.22, 0, 0.78, 0.48), 0, 360), arc((0.12, 0.48, 0.88, 1), 0, 360)],
    9: [arc((0.18, 0, 0.8, 0.55), 0, 360), [(0.8, 0.28), (0.75, 0.6), (0.6, 1)]],
}


def drawing(digit, width=10, size=200, ink="black", paper="white", mode="RGB"):
    """A digit drawn with a round pen so many pixels wide, on a square of so many pixels."""
    return pen(Image.new(mode, (size, size), paper), digit, 0.2 * size, 0.2 * size, 0.6 * size, width, ink)


def pen(image, digit, left, top, side, width=12, ink="black"):
    """Draw a digit into a square of an image."""
    draw = ImageDraw.Draw(image)
    for stroke in STROKES[digit]:
        points = [(left + side * x, top + side * y) for x, y in stroke]
        draw.line(points, ink, width, joint="curve")
        for x, y in points:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), ink)
    return image
