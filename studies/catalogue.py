"""Every experiment of the series and of all studies by its name, and groups of them."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec

from src import InputError
from src.data import MNIST
from src.experiments import Experiment
from studies import STUDIES

# the __init__.py of each study
FACES = [import_module(f"studies.{name}") for name in STUDIES]
GROUPS = {name: group for face in FACES for name, group in face.GROUPS.items()}
GROUPS["resplits"] = list(dict.fromkeys(experiment for face in FACES for experiment in face.RESPLIT))
EXPERIMENTS = {experiment.name: experiment for group in GROUPS.values() for experiment in group}

# name of a bench -> module that takes it: measure(), and tells it: text(measured)
BENCHES = {name: module for face in FACES for name, module in getattr(face, "BENCHES", {}).items()}

# kind of file -> module that writes a network as one: export()
EXPORTS = {kind: module for face in FACES for kind, module in getattr(face, "EXPORTS", {}).items()}


def collect(experiments: Iterable[Experiment]) -> None:
    """Have the studies write the data that experiments need, if that is not MNIST, where it is not there yet."""
    if any(experiment.data != MNIST.name for experiment in experiments):
        for name in STUDIES:
            if find_spec(module := f"studies.{name}.collected"):
                import_module(module).collect()


def find(names: list[str]) -> list[Experiment]:
    """Return the experiments of names of experiments and groups, each once; raise InputError for any other name."""
    groups = {name: [experiment] for name, experiment in EXPERIMENTS.items()} | GROUPS
    for name in names:
        if name not in groups:
            near = ", ".join(get_close_matches(name, groups, cutoff=0.5) or ["Model4"])
            raise InputError(f"no experiment '{name}'; choose for example {near}: python -m src list names them all.")
    return list(dict.fromkeys(experiment for name in names for experiment in groups[name]))
