"""The page, where one draws a digit and small networks answer: docs/index.html, or with a learner's own beside them.

One file, no server, no request. Its parts lie in web/ and are read there: index.html names them in their order.
"""

import base64
import contextlib
import html
import io
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from IPython.display import display
from torch import nn

from src import ROOT, InputError, data
from src.experiments import SERIES
from src.model import count_parameters
from src.pictures import doubt
from src.runs import files
from src.runs.one import Run
from src.runs.records import RESULTS, RUNS, load_of, recorded
from src.show.inside import feature_maps
from src.use import weights
from src.use.export import fold

PAGE, PARTS = ROOT / "docs" / "index.html", Path(__file__).with_name("web")
TESTED = "MNIST's test digits"  # what an accuracy is of
SMALLER = ("Frontier-2500", "Frontier-1000")  # shown beside the series where their weights are kept


def write(load: Callable, names: Sequence[str] = ()) -> str:
    """Write docs/index.html, or runs/page.html with networks of one's own beside it; return a sentence that says so.

    load: returns the network of a name or a file of weights. names: those of one's own. Raises InputError as load(),
    series() and own()."""
    path = RUNS / "page.html" if names else PAGE
    text = beside([own(load(name), Path(name).stem) for name in names]) if names else page(series(load))
    files.write(path, text.encode())
    return f"{path} written: {len(text.encode()) / 1024:,.0f} KiB."


def inline(run: Run | nn.Module | None = None, height: int = 900) -> None:
    """Show the page in a notebook, in a frame of so many pixels, and keep it as runs/page.html.

    run: one whose network answers beside those of the series, or a network alone. A notebook that nbconvert executes
    keeps a picture instead: one digit, layer by layer. Raises InputError as own() and beside()."""
    if not isinstance(run, Run | nn.Module | None):
        raise InputError(f"give a run or its network, not {run!r:.40}; inline() without either shows the series.")
    text = beside([] if run is None else [own(run)])
    files.write(RUNS / "page.html", text.encode())
    frame = f'<iframe srcdoc="{html.escape(text)}" width="100%" height="{height}" style="border: 0"></iframe>'
    notebook = Path(os.environ.get("JPY_SESSION_NAME", ""))  # Jupyter tells it
    folder = notebook.parent if notebook.is_file() else ROOT / "notebooks"
    path = Path(os.path.relpath(RUNS / "page.html", folder)).as_posix()
    link = f'<a href="{path}" target="_blank">runs/page.html</a> (in JupyterLab, click Trust HTML there)'
    shown = {"text/html": f"{frame}<p>No page here? Run this cell again, or open {link}.</p>"}
    with contextlib.suppress(InputError):  # without a convolution there is nothing to draw
        network, picture = weights.load("Model4") if run is None else getattr(run, "network", run), io.BytesIO()
        image = (run.test_digits if isinstance(run, Run) else data.load("test")).images[0]
        feature_maps(network, image).savefig(picture, format="png")
        shown["image/png"] = _base64(picture.getbuffer())
    display(shown, raw=True, transient={"still": "image/png"})


def page(networks: list[dict[str, Any]]) -> str:
    """Return the page as HTML: its parts, networks as series() gives them, judge() and an example of each digit."""
    constants = {"NETWORKS": networks, "OWN": [], "DOUBT": judge(), "EXAMPLES": examples()}
    script = "".join(_constant(name, value) for name, value in constants.items())

    def part(name):
        return script if name == "data.js" else (PARTS / name).read_text(encoding="utf-8")

    text = part("index.html").replace(
        '<link rel="stylesheet" href="style.css">', f"<style>\n{part('style.css')}</style>"
    )
    return re.sub(r'<script src="(.*?)"></script>', lambda match: f"<script>\n{part(match[1])}</script>", text)


def beside(networks: list[dict[str, Any]]) -> str:
    """Return the committed page with networks of one's own, as own() gives them, beside those of the series.

    Raises InputError if it is missing or older than this."""
    nothing, text = _constant("OWN", []), PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if nothing not in text:
        raise InputError(f"{PAGE} is missing or of another version; check it out again, or run make page.")
    return text.replace(nothing, _constant("OWN", networks))


def _constant(name, value):  # of JavaScript; a name in it cannot end the script
    return f"const {name} = {json.dumps(value, indent=1)};\n".replace("</", "<\\/")


