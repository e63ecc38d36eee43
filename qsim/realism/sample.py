"""Panels made ready for moments: changes between consecutive observed steps, and resampling of whole items.

A moment is an estimator: a function of the weights of items, so that a bootstrap is one call with many rows of weights.
It refuses to know which moments there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qsim.arrays import F64, I32, I64, Mask
from qsim.realism.panel import Panel

# From weights of items [draws, items] to values [draws]; NaN where a value is undefined.
Estimator = Callable[[F64], F64]


@dataclass(frozen=True)
class Changes:
    """All changes of a panel, in order of series and step: where, from and to what (paise), and the log size [changes].

    `step` is the column of the new price.
    """

    series: I64
    step: I64
    old: I32
    new: I32
    size: F64


@dataclass(frozen=True)
class Sample:
    """A panel with what most moments need: its items numbered [series], observed steps, pairs of steps and changes.

    `seen` is [series, days]. `pairs` [series, days - 1] marks steps whose price and whose next price are both
    observed; `changed`, of these, those that differ.
    """

    panel: Panel
    code: I64
    items: int
    seen: Mask
    pairs: Mask
    changed: Mask
    changes: Changes


def sample_of(panel: Panel) -> Sample:
    """Number the items of a panel and find its changes."""
    price = panel.price_paise
    seen = price > 0
    pairs = seen[:, 1:] & seen[:, :-1]
    changed = pairs & (price[:, 1:] != price[:, :-1])
    series, step = np.nonzero(changed)
    old, new = price[series, step], price[series, step + 1]
    names, code = np.unique(panel.item, return_inverse=True)
    changes = Changes(series, step + 1, old, new, np.log(new / old))
    return Sample(panel, code.astype(np.int64), len(names), seen, pairs, changed, changes)


def per_item(code: I64, items: int, *values: F64 | I64 | Mask) -> F64:
    """Add up values that belong to items: [n] each to [items, values]."""
    return np.stack([np.bincount(code, weights=value, minlength=items) for value in values], axis=1)


def quotient(top: F64, bottom: F64) -> F64:
    """Divide, with NaN where the divisor is not positive."""
    unknown: F64 = np.full(np.shape(top), np.nan)
    return np.divide(top, bottom, out=unknown, where=np.asarray(bottom) > 0)


def ratio(code: I64, items: int, top: F64 | I64 | Mask, bottom: F64 | I64 | Mask) -> Estimator:
    """Estimate a ratio of two totals over items."""
    sums = per_item(code, items, top, bottom)

    def estimate(weights: F64) -> F64:
        total = weights @ sums
        return quotient(total[:, 0], total[:, 1])

    return estimate


def mean(code: I64, items: int, values: F64) -> Estimator:
    """Estimate the mean of values that belong to items; NaNs are left out."""
    known = ~np.isnan(values)
    return ratio(code[known], items, values[known], known[known])


def median(code: I64, values: F64) -> Estimator:
    """Estimate the median of values that belong to items: the least that half the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    ordered, owner = values[order], code[order]

    def one(weights: F64) -> float:
        total = np.cumsum(weights[owner])
        if not len(total) or total[-1] <= 0:
            return float("nan")
        low, high = np.searchsorted(total, [total[-1] / 2, total[-1] / 2 + 1e-9])
        return float(ordered[low] + ordered[min(int(high), len(ordered) - 1)]) / 2

    return lambda weights: np.array([one(row) for row in weights])


def estimated(estimator: Estimator, items: int, draws: int, seed: int) -> tuple[float, float]:
    """Give an estimator's value and its standard error by a cluster bootstrap over items.

    Each draw takes as many items as there are, with replacement, all series of an item together (Cameron, Gelbach and
    Miller 2008); the error is the standard deviation of the defined draws, NaN with fewer than two items or draws.
    """
    value = float(estimator(np.ones((1, items)))[0])
    if items < 2 or draws < 2 or np.isnan(value):
        return value, float("nan")
    random = np.random.Generator(np.random.Philox(seed))
    weights = np.stack([np.bincount(random.integers(0, items, items), minlength=items) for _ in range(draws)])
    values = estimator(weights.astype(np.float64))
    values = values[~np.isnan(values)]
    return value, float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
