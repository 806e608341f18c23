"""The command line: data, table, those of use/commands.py, of studies/commands.py. Imports are late; torch is slow."""

import argparse
import codecs
import re
import sys
from argparse import Namespace as Options

from src import InputError
from src.use import commands as use


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 2 for bad input, after one sentence on stderr."""
    from studies import commands as studies

    parser = argparse.ArgumentParser(prog="python -m src", description="MNIST with a few thousand parameters.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("data", help="obtain and verify MNIST").set_defaults(do=data)
    commands.add_parser("table", help="print the results of the notebooks as they ran last").set_defaults(do=table)
    use.add_commands(commands, load, write_c)
    studies.add_commands(commands)
    codecs.register_error("plainly", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows few letters
            stream.reconfigure(errors="plainly")
    options = parser.parse_args(arguments)
    try:
        options.do(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        files = "-r requirements.txt -r requirements-studies.txt"
        print(f"error: {error}; run: python -m pip install {files}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        print(f"\ninterrupted: {str(interruption) or 'run the same command again.'}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, head for example, has seen enough
        sys.stderr.close()
    return 0


def _plainly(error):
    """Return what stands for a letter that a terminal cannot show, and where to go on."""
    letter = error.object[error.start]
    plain = {"±": "+-", "×": "x", "µ": "u", "−": "-"}.get(letter) or letter.encode("ascii", "backslashreplace").decode()
    return plain, error.start + 1


def load(name: str) -> object:
    """Return the network of a name or a file of weights, of the series or of a study."""
    from src.use import weights
    from studies.recipes import Recipe

    return weights.load(name, Recipe)


def write_c(network: object, name: str, path: object) -> str:
    """Write a network as a C file for a microcontroller and return a sentence about it."""
    from importlib import import_module

    from studies.catalogue import EXPORTS

    return import_module(EXPORTS["c"]).export(network, name, path)


def data(options: Options) -> None:
    """Obtain and verify MNIST."""
    from src import data, download

    train, test = data.load("train"), data.load("test")
    print(f"MNIST in {download.root()}: {len(train):,} training and {len(test):,} test images, verified.")


def table(options: Options) -> None:
    """Print the results of the notebooks as they ran last, whatever their number of epochs."""
    from src.experiments import SERIES
    from src.runs.names import with_epochs
    from src.runs.records import RUNS, recorded
    from src.show.tables import summary, text

    latest = {}
    for name, experiment in SERIES.items():
        paths = (RUNS / "test").glob(f"{name}*/seed-0.json")
        paths = {re.fullmatch(rf"{name}(?:-(\d+)-epochs?)?", path.parent.name): path for path in paths}
        if matches := [match for match in paths if match]:
            last = max(matches, key=lambda match: paths[match].stat().st_mtime_ns)
            shown = with_epochs(experiment, int(last[1] or experiment.epochs))
            latest[shown.name] = list(recorded(shown, [0], RUNS).values())
    print(text(summary(latest)))


if __name__ == "__main__":
    sys.exit(main())
