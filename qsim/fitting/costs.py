"""What lies under regular prices: how costs move, alone and together, drift, and shocks of whole groups."""

from __future__ import annotations

import numpy as np

from qsim.arrays import F64, I64, Mask
from qsim.fitting.spells import Observed
from qsim.market.cost import decay

_SHOCK, _SHOCK_WINDOW = 0.25, 30
_LEAST_SERIES = 3
# Taken where too few series of a group are there to tell.
_SHARED = 0.5


def dense_levels(of: Observed, shape: tuple[int, int]) -> F64:
    """Lay out the log of regular prices [series, steps], NaN where nothing was observed."""
    level = np.full(shape, np.nan)
    level[of.series, of.step] = np.log(of.regular)
    return level


def _spread_at(level: F64, lag: int) -> float:
    apart = level[:, lag:] - level[:, :-lag]
    known = ~np.isnan(apart)
    return float(np.mean(np.minimum(apart[known] ** 2, 1.0))) if known.sum() >= 100 else float("nan")


def structure(level: F64, step_days: int) -> tuple[float, float] | None:
    """Estimate volatility (log units per square root of a day) and reversion time (days) from mean squares over lags.

    V(L) = sigma^2 tau (1 - exp(-L / tau)) + c, c being what noise adds at every lag: the ratio of V(120) - V(30) to
    V(30) - V(7) gives tau, by bisection, and V(30) - V(7) then sigma. None with less than 240 days, or where V does not grow.
    """
    lags = np.array([7.0, 30.0, 120.0])
    columns = np.maximum(1, (lags / step_days).round().astype(int))
    if level.shape[1] < 2 * columns[-1]:
        return None
    v = [_spread_at(level, int(lag)) for lag in columns]
    near, far = v[1] - v[0], v[2] - v[1]
    if not (near > 0 and far > 0):
        return None
    days = columns * float(step_days)

    def grown(tau: float) -> F64:
        return np.diff(-np.exp(-days / tau))

    low, high = 5.0, 2000.0
    for _ in range(60):
        middle = (low + high) / 2
        near_part, far_part = grown(middle)
        if far_part / near_part < far / near:
            low = middle
        else:
            high = middle
    return float(np.sqrt(near / (middle * grown(middle)[0]))), middle


def shared_share(level: F64, groups: I64, step_days: int, noise_square: float) -> float | None:
    """Estimate which share of costs' variance is common to a group: of changes over windows of four weeks side by side,
    the mean square of the group's mean, less what the single ones leave in it, over the mean square less the noise.

    None with fewer than five windows.
    """
    lag = max(1, round(28 / step_days))
    apart = np.diff(level[:, ::lag], axis=1)
    if apart.shape[1] < 5:
        return None
    common = total = 0.0
    for group in np.unique(groups):
        part = apart[groups == group]
        known = ~np.isnan(part)
        count = known.sum(axis=0)
        for window in np.flatnonzero(count >= _LEAST_SERIES):
            values = part[known[:, window], window]
            n, square = len(values), float(np.mean(values**2))
            # E mean^2 = common + (total - common) / n.
            common += n * (float(values.mean()) ** 2 - square / n) / (1 - 1 / n)
            total += n * max(square - 2 * noise_square, 0.2 * square)
    return float(np.clip(common / total, 0, 1)) if total > 0 else None


def drift_percent_a_year(level: F64, groups: I64, step_days: int, shared: float | None) -> tuple[float, float]:
    """Estimate the common drift of log prices, percent a year, and its standard error.

    Series of a group are no independent witnesses: of the variance of what moved a series the share `shared` moves its whole
    group, and is no part of what single ones stray from the common slope by (None: half of it).
    """
    known = ~np.isnan(level)
    first, last = known.argmax(axis=1), level.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    days = (last - first) * float(step_days)
    used = np.flatnonzero(known.any(axis=1) & (days > 0))
    total = max(days[used].sum(), 1.0)
    moved = level[used, last[used]] - level[used, first[used]]
    slope = moved.sum() / total
    squares = (moved - slope * days[used]) ** 2
    common = min(_SHARED if shared is None else shared, 0.99)
    of_group = np.bincount(groups[used]).astype(np.float64)
    together = squares.sum() / max(len(used), 1) * common / (1 - common) * (of_group**2).sum()
    return float(slope * 36_500), float(np.sqrt(squares.sum() + together) / total * 36_500)


def shock_peak(ramp_days: float, decay_days: float) -> float:
    """Give how high a supply shock of log size 1 takes a group's cost: less than 1, since it fades while it builds up."""
    flows, fade = 1 - decay(ramp_days), decay(decay_days)
    left, cost, highest = 1.0, 0.0, 0.0
    while True:
        cost, left = fade * cost + flows * left, left - flows * left
        if cost <= highest:
            return highest
        highest = cost


def shocks_a_year(level: F64, series: Mask, step_days: int) -> tuple[float, list[float]]:
    """Count the shocks of a group a year, and how far they take its prices, in logs: the group's mean log price rises by a quarter
    and more within thirty days; told is the whole rise to the highest within the sixty days after.
    """
    part = level[series]
    known = ~np.isnan(part)
    step = np.diff(np.where(known, part, np.nan), axis=1)
    both = ~np.isnan(step)
    mean = np.where(
        both.sum(axis=0) >= _LEAST_SERIES, np.where(both, step, 0).sum(axis=0) / np.maximum(both.sum(axis=0), 1), 0
    )
    index = np.concatenate([[0], np.cumsum(mean)])
    window = max(1, _SHOCK_WINDOW // step_days)
    sizes: list[float] = []
    at = 0
    while at < len(index) - 1:
        ahead = index[at : at + window + 1]
        if ahead.max() - index[at] >= _SHOCK:
            top = int(index[at : at + 3 * window + 1].argmax())
            sizes.append(float(index[at + top] - index[at]))
            at += top
        at += 1
    return len(sizes) / (level.shape[1] * step_days / 365), sizes
