"""The sprint, and the ladder of seconds that leads to it: whole trainings, timed side by side with the usual loop.

A training is timed from the digits on the disk to the test accuracy, which is taken once, at its end."""

import itertools
import json
import time
from collections.abc import Iterator
from statistics import fmean, median

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from src import data, download
from src.checks import check_number
from src.experiments import Experiment
from src.runs import files
from src.runs.one import choose_device, make_network, reproducible
from src.runs.records import RUNS, definition_hash
from src.show.figures import BLUE, GOAL, ORANGE, SKY, styled
from src.show.tables import Records, interval, values
from src.training import evaluate, fit, predict
from studies.evidence import load_evidence
from studies.sprint import B4, LADDER, SMALL_SPRINT, SPRINT, SPRINT_99, usual
from studies.tables import compare, markdown
from studies.timing import goal, machine, process
from studies.together import train_together

USUAL, OURS = "the usual loop", "our loop, the same recipe"
ONE_THREAD = f"{SPRINT.name}, one thread"
WAYS = {USUAL: B4, OURS: B4} | {experiment.name: experiment for experiment in LADDER} | {ONE_THREAD: SPRINT}
ROUNDS = 2


def sprint(
    experiment: Experiment, seed: int, threads: int, epochs: int | None = None, device: str = "auto"
) -> tuple[list[float], float]:
    """Train from the digits on the disk to the test accuracy; return seconds and the accuracy, a fraction.

    The seconds are those so far when the digits are read, after each epoch and, last, after the evaluation.
    epochs: after how many to stop; by default the training is whole."""
    start, place = time.perf_counter(), choose_device(device)
    loop = experiment.fit or fit
    with reproducible(max(1, threads // experiment.ghost_batches)):
        torch.manual_seed(seed)
        network = make_network(experiment, place)
        download.read.cache_clear()
        train_digits, test_digits = (data.load(split).to(place) for split in ("train", "test"))
        seconds = [time.perf_counter() - start]
        for _ in itertools.islice(loop(network, experiment, train_digits), epochs):
            seconds.append(time.perf_counter() - start)
        _, accuracy = evaluate(predict(network, test_digits.images), test_digits.labels)
    return [*seconds, time.perf_counter() - start], accuracy


def sprints(experiment: Experiment, seeds: int, device: str = "auto", together: bool = False) -> Iterator[str]:
    """Train an experiment from the seeds 0 to seeds - 1 with torch's number of threads; yield what there is to say.

    together: several seeds at once, see together.py. What was measured is kept in runs/sprint.json.
    Raises InputError for fewer than one seed."""
    check_number("--seeds", seeds, 1, 1_000_000, whole=True)
    threads, seconds, accuracies = torch.get_num_threads(), [], []
    yield f"{experiment.name}, {machine()}, {choose_device(device).type}, {threads} threads"
    if together:
        download.read.cache_clear()
        start = time.perf_counter()
        runs = train_together([(experiment, seed, "test") for seed in range(seeds)], device=device)
        accuracies = [run.history[-1].test_accuracy for run in runs]
        seconds = [time.perf_counter() - start]
        yield f"seeds 0 to {seeds - 1} at once: {seconds[0]:.1f} s"
    else:
        for seed in range(seeds):
            (*_, end), accuracy = sprint(experiment, seed, threads, device=device)
            seconds.append(end)
            accuracies.append(accuracy)
            yield f"seed {seed}: {end:.1f} s, {100 * accuracy:.2f} %"
    measured = dict(experiment=experiment.name, definition_hash=definition_hash(experiment), machine=machine())
    measured |= dict(device=choose_device(device).type, threads=threads, seconds=seconds, accuracies=accuracies)
    files.write(RUNS / "sprint.json", (json.dumps(measured, indent=1) + "\n").encode())
    yield f"mean {100 * fmean(accuracies):.2f} % over {seeds} seeds, median {median(seconds):.1f} s"


def measure() -> dict:
    """Time every way ROUNDS times, in turns, the usual loop and ours each in a process; return JSON values."""
    threads = torch.get_num_threads()
    seconds = {way: [] for way in WAYS}
    with process() as usual_loop, process() as ours:
        for _, (way, experiment) in itertools.product(range(ROUNDS), WAYS.items()):
            alike = experiment.epochs > 2 and experiment.hardest == 1
            epochs = 1 if alike else experiment.epochs
            if way == USUAL:
                run = usual_loop.submit(usual.train, experiment, 0, epochs)
            else:
                run = ours.submit(sprint, experiment, 0, 1 if way == ONE_THREAD else threads, epochs, "cpu")
            seconds[way].append(whole(run.result()[0], experiment.epochs))
            print(f"{way}: {seconds[way][-1]:.1f} s", flush=True)
    return dict(machine=machine(), threads=threads, seconds=seconds)


def whole(seconds: list[float], epochs: int) -> float:
    """Return the seconds of a training of so many epochs.

    seconds: so far, when the digits are read, after each epoch that was made and after the evaluation. Those not made
    are taken to be as long as the last one made."""
    *ends, end = seconds
    return end + (epochs - len(ends) + 1) * (ends[-1] - ends[-2])


def text(measured: dict, records_by_name: Records | None = None) -> str:
    """Say in Markdown what each rung takes and reaches, by default in committed runs, and whether the goals are met."""
    records_by_name = records_by_name or load_evidence().tests
    rounds = len(measured["seconds"][USUAL])
    return (
        f"{markdown(_rows(measured, records_by_name))}\n\n{measured['machine']}, {measured['threads']} threads; "
        f"{rounds} {'trainings' if rounds > 1 else 'training'} of each, from the digits on the disk to the accuracy, "
        f"imports not counted. Of three and more epochs that are alike one is timed. "
        f"Accuracies are those of the recorded runs, which have one thread for each ghost batch.\n\n"
        + "\n".join(f"- {statement}" for statement in goals(measured, records_by_name))
    )


def _rows(measured, records_by_name):  # a row per way
    above = None
    for way, experiment in WAYS.items():
        records, seconds = records_by_name[experiment.name], measured["seconds"][way]
        yield {
            "way": way,
            "what changes": _change(way, above, records_by_name),
            "parameters": f"{records[0].parameters:,}",
            "epochs": f"{experiment.epochs}",
            "seconds (median)": f"{median(seconds):.1f}",
            "range": f"{min(seconds):.1f} to {max(seconds):.1f}" if len(seconds) > 1 else "",
            "times sooner": f"{median(measured['seconds'][USUAL]) / median(seconds):.1f}",
            "test %": interval(values(records, "test accuracy")),
            "seeds": f"{len(records)}",
        }
        above = experiment


def _change(way, above, records_by_name):  # what a rung changes, and of which other one if that is not the one above it
    if way == USUAL:
        return f"{B4.name}'s recipe"
    if way == OURS:
        return "images as tensors, turned in batches; dropout from fewer draws; memory kept; one evaluation"
    if way == ONE_THREAD:
        return f"{SPRINT.name} with one thread"
    before = LADDER[WAYS[way]]
    change = compare(before, WAYS[way], records_by_name).change
    return change if before is above else f"{before.name} with {change}"


def goals(measured: dict, records_by_name: Records) -> Iterator[str]:
    """Make the sentences below the table: ratios and goals."""
    seconds = {way: median(times) for way, times in measured["seconds"].items()}
    reached = {e.name: fmean(values(records_by_name[e.name], "test accuracy")) for e in WAYS.values()}
    sooner = {way: seconds[USUAL] / seconds[way] for way in seconds}
    timed = f"{seconds[USUAL]:.0f} seconds ({B4.epochs} times one timed epoch)"
    end = f"The usual loop ends at {reached[B4.name]:.2f} % after {timed}; "
    for name, least, start in [(SPRINT.name, 60, end), (SMALL_SPRINT.name, 15, "")]:
        records, met = records_by_name[name], sooner[name] >= least and reached[name] >= GOAL
        yield (
            f"{start}{name}, {records[0].parameters:,} parameters, at {reached[name]:.2f} % ({len(records)} seeds) "
            f"after {seconds[name]:.1f} seconds. "
            f"{goal(f'{GOAL} % at least {least}x sooner', f'{sooner[name]:.0f}x', met)}"
        )
    histories = [[100 * epoch.test_accuracy for epoch in record.history] for record in records_by_name[B4.name]]
    means = [fmean(accuracies) for accuracies in zip(*histories, strict=True)]
    epochs = next(epoch for epoch, mean in enumerate(means, start=1) if mean >= 99)
    name, after = SPRINT_99.name, seconds[USUAL] * epochs / B4.epochs
    ratio = after / seconds[name]
    yield (
        f"{name} ends at {reached[name]:.2f} % after {seconds[name]:.1f} seconds; to a mean of 99 % the usual loop "
        f"needs {epochs} of its {B4.epochs} epochs, {after:.0f} seconds. "
        f"{goal('99 % at least 100x sooner', f'{ratio:.0f}x', ratio >= 100 and reached[name] >= 99)}"
    )


@styled
def figure(measured: dict, records_by_name: Records) -> Figure:
    """Draw a row for each way: the seconds of a whole training, and the accuracy that it ends with."""
    ways = [way for way in WAYS if way != ONE_THREAD]
    figure, ax = plt.subplots(figsize=(9, 0.4 * len(ways) + 1.2))
    for row, way in enumerate(ways):
        seconds = median(measured["seconds"][way])
        color = ORANGE if way == USUAL else SKY if WAYS[way] is SMALL_SPRINT else BLUE
        ax.barh(row, seconds, color=color)
        reached = interval(values(records_by_name[WAYS[way].name], "test accuracy"))
        place = dict(xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
        ax.annotate(f"{seconds:.{0 if seconds > 100 else 1}f} s, {reached} %", (seconds, row), **place)
    ax.set_yticks(range(len(ways)), ways)
    ax.invert_yaxis()
    ax.set(xscale="log", xlim=(1, 8000), xlabel="seconds of a whole training (log scale), test accuracy over seeds")
    ax.set(title=f"How soon is which accuracy reached? {SMALL_SPRINT.name} has Model4's own network")
    ax.xaxis.set_major_formatter("{x:g}")
    return figure
