"""Names: an experiment that was changed has one of its own, so that no run is taken for another; and what changed."""

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from functools import partial

from src import InputError
from src.experiments import BASES, Experiment
from src.runs.own import in_words


def changes(before: Experiment, after: Experiment) -> list[str]:
    """List what differs between two experiments, as lines "field: old → new"; names and targets aside."""
    default = {field.name: field.default for each in (before, after) for field in fields(each)}
    pairs = {name: [getattr(each, name, default[name]) for each in (before, after)] for name in default}
    changed = {name: (old, new) for name, (old, new) in pairs.items() if old != new and name not in ("name", "target")}
    return [f"{name.replace('_', ' ')}: {_shown(old)} → {_shown(new)}" for name, (old, new) in changed.items()]


def _shown(value):  # of an optimizer of torch.optim its settings, of a network or a schedule of one's own its name
    return in_words(value) if isinstance(value, partial) else getattr(value, "__name__", value)


def check_name(experiment: Experiment, among: dict[str, Experiment] = BASES) -> None:
    """Raise InputError for an experiment that has the name of one of others, but not its fields; and for a name."""
    if not isinstance(experiment, Experiment):
        raise InputError(f"give an experiment, SERIES['Model4'] for example, not {experiment!r:.40}.")
    known = among.get(experiment.name, experiment)
    if differences := changes(known, experiment):
        remedy = f"give it a name of its own: replace(..., name='{known.name}-changed')."
        raise InputError(f"this experiment is called {known.name} but differs: {'; '.join(differences)}; {remedy}")


def with_epochs(experiment: Experiment, epochs: int) -> Experiment:
    """Return an experiment with another number of epochs, a name that says so (Model4-1-epoch) and no target."""
    if epochs == experiment.epochs:
        return experiment
    return replace(experiment, name=experiment.name + epochs_set(epochs), target=(), epochs=epochs)


def epochs_set(epochs: int) -> str:
    """Return the ending of the name of an experiment whose number of epochs was set."""
    return f"-{epochs}-epoch" if epochs == 1 else f"-{epochs}-epochs"


def changes_of(experiment: Experiment, field: str, choices: Iterable) -> dict[str, dict]:
    """Return what each value of a field changes, by the value in a few words: {} for the experiment's own."""
    if not isinstance(choices, Iterable):
        raise InputError(f"give several values of {field} in a list, not {choices!r:.40}.")
    own, changes = getattr(experiment, field), {}
    for value in choices:
        label = str(_shown(value))
        change = {} if value == own else {field: value}
        if changes.setdefault(label, change) != change:
            remedy = f"give them labels: choose(..., {{'label': dict({field}=...), ...}})"
            raise InputError(f"two of the values are called {label}; {remedy}.")
    return changes


def alternatives(experiment: Experiment, changes: dict[str, dict]) -> dict[str, Experiment]:
    """Return an experiment with each of some changes, by label, named after them: Quick-batch_size-64."""
    made = {}
    for label, change in changes.items():
        name = re.sub(r"[^\w.]+", "-", "-".join([experiment.name, *change, label]), flags=re.ASCII).strip("-")
        made[label] = replace(experiment, name=name[:100], target=(), **change) if change else experiment
    if len({each.name for each in made.values()}) < len(made):
        raise InputError("two of these settings have one name; give labels that differ in letters a to z and digits.")
    return made
