"""Moments of how prices move: how often, by how much, and in what order.

Each function takes a sample and gives an estimator, or None where the data cannot tell. Steps are days, or weeks in a
weekly panel; a change lies between two consecutive observed steps. It refuses to know targets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qsim.arrays import F64, I64, Mask
from qsim.realism.sample import Estimator, Sample, mean, median, per_item, quotient, ratio

QUARTER_DAYS, YEAR_DAYS = 91, 365
SMALL, LARGE = 0.05, 0.20
_LEAST_PAIRS = 10


def _of_changes(sample: Sample, values: F64 | Mask) -> Estimator:
    """Take the mean of values over changes, one each."""
    code = sample.code[sample.changes.series]
    return ratio(code, sample.items, values, np.ones(len(code)))


def change_rate(sample: Sample) -> Estimator:
    """P(change) per day: changes over pairs of consecutive observed days.

    A weekly rate w becomes the daily rate 1 - (1 - w)^(1/7) of a constant hazard.
    """
    plain = ratio(sample.code, sample.items, sample.changed.sum(axis=1), sample.pairs.sum(axis=1))
    return lambda weights: 1 - (1 - plain(weights)) ** (1 / sample.panel.step_days)


def mean_size(sample: Sample) -> Estimator:
    """Mean of |log new - log old| over changes."""
    return _of_changes(sample, np.abs(sample.changes.size))


def median_size(sample: Sample) -> Estimator:
    """Median of |log new - log old| over changes."""
    return median(sample.code[sample.changes.series], np.abs(sample.changes.size))


def small_share(sample: Sample) -> Estimator:
    """Share of changes with |log new - log old| <= .05."""
    return _of_changes(sample, np.abs(sample.changes.size) <= SMALL)


def large_share(sample: Sample) -> Estimator:
    """Share of changes with |log new - log old| > .20."""
    return _of_changes(sample, np.abs(sample.changes.size) > LARGE)


def decrease_share(sample: Sample) -> Estimator:
    """Share of changes that are decreases."""
    return _of_changes(sample, sample.changes.size < 0)


def kurtosis(sample: Sample) -> Estimator:
    """Fourth central moment of all log changes over their squared variance (3 for a normal law)."""
    size = sample.changes.size
    powers = per_item(sample.code[sample.changes.series], sample.items, *(size**k for k in range(5)))

    def estimate(weights: F64) -> F64:
        n, a, b, c, d = (weights @ powers).T
        a, b, c, d = (quotient(part, n) for part in (a, b, c, d))
        variance = b - a**2
        fourth = d - 4 * a * c + 6 * a**2 * b - 3 * a**4
        return quotient(fourth, np.where(variance > 1e-12, variance**2, 0))

    return estimate


def _consecutive(sample: Sample) -> Mask:
    """Mark changes whose next one in the list is the series' next: what it starts from is what this one led to."""
    changes = sample.changes
    same: Mask = changes.series[1:] == changes.series[:-1]
    unmoved: Mask = changes.old[1:] == changes.new[:-1]
    return same & unmoved


def consecutive_correlation(sample: Sample) -> Estimator:
    """Pearson correlation of the log sizes of a change and the next of its series, over all such pairs.

    A pair is left out when the price moved unobserved between the two.
    """
    first = np.nonzero(_consecutive(sample))[0]
    x, y = sample.changes.size[first], sample.changes.size[first + 1]
    code = sample.code[sample.changes.series[first]]
    sums = per_item(code, sample.items, np.ones(len(x)), x, y, x * x, y * y, x * y)

    def estimate(weights: F64) -> F64:
        total = (weights @ sums).T
        mx, my, xx, yy, xy = (quotient(part, total[0]) for part in total[1:])
        spread = (xx - mx**2) * (yy - my**2)
        return quotient(xy - mx * my, np.sqrt(np.where(spread > 1e-15, spread, 0)))

    return estimate


def change_autocorrelation(sample: Sample) -> Estimator | None:
    """First-order autocorrelation of the daily log change, zeros included, averaged over series that move.

    Of each series: mean product of neighbours' deviations from its own mean, over its variance; at least ten
    neighbouring pairs. None for weekly data.
    """
    if sample.panel.step_days != 1:
        return None
    level = np.log(np.maximum(sample.panel.price_paise, 1))
    return mean(sample.code, sample.items, _autocorrelation(np.diff(level, axis=1), sample.pairs, 1))


def _autocorrelation(values: F64, known: Mask, lag: int) -> F64:
    """Autocorrelation of each row [series] at a lag, from the observed values alone; NaN where too few or constant."""
    count = known.sum(axis=1)
    centre = quotient(np.where(known, values, 0).sum(axis=1), count.astype(np.float64))
    x = np.where(known, values - centre[:, None], 0)
    variance = quotient((x * x).sum(axis=1), count.astype(np.float64))
    both = (known[:, lag:] & known[:, :-lag]).sum(axis=1) if lag < values.shape[1] else np.zeros(len(values), np.int64)
    product = (x[:, lag:] * x[:, :-lag]).sum(axis=1)
    covariance = quotient(product, np.where(both >= _LEAST_PAIRS, both, 0).astype(np.float64))
    return quotient(covariance, np.where(variance > 1e-12, variance, 0))


