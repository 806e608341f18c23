"""Intervals and paired comparisons, checked against tables and definitions."""

import math
import warnings
from itertools import product

import pytest

from src.show.significance import accuracy_interval, effect, mean_interval, sampling_error, seeds_to_settle


def test_the_interval_is_students():
    mean, half_width = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert mean == 3.0
    assert math.isclose(half_width, 2.776445 * math.sqrt(2.5 / 5), rel_tol=1e-6)  # t(0.975, 4) from the table


def test_the_interval_over_resplits_is_wider_because_they_share_images():
    values = [99.3, 99.4, 99.35, 99.45]
    (mean, alone), (same, shared) = mean_interval(values), mean_interval(values, test_to_train=1 / 6)
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


def test_the_interval_of_an_accuracy_is_wilsons_and_has_a_width_also_where_all_are_right():
    z = 1.959964
    for right, images in [(97, 100), (100, 100)]:
        share = right / images
        middle, half = share + z**2 / (2 * images), z * math.sqrt(share * (1 - share) / images + (z / images) ** 2 / 4)
        expected = [(middle - half) / (1 + z**2 / images), (middle + half) / (1 + z**2 / images)]
        assert accuracy_interval(right, images) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("difference, deviation", list(product([0.02, 0.05, 0.1], [0.03, 0.06])))
def test_seeds_to_settle_is_the_smallest_number_that_does(difference, deviation):
    n = seeds_to_settle(difference, deviation)

    def half_width(n):
        values = [deviation * math.sqrt((n - 1) / n) * (-1) ** i for i in range(n)]
        scatter = math.sqrt(sum((v - sum(values) / n) ** 2 for v in values) / (n - 1))
        return mean_interval(values)[1] * deviation / scatter

    assert half_width(n) <= difference * (1 + 1e-9) and (n == 3 or half_width(n - 1) > difference)
