"""Our loop and the usual one, timed in turns on the same machine; src/speed.py says what came out."""

import contextlib
import itertools
import json
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import torch
from torch import nn

from src import data, files, training, usual
from src.experiments import MODEL4, ONE_CYCLE
from src.model import build
from src.progress import Progress
from src.published import STEPS
from src.records import RESULTS

BENCH = RESULTS / "bench"
EXPERIMENT = STEPS["B4"].experiment  # network, augmentation and batches of every way of a pass
IMAGES = 12_032  # of one pass: 188 batches of 64
ROUNDS = 7
SEEDS = 3  # of every way to train
REPEATS = 3  # of every measurement of how cost grows
CPU = torch.device("cpu")


OURS, TWO, FLOOR = "ours: and one thread", "ours, two runs at a time", "the convolutions alone"


# The ways to make one pass over IMAGES: functions that prepare it and return it as a function.


def usual_loop(workers):
    batches = usual.loader(EXPERIMENT, images=IMAGES, workers=workers)
    network = usual.network(EXPERIMENT)
    optimizer = training.make_optimizer(EXPERIMENT, network)
    return lambda: usual.train_epoch(network, optimizer, batches)


def tensor_loop(network, threads=None, compiled=False):
    """Our loop with a network and a number of threads (all cores by default) that need not be ours."""
    optimizer = training.make_optimizer(EXPERIMENT, network)
    if compiled:
        network = torch.compile(network)
    digits, progress = data.load("train")[:IMAGES], Progress("", 1, 1, quiet=True)

    def one_pass():
        torch.set_num_threads(threads or os.cpu_count())
        training.train_epoch(network, optimizer, digits, EXPERIMENT, [], progress)

    return one_pass


def with_usual_network():
    return tensor_loop(usual.network(EXPERIMENT))


def with_our_dropout():
    return tensor_loop(build(EXPERIMENT))


def with_our_layout():
    return tensor_loop(training.make_network(EXPERIMENT, CPU))


def our_loop():
    return tensor_loop(training.make_network(EXPERIMENT, CPU), threads=1)


def our_loop_compiled():
    return tensor_loop(training.make_network(EXPERIMENT, CPU), threads=1, compiled=True)


