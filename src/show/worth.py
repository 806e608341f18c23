"""What a step of the series costs and brings: parameters, seconds side by side, accuracy over the recorded seeds."""

from statistics import median

import torch
from matplotlib.figure import Figure

from src import InputError
from src.experiments import Experiment
from src.runs.machine import choose_device, digits_of, make_network, reproducible
from src.runs.names import check_name, with_epochs
from src.runs.records import RESULTS, recorded
from src.show import figures
from src.show.compare import check_same_data, say
from src.show.tables import interval, text, values
from src.show.verdict import verdict
from src.training import fit

SEEDS = range(10)
ROUNDS, IMAGES = 7, 40 * 128  # how often both are timed, on how many images


def worth(experiment: Experiment, before: Experiment) -> Figure:
    """Print what a recorded experiment costs and brings beside another one, on ten seeds; draw the accuracies.

    Records come from results/. The seconds are measured here, both in turn, and given as a ratio. Raises InputError
    for experiments on different data, and for those that have no records there."""
    records_by_name, both = {}, (before, experiment)
    for each in both:
        check_name(each)
    check_same_data(experiment, before)
    for each in both:
        records_by_name[each.name] = list(recorded(each, SEEDS, RESULTS).values())
        if not records_by_name[each.name]:
            raise InputError(
                f"{RESULTS} has no records of {each.name} by today's code; compare() trains what is missing."
            )
    ratios = dict(zip(records_by_name, (1.0, ratio_of_seconds(experiment, before)), strict=True))
    rows = [
        {
            "model": name,
            "parameters": f"{of_one[0].parameters:,}",
            "seconds a step": f"{ratios[name]:.2f}x",
            "test %": interval(values(of_one, "test accuracy")),
        }
        for name, of_one in records_by_name.items()
    ]
    print(text(rows), end="\n\n")
    say(verdict(*records_by_name.values()))
    return figures.series(records_by_name, f"What is the step from {before.name} to {experiment.name} worth?")


def ratio_of_seconds(experiment: Experiment, before: Experiment) -> float:
    """Return how much longer a step of one experiment takes than one of another: the median of pairs, timed in turn."""
    device, digits = choose_device("auto"), digits_of(experiment, "train")[:IMAGES]
    digits = digits.to(device)
    with reproducible(), torch.random.fork_rng():
        both = [with_epochs(each, ROUNDS) for each in (experiment, before)]
        loops = [(each.fit or fit)(make_network(each, device), each, digits) for each in both]
        return median(one.seconds / other.seconds for one, other in zip(*loops, strict=True))
