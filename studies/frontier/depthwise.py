"""Where the time of a separable network goes, and whether its depthwise convolutions can be computed faster."""

import time
from collections.abc import Callable
from statistics import median

import torch
import torch.nn.functional as F

from src import data
from src.augment import augment
from src.data import normalize
from src.model import layers
from src.runs.machine import make_network
from src.training import make_optimizer
from studies.frontier import FRONTIER_2500
from studies.tables import markdown
from studies.timing import goal, in_process, machine

ROUNDS, REPEATS = 7, 10
LEARNING = "forward, backward and step"
PARTS = ("augmentation", LEARNING)
BEFORE = "of which full 3x3 convolutions, normalization and ReLU before the pooling"
DEFAULT, OURS = "grouped, PyTorch's default layout", "grouped, channels last (ours)"

# Ways to compute a 3x3 depthwise convolution; maps (N, C, H, W), weight (C, 1, 3, 3).


def grouped(maps: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Compute it as torch does."""
    return F.conv2d(maps, weight, groups=len(weight))


def shifted(maps: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Compute it as nine products of shifted maps, added up."""
    height, width = maps.shape[2] - 2, maps.shape[3] - 2
    places = [(i, j) for i in range(3) for j in range(3)]
    parts = [maps[:, :, i : i + height, j : j + width] * weight[:, 0, i, j, None, None] for i, j in places]
    return sum(parts[1:], start=parts[0])


def full(maps: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Compute it as a full convolution, whose weights between different channels are zero."""
    return F.conv2d(maps, torch.eye(len(weight), device=weight.device)[:, :, None, None] * weight)


FORMS = {
    OURS: (grouped, torch.channels_last),
    DEFAULT: (grouped, torch.contiguous_format),
    "nine shifted products, channels last": (shifted, torch.channels_last),
    "nine shifted products, default layout": (shifted, torch.contiguous_format),
    "full convolution with zeros, channels last": (full, torch.channels_last),
}


def measure() -> dict:
    """Time a training step and its parts, and each form, in turns in one process; return JSON values (seconds)."""
    return dict(machine=machine(), experiment=FRONTIER_2500.name) | in_process(_measure)


def _measure():
    torch.set_num_threads(1)
    work = _parts_of_a_step() | {form: _forward_and_backward(*how) for form, how in FORMS.items()}
    seconds = {name: [] for name in work}
    for round in range(ROUNDS + 1):
        for name, function in work.items():
            start = time.perf_counter()
            for _ in range(REPEATS):
                function()
            if round:  # the first prepares the others
                seconds[name].append((time.perf_counter() - start) / REPEATS)
    return dict(seconds=seconds, batch_size=FRONTIER_2500.batch_size)


def _parts_of_a_step():  # the parts of a step as functions
    network = make_network(FRONTIER_2500, torch.device("cpu"))
    optimizer = make_optimizer(FRONTIER_2500, network)
    digits = data.load("train")[: FRONTIER_2500.batch_size]
    images = digits.images.float()
    normalized = normalize(images)

    def learn():
        loss = F.cross_entropy(network(normalized), digits.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    before = network[: FRONTIER_2500.layer_line.split().index("P")]
    gradient = torch.ones_like(before(normalized))
    learned = [parameter for parameter in before.parameters() if parameter.requires_grad]
    functions = (
        lambda: augment(images, FRONTIER_2500.augmentation),
        learn,
        lambda: torch.autograd.grad(before(normalized), learned, gradient),
    )
    return dict(zip((*PARTS, BEFORE), functions, strict=True))


def _forward_and_backward(form: Callable, layout: torch.memory_format) -> Callable:
    """Return a function that computes all depthwise convolutions of the network, forward and backward."""
    pairs, maps = [], (1, 28, 28)
    for layer in layers(FRONTIER_2500.layer_line):
        if layer.kind == "separable convolution":
            images = torch.randn(FRONTIER_2500.batch_size, *maps).to(memory_format=layout).requires_grad_()
            weight = torch.randn(maps[0], 1, 3, 3).to(memory_format=layout).requires_grad_()
            pairs.append((images, weight, form(images, weight).detach()))
        maps = layer.channels, layer.size, layer.size

    def run():
        for images, weight, gradient in pairs:
            torch.autograd.grad(form(images, weight), (images, weight), gradient)

    return run


def text(measured: dict) -> str:
    """Say in Markdown where the time goes, and how many times as fast each form is."""
    seconds = measured["seconds"]
    ratios = {
        form: median(ours / other for ours, other in zip(seconds[OURS], seconds[form], strict=True)) for form in FORMS
    }
    parts = {name: median(seconds[name]) for name in (*PARTS, BEFORE)}
    depthwise = parts["of which depthwise convolutions"] = median(seconds[OURS])
    parts["of which the rest"] = parts[LEARNING] - parts[BEFORE] - depthwise
    step = sum(parts[name] for name in PARTS)
    rows = [
        {"what": what, "milliseconds": f"{1e3 * spent:.2f}", "part of the step": f"{100 * spent / step:.0f} %"}
        for what, spent in parts.items()
    ]
    heading = "all depthwise convolutions, forward and backward"
    forms = [
        {heading: form, "milliseconds": f"{1e3 * median(seconds[form]):.2f}", "times as fast as ours": f"{ratio:.2f}"}
        for form, ratio in ratios.items()
    ]
    best = max(FORMS.keys() - {OURS}, key=ratios.get)
    met, without = f"{ratios[best]:.2f}x", step / (step - depthwise)
    return (
        f"{markdown(rows)}\n\n{markdown(forms)}\n\n{measured['machine']}, one thread; {measured['experiment']}, "
        f"batches of {measured['batch_size']}: medians of {len(seconds[OURS])} rounds in turns.\n\n"
        f"- The fastest of the other forms: {best}. {goal('2x as fast as ours', met, ratios[best] >= 2)}\n"
        f"- With depthwise convolutions that take no time at all, a step would be {without:.2f} times as fast."
    )
