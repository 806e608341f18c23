"""Images per second of the usual loop and of ours, one change at a time."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from statistics import median

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import nn

from src import data
from src.model import build
from src.runs.machine import keep_freed_memory, make_network, peak_memory
from src.show.figures import BLUE, ORANGE, SKY, styled
from src.training import make_optimizer, predict
from studies.sprint import B4, usual
from studies.tables import markdown
from studies.timing import goal, machine, process, spread

EXPERIMENT = B4  # network, augmentation and batches of every way of a pass
IMAGES = 6_400  # of one pass: 100 batches of 64
ROUNDS = 3
CPU = torch.device("cpu")
USUAL, OURS = "the usual loop", "ours, one thread: and channels last"
ONE_THREAD = f"{USUAL}, one thread"
USUAL_PAIR, OUR_PAIR = (f"{way}, two at a time" for way in (USUAL, "ours"))
IN_WORDS = {  # of the figure
    USUAL: f"{USUAL}, all threads",
    f"{USUAL}, 2 workers": f"{USUAL}, two workers load images",
    ONE_THREAD: ONE_THREAD,
    "images as tensors, turned in batches": "images as tensors, a batch turned at once",
    "and dropout from fewer draws": "+ fewer random numbers for dropout",
    "ours, two threads: and freed memory is kept": "our loop, two threads: + memory used again",
    OURS: "our loop, one thread",
    USUAL_PAIR: "two usual loops at a time",
    OUR_PAIR: "two of our loops at a time",
}
PAIRS = {USUAL_PAIR: ONE_THREAD, OUR_PAIR: OURS}  # two with all threads are slower than one


def usual_loop(workers: int = 0, threads: int | None = None) -> Callable:
    """Prepare a pass of the usual loop over IMAGES, after evaluating once; by default with all threads."""
    torch.set_num_threads(threads or torch.get_num_threads())
    train_loader = usual.make_loader(EXPERIMENT, images=IMAGES, workers=workers)
    network = usual.make_network(EXPERIMENT)
    optimizer = make_optimizer(EXPERIMENT, network)
    usual.evaluate(network, usual.make_loader(EXPERIMENT, "test", IMAGES // 10))
    return lambda: usual.train_epoch(network, optimizer, train_loader)


def our_loop(network: nn.Module, threads: int | None = None) -> Callable:
    """Prepare a pass of our loop with any network, by default with torch's number of threads."""
    torch.set_num_threads(threads or torch.get_num_threads())
    optimizer = make_optimizer(EXPERIMENT, network)
    digits, test = data.load("train")[:IMAGES], data.load("test")
    predict(network, test.images)
    return lambda: next(EXPERIMENT.fit(network, EXPERIMENT, digits, optimizer=optimizer))


def ours(threads: int) -> Callable:
    """Prepare a pass of our loop as train() uses it."""
    keep_freed_memory()
    return our_loop(make_network(EXPERIMENT, CPU, threads=threads), threads)


# One change at a time, from the usual loop to ours.
WAYS = {
    USUAL: usual_loop,
    f"{USUAL}, 2 workers": lambda: usual_loop(workers=2),
    ONE_THREAD: lambda: usual_loop(threads=1),
    "images as tensors, turned in batches": lambda: our_loop(usual.make_network(EXPERIMENT)),
    "and dropout from fewer draws": lambda: our_loop(build(EXPERIMENT)),
    "ours, two threads: and freed memory is kept": lambda: ours(threads=2),
    OURS: lambda: ours(threads=1),
}


def measure() -> dict:
    """Time every way of a pass ROUNDS times, in turns, each in a process of its own; return JSON values."""
    with contextlib.ExitStack() as stack:
        processes = {way: stack.enter_context(process()) for way in [*WAYS, *PAIRS]}

        def seconds_of(*ways):
            passes = [processes[way].submit(timed_pass, PAIRS.get(way, way)) for way in ways]
            return max(one.result() for one in passes)

        for way in processes:  # the first pass, which prepares the others
            seconds_of(way)
        seconds = {way: [] for way in processes}
        for _ in range(ROUNDS):
            for way in processes:
                seconds[way].append(seconds_of(way, PAIRS[way]) if way in PAIRS else seconds_of(way))
        peaks = {way: processes[way].submit(peak_memory).result() for way in WAYS}
    batches = dict(experiment=EXPERIMENT.name, batch_size=EXPERIMENT.batch_size, images=IMAGES)
    return dict(machine=machine(), **batches, seconds=seconds, peak_memory=peaks)


