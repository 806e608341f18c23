"""Kinds of pictures that people bring: read, or doubted, but never confidently wrong."""

import random

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from src import InputError
from src.pictures.ink import straight
from src.use.answers import answer
from src.use.weights import load
from tests.strokes import drawing, pen


@pytest.fixture(scope="module")
def network():
    return load("Model4")


def page(size=(400, 400), paper="white", mode="RGB"):
    return Image.new(mode, size, paper)


def ruled(digit, step=60, squared=False):
    image = page()
    draw = ImageDraw.Draw(image)
    for at in range(step, 400, step):
        draw.line((0, at, 400, at), (150, 170, 220), 2)
        if squared:
            draw.line((at, 0, at, 400), (150, 170, 220), 2)
    return pen(image, digit, 100, 90, 200)


def turned(digit):
    """On squared paper that was photographed a little askew."""
    large = Image.new("RGB", (600, 600), "white")
    large.paste(ruled(digit, 45, squared=True).resize((600, 600)))
    return large.rotate(5, Image.Resampling.BICUBIC, fillcolor="white").crop((60, 60, 540, 540))


def with_line(digit, line, width=4, **where):
    image = page()
    ImageDraw.Draw(image).line(line, "black", width)
    return pen(image, digit, **(dict(left=110, top=100, side=200) | where))


def in_shape(digit, shape, box, **where):
    image = page()
    getattr(ImageDraw.Draw(image), shape)(box, outline="black", width=4)
    return pen(image, digit, **(dict(left=130, top=120, side=150) | where))


def sudoku(digit):
    image = page()
    for box in [(40, 40, 360, 360), (-280, 40, 40, 360), (360, 40, 680, 360), (40, 360, 360, 680)]:
        ImageDraw.Draw(image).rectangle(box, outline="black", width=6)
    return pen(image, digit, 110, 110, 180)


