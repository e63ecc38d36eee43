"""The figures that a fit goes by, the same of real and of simulated panels: rates, sizes, sales, endings, each with its count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qsim.arrays import F64, Mask
from qsim.behaviour import GROUPS
from qsim.fitting import costs
from qsim.fitting.points import endings, exact_sales
from qsim.fitting.rates import rate_a_day, uneven, weekday_weights
from qsim.fitting.spells import Observed, SaleSpells, observe
from qsim.params import LOOSE_GROUPS
from qsim.realism.panel import Panel

ALL = "all"
LEAST_CHANGES = 30
_LARGEST = 0.7


@dataclass(frozen=True)
class Pool:
    """Figures of the regular prices of one group, or of all series: hazard of a change a day, mean |log size|, each .7 at the
    most, covariance of neighbouring changes over their mean square (None: too few), and the number of changes.
    """

    rate: float
    size: float
    reversal: float | None
    changes: int


@dataclass(frozen=True)
class Figures:
    """Figures of a panel; `pools` by group, and ALL. Shares of sales are of observed steps; days and depths are laws."""

    pools: Mapping[str, Pool]
    spread: float
    sale_share: float
    share_by_seller: Mapping[str, float]
    sales: int
    returned: float
    days: Mapping[float, float]
    depths: Mapping[float, float]
    sale_weekdays: list[float]
    price_weekdays: list[float]
    endings: Mapping[str, Mapping[str, float]]
    exact: float
    nine_stick: float | None
    prices: int
    together: float | None


def measure(panel: Panel, groups: Mapping[str, str]) -> Figures:
    """Measure a panel; `groups` gives items their group, and is empty where none is known."""
    of, sales = observe(panel)
    group = np.array([groups.get(str(item), "other") for item in panel.item])
    masks = {ALL: np.ones(len(panel.item), np.bool_)}
    if groups:
        masks |= {name: group == name for name in GROUPS}
    pools = {name: _pool(of, mask) for name, mask in masks.items()}
    loose = np.isin(group, LOOSE_GROUPS)
    kinds = {"packaged": ~loose, "loose": loose} if groups and loose.any() and not loose.all() else {ALL: masks[ALL]}
    off = ~of.on_sale
    sellers = {seller: panel.seller == seller for seller in panel.sellers()}
    starts, priced, near = _steps(of)

    def weekdays(changed: Mask) -> list[float]:
        # A week's panel tells nothing of its days; the first day of 1970 was a Thursday.
        first = int((panel.days[0].astype("datetime64[D]").astype(np.int64) + 3) % 7)
        return weekday_weights(changed, of.step[near], of.days[near], first) if panel.step_days == 1 else [1.0] * 7

    return Figures(
        pools=pools,
        spread=_spread(of, kinds.get("packaged", masks[ALL]), group if groups else None),
        sale_share=_mean(of.on_sale),
        share_by_seller={name: _mean(of.on_sale[mask[of.series]]) for name, mask in sellers.items()},
        sales=len(sales.days),
        returned=_mean(sales.returned) if len(sales.days) else 1.0,
        days=_days_law(sales, panel),
        depths=_depths_law(sales),
        sale_weekdays=weekdays(starts),
        price_weekdays=weekdays(priced),
        endings={name: endings(of.price[off & mask[of.series]]) for name, mask in kinds.items()},
        exact=exact_sales(sales.regular, sales.price),
        nine_stick=_nine_stick(of, loose),
        prices=len(of.price),
        together=_together(of, panel),
    )


def _together(of: Observed, panel: Panel) -> float | None:
    """Share of an item's other sellers that start a sale on the step on which one does; None without linked sellers."""
    _, item = np.unique(panel.item, return_inverse=True)
    linked = (np.bincount(item) >= 2)[item]
    starts = _sale_starts(of) & (of.days > 0) & linked[of.series]
    if starts.sum() < LEAST_CHANGES:
        return None
    width = len(panel.days)
    count = np.bincount(item[of.series[starts]] * width + of.step[starts]).astype(np.float64)
    others = (np.bincount(item) - 1)[item[of.series[starts]]]
    return float((count * (count - 1)).sum() / others.sum())


def _mean(values: Mask) -> float:
    return float(values.mean()) if len(values) else 0.0


def _steps(of: Observed) -> tuple[Mask, Mask, Mask]:
    """Tell at which observations that follow another a sale starts, where the regular price is new, and which these are."""
    near = of.days > 0
    priced = np.concatenate([[False], of.regular[1:] != of.regular[:-1]])
    return _sale_starts(of)[near], priced[near], near


def _sale_starts(of: Observed) -> Mask:
    """Tell which observations are on sale after one that was not, maybe another series' last."""
    return np.concatenate([[False], of.on_sale[1:] & ~of.on_sale[:-1]])


def regular_changes(of: Observed, series: Mask) -> tuple[Mask, F64, F64]:
    """Give, of pairs of observations of the chosen series, which changed the regular price, their distances and log sizes."""
    later = np.flatnonzero((of.days > 0) & series[of.series])
    size = np.log(of.regular[later] / of.regular[later - 1])
    return size != 0, of.days[later], size


