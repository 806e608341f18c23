"""The command line: python -m src list | run | bench | report | data | table | colab. It calls what notebooks call."""

import argparse
import dataclasses
import re
import sys
from pathlib import Path

from src import InputError

GROUP_NAMES = "series, ladder, leave-one-out, choices, published, published-choices"


def main(arguments=None):
    """Parse and run a command; returns its exit code: 2 for bad input, after one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m src", description="MNIST with a few thousand parameters.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    listing = commands.add_parser("list", help="print the experiments")
    listing.add_argument("names", nargs="*", metavar="NAME", help=f"some of them only: names, or {GROUP_NAMES}")

    run = commands.add_parser("run", help="train experiments over several seeds and print their results")
    run.add_argument("names", nargs="+", metavar="NAME", help=f"experiments, or {GROUP_NAMES}")
    run.add_argument("--seeds", default="0", help="for example 3, 0-4 or 0,2,7-9 (default: 0)")
    run.add_argument("--epochs", type=int, help="instead of the experiment's own number")
    run.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    run.add_argument("--jobs", type=int, default=1, help="runs at a time on this machine (default: 1)")
    run.add_argument("--dask", metavar="ADDRESS", help="run on the workers of the scheduler at tcp://host:port instead")
    run.add_argument("--split", default="test", help="test (default), or validation for choosing a recipe")
    run.add_argument(
        "--results", type=Path, help="folder of the records (default: results/, or runs/ with other epochs)"
    )

    bench = commands.add_parser("bench", help="time our loop beside the usual one on this machine")
    bench.add_argument("what", nargs="?", default="throughput", choices=["throughput", "accuracy", "growth"])

    commands.add_parser("data", help="obtain and verify MNIST")
    commands.add_parser("table", help="print the results of the notebooks as they ran last")

    report = commands.add_parser("report", help="write README tables and figures from the records")
    report.add_argument("--check", action="store_true", help="write nothing; fail where they disagree with the records")

    colab = commands.add_parser("colab", help="write the repository's address into the notebooks")
    colab.add_argument("repo", nargs="?", metavar="OWNER/NAME", help="default: the git remote origin")

    options = parser.parse_args(arguments)
    try:
        COMMANDS[options.command](options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        saved = f"{interruption}; " if str(interruption) else ""
        print(f"\ninterrupted: {saved}run the same command again to go on.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, head for example, has seen enough
        sys.stderr.close()
    return 0


# torch takes seconds to import, so each command imports what it needs, and --help answers at once.


def list_experiments(options):
    from src.catalogue import EXPERIMENTS, find
    from src.comparison import counted
    from src.experiments import recipe, techniques
    from src.model import build, count_parameters, receptive_field
    from src.published import STEPS

    for experiment in find(options.names or EXPERIMENTS):
        step = STEPS.get(experiment.name)
        print(experiment.name)
        print(f"  layer line       {experiment.layer_line}")
        print(f"  parameters       {counted(step) if step else f'{count_parameters(build(experiment)):,}'}")
        print(f"  receptive field  {receptive_field(experiment.layer_line)}")
        print(f"  techniques       {techniques(experiment)}")
        print(f"  recipe           {', '.join(recipe(experiment))}")
        if step:
            test = "not given" if step.test is None else f"{step.test} %"
            print(f"  published        {step.parameters:,} parameters, train {step.train} %, test {test}: {step.adds}")
        else:
            print(f"  target           {', '.join(map(str, experiment.target)) or 'none: a comparison'}")


def run(options):
    from src import records
    from src.catalogue import find
    from src.report import summary, text
    from src.sweep import run_many

    seeds = parse_seeds(options.seeds)
    experiments = find(options.names)
    folder = records.RESULTS
    if options.epochs is not None and any(experiment.epochs != options.epochs for experiment in experiments):
        folder = records.RUNS  # no evidence: these are not the experiments as they are defined
        experiments = [
            dataclasses.replace(experiment, name=f"{experiment.name}-{options.epochs}-epochs", epochs=options.epochs)
            for experiment in experiments
        ]
    folder = options.results or folder
    tasks = [(experiment, seed) for experiment in experiments for seed in seeds]
    try:
        done = run_many(tasks, folder, options.device, options.split, options.jobs, options.dask)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"finished runs are in {folder}, the others go on after their last epoch") from None
    found = {
        experiment.name: [record for record in done if record.experiment == experiment.name]
        for experiment in experiments
    }
    print(text(summary(found)))


def parse_seeds(text):
    """[0, 1, 2, 7] from "0-2,7". Raises InputError for anything else."""
    seeds = []
    for part in text.split(","):
        if not (match := re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part.strip())):
            raise InputError(
                f"--seeds {text}: '{part}' is not a whole number or a range; write for example 0-4 or 0,2,7."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InputError(f"--seeds {text}: the range {part} runs backwards; write {last}-{first}.")
        seeds.extend(range(first, last + 1))
    return list(dict.fromkeys(seeds))


def data(options):
    from src.data import load, root

    print(f"MNIST in {root()}: {len(load('train')):,} training and {len(load('test')):,} test images, verified.")


def table(options):
    from src import records
    from src.experiments import SERIES
    from src.report import summary, text

    print(text(summary(records.load_latest(SERIES))))


def bench(options):
    from src.speed import TIMINGS, timing

    measured = TIMINGS[options.what].measure()
    timing.save(options.what, measured)
    print(TIMINGS[options.what].text(measured))


def report(options):
    from src.publish import check, publish

    print(check() if options.check else publish())


def colab(options):
    from src.colab import set_address

    print(set_address(options.repo))


COMMANDS = {
    "list": list_experiments,
    "run": run,
    "bench": bench,
    "data": data,
    "table": table,
    "report": report,
    "colab": colab,
}

if __name__ == "__main__":
    sys.exit(main())