def on_table(digit, border, turn=0):
    table = page((600, 800), (60, 45, 35))
    sheet = pen(page((600 - 2 * border, 800 - 2 * border), (238, 236, 228)), digit, 180, 250, 200, 16, (35, 35, 60))
    sheet = sheet.convert("RGBA").rotate(turn, Image.Resampling.BICUBIC, expand=True)
    table.paste(sheet, ((600 - sheet.width) // 2, (800 - sheet.height) // 2), sheet)
    return table


def palette(digit):
    image = drawing(digit).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    image.info["transparency"] = 7  # a colour that no pixel has
    return image


def translucent(digit):
    image = drawing(digit, mode="RGBA")
    image.putalpha(120)
    return image


KINDS = {
    "opaque RGBA": lambda d: drawing(d, mode="RGBA"),
    "alpha of one value": translucent,
    "palette with a transparent colour that no pixel has": palette,
    "ruled paper": ruled,
    "squared paper": lambda d: ruled(d, 50, squared=True),
    "squared paper, askew": turned,
    "standing on a line": lambda d: with_line(d, (20, 300, 380, 300)),
    "underlined": lambda d: with_line(d, (90, 345, 330, 350), 12),
    "line beside": lambda d: with_line(d, (60, 0, 80, 400)),
    "form box": lambda d: in_shape(d, "rectangle", (60, 70, 340, 330)),
    "box that the digit touches": lambda d: in_shape(d, "rectangle", (60, 70, 340, 330), top=160, side=170),
    "circle": lambda d: in_shape(d, "ellipse", (40, 40, 360, 360)),
    "sudoku cell": sudoku,
    "dark table": lambda d: on_table(d, 60),
    "dark table, askew": lambda d: on_table(d, 90, turn=8),
    "dark frame": lambda d: on_table(d, 12),
    "12x12 pixels": lambda d: drawing(d, 26, 280).crop((40, 40, 240, 240)).resize((12, 12), Image.Resampling.LANCZOS),
    "pen of 3 pixels in 12 megapixels": lambda d: pen(page((3000, 4000), 255, "L"), d, 900, 1400, 1100, 3, 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nine_of_ten_digits_of_each_kind_are_read_and_none_is_wrong_without_a_doubt(kind, network):
    digits = [1, 4, 7] if "megapixels" in kind else range(10)
    answers = [answer(network, KINDS[kind](digit)) for digit in digits]
    read = [each.values()["answer"] for each in answers]
    right = sum(one == str(digit) for one, digit in zip(read, digits, strict=True))
    assert right >= len(digits) - 1, read
    assert not [one for one, digit in zip(read, digits, strict=True) if one not in (None, str(digit))], read


@pytest.mark.parametrize("number", ["42", "10", "38", "123", "77", "2026", "5551234567"])
def test_several_digits_are_several_answers_from_left_to_right(number, network):
    image = page((150 * len(number) + 60, 320))
    for place, digit in enumerate(number):
        pen(image, int(digit), 40 + 150 * place, 90, 120)
    assert answer(network, image).text == number


def test_a_phone_number_on_a_sheet_of_paper_is_ten_answers(network):
    image, number = page((1500, 2100), (238, 236, 228)), "0171234568"
    for place, digit in enumerate(number):
        pen(image, int(digit), 200 + 90 * place, 700 + 4 * place, 62, 6, (35, 35, 60))
    assert answer(network, image).text == number


def test_lines_of_text_are_read_from_top_to_bottom(network):
    image = page((600, 600))
    for place, digit in enumerate("123456"):
        pen(image, int(digit), 60 + 170 * (place % 3), 60 + 260 * (place // 3), 130)
    assert answer(network, image).text == "123456"


def letter(text):
    image = page((300, 300), 255, "L")
    ImageDraw.Draw(image).text((150, 150), text, 0, ImageFont.load_default(200), anchor="mm")
    return image


def scribble(seed):
    image, dice = page((400, 400), 255, "L"), random.Random(seed)
    ImageDraw.Draw(image).line([(dice.randint(80, 320), dice.randint(80, 320)) for _ in range(25)], 0, 8)
    return image


def smiley():
    image = page((400, 400), 255, "L")
    draw = ImageDraw.Draw(image)
    draw.ellipse((90, 90, 310, 310), outline=0, width=10)
    for box in [(150, 150, 170, 175), (230, 150, 250, 175)]:
        draw.ellipse(box, 0)
    draw.arc((140, 150, 260, 260), 20, 160, 0, 10)
    return image


def dot(radius):
    image = page((400, 400), 255, "L")
    ImageDraw.Draw(image).ellipse((200 - radius, 200 - radius, 200 + radius, 200 + radius), 0)
    return image


def smudge(width, height):
    y, x = np.mgrid[-200:200, -200:200]
    return 1 - 0.5 * np.exp(-((x / width) ** 2) - (y / height) ** 2)


@pytest.mark.parametrize(
    "picture",
    [*map(letter, "AEFHKMNPRWX"), *map(scribble, range(5)), smiley(), *map(dot, (3, 8, 15, 60)), smudge(60, 60)],
)
def test_what_is_no_digit_is_doubted_or_refused(picture, network):
    try:
        read = answer(network, picture)
    except InputError:
        return
    assert any(read.doubted) and "may be no digit" in str(read) and read.values()["answer"] is None


def test_digits_that_touch_are_doubted_and_not_answered_as_one(network):
    image = page((500, 320))
    for place, digit in enumerate((2, 7)):
        pen(image, digit, 100 + 105 * place, 70, 150, 16)
    assert answer(network, image).values()["answer"] is None


def test_a_hundred_megapixels_of_a_phone_are_read_reduced(network, tmp_path):
    pen(page((12_000, 9_000), "white"), 5, 4000, 2500, 4000, 260).save(tmp_path / "phone.jpg")
    assert answer(network, tmp_path / "phone.jpg").text == "5"
    assert Image.MAX_IMAGE_PIXELS, "Pillow's own limit is in force again"


def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_read(network, tmp_path):
    page((9_000, 9_000)).save(tmp_path / "large.png", compress_level=1)
    with pytest.raises(
        InputError, match=r"9,000 x 9,000 pixels, more than fit .*; save it with fewer pixels, or as a JP"
    ):
        answer(network, tmp_path / "large.png")


def test_a_heic_picture_is_refused_with_what_reads_it(network, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    content = b"\0\0\0\x18ftypheic" + bytes(100)
    (tmp_path / "phone.heic").write_bytes(content)
    for picture in (content, tmp_path / "phone.heic"):
        with pytest.raises(InputError, match="HEIC picture, .* pip install pillow-heif reads it; or save it as JPEG"):
            answer(network, picture)


def test_a_digit_of_a_few_pixels_is_read_or_refused_with_what_is_in_the_way(network):
    for digit in range(10):
        image = drawing(digit, 25, 400).resize((8, 8), Image.Resampling.LANCZOS)  # four to five pixels high
        try:
            assert answer(network, image).values()["answer"] in (str(digit), None)
        except InputError as error:
            assert str(error) == "the picture has only 8 x 8 pixels; take it larger, 20 or more each way."


def test_images_of_several_digits_are_one_batch(network):
    image = page((700, 320))
    for place, digit in enumerate((4, 2)):
        pen(image, digit, 60 + 300 * place, 70, 170)
    read = answer(network, image)
    assert read.images.shape == (2, 1, 28, 28) and read.images.dtype == torch.uint8
    assert read.probabilities.shape == (2, 10) and len(read.doubted) == 2


def number(digits, size, places, side=120):
    image = page(size)
    for digit, (left, top) in zip(digits, places, strict=True):
        pen(image, int(digit), left, top, side)
    return image


def test_no_digit_of_a_number_is_lost_in_silence(network):
    """Each is read as it is, or doubted: never as a shorter number."""
    places = [(30, 100), (190, 90), (350, 110)]
    plain = number("954", (500, 320), places)
    shadow = np.asarray(plain.convert("L"), np.float32)
    shadow[:, 320:] *= 0.55  # the edge of a shadow, between the digits
    lines = number("954", (500, 320), places)
    for at in range(20, 320, 40):
        ImageDraw.Draw(lines).line((0, at, 500, at), (150, 170, 220), 2)
    small = pen(pen(pen(page((500, 320)), 1, 60, 60, 200), 0, 260, 190, 70), 0, 350, 190, 70)
    for picture, digits in [
        (plain, "954"),
        (plain.crop((45, 96, 460, 228)), "954"),
        (plain.crop((0, 0, 425, 320)), "954"),  # the last is cut off
        (shadow, "954"),
        (lines, "954"),
        (small, "100"),
    ]:
        assert answer(network, picture).values()["answer"] in (digits, None)
    assert answer(network, plain).text == "954"


def test_a_line_of_text_is_read_in_order_though_its_digits_differ_in_size(network):
    image = page((640, 320))
    for digit, left, top, side in [(7, 30, 60, 180), (1, 230, 150, 90), (6, 350, 70, 110), (3, 480, 90, 150)]:
        pen(image, digit, left, top, side)
    assert answer(network, image).text == "7163"


@pytest.mark.parametrize("size", [(300, 1560), (1560, 300), (3000, 200)])
def test_lines_that_are_level_are_not_turned(size):
    gray = np.ones(size[::-1], np.float32)
    gray[::40] = 0.6
    assert np.array_equal(straight(gray), gray)
