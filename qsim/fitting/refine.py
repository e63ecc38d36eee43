"""Correct a first guess by what the same figures are in markets simulated with it.

Closed forms take gaps, unseen changes and sales that are cut off as they come; a simulated market seen in the same way has
the same faults. So each parameter is moved by the ratio of the real figure to the simulated one, a few times, and the set
that came nearest is kept (a simulated-moments fit of as many figures as parameters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log
from typing import Any

import numpy as np
import polars as pl

from qsim.behaviour import GROUPS
from qsim.fitting.figures import ALL, Figures, Pool, measure
from qsim.fitting.points import ENDINGS, normal
from qsim.fitting.preset import MOST_MOVED, moved_square, noise_square, pool_of
from qsim.fitting.simulate import checked, simulated, told_as
from qsim.realism.panel import Panel

ROUNDS = 5
_DAMPING, _MOST = 0.85, 2.5
_LESS, _ENOUGH, _MOST_A_DAY = 0.5, 0.03, 3.0
_CHANCE_SALES = 0.005
# Of a law, shares below this are as much chance as habit.
_RARE = 0.01


@dataclass(frozen=True)
class Refined:
    """The parameters that came nearest, and how far each round was (mean |log ratio|)."""

    values: dict[str, Any]
    distances: list[float]


def _ratio(real: float, made: float) -> float:
    if real <= 0:
        return 0.0 if made > 0 else 1.0
    return float(np.clip(real / made if made > 0 else _MOST, 1 / _MOST, _MOST) ** _DAMPING)


def distance(real: Figures, made: Figures) -> float:
    """Give the mean |log ratio| of rates, sizes, share of sales and spread, each capped at 2.

    A sale in a thousand prices beside none is chance, and no reason to prefer a market that is wrong in all else.
    """
    pairs = [(real.sale_share + _CHANCE_SALES, made.sale_share + _CHANCE_SALES)]
    for name in {pool_of(real, group)[0] for group in GROUPS}:
        one, other = real.pools[name], made.pools[name]
        pairs += [(one.rate, other.rate), (one.size, other.size)]
    pairs.append((1 + real.spread, 1 + made.spread))
    apart = [min(2.0, abs(log(max(one, 1e-6) / max(other, 1e-6)))) for one, other in pairs if one > 0 or other > 0]
    return sum(apart) / max(1, len(apart))


def _parts(real: Pool, made: Pool) -> tuple[float, float]:
    """Give the ratios by which what is random in each new price, and what costs moved by, are to grow; where neighbouring changes
    do not tell one from the other, both as sizes do.
    """
    large = _ratio(real.size, made.size)
    if real.reversal is None or made.reversal is None:
        return large, large

    def grown(one: float, other: float) -> float:
        return _ratio(one**0.5, other**0.5) if min(one, other) > 0 else large

    return grown(noise_square(real), noise_square(made)), grown(moved_square(real), moved_square(made))


def moved(values: Mapping[str, Any], real: Figures, made: Figures) -> dict[str, Any]:
    """Move parameters by what is between real and simulated figures; nothing else is altered."""
    repricing, cost = dict(values["repricing"]), dict(values["cost"])
    rates = {name: dict(repricing[name]) for name in ("a_day", "gap_a_day", "gap", "noise")}
    volatility = dict(cost["volatility"])
    for group in GROUPS:
        name, pool = pool_of(real, group)
        other = made.pools[name]
        often, large = _ratio(pool.rate, other.rate), _ratio(pool.size, other.size)
        # Beyond the most a day's one reading tells no more of the rate; what grows with the gap then gives way.
        plain = min(rates["a_day"][group] * often, _MOST_A_DAY)
        by_gap = min(rates["gap_a_day"][group] * often, _MOST_A_DAY - plain)
        rates["a_day"][group], rates["gap_a_day"][group] = round(plain, 7), round(by_gap, 7)
        noise, cost_moves = _parts(pool, other)
        rates["noise"][group] = round(min(MOST_MOVED, max(rates["noise"][group] * noise, 1e-4)), 6)
        rates["gap"][group] = round(max(rates["gap"][group] * large, 1e-4), 6)
        volatility[group] = round(min(MOST_MOVED, volatility[group] * cost_moves), 6)
    square = max(0.0, repricing["spread"] ** 2 + _DAMPING * (real.spread**2 - made.spread**2))
    if not square and made.spread > real.spread:
        # Changes that come one upon another are of the gap's making: less of the hazard is left to it.
        rates["gap_a_day"] = {group: round(_LESS * rate, 7) for group, rate in rates["gap_a_day"].items()}
    repricing |= {**rates, "spread": round(min(2.5, square**0.5), 4)}
    sales = _sales(values["sales"], real, made)
    cost["volatility"] = volatility
    opening = {"discounted_percent": round(100 * sales["share"], 3)}
    return {
        **values,
        **opening,
        "repricing": repricing,
        "cost": cost,
        "sales": sales,
        "price_points": _points(values, real, made),
    }


def _sales(sales: Mapping[str, Any], real: Figures, made: Figures) -> dict[str, Any]:
    share = sales["share"] * _ratio(real.sale_share, made.sale_share)
    kept = sales["clearance"] + _DAMPING * (made.returned - real.returned)
    moved = {"share": round(min(0.9, share), 5), "clearance": round(min(1.0, max(0.0, kept)), 4)}
    if real.together is not None and made.together is not None:
        moved["shared_share"] = round(min(1.0, sales["shared_share"] * _ratio(real.together, made.together)), 4)
    for name, law, other in (("days", real.days, made.days), ("depths", real.depths, made.depths)):
        moved[name] = _law(sales[name], law, other) if law and other else sales[name]
    return {**sales, **moved}


def _law(law: Mapping[str, float], real: Mapping[float, float], made: Mapping[float, float]) -> dict[str, float]:
    """Move a law's shares by what is between real and simulated shares of each whole day or percent."""

    def near(found: Mapping[float, float], value: float) -> float:
        return sum(share for each, share in found.items() if round(each) == round(value))

    ratios = {key: _ratio(near(real, float(key)) + _RARE, near(made, float(key)) + _RARE) for key in law}
    total = sum(law[key] * ratios[key] for key in law)
    return {key: round(law[key] * ratios[key] / total, 5) for key in law}


