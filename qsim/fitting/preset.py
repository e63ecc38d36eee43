"""From figures to a preset: complete parameters, each either estimated or the base's, and the list of which is which."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from qsim import params
from qsim.arrays import F64
from qsim.behaviour import GROUPS
from qsim.fitting.costs import shock_peak
from qsim.fitting.figures import ALL, LEAST_CHANGES, CostFigures, Figures, Pool
from qsim.fitting.points import styles
from qsim.realism.panel import Panel

_KINDS = ("packaged", "loose")
# What a daily or weekly panel of prices cannot show is switched off.
KEPT = ("cost", "shocks", "repricing", "price_points", "sales")
_MOST_PLATFORMS = 50
_REVERSAL = -0.25
# The most that a price's noise and a day's move of costs may be.
MOST_MOVED = 1.0
# In less than a year a season or a shock of the whole group passes for a lasting trend, and prices would run away.
_DRIFT_DAYS = 365


def base_values(base: str) -> dict[str, Any]:
    """Give a preset's complete values with what the data cannot show neutral: no updates in turn, surges, campaigns or calendar,
    and every section of behaviour that is not fitted at its default, which is off.
    """
    values = params.resolve(base).model_dump()
    for name, field in params.Parameters.model_fields.items():
        if not field.is_required() and isinstance(values[name], dict) and name not in KEPT:
            values[name] = field.get_default(call_default_factory=True)
            values[name] = values[name].model_dump() if hasattr(values[name], "model_dump") else values[name]
    neutral = {
        "batch_size": params.NO_BATCH,
        "surge_probability": 0.0,
        "time_of_day": {},
        "calendar": "",
        "scenario": "",
        "inactive_percent": 0.0,
    }
    still = {"category_volatility": dict.fromkeys(GROUPS, 0.0), "preset": "realistic"}
    values["sales"] = {**values["sales"], "campaign_share": 0.0}
    return {**values, **neutral, **still}


def pool_of(figures: Figures, group: str) -> tuple[str, Pool]:
    """Give the pool that tells of a group: its own where that has enough changes, else that of all series."""
    own = figures.pools.get(group)
    return (group, own) if own and own.changes >= LEAST_CHANGES else (ALL, figures.pools[ALL])


def first_guess(figures: Figures, levels: CostFigures, base: Mapping[str, Any]) -> dict[str, Any]:
    """Turn figures into parameters by closed forms; what cannot be told is the base's."""
    values = dict(base)
    values |= {
        "repricing": _repricing(figures, base),
        "cost": _cost(figures, levels, base),
        "shocks": _shocks(levels, base),
    }
    values |= {"sales": _sales(figures, base), "price_points": _points(figures, base)}
    values["discounted_percent"] = round(100 * values["sales"]["share"], 3)
    return values


def noise_square(pool: Pool) -> float:
    """Give the variance of what is random in each new price: neighbouring changes have covariance -noise^2; where they are
    too few, a quarter of the mean square of changes is taken. A normal law's mean square is pi/2 of the square of its mean size.
    """
    reversal = _REVERSAL if pool.reversal is None else float(np.clip(pool.reversal, -0.48, 0.0))
    return -reversal * pool.size**2 * np.pi / 2


def moved_square(pool: Pool) -> float:
    """Give the variance a day of what costs moved by: a change has mean square 2 noise^2 + that since the change before."""
    return max(pool.size**2 * np.pi / 2 - 2 * noise_square(pool), 0.0) * pool.rate


def _repricing(figures: Figures, base: Mapping[str, Any]) -> dict[str, Any]:
    """Fit the hazard: it keeps the base's proportion of the part that grows with the gap, and the gap's width is the usual
    size of a change.
    """
    rates: dict[str, dict[str, float]] = {name: {} for name in ("a_day", "gap_a_day", "gap", "noise")}
    for group in GROUPS:
        _, pool = pool_of(figures, group)
        share = base["repricing"]["gap_a_day"][group] / max(base["repricing"]["a_day"][group], 1e-9)
        rates["a_day"][group] = round(pool.rate / (1 + 0.5 * share), 6)
        rates["gap_a_day"][group] = round(pool.rate * share / (1 + 0.5 * share), 6)
        rates["gap"][group] = round(max(pool.size, 0.005), 5)
        rates["noise"][group] = round(float(np.sqrt(noise_square(pool))), 6)
    repricing = {
        **base["repricing"],
        **rates,
        "spread": round(min(2.5, figures.spread), 4),
        "weekdays": figures.price_weekdays,
        # A day's price is that of the day's start, whenever a shop was read.
        "morning_share": 1.0,
    }
    if figures.nine_stick is not None:
        repricing["nine_stick"] = round(figures.nine_stick, 4)
    return repricing


