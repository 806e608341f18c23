"""The sprint, and the ladder of seconds that leads to it: whole trainings, timed side by side with the usual loop.

A training is timed from the digits on the disk to the test accuracy, which is taken once, at its end.
"""

import itertools
import json
import time
from collections.abc import Iterator
from statistics import fmean, median

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from src import data
from src.checks import check_number
from src.evidence.figures import BLUE, GOAL, ORANGE, TARGET_LINE, styled
from src.evidence.significance import mean_interval
from src.evidence.tables import Records, compare, interval, markdown, values
from src.experiments import Experiment
from src.runs import files
from src.runs.one import RUNS, choose_device, make_network, reproducible
from src.runs.records import definition_hash
from src.speed import usual
from src.speed.timing import goal, machine, process
from src.speed.together import train_together
from src.studies.sprint import B4, LADDER, NARROW, SMALL_SPRINT, SPRINT, SPRINT_99
from src.training import evaluate, fit, predict

USUAL = "the usual loop"
WAYS = {USUAL: B4} | {experiment.name: experiment for experiment in LADDER}
ROUNDS = 3
LONG, TIMED = 5, 2  # of a training of more than so many epochs so many are timed: its epochs are alike


def sprint(
    experiment: Experiment, seed: int, threads: int, epochs: int | None = None, device: str = "auto"
) -> tuple[list[float], float]:
    """Train from the digits on the disk to the test accuracy; return seconds and the accuracy, a fraction.

    The seconds are those so far after each epoch and, last, after the evaluation.
    epochs: after how many to stop; by default the training is whole.
    """
    start, seconds = time.perf_counter(), []
    with reproducible(max(1, threads // experiment.ghost_batches)):
        torch.manual_seed(seed)
        network = make_network(experiment, choose_device(device))
        data.read.cache_clear()
        train_digits, test_digits = (data.load(split).to(choose_device(device)) for split in ("train", "test"))
        for _ in itertools.islice(fit(network, experiment, train_digits), epochs):
            seconds.append(time.perf_counter() - start)
        _, accuracy = evaluate(predict(network, test_digits.images), test_digits.labels)
    return [*seconds, time.perf_counter() - start], accuracy


def sprints(experiment: Experiment, seeds: int, device: str = "auto", together: bool = False) -> Iterator[str]:
    """Train an experiment from the seeds 0 to seeds - 1 with torch's number of threads; yield what there is to say.

    together: all seeds at once, see together.py. What was measured is kept in runs/sprint.json.
    Raises InputError for fewer than one seed.
    """
    check_number("--seeds", seeds, 1, 1_000_000, whole=True)
    threads, seconds, accuracies = torch.get_num_threads(), [], []
    yield f"{experiment.name}, {machine()}, {choose_device(device).type}, {threads} threads"
    if together:
        data.read.cache_clear()
        start = time.perf_counter()
        accuracies = train_together(experiment, range(seeds), threads, device)
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
            epochs = TIMED if experiment.epochs > LONG else experiment.epochs
            if way == USUAL:
                run = usual_loop.submit(usual.train, experiment, 0, epochs)
            else:
                run = ours.submit(sprint, experiment, 0, threads, epochs, "cpu")
            seconds[way].append(whole(run.result()[0], experiment.epochs))
            print(f"{way}: {seconds[way][-1]:.1f} s", flush=True)
    return dict(machine=machine(), threads=threads, seconds=seconds)


def whole(seconds: list[float], epochs: int) -> float:
    """Return the seconds of a training of so many epochs.

    seconds: so far, after each epoch that was made and after the evaluation. Those not made are taken to be as long
    as the last one made.
    """
    *ends, end = seconds
    return end + (epochs - len(ends)) * (ends[-1] - ends[-2]) if len(ends) < epochs else end


def text(measured: dict, records_by_name: Records) -> str:
    """Say in Markdown what each rung takes and reaches, and whether the goals are met."""
    rounds = len(measured["seconds"][USUAL])
    return (
        f"{markdown(_rows(measured, records_by_name))}\n\n{measured['machine']}, {measured['threads']} threads; "
        f"{rounds} {'trainings' if rounds > 1 else 'training'} of each, from the digits on the disk to the accuracy, "
        f"imports not counted. Of trainings of more than {LONG} epochs {TIMED} are timed, and the others counted like "
        f"the last. Accuracies are those of the recorded runs, which have one thread for each ghost batch.\n\n"
        + "\n".join(f"- {statement}" for statement in _statements(measured, records_by_name))
    )


def _rows(measured, records_by_name):
    """Make a row per way."""
    before = None
    for way, experiment in WAYS.items():
        records, seconds = records_by_name[experiment.name], measured["seconds"][way]
        yield {
            "way": "our loop, the same recipe" if experiment is B4 and way != USUAL else way,
            "what changes": _change(before, experiment, records_by_name),
            "parameters": f"{records[0].parameters:,}",
            "epochs": f"{experiment.epochs}",
            "seconds (median)": f"{median(seconds):.1f}",
            "range": f"{min(seconds):.1f} to {max(seconds):.1f}" if len(seconds) > 1 else "",
            "times sooner": f"{median(measured['seconds'][USUAL]) / median(seconds):.1f}",
            "test %": interval(values(records, "test accuracy")),
            "seeds": f"{len(records)}",
        }
        before = experiment


def _change(before, experiment, records_by_name):
    """Say what changes from one rung to the next."""
    if before is None:
        return f"{B4.name}'s recipe"
    if before is experiment:
        return "images as tensors, turned in batches; dropout from fewer draws; memory kept; one evaluation"
    return compare(before, experiment, records_by_name).change


def _statements(measured, records_by_name):
    """Make the sentences below the table: ratios and goals."""
    seconds = {way: median(times) for way, times in measured["seconds"].items()}
    reached = {e.name: fmean(values(records_by_name[e.name], "test accuracy")) for e in LADDER}
    end = f"The usual loop ends at {reached[B4.name]:.2f} % after {seconds[USUAL]:.0f} seconds; "
    for name, least, start in [(SPRINT.name, 60, end), (SMALL_SPRINT.name, 15, "")]:
        records, ratio = records_by_name[name], seconds[USUAL] / seconds[name]
        met = ratio >= least and reached[name] >= GOAL
        yield (
            f"{start}{name}, {records[0].parameters:,} parameters, at {reached[name]:.2f} % ({len(records)} seeds) "
            f"after {seconds[name]:.1f} seconds. {goal(f'{GOAL} % at least {least}x sooner', f'{ratio:.0f}x', met)}"
        )
    histories = [[100 * epoch.test_accuracy for epoch in record.history] for record in records_by_name[B4.name]]
    means = [fmean(accuracies) for accuracies in zip(*histories, strict=True)]
    epochs = next(epoch for epoch, mean in enumerate(means, start=1) if mean >= 99)
    name, after = SPRINT_99.name, seconds[USUAL] * epochs / B4.epochs
    ratio = after / seconds[name]
    yield (
        f"{name} ends at {reached[name]:.2f} % after {seconds[name]:.1f} seconds, {seconds[USUAL] / seconds[name]:.0f} "
        f"times sooner; to a mean of 99 % the usual loop needs {epochs} epochs, {after:.0f} seconds. "
        f"{goal('99 % at least 100x sooner', f'{ratio:.0f}x', ratio >= 100 and reached[name] >= 99)}"
    )


@styled
def figure(measured: dict, records_by_name: Records) -> Figure:
    """Draw the test accuracy, mean and 95 % interval over seeds, against the seconds of each way."""
    figure, ax = plt.subplots(figsize=(9, 4.8))
    for way, experiment in WAYS.items():
        mean, half_width = mean_interval(values(records_by_name[experiment.name], "test accuracy"))
        seconds = median(measured["seconds"][way])
        color = ORANGE if way == USUAL else BLUE
        ax.errorbar(seconds, mean, yerr=half_width, fmt="o", color=color, capsize=4, linewidth=2)
        label = f"{_short(way)}\n{seconds:.{0 if seconds > 100 else 1}f} s"
        side = -1 if way in (B4.name, NARROW.name) else 1  # of the label: away from its neighbour
        place = dict(xytext=(8 * side, 6), textcoords="offset points", ha="left" if side > 0 else "right")
        ax.annotate(label, (seconds, mean), **place, fontsize=9)
    ax.axhline(GOAL, **TARGET_LINE)
    ax.set(xlabel="seconds of a whole training (log scale)", xscale="log", ylabel="test accuracy (%)")
    ax.set(title="How soon is which accuracy reached? Mean over seeds, 95 % interval")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.margins(x=0.16, y=0.15)
    return figure


def _short(way):
    return "our loop, same recipe" if way == B4.name else way