def series(load: Callable) -> list[dict[str, Any]]:
    """Return the networks of the series and SMALLER ones for page().

    load: as in write(). Raises InputError for weights or records that cannot be read."""
    records_by_name = {name: list(recorded(SERIES[name], None, RESULTS).values()) for name in SERIES}
    records_by_name |= {name: load_of(name, RESULTS) for name in SMALLER if name in weights.kept()}
    if lacking := [name for name, records in records_by_name.items() if not records]:
        raise InputError(f"{RESULTS} lacks the records of {', '.join(lacking)}; check them out again.")
    return [
        {
            "name": name if name in SERIES else f"{records[0].parameters:,} parameters",
            "parameters": records[0].parameters,
            "accuracy": round(100 * fmean(record.final.test_accuracy for record in records), 2),
            "trainings": len(records),
            "tested": TESTED,
            **describe(load(name)),
        }
        for name, records in records_by_name.items()
    ]


def own(run: Run | nn.Module, name: str = "Your network") -> dict[str, Any]:
    """Return the network of a run, or a network alone, for beside(). Raises InputError as describe() does."""
    network, accuracy = getattr(run, "network", run), None
    if data.data_of(network).mean > 0.5:
        print(f"{name} learned from bright pictures, and what is drawn is bright on black: it may misread that.")
    if isinstance(run, Run) and run.split == "test":
        accuracy = round(100 * run.record.final.test_accuracy, 2)
    parameters = count_parameters(network) or sum(each.numel() for each in network.parameters())  # loaded: untrainable
    tested = TESTED if data.data_of(network) == data.MNIST else "its test images"
    about = {"name": name, "parameters": parameters, "accuracy": accuracy, "trainings": 1, "tested": tested}
    return about | describe(network)


def judge() -> dict[str, Any]:
    """Return the network that judges whether a picture is a digit, as describe() does, and `least`: where doubt begins.

    Where its first logit less its second is below `least`, the picture may be no digit."""
    network, least = doubt.load()
    return {**describe(network), "least": least}


def describe(network: nn.Module) -> dict[str, Any]:
    """Return what network.js computes a network from, as JSON values: layers, numbers and how pixels are scaled.

    Raises InputError for a network with another operation than the page's, and as fold() does."""
    of = data.data_of(network)
    layers, numbers, maps, size = [], [], torch.zeros(1, 1, 28, 28), 28  # size: of the last maps that were not flat
    for module in fold(network):
        maps = module(maps)
        match module:
            case nn.Conv2d(kernel_size=k, stride=s, padding=tuple(p), dilation=(1, 1), padding_mode="zeros") if (
                k[0] == k[1] and s[0] == s[1] and p[0] == p[1]
            ):
                layer = {"stride": s[0], "padding": p[0], "kernel": k[0]}
                layer |= {"channels": module.out_channels, "groups": module.groups}
                layers.append({"kind": "convolution", "relu": False, **layer})
                numbers += [module.weight.flatten(), module.bias]
            case nn.Linear() if maps.ndim == 2:  # a convolution as large as the maps before they were flat
                layer = {"stride": 1, "padding": 0, "kernel": size, "channels": module.out_features, "groups": 1}
                layers.append({"kind": "convolution", "relu": False, **layer})
                numbers += [module.weight.flatten(), module.bias]
            case nn.ReLU() if layers and layers[-1]["kind"] == "convolution":
                layers[-1]["relu"] = True
            case nn.ZeroPad2d(padding=(left, right, top, bottom)) if left == right == top == bottom < 0:
                layers.append({"kind": "crop", "size": maps.shape[-1]})
            case nn.MaxPool2d(kernel_size=int(), stride=int(), padding=0, dilation=1, ceil_mode=False):
                layers.append({"kind": "max pooling", "kernel": module.kernel_size, "stride": module.stride})
            case nn.AdaptiveAvgPool2d(output_size=1 | (1, 1)):
                layers.append({"kind": "global average pooling"})
            case _ if type(module).__name__ == "Deskew":  # of a study, which src does not import
                layers.append({"kind": "deskew"})
            case nn.Flatten(start_dim=1):
                pass
            case _:
                raise InputError(f"the page has no {module} in this place; add it to src/use/web/network.js.")
        size = maps.shape[-1] if maps.ndim == 4 else 1 if isinstance(module, nn.Linear) else size
    numbers = torch.cat(numbers).detach().numpy().astype("<f4")
    return {"mean": of.mean, "std": of.std, "classes": list(of.classes), "layers": layers, "numbers": _base64(numbers)}


def examples() -> list[str]:
    """Return the first test digit of each class, 0 to 9, as 28x28 bytes in base64."""
    digits = data.load("test")
    return [_base64(digits.images[digits.labels == digit][0].numpy()) for digit in range(10)]


def _base64(array):
    return base64.b64encode(array.tobytes()).decode()
