"""A trained network as a C file, for a microcontroller."""

from pathlib import Path

import torch
from torch import nn

from src import InputError
from src.data import data_of
from src.runs import files
from src.training import predict
from studies.bytes.calibrated import BITS, calibrated, has_learned_rounded, images_of
from studies.bytes.integers import Program, logits, program
from studies.bytes.source import constants, source

FEWEST = 0.9  # of the images, which the program must answer as the network does


def export(network: nn.Module, name: str, path: str | Path) -> str:
    """Write a network to a C file and return what it is; one that learned without Quantization is rounded before.

    name: what the file says it is. Raises InputError for a network that has no such form."""
    if not (path := Path(path)).name or path.is_dir():
        raise InputError(f"cannot write {path}: name a file in it, {path / 'digit.c'} for example.")
    with_few_bits = calibrated(network)
    of = program(with_few_bits)
    text, alike = source(of, name), _alike(of, with_few_bits)
    files.write(path, text.encode())
    said = (
        f"{path} holds {name} in {constants(of):,} bytes of constant data. int digit(const uint8_t pixels[28 * 28]) "
        f"answers an image; its first lines say more.{alike}"
    )
    if has_learned_rounded(network):
        return said
    images = len(images_of(data_of(network)))
    return f"{said} It learned without rounding; {images:,} training images said how to round it to {BITS} bits."


def _alike(of: Program, network: nn.Module) -> str:
    """Say how many training images a program answers as its network does; raise InputError if these are too few."""
    try:
        images = images_of(of.data)
    except InputError:  # given data is not to be had again
        return ""
    whole = torch.from_numpy(logits(of, images.numpy().reshape(-1, 28, 28))).argmax(dim=1)
    same = int((whole == predict(network, images).argmax(dim=1)).sum())
    if same < FEWEST * len(images):
        remedy = "let it learn with Quantization, of more bits if it did, or with normalization_scale=False"
        raise InputError(f"as whole numbers it answers only {same} of {len(images):,} images alike; {remedy}.")
    return f" It answers {same:,} of {len(images):,} training images as PyTorch does."


def program_of(network: nn.Module) -> Program:
    """Return the whole numbers of a network, rounded before if it learned without Quantization."""
    return program(calibrated(network))
