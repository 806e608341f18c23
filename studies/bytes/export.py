"""A trained network as a C file, for a microcontroller."""

from pathlib import Path

from torch import nn

from src import InputError
from src.runs import files
from studies.bytes.calibrated import BITS, IMAGES, calibrated
from studies.bytes.integers import Program, program
from studies.bytes.source import constants, source
from studies.quantization import RoundedConv2d


def export(network: nn.Module, name: str, path: str | Path) -> str:
    """Write a network to a C file and return what it is; one that learned without Quantization is rounded before.

    name: what the file says it is. Raises InputError for a network that has no such form."""
    if not (path := Path(path)).name or path.is_dir():
        raise InputError(f"cannot write {path}: name a file in it, {path / 'digit.c'} for example.")
    of = program_of(network)
    files.write(path, source(of, name).encode())
    rounded = f" It learned without rounding; {IMAGES:,} training images said how to round it to {BITS} bits."
    return (
        f"{path} holds {name} in {constants(of):,} bytes of constant data. int digit(const uint8_t pixels[784]) "
        f"answers an image; its first lines say more.{'' if _learned(network) else rounded}"
    )


def program_of(network: nn.Module) -> Program:
    """Return the whole numbers of a network, rounded before if it learned without Quantization."""
    return program(network if _learned(network) else calibrated(network))


def _learned(network: nn.Module) -> bool:  # with Quantization
    return any(isinstance(module, RoundedConv2d) for module in network.modules())
