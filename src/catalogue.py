"""Everything that can be run by name: the series, what it is compared with, and the published steps."""

from src import InputError
from src.experiments import CHOICES, LADDER, LEAVE_ONE_OUT, MODEL4, SERIES
from src.published import PUBLISHED_CHOICES, STEPS


def _by_name(*experiments):
    return {experiment.name: experiment for experiment in experiments}


def _tried(choices):
    return [experiment for start, others in choices.items() for experiment in [start, *others]]


GROUPS = {
    "series": list(SERIES.values()),
    "ladder": LADDER,
    "leave-one-out": [other for pair in LEAVE_ONE_OUT for other in pair if other is not MODEL4],
    "choices": _tried(CHOICES),
    "published": [step.experiment for step in STEPS.values()],
    "published-choices": _tried(PUBLISHED_CHOICES),
}
EVIDENCE = _by_name(*SERIES.values(), *LADDER, *GROUPS["leave-one-out"])
EXPERIMENTS = _by_name(*(experiment for group in GROUPS.values() for experiment in group))


def find(names):
    """The Experiments of names of experiments and groups, each once.

    Raises InputError, naming those there are, for a name that is neither.
    """
    found = {}
    for name in names:
        if name not in EXPERIMENTS and name not in GROUPS:
            raise InputError(f"no experiment '{name}'; choose from {', '.join([*EXPERIMENTS, *GROUPS])}.")
        for experiment in GROUPS[name] if name in GROUPS else [EXPERIMENTS[name]]:
            found[experiment.name] = experiment
    return list(found.values())
