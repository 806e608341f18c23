"""Every experiment by its name, and groups of them: the series, what it is compared with, the published steps.

"resplits" are those that are also run on resplit-0 to resplit-9, each with the seed of that number.
"""

from src import InputError
from src.experiments import SERIES, Experiment
from src.studies.frontier import (
    AIMS,
    DESKEWED_2500,
    ENDS,
    FRONTIER,
    FRONTIER_CHOICES,
    FRONTIER_DIRECTIONS,
    SHORT,
)
from src.studies.ladder import LADDER, LEAVE_ONE_OUT
from src.studies.published import LAST_STEPS, PUBLISHED_CHOICES, STEPS
from src.studies.rates import BY_RATE
from src.studies.sprint import SPRINT_CHOICES, SPRINTS
from src.studies.trials import CHOICES


def _compared(choices):
    """List the experiments of a dict from an experiment to its changes."""
    return [experiment for start, others in choices.items() for experiment in [start, *others]]


GROUPS = {
    "series": list(SERIES.values()),
    "ladder": LADDER,
    "leave-one-out": [other for pair in LEAVE_ONE_OUT for other in pair if other not in SERIES.values()],
    "choices": _compared(CHOICES),
    "rates": [experiment for at_rates in BY_RATE.values() for experiment in at_rates.values()],
    "resplits": [*SERIES.values(), *LAST_STEPS, *FRONTIER.values()],
    "published": [step.experiment for step in STEPS.values()],
    "published-choices": _compared(PUBLISHED_CHOICES),
    "frontier": [*FRONTIER.values(), *AIMS.values(), DESKEWED_2500],
    "frontier-short": list(SHORT.values()),
    "frontier-ends": ENDS,
    "frontier-choices": _compared(FRONTIER_DIRECTIONS | FRONTIER_CHOICES),
    "sprint": SPRINTS,
    "sprint-choices": _compared(SPRINT_CHOICES),
}
EXPERIMENTS = {experiment.name: experiment for group in GROUPS.values() for experiment in group}


def find(names: list[str]) -> list[Experiment]:
    """Return the experiments of names of experiments and groups, each once.

    Raises InputError, naming the experiments and groups, for a name that is neither.
    """
    groups = {name: [experiment] for name, experiment in EXPERIMENTS.items()} | GROUPS
    for name in names:
        if name not in groups:
            raise InputError(f"no experiment '{name}'; choose from {', '.join(groups)}.")
    return list(dict.fromkeys(experiment for name in names for experiment in groups[name]))
