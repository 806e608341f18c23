"""The page: docs/index.html, where one draws a digit and a trained network answers; one file, no server, no request.

Its parts lie in web/ and are read there: index.html, style.css, network.js (the forward pass) and page.js (the rest).
"""

import base64
import json
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from IPython.display import IFrame
from torch import nn

from src import ROOT, InputError, data
from src.experiments import SERIES
from src.runs import files
from src.runs.records import RESULTS, recorded
from src.use.export import fold
from src.use.weights import load

PAGE, PARTS = ROOT / "docs" / "index.html", Path(__file__).with_name("web")


def write(path: Path = PAGE) -> str:
    """Write the page and return a sentence that says so. Raises InputError as page() does."""
    text = page()
    files.write(path, text.encode())
    return f"{path} written: {len(text) / 1024:,.0f} KiB."


def inline(height: int = 900) -> IFrame:
    """Return the page for a notebook to show in a frame of so many pixels. Raises InputError as page() does."""
    return IFrame(f"data:text/html;base64,{base64.b64encode(page().encode()).decode()}", "100%", height)


def page() -> str:
    """Return the page as HTML: its parts, the networks of the series and an example of each digit.

    Raises InputError for weights or records that cannot be read, and for a network that the page cannot compute."""
    records_by_name = {name: list(recorded(SERIES[name], None, RESULTS).values()) for name in SERIES}
    if lacking := [name for name, records in records_by_name.items() if not records]:
        raise InputError(f"{RESULTS} lacks the records of {', '.join(lacking)}; check them out again.")
    networks = [
        {
            "name": name,
            "parameters": records_by_name[name][0].parameters,
            "accuracy": round(100 * fmean(record.final.test_accuracy for record in records_by_name[name]), 2),
            "trainings": len(records_by_name[name]),
            **describe(load(name)),
        }
        for name in SERIES
    ]
    constants = {"NETWORKS": networks, "EXAMPLES": examples()}
    script = "".join(f"const {name} = {json.dumps(value, indent=1)};\n" for name, value in constants.items())

    parts = ("index.html", "style.css", "network.js", "page.js")
    html, style, network, rest = ((PARTS / name).read_text(encoding="utf-8") for name in parts)
    html = html.replace('<link rel="stylesheet" href="style.css">', f"<style>\n{style}</style>")
    for name, code in {"data.js": script, "network.js": network, "page.js": rest}.items():
        html = html.replace(f'<script src="{name}"></script>', f"<script>\n{code}</script>")
    return html


def describe(network: nn.Module) -> dict[str, Any]:
    """Return what network.js computes a network from, as JSON values: layers, numbers and how pixels are scaled.

    Raises InputError for a network with another operation than the page's."""
    layers, numbers = [], []
    for module in fold(network):
        match module:
            case nn.Conv2d():
                layer = {name: getattr(module, name)[0] for name in ("stride", "padding")}
                layer |= {"kernel": module.kernel_size[0], "channels": module.out_channels, "groups": module.groups}
                layers.append({"kind": "convolution", "relu": False, **layer})
                numbers += [module.weight.flatten(), module.bias]
            case nn.ReLU() if layers and layers[-1]["kind"] == "convolution":
                layers[-1]["relu"] = True
            case nn.MaxPool2d():
                layers.append({"kind": "max pooling", "kernel": module.kernel_size, "stride": module.stride})
            case nn.AdaptiveAvgPool2d():
                layers.append({"kind": "global average pooling"})
            case nn.Flatten():
                pass
            case _:
                raise InputError(f"the page has no {type(module).__name__} in this place; add it to network.js.")
    numbers = torch.cat(numbers).detach().numpy().astype("<f4")
    return {"mean": data.MEAN, "std": data.STD, "layers": layers, "numbers": _base64(numbers)}


def examples() -> list[str]:
    """Return the first test digit of each class, 0 to 9, as 28x28 bytes in base64."""
    digits = data.load("test")
    return [_base64(digits.images[digits.labels == digit][0].numpy()) for digit in range(10)]


def _base64(array):
    return base64.b64encode(array.tobytes()).decode()
