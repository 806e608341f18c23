"""The command of this study: python -m src sprint."""

import argparse
from argparse import Namespace as Options


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of the command line."""
    sprinting = commands.add_parser("sprint", help="train to 99.4 %% in seconds and print how many it took")
    sprinting.set_defaults(do=sprint)
    sprinting.add_argument("name", nargs="?", default="Sprint", metavar="NAME", help="an experiment (default: Sprint)")
    sprinting.add_argument("--seeds", type=int, default=5, metavar="N", help="so many of them, from 0 (default: 5)")
    sprinting.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    sprinting.add_argument("--together", action="store_true", help="several seeds side by side, for a GPU")


def sprint(options: Options) -> None:
    """Train an experiment from several seeds as fast as this machine can; print seconds and accuracy of each."""
    from studies.catalogue import find
    from studies.sprint.timed import sprints

    for experiment in find([options.name]):
        for line in sprints(experiment, options.seeds, options.device, options.together):
            print(line, flush=True)
