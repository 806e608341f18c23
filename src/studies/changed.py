"""Trials, written as changes to an experiment."""

from dataclasses import replace

from src.experiments import Experiment


def changed(start: Experiment, changes: dict[str, dict]) -> list[Experiment]:
    """Return an experiment with each of some changes: word -> the fields that change.

    The word is added to the name, so it is in the name of the records. A trial has no target.
    """
    return [replace(start, name=f"{start.name}-{word}", target=(), **change) for word, change in changes.items()]