def _cost(figures: Figures, levels: CostFigures, base: Mapping[str, Any]) -> dict[str, Any]:
    """Fit costs: their volatility by the levels of prices, or where these are too short by the changes of each group."""
    cost = dict(base["cost"])
    volatility = {
        group: round(levels.volatility or float(np.sqrt(moved_square(pool_of(figures, group)[1]))), 6)
        for group in GROUPS
    }
    cost["volatility"] = {
        group: min(MOST_MOVED, round(each / max(cost["pass_through"], 0.1), 6)) for group, each in volatility.items()
    }
    if levels.reversion_days:
        cost["reversion_days"] = round(levels.reversion_days, 1)
    if levels.shared is not None:
        cost["shared"] = round(levels.shared, 4)
    if levels.drift is not None and levels.days >= _DRIFT_DAYS:
        cost["drift_percent_a_year"] = (
            round(float(np.clip(levels.drift, -50, 100)), 3) if abs(levels.drift) > 2 * levels.drift_se else 0.0
        )
    return cost


def _shocks(levels: CostFigures, base: Mapping[str, Any]) -> dict[str, Any]:
    """Shocks as often as they were seen, and not at all where none was; of a size by whose highest prices rise as far as seen."""
    sizes = [size for _, seen in levels.shocks.values() for size in seen]
    often = {group: round(levels.shocks[group][0], 4) for group in GROUPS}
    shocks, passed_on = base["shocks"], max(base["cost"]["pass_through"], 0.1)
    highest = passed_on * shock_peak(shocks["ramp_days"], shocks["decay_days"])
    mean = {"size": round(min(3.0, float(np.mean(sizes)) / highest), 3)} if sizes else {}
    return {**shocks, "a_year": often, **mean}


def _sales(figures: Figures, base: Mapping[str, Any]) -> dict[str, Any]:
    spread = base["sales"]["shared_spread"]
    together = min(1.0, (figures.together or 0.0) / spread) if spread else 0.0
    if not figures.days or not figures.depths:
        return {**base["sales"], "share": 0.0, "weekdays": figures.sale_weekdays, "shared_share": 0.0}
    return {
        **base["sales"],
        "share": round(min(0.9, figures.sale_share), 5),
        "days": {f"{days:g}": share for days, share in figures.days.items()},
        "depths": {f"{depth:g}": share for depth, share in figures.depths.items()},
        "weekdays": figures.sale_weekdays,
        # A day's price is that of the day's start, whenever a shop was read.
        "morning_share": 1.0,
        "clearance": round(1 - figures.returned, 4),
        "shared_share": round(together, 4),
    }


def _seen_points(figures: Figures) -> dict[str, dict[str, float]]:
    """Give the shares of price points by kind of good; no price is seen off sale where all of a kind are on sale on all days."""
    found = {
        kind: styles(figures.endings.get(kind) or figures.endings.get(ALL) or figures.endings["packaged"])
        for kind in _KINDS
    }
    return {kind: shares for kind, shares in found.items() if any(shares.values())}


def _points(figures: Figures, base: Mapping[str, Any]) -> dict[str, Any]:
    return {**base["price_points"], **_seen_points(figures), "platforms": {}, "exact_sales": round(figures.exact, 4)}


def platforms(panel: Panel, figures: Figures, base: Mapping[str, Any]) -> dict[str, Any] | None:
    """Make the sellers of a panel the platforms: bands by their prices against an item's mean, sales by their shares.

    Fees are those of the base's first platform. None where the panel names no seller, or more than fifty.
    """
    names = panel.sellers()
    if names == [""] or len(names) > _MOST_PLATFORMS:
        return None
    pattern = next(iter(base["platforms"].values()))
    bands = _bands(panel)
    mean = sum(figures.share_by_seller.values()) / len(names)
    taken: dict[str, Any] = {}
    for name in sorted(names):
        low, high = bands.get(name, (100.0, 100.0))
        often = figures.share_by_seller[name] / mean if mean > 0 else 1.0
        depth = round(float(np.clip(10 * often, 4, 25)), 2)
        taken[_slug(name, taken)] = {
            **pattern, "name": _printable(name) or "shop", "low_percent": low, "high_percent": high, "average_discount_percent": depth,
        }  # fmt: skip
    return taken


