"""Images per second of the usual loop and of ours, one change at a time, and where our loop spends its time."""

import contextlib
import time
from statistics import median

import matplotlib.pyplot as plt
import torch
from torch import nn

from src import data, memory, training
from src.experiments import MODEL4
from src.model import build
from src.plots import BLUE, ORANGE, SKY, STYLE, detached
from src.progress import Progress
from src.published import STEPS
from src.report import markdown
from src.speed import usual
from src.speed.timing import against, in_process, machine, process

EXPERIMENT = STEPS["B4"].experiment  # network, augmentation and batches of every way of a pass
IMAGES = 9_600  # of one pass: 150 batches of 64
ROUNDS = 5
CPU = torch.device("cpu")
USUAL, OURS, FLOOR = "the usual loop", "ours: and freed memory is kept", "the convolutions alone"
ALONE = f"{USUAL}, one thread"  # two at a time with all threads are slower than one
PAIRS = {f"{USUAL}, two at a time": ALONE, "ours, two at a time": OURS, f"{FLOOR}, two at a time": FLOOR}


# Functions that prepare a pass over IMAGES, after evaluating once, and return it as a function.


def usual_loop(workers=0, threads=None):
    if threads:
        torch.set_num_threads(threads)
    batches = usual.loader(EXPERIMENT, images=IMAGES, workers=workers)
    network = usual.network(EXPERIMENT)
    optimizer = training.make_optimizer(EXPERIMENT, network)
    usual.evaluate(network, usual.loader(EXPERIMENT, "test"))
    return lambda: usual.train_epoch(network, optimizer, batches)


def tensor_loop(network, threads=None, compiled=False):
    """Our loop with a network and a number of threads (by default torch's) that need not be ours."""
    if threads:
        torch.set_num_threads(threads)
    optimizer = training.make_optimizer(EXPERIMENT, network)
    digits, progress = data.load("train")[:IMAGES], Progress("", 1, 1, quiet=True)
    training.predict(network, data.load("test").images)
    if compiled:
        network = torch.compile(network)
    return lambda: training.train_epoch(network, optimizer, digits, EXPERIMENT, [], progress)


def our_network():
    return training.make_network(EXPERIMENT, CPU)


def our_loop(compiled=False):
    memory.keep_freed()
    return tensor_loop(our_network(), threads=1, compiled=compiled)


