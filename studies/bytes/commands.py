"""The command of this study: python -m src bytes."""

import argparse
from argparse import Namespace as Options


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of the command line."""
    showing = commands.add_parser("bytes", help="compile the networks of a few bytes and count what they get right")
    showing.set_defaults(do=show)


def show(options: Options) -> None:
    """Compile every network of the study, run it on the test images and print a line for each."""
    from src.show.tables import text
    from studies.bytes.report import compiled_now

    print(text(compiled_now()))
