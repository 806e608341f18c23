"""What several runs say together: means with their uncertainty, and paired comparisons."""

import math
from itertools import count

from scipy import stats

CONFIDENCE = 0.95


def mean_interval(values):
    """Mean and half-width of its 95 % t-interval; the half-width of a single value is nan."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, math.nan
    return mean, float(stats.sem(values)) * _t_quantile(len(values))


def effect(differences):
    """What paired differences say by their 95 % t-interval: helps if it lies above 0, hurts if below.

    Two differences show nothing: that they are alike by chance would pass for certainty.
    """
    mean, half_width = mean_interval(differences)
    if len(differences) > 2 and mean - half_width > 0:
        return "helps"
    if len(differences) > 2 and mean + half_width < 0:
        return "hurts"
    return f"no difference shown at {len(differences)} seed{'s' * (len(differences) != 1)}"


def sampling_error(accuracy, images):
    """Half-width, as a fraction, of the 95 % interval of an accuracy on so many images (normal approximation)."""
    return float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(accuracy * (1 - accuracy) / images)


def mcnemar(right_before, right_after):
    """p-value of the exact two-sided McNemar test for two runs, given which images each gets right, (N,) booleans."""
    pairs = list(zip(right_before, right_after, strict=True))
    only_before = sum(before and not after for before, after in pairs)
    only_after = sum(after and not before for before, after in pairs)
    disagreements = only_before + only_after
    return float(stats.binomtest(only_before, disagreements).pvalue) if disagreements else 1.0


def seeds_to_settle(difference, deviation):
    """Seeds whose 95 % t-interval is no wider than ±difference, if paired differences scatter by deviation."""
    return next(n for n in count(2) if deviation * _t_quantile(n) / math.sqrt(n) <= difference)


def _t_quantile(n):
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