def convolutions_alone():
    """What no loop can do without: forward and backward through the network's convolutions, one after the other."""
    memory.keep_freed()
    torch.set_num_threads(1)
    network, seen = our_network(), []
    hooks = [
        module.register_forward_hook(lambda *case: seen.append(case))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    network(torch.rand(EXPERIMENT.batch_size, 1, 28, 28).contiguous(memory_format=torch.channels_last))
    for hook in hooks:
        hook.remove()
    cases = []
    for convolution, (maps,), output in seen:
        maps = maps.detach().requires_grad_(convolution.in_channels > 1)  # nobody needs the gradient of an image
        inputs = [tensor for tensor in (maps, *convolution.parameters()) if tensor.requires_grad]
        cases.append((convolution, maps, inputs, torch.ones_like(output)))

    def one_pass():
        for _ in range(IMAGES // EXPERIMENT.batch_size):
            for convolution, maps, inputs, gradient in cases:
                torch.autograd.grad(convolution(maps), inputs, gradient)

    return one_pass


# One change at a time, from the usual loop to ours; then what was tried beyond, and the floor.
WAYS = {
    USUAL: usual_loop,
    f"{USUAL}, 2 workers": lambda: usual_loop(workers=2),
    ALONE: lambda: usual_loop(threads=1),
    "images as tensors, turned in batches": lambda: tensor_loop(usual.network(EXPERIMENT)),
    "and dropout from fewer draws": lambda: tensor_loop(build(EXPERIMENT)),
    "and channels last in memory": lambda: tensor_loop(our_network()),
    "and one thread": lambda: tensor_loop(our_network(), threads=1),
    OURS: our_loop,
    f"{OURS}, compiled": lambda: our_loop(compiled=True),
    FLOOR: convolutions_alone,
}


def measure():
    """Time every way of a pass ROUNDS times, in turns, each in a process of its own.

    Returns JSON values: seconds per pass, seconds of preparing and making the first one, peak memory in bytes.
    """
    with contextlib.ExitStack() as stack:
        processes = {way: stack.enter_context(process()) for way in [*WAYS, *PAIRS]}
        first = {way: one.submit(_prepare, PAIRS.get(way, way)).result() for way, one in processes.items()}
        seconds = {way: [] for way in processes}
        for _ in range(ROUNDS):
            for way in WAYS:
                seconds[way].append(processes[way].submit(_timed_pass).result())
            for pair, way in PAIRS.items():
                start = time.perf_counter()
                for one in [processes[name].submit(_timed_pass) for name in (pair, way)]:
                    one.result()
                seconds[pair].append(time.perf_counter() - start)
        peak_memory = {way: processes[way].submit(memory.peak).result() for way in WAYS}
    return dict(
        machine=machine(),
        experiment=EXPERIMENT.name,
        batch_size=EXPERIMENT.batch_size,
        images=IMAGES,
        seconds=seconds,
        first_pass={way: first[way] for way in WAYS},
        peak_memory=peak_memory,
        profiles={experiment.name: in_process(profile, experiment) for experiment in (EXPERIMENT, MODEL4)},
    )


def _prepare(way):
    """In a process: prepare a pass and make it once; returns the seconds that this took."""
    global _pass
    start = time.perf_counter()
    _pass = WAYS[way]()
    _pass()
    return time.perf_counter() - start


def _timed_pass():
    """In a process: make the prepared pass; returns its seconds."""
    start = time.perf_counter()
    _pass()
    return time.perf_counter() - start


@training.reproducible()
def profile(experiment):
    """Where our loop spends its time: seconds of the parts of a few epochs on IMAGES, with a sixth as many evaluated.

    "forward" and "backward" are the network's own while training; "other" is data, augmentation, optimizer and metrics.
    """
    memory.keep_freed()
    network = training.make_network(experiment, CPU)
    optimizer = training.make_optimizer(experiment, network)
    digits, test = data.load("train")[:IMAGES], data.load("test")[: IMAGES // 6]
    training.train_epoch(network, optimizer, digits[:1_000], experiment, [], Progress("", 1, 1, quiet=True))

    spent = dict(forward=0.0, backward=0.0, evaluation=0.0, other=0.0)
    original = network.forward, torch.Tensor.backward
    network.forward = _timed(original[0], spent, "forward")
    torch.Tensor.backward = _timed(original[1], spent, "backward")
    start = time.perf_counter()
    try:
        for _ in range(3):
            training.train_epoch(network, optimizer, digits, experiment, [], Progress("", 1, 1, quiet=True))
    finally:
        network.forward, torch.Tensor.backward = original
    spent["other"] = time.perf_counter() - start - sum(spent.values())
    start = time.perf_counter()
    for _ in range(3):
        training.evaluate(training.predict(network, test.images), test.labels)
    return spent | dict(evaluation=time.perf_counter() - start)


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
    """The ways to make one pass over the images, the ratios, and where our loop spends its time, in Markdown."""
    seconds = measured["seconds"]
    rate = {way: _rate(measured, way, median) for way in seconds}
    best = max((way for way in seconds if way.startswith(USUAL) and way not in PAIRS), key=rate.get)
    peak = max(rate[FLOOR], rate[f"{FLOOR}, two at a time"])
    rows = [["way", "seconds, median (range)", "images per second", f"times {USUAL}", "share of the peak"]]
    rows[0] += ["first pass, seconds", "peak memory, MB"]
    for way, there in seconds.items():
        rows.append(
            [
                way,
                f"{median(there):.2f} ({min(there):.2f} to {max(there):.2f})",
                f"{rate[way]:,.0f}",
                f"{rate[way] / rate[best]:.2f}",
                f"{100 * rate[way] / peak:.0f} %",
                f"{measured['first_pass'][way]:.1f}" if way in WAYS else "",
                f"{measured['peak_memory'][way] / 1e6:,.0f}" if way in WAYS else "",
            ]
        )
    one, two = (_ratios(measured, way, best) for way in (OURS, "ours, two at a time"))
    both = _ratios(measured, "ours, two at a time", f"{USUAL}, two at a time")
    longer = median(seconds[f"{OURS}, compiled"]) - median(seconds[OURS])
    later = measured["first_pass"][f"{OURS}, compiled"] - measured["first_pass"][OURS]
    memory_used = measured["peak_memory"][OURS] / 1e6
    said = [
        f"One run of ours is {_said(one)} times as fast as the best of the usual loop's three ways. Hoped for were at "
        f"least 3 times: {against(median(one), 3)}.",
        f"Two runs of ours at a time are {_said(two)} times as fast as one usual loop (at least 3: "
        f"{against(median(two), 3)}), and {_said(both)} times as fast as two usual loops at a time.",
        f"Compiling changes the seconds of a pass by {longer:+.2f}, and those until the first is done by {later:+.1f}.",
        *(_profile_said(name, parts) for name, parts in measured["profiles"].items()),
        f"Peak memory of ours, under 1,000 MB: {memory_used:,.0f}, {'met' if memory_used < 1000 else 'not met'}.",
    ]
    return (
        f"{markdown(rows)}\n\n{measured['machine']}; {measured['experiment']}'s network, batches of "
        f"{measured['batch_size']}, {measured['images']:,} images per pass, {len(seconds[FLOOR])} passes of each way "
        f"in turns. The peak is the rate of the convolutions alone, on all cores. Ratios are taken round by round: "
        f"median and range.\n\n" + "\n".join(f"- {line}" for line in said)
    )


def _profile_said(name, parts):
    shares = {part: 100 * spent / sum(parts.values()) for part, spent in parts.items()}
    network = shares["forward"] + shares["backward"]
    return (
        f"Of the time that our loop trains {name} the network's forward pass takes {shares['forward']:.0f} %, its "
        f"backward pass {shares['backward']:.0f} %, evaluation {shares['evaluation']:.0f} %, and data, augmentation, "
        f"optimizer and metrics {shares['other']:.0f} %. The first two, at least 60 %: {network:.0f} %, "
        f"{against(network, 60)}."
    )


def figure(measured):
    """Images per second of every way to make a pass: median and range over rounds."""
    ways = list(measured["seconds"])
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(9, 0.45 * len(ways) + 1.4))
        for i, way in enumerate(ways):
            slowest, middle, fastest = (_rate(measured, way, of) for of in (max, median, min))
            colour = "lightgray" if FLOOR in way else ORANGE if USUAL in way else BLUE if "ours" in way else SKY
            ax.barh(i, middle, xerr=[[middle - slowest], [fastest - middle]], color=colour, capsize=3)
            ax.annotate(
                f"{middle:,.0f}", (fastest, i), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9
            )
        ax.set_yticks(range(len(ways)), ways)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.set(xlabel="images per second (median and range)", title="How many images are trained on in a second?")
    return detached(figure)


def _rate(measured, way, of):
    """Images per second of a way, from the median, min or max of its seconds."""
    return measured["images"] * (2 if way in PAIRS else 1) / of(measured["seconds"][way])


def _ratios(measured, way, other):
    """How many times as fast as another a way is, round by round."""
    runs = (2 if way in PAIRS else 1) / (2 if other in PAIRS else 1)
    return [
        runs * theirs / ours for ours, theirs in zip(measured["seconds"][way], measured["seconds"][other], strict=True)
    ]


def _said(ratios):
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
