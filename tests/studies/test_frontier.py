"""The frontier: networks within their budgets, tables that add up, pictures whose marks stand at their numbers."""

import re

import numpy as np
import pytest
from torch import nn

from src.experiments import MODEL4
from src.model import build, count_parameters, layers
from src.runs.names import with_epochs
from src.use.weights import kept
from studies.figures import Point
from studies.frontier import (
    AIMS,
    ENDS,
    FRONTIER,
    FRONTIER_1000,
    FRONTIER_2500,
    FRONTIER_8000,
    FRONTIER_CHOICES,
    FRONTIER_DIRECTIONS,
    GROUPS,
    SHORT,
    budget_and_goal,
    report,
)
from studies.frontier.figures import PUBLIC, curve, curve_marks, filters, lost, whole

BOUNDED = FRONTIER | AIMS


@pytest.mark.parametrize("name, most", list(zip(BOUNDED, [1_000, 2_500, 4_000, 7_999, 750, 2_000], strict=True)))
def test_a_network_has_no_more_parameters_than_its_goal_allows(name, most):
    assert count_parameters(build(BOUNDED[name])) <= most == budget_and_goal(BOUNDED[name])[0]


def test_the_short_ones_are_the_same_networks_and_the_command_line_names_them_so():
    assert [with_epochs(each, 15) for each in BOUNDED.values()] == list(SHORT.values())


def test_every_network_has_ten_seeds_and_the_others_of_the_curve_at_least_three(evidence):
    for each in [*BOUNDED.values(), *SHORT.values()]:
        assert [record.seed for record in evidence.tests[each.name]] == list(range(10))
    for name in FRONTIER:
        assert len(evidence.resplits[name]) == 10
    for other in ENDS:
        assert len(evidence.tests[other.name]) >= 3


def test_the_sentence_on_devices_names_every_experiment_that_ran_on_a_cpu_and_no_other(evidence):
    on_the_test_set, on_resplits, on_validation = report.devices(evidence).split("; ")
    of_tests = [experiment for name in ("frontier", "frontier-short", "frontier-ends") for experiment in GROUPS[name]]
    for said, experiments, records_by_name in [
        (on_the_test_set, of_tests, evidence.tests),
        (on_resplits, FRONTIER.values(), evidence.resplits),
        (on_validation, GROUPS["frontier-choices"], evidence.trials),
    ]:
        for name in (experiment.name for experiment in experiments):
            on_cpu = any(record.device == "cpu" for record in records_by_name[name])
            assert bool(re.search(rf"{re.escape(name)}(?![\w-]|\.\d)", said)) == on_cpu, name
    assert "Frontier-1000 (seed 0)" in on_the_test_set


def test_the_means_on_re_splits_are_lower_by_what_the_sentence_says(evidence):
    low, high = map(float, re.search(r"are ([\d.]+) to ([\d.]+) points", report.on_resplits(*both(evidence))).groups())
    lower = [
        np.subtract(*(np.mean([r.final.test_accuracy for r in of[name]]) for of in both(evidence))) for name in FRONTIER
    ]
    assert [low, high] == pytest.approx([100 * min(lower), 100 * max(lower)], abs=0.005)


def both(evidence):
    return evidence.tests, evidence.resplits


def test_digits_are_named_in_the_order_in_which_they_lose_most(evidence):
    rows = list(report.mistakes_by_digit(evidence.tests))
    by_name = {row["network"]: row for row in rows}
    smallest, largest = by_name["Frontier-1000"], by_name["Frontier-8000"]
    order = report.lost_first(rows).rstrip(".").rsplit(": ", 1)[1].split(", ")
    lost = [float(smallest[digit]) - float(largest[digit]) for digit in order]
    assert sorted(order) == list("0123456789") and lost == sorted(lost, reverse=True)


def test_the_effort_counts_every_trial(evidence):
    trials = [record for trial in GROUPS["frontier-choices"] for record in evidence.trials[trial.name]]
    recipes = sum(1 + len(others) for others in (FRONTIER_DIRECTIONS | FRONTIER_CHOICES).values())
    effort = report.effort(evidence.trials)
    assert f"{recipes} recorded recipes" in effort and f"{len(trials)} runs" in effort


def test_a_goal_is_met_where_the_mean_over_seeds_reaches_it(evidence):
    for row in report.results(evidence.tests, evidence.resplits):
        mean = np.mean([record.final.test_accuracy for record in evidence.tests[row["network"]]])
        budget, goal = budget_and_goal(BOUNDED[row["network"]])
        assert row["goal"] == f"{goal:.2f} % with {budget:,}: {'met' if 100 * mean >= goal else '**missed**'}"


