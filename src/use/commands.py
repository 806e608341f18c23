"""The commands for whoever uses a trained network: python -m src predict | export | page."""

import argparse
import sys
from argparse import Namespace as Options
from collections.abc import Callable
from pathlib import Path

from src import InputError


def add_commands(commands: argparse._SubParsersAction, load: Callable) -> None:
    """Add the commands to those of the command line; load: returns the network of a name or a file of weights."""
    weights = "Model1 to Model4, Frontier-1000, or a file of weights"
    answering = commands.add_parser("predict", help="say which digit a picture shows")
    answering.set_defaults(do=predict, load=load)
    answering.add_argument("pictures", nargs="+", metavar="FILE", help="PNG, JPEG and others; - reads standard input")
    answering.add_argument("--model", default="Model4", metavar="NAME", help=f"{weights} (default: Model4)")
    answering.add_argument("--show", action="store_true", help="write FILE-seen.png, what the network sees")

    exporting = commands.add_parser("export", help="write a trained network for programs without PyTorch")
    exporting.set_defaults(do=export, load=load)
    exporting.add_argument("name", metavar="NAME", help=weights)
    exporting.add_argument("--onnx", type=Path, required=True, metavar="FILE", help="the file to write")

    paper = commands.add_parser("page", help="write docs/index.html, where drawn digits are answered")
    paper.set_defaults(do=page, load=load)
    paper.add_argument("weights", nargs="*", metavar="FILE", help="show your own networks, too, in runs/page.html")


def predict(options: Options) -> None:
    """Say which digit each picture shows. Raises InputError for those that cannot be read, after answering the rest."""
    from src.training import predict
    from src.use.pictures import from_picture, write_seen

    network, failures = options.load(options.model), []
    for name in options.pictures:
        try:
            image = from_picture(sys.stdin.buffer.read() if name == "-" else name)
            (first, second), (digit, other) = predict(network, image).softmax(dim=1)[0].topk(2)
            answer = f"{name}: {digit}, confidence {100 * first:.1f} %; next {other}, {100 * second:.1f} %"
            print(f"{answer}; seen as {write_seen(image, name)}" if options.show else answer)
        except InputError as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise InputError("\nerror: ".join(failures))


def export(options: Options) -> None:
    """Write a trained network for programs without PyTorch."""
    from src.use.export import export

    print(export(options.load(options.name), options.name, options.onnx))


def page(options: Options) -> None:
    """Write docs/index.html, where drawn digits are answered, or runs/page.html with networks of one's own."""
    from src.use.page import write

    print(write(options.load, options.weights))
