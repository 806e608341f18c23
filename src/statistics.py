"""What several runs say together: means with their uncertainty."""

import math

from scipy import stats


def mean_interval(values):
    """Mean and half-width of its 95 % t-interval; the half-width of a single value is nan."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, math.nan
    return mean, stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)


def sampling_error(accuracy, images):
    """Half-width, as a fraction, of the 95 % interval of an accuracy on so many images (normal approximation)."""
    return stats.norm.ppf(0.975) * math.sqrt(accuracy * (1 - accuracy) / images)
