"""What a GPU takes: Model4 and the Sprint alone, step by step and as a recorded graph; many seeds; the usual loop.

The seconds of a training are those of its epochs, each with its evaluation on the test images. The network and the
digits are on the GPU by then; recording the graph counts, because every training needs it. A first training of the
same kind, of two epochs, is not timed."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from src import InputError
from src.experiments import MODEL4, Experiment
from src.runs.names import with_epochs
from src.runs.one import Run, train
from src.runs.records import RESULTS, definition, load_of
from src.show.figures import GOAL
from src.show.significance import mean_interval
from src.show.tables import Row, interval, values
from studies import timing
from studies.sprint import B4, SPRINT, usual
from studies.tables import markdown
from studies.timing import goal, in_process, machine, spread
from studies.together import train_together


@dataclass(frozen=True)
class Setting:
    """How much is timed."""

    repeats: int = 5  # of each single training, with the seeds 0, 1, ...
    epochs: int | None = None  # of every training but the usual loop's; by default its own
    seeds: int = 100  # of Model4 side by side
    at_a_time: int = 25  # of these, in rounds of one size; torch has no more than 32 streams
    workers: tuple[int, ...] = (2,)  # of the usual loop's DataLoader, one setting after the other


FULL = Setting()  # about eight minutes of an H100
SMALL = Setting(repeats=1, epochs=3, seeds=4, at_a_time=2)  # to see that everything works
MOST_OF_MANY = 180  # seconds that the goal leaves for all seeds
USUAL_EPOCHS = 2  # the first one starts the workers, the second one counts


def step_by_step(experiment: Experiment, seed: int, device: str) -> Run:
    """Train by the ordinary loop, which launches every operation of every step."""
    with TemporaryDirectory() as folder:  # a training that was interrupted must not be resumed here
        return train(experiment, seed, device=device, checkpoint=Path(folder, "checkpoint"), quiet=True)


def recorded_graph(experiment: Experiment, seed: int, device: str) -> Run:
    """Train by replaying the step, recorded once for each size of a batch; see together.py."""
    (run,) = train_together([(experiment, seed, "test")], device=device)
    return run


WAYS = {"step by step": step_by_step, "recorded graph": recorded_graph}


def measure(setting: Setting = FULL, device: str = "cuda") -> dict:
    """Time everything and return JSON values; of the full setting, each part is saved as soon as it is there.

    device: "cpu" is for tests. Raises InputError without a GPU."""
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("this bench needs a GPU with CUDA, and torch finds none here; run it on a machine with one.")
    gpu = torch.cuda.get_device_name() if device == "cuda" else "no GPU"
    measured = dict(gpu=gpu, machine=f"{gpu}, CUDA {torch.version.cuda}, {machine()}", trainings=[])
    for part in itertools.chain(_single(setting, device), _side_by_side(setting, device), _usual(setting, device)):
        measured["trainings"] += part.pop("trainings", [])
        measured |= part
        if setting == FULL:
            timing.save("gpu", measured)
    return measured


def _single(setting, device):
    for experiment, (way, trained) in itertools.product([SPRINT, MODEL4], WAYS.items()):
        experiment = with_epochs(experiment, setting.epochs or experiment.epochs)
        trained(with_epochs(experiment, 2), 0, device)
        timed = [_timed(trained, experiment, seed, device) for seed in range(setting.repeats)]
        seconds = [sum(epoch.seconds for epoch in run.history) for _, run in timed]
        print(f"{experiment.name}, {way}: {spread(seconds)} s", flush=True)
        numbers = dict(seconds=seconds, whole_calls=[call for call, _ in timed], accuracies=[_end(r) for _, r in timed])
        yield dict(trainings=[_named(experiment) | dict(way=way, **numbers)])


def _side_by_side(setting, device):
    experiment = with_epochs(MODEL4, setting.epochs or MODEL4.epochs)
    tasks, accuracies, start = [(experiment, seed, "test") for seed in range(setting.seeds)], [], time.perf_counter()
    for run in train_together(tasks, setting.at_a_time, device):
        accuracies.append(_end(run))
        if len(accuracies) % setting.at_a_time == 0 or len(accuracies) == setting.seeds:
            seconds = time.perf_counter() - start
            print(f"{experiment.name}, {len(accuracies)} seeds side by side: {seconds:.1f} s", flush=True)
            numbers = dict(at_a_time=setting.at_a_time, seconds=seconds, accuracies=list(accuracies))
            yield dict(side_by_side=_named(experiment) | numbers)


def _usual(setting, device):
    seconds = {}
    for workers in setting.workers:
        (start, *ends, _), _ = in_process(usual.train, B4, 0, USUAL_EPOCHS, 1, workers, device)
        seconds[f"{workers}"] = [later - sooner for sooner, later in itertools.pairwise([start, *ends])]
        print(f"the usual loop, {workers} workers: {seconds[f'{workers}'][-1]:.1f} s an epoch", flush=True)
        yield dict(usual=_named(B4) | dict(seconds_by_workers=dict(seconds)))


def _named(experiment):
    return dict(experiment=experiment.name, epochs=experiment.epochs, definition=definition(experiment))


def _end(run):  # the accuracy of the last epoch, as in every table
    return run.history[-1].test_accuracy


def _timed(function: Callable, *arguments: Any) -> tuple[float, Any]:  # seconds of a call with all that it started
    _wait()
    start = time.perf_counter()
    result = function(*arguments)
    _wait()
    return time.perf_counter() - start, result


def _wait():  # until the GPU has done what it was told
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def text(measured: dict, folder: Path = RESULTS) -> str:
    """Say in Markdown what was measured, also of a bench that was cut short, and whether the goals are met.

    folder: of the CPU's records."""
    sentences = [f"- {statement}" for statement in [*goals(measured, folder), *_usual_loop(measured)]]
    return (
        f"{markdown(_rows(measured, folder))}\n\n{measured['machine']}. The seconds of a training are those of its "
        "epochs, each with its evaluation; the whole call also loads digits, makes the network, checks the code and "
        "answers all training images. Side by side it is the whole call. The CPU's accuracies are those of recorded "
        "trainings; they are equal where the two 95 % intervals overlap.\n\n" + "\n".join(sentences)
    )


