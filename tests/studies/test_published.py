"""The published logs beside what came out here, on the committed records."""

import math
import re
import statistics
from dataclasses import replace

import pytest

from src.experiments import MODEL1, MODEL2, MODEL3, MODEL4
from src.show.tables import values
from studies.figures import Point
from studies.ladder.report import resplits
from studies.published import LAST_OF_LOGS, STEPS, Step, note, of_log, report
from studies.published.figures import agreement, published


@pytest.fixture(scope="module")
def tests(evidence):
    """The records on the test set, by the name of their experiment."""
    return evidence.tests


def step(experiment, name, test, train=99.0, parameters=0):
    return Step(replace(experiment, name=name), parameters, train, test, adds="something")


def test_the_eighteen_steps_are_those_of_five_logs():
    assert [len(of_log(STEPS, log)) for log in "ABCDE"] == [3, 4, 4, 3, 4]
    assert [step.name for step in LAST_OF_LOGS] == ["A3", "B4", "C4", "D3", "E4"]


def test_parameters_are_counted_as_the_log_counted_them():
    assert report.counted(STEPS["A3"]) == "7,892"
    assert report.counted(STEPS["B1"]) == "19,552"  # a network that has no statistics
    assert report.counted(STEPS["E4"]) == "12,682 + 192 running statistics"
    assert report.counted(replace(STEPS["A3"], parameters=7_000)) == "7,892 (reported: 7,000)"


def test_a_note_says_what_the_log_of_a_step_reported_and_nothing_of_other_experiments():
    for words in ["7,892 parameters", "train 98.87 % while learning", "test 99.45 %", "pooling moved"]:
        assert words in note(STEPS["A3"].experiment)
    assert "not given" in note(STEPS["E1"].experiment)
    assert note(MODEL4) is None


def test_an_accuracy_short_of_the_log_or_away_from_it_is_named(tests):
    best = max(values(tests["Model4"], "best epoch"))
    train = statistics.fmean(values(tests["Model4"], "train accuracy while learning"))
    for test, reported_train, words in [
        (best, train, "reached"),
        (None, train, f"train while learning within {report.TRAIN_TOLERANCE}"),
        (best + 0.05, train, "test 0.05 short"),
        (best - 0.05, train + 0.7, "train while learning -0.70"),
        (best + 0.1, train - 0.6, "test 0.10 short, train while learning +0.60"),
    ]:
        (row,) = report.results({"Model4": step(MODEL4, "Model4", test, reported_train)}, tests)
        assert row["compared with the log"] == words


def test_a_step_without_records_is_shown_as_not_run_yet():
    steps = of_log(STEPS, "B")
    empty = {name: [] for name in steps}
    assert [row["compared with the log"] for row in report.results(steps, empty)] == ["not run yet"] * 4
    assert [(row["measured"], row["confirmed?"]) for row in report.claims(steps, empty)] == [("", "")] * 4


def test_a_claim_is_confirmed_only_where_paired_seeds_show_it(tests):
    def verdict(first, second, claimed):
        steps = {first.name: step(first, first.name, 99.0), second.name: step(second, second.name, 99.0 + claimed)}
        return list(report.claims(steps, tests))[1]["confirmed?"]

    assert verdict(MODEL3, MODEL4, +0.1) == "yes"
    assert verdict(MODEL3, MODEL4, -0.1) == "the opposite: it helps"
    assert verdict(MODEL1, MODEL2, +0.1).startswith("no difference shown")


def test_the_first_step_of_a_log_is_not_compared_with_the_last_of_the_one_before(evidence):
    said = report.statements(evidence)["Published"]
    for log in "ABCDE":
        first = said[log].split("\n")[2]
        assert first.startswith(f"| {log}1 |") and first.endswith("|  |  |  |  |")


def rows(figure):
    """What each row of the picture is called -> the accuracies of its hollow and its filled mark."""
    (ax,) = figure.axes
    names = dict(zip(ax.get_yticks(), [label.get_text() for label in ax.get_yticklabels()], strict=True))
    names = {place: name.replace("\n", " ") for place, name in names.items()}
    marks = {name: {} for name in names.values()}
    for line in ax.lines:
        if kind := {"D": "reported", "o": "measured"}.get(line.get_marker()):
            for accuracy, row in zip(*line.get_data(), strict=True):
                marks[names[row]][kind] = accuracy
    return marks


