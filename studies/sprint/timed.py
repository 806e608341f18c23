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

from src import InputError, data, download
from src.checks import check_number
from src.experiments import Experiment
from src.runs import files
from src.runs.machine import choose_device, learned_digits, make_network, reproducible
from src.runs.records import RUNS, definition_hash
from src.show.figures import BLUE, GOAL, ORANGE, SKY, styled
from src.show.tables import interval, values
from src.training import evaluate, fit, predict
from studies.evidence import Evidence, load_evidence
from studies.sprint import B4, LADDER, SMALL_SPRINT, SPRINT, SPRINT_99, usual
from studies.tables import compare, markdown
from studies.timing import goal, machine, process, spread
from studies.together import train_together

USUAL, USUAL_ONE = "the usual loop, all threads", "the usual loop, one thread"
OURS, ONE_THREAD = "our loop, the same recipe", f"{SPRINT.name}, one thread"
WAYS = {USUAL: B4, USUAL_ONE: B4, OURS: B4} | {rung.name: rung for rung in LADDER} | {ONE_THREAD: SPRINT}
ROUNDS = 2
IN_WORDS = {  # of the figure: what a row changes about the one above it
    USUAL: USUAL,
    USUAL_ONE: USUAL_ONE,
    OURS: OURS,
    "Sprint-one-cycle": "one-cycle schedule",
    "Sprint-strided": "first convolution with stride 2",
    "Sprint-base": "images shifted and scaled, too",
    "Sprint-smoothed": "smoothed labels",
    "Sprint-cropped": "margins of the images cut off",
    "Sprint": "Sprint: hard digits again",
    "Sprint-99": "Sprint-99: fewer channels",
    "Sprint-Model4": "Sprint-Model4: Model4's network",
}


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
        train_digits = data.mislabel(learned_digits(experiment), experiment.wrong_labels).to(place)
        test_digits = data.load("test").to(place)
        seconds = [time.perf_counter() - start]
        for _ in itertools.islice(loop(network, experiment, train_digits), epochs):
            seconds.append(time.perf_counter() - start)
        _, accuracy = evaluate(predict(network, test_digits.images), test_digits.labels)
    return [*seconds, time.perf_counter() - start], accuracy


def sprints(experiment: Experiment, seeds: int, device: str = "auto", together: bool = False) -> Iterator[str]:
    """Train an experiment from the seeds 0 to seeds - 1 with torch's number of threads; yield what there is to say.

    together: several seeds at once, see together.py. What was measured is kept in runs/sprint.json.
    Raises InputError for fewer than one seed, and for other data than MNIST, whose reading is not timed."""
    check_number("--seeds", seeds, 1, 1_000_000, whole=True)
    if experiment.data != data.MNIST.name:
        raise InputError(f"a sprint is timed on MNIST, and {experiment.name} learns from {experiment.data}.")
    threads, seconds, accuracies = torch.get_num_threads(), [], []
    yield f"{experiment.name}, {machine()}, {choose_device(device).type}, {threads} thread{'s' * (threads > 1)}"
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
            used = 1 if way in (USUAL_ONE, ONE_THREAD) else threads
            if way in (USUAL, USUAL_ONE):
                run = usual_loop.submit(usual.train, experiment, 0, epochs, used)
            else:
                run = ours.submit(sprint, experiment, 0, used, epochs, "cpu")
            seconds[way].append(whole(run.result()[0], experiment.epochs))
            print(f"{way}: {seconds[way][-1]:.1f} s", flush=True)
    return dict(machine=machine(), threads=threads, seconds=seconds)


def whole(seconds: list[float], epochs: int) -> float:
    """Return the seconds of a training of so many epochs.

    seconds: so far, when the digits are read, after each epoch that was made and after the evaluation. Those not made
    are taken to be as long as the last one made."""
    *ends, end = seconds
    return end + (epochs - len(ends) + 1) * (ends[-1] - ends[-2])


def text(measured: dict, evidence: Evidence | None = None) -> str:
    """Say in Markdown what each rung takes and reaches, by default in committed runs, and whether the goals are met."""
    evidence = evidence or load_evidence()
    rounds = len(measured["seconds"][USUAL])
    return (
        f"{markdown(_rows(measured, evidence))}\n\n{measured['machine']}, {measured['threads']} threads; "
        f"{rounds} {'trainings' if rounds > 1 else 'training'} of each in turns, from the digits on the disk to the "
        f'accuracy, imports not counted. Of three and more epochs that are alike one is timed. "times sooner" is '
        f"counted from {best_usual(measured)}, the faster setting, round by round: median and range. Accuracies are "
        f"those of recorded trainings, ours with one thread for each ghost batch, the usual loop's with one.\n\n"
        + "\n".join(f"- {statement}" for statement in goals(measured, evidence))
    )


def best_usual(measured: dict) -> str:
    """Return the setting of the usual loop that is faster."""
    return min(USUAL, USUAL_ONE, key=lambda way: median(measured["seconds"][way]))


def reached(way: str, evidence: Evidence) -> list[float]:
    """Return the test accuracies that a way ends with, in percent, one for each seed; the usual loop's are its own."""
    if way in (USUAL, USUAL_ONE):
        return [100 * epochs[-1] for epochs in evidence.timing("usual")["accuracies"]]
    return values(evidence.tests[WAYS[way].name], "test accuracy")


