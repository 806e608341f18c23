"""The commands for whoever uses a trained network: python -m src predict | export | page."""

import argparse
import glob
import json
import os
import sys
from argparse import Namespace as Options
from collections.abc import Callable
from pathlib import Path

from src import InputError


def add_commands(commands: argparse._SubParsersAction, load: Callable, write_c: Callable) -> None:
    """Add the commands to those of the command line.

    load: returns the network of a name or a file of weights. write_c: writes a network as C and says what it wrote."""
    weights = "Model1 to Model4, Frontier-1000, or a file of weights"
    answering = commands.add_parser("predict", help="say which digit a picture shows")
    answering.set_defaults(do=predict, load=load)
    given = "PNG, JPEG and others; a folder of them, or a pattern such as '*.png'; - reads standard input"
    answering.add_argument("pictures", nargs="+", metavar="FILE", help=given)
    answering.add_argument("--model", default="Model4", metavar="NAME", help=f"{weights} (default: Model4)")
    answering.add_argument("--show", action="store_true", help="write FILE-seen.png, what the network sees")
    answering.add_argument("--json", action="store_true", help="print a JSON object for each picture, one a line")

    exporting = commands.add_parser("export", help="write a trained network for programs without PyTorch")
    exporting.set_defaults(do=export, load=load, write_c=write_c)
    exporting.add_argument("name", metavar="NAME", help=weights)
    kind = exporting.add_mutually_exclusive_group(required=True)
    kind.add_argument("--onnx", type=Path, metavar="FILE", help="the file to write, for ONNX Runtime or OpenCV")
    kind.add_argument("--c", type=Path, metavar="FILE", help="the C file to write, for a microcontroller")

    paper = commands.add_parser("page", help="write docs/index.html, where drawn digits are answered")
    paper.set_defaults(do=page, load=load)
    paper.add_argument("weights", nargs="*", metavar="FILE", help="show your own networks, too, in runs/page.html")


def predict(options: Options) -> None:
    """Say which digits pictures show. Raises InputError for those that cannot be read, after answering the rest."""
    from src.use.answers import answer, write_seen

    network, failures = options.load(options.model), []
    for name in options.pictures:
        for picture in _pictures(name, failures):
            line = {"picture": picture}
            try:
                read = answer(network, sys.stdin.buffer.read() if picture == "-" else picture)
                line |= read.values()
                said = f"{picture}: {read}"
                if options.show:
                    try:
                        line["seen"] = str(write_seen(read.images, picture))
                        said += f"; seen as {line['seen']}"
                    except (InputError, OSError) as error:
                        failures.append(f"{picture}: {error}")
            except InputError as error:
                failures.append(f"{picture}: {error}")
                line["error"], said = str(error), None
            if options.json or said:
                print(json.dumps(line) if options.json else said)
    if failures:
        raise InputError("\nerror: ".join(failures))


def _pictures(name, failures):
    """Return the names of the pictures that a name stands for, as the shells do that know patterns."""
    from src.pictures.opening import is_picture, is_shown

    if name and os.path.isdir(name):
        found = [file for file in Path(name).glob("[!.]*") if is_picture(file)]
    elif set("*?[") & set(name) and not os.path.exists(name):
        found = glob.glob(name, recursive=True)
    else:
        return [name]
    found = sorted(str(file) for file in found if os.path.isfile(file) and not is_shown(file))
    if not found:
        where = "the folder holds no picture" if os.path.isdir(name) else "there is no picture of such a name"
        failures.append(f"{name}: {where}; PNG, JPEG and others are read.")
    return found


def export(options: Options) -> None:
    """Write a trained network for programs without PyTorch."""
    from src.use.export import export

    write, path = (options.write_c, options.c) if options.c else (export, options.onnx)
    print(write(options.load(options.name), options.name, path))


def page(options: Options) -> None:
    """Write docs/index.html, where drawn digits are answered, or runs/page.html with networks of one's own."""
    from src.use.page import write

    print(write(options.load, options.weights))
