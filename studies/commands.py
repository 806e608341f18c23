"""The commands of the studies: list | run | bench | report | weights, and those that a study adds."""

import argparse
import dataclasses
import re
import runpy
from argparse import Namespace as Options
from importlib import import_module
from pathlib import Path

from src import InputError
from studies import STUDIES

# torch takes seconds to import, so each command imports what it needs.


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to those of the command line, and what a study has in a module commands.py of its own."""
    names = "names of experiments or groups of them; python -m src list names them all"
    listing = commands.add_parser("list", help="print the experiments")
    listing.set_defaults(do=list_experiments)
    listing.add_argument("names", nargs="*", metavar="NAME", help=names)

    running = commands.add_parser("run", help="train experiments over several seeds and print their results")
    running.set_defaults(do=run)
    running.add_argument("names", nargs="+", metavar="NAME", help=names)
    running.add_argument("--seeds", default="0", help="for example 3, 0-4 or 0,2,7-9 (default: 0)")
    running.add_argument("--epochs", type=int, help="instead of the experiment's own number")
    running.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    running.add_argument("--jobs", type=int, default=1, help="runs at a time on this machine (default: 1)")
    threads = "of a run, or of each of its ghost batches (default: 1, as in all committed records)"
    running.add_argument("--threads", type=int, default=1, help=threads)
    place = running.add_mutually_exclusive_group()
    place.add_argument("--together", action="store_true", help="the --jobs side by side on one GPU, 24 for example")
    place.add_argument("--dask", metavar="ADDRESS", help="run on the workers of the scheduler at tcp://host:port")
    splits = "test (default), validation for choosing a recipe, or resplit-0 to resplit-9 of all digits"
    running.add_argument("--split", default="test", help=splits)
    folders = "folder (default: results/; below runs/ with --epochs or --threads)"
    running.add_argument("--results", type=Path, help=folders)

    timing = commands.add_parser("bench", help="measure on this machine, and keep it in results/bench")
    timing.set_defaults(do=bench)
    timing.add_argument(
        "what",
        nargs="?",
        metavar="NAME",
        help="usual, use, depthwise, gpu, doubt, hands, chip or beside (by default throughput, sprint)",
    )

    reporting = commands.add_parser("report", help="write README tables and figures from the records")
    reporting.set_defaults(do=report)
    reporting.add_argument("--check", action="store_true", help="write nothing; fail where they disagree with records")

    keeping = commands.add_parser("weights", help="keep weights of seed 0; train again what is missing")
    keeping.set_defaults(do=weights)
    for study in STUDIES:
        if (path := Path(__file__).with_name(study) / "commands.py").exists():
            runpy.run_path(str(path))["add_commands"](commands)  # an import would import torch with the study


def list_experiments(options: Options) -> None:
    """Print experiments with their networks, recipes and targets, after the groups that there are."""
    from src.model import build, count_parameters, layers
    from studies.catalogue import EXPERIMENTS, FACES, GROUPS, find

    if not options.names:
        print(f"groups: {', '.join(GROUPS)}")
    for experiment in find(options.names or EXPERIMENTS):
        print(experiment.name)
        print(f"  layer line       {experiment.layer_line}")
        print(f"  parameters       {count_parameters(build(experiment)):,}")
        print(f"  receptive field  {layers(experiment.layer_line)[-1].receptive_field}")
        print(f"  schedule         {experiment.schedule}")
        print(f"  recipe           {', '.join(_recipe(experiment))}")
        notes = [note for face in FACES if hasattr(face, "note") and (note := face.note(experiment))]
        target = ", ".join(map(str, experiment.target)) or "none: a comparison"
        print("\n".join(f"  {note}" for note in notes or [f"target           {target}"]))


def _recipe(experiment):
    """List epochs, batch size and optimizer of an experiment, and its fields that are not at their default."""
    always, elsewhere = ("epochs", "batch_size", "optimizer"), ("name", "target", "layer_line", "schedule")
    fields = [field for field in dataclasses.fields(experiment) if field.name not in elsewhere]
    pairs = [(field, getattr(experiment, field.name)) for field in fields]
    shown = {field.name: value for field, value in pairs if field.name in always or value != field.default}
    return [f"{name.replace('_', ' ')} {value}" for name, value in shown.items()]


def run(options: Options) -> None:
    """Train experiments over several seeds and print their results."""
    from src.runs.names import with_epochs
    from src.runs.records import RESULTS, RUNS
    from src.show.tables import summary, text
    from studies.catalogue import collect, find
    from studies.many import run_many

    seeds, experiments = parse_seeds(options.seeds), find(options.names)
    collect(experiments)
    # With other epochs or threads these are not the experiments as they are defined: no evidence.
    changed = options.epochs is not None and any(experiment.epochs != options.epochs for experiment in experiments)
    apart = RUNS / f"{options.threads}-threads" if options.threads != 1 else RUNS if changed else RESULTS
    folder = options.results or apart
    if changed:
        experiments = [with_epochs(experiment, options.epochs) for experiment in experiments]
    tasks = [(experiment, seed) for experiment in experiments for seed in seeds]
    how = (options.device, options.split, options.jobs, options.dask, options.threads, options.together)
    try:
        records = run_many(tasks, folder, *how)
    except KeyboardInterrupt:
        kept = f"finished runs are in {folder}, unfinished ones keep their finished epochs"
        raise KeyboardInterrupt(f"{kept}; run the same command again to resume.") from None
    names = [experiment.name for experiment in experiments]
    print(text(summary({name: [record for record in records if record.experiment == name] for name in names})))


def parse_seeds(text: str) -> list[int]:
    """Return [0, 1, 2, 7] for "0-2,7". Raises InputError for anything else."""
    seeds = []
    for part in text.split(","):
        if not (match := re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part.strip())):
            raise InputError(f"--seeds {text}: '{part}' is not a whole number or a range; write 0-4 or 0,2,7, say.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InputError(f"--seeds {text}: the range {part} runs backwards; write {last}-{first}.")
        seeds.extend(range(first, last + 1))
    return list(dict.fromkeys(seeds))


def bench(options: Options) -> None:
    """Take the measurements of studies: by default images per second, and seconds to an accuracy."""
    from studies import timing
    from studies.catalogue import BENCHES

    if options.what not in (None, *BENCHES):
        raise InputError(f"no bench '{options.what}'; choose from {', '.join(BENCHES)}.")
    for name in [options.what] if options.what else ["throughput", "sprint"]:
        module = import_module(BENCHES[name])
        timing.save(name, measured := module.measure())
        print(module.text(measured))


def report(options: Options) -> None:
    """Write README tables and figures from the records, or compare them."""
    from src.runs.fingerprint import edited
    from studies.evidence import check_code, load_evidence
    from studies.readme import check, publish

    evidence = load_evidence()
    if not edited():  # otherwise it is checked already
        check_code(evidence)
    print((check if options.check else publish)(evidence=evidence), "Today's code trains what they claim.")


def weights(options: Options) -> None:
    """Keep the weights of seed 0."""
    from studies.weights import keep_weights

    print(keep_weights())
