import pytest
import torch

from src import data
from src.augment import Augmentation, affine, augment, cut_out


@pytest.fixture
def images():
    return data.load("train").images[:6].float()


def parameters(n, angle=0.0, shift_x=0.0, shift_y=0.0, scale=1.0):
    return [torch.full((n,), value) for value in (angle, shift_x, shift_y, scale)]


def test_nothing_asked_for_changes_nothing(images):
    assert torch.allclose(affine(images, *parameters(6)), images, atol=1e-2)
    assert torch.allclose(augment(images, Augmentation()), images, atol=1e-2)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_quarter_turn_is_exact_and_counter_clockwise(images, quarter_turns):
    turned = affine(images, *parameters(6, angle=90.0 * quarter_turns))
    assert torch.allclose(turned, torch.rot90(images, quarter_turns, dims=(2, 3)), atol=1e-2)


def test_a_shift_by_whole_pixels_is_exact_and_fills_with_background(images):
    moved = affine(images, *parameters(6, shift_x=3.0, shift_y=-2.0))
    expected = torch.zeros_like(images)
    expected[:, :, :-2, 3:] = images[:, :, 2:, :-3]
    assert torch.allclose(moved, expected, atol=1e-2)


def test_doubling_the_scale_shows_the_middle_bilinearly(images):
    doubled = affine(images, *parameters(6, scale=2.0))
    middle = images[:, :, 6:22, 6:22]
    expected = torch.nn.functional.interpolate(middle, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(doubled, expected[:, :, 2:-2, 2:-2], atol=1e-2)


def test_maps_that_are_not_square_turn_without_distortion():
    image = torch.rand(1, 1, 5, 9)
    turned = affine(image, *parameters(1, angle=180.0))
    assert torch.allclose(turned, image.flip(2, 3), atol=1e-4)


def test_every_image_has_its_own_parameters():
    same = data.load("train").images[:1].float().expand(8, 1, 28, 28)
    augmented = augment(same, Augmentation(rotation=10, translation=2, scale=0.1))
    assert len(augmented.flatten(1).unique(dim=0)) == 8


def test_shifts_stay_in_their_range():
    point = torch.zeros(500, 1, 29, 29)
    point[:, :, 14, 14] = 1.0
    moved = augment(point, Augmentation(translation=2))
    rows = (moved.sum(dim=(1, 3)) * torch.arange(29)).sum(dim=1)
    assert rows.min() >= 12 - 1e-3 and rows.max() <= 16 + 1e-3 and rows.std() > 0.8


@pytest.mark.parametrize(
    "row, column, rows, columns",
    [(10, 20, (8, 13), (18, 23)), (0, 27, (0, 3), (25, 28)), (27, 1, (25, 28), (0, 4))],
)
def test_cutout_wipes_out_exactly_its_square_as_far_as_it_is_inside(images, row, column, rows, columns):
    images = images + 1  # so that no pixel is zero by itself
    expected = images.clone()
    expected[:, :, slice(*rows), slice(*columns)] = 0
    assert torch.equal(cut_out(images, torch.full((6,), row), torch.full((6,), column), side=5), expected)


def test_every_image_has_its_own_cutout():
    torch.manual_seed(0)
    wiped = augment(torch.ones(2000, 1, 28, 28), Augmentation(cutout=6)) == 0
    assert len(wiped.flatten(1).unique(dim=0)) > 500
    assert wiped.any(dim=0).all()  # anywhere in the image
    assert wiped.sum(dim=(1, 2, 3)).max() == 36


def test_rotation_alone_turns_each_image_by_an_angle_in_its_range_and_nothing_else():
    torch.manual_seed(0)
    ray = torch.zeros(300, 1, 41, 41)
    ray[:, :, 20, 36] = 1.0  # 16 pixels to the right of the centre
    turned = augment(ray, Augmentation(rotation=10))
    y = 20 - (turned.sum(dim=(1, 3)) * torch.arange(41)).sum(dim=1) / turned.sum(dim=(1, 2, 3))
    x = (turned.sum(dim=(1, 2)) * torch.arange(41)).sum(dim=1) / turned.sum(dim=(1, 2, 3)) - 20
    angles = torch.rad2deg(torch.atan2(y, x))
    assert angles.abs().max() <= 10.5 and angles.min() < -8 and angles.max() > 8
    assert torch.allclose(torch.hypot(x, y), torch.tensor(16.0), atol=0.5)


def test_an_augmentation_says_what_it_does():
    assert str(Augmentation(rotation=8)) == "±8°"
    assert str(Augmentation(10, 2, 0.1, 5)) == "±10°, ±2 pixels, ±10 %, cutout 5x5"
    assert str(Augmentation()) == "nothing"
    assert "85 % of the training" in str(Augmentation(rotation=8, until=0.85))


def test_maps_can_be_drawn_beforehand_and_come_from_the_global_generator_otherwise(images):
    augmentation = Augmentation(rotation=10, translation=2, scale=0.1)
    torch.manual_seed(0)
    draws = torch.rand(4, len(images))
    torch.manual_seed(0)
    assert torch.equal(augment(images, augmentation), augment(images, augmentation, draws))
