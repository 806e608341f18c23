"""What the records say of the frontier: tables of its notebook and of the README."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import fmean

import numpy as np
from torch import nn

from src import data
from src.experiments import MODEL4, Experiment
from src.model import build, count_parameters, layers
from src.show.figures import GOAL
from src.show.sentences import verdicts
from src.show.significance import TEST_TO_TRAIN
from src.show.tables import Records, Row, interval, seed_range, values
from studies.evidence import Evidence
from studies.figures import Drawings, with_sources
from studies.frontier import (
    AIMS,
    DESKEWED_2500,
    ENDS,
    FRONTIER,
    FRONTIER_2500,
    FRONTIER_8000,
    FRONTIER_CHOICES,
    FRONTIER_DIRECTIONS,
    GROUPS,
    SHORT,
    THIRD_2500,
    THIRD_8000,
    budget_and_goal,
    depthwise,
)
from studies.frontier.figures import PUBLIC, curve, curve_marks
from studies.tables import ablation_table, compare, folded, markdown, without


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebook says: its name -> name of a statement -> Markdown."""
    said = {
        "public": beside_others(evidence.tests),
        "frontier": markdown(results(evidence.tests, evidence.resplits)),
        "on-resplits": on_resplits(evidence.tests, evidence.resplits),
        "devices": devices(evidence),
        "spending": markdown(spending([MODEL4, FRONTIER_2500, FRONTIER_8000])),
        "full-convolutions": markdown(full_convolutions(evidence.trials)),
        "equal-size": _on_the_test_set(MODEL4, SHORT[FRONTIER_8000.name], evidence),
        "effort": effort(evidence.trials),
        "frontier-choices": folded("The third round", FRONTIER_CHOICES, evidence.trials),
        "frontier-directions": folded("The first two rounds", FRONTIER_DIRECTIONS, evidence.trials),
        "deskewing": _on_the_test_set(FRONTIER_2500, DESKEWED_2500, evidence),
        "mistakes": lost_first(list(mistakes_by_digit(evidence.tests))),
        "depthwise": depthwise.text(evidence.timing("depthwise")),
    }
    return {"Frontier": said}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the blocks of the README: name of the marker -> Markdown."""
    rows = without(results(evidence.tests, evidence.resplits), "layer line", "worst seed", "in 15 epochs")
    return {"frontier": markdown(rows)}


def figures(evidence: Evidence) -> Drawings:
    """Return the figures: file name -> function that draws it, and a hash of its numbers."""
    return with_sources({"frontier.png": partial(curve, *curve_marks(evidence.tests))})


def _on_the_test_set(before, after, evidence):
    return markdown(ablation_table([compare(before, after, evidence.tests)]))


def results(tests_by_name: Records, resplits_by_name: Records) -> Iterator[Row]:
    """Show each network of the frontier: what it reaches, what its worst seed does, and whether its goal is met."""
    for name, experiment in sorted((FRONTIER | AIMS).items(), key=lambda item: budget_and_goal(item[1])):
        records, short = tests_by_name[name], tests_by_name[SHORT[name].name]
        missed = any("missed" in line for line in verdicts(experiment.target, records))
        tests = values(records, "test accuracy")
        resplits = values(resplits_by_name.get(name, []), "test accuracy")
        budget, goal = budget_and_goal(experiment)
        yield {
            "network": name,
            "layer line": f"`{experiment.layer_line}`",
            "parameters": f"{records[0].parameters:,}",
            "epochs": f"{experiment.epochs}",
            "goal": f"{goal:.2f} % with {budget:,}: {'**missed**' if missed else 'met'}",
            f"test %, {len(tests)} seeds": interval(tests, places=3),
            "worst seed": f"{min(tests):.2f}",
            "10 re-splits %": interval(resplits, test_to_train=TEST_TO_TRAIN) if resplits else "not run",
            "in 15 epochs %": interval(values(short, "test accuracy"), places=3),
        }


def smallest(tests_by_name: Records, goal: float = GOAL) -> Experiment:
    """Return the network with the fewest parameters whose mean test accuracy, in percent, reaches a goal."""
    networks = [*FRONTIER.values(), *AIMS.values(), *ENDS]
    reach = [each for each in networks if fmean(values(tests_by_name[each.name], "test accuracy")) >= goal]
    return min(reach, key=lambda each: tests_by_name[each.name][0].parameters)


def beside_others(tests_by_name: Records) -> str:
    """Say how our network of the size of the smallest public one does, as a mean and as such results are reported."""
    (parameters, accuracy), (name, *_) = min(PUBLIC.values()), AIMS
    records = tests_by_name[name]
    return (
        f"The smallest public network has {parameters:,} parameters and reports {accuracy:.2f} %. {name} has "
        f"{records[0].parameters:,} and ends at {interval(values(records, 'test accuracy'), places=3)} % "
        f"({len(records)} seeds); the best epoch of the best seed is {max(values(records, 'best epoch')):.2f} %."
    )


def on_resplits(tests_by_name: Records, resplits_by_name: Records) -> str:
    """Say how much lower the means on re-splits are, and how many of them reach the accuracy of their goal."""
    means = {name: fmean(values(resplits_by_name[name], "test accuracy")) for name in FRONTIER}
    lower = [fmean(values(tests_by_name[name], "test accuracy")) - mean for name, mean in means.items()]
    reached = sum(mean >= budget_and_goal(FRONTIER[name])[1] for name, mean in means.items())
    return (
        f"On the re-splits the means are {min(lower):.2f} to {max(lower):.2f} points lower than on the test set: the "
        "official test images are easier than those of a random split. "
        f"{reached or 'None'} of the {len(means)} networks reaches the accuracy of its goal there."
    )


def devices(evidence: Evidence) -> str:
    """Say which runs of the frontier were made on a CPU."""
    on_the_test_set = [*GROUPS["frontier"], *GROUPS["frontier-short"], *GROUPS["frontier-ends"]]
    said = []
    for split, experiments, records_by_name in [
        ("on the test set", on_the_test_set, evidence.tests),
        ("on re-splits", FRONTIER.values(), evidence.resplits),
        ("on the validation split", GROUPS["frontier-choices"], evidence.trials),
    ]:
        names = []
        for name in (experiment.name for experiment in experiments):
            records = records_by_name[name]
            if on_cpu := [record for record in records if record.device == "cpu"]:
                some = f" (seed{'s' * (len(on_cpu) > 1)} {seed_range(on_cpu)})"
                names.append(name + some * (len(on_cpu) < len(records)))
        said.append(f"{split} {', '.join(names)}")
    return f"These runs were made on a CPU: {'; '.join(said)}. All others were made side by side on a GPU."


def full_convolutions(trials_by_name: Records) -> Iterator[Row]:
    """Show what full convolutions in the place of separable ones do on the validation split, at equal size."""
    pairs = [(start, start.name + "-full-convolutions") for start in (THIRD_2500, THIRD_8000)]
    others = {experiment.name: experiment for experiment in GROUPS["frontier-choices"]}
    rows = ablation_table([compare(start, others[name], trials_by_name) for start, name in pairs])
    return ({"start": start.name} | row for (start, _), row in zip(pairs, rows, strict=True))


def effort(trials_by_name: Records) -> str:
    """Say how many trials there were, and what they cost."""
    recipes = GROUPS["frontier-choices"]
    trials = [record for recipe in recipes for record in trials_by_name[recipe.name]]
    minutes = Counter()
    for record in trials:
        minutes[record.device] += record.wall_seconds / 60
    devices = {"cpu": "of one core of a CPU", "cuda": "of a GPU that trained them side by side"}
    spent = " and ".join(f"{minutes[device]:.0f} minutes {words}" for device, words in devices.items())
    return f"{len(recipes)} recorded recipes were tried on the validation split, in {len(trials)} runs: {spent}."


FULL, DEPTHWISE, POINTWISE = "full 3x3 convolutions", "depthwise 3x3 convolutions", "pointwise (1x1) convolutions"
CLASSIFIER, NORMALIZATION = "the classifier", "batch normalization"


def spending(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """Show where the parameters of experiments sit: a row for each kind of layer."""
    spent = {experiment.name: _spent(experiment) for experiment in experiments}
    for kind in [FULL, DEPTHWISE, POINTWISE, CLASSIFIER, NORMALIZATION]:
        yield {"parameters in": kind} | {
            name: f"{counts[kind]:,} ({100 * counts[kind] / counts.total():.0f} %)" for name, counts in spent.items()
        }
    yield {"parameters in": "all"} | {name: f"{counts.total():,}" for name, counts in spent.items()}


def _spent(experiment):  # the parameters of an experiment by kind
    line, counts = layers(experiment.layer_line), Counter()
    for layer, module in zip(line, build(experiment), strict=False):
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                counts[NORMALIZATION] += count_parameters(part)
            elif isinstance(part, nn.Conv2d):
                kind = POINTWISE if part.kernel_size == (1, 1) else DEPTHWISE if part.groups > 1 else FULL
                counts[CLASSIFIER if layer is line[-1] else kind] += count_parameters(part)
    return counts


def mistakes_by_digit(tests_by_name: Records) -> Iterator[Row]:
    """Show on how many of a thousand images of each digit the networks err, on average over seeds."""
    labels = data.load("test").labels.numpy()
    for name in [*FRONTIER, "Model4"]:
        wrong = ~np.array([record.right for record in tests_by_name[name]])
        by_digit = {str(digit): f"{1000 * wrong[:, labels == digit].mean():.1f}" for digit in range(10)}
        yield {"network": name} | by_digit | {"all": f"{1000 * wrong.mean():.1f}"}


def lost_first(rows: Sequence[Row]) -> str:
    """Show mistakes_by_digit(), and in which order the digits lose most from the largest network to the smallest."""
    by_name = {row["network"]: row for row in rows}
    smallest, *_, largest = (by_name[name] for name in FRONTIER)
    lost = {digit: float(smallest[digit]) - float(largest[digit]) for digit in map(str, range(10))}
    order = ", ".join(sorted(lost, key=lost.get, reverse=True))
    networks = f"{smallest['network']} errs on them than {largest['network']}"
    return f"{markdown(rows)}\n\nThe digits by how much more often {networks}: {order}."
