"""Networks that learned from other data than MNIST; its pictures are MNIST's, its names and numbers other ones."""

import string
from dataclasses import replace
from types import SimpleNamespace

import torch

from src import data
from src.data import DataSet, Digits
from src.experiments import QUICK
from src.model import build
from src.training import fit
from src.use import weights

LETTERS = DataSet("EMNIST-letters", tuple(string.ascii_uppercase), 0.17, 0.33, "abc")
NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CLOTHES = DataSet("FashionMNIST", NAMES, 0.286, 0.353, "def")


def run_on(of):
    """What weights.save() needs of a run on such data: a 7 is an H then, or a sneaker."""
    experiment = replace(QUICK, name="Other", layer_line=f"5x16s2 32 P 64 3x{len(of.classes)}", data=of.name)
    few = data.load("train")[:2000]
    torch.manual_seed(0)
    network = build(experiment)
    for _ in fit(network, experiment, Digits(few.images, few.labels, of)):
        pass
    return SimpleNamespace(experiment=experiment, seed=0, network=network, record=SimpleNamespace(hash="of another"))


def saved(of, folder):
    """The file of weights of a run on such data."""
    weights.save(run_on(of), path := folder / f"{of.name}.safetensors")
    return path
