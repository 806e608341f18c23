from dataclasses import replace

import pytest

from src import comparison, plots, publish, records
from src.experiments import MODEL1, MODEL2, MODEL4, SERIES
from src.published import STEPS, Step, of_log
from src.report import values


@pytest.fixture(scope="module")
def found():
    return records.load_all(records.RESULTS, publish.EXPERIMENTS)


def step(experiment, name, test, train=99.0, parameters=0):
    return Step(replace(experiment, name=name), parameters, train, test, adds="something")


def test_the_eighteen_steps_are_those_of_five_logs():
    assert [len(of_log(STEPS, log)) for log in "ABCDE"] == [3, 4, 4, 3, 4] and len(STEPS) == 18


def test_counts_are_said_as_the_log_counted_them():
    assert comparison.counted(STEPS["A3"]) == "7,892"
    assert comparison.counted(STEPS["E4"]) == "12,682 + 192 running statistics"
    assert comparison.counted(replace(STEPS["A3"], parameters=7_000)) == "7,892 (reported: 7,000)"


def test_what_is_short_of_the_log_or_away_from_it_is_said(found):
    best = max(values(found["Model4"], "best epoch"))
    train = sum(values(found["Model4"], "train accuracy")) / len(found["Model4"])
    given = {"Model4": found["Model4"]}
    for test, reported_train, words in [
        (best, train, "reached"),
        (None, train, "reached"),
        (best + 0.05, train, "test 0.05 short"),
        (best - 0.05, train + 0.7, "train -0.70"),
        (best + 0.1, train - 0.6, "test 0.10 short, train +0.60"),
    ]:
        rows = comparison.results({"Model4": step(MODEL4, "Model4", test, reported_train)}, given)
        assert rows[1][-1] == words


def test_a_step_without_records_is_said_to_be_so():
    steps = of_log(STEPS, "B")
    empty = {name: [] for name in steps}
    assert [row[-1] for row in comparison.results(steps, empty)[1:]] == ["not run yet"] * 4
    assert [row[3:] for row in comparison.claims(steps, empty)[1:]] == [["", ""]] * 4


def test_a_claim_is_there_only_where_paired_seeds_show_it(found):
    def verdict(first, second, claimed):
        steps = {first.name: step(first, first.name, 99.0), second.name: step(second, second.name, 99.0 + claimed)}
        return comparison.claims(steps, found)[2][-1]

    assert verdict(SERIES["Model3"], MODEL4, +0.1) == "yes"
    assert verdict(SERIES["Model3"], MODEL4, -0.1) == "the opposite: it helps"
    assert verdict(MODEL1, MODEL2, +0.1).startswith("no difference shown")


def test_a_step_of_one_log_is_not_compared_with_that_of_another(found):
    for log in "ABCDE":
        rows = comparison.claims(of_log(STEPS, log), found)
        assert rows[1][2:] == ["", "", ""]


def test_a_nineteenth_step_is_drawn_as_published_before_it_has_records(found):
    post = step(STEPS["B4"].experiment, "F1", 99.4, parameters=9_752)
    points = comparison.points(STEPS | {"F1": post}, found)
    assert len(points) == 19 + 4
    drawn = next(point for point in points if point.name == "F1")
    assert (drawn.group, drawn.parameters, drawn.reported, drawn.measured) == ("F", 9_752, 99.4, None)
    names = [text.get_text() for ax in plots.comparison(points).axes for text in ax.texts]
    assert sorted(names) == sorted(point.name for point in points if point.reported or point.measured)