def level_autocorrelation(sample: Sample) -> Estimator | None:
    """Autocorrelation of the log price at 30 days (4 weeks), averaged over series; None on less than 365 days.

    Shorter windows bias it down, since a series' own mean is taken off.
    """
    step = sample.panel.step_days
    if sample.seen.shape[1] * step < YEAR_DAYS:
        return None
    level = np.log(np.maximum(sample.panel.price_paise, 1))
    return mean(sample.code, sample.items, _autocorrelation(level, sample.seen, round(30 / step)))


def level_spread(sample: Sample) -> Estimator:
    """Standard deviation of a series' log price over time (divisor n), averaged over series."""
    count = sample.seen.sum(axis=1).astype(np.float64)
    level = np.where(sample.seen, np.log(np.maximum(sample.panel.price_paise, 1)), 0)
    centre = quotient(level.sum(axis=1), count)
    apart = np.where(sample.seen, level - centre[:, None], 0)
    return mean(sample.code, sample.items, np.sqrt(quotient((apart**2).sum(axis=1), np.where(count > 1, count, 0))))


def ages(sample: Sample) -> I64:
    """Steps since the last change at the first step of each pair [series, days - 1]; 0 where that is not known.

    1 is the step right after a change. A spell whose beginning, or any step since, was not observed has no age.
    """
    age: I64 = np.zeros_like(sample.pairs, dtype=np.int64)
    for step in range(1, sample.pairs.shape[1]):
        before = age[:, step - 1]
        grown = np.where(sample.pairs[:, step - 1] & (before > 0), before + 1, 0)
        age[:, step] = np.where(sample.changed[:, step - 1], 1, grown)
    return age


def hazard(sample: Sample, longest: int) -> F64:
    """Share of spells of each age 1..longest (steps) that end at that age, of those observed for one step more."""
    age = ages(sample)
    at_risk = np.bincount(age[sample.pairs], minlength=longest + 1)[1 : longest + 1].astype(np.float64)
    ended = np.bincount(age[sample.changed], minlength=longest + 1)[1 : longest + 1].astype(np.float64)
    return quotient(ended, at_risk)


def hazard_ratio(sample: Sample) -> Estimator:
    """Hazard of a change at ages 1-2 over that at ages 8-14: each, changes over pairs of steps at risk at these ages.

    Ages are in days, or in weeks where the panel is weekly.
    """
    age = ages(sample)
    young, old = (age >= 1) & (age <= 2), (age >= 8) & (age <= 14)
    parts = [(where & mask).sum(axis=1) for where in (young, old) for mask in (sample.changed, sample.pairs)]
    sums = per_item(sample.code, sample.items, *parts)

    def estimate(weights: F64) -> F64:
        total = (weights @ sums).T
        return quotient(quotient(total[0], total[1]), np.nan_to_num(quotient(total[2], total[3])))

    return estimate


def modal_counts(sample: Sample) -> tuple[I64, I64]:
    """Observed steps at the commonest price of their quarter, and observed steps, of each series [series]."""
    width = min(QUARTER_DAYS // sample.panel.step_days, sample.seen.shape[1])
    quarters = sample.seen.shape[1] // width
    prices = np.sort(sample.panel.price_paise[:, : quarters * width].reshape(-1, width), axis=1)
    run = best = (prices[:, 0] > 0).astype(np.int64)
    for step in range(1, width):
        run = np.where(prices[:, step] == prices[:, step - 1], run + 1, 1) * (prices[:, step] > 0)
        best = np.maximum(best, run)
    shape = (len(sample.seen), quarters)
    return best.reshape(shape).sum(axis=1), (prices > 0).sum(axis=1).reshape(shape).sum(axis=1)


def modal_share(sample: Sample) -> Estimator:
    """Share of steps at the series' commonest price of the quarter, its reference price.

    Eichenbaum, Jaimovich and Rebelo (2011): quarters are 13 weeks (91 days) from the panel's first step, one shorter
    window where the panel is shorter; what is left over at the end is not used.
    """
    return ratio(sample.code, sample.items, *modal_counts(sample))


def returned(sample: Sample, days: int) -> tuple[I64, Mask]:
    """Find the price cuts that can be followed for some days, and which of them the price undid.

    Returns the series of each such cut [cuts], and whether an exact return to the price before it was observed within
    `days` days after it. Cuts with less than that left, or with fewer than half of the steps observed, are left out.
    """
    window, price = days // sample.panel.step_days, sample.panel.price_paise
    changes = sample.changes
    kept = (changes.size < 0) & (changes.step + window < price.shape[1])
    series, step, old = changes.series[kept], changes.step[kept], changes.old[kept]
    back, seen = np.zeros(len(series), np.bool_), np.zeros(len(series), np.int64)
    for later in range(1, window + 1):
        back |= price[series, step + later] == old
        seen += sample.seen[series, step + later]
    followed = 2 * seen >= window
    return series[followed], back[followed]


def cut_return(days: int) -> Callable[[Sample], Estimator]:
    """V-return: the share of price cuts after which the price is exactly the one before the cut within some days."""

    def moment(sample: Sample) -> Estimator:
        series, back = returned(sample, days)
        return ratio(sample.code[series], sample.items, back, np.ones(len(series)))

    return moment
