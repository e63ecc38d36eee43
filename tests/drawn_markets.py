"""Markets drawn from a number: any preset, size and start, parameters from anywhere in their ranges, product lists, calendars
and platforms of their own, and runs that change some.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from qsim.behaviour import GROUPS, STYLES
from qsim.params import FIXED, LOOSE_GROUPS
from tests.realistic_markets import PLATFORMS

SCENARIOS = ("diwali", "monsoon", "price-war", "outage", "cricket-night")
INTERVALS = (1, 5, 60, 300, 1800, 3600, 10_800, 86_400)

Law = Callable[[Random], Any]


@dataclass(frozen=True)
class Drawn:
    """A market to be made: what `generate` is given, the texts of the files among it by name, and what each call of `run` is given."""

    made_of: dict[str, Any]
    files: dict[str, str]
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
        "surge_min_percent": _within(0.01, 15, 2),
        "surge_max_percent": _within(15, 100, 2),
        "platforms": lambda draw: {f"shop_{at}": _platform(draw, at) for at in range(draw.randint(1, 7))},
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
        "size_sd": _within(0, 1),
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
        "platforms": lambda draw: {platform: _weights(*STYLES)(draw) for platform in draw.sample(PLATFORMS, 2)},
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
        "day_spread": _within(0, 1),
        "city_spread": _within(0, 0.5),
        "outside": _within(0, 0.99),
        "elasticity": _within(0, 20),
        "basket_rupees": _within(1, 5000),
        "rain": _within(0, 5),
        "shares": lambda draw: {platform: _within(0.01, 1)(draw) for platform in draw.sample(PLATFORMS, 3)},
        "weekdays": _each(7, _within(0, 5)),
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
        "rain_loss": _within(0, 0.99),
        "step": _within(0.01, 2),
        "rupees": lambda draw: _each(draw.randint(1, 6), _within(0, 600, 2))(draw),
    },
    "assortment": {
        "brands": lambda draw: {group: _brands(draw) for group in draw.sample(GROUPS, 2)},
        "mrp": lambda draw: {
            "reference": draw.choice(("", *PLATFORMS)),
            "endings": {group: _weights(*range(10))(draw) for group in draw.sample(GROUPS, 3)},
            "discounts": {group: _weights(0, 2.5, 10, 35, 90)(draw) for group in draw.sample(GROUPS, 3)},
        },
    },
}


def _platform(draw: Random, at: int) -> dict[str, Any]:
    low, high = _two(_within(20, 300))(draw)
    fees = {
        fee: _within(0, 500, 2)(draw) for fee in ("delivery_fee", "handling_fee", "free_delivery_from", "minimum_order")
    }
    mean = _within(4, 25)(draw)
    return {"name": f"Shop {at}", "low_percent": low, "high_percent": high, "average_discount_percent": mean, **fees}


def _brands(draw: Random) -> dict[str, Any]:
    return {
        "first": _SHARE(draw),
        "exponent": _within(0, 10)(draw),
        "offset": _within(0, 1000)(draw),
        "places": draw.randint(2, 900),
    }


def _product_list(draw: Random, rows: int) -> str:
    """Products of every group, of any price and pack; fruit and vegetables with and without a brand and a printed MRP."""
    lines = ["product,brand,category,subcategory,pack,mrp,price"]
    for _ in range(rows):
        group = draw.choice(GROUPS)
        mrp = max(1, round(10 ** draw.uniform(0, 9.3)))
        price = max(1, min(mrp, round(mrp * draw.choice((0.1, 0.5, 0.9, 0.97, 1, 1)))))
        has_brand = group not in LOOSE_GROUPS or draw.random() < 1 / 4
        brand = draw.choice(("Amul", "Tata", "Own")) if has_brand else ""
        printed = "" if not brand and draw.random() < 1 / 2 else f"{mrp // 100}.{mrp % 100:02}"
        pack = draw.choice(("", "1 kg", "250 g", "6 x 50 ml", "1 pc", "Pack of 12", "some"))
        name = f"{draw.choice(('Onion', 'Toned Milk', 'Khakhra', 'प्याज', 'Soap'))} {draw.randrange(10**6)}"
        lines.append(f"{name},{brand},{group},{draw.choice('ab')},{pack},{printed},{price // 100}.{price % 100:02}")
    return "\n".join(lines) + "\n"


def _groups_list() -> str:
    return "category,subcategory,group\n" + "".join(f"{group},,{group}\n" for group in GROUPS)


def _calendar(draw: Random) -> str:
    lines = ["name,date,days,from_hour,to_hour,city,demand,sales,deeper_percent"]
    for at in range(draw.randint(1, 8)):
        year, month, day = draw.choice("*456"), draw.choice(("*", "01", "02", "06", "10")), draw.randint(1, 28)
        when = f"{'*' if year == '*' else '202' + year}-{month}-{day:02}"
        first = draw.randint(0, 23)
        hours = f"{first},{draw.randint(first + 1, 24)}"
        # What changes sales does so in all cities.
        everywhere = f",{_within(0, 100)(draw)},{_within(0, 100)(draw)},{_within(0, 85)(draw)}"
        acts = everywhere if draw.random() < 2 / 3 else f"Mumbai,{_within(0, 100)(draw)},1,0"
        lines.append(f"Day {at},{when},{draw.choice((1, 2, 30, 366))},{hours},{acts}")
    return "\n".join(lines) + "\n"


def _parameters(draw: Random, *, least: int = 0, most: int = 16, fixed: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Some parameters of some tables, but fixed ones; a share of sales comes with the laws it needs."""
    every = [(table, name) for table, laws in LAWS.items() for name in laws if (table or name) not in fixed]
    chosen = draw.sample(every, draw.choice([count for count in (0, 1, 2, 4, 8, 16) if least <= count <= most]))
    if ("sales", "share") in chosen:
        chosen += [("sales", "days"), ("sales", "depths")]
    found: dict[str, Any] = {}
    for table, name in chosen:
        (found.setdefault(table, {}) if table else found)[name] = LAWS[table][name](draw)
    if "platforms" in found:
        # Only a platform that is there can be closed.
        found.get("demand", {}).pop("closed", None)
    return found


def _run(draw: Random) -> dict[str, Any]:
    changes: dict[str, Law] = {
        "update_interval_seconds": lambda draw: draw.choice(INTERVALS),
        "scenario": lambda draw: draw.choice((*SCENARIOS, "none")),
        "config": lambda draw: _parameters(draw, least=1, most=8, fixed=FIXED),
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
    files = {}
    if draw.random() < 1 / 4:
        files |= {"catalog": _product_list(draw, made_of.pop("products")), "groups": _groups_list()}
    if draw.random() < 1 / 4:
        files["calendar"] = _calendar(draw)
    return Drawn(made_of, files, [_run(draw) for _ in range(draw.randint(1, 4))])
