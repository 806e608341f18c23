"""The command line: python -m src list | run | predict | export | bench | report | ... It calls what notebooks call."""

import argparse
import dataclasses
import re
import sys
from argparse import Namespace as Options
from pathlib import Path
from typing import TYPE_CHECKING

from src import InputError

if TYPE_CHECKING:
    from src.experiments import Experiment

GROUP_NAMES = (
    "series, ladder, leave-one-out, choices, rates, resplits, published, published-choices, frontier, frontier-short, "
    "frontier-ends, frontier-choices, sprint, sprint-choices"
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 2 for bad input, after one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m src", description="MNIST with a few thousand parameters.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    listing = commands.add_parser("list", help="print the experiments")
    listing.set_defaults(do=list_experiments)
    listing.add_argument("names", nargs="*", metavar="NAME", help=f"some of them only: names, or {GROUP_NAMES}")

    running = commands.add_parser("run", help="train experiments over several seeds and print their results")
    running.set_defaults(do=run)
    running.add_argument("names", nargs="+", metavar="NAME", help=f"experiments, or {GROUP_NAMES}")
    running.add_argument("--seeds", default="0", help="for example 3, 0-4 or 0,2,7-9 (default: 0)")
    running.add_argument("--epochs", type=int, help="instead of the experiment's own number")
    running.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    running.add_argument("--jobs", type=int, default=1, help="runs at a time on this machine (default: 1)")
    running.add_argument("--threads", type=int, default=1, help="of one run (default: 1, as in all committed records)")
    place = running.add_mutually_exclusive_group()
    place.add_argument("--together", action="store_true", help="the --jobs side by side on one GPU, 24 for example")
    place.add_argument("--dask", metavar="ADDRESS", help="run on the workers of the scheduler at tcp://host:port")
    splits = "test (default), validation for choosing a recipe, or resplit-0 to resplit-9 of all digits"
    running.add_argument("--split", default="test", help=splits)
    running.add_argument("--results", type=Path, help="folder (default: results/; runs/ with --epochs or --threads)")

    answering = commands.add_parser("predict", help="say which digit a picture shows")
    answering.set_defaults(do=predict)
    answering.add_argument("pictures", nargs="+", metavar="FILE", help="PNG, JPEG and others; - reads standard input")
    answering.add_argument(
        "--model", default="Model4", metavar="NAME", help="Model1 to Model4 (default), Frontier-1000, or weights"
    )
    answering.add_argument("--show", action="store_true", help="write FILE-seen.png, what the network sees")

    exporting = commands.add_parser("export", help="write a trained network for programs without PyTorch")
    exporting.set_defaults(do=export)
    exporting.add_argument("name", metavar="NAME", help="Model1 to Model4, Frontier-1000, or a file of weights")
    exporting.add_argument("--onnx", type=Path, required=True, metavar="FILE", help="the file to write")

    sprinting = commands.add_parser("sprint", help="train to 99.4 %% in seconds and print how many it took")
    sprinting.set_defaults(do=sprint)
    sprinting.add_argument("name", nargs="?", default="Sprint", metavar="NAME", help="an experiment (default: Sprint)")
    sprinting.add_argument("--seeds", type=int, default=5, metavar="N", help="so many of them, from 0 (default: 5)")
    sprinting.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    sprinting.add_argument("--together", action="store_true", help="several seeds side by side, for a GPU")

    timing = commands.add_parser("bench", help="time our loop beside the usual one on this machine")
    timing.set_defaults(do=bench)
    timing.add_argument(
        "what", nargs="?", choices=["throughput", "sprint", "use", "depthwise"], help="default: first two"
    )

    executing = commands.add_parser("execute", help="execute notebooks, and show each epoch as it ends")
    executing.set_defaults(do=execute)
    executing.add_argument("notebooks", nargs="+", type=Path, metavar="FILE", help="in this order")
    executing.add_argument("--to", type=Path, metavar="FOLDER", help="for the executed ones (default: in their place)")

    copying = commands.add_parser("lab", help="copy the notebooks that lab/ does not have yet")
    copying.set_defaults(do=lab)

    commands.add_parser("data", help="obtain and verify MNIST").set_defaults(do=data)
    commands.add_parser("table", help="print the results of the notebooks as they ran last").set_defaults(do=table)

    keeping = commands.add_parser("weights", help="keep weights of seed 0; train again what is missing")
    keeping.set_defaults(do=weights)

    reporting = commands.add_parser("report", help="write README tables and figures from the records")
    reporting.set_defaults(do=report)
    reporting.add_argument("--check", action="store_true", help="write nothing; fail where they disagree with records")

    commands.add_parser("page", help="write docs/index.html, where drawn digits are answered").set_defaults(do=page)

    address = commands.add_parser("colab", help="write the repository's address into the notebooks")
    address.set_defaults(do=colab)
    address.add_argument("repo", nargs="?", metavar="OWNER/NAME", help="default: the git remote origin")

    options = parser.parse_args(arguments)
    try:
        options.do(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        kept = f"{interruption}; " if str(interruption) else ""
        print(f"\ninterrupted: {kept}run the same command again to resume.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, head for example, has seen enough
        sys.stderr.close()
    return 0


# torch takes seconds to import, so each command imports what it needs, and --help answers at once.


def list_experiments(options: Options) -> None:
    """Print experiments with their networks, recipes and targets."""
    from src.evidence.logs import counted
    from src.model import build, count_parameters, layers
    from src.studies.catalogue import EXPERIMENTS, find
    from src.studies.published import STEPS

    for experiment in find(options.names or EXPERIMENTS):
        step = STEPS.get(experiment.name)
        print(experiment.name)
        print(f"  layer line       {experiment.layer_line}")
        print(f"  parameters       {counted(step) if step else f'{count_parameters(build(experiment)):,}'}")
        print(f"  receptive field  {layers(experiment.layer_line)[-1].receptive_field}")
        print(f"  schedule         {experiment.schedule}")
        print(f"  recipe           {', '.join(recipe(experiment))}")
        if step:
            test = "not given" if step.test is None else f"{step.test} %"
            print(f"  published        {step.parameters:,} parameters, train {step.train} %, test {test}: {step.adds}")
        else:
            print(f"  target           {', '.join(map(str, experiment.target)) or 'none: a comparison'}")


def recipe(experiment: "Experiment") -> list[str]:
    """List epochs, batch size and optimizer of an experiment, and its fields that are not at their default."""
    shown_elsewhere = ["name", "target", "layer_line", "schedule"]
    return [
        f"{field.name.replace('_', ' ')} {getattr(experiment, field.name)}"
        for field in dataclasses.fields(experiment)
        if field.name not in shown_elsewhere
        and (field.name in ("epochs", "batch_size", "optimizer") or getattr(experiment, field.name) != field.default)
    ]


def run(options: Options) -> None:
    """Train experiments over several seeds and print their results."""
    from src.evidence.tables import summary, text
    from src.runs.many import run_many
    from src.runs.one import RUNS
    from src.runs.records import RESULTS
    from src.studies.catalogue import find
    from src.studies.names import with_epochs

    seeds = parse_seeds(options.seeds)
    experiments = find(options.names)
    folder = RESULTS
    if options.epochs is not None and any(experiment.epochs != options.epochs for experiment in experiments):
        folder = RUNS  # no evidence: these are not the experiments as they are defined
        experiments = [with_epochs(experiment, options.epochs) for experiment in experiments]
    if options.threads != 1:
        folder = RUNS
    folder = options.results or folder
    tasks = [(experiment, seed) for experiment in experiments for seed in seeds]
    how = (options.device, options.split, options.jobs, options.dask, options.threads, options.together)
    try:
        records = run_many(tasks, folder, *how)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"finished runs are in {folder}, unfinished ones keep their finished epochs") from None
    names = [experiment.name for experiment in experiments]
    print(text(summary({name: [record for record in records if record.experiment == name] for name in names})))


def parse_seeds(text: str) -> list[int]:
    """Return [0, 1, 2, 7] for "0-2,7". Raises InputError for anything else."""
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


def predict(options: Options) -> None:
    """Say which digit each picture shows. Raises InputError for those that cannot be read, after answering the rest."""
    from src.training import predict
    from src.use.pictures import from_picture, write_seen
    from src.use.weights import load

    network = load(options.model)
    failures = []
    for name in options.pictures:
        try:
            image = from_picture(sys.stdin.buffer.read() if name == "-" else name)
            (sure, next_sure), (digit, next_digit) = predict(network, image).softmax(dim=1)[0].topk(2)
            answer = f"{name}: {digit}, {100 * sure:.1f} % sure; next {next_digit}, {100 * next_sure:.1f} %"
            print(f"{answer}; seen as {write_seen(image, name)}" if options.show else answer)
        except InputError as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise InputError("\nerror: ".join(failures))


def export(options: Options) -> None:
    """Write a trained network for programs without PyTorch."""
    from src.use.export import export

    print(export(options.name, options.onnx))


def weights(options: Options) -> None:
    """Keep the weights of seed 0."""
    from src.use.weights import keep_weights

    print(keep_weights())


def execute(options: Options) -> None:
    """Execute notebooks."""
    from src.execute import execute

    for path in options.notebooks:
        execute(path, options.to)


def lab(options: Options) -> None:
    """Copy the notebooks that lab/ does not have yet."""
    from src.notebooks import copy_to_lab

    print(copy_to_lab())


def data(options: Options) -> None:
    """Obtain and verify MNIST."""
    from src.data import load, root

    print(f"MNIST in {root()}: {len(load('train')):,} training and {len(load('test')):,} test images, verified.")


def table(options: Options) -> None:
    """Print the results of the notebooks as they ran last."""
    from src.evidence.tables import summary, text
    from src.experiments import SERIES
    from src.runs.records import load_latest

    print(text(summary(load_latest(SERIES))))


def sprint(options: Options) -> None:
    """Train an experiment from several seeds as fast as this machine can; print seconds and accuracy of each."""
    from src.speed.sprint import sprints
    from src.studies.catalogue import find

    for experiment in find([options.name]):
        for line in sprints(experiment, options.seeds, options.device, options.together):
            print(line, flush=True)


def bench(options: Options) -> None:
    """Time our loop beside the usual one: images per second, and seconds to an accuracy."""
    from src.evidence.readme import load_evidence
    from src.speed import sprint, timing
    from src.speed.bench import TIMINGS

    for what in [options.what] if options.what else ["throughput", "sprint"]:
        if what == "sprint":
            timing.save(what, measured := sprint.measure())
            print(sprint.text(measured, load_evidence().tests))
        else:
            timing.save(what, measured := TIMINGS[what].measure())
            print(TIMINGS[what].text(measured))


def report(options: Options) -> None:
    """Write README tables and figures from the records, or compare them."""
    from src.evidence.readme import check, publish

    print(check() if options.check else publish())


def page(options: Options) -> None:
    """Write docs/index.html, where drawn digits are answered."""
    from src.use.page import write

    print(write())


def colab(options: Options) -> None:
    """Write the repository's address into the notebooks."""
    from src.notebooks import set_address

    print(set_address(options.repo))


if __name__ == "__main__":
    sys.exit(main())
