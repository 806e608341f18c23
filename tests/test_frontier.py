"""The frontier: networks within their budgets, tables that add up, pictures whose marks stand at their numbers."""

import numpy as np
import pytest
import torch
from torch import nn

from src.evidence import frontier
from src.evidence.logs import Point
from src.evidence.readme import load_evidence
from src.experiments import MODEL4
from src.model import build, count_parameters
from src.speed.depthwise import FORMS, full, grouped, shifted
from src.studies.catalogue import GROUPS
from src.studies.frontier import (
    AIMS,
    ENDS,
    FRONTIER,
    FRONTIER_1000,
    FRONTIER_2500,
    FRONTIER_8000,
    FRONTIER_CHOICES,
    FRONTIER_DIRECTIONS,
    SHORT,
)

BOUNDED = FRONTIER | AIMS


@pytest.fixture(scope="module")
def evidence():
    return load_evidence()


@pytest.mark.parametrize("name, most", list(zip(BOUNDED, [1_000, 2_500, 4_000, 7_999, 750, 2_000], strict=True)))
def test_a_network_has_no_more_parameters_than_its_goal_allows(name, most):
    assert count_parameters(build(BOUNDED[name])) <= most == BOUNDED[name].target[0].bound


def test_the_short_ones_are_the_same_networks_and_the_command_line_names_them_so():
    from src.studies.names import with_epochs

    assert [with_epochs(each, 15) for each in BOUNDED.values()] == list(SHORT.values())


def test_every_network_has_ten_seeds_and_the_others_of_the_curve_at_least_three(evidence):
    for each in [*BOUNDED.values(), *SHORT.values()]:
        assert [record.seed for record in evidence.tests[each.name]] == list(range(10))
    for name in FRONTIER:
        assert len(evidence.resplits[name]) == 10
    for other in ENDS:
        assert len(evidence.tests[other.name]) >= 3


def test_the_effort_counts_every_trial(evidence):
    trials = [record for trial in GROUPS["frontier-choices"] for record in evidence.trials[trial.name]]
    recipes = sum(1 + len(others) for others in (FRONTIER_DIRECTIONS | FRONTIER_CHOICES).values())
    effort = frontier.effort(evidence.trials)
    assert f"{recipes} recorded recipes" in effort and f"{len(trials)} runs" in effort


def test_a_goal_is_met_where_the_mean_over_seeds_reaches_it(evidence):
    for row in frontier.results(evidence.tests, evidence.resplits):
        mean = np.mean([record.final.test_accuracy for record in evidence.tests[row["network"]]])
        budget, _, goal = (condition.bound for condition in BOUNDED[row["network"]].target)
        assert row["goal"] == f"{goal:.2f} % with {budget:,}: {'met' if 100 * mean >= goal else '**missed**'}"


def test_the_table_of_parameters_adds_up():
    experiments = [MODEL4, FRONTIER_1000, FRONTIER_2500, FRONTIER_8000]
    *rows, total = frontier.spending(experiments)
    for experiment in experiments:
        parts = [int(row[experiment.name].split(" ")[0].replace(",", "")) for row in rows]
        assert sum(parts) == int(total[experiment.name].replace(",", "")) == count_parameters(build(experiment))


def test_the_picture_of_a_network_shows_each_weight_of_its_convolutions_once():
    network = build(FRONTIER_1000)
    figure = frontier.filters(network, "weights")
    drawn = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    weights = [part.weight.detach() for part in network.modules() if isinstance(part, nn.Conv2d)]
    for picture, weight in zip(drawn, weights, strict=True):
        shown = np.sort(picture.compressed())
        assert np.allclose(shown, np.sort(weight.numpy().ravel()))


def test_marks_of_the_curve_stand_at_their_numbers():
    ours = [Point("ours", "A", 900, None, (99.1, 0.05)), Point("ours", "B", 2_400, None, (99.4, 0.02))]
    series = [Point("ours", "Model4", 7_870, None, (99.56, 0.03))]
    steps = [Point(log, f"{log}1", 8_000 + 100 * i, 99.2, None) for i, log in enumerate("ABCDE")]
    (ax,) = frontier.curve(ours, [*steps, *series], [(4_968, 99.45)], [(2_500, 99.4)]).axes
    marks = {(x, y) for line in ax.lines for x, y in zip(*line.get_data(), strict=True)}
    assert {(900, 99.1), (2_400, 99.4), (7_870, 99.56), (4_968, 99.45), (8_000, 99.2), (2_500, 99.4)} <= marks


@pytest.mark.parametrize("form", [shifted, full])
def test_every_form_of_a_depthwise_convolution_gives_the_same_numbers(form):
    assert {form for form, _ in FORMS.values()} == {grouped, shifted, full}
    maps, weight = torch.randn(5, 4, 9, 9, requires_grad=True), torch.randn(4, 1, 3, 3, requires_grad=True)
    expected, given = grouped(maps, weight), form(maps, weight)
    assert torch.allclose(given, expected, atol=1e-5)
    for one, other in zip(
        torch.autograd.grad(given.square().sum(), (maps, weight)),
        torch.autograd.grad(expected.square().sum(), (maps, weight)),
        strict=True,
    ):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