def _pool(of: Observed, series: Mask) -> Pool:
    changed, days, size = regular_changes(of, series)
    found = size[changed]
    later = np.flatnonzero((of.days > 0) & series[of.series])[changed]
    owner = of.series[later]
    pairs = np.flatnonzero(owner[1:] == owner[:-1])
    reversal = None
    # A slip of the decimal point is no price: one in a thousand would double the mean size.
    capped = np.clip(found, -_LARGEST, _LARGEST)
    if len(pairs) >= LEAST_CHANGES:
        reversal = float(np.mean(capped[pairs] * capped[pairs + 1]) / np.mean(capped**2))
    return Pool(rate_a_day(changed, days), float(np.abs(capped).mean()) if len(found) else 0.0, reversal, len(found))


def _spread(of: Observed, series: Mask, group: np.ndarray | None) -> float:
    """How unevenly series of one group reprice; groups' own rates are taken first."""
    counts, expected = [], []
    for name in [None] if group is None else sorted(set(group[series].tolist())):
        mask = series if name is None else series & (group == name)
        changed, days, _ = regular_changes(of, mask)
        owner = of.series[(of.days > 0) & mask[of.series]]
        rate = rate_a_day(changed, days)
        counts.append(np.bincount(owner[changed], minlength=len(mask)))
        expected.append(np.bincount(owner, days, minlength=len(mask)) * rate)
    return uneven(np.concatenate(counts).astype(np.float64), np.concatenate(expected)) if counts else 0.0


def _law(values: F64, weights: F64, most: int) -> dict[float, float]:
    """Sum weights by value to shares; of more than `most` values the rarest are left out."""
    keys, at = np.unique(values, return_inverse=True)
    total = np.bincount(at, weights, minlength=len(keys))
    kept = np.sort(np.argsort(-total, kind="stable")[:most])
    shares = total[kept] / max(total[kept].sum(), 1e-300)
    return {float(key): round(float(share), 4) for key, share in zip(keys[kept], shares, strict=True) if share >= 5e-4}


def _days_law(sales: SaleSpells, panel: Panel) -> dict[float, float]:
    """Law of lengths in whole days; a long sale is seven less often whole in a short panel, so it is weighted up."""
    span = float(len(panel.days) * panel.step_days)
    days = np.maximum(1.0, np.round(sales.days))
    return _law(days, span / np.maximum(span - days, span / 4), 30)


def _depths_law(sales: SaleSpells) -> dict[float, float]:
    """Law of depths: each whole percent's own mean, to a tenth of a percent."""
    percent = 100 * sales.depth
    whole = np.round(percent)
    keys, at = np.unique(whole, return_inverse=True)
    means = np.bincount(at, percent, minlength=len(keys)) / np.maximum(np.bincount(at, minlength=len(keys)), 1)
    return _law(np.clip(np.round(means, 1), 0.5, 90)[at] if len(keys) else whole, np.ones(len(whole)), 40)


def _nine_stick(of: Observed, loose: Mask) -> float | None:
    """Hazard at prices of whole rupees in 9 over that at other whole rupees, at most 1; None with too few changes of either."""
    later = np.flatnonzero((of.days > 0) & ~loose[of.series])
    old = of.regular[later - 1].astype(np.int64)
    changed = of.regular[later] != of.regular[later - 1]
    nine, whole = old % 1000 == 900, old % 100 == 0
    if min((changed & nine).sum(), (changed & whole & ~nine).sum()) < LEAST_CHANGES:
        return None
    rates = [rate_a_day(changed[part], of.days[later][part]) for part in (nine, whole & ~nine)]
    return min(1.0, rates[0] / rates[1])


@dataclass(frozen=True)
class CostFigures:
    """What levels of regular prices tell of costs; None where the panel is too short. Shocks: a year, and sizes, by group.

    The drift is that of loose goods, as no other drifts; None without any.
    """

    days: int
    volatility: float | None
    reversion_days: float | None
    drift: float | None
    drift_se: float
    shared: float | None
    shocks: Mapping[str, tuple[float, list[float]]]


def measure_costs(panel: Panel, groups: Mapping[str, str], noise_square: float) -> CostFigures:
    """Measure what lies under a panel's regular prices; `noise_square` is what noise adds to the square of each."""
    of, _ = observe(panel)
    level = costs.dense_levels(of, panel.price_paise.shape)
    found = costs.structure(level, panel.step_days)
    code = np.array([GROUPS.index(groups.get(str(item), "other")) for item in panel.item], np.int64)
    loose = np.isin(code, [GROUPS.index(name) for name in LOOSE_GROUPS])
    shared = costs.shared_share(level, code, panel.step_days, noise_square)
    drift, error = (
        costs.drift_percent_a_year(level[loose], code[loose], panel.step_days, shared) if loose.any() else (None, 0.0)
    )
    return CostFigures(
        days=len(panel.days) * panel.step_days,
        volatility=found[0] if found else None,
        reversion_days=found[1] if found else None,
        drift=drift,
        drift_se=error,
        shared=shared,
        shocks={
            name: costs.shocks_a_year(
                level, code == number if groups else np.ones(len(code), np.bool_), panel.step_days
            )
            for number, name in enumerate(GROUPS)
        },
    )