def _rows(measured, folder):
    for each in measured["trainings"]:
        calls = f"{median(each['whole_calls']):.2f}"
        yield _row(each, each["way"], spread(each["seconds"]), calls, folder)
    if each := measured.get("side_by_side"):
        yield _row(each, f"side by side, {each['at_a_time']} at a time", "", f"{each['seconds']:.1f}", folder)


def _row(each: dict, way: str, seconds: str, calls: str, folder: Path) -> Row:
    ours, theirs = _percent(each), _of_the_cpu(each, folder)
    return {
        "training": each["experiment"],
        "way": way,
        "seeds": f"{len(ours)}",
        "seconds, median (range)": seconds,
        "whole call, seconds": calls,
        "test %": interval(ours),
        "test % on a CPU": f"{interval(theirs)} ({len(theirs)} seeds)" if theirs else "no records",
        "equal": {True: "yes", False: "no", None: "too few seeds"}[equal(ours, theirs)],
    }


def equal(ours: Sequence[float], theirs: Sequence[float]) -> bool | None:
    """Say whether the 95 % intervals of two lists of numbers overlap; None for fewer than three numbers in one."""
    if min(len(ours), len(theirs)) < 3:
        return None
    (mean, half_width), (other, other_half) = mean_interval(ours), mean_interval(theirs)
    return abs(mean - other) <= half_width + other_half


def _percent(each):
    return [100 * accuracy for accuracy in each["accuracies"]]


def _of_the_cpu(each, folder):
    records = [record for record in load_of(each["experiment"], folder) if record.device == "cpu"]
    return values(records, "test accuracy")


def goals(measured: dict, folder: Path = RESULTS) -> Iterator[str]:
    """Make a sentence for each goal of which everything was measured in full."""
    for name, most, least in [(MODEL4.name, 3, 0), (SPRINT.name, 1, GOAL)]:
        if ways := [each for each in measured["trainings"] if each["experiment"] == name]:
            best = min(ways, key=lambda each: median(each["seconds"]))
            seconds, accuracy = median(best["seconds"]), fmean(_percent(best))
            bound = f"{f'{least} % ' * (least > 0)}in under {most} s"
            judged = goal(bound, f"{accuracy:.2f} % in {seconds:.2f} s", seconds < most and accuracy >= least)
            yield f"{name}, {best['way']}, median of {len(best['seconds'])}. {judged}"
    each = measured.get("side_by_side", dict(experiment="", accuracies=()))
    if each["experiment"] == MODEL4.name and len(each["accuracies"]) >= FULL.seeds:
        seconds, ours, theirs = each["seconds"], _percent(each), _of_the_cpu(each, folder)
        judged = goal(f"in under {MOST_OF_MANY} s", f"{seconds:.0f} s", seconds < MOST_OF_MANY)
        yield f"{MODEL4.name}, {len(ours)} seeds side by side. {judged}"
        both = f"{interval(ours)} % and {interval(theirs)} %"
        judged = goal("that of a CPU, within intervals", both, bool(equal(ours, theirs)))
        yield f"Accuracy of these and of {len(theirs)} on a CPU. {judged}"


def _usual_loop(measured):
    if each := measured.get("usual"):
        seconds = {workers: epochs[-1] for workers, epochs in each["seconds_by_workers"].items()}
        best = min(seconds, key=seconds.get)
        tried = ", ".join(f"{workers}: {one:.1f} s" for workers, one in seconds.items())
        yield (
            f"The usual loop, {each['experiment']}'s recipe on this GPU, takes {seconds[best]:.1f} s an epoch with "
            f"{best} workers; the second epoch by workers: {tried}."
        )
