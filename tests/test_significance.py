"""Intervals and paired comparisons, checked against tables and definitions."""

import math
import warnings
from itertools import product

import pytest

from src.evidence.significance import RESPLITS, effect, mcnemar, mean_interval, sampling_error, seeds_to_settle


def test_the_interval_is_students():
    mean, half_width = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert mean == 3.0
    assert math.isclose(half_width, 2.776445 * math.sqrt(2.5 / 5), rel_tol=1e-6)  # t(0.975, 4) from the table


def test_the_interval_over_resplits_is_wider_because_they_share_images():
    values = [99.3, 99.4, 99.35, 99.45]
    (mean, alone), (same, shared) = mean_interval(values), mean_interval(values, RESPLITS)
    # Nadeau and Bengio: the variance of the mean is (1/n + test/train) times that of one value, in the place of 1/n.
    assert mean == same and math.isclose(shared / alone, math.sqrt((1 / 4 + 1 / 6) / (1 / 4)))
    differences = [0.02, 0.03, 0.05, 0.06]
    assert effect(differences) == "helps" and effect(differences, test_to_train=2) == "no difference shown"


@pytest.mark.parametrize("value", [0.0, 0.14, 99.1])
def test_equal_values_have_an_interval_of_no_width_and_no_warning(value):
    with warnings.catch_warnings(action="error"):
        mean, half_width = mean_interval([value] * 3)
    assert math.isclose(mean, value) and math.isclose(half_width, 0, abs_tol=1e-9)


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0]])
def test_fewer_than_three_values_have_no_interval_and_no_verdict(values):
    assert math.isnan(mean_interval(values)[1])
    assert effect(values) == "too few seeds"


@pytest.mark.parametrize(
    "differences, words",
    [
        ([0.1, 0.12, 0.11], "helps"),
        ([-0.1, -0.12, -0.11], "hurts"),
        ([0.1, -0.1, 0.02], "no difference shown"),
        ([0.0, 0.0, 0.0], "no difference shown"),
        ([0.14, 0.14], "too few seeds"),
    ],
)
def test_the_words_follow_from_the_interval(differences, words):
    assert effect(differences) == words


def test_ten_thousand_images_leave_the_known_sampling_error():
    assert round(100 * sampling_error(0.995, 10_000), 2) == 0.14


def test_mcnemar_is_the_exact_binomial_test_on_the_disagreements():
    before = [True] * 90 + [True] * 1 + [False] * 7 + [False] * 2
    after = [True] * 90 + [False] * 1 + [True] * 7 + [False] * 2
    tail = sum(math.comb(8, k) for k in (0, 1)) / 2**8
    assert math.isclose(mcnemar(before, after), 2 * tail)
    assert mcnemar(before, before) == 1.0


@pytest.mark.parametrize("difference, deviation", list(product([0.02, 0.05, 0.1], [0.03, 0.06])))
def test_seeds_to_settle_is_the_smallest_number_that_does(difference, deviation):
    n = seeds_to_settle(difference, deviation)

    def half_width(n):
        values = [deviation * math.sqrt((n - 1) / n) * (-1) ** i for i in range(n)]
        scatter = math.sqrt(sum((v - sum(values) / n) ** 2 for v in values) / (n - 1))
        return mean_interval(values)[1] * deviation / scatter

    assert half_width(n) <= difference * (1 + 1e-9) and (n == 3 or half_width(n - 1) > difference)
