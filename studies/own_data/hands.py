"""MNIST's four models, not trained again, on digits of other hands: seed 0, whose weights are kept."""

import numpy as np
import torch

from src.datasets import named
from src.experiments import SERIES
from src.pictures.digits import place
from src.training import predict
from src.use import weights
from studies.catalogue import collect
from studies.own_data import HANDS
from studies.timing import machine


def measure() -> dict:
    """Return which share of the pictures each model reads right, as JSON values.

    "as they are": the digit fills its picture. "placed": it has the size and the place of MNIST's digits."""
    collect(HANDS)
    parts = named.whole(HANDS[0].data)
    images, labels = (torch.cat([getattr(part, each) for part in parts]) for each in ("images", "labels"))
    ways = {"as they are": images, "placed": torch.cat([place(_cropped(image[0].numpy() / 255)) for image in images])}
    right = {name: {} for name in SERIES}
    for name in SERIES:
        network = weights.load(name)
        for way, shown in ways.items():
            right[name][way] = (predict(network, shown).argmax(dim=1) == labels).float().mean().item()
    of = {"data": parts[0].of.hash, "records": {name: weights.record_hash(name) for name in SERIES}}
    return {"machine": machine(), "images": len(labels), "right": right} | of


def _cropped(ink):  # to what is darker than a tenth
    rows, columns = (np.flatnonzero((ink > 0.1).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def text(measured: dict) -> str:
    """Say what was measured, and on what."""
    lines = [
        f"{name}: {', '.join(f'{100 * share:.1f} % {way}' for way, share in ways.items())}"
        for name, ways in measured["right"].items()
    ]
    return "\n".join([*lines, f"On {measured['images']:,} pictures; {measured['machine']}."])
