"""What several runs say together: means with their uncertainty, and paired comparisons."""

import math
import warnings
from collections.abc import Sequence
from itertools import count
from statistics import fmean

from scipy import stats

CONFIDENCE = 0.95
TEST_TO_TRAIN = 10_000 / 60_000  # of the re-splits, see mean_interval()


def mean_interval(values: Sequence[float], test_to_train: float = 0.0, comparisons: int = 1) -> tuple[float, float]:
    """Return the mean and the half-width of its 95 % t-interval, nan for fewer than three values.

    comparisons: how many such intervals hold together with 95 % (Bonferroni): each is the wider, the more there are.
    test_to_train: of values from n random re-splits of the same images, the number of test images divided by that of
    training images; the variance of their mean is then 1/n plus this ratio times that of one (Nadeau, Bengio 2003)."""
    if len(values) < 3:
        return fmean(values), math.nan
    with warnings.catch_warnings(action="ignore"):  # SciPy warns of equal values
        interval = stats.ttest_1samp(values, 0).confidence_interval(1 - (1 - CONFIDENCE) / comparisons)
    return fmean(values), float(interval.high - interval.low) / 2 * math.sqrt(1 + test_to_train * len(values))


def effect(differences: Sequence[float], test_to_train: float = 0.0, comparisons: int = 1) -> str:
    """Say "helps" or "hurts" if the interval of differences lies above or below 0; else why they show nothing."""
    mean, half_width = mean_interval(differences, test_to_train, comparisons)
    if math.isnan(half_width):
        return "too few seeds"
    return "no difference shown" if abs(mean) <= half_width else "helps" if mean > 0 else "hurts"


def sampling_error(accuracy: float, images: int) -> float:
    """Return the half-width of the 95 % interval (normal approximation) of an accuracy, a fraction, on some images."""
    return float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(accuracy * (1 - accuracy) / images)


def accuracy_interval(right: int, images: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval (Wilson's) of an accuracy; unlike sampling_error() also near 1."""
    interval = stats.binomtest(right, images).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def seeds_to_settle(difference: float, deviation: float) -> int:
    """Return how many seeds give a 95 % t-interval within ±difference, for paired differences of that deviation."""
    quantile = (1 + CONFIDENCE) / 2
    return next(n for n in count(3) if deviation * stats.t.ppf(quantile, n - 1) / math.sqrt(n) <= difference)
