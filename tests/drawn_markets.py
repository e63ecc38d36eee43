"""Markets drawn from a number: any preset, size and start, parameters from anywhere in their ranges, and runs that change some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from qsim.behaviour import GROUPS, STYLES
from tests.realistic_markets import PLATFORMS

SCENARIOS = ("diwali", "monsoon", "price-war", "outage", "cricket-night")
INTERVALS = (1, 5, 60, 300, 1800, 3600, 10_800, 86_400)

Law = Callable[[Random], Any]


@dataclass(frozen=True)
class Drawn:
    """A market to be made: what `generate` is given, and for each call of `run`."""

    made_of: dict[str, Any]
    runs: list[dict[str, Any]]


def _within(low: float, high: float, digits: int = 4) -> Law:
    """A number in a range, each of its ends for an eighth of the draws."""

    def law(draw: Random) -> float:
        at = draw.random()
        return float(low if at < 1 / 8 else high if at < 1 / 4 else round(draw.uniform(low, high), digits))

    return law


def _groups(high: float) -> Law:
    return lambda draw: {group: _within(0, high)(draw) for group in draw.sample(GROUPS, draw.randint(1, len(GROUPS)))}


def _each(count: int, law: Law) -> Law:
    return lambda draw: [law(draw) for _ in range(count)]


def _two(law: Law) -> Law:
    return lambda draw: sorted(_each(2, law)(draw))


def _weights(*keys: object) -> Law:
    return lambda draw: {
        str(key): _within(0.01, 1)(draw) for key in draw.sample(keys, draw.randint(1, min(4, len(keys))))
    }


_SHARE = _within(0, 1)
LAWS: dict[str, dict[str, Law]] = {
    "": {
        "discount_probability": _SHARE,
        "discount_end_probability": _SHARE,
        "deep_discount_percent": _within(2, 20),
        "surge_probability": _SHARE,
        "surge_fee_rupees": _within(0.01, 600, 2),
        "max_price_change_percent": _within(0.01, 50, 2),
        "reversion": _SHARE,
        "category_volatility": lambda draw: {group: _within(0, 5)(draw) for group in GROUPS},
        "discounted_percent": _within(0, 100),
        "inactive_percent": _within(0, 50),
        "time_of_day": lambda draw: {when: _within(-50, 100, 2)(draw) for when in ("22:00-02:00", "07:00-09:00")},
        "time_of_day_share": _SHARE,
        "truth": lambda draw: draw.random() < 0.7,
    },
    "cost": {
        "volatility": _groups(0.2),
        "reversion_days": _within(0.5, 2000),
        "shared": _SHARE,
        "drift_percent_a_year": _within(-50, 100),
    },
    "shocks": {
        "a_year": _groups(60),
        "size": _within(0, 2),
        "ramp_days": _within(0.1, 60),
        "decay_days": _within(0.1, 300),
    },
    "repricing": {
        "a_day": _groups(30),
        "gap_a_day": _groups(60),
        "gap": _groups(0.5),
        "noise": _groups(0.1),
        "spread": _SHARE,
        "nine_stick": _SHARE,
        "on_sale": _SHARE,
        "morning_share": _SHARE,
        "weekdays": _each(7, _within(0, 5)),
        "fresh": _within(0, 100),
        "fresh_days": _within(0.1, 50),
        "zone_sd": _within(0, 0.3),
        "headroom": _SHARE,
    },
    "price_points": {
        "packaged": _weights(*STYLES),
        "loose": _weights(*STYLES),
        "reach": _within(0, 0.5),
        "exact_sales": _SHARE,
    },
    "sales": {
        "share": _within(0, 0.9),
        "days": _weights(0.02, 0.1, 0.5, 1, 2, 3, 7, 14, 30),
        "depths": _weights(1, 5, 10, 20, 33, 50, 90),
        "morning_share": _SHARE,
        "clearance": _SHARE,
        "shared_share": _SHARE,
        "shared_spread": _SHARE,
        "campaign_share": _SHARE,
        "weekdays": _each(7, _within(0, 5)),
    },
    "rivals": {
        "known_share": _SHARE,
        "looks_a_day": _within(0, 200),
        "tolerance": _within(0, 0.5),
        "undercut": _within(0, 0.3),
        "floor": _within(0.3, 1),
        "reactive": lambda draw: {platform: _SHARE(draw) for platform in draw.sample(PLATFORMS, 3)},
    },
    "demand": {
        "a_day": _groups(100),
        "level": _within(0, 5),
        "spread": _within(0, 2),
        "outside": _within(0, 0.99),
        "elasticity": _within(0, 20),
        "basket_rupees": _within(1, 5000),
        "rain": _within(0, 5),
        "closed": lambda draw: draw.sample(PLATFORMS, draw.randint(0, len(PLATFORMS))),
        "units": _weights(1, 2, 3, 10, 100),
        "hours": _each(24, _within(0, 3)),
    },
    "supply": {
        "cover_days": _two(_within(0.01, 30)),
        "reorder": _within(0, 0.99),
        "least_days": _within(0, 20),
        "wait_days": _within(0, 20),
        "late": _SHARE,
        "late_days": _within(0, 20),
    },
    "weather": {"rainy_days": _each(12, _SHARE), "hours": _two(lambda draw: draw.randint(1, 24))},
    "surge_fees": {
        "capacity": _within(0.1, 5),
        "step": _within(0.01, 2),
        "rupees": lambda draw: _each(draw.randint(1, 6), _within(0, 600, 2))(draw),
    },
}


def _parameters(draw: Random) -> dict[str, Any]:
    """Some parameters of some tables; a share of sales comes with the laws it needs."""
    every = [(table, name) for table, laws in LAWS.items() for name in laws]
    chosen = draw.sample(every, draw.choice((0, 1, 2, 4, 8, 16)))
    if ("sales", "share") in chosen:
        chosen += [("sales", "days"), ("sales", "depths")]
    found: dict[str, Any] = {}
    for table, name in chosen:
        (found.setdefault(table, {}) if table else found)[name] = LAWS[table][name](draw)
    return found


def _run(draw: Random) -> dict[str, Any]:
    changes: dict[str, Law] = {
        "update_interval_seconds": lambda draw: draw.choice(INTERVALS),
        "scenario": lambda draw: draw.choice((*SCENARIOS, "none")),
        "discount_probability": _SHARE,
    }
    chosen = {name: law(draw) for name, law in changes.items() if draw.random() < 1 / 3}
    return {"ticks": draw.choice((1, 2, 5, 24, 60, 150)), **chosen}


def drawn_market(number: int) -> Drawn:
    """Draw a market that `generate` takes; a run may change what its parameters do not go together with, and is then refused."""
    draw = Random(number)
    made_of = {
        "preset": draw.choice(("classic", "realistic", "realistic", "supermarket")),
        "products": draw.choice((1, 3, 10, 40, 80)),
        "seed": draw.randrange(2**63),
        "start": draw.choice(("2026-01-01", "2024-02-27", "2025-10-15", "2026-06-30")),
        "config": _parameters(draw),
    }
    if draw.random() < 1 / 4:
        # Batches do not go together with what acts on whole platforms.
        made_of |= {"stores": draw.choice((2, 3)), "batch_size": "none"}
    elif draw.random() < 1 / 3:
        made_of["batch_size"] = draw.choice((0, 1, 7, 50))
    if made_of["preset"] == "realistic" and draw.random() < 1 / 3:
        made_of["scenario"] = draw.choice(SCENARIOS)
    return Drawn(made_of, [_run(draw) for _ in range(draw.randint(1, 4))])
