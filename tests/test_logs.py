"""The published logs beside what came out here, on the committed records."""

import math
import re
import statistics
from dataclasses import replace

import pytest

from src.evidence import figures, logs, readme, tables
from src.evidence.tables import values
from src.experiments import MODEL1, MODEL2, MODEL4, SERIES
from src.studies.published import STEPS, Step, of_log


@pytest.fixture(scope="module")
def evidence():
    return readme.load_evidence()


@pytest.fixture(scope="module")
def records_by_name(evidence):
    return evidence.tests


def step(experiment, name, test, train=99.0, parameters=0):
    return Step(replace(experiment, name=name), parameters, train, test, adds="something")


def test_the_eighteen_steps_are_those_of_five_logs():
    assert [len(of_log(STEPS, log)) for log in "ABCDE"] == [3, 4, 4, 3, 4]


def test_parameters_are_counted_as_the_log_counted_them():
    assert logs.counted(STEPS["A3"]) == "7,892"
    assert logs.counted(STEPS["E4"]) == "12,682 + 192 running statistics"
    assert logs.counted(replace(STEPS["A3"], parameters=7_000)) == "7,892 (reported: 7,000)"


def test_an_accuracy_short_of_the_log_or_away_from_it_is_named(records_by_name):
    best = max(values(records_by_name["Model4"], "best epoch"))
    train = sum(values(records_by_name["Model4"], "accuracy while learning")) / len(records_by_name["Model4"])
    records = {"Model4": records_by_name["Model4"]}
    for test, reported_train, words in [
        (best, train, "reached"),
        (None, train, f"train within {logs.TRAIN_TOLERANCE}"),
        (best + 0.05, train, "test 0.05 short"),
        (best - 0.05, train + 0.7, "train -0.70"),
        (best + 0.1, train - 0.6, "test 0.10 short, train +0.60"),
    ]:
        (row,) = logs.results({"Model4": step(MODEL4, "Model4", test, reported_train)}, records)
        assert row["compared with the log"] == words


def test_a_step_without_records_is_shown_as_not_run_yet():
    steps = of_log(STEPS, "B")
    empty = {name: [] for name in steps}
    assert [row["compared with the log"] for row in logs.results(steps, empty)] == ["not run yet"] * 4
    assert [(row["measured"], row["confirmed?"]) for row in logs.claims(steps, empty)] == [("", "")] * 4


def test_a_claim_is_confirmed_only_where_paired_seeds_show_it(records_by_name):
    def verdict(first, second, claimed):
        steps = {first.name: step(first, first.name, 99.0), second.name: step(second, second.name, 99.0 + claimed)}
        return list(logs.claims(steps, records_by_name))[1]["confirmed?"]

    assert verdict(SERIES["Model3"], MODEL4, +0.1) == "yes"
    assert verdict(SERIES["Model3"], MODEL4, -0.1) == "the opposite: it helps"
    assert verdict(MODEL1, MODEL2, +0.1).startswith("no difference shown")


def test_the_first_step_of_a_log_is_not_compared_with_the_last_of_the_one_before(evidence):
    statements = readme.published_statements(evidence)
    for log in "ABCDE":
        first = statements[log].split("\n")[2]
        assert first.startswith(f"| {log}1 |") and first.endswith("|  |  |  |  |")


def test_a_nineteenth_step_is_drawn_as_published_before_it_has_records(records_by_name):
    post = step(STEPS["B4"].experiment, "F1", 99.4, parameters=9_752)
    points = logs.points(STEPS | {"F1": post}, records_by_name)
    assert len(points) == len(STEPS) + 1 + len(SERIES)
    drawn = next(point for point in points if point.name == "F1")
    assert (drawn.group, drawn.parameters, drawn.reported, drawn.measured) == ("F", 9_752, 99.4, None)
    names = [text.get_text() for ax in figures.published(points).axes for text in ax.texts]
    shown = [point.name.replace("Model", "M") for point in points if point.reported or point.measured]
    assert set(names) == set(shown)  # twice where there are two marks: hollow and filled


def test_every_mark_and_every_name_lies_inside_the_picture_however_wide_the_intervals(records_by_name):
    wide = [
        logs.Point("C", "low", 9_000, 98.0, (97.2, 0.9)),
        logs.Point("C", "high", 9_000, 99.5, (99.5, 1.2)),
        logs.Point("C", "one seed", 150_000, None, (99.5, math.nan)),
    ]
    for ax in figures.published([*logs.points(STEPS, records_by_name), *wide]).axes:
        bottom, top = ax.get_ylim()
        heights = [y for line in ax.lines for y in line.get_ydata() if line.get_marker() not in ("None", "_", "|")]
        assert all(bottom < y < top for y in [*heights, *(text.xy[1] for text in ax.texts)])


def test_every_step_has_three_runs(records_by_name):
    assert not [name for name in STEPS if len(records_by_name[name]) < 3]


def test_points_stand_at_their_number_of_parameters(records_by_name):
    points = logs.points(STEPS, records_by_name)
    drawn = {x for ax in figures.published(points).axes for text in ax.texts for x in text.xy[:1]}
    assert drawn == {point.parameters for point in points}


def test_the_lead_names_the_best_step_that_has_records(evidence, records_by_name):
    records = {name: [] for name in STEPS} | {name: records_by_name[name] for name in ["Model4", "A1", "B4"]}
    assert "The best published step by the same mean is B4, at" in logs.lead(STEPS, records, evidence.resplits)


def test_the_lead_stands_model4_beside_the_last_step_of_each_log_as_the_table_of_resplits_does(evidence):
    lead = logs.lead(STEPS, evidence.tests, evidence.resplits)
    shown = {row["experiment"]: row["Model4 is"] for row in tables.resplits(evidence.tests, evidence.resplits)}
    for name in ["A3", "B4", "C4", "D3", "E4"]:
        assert re.search(rf" {name} [+-]\d\.\d\d ± \d\.\d\d \({shown[name]}\)", lead)


def test_claims_are_counted_by_what_came_of_them(records_by_name):
    pairs = [("a", MODEL1, MODEL2, +0.1), ("b", SERIES["Model3"], MODEL4, +0.1), ("c", MODEL4, MODEL1, +0.1)]
    steps, records = {}, {}
    for log, first, second, claimed in pairs:
        for place, experiment, test in [(1, first, 99.0), (2, second, 99.0 + claimed)]:
            steps[f"{log}{place}"] = step(experiment, f"{log}{place}", test)
            records[f"{log}{place}"] = records_by_name[experiment.name]
    assert logs.tally(steps, records) == (
        "Of the 3 changes that the logs claim from one step to the next, these seeds confirm 1 "
        "and show the opposite of 1; 1 cannot be told from chance."
    )


def test_model4_is_above_every_published_step_with_no_more_parameters_than_the_smallest_last_one(records_by_name):
    last = [list(of_log(STEPS, log))[-1] for log in "ABCDE"]
    model4 = records_by_name["Model4"]
    assert model4[0].parameters <= min(records_by_name[name][0].parameters for name in last)
    assert all(len(record.history) <= 15 for record in model4)
    mean = {name: statistics.mean(values(records_by_name[name], "test accuracy")) for name in [*STEPS, "Model4"]}
    assert all(mean["Model4"] > mean[name] for name in STEPS)