def _points(values: Mapping[str, Any], real: Figures, made: Figures) -> dict[str, Any]:
    points = dict(values["price_points"])
    for kind in ("packaged", "loose"):
        key = kind if kind in real.endings else ALL
        if any(real.endings.get(key, {}).values()) and key in made.endings:
            ratios = {style: _ratio(real.endings[key][style], made.endings[key][style]) for style in ENDINGS}
            points[kind] = normal({style: points[kind][style] * ratios[style] for style in ENDINGS})
    exact = points["exact_sales"] + _DAMPING * (real.exact - made.exact)
    return {**points, "exact_sales": round(min(1.0, max(0.0, exact)), 4)}


def refine(
    values: Mapping[str, Any],
    real: Figures,
    like: Panel,
    groups: Mapping[str, str],
    goods: pl.DataFrame | None = None,
    *,
    seed: int,
) -> Refined:
    """Move a first guess for some rounds and keep the nearest; `like` lends the simulated markets its days and gaps."""
    distances: list[float] = []
    best = current = checked(values)
    for _ in range(ROUNDS):
        panel, made_groups = simulated(current, like, goods, seed=seed)
        made = measure(told_as(panel, like), made_groups if groups else {})
        distances.append(distance(real, made))
        if distances[-1] < min(distances[:-1], default=inf):
            best = current
        if distances[-1] < _ENOUGH:
            break
        current = checked(moved(current, real, made))
    return Refined(best, [round(each, 4) for each in distances])
