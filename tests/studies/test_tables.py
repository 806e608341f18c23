"""Tables of several studies: what changed, what it does on paired seeds, and no more than these show."""

import math
from dataclasses import replace

import pytest

from src.experiments import MODEL3, MODEL4, Constant
from src.show.significance import TEST_TO_TRAIN, mean_interval
from src.show.tables import differences, values
from studies.tables import ablation_table, choices, compare, markdown, measured, standing, without


@pytest.fixture(scope="module")
def tests(evidence):
    return evidence.tests


def test_a_table_in_markdown_has_its_numbers_on_the_right():
    rows = [{"step": "a", "change": "", "test %": "99.50"}, {"step": "b", "change": "+0.10 ± 0.02", "test %": "99.60"}]
    assert markdown(rows).splitlines() == [
        "| step | change | test % |",
        "| --- | ---: | ---: |",
        "| a |  | 99.50 |",
        "| b | +0.10 ± 0.02 | 99.60 |",
    ]


def test_columns_are_left_out_by_how_their_headings_begin():
    rows = [{"step": "a", "change in points": "1", "effect": "helps"}]
    assert list(without(rows, "change", "eff")) == [{"step": "a"}]


def test_what_is_measured_is_the_mean_and_its_interval_rounded(tests):
    accuracies = values(tests["Model4"], "test accuracy")
    assert measured(tests["Model4"]) == pytest.approx(mean_interval(accuracies), abs=1e-6)
    assert measured(tests["Model4"]) == tuple(round(number, 6) for number in mean_interval(accuracies))
    assert math.isnan(measured(tests["Model4"][:2])[1])


def test_a_comparison_is_paired_on_the_seeds_that_both_have_and_names_the_technique_before_its_rate(tests):
    few = tests | {"Model3": tests["Model3"][2:5]}
    comparison = compare(MODEL3, MODEL4, few)
    assert [record.seed for record in comparison.before] == [record.seed for record in comparison.after] == [2, 3, 4]
    assert (comparison.name, comparison.change) == (
        "Model4",
        "schedule: constant 0.003 → one-cycle, peak 0.02, warm-up 20 %",
    )
    changed = replace(MODEL3, name="Model4", batch_size=64, schedule=Constant(0.001))
    assert compare(MODEL3, changed, few).change == "batch size: 128 → 64; schedule: constant 0.003 → constant 0.001"
    paired = differences(few["Model3"], tests["Model4"])
    assert comparison.cells()["change in points"].startswith(f"{sum(paired) / 3:+.3f} ± ")


@pytest.mark.parametrize(
    "layer_line, words",
    [
        ("8 10 P 12 14 18 15 G t10", "… 16 … → … 18 …"),
        ("C24 8 10 P 12 14 16 15 G t10", "… → C24 …"),
        ("8 10 P 12 14 16 15 4x10", "… G t10 → … 4x10"),
    ],
)
def test_of_layer_lines_only_what_differs_is_named(tests, layer_line, words):
    changed = replace(MODEL4, name="Model3", layer_line=layer_line)
    assert compare(MODEL4, changed, tests).change == f"layer line: {words}"


def test_an_ablation_has_a_row_for_each_change(tests):
    [row] = ablation_table([compare(MODEL3, MODEL4, tests)])
    before, after = (sum(values(tests[name], "test accuracy")) / 10 for name in ("Model3", "Model4"))
    assert row["seeds"] == "0 to 9" and row["effect"] == "helps"
    assert row["before %"].startswith(f"{before:.3f} ± ") and row["after %"].startswith(f"{after:.3f} ± ")


def test_choices_are_shown_beside_their_start_on_shared_seeds(tests):
    start, other = choices({MODEL3: [MODEL4]}, tests | {"Model4": tests["Model4"][:1]})
    assert (start["what changes"], start["effect"], start["change in points, same seeds"]) == ("nothing", "", "")
    assert other["what changes"].startswith("schedule: ") and other["effect"] == "too few seeds"
    assert other["start"] == "Model3" and other["seeds"] == "0"


def test_a_recipe_stands_better_or_worse_only_where_the_wider_interval_of_resplits_shows_it():
    assert TEST_TO_TRAIN == pytest.approx(1 / 6)  # test images to training images
    assert standing([0.1, 0.12, 0.11]) == "better" and standing([-0.1, -0.12, -0.11]) == "worse"
    assert standing([0.1, -0.1, 0.02]) == "no difference shown" and standing([0.1]) == "too few seeds"
    close = [0.02, 0.03, 0.05, 0.06]
    assert standing(close, test_to_train=0) == "better" and standing(close, test_to_train=2) == "no difference shown"