def sooner(measured: dict, way: str, part: float = 1) -> list[float]:
    """Return how many times sooner than a part of the better usual loop a way is through, round by round."""
    seconds = measured["seconds"]
    return [part * slow / fast for slow, fast in zip(seconds[best_usual(measured)], seconds[way], strict=True)]


def _rows(measured, evidence):  # a row per way
    above = None
    for way, experiment in WAYS.items():
        seconds, accuracies = measured["seconds"][way], reached(way, evidence)
        yield {
            "way": way,
            "what changes": _change(way, above, evidence.tests),
            "parameters": f"{evidence.tests[experiment.name][0].parameters:,}",
            "epochs": f"{experiment.epochs}",
            "seconds, median (range)": spread(seconds, 1),
            "times sooner": spread(sooner(measured, way), 1),
            "test %": interval(accuracies),
            "seeds": f"{len(accuracies)}",
        }
        above = experiment


def _change(way, above, records_by_name):  # what a rung changes, and of which other one if that is not the one above it
    said = {
        USUAL: f"{B4.name}'s recipe",
        USUAL_ONE: "one thread",
        OURS: "images as tensors, turned in batches; dropout from fewer draws; memory kept; one evaluation",
        ONE_THREAD: f"{SPRINT.name} with one thread",
    }
    if way in said:
        return said[way]
    before = LADDER[WAYS[way]]
    change = compare(before, WAYS[way], records_by_name).change
    return change if before is above else f"{before.name} with {change}"


def goals(measured: dict, evidence: Evidence) -> Iterator[str]:
    """Make the sentences below the table: ratios and goals."""
    best, own = best_usual(measured), evidence.timing("usual")
    seconds = {way: median(times) for way, times in measured["seconds"].items()}
    ends = f"{interval(reached(best, evidence))} % ({len(own['seeds'])} seeds of its own)"
    setting = f"{best.split(', ')[1]}, its better setting"
    timed = f"{seconds[best]:.0f} seconds ({B4.epochs} times one timed epoch, {setting})"
    start = f"The usual loop ends at {ends} after {timed}; "
    for name, least in [(SPRINT.name, 60), (SMALL_SPRINT.name, 15)]:
        records, accuracy, ratios = evidence.tests[name], fmean(reached(name, evidence)), sooner(measured, name)
        met = median(ratios) >= least and accuracy >= GOAL
        yield (
            f"{start}{name}, {records[0].parameters:,} parameters, at {accuracy:.2f} % ({len(records)} seeds) "
            f"after {seconds[name]:.1f} seconds. "
            f"{goal(f'{GOAL} % at least {least}x sooner', f'{spread(ratios, 0)} times', met)}"
        )
        start = ""
    epochs, name = usual.epochs_to(own, 0.99), SPRINT_99.name
    accuracy, ratios = fmean(reached(name, evidence)), sooner(measured, name, epochs / B4.epochs)
    yield (
        f"{name} ends at {accuracy:.2f} % after {seconds[name]:.1f} seconds; to a mean of 99 % the usual loop "
        f"needs {epochs} of its {B4.epochs} epochs, {seconds[best] * epochs / B4.epochs:.0f} seconds. "
        f"{goal('99 % at least 100x sooner', f'{spread(ratios, 0)} times', median(ratios) >= 100 and accuracy >= 99)}"
    )


@styled
def figure(measured: dict, accuracies: dict[str, list[float]]) -> Figure:
    """Draw a row for each way: the seconds of a whole training, and the accuracies that it ends with, as reached()."""
    ways = [way for way in WAYS if way not in (ONE_THREAD, USUAL, USUAL_ONE) or way == best_usual(measured)]
    figure, ax = plt.subplots(figsize=(9, 0.4 * len(ways) + 1.2))
    for row, way in enumerate(ways):
        seconds = median(measured["seconds"][way])
        color = ORANGE if way in (USUAL, USUAL_ONE) else SKY if WAYS[way] is SMALL_SPRINT else BLUE
        ax.barh(row, seconds, color=color)
        place = dict(xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
        words = f"{seconds:.{0 if seconds > 100 else 1}f} s, {interval(accuracies[way])} %"
        ax.annotate(words, (seconds, row), **place)
    epochs = [WAYS[way].epochs for way in ways]
    names = [f"{IN_WORDS[way]}, {n} epoch{'s' * (n > 1)}" for way, n in zip(ways, epochs, strict=True)]
    ax.set_yticks(range(len(ways)), names, fontsize=10)
    ax.invert_yaxis()
    ax.set(xscale="log", xlim=(1, 8000), xlabel="seconds of a whole training (log scale); mean test accuracy")
    said = [
        f"{fmean(accuracies[way]):.2f} % in {median(measured['seconds'][way]):.{digits}f}"
        for way, digits in [(SPRINT.name, 1), (best_usual(measured), 0)]
    ]
    times = f"{median(sooner(measured, SPRINT.name)):.0f} times sooner"
    figure.suptitle(f"Sprint: {said[0]} seconds; the usual loop: {said[1]} seconds. {times}")
    ax.xaxis.set_major_formatter("{x:g}")
    return figure
