"""Names: an experiment that was changed has one of its own, so that no run is taken for another."""

from dataclasses import replace

from src import InputError
from src.experiments import Experiment
from src.studies.catalogue import EXPERIMENTS
from src.studies.changed import changes


def check_name(experiment: Experiment, own_network: bool = False) -> None:
    """Raise InputError for an experiment that has the name of one in the catalogue, but not its fields or network."""
    known = EXPERIMENTS.get(experiment.name, experiment)
    differences = changes(known, experiment)
    if own_network and experiment.name in EXPERIMENTS:
        differences.append("a network of your own")
    if differences:
        raise InputError(
            f"this experiment is called {known.name} but differs from it ({'; '.join(differences)}); "
            f"give it a name of its own: replace(..., name='{known.name}-changed')."
        )


def with_epochs(experiment: Experiment, epochs: int) -> Experiment:
    """Return an experiment with another number of epochs, a name that says so and no target; itself with its own.

    For example Model4-1-epoch. Raises InputError for a number that no experiment can have.
    """
    if epochs == experiment.epochs:
        return experiment
    return replace(experiment, name=experiment.name + _ending(epochs), target=(), epochs=epochs)


def epochs_were_set(name: str, epochs: int) -> bool:
    """Tell whether with_epochs() made the experiment of this name, which was trained for so many epochs."""
    return name.endswith(_ending(epochs))


def _ending(epochs):
    return f"-{epochs}-epoch" if epochs == 1 else f"-{epochs}-epochs"