def timed_pass(way: str) -> float:
    """Make a pass and return its seconds; the first time in a process they include preparing it."""
    start = time.perf_counter()
    prepared(way)()
    return time.perf_counter() - start


@functools.cache
def prepared(way: str) -> Callable:
    """Return the pass of one of WAYS, prepared once per process."""
    return WAYS[way]()


def text(measured: dict) -> str:
    """Say in Markdown how fast each way is, and what the ratios are."""
    rounds = len(measured["seconds"][OURS])
    return (
        f"{markdown(_rows(measured))}\n\n{measured['machine']}; {measured['experiment']}'s network, batches of "
        f"{measured['batch_size']}, {measured['images']:,} images per pass, {rounds} passes of each way in turns. "
        f"Ratios are those of the fastest ways, taken round by round: median and range.\n\n"
        + "\n".join(f"- {statement}" for statement in ratios(measured))
    )


def _rows(measured):
    seconds, peaks = measured["seconds"], measured["peak_memory"]
    rate = {way: median(_rates(measured, way)) for way in seconds}
    for way in seconds:
        yield {
            "way": way,
            "seconds, median (range)": spread(seconds[way]),
            "images per second": f"{rate[way]:,.0f}",
            "times the fastest usual loop": f"{rate[way] / rate[_best(measured, usual=True)]:.2f}",
            "peak memory, MB": f"{peaks[way] / 1e6:,.0f}" if way in peaks else "",
        }


def ratios(measured: dict) -> Iterator[str]:
    """Make the sentences below the table: ratios and goals."""
    usual_way, our_way = _best(measured, usual=True), _best(measured, usual=False)
    megabytes = measured["peak_memory"][OURS] / 1e6
    one, two = (spread(_ratios(measured, way, usual_way)) for way in (our_way, OUR_PAIR))
    yield (
        f"Equal work, {measured['experiment']}'s network: one run of ours is {one} times as fast as the fastest "
        f"usual loop, two at a time are {two} times."
    )
    pairs = _ratios(measured, OUR_PAIR, USUAL_PAIR)
    yield f"Two runs of ours at a time are {spread(pairs)} times as fast as two usual loops at a time."
    yield f"Peak memory of ours. {goal('under 1,000 MB', f'{megabytes:,.0f} MB', megabytes < 1000)}"


@styled
def figure(measured: dict) -> Figure:
    """Draw images per second of every way to make a pass: median and range over rounds."""
    ways = list(measured["seconds"])
    figure, ax = plt.subplots(figsize=(9, 0.45 * len(ways) + 1.4))
    for i, way in enumerate(ways):
        slowest, middle, fastest = (of(_rates(measured, way)) for of in (min, median, max))
        color = ORANGE if USUAL in way else BLUE if "ours" in way else SKY
        ax.barh(i, middle, xerr=[[middle - slowest], [fastest - middle]], color=color, capsize=3)
        label = dict(xytext=(6, 0), textcoords="offset points", va="center", fontsize=9)
        ax.annotate(f"{middle:,.0f}", (fastest, i), **label)
    ax.set_yticks(range(len(ways)), [IN_WORDS[way] for way in ways], fontsize=10)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set_xlabel("images trained on in a second (median and range)")
    one, two = (
        median(_ratios(measured, way, _best(measured, usual=True))) for way in (_best(measured, False), OUR_PAIR)
    )
    figure.suptitle(f"Our loop is {one:.1f} times as fast as the usual one; two runs at a time, {two:.1f} times")
    return figure


def _best(measured, usual):  # the fastest way of one usual loop, or of one of ours
    ways = [way for way in WAYS if way.startswith(USUAL) == usual]
    return max(ways, key=lambda way: median(_rates(measured, way)))


def _rates(measured, way):  # the images per second of a way, round by round
    return [measured["images"] * (2 if way in PAIRS else 1) / seconds for seconds in measured["seconds"][way]]


def _ratios(measured, way, other):  # how many times as fast as another a way is, round by round
    return [rate / slower for rate, slower in zip(_rates(measured, way), _rates(measured, other), strict=True)]
