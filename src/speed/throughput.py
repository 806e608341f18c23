"""Images per second of the usual loop and of ours, one change at a time, and where our loop spends its time."""

import contextlib
import os
import time
from functools import partial
from statistics import median

import matplotlib.pyplot as plt
import torch
from torch import nn

from src import data, memory, training
from src.model import build
from src.plots import BLUE, ORANGE, SKY, STYLE, detached
from src.progress import Progress
from src.published import STEPS
from src.report import markdown
from src.speed import usual
from src.speed.timing import machine, process

EXPERIMENT = STEPS["B4"].experiment  # network, augmentation and batches of every way of a pass
IMAGES = 12_032  # of one pass: 188 batches of 64
ROUNDS = 7
CPU = torch.device("cpu")
OURS, TWO, FLOOR = "ours: and freed memory is kept", "ours, two runs at a time", "the convolutions alone"


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


def with_one_thread():
    return tensor_loop(training.make_network(EXPERIMENT, CPU), threads=1)


def our_loop(compiled=False):
    memory.keep_freed()
    return tensor_loop(training.make_network(EXPERIMENT, CPU), threads=1, compiled=compiled)


def convolutions_alone():
    """What no loop can do without: forward and backward through the network's convolutions, one after the other."""
    memory.keep_freed()
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
    "and one thread": with_one_thread,
    OURS: our_loop,
    f"{OURS}, compiled": partial(our_loop, compiled=True),
    FLOOR: convolutions_alone,
}


def measure():
    """Time every way of a pass ROUNDS times, in turns, each in a process of its own.

    Returns JSON values: seconds per pass, seconds of preparing and making the first one, peak memory in bytes.
    """
    with contextlib.ExitStack() as stack:
        processes = {way: stack.enter_context(process()) for way in [*WAYS, TWO]}
        first = {way: processes[way].submit(_prepare, WAYS.get(way, our_loop)).result() for way in processes}
        seconds = {way: [] for way in processes}
        for _ in range(ROUNDS):
            for way in WAYS:
                seconds[way].append(processes[way].submit(_timed_pass).result())
            start = time.perf_counter()
            for pair in [processes[way].submit(_timed_pass) for way in (OURS, TWO)]:
                pair.result()
            seconds[TWO].append(time.perf_counter() - start)
        peak_memory = {way: processes[way].submit(memory.peak).result() for way in WAYS}
    return dict(
        machine=machine(),
        experiment=EXPERIMENT.name,
        batch_size=EXPERIMENT.batch_size,
        images=IMAGES,
        seconds=seconds,
        first_pass=first,
        peak_memory=peak_memory,
        profile=profile(),
    )


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
    memory.keep_freed()
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


def text(measured):
    """The ways to make one pass over the images, the ratio, and where our loop spends its time, in Markdown."""
    seconds = measured["seconds"]
    usual_seconds = min(median(there) for way, there in seconds.items() if way.startswith("the usual loop"))
    rows = [["way", "seconds, median (range)", "images per second", "times the usual loop", "of it convolutions"]]
    rows[0] += ["first pass, seconds", "peak memory, MB"]
    for way, there in seconds.items():
        each = median(there) / _runs(way)
        peak = measured["peak_memory"].get(way)
        rows.append(
            [
                way,
                f"{median(there):.2f} ({min(there):.2f} to {max(there):.2f})",
                f"{measured['images'] / each:,.0f}",
                f"{usual_seconds / each:.2f}",
                f"{100 * median(seconds[FLOOR]) / median(there):.0f} %",
                f"{measured['first_pass'][way]:.1f}",
                f"{peak / 1e6:,.0f}" if peak else "",
            ]
        )
    parts = measured["profile"]
    shares = {part: f"{100 * spent / sum(parts.values()):.0f} %" for part, spent in parts.items()}
    return (
        f"{markdown(rows)}\n\n{measured['machine']}; {measured['experiment']}'s network, batches of "
        f"{measured['batch_size']}, {measured['images']:,} images per pass, {len(seconds[FLOOR])} passes of each way "
        f"in turns. In the better of its two ways the usual loop takes {usual_seconds:.2f} seconds. Of our loop's time "
        f"{shares['forward']} is the network's forward pass, {shares['backward']} its backward pass and "
        f"{shares['rest']} the rest: data, augmentation, optimizer, metrics and evaluation."
    )


def figure(measured):
    """Images per second of every way to make a pass: median and range over rounds."""
    ways = list(measured["seconds"])
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(9, 0.5 * len(ways) + 1.4))
        for i, way in enumerate(ways):
            images = measured["images"] * _runs(way)
            slowest, middle, fastest = (images / f(measured["seconds"][way]) for f in (max, median, min))
            colour = "lightgray" if way == FLOOR else ORANGE if "usual" in way else BLUE if "ours" in way else SKY
            ax.barh(i, middle, xerr=[[middle - slowest], [fastest - middle]], color=colour, capsize=3)
            ax.annotate(
                f"{middle:,.0f}", (fastest, i), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9
            )
        ax.set_yticks(range(len(ways)), ways)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.set(xlabel="images per second (median and range)", title="How many images are trained on in a second?")
    return detached(figure)


def _runs(way):
    """How many runs a way makes side by side."""
    return 2 if way == TWO else 1
