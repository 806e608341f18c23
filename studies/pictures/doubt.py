"""The network that says "this may be no digit": how it is trained, where doubt begins, and how often it errs.

It learns MNIST's digits and printed ones against the images of nondigits.py. Doubt begins where it has 1 % of the
validation split's digits. What it is measured on, it has not seen: the test digits, and letters of other fonts."""

import hashlib
from dataclasses import replace

import numpy as np
import safetensors.torch
import torch
from torch import nn

from src import InputError, data
from src.data import Digits
from src.experiments import MODEL4
from src.model import build
from src.pictures import doubt
from src.pictures.digits import place
from src.runs import files
from src.training import fit
from studies import fonts
from studies.pictures import nondigits
from studies.timing import machine

DOUBTFUL = 0.01  # of the validation digits, as a fraction
NONDIGITS = 45_000
FEWEST_FONTS = 30
EXPERIMENT = replace(MODEL4, name="Doubt", target=(), epochs=10)


def measure() -> dict:
    """Train the network, choose where doubt begins, keep both for src.pictures.doubt, and measure; return JSON values.

    Raises InputError where the system has too few fonts."""
    printed = letters()
    network = train()
    least = doubt.log_odds(network, data.load("validation").images).quantile(DOUBTFUL).item()
    tensors = {name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()}
    files.write(doubt.WEIGHTS, safetensors.torch.save(tensors, {"least": repr(least)}))
    doubt.load.cache_clear()
    scribbles = [nondigits.scribble, nondigits.blot]
    dice = np.random.default_rng(1)
    drawn = torch.cat([nondigits.placed(draw(dice)) for draw in scribbles for _ in range(500)])
    shown = {"letters": printed["letters"], "printed digits": printed["digits"], "scribbles and blots": drawn}
    shown["test digits"] = data.load("test").images
    return {
        "machine": machine(),
        "weights": hashlib.sha256(doubt.WEIGHTS.read_bytes()).hexdigest(),
        "fonts": printed["fonts"],
        "doubted": {name: (doubt.surety(images) < 0).float().mean().item() for name, images in shown.items()},
        "images": {name: len(images) for name, images in shown.items()},
    }


def train() -> nn.Module:
    """Train the network on digits, labelled 0, and on what is none, labelled 1."""
    digits = data.load("validation-rest")
    others, more = nondigits.images(NONDIGITS, digits.images[:, 0].numpy(), digits.labels.numpy(), seed=0)
    images = torch.cat([digits.images, more, others])
    labels = torch.ones(len(images), dtype=torch.int64)
    labels[: -len(others)] = 0
    torch.manual_seed(0)
    network = build(EXPERIMENT)
    for _ in fit(network, EXPERIMENT, Digits(images, labels)):
        pass
    return network


def letters() -> dict:
    """Print LETTERS and the digits in the fonts of this system, one a family, but not in those that were learned.

    Returns placed images (N, 1, 28, 28) by "letters" and "digits", and the "fonts", their families. Raises InputError
    for fewer than FEWEST_FONTS."""
    learned = {fonts.family(path) for path in nondigits.fonts()} | {"DejaVu Math TeX Gyre"}  # DejaVu Serif's letters
    paths = fonts.installed(nondigits.LETTERS + "0123456789", without=learned)
    if len(paths) < FEWEST_FONTS:
        remedy = "install more: apt-get install fonts-urw-base35 fonts-freefont-ttf fonts-liberation, for example"
        raise InputError(f"this system has {len(paths)} fonts of its own with letters, not {FEWEST_FONTS}; {remedy}.")
    shown = {name: [_printed(c, path) for path in paths.values() for c in characters]
             for name, characters in [("letters", nondigits.LETTERS), ("digits", "0123456789")]}  # fmt: skip
    return {name: torch.cat(images) for name, images in shown.items()} | {"fonts": list(paths)}


def _printed(character, path):
    ink = fonts.drawn(character, path)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return place(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def text(measured: dict) -> str:
    """Say what was measured, and on what."""
    return f"{sentence(measured)} Trained on {measured['machine']}."


def sentence(measured: dict) -> str:
    """Say how often the network doubts what is a digit and what is none."""
    share = {name: f"{100 * fraction:.1f} %" for name, fraction in measured["doubted"].items()}
    letters, fonts = f"{measured['images']['letters']:,}", len(measured["fonts"])
    return (
        f'A second network says "this may be no digit" of {share["test digits"]} of MNIST\'s test digits, and of '
        f"{share['letters']} of {letters} printed letters and signs that do not look like digits, in {fonts} fonts "
        f"that it has not learned ({share['scribbles and blots']} of scribbles and blots). It doubts 1 % of the "
        "validation split: so its threshold was chosen."
    )
