"""Rates, spreads and shares from observations that may lie days apart.

A rate is that of a constant hazard: the chance of a change within d days is 1 - exp(-rate d), and the rate is the one of
greatest likelihood over all distances (the complementary log-log model), so that weekly and gappy data give the same
figure as daily ones.
"""

from __future__ import annotations

import numpy as np

from qsim.arrays import F64, I64, Mask

_HIGHEST = 20.0


def rate_a_day(changed: Mask, days: F64) -> float:
    """Estimate a hazard a day from pairs of observations: whether each changed, and how many days apart [pairs].

    Solves sum over changed of d / (exp(rate d) - 1) = sum over unchanged of d, by bisection; 0 without a change.
    """
    if not changed.any():
        return 0.0
    lengths, at = np.unique(days, return_inverse=True)
    hits = np.bincount(at[changed], minlength=len(lengths)).astype(np.float64)
    misses = np.bincount(at[~changed], minlength=len(lengths)) @ lengths
    low, high = 1e-9, _HIGHEST
    for _ in range(80):
        middle = (low + high) / 2
        if float(hits @ (lengths / np.expm1(np.minimum(middle * lengths, 700.0)))) > misses:
            low = middle
        else:
            high = middle
    return high


def uneven(counts: F64, expected: F64) -> float:
    """Estimate how unevenly series change: the log sd s of a factor with mean 1 on the series' rates, exp(s^2) =
    sum n (n - 1) / sum of expected^2; 0 where counts are no more spread than chance spreads them.
    """
    bottom = float((expected**2).sum())
    ratio = float((counts * (counts - 1)).sum()) / bottom if bottom > 0 else 1.0
    return float(np.sqrt(np.log(ratio))) if ratio > 1 else 0.0


def weekday_weights(changed: Mask, day: I64, days: F64, first_weekday: int) -> list[float]:
    """Estimate how much likelier changes are on each weekday, mean 1, Monday first; all 1 where weekdays explain little.

    Args:
        changed: whether each pair changed [pairs].
        day: days since the panel's first of the later observation.
        days: distance of the two; only neighbours (1) are used.
        first_weekday: of the panel's first day, 0 for Monday.

    Dates, not pairs, are what differ: the weekdays' share of the variance between dates' rates is tested by F > 4 on
    (6, dates - 7) degrees of freedom (.05 % for 30 dates and more), for shops change many prices on one day.
    """
    near = days == 1
    size = int(day.max(initial=0)) + 1
    total = np.bincount(day[near], minlength=size).astype(np.float64)
    hits = np.bincount(day[near & changed], minlength=size).astype(np.float64)
    used = np.flatnonzero(total >= 20)
    weekday = (first_weekday + used) % 7
    counts = np.bincount(weekday, minlength=7)
    if len(used) < 21 or counts.min() < 2:
        return [1.0] * 7
    rate = hits[used] / total[used]
    means = np.bincount(weekday, rate, minlength=7) / counts
    between = float((counts * (means - rate.mean()) ** 2).sum()) / 6
    within = float(((rate - means[weekday]) ** 2).sum()) / (len(used) - 7)
    if between <= 4 * within or means.sum() <= 0:
        return [1.0] * 7
    return [round(float(weight), 3) for weight in means / means.mean()]
