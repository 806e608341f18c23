"""Deskewing undoes a shear and a shift, and leaves upright digits as they are."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from src import InputError, data
from src.data import normalize
from src.experiments import MODEL4
from src.model import build
from studies.deskew import Deskew
from studies.recipes import Recipe


def moments(images):
    """Middle in x and y, in pixels from the image's centre, and slant of the ink of images (N, 1, 28, 28)."""
    ink = images - images.amin(dim=(1, 2, 3), keepdim=True)
    share = (ink / ink.sum(dim=(1, 2, 3), keepdim=True)).squeeze(1).double()
    at = torch.arange(28) - 13.5
    x, y = (share * at).sum(dim=(1, 2)), (share * at[:, None]).sum(dim=(1, 2))
    together = (share * at * at[:, None]).sum(dim=(1, 2)) - x * y
    return x, y, together / ((share * at[:, None] ** 2).sum(dim=(1, 2)) - y**2)


def digits():
    return normalize(data.load("train").images[:200])


def test_deskewed_digits_stand_upright_in_the_middle():
    x, y, slant = moments(Deskew()(digits()))
    assert x.abs().max() < 0.3 and y.abs().max() < 0.3  # pixels; ink that a shift moves out of the image is lost
    assert slant.abs().mean() < 0.01 < moments(digits())[2].abs().mean() / 10


def test_a_sheared_and_shifted_digit_is_deskewed_to_the_same_image():
    images = digits()
    theta = torch.tensor([[1, 0.3, 0.1], [0, 1, -0.05]]).expand(len(images), 2, 3)
    background = images.amin()
    grid = F.affine_grid(theta, images.shape, align_corners=False)
    sheared = F.grid_sample(images - background, grid, align_corners=False) + background
    apart = (Deskew()(sheared) - Deskew()(images)).abs().mean()
    assert 4 * apart < (sheared - images).abs().mean()  # what is left is interpolation


def test_deskewing_twice_is_deskewing_once_up_to_interpolation():
    once = Deskew()(digits())
    assert (Deskew()(once) - once).abs().mean() < 0.03


def test_an_image_without_ink_stays_as_it_is():
    blank = torch.full((3, 1, 28, 28), -0.42)
    assert torch.allclose(Deskew()(blank), blank)


def test_deskewing_has_no_parameters_and_draws_nothing():
    state = torch.get_rng_state()
    module = Deskew()
    module(digits()[:5])
    assert not module.state_dict() and torch.equal(torch.get_rng_state(), state)


def test_the_word_d_deskews_in_a_recipe_and_is_refused_elsewhere():
    deskewed = replace(MODEL4, name="Deskewed", layer_line=f"D {MODEL4.layer_line}")
    assert isinstance(build(Recipe(**vars(deskewed)))[0], Deskew)
    with pytest.raises(InputError, match="word D .*Recipe"):
        build(deskewed)
