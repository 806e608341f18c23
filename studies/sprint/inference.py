"""What the trained networks cost to use: size, multiply-adds, and microseconds per image on one core."""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch import nn

from src import data
from src.experiments import SERIES
from src.model import build, count_parameters
from src.show.tables import Row
from src.use.export import FromPixels, as_onnx
from src.use.weights import load, path_of
from studies.tables import markdown
from studies.timing import in_process, machine

REPEATS = {1: 2_000, 1_000: 50}  # of an answer to so many images at a time


def measure() -> dict:
    """Measure every network of the series, each in a process of its own, on one core; return JSON values."""
    return dict(machine=machine(), networks={name: in_process(_measure, name) for name in SERIES})


def multiply_adds(network: nn.Sequential) -> int:
    """Count the multiply-adds of the convolutions of a folded network for one image."""
    maps, count = torch.zeros(1, 1, 28, 28), 0
    for module in network:
        maps = module(maps)
        if isinstance(module, nn.Conv2d):
            count += module.weight.numel() * maps[0, 0].numel()
    return count


@torch.inference_mode()
def _measure(name):
    """Return what one network costs, in PyTorch with the folded network and in ONNX Runtime with the exported file."""
    import onnxruntime

    torch.set_num_threads(1)
    network, (exported, _) = FromPixels(load(name)), as_onnx(load(name), name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(exported, options)
    answers = {
        "PyTorch": lambda pixels: network(torch.from_numpy(pixels)),
        "ONNX Runtime": lambda pixels: session.run(None, {"images": pixels}),
    }
    images = data.load("test").images.numpy()
    microseconds = {
        f"{runtime}, {'one at a time' if size == 1 else f'in batches of {size:,}'}": _time(answer, images[:size])
        for runtime, answer in answers.items()
        for size in REPEATS
    }
    sizes = dict(parameters=count_parameters(build(SERIES[name])), bytes=path_of(name).stat().st_size)
    return dict(**sizes, multiply_adds=multiply_adds(network.network), microseconds=microseconds)


def _time(answer: Callable, images: np.ndarray) -> float:  # the median microseconds per image of an answer
    seconds = []
    for _ in range(REPEATS[len(images)]):
        start = time.perf_counter()
        answer(images)
        seconds.append(time.perf_counter() - start)
    return 1e6 * median(seconds) / len(images)


def text(measured: dict) -> str:
    """Say in Markdown what each network costs to use."""
    return f"{markdown(rows(measured))}\n\n{conditions(measured)}"


def rows(measured: dict) -> list[Row]:
    """Make a row per network."""
    return [
        {
            "network": name,
            "parameters": f"{costs['parameters']:,}",
            "bytes of its weights": f"{costs['bytes']:,}",
            "multiply-adds": f"{costs['multiply_adds']:,}",
        }
        | {_heading(way): f"{microseconds:.1f}" for way, microseconds in costs["microseconds"].items()}
        for name, costs in measured["networks"].items()
    ]


def conditions(measured: dict) -> str:
    """Say what was measured, and on what."""
    return (
        f"Measured on one core ({measured['machine']}): the median time per image from pixels to logits, alone or in "
        "batches of 1,000. Batch normalization is folded into the convolutions."
    )


def sentence(measured: dict) -> str:
    """Say how long ONNX Runtime takes."""
    alone = [costs["microseconds"]["ONNX Runtime, one at a time"] for costs in measured["networks"].values()]
    speed = "[Speed](studies/sprint/Speed.ipynb)"
    return f"On one core ONNX Runtime takes {min(alone):.0f} to {max(alone):.0f} µs for an image: see {speed}."


def _heading(way):
    return way.replace("one at a time", "µs alone").replace("in batches of 1,000", "µs in batches")