def test_a_nineteenth_step_is_drawn_as_published_before_it_has_records(tests):
    post = step(STEPS["B4"].experiment, "F1", 99.4, parameters=9_752)
    points = report.points(STEPS | {"F1": post}, tests)
    drawn = next(point for point in points if point.name == "F1")
    assert (drawn.parameters, drawn.reported, drawn.measured) == (9_752, 99.4, None)
    assert rows(published(points))["F1: something"] == {"reported": 99.4}


def test_every_step_has_a_row_with_its_name_what_it_adds_and_its_numbers(tests):
    points = report.points(STEPS, tests)
    assert [point.name for point in points] == list(STEPS)
    drawn = rows(published(points))
    assert len(drawn) == len(points)
    for point in points:
        due = {"reported": point.reported, "measured": point.measured[0]}
        assert drawn[f"{point.name}: {STEPS[point.name].adds}"] == {
            kind: accuracy for kind, accuracy in due.items() if accuracy is not None
        }


def test_the_title_counts_the_reported_accuracies_by_where_the_measured_intervals_lie():
    far = [(99.0, (99.1, 0.2)), (99.0, (99.1, 0.05)), (99.0, (98.9, 0.05)), (None, (99, 1)), (99, (99, math.nan))]
    points = [Point("A1", 9_000, reported, measured) for reported, measured in [*far, (99.0, None)]]
    said = agreement(points)
    assert said.startswith("3 published accuracies") and said.endswith("holds 1 of them, lies above 1 and below 1")


def test_every_mark_lies_inside_the_picture_however_wide_the_intervals(tests):
    wide = [
        Point("low", 9_000, 98.0, (97.2, 0.9)),
        Point("high", 9_000, 99.5, (99.5, 1.2)),
        Point("one seed", 150_000, None, (99.5, math.nan)),
    ]
    (ax,) = published([*report.points(STEPS, tests), *wide]).axes
    for (least, most), axis in [(ax.get_xlim(), 0), (sorted(ax.get_ylim()), 1)]:
        places = [place for line in ax.lines if line.get_marker() in ("D", "o") for place in line.get_data()[axis]]
        assert all(least < place < most for place in places)


def test_every_step_has_three_runs(tests):
    assert not [name for name in STEPS if len(tests[name]) < 3]


def test_the_lead_names_the_best_step_that_has_records(evidence):
    records = {name: [] for name in STEPS} | {name: evidence.tests[name] for name in ["Model4", "A1", "B4"]}
    assert "The best published step by the same mean is B4, at" in report.lead(STEPS, records, evidence.resplits)


def test_the_lead_stands_model4_beside_the_last_step_of_each_log_as_the_table_of_resplits_does(evidence):
    lead = report.lead(STEPS, evidence.tests, evidence.resplits)
    shown = {row["experiment"]: row["Model4 is"] for row in resplits(evidence.tests, evidence.resplits)}
    for last in LAST_OF_LOGS:
        assert re.search(rf" {last.name} [+-]\d\.\d\d ± \d\.\d\d \({shown[last.name]}\)", lead)


def test_claims_are_counted_by_what_came_of_them(tests):
    pairs = [("a", MODEL1, MODEL2, +0.1), ("b", MODEL3, MODEL4, +0.1), ("c", MODEL4, MODEL1, +0.1)]
    steps, records = {}, {}
    for log, first, second, claimed in pairs:
        for place, experiment, test in [(1, first, 99.0), (2, second, 99.0 + claimed)]:
            steps[f"{log}{place}"] = step(experiment, f"{log}{place}", test)
            records[f"{log}{place}"] = tests[experiment.name]
    tally = report.tally(steps, records)
    assert "Of the 3 changes" in tally and "confirm 1 and show the opposite of 1; 1 cannot be told" in tally


def test_model4_is_above_every_published_step_with_no_more_parameters_than_the_smallest_last_one(tests):
    model4 = tests["Model4"]
    assert model4[0].parameters <= min(tests[last.name][0].parameters for last in LAST_OF_LOGS)
    assert all(len(record.history) <= 15 for record in model4)
    mean = {name: statistics.mean(values(tests[name], "test accuracy")) for name in [*STEPS, "Model4"]}
    assert all(mean["Model4"] > mean[name] for name in STEPS)
