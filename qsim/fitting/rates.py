"""Rates, spreads and shares from observations that may lie days apart.

A rate is that of a constant hazard: the chance of a change within d days is 1 - exp(-rate d), and the rate is the one of
greatest likelihood over all distances (the complementary log-log model), so that weekly and gappy data give the same
figure as daily ones.
"""

from __future__ import annotations

import numpy as np

from qsim.arrays import F64, I64, Mask

_HIGHEST = 20.0
_LEAST_HITS, _AGREE, _FLAT, _STEPS = 30, 0.5, 0.05, 60


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
    """Estimate how much likelier changes are on each weekday, mean 1, Monday first; all 1 where no pattern is seen twice.

    Args:
        changed: whether each pair changed [pairs].
        day: days since the panel's first of the later observation.
        days: distance of the two; a change within a distance of several days is shared out over them by the weights so
            far (expectation-maximisation).
        first_weekday: of the panel's first day, 0 for Monday.

    Shops change many prices on one day, so pairs are no independent witnesses; a pattern is taken when the even fortnights of
    the panel and the odd ones, estimated apart, agree (correlation of the seven weights above .5). Leaflets are fortnightly.
    """
    fortnight = day // 14 % 2
    whole, even, odd = (
        _weights(changed[part], day[part], days[part], first_weekday)
        for part in (fortnight >= 0, fortnight == 0, fortnight == 1)
    )
    if whole is None or even is None or odd is None:
        return [1.0] * 7
    if min(even.std(), odd.std()) < _FLAT or np.corrcoef(even, odd)[0, 1] <= _AGREE:
        return [1.0] * 7
    return [round(float(weight), 3) for weight in whole]


def _weights(changed: Mask, day: I64, days: F64, first_weekday: int) -> F64 | None:
    """Estimate weekday weights of one part of a panel; None where a weekday was hardly ever watched."""
    longest = int(days.max(initial=0)) + 1
    both, at = np.unique(day * longest + days.astype(np.int64), return_inverse=True)
    keys = np.stack(np.divmod(both, longest))
    total = np.bincount(at, minlength=keys.shape[1]).astype(np.float64)
    hits = np.bincount(at[changed], minlength=keys.shape[1]).astype(np.float64)
    short = keys[1] <= 7
    spans = np.zeros((7, int(short.sum())))
    for back in range(7):
        within = keys[1][short] > back
        spans[(first_weekday + keys[0][short] - back) % 7, np.arange(spans.shape[1])] += within
    exposure = spans @ total[short]
    if hits[short].sum() < _LEAST_HITS or exposure.min() <= 0:
        return None
    weights = np.ones(7)
    for _ in range(_STEPS):
        shared = weights[:, None] * spans
        weights = (shared / shared.sum(axis=0) @ hits[short] + 1e-9) / exposure
    return np.asarray(weights / weights.mean())
