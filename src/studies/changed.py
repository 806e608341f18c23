"""Trials, written as changes to an experiment."""

from dataclasses import replace

from src.experiments import Experiment


def changed(start: Experiment, changes: dict[str, dict]) -> list[Experiment]:
    """Return an experiment with each of some changes (of fields), named after it and the word of the change."""
    return [replace(start, name=f"{start.name}-{word}", target=(), **change) for word, change in changes.items()]
