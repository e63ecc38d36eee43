"""The law of how deep a discount is: a mixture of round depths that meets a platform's mean, with a tail."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qsim.arrays import F64, I64, U16

LAW_SIZE = 4096
# Depths in percent and their parts of 100. Shares of round depths follow the modes of a published BigBasket
# catalog (10, 20, 15, 25, 5, 30 %); two mixtures of them, one shallow and one deep, meet any mean between.
_TAIL = {30: 50, 35: 25, 40: 18, 50: 7}
_SHALLOW = {2: 12, 3: 22, 4: 12, 5: 54}
_DEEP = {8: 4, 10: 14, 12: 6, 15: 20, 18: 5, 20: 26, 25: 25}
DEEP_PERCENT = 2.0
# A shallow mean leaves no room for more of the tail: the shallowest law of 2 % of it means 4.69.
_LEAST_MEAN, _MEAN_PER_TAIL = 4.7, 40


def _mean(parts: dict[int, int]) -> float:
    return sum(depth * part for depth, part in parts.items()) / sum(parts.values())


def depth_shares(mean_percent: float, deep_percent: float = DEEP_PERCENT) -> dict[int, float]:
    """Give the law of depths with this mean: percent -> share; `deep_percent` of it lies at 30 % and more, or what the mean
    leaves room for: 10 % from a mean of 8.7 on, 20 % from one of 12.7, and 2 % at least.

    A mean below 4.7, or above 18 to 21 by `deep_percent`, takes the nearest law there is: all shallow, or all deep.
    """
    tail = min(deep_percent / 100, max(DEEP_PERCENT / 100, (mean_percent - _LEAST_MEAN) / _MEAN_PER_TAIL))
    body = (mean_percent - tail * _mean(_TAIL)) / (1 - tail)
    deep = min(1.0, max(0.0, (body - _mean(_SHALLOW)) / (_mean(_DEEP) - _mean(_SHALLOW))))
    parts = ((_SHALLOW, (1 - tail) * (1 - deep)), (_DEEP, (1 - tail) * deep), (_TAIL, tail))
    return {depth: share * part / 100 for law, share in parts for depth, part in law.items()}


def deviation(mean_percent: float, deep_percent: float = DEEP_PERCENT) -> float:
    """Give the standard deviation of the law with this mean, in percent."""
    shares = depth_shares(mean_percent, deep_percent)
    return float(np.sqrt(np.cov(list(shares), aweights=list(shares.values()), ddof=0)))


def laid_out(values: I64, edges: F64, count: int) -> I64:
    """Give `count` values in order, each as often as its share has it, of which `edges` are the sums: int64[count]."""
    ends = np.searchsorted((np.arange(count) + 0.5) / count, edges[:-1], side="right")
    return np.repeat(values, np.diff(ends, prepend=0, append=count))


def stratified_depths(mean_percent: float, count: int, deep_percent: float = DEEP_PERCENT) -> I64:
    """Give `count` depths in whole percent, ascending, that follow the law and whose sum is as near to
    mean x count as whole percents allow; at least one is 30 or more where there are eight or more.
    """
    shares = depth_shares(mean_percent, deep_percent)
    depths = laid_out(np.array(list(shares), dtype=np.int64), np.cumsum(list(shares.values())), count)
    if count >= 8:
        depths[-1] = max(depths[-1], 30)
    missing = round(mean_percent * count) - int(depths.sum())
    movable = np.flatnonzero(depths < 30)
    while missing and len(movable):
        step = 1 if missing > 0 else -1
        chosen = movable[(depths[movable] + step >= 1) & (depths[movable] + step <= 29)][: abs(missing)]
        if not len(chosen):
            break
        depths[chosen] += step
        missing -= step * len(chosen)
    return np.sort(depths)


def in_bps(percents: Iterable[str]) -> I64:
    """Give the depths of a law of sales, percents as parameters have them for keys, in whole basis points."""
    return np.array([round(float(percent) * 100) for percent in percents], np.int64)


def depth_law(mean_percent: float, deep_percent: float = DEEP_PERCENT) -> U16:
    """Tabulate a law as LAW_SIZE equally likely depths in basis points, uint16[LAW_SIZE]."""
    return (stratified_depths(mean_percent, LAW_SIZE, deep_percent) * 100).astype(np.uint16)
