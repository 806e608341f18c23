"""Trials, written as changes to an experiment; and what has changed, in words."""

import dataclasses
from dataclasses import replace

from src.experiments import Experiment


def changed(start: Experiment, changes: dict[str, dict]) -> list[Experiment]:
    """Return an experiment with each of some changes: word -> the fields that change.

    The word is added to the name, so it is in the name of the records. A trial has no target.
    """
    return [replace(start, name=f"{start.name}-{word}", target=(), **change) for word, change in changes.items()]


def changes(before: Experiment, after: Experiment) -> list[str]:
    """List what differs between two experiments, as lines "field: old → new"; names and targets aside."""
    return [
        f"{field.name.replace('_', ' ')}: {getattr(before, field.name)} → {getattr(after, field.name)}"
        for field in dataclasses.fields(Experiment)
        if field.name not in ("name", "target") and getattr(before, field.name) != getattr(after, field.name)
    ]