def convolutions_alone():
    """What no loop can do without: forward and backward through the network's convolutions, one after the other."""
    network, seen = training.make_network(EXPERIMENT, CPU), []
    hooks = [
        module.register_forward_hook(lambda *case: seen.append(case))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    network(torch.rand(EXPERIMENT.batch_size, 1, 28, 28).contiguous(memory_format=torch.channels_last))
    for hook in hooks:
        hook.remove()
    cases = [
        (convolution, maps.detach().requires_grad_(convolution.in_channels > 1), torch.ones_like(output))
        for convolution, (maps,), output in seen
    ]

    def one_pass():
        for _ in range(IMAGES // EXPERIMENT.batch_size):
            for convolution, maps, gradient in cases:
                convolution(maps).backward(gradient)

    return training.reproducible()(one_pass)


# One change at a time, from the usual loop to ours; then what was tried beyond, and the floor.
WAYS = {
    "the usual loop": partial(usual_loop, 0),
    "the usual loop, 2 workers": partial(usual_loop, 2),
    "images as tensors, turned in batches": with_usual_network,
    "and dropout from fewer draws": with_our_dropout,
    "and channels last in memory": with_our_layout,
    OURS: our_loop,
    f"{OURS}, compiled": our_loop_compiled,
    FLOOR: convolutions_alone,
}


def throughput():
    """Time every way of a pass ROUNDS times, in turns, each in a process of its own.

    Returns what was measured as JSON values: seconds per pass, seconds of the first pass, bytes.
    """
    with contextlib.ExitStack() as stack:
        processes = {way: stack.enter_context(_process()) for way in [*WAYS, TWO]}
        first = {way: processes[way].submit(_prepare, WAYS.get(way, our_loop)).result() for way in processes}
        seconds = {way: [] for way in processes}
        for _ in range(ROUNDS):
            for way in WAYS:
                seconds[way].append(processes[way].submit(_timed_pass).result())
            start = time.perf_counter()
            for pair in [processes[way].submit(_timed_pass) for way in (OURS, TWO)]:
                pair.result()
            seconds[TWO].append(time.perf_counter() - start)
        memory = {way: processes[way].submit(training.peak_memory).result() for way in WAYS}
    return dict(
        machine=machine(),
        experiment=EXPERIMENT.name,
        batch_size=EXPERIMENT.batch_size,
        images=IMAGES,
        seconds=seconds,
        first_pass=first,
        peak_memory=memory,
        profile=profile(),
    )


def _process():
    return ProcessPoolExecutor(1, get_context("spawn"))


def _prepare(way):
    """In a process: prepare a pass and make it once; returns the seconds that this took."""
    global _pass
    start = time.perf_counter()
    _pass = way()
    _pass()
    return time.perf_counter() - start


def _timed_pass():
    """In a process: make the prepared pass; returns its seconds."""
    start = time.perf_counter()
    _pass()
    return time.perf_counter() - start


def profile():
    """Where our loop spends its time: seconds of an epoch's parts, on IMAGES with a sixth as many evaluated.

    "forward" and "backward" are the network's own; everything else is data, augmentation, metrics and evaluation.
    """
    spent = dict(forward=0.0, backward=0.0)
    network = training.make_network(EXPERIMENT, CPU)
    network.forward = _timed(network.forward, spent, "forward")
    optimizer = training.make_optimizer(EXPERIMENT, network)
    digits, test = data.load("train")[:IMAGES], data.load("test")[: IMAGES // 6]
    backward = torch.Tensor.backward
    torch.Tensor.backward = _timed(backward, spent, "backward")
    try:
        with training.reproducible():
            start = time.perf_counter()
            training.train_epoch(network, optimizer, digits, EXPERIMENT, [], Progress("", 1, 1, quiet=True))
            parts = dict(spent)
            training.evaluate(training.predict(network, test.images), test.labels)
            whole = time.perf_counter() - start
    finally:
        torch.Tensor.backward = backward
    return dict(**parts, rest=whole - sum(parts.values()))


def _timed(function, spent, part):
    """The function, whose seconds are added to spent[part]."""

    def timed(*arguments, **settings):
        start = time.perf_counter()
        try:
            return function(*arguments, **settings)
        finally:
            spent[part] += time.perf_counter() - start

    return timed


# Time to accuracy: histories, a pair of seconds of training so far and test accuracy after each epoch.


def usual_history(experiment, seed):
    return list(usual.train(experiment, seed))


def our_history(experiment, seed):
    """Its seconds count the evaluation in, so that the comparison errs on the side of the usual loop."""
    run = training.train(experiment, seed, "cpu", quiet=True)
    seconds = itertools.accumulate(epoch.seconds for epoch in run.history)
    return list(zip(seconds, (epoch.test_accuracy for epoch in run.history), strict=True))


B4_ONE_CYCLE = replace(
    EXPERIMENT,
    name="B4-one-cycle",
    optimizer=MODEL4.optimizer,
    momentum=MODEL4.momentum,
    weight_decay=MODEL4.weight_decay,
    epochs=MODEL4.epochs,
    step_size=0,
    gamma=1.0,
    **ONE_CYCLE,
)
TO_ACCURACY = {
    "the usual loop, B4's recipe": (usual_history, replace(EXPERIMENT, epochs=20)),
    "our loop, B4's network, one-cycle": (our_history, B4_ONE_CYCLE),
    "Model4": (our_history, MODEL4),
    "Model4, shortened": (our_history, replace(MODEL4, name="Model4-6-epochs", epochs=6)),
}


def time_to_accuracy():
    """Train every way of TO_ACCURACY with every seed, in turns, each run in a process of its own; JSON values."""
    histories = {way: [] for way in TO_ACCURACY}
    for seed in range(SEEDS):
        for way, (history, experiment) in TO_ACCURACY.items():
            histories[way].append(_in_process(history, experiment, seed))
            print(f"seed {seed}, {way}: {histories[way][-1][-1][0]:.0f} s", flush=True)
    epochs = {way: experiment.epochs for way, (_, experiment) in TO_ACCURACY.items()}
    return dict(machine=machine(), epochs=epochs, histories=histories)


# How cost grows.


def growth():
    """Seconds of an epoch and peak memory of Model4 against images, width, and runs at a time; JSON values.

    Every measurement is made REPEATS times, each in a process of its own.
    """
    cases = {
        "images": [(images, MODEL4, images) for images in (1_000, 3_000, 10_000, 30_000, 60_000)],
        "width": [(factor, _widened(MODEL4, factor), 6_000) for factor in (0.5, 1, 2, 4)],
    }
    measured = dict(machine=machine(), experiment=MODEL4.name)
    for quantity, list_of in cases.items():
        measured[quantity] = []
        for value, experiment, images in list_of:
            done = [_in_process(_epoch, experiment, images) for _ in range(REPEATS)]
            measured[quantity].append(dict(value=value, seconds=[s for s, _ in done], memory=max(m for _, m in done)))
    measured["runs"] = []
    for jobs, runs in [(1, 1), (1, 2), (1, 4), (2, 2), (2, 4)]:
        seconds = [_many(runs, jobs) for _ in range(REPEATS)]
        measured["runs"].append(dict(value=runs, jobs=jobs, seconds=seconds))
    return measured


def _widened(experiment, factor):
    """The experiment with a factor as many channels after every 3x3 convolution."""
    words = [str(round(int(word) * factor)) if word.isdigit() else word for word in experiment.layer_line.split()]
    return replace(experiment, layer_line=" ".join(words))


@training.reproducible()
def _epoch(experiment, images):
    """Train one epoch on so many images, after a warming-up on a few batches; returns seconds and peak memory."""
    network = training.make_network(experiment, CPU)
    optimizer = training.make_optimizer(experiment, network)
    digits, progress = data.load("train"), Progress("", 1, 1, quiet=True)
    training.train_epoch(network, optimizer, digits[:500], experiment, [], progress)
    start = time.perf_counter()
    training.train_epoch(network, optimizer, digits[:images], experiment, [], progress)
    return time.perf_counter() - start, training.peak_memory()


def _many(runs, jobs):
    """Seconds for so many epochs on 6,000 images, jobs at a time, once the processes are there."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_process()) for _ in range(jobs)]
        for started in [process.submit(_epoch, MODEL4, 500) for process in processes]:
            started.result()
        start = time.perf_counter()
        for run in [processes[i % jobs].submit(_epoch, MODEL4, 6_000) for i in range(runs)]:
            run.result()
        return time.perf_counter() - start


def _in_process(function, *arguments):
    with _process() as process:
        return process.submit(function, *arguments).result()


def machine():
    """What the timings were taken on, in words."""
    try:
        with open("/proc/cpuinfo") as lines:
            processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores, {processor}, torch {torch.__version__.split('+')[0]}"


def save(name, measured):
    """Write what was measured to results/bench/name.json. Raises InputError if that cannot be done."""
    files.write(BENCH / f"{name}.json", (json.dumps(measured, indent=1) + "\n").encode())