def test_the_table_of_parameters_adds_up():
    experiments = [MODEL4, FRONTIER_1000, FRONTIER_2500, FRONTIER_8000]
    *rows, total = report.spending(experiments)
    for experiment in experiments:
        parts = [int(row[experiment.name].split(" ")[0].replace(",", "")) for row in rows]
        assert sum(parts) == int(total[experiment.name].replace(",", "")) == count_parameters(build(experiment))


def test_the_picture_of_a_network_shows_each_weight_of_its_convolutions_once():
    network = build(FRONTIER_1000)
    figure = filters(network, "weights")
    drawn = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    weights = [part.weight.detach() for part in network.modules() if isinstance(part, nn.Conv2d)]
    for picture, weight in zip(drawn, weights, strict=True):
        shown = np.sort(picture.compressed())
        assert np.allclose(shown, np.sort(weight.numpy().ravel()))


def test_marks_of_the_curve_stand_at_their_numbers():
    ours = [Point("A", 900, None, (99.1, 0.05)), Point("B", 2_400, None, (99.4, 0.02))]
    series = [Point("Model4", 7_870, None, (99.56, 0.03))]
    (ax,) = curve(ours, series, {"small": (697, 99.03), "accurate": (4_968, 99.45)}).axes
    marks = {(x, y) for line in ax.lines for x, y in zip(*line.get_data(), strict=True)}
    assert {(900, 99.1), (2_400, 99.4), (7_870, 99.56), (697, 99.03), (4_968, 99.45)} <= marks
    texts = {text.get_text() for text in ax.texts}
    assert texts == {"A: 99.100 %", "B: 99.400 %", "Model4", "small", "accurate"}
    assert ax.get_title() == "Enough parameters: 900 for 99.0 %, 2,400 for 99.4 %"


def test_the_curve_is_drawn_from_our_networks_the_series_and_two_public_results(evidence):
    frontier, series, public = curve_marks(evidence.tests)
    assert {point.name for point in frontier} == {*BOUNDED, *(end.name for end in ENDS)}
    assert [point.parameters for point in frontier] == sorted(point.parameters for point in frontier)
    assert len(series) == 4 and public == PUBLIC and len(public) == 2


def test_the_goals_are_those_that_the_study_names():
    assert [budget_and_goal(each) for each in FRONTIER.values()] == [
        (1_000, 99.0),
        (2_500, 99.4),
        (4_000, 99.5),
        (7_999, 99.6),
    ]


def test_the_digits_shown_as_lost_are_wrong_in_the_smallest_network_and_never_in_the_largest(evidence):
    captions = [text.get_text() for ax in lost(evidence.tests, shown=6).axes for text in ax.texts]
    assert len(captions) == 6 and all("of 10 seeds" in caption for caption in captions)
    times = [int(re.search(r"(\d+) of 10", caption)[1]) for caption in captions]
    assert times == sorted(times, reverse=True) and times[-1] > 0


@pytest.mark.parametrize("experiment", [FRONTIER_1000, FRONTIER_2500], ids=lambda each: each.name)
def test_the_picture_of_a_whole_network_has_every_map_and_shades_those_of_a_network_whose_weights_are_kept(
    experiment, evidence
):
    (ax,) = whole(experiment, evidence.tests).axes
    maps = 1 + sum(layer.channels for layer in layers(experiment.layer_line))
    assert len(ax.patches) == maps and len(ax.images) == (maps if experiment.name in kept() else 1)
    numbers = [int(text.get_text().replace(",", "")) for text in ax.texts if re.fullmatch(r"[\d,]+", text.get_text())]
    assert sum(numbers) - sum(range(10)) == count_parameters(build(experiment))


def test_the_smallest_network_that_reaches_an_accuracy_is_named(evidence):
    assert report.smallest(evidence.tests, 99.0) == FRONTIER_1000
    assert report.smallest(evidence.tests) == FRONTIER_2500


def test_the_table_of_mistakes_counts_a_thousand_images_of_each_digit(evidence):
    rows = {row["network"]: row for row in report.mistakes_by_digit(evidence.tests)}
    assert set(rows) == {*FRONTIER, "Model4"}
    for name, row in rows.items():
        wrong = 1 - np.mean([record.final.test_accuracy for record in evidence.tests[name]])
        assert float(row["all"]) == pytest.approx(1000 * wrong, abs=0.051)
