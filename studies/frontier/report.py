"""What the records say of the frontier: tables of its notebook and of the README."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from torch import nn

from src import data
from src.experiments import MODEL4, Experiment
from src.model import CLASSES, build, count_parameters, layers
from src.show.sentences import verdicts
from src.show.tables import Records, Row, interval, values
from studies.evidence import Evidence
from studies.figures import Drawings, with_sources
from studies.frontier import (
    AIMS,
    DESKEWED_2500,
    FRONTIER,
    FRONTIER_2500,
    FRONTIER_8000,
    FRONTIER_CHOICES,
    FRONTIER_DIRECTIONS,
    GROUPS,
    SHORT,
    budget_and_goal,
    depthwise,
)
from studies.frontier.figures import curve, curve_marks
from studies.tables import RESPLITS, ablation_table, choices, compare, markdown, without


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebook says: its name -> name of a statement -> Markdown."""
    said = {
        "frontier": markdown(results(evidence.tests, evidence.resplits)),
        "spending": markdown(spending([MODEL4, FRONTIER_2500, FRONTIER_8000])),
        "equal-size": _on_the_test_set(MODEL4, SHORT[FRONTIER_8000.name], evidence),
        "effort": effort(evidence.trials),
        "frontier-choices": markdown(choices(FRONTIER_CHOICES, evidence.trials)),
        "frontier-directions": markdown(choices(FRONTIER_DIRECTIONS, evidence.trials)),
        "deskewing": _on_the_test_set(FRONTIER_2500, DESKEWED_2500, evidence),
        "mistakes": markdown(mistakes_by_digit(evidence.tests)),
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
            "10 re-splits %": interval(resplits, test_to_train=RESPLITS) if resplits else "not run",
            "in 15 epochs %": interval(values(short, "test accuracy"), places=3),
        }


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
        by_digit = {str(digit): f"{1000 * wrong[:, labels == digit].mean():.1f}" for digit in range(CLASSES)}
        yield {"network": name} | by_digit | {"all": f"{1000 * wrong.mean():.1f}"}
