import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageOps

from src import InputError, data
from src.pictures.reading import from_picture
from src.training import predict
from src.use.weights import load
from tests.strokes import drawing

SIDE = 56  # pixels of a digit in a picture


@pytest.fixture(scope="module")
def network():
    return load("Model4")


def file_of(image, kind, **options):
    """The bytes of a picture as a file."""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def light(height, width, angle):
    """Light from 240 down to 90 of 255 across a page."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return 165 + 75 * (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2)


def on_gradient(digit, random):
    ink = np.asarray(digit) / 255
    return Image.fromarray((light(*ink.shape, random.uniform(0, 2 * np.pi)) * (1 - 0.7 * ink)).astype(np.uint8))


def moved(digit, random):
    canvas = Image.new("L", (2 * SIDE, int(1.5 * SIDE)))
    canvas.paste(digit, tuple(int(random.integers(0, whole - SIDE)) for whole in canvas.size))
    return canvas


def photograph(digit, random):
    """Somewhere on a page in uneven light, noisy, and saved as JPEG."""
    page = np.asarray(on_gradient(moved(digit, random), random)) + random.normal(0, 6, (int(1.5 * SIDE), 2 * SIDE))
    return file_of(Image.fromarray(page.clip(0, 255).astype(np.uint8)), "JPEG", quality=60)


def transparent(digit, random):
    image = Image.new("RGBA", digit.size, tuple(random.choice([0, 255]) * np.array([1, 1, 1, 0])))
    image.putalpha(digit)
    return file_of(image, "PNG")


DISTURBANCES = {
    "upscaled": lambda digit, random: digit,
    "inverted": lambda digit, random: ImageOps.invert(digit),
    "moved": moved,
    "on a grey gradient": on_gradient,
    "as JPEG": lambda digit, random: file_of(ImageOps.invert(digit), "JPEG", quality=30),
    "transparent": transparent,
    "photographed": photograph,
}


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_model4_still_answers_98_of_100_test_digits_that_come_as_pictures(disturbance, network):
    digits, random = data.load("test")[:100], np.random.default_rng(0)
    pictures = [
        Image.fromarray(image[0].numpy()).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for image in digits.images
    ]
    read = [predict(network, from_picture(DISTURBANCES[disturbance](picture, random))) for picture in pictures]
    correct = sum(logits.argmax(dim=1).tolist() == [k] for logits, k in zip(read, digits.labels.tolist(), strict=True))
    print(f"{disturbance}: {correct} of 100")
    assert correct >= 98


@pytest.mark.parametrize(
    "look",
    [
        dict(width=2),
        dict(width=10),
        dict(width=28),
        dict(width=2, size=28),
        dict(width=15, size=1500),
        dict(ink="yellow"),
        dict(ink="white", paper="darkgreen"),
        dict(ink="lightgray", paper="white"),
    ],
    ids=lambda look: " ".join(map(str, look.values())),
)
def test_digits_drawn_with_thin_thick_and_coloured_strokes_are_answered(look, network):
    images = torch.cat([from_picture(drawing(digit, **look)) for digit in range(10)])
    assert predict(network, images).argmax(dim=1).tolist() == list(range(10))


def answer(network, picture):
    return predict(network, from_picture(picture)).argmax().item()


def test_every_kind_of_picture_is_accepted(network, tmp_path):
    image = drawing(3)
    image.save(tmp_path / "three.png")
    gray = np.asarray(image.convert("L"))
    kinds = [
        *[image.convert(mode) for mode in ("1", "L", "P", "RGBA", "CMYK", "HSV", "I", "F")],
        *[str(tmp_path / "three.png"), tmp_path / "three.png", open(tmp_path / "three.png", "rb")],
        *[file_of(image, kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")],
        *[gray, gray / 255, gray > 0, np.asarray(image), torch.tensor(gray), gray.tolist(), gray[:, ::-1][:, ::-1]],
        *[torch.tensor(np.asarray(image)).permute(2, 0, 1), torch.tensor(np.asarray(image.convert("RGBA"))) / 255],
        *[torch.tensor(gray)[None], torch.tensor(gray)[..., None], torch.tensor(gray)[None, None].float()],
        *[torch.tensor(gray > 0), (gray > 0).astype(np.uint8), torch.tensor(gray > 0).long()],
        *[(torch.tensor(gray) / 255).requires_grad_(), (torch.tensor(gray) / 255).bfloat16()],
        Image.fromarray(gray.astype(np.uint16) * 257),
    ]
    assert [answer(network, kind) for kind in kinds] == [3] * len(kinds)


def test_a_photograph_is_turned_as_its_camera_was_held(network):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert answer(network, file_of(drawing(7).rotate(90), "JPEG", exif=exif)) == 7


def test_a_small_digit_on_a_large_page_is_found_among_specks(network):
    page = Image.new("L", (3000, 4000), 225)
    page.paste(drawing(6, 12, 300, "gray", (225,) * 3).convert("L"), (2300, 700))
    draw = ImageDraw.Draw(page)
    for x, y in np.random.default_rng(0).integers(0, 3000, (40, 2)).tolist():
        draw.ellipse((x, y, x + 4, y + 4), 90)
    assert answer(network, page) == 6


def test_the_digit_fits_into_20x20_pixels_around_its_centre_of_mass():
    for digit in range(10):
        image = from_picture(drawing(digit))
        assert image.shape == (1, 1, 28, 28) and image.dtype == torch.uint8 and image.max() == 255
        rows, columns = (image[0, 0].sum(dim).nonzero() for dim in (1, 0))
        assert max(rows.max() - rows.min(), columns.max() - columns.min()) == 19
        mass = image[0, 0].double()
        place = torch.arange(28.0, dtype=torch.float64)
        for sums in (mass.sum(0), mass.sum(1)):
            assert abs((sums * place).sum() / sums.sum() - 14) <= 0.5


def page_of(values):
    return Image.fromarray(np.asarray(values).clip(0, 255).astype(np.uint8))


RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    "picture, complaint",
    [
        (Image.new("RGB", (90, 60), "white"), "only one colour"),
        (Image.new("RGBA", (90, 60)), "only one colour"),
        (page_of(RANDOM.normal(200, 3, (200, 300))), "no digit stands out"),
        (page_of(RANDOM.normal(200, 20, (50, 60))), "no digit stands out"),
        (page_of(light(200, 300, 1)), "no digit stands out"),
        (page_of(light(200, 300, 2) + RANDOM.normal(0, 6, (200, 300))), "no digit stands out"),
        (b"no picture", "no picture in a format"),
        (b"", "no picture in a format"),
        (file_of(drawing(3), "PNG")[:200], "cannot read the picture"),
        ("nowhere.png", "No such file"),
        (np.full((28, 28), np.nan), "replace nan"),
        (np.linspace(0, 16, 784).reshape(28, 28), r"from 0 to 1, or from 0 to 255 .* from 0 to 16: divide them by 16 "),
        (np.linspace(-0.42, 2.82, 784).reshape(28, 28), "from -0.42 to 2.82: they look normalized, .*by itself"),
        (np.zeros((10, 1, 28, 28)), r"\(H, W\), .* in a batch of one, not float64 of shape \(10, 1, 28, 28\)"),
        (torch.zeros(3, 1, 28, 28), r"in a batch of one, not torch.float32 of shape \(3, 1, 28, 28\)"),
        (np.zeros((28, 28, 2)), r"\(H, W, 1, 3 or 4\) or \(1, 3 or 4, H, W\), .* not float64"),
        (np.array([["3"]]), "an array must be"),
        (np.zeros((0, 28)), "an array must be"),
        (42, "an array must be"),
        (None, "an array must be"),
    ],
)
def test_what_shows_no_digit_is_one_sentence(picture, complaint):
    with pytest.raises(InputError, match=complaint) as error:
        from_picture(picture)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
