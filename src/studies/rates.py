"""Which learning rate is best for each rung of the ladder? Compared on the validation split, the same rates for all."""

from dataclasses import replace

from src.experiments import Constant, Experiment, OneCycle
from src.studies.ladder import LADDER

RATES = (0.0003, 0.001, 0.003, 0.01, 0.02, 0.03)


def at_rate(experiment: Experiment, rate: float) -> Experiment:
    """Return an experiment with a learning rate, the peak if it has a one-cycle schedule, named after its rate."""
    one_cycle = isinstance(experiment.schedule, OneCycle)
    schedule = replace(experiment.schedule, peak=rate) if one_cycle else Constant(rate)
    return replace(experiment, name=f"{experiment.name}-rate-{rate:g}", target=(), schedule=schedule)


BY_RATE = {rung: {rate: at_rate(rung, rate) for rate in RATES} for rung in LADDER}