def _printable(name: str) -> str:
    """Write a seller's name as a platform's is written: on one line, shortened."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())[:60].strip()


def _slug(name: str, taken: Mapping[str, Any]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")[:24] or "shop"
    names = (plain, *(f"{plain}_{number}" for number in range(1, len(taken) + 2)))
    # No platform may be called as totals over platforms are.
    return next(name for name in names if name not in (*taken, "all"))


def _bands(panel: Panel) -> dict[str, tuple[float, float]]:
    """Give each seller's tenth and ninetieth percentile of its mean price over the item's mean of sellers, percent."""
    seen = panel.price_paise > 0
    level: F64 = np.where(seen, np.log(np.maximum(panel.price_paise, 1)), 0).sum(axis=1) / np.maximum(
        seen.sum(axis=1), 1
    )
    _, item = np.unique(panel.item, return_inverse=True)
    count = np.bincount(item)
    apart = level - (np.bincount(item, level) / count)[item]
    bands = {}
    for name in panel.sellers():
        own = apart[(panel.seller == name) & (count >= 2)[item]]
        if len(own) >= 5:
            low, high = 100 * np.exp(np.quantile(own, [0.1, 0.9]))
            bands[name] = (round(float(low), 1), round(float(high), 1))
    return bands


def described(values: Mapping[str, Any], figures: Figures) -> list[dict[str, Any]]:
    """List what was estimated, from how many observations."""
    rows = []
    for group in GROUPS:
        name, pool = pool_of(figures, group)
        rows.append({"parameter": f"repricing.a_day, and cost: {group}", "value": values["repricing"]["a_day"][group],
                     "from": f"{pool.changes:,} changes of regular prices" + (" of all groups" if name == ALL else "")})  # fmt: skip
    if len({row["from"] for row in rows}) == 1:
        rows = [{**rows[0], "parameter": "repricing.a_day, and cost: every group"}]
    rows += [
        {
            "parameter": "repricing.spread",
            "value": values["repricing"]["spread"],
            "from": f"{figures.pools[ALL].changes:,} changes",
        },
        {"parameter": "sales.share", "value": values["sales"]["share"], "from": f"{figures.prices:,} prices"},
    ]
    if figures.sales:
        told = {"sales.clearance, days and depths": values["sales"]["clearance"],
                "price_points.exact_sales": values["price_points"]["exact_sales"]}  # fmt: skip
        rows += [
            {"parameter": name, "value": value, "from": f"{figures.sales:,} whole sales"}
            for name, value in told.items()
        ]
    for kind, shares in _seen_points(figures).items():
        most = max(shares, key=lambda style: shares[style])
        rows.append(
            {"parameter": f"price_points.{kind}: {most}", "value": shares[most], "from": f"{figures.prices:,} prices"}
        )
    return rows


def left(figures: Figures, base: str, days: int) -> list[str]:
    """Name the parameters of the fitted sections that are the base's, for a file of so many days cannot tell them."""
    names = ["repricing.on_sale", "cost.pass_through", "price_points.reach", "shocks.ramp_days", "shocks.decay_days"]
    names += [] if days >= _DRIFT_DAYS else ["cost.drift_percent_a_year"]
    names += [] if figures.nine_stick is not None else ["repricing.nine_stick"]
    names += [] if figures.sales else ["sales.days", "sales.depths", "sales.clearance", "price_points.exact_sales"]
    seen = _seen_points(figures)
    names += [f"price_points.{kind}" for kind in _KINDS if kind not in seen]
    return [*names, f"fees and sizes ({base})"]


def switched_off() -> list[str]:
    """Name the sections that a fit leaves at their neutral defaults."""
    optional = [name for name, field in params.Parameters.model_fields.items() if not field.is_required()]
    plain = {"preset", "seed", "start", "catalog"}
    return [*(name for name in optional if name not in {*KEPT, *plain}), "updates in turn", "surges", "campaigns"]
