"""Validation of sound markets at the edges of what parameters allow, and after parameters changed midway: nothing is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.validation import validate

HOURLY = {"seed": 7, "update_interval_seconds": 3600}
REALISTIC = {"preset": "realistic", "products": 30, **HOURLY}
NOTHING = dict.fromkeys(("fruits", "vegetables", "dairy", "snacks", "staples", "other"), 0.0)
VOLATILE = dict.fromkeys(NOTHING, 0.1)
NINES = {"whole": 0.0, "nine": 1.0, "five": 0.0, "paise": 0.0}
BUYERS = {"demand": {"a_day": {"fruits": 12.0, "dairy": 20.0}}}
ALL = ("blinkit", "zepto", "instamart", "bigbasket", "dunzo")
CHANGED: dict[str, tuple[list[str], dict[str, Any], list[dict[str, Any]]]] = {
    "prices in paise that end in 9, and sales at no point": (
        ["2.21", "2.23", "2.31", "6.16", "6.17", "6.20", "6.21"],
        {
            **REALISTIC,
            "config": {
                "price_points": {"packaged": {"x99": 0.5, "x49": 0.5}, "loose": {"x9": 1.0}, "exact_sales": 0.5}
            },
        },
        [{"ticks": 60}],
    ),
    "platforms that no longer watch each other": (
        ["6.18"],
        REALISTIC,
        [{"ticks": 120}, {"ticks": 1, "config": {"rivals": {"known_share": 0.0}}}],
    ),
    "other price points": (
        ["6.4", "6.20", "6.21"],
        REALISTIC,
        [{"ticks": 170}, {"ticks": 1, "config": {"price_points": {"packaged": NINES}}}],
    ),
    "price points from farther off": (
        ["6.4"],
        REALISTIC,
        [{"ticks": 90}, {"ticks": 48, "config": {"price_points": {"reach": 0.2}}}],
    ),
    "zones that end": (
        ["2.24", "6.4", "6.21"],
        {**REALISTIC, "stores": 2, "config": {"repricing": {"zone_sd": 0.05}}},
        [{"ticks": 90}, {"ticks": 1, "config": {"repricing": {"zone_sd": 0.0}}}, {"ticks": 47}],
    ),
    "customers that come later, stay away and come again": (
        ["4.19", "4.20"],
        {"products": 40, **HOURLY},
        [
            {"ticks": 60},
            {"ticks": 60, "config": BUYERS},
            {"ticks": 30, "config": {"demand": {"a_day": NOTHING}}},
            {"ticks": 40, "config": BUYERS},
        ],
    ),
    "platforms that close, all of them for a while, and open again": (
        ["4.27", "4.28"],
        REALISTIC,
        [
            {"ticks": 30},
            {"ticks": 30, "config": {"demand": {"closed": list(ALL)}}},
            {"ticks": 30, "config": {"demand": {"closed": ["blinkit"], "spread": 1.5}}},
        ],
    ),
    "more customers than come in an hour, of whom each buys a hundred": (
        ["4.26", "4.27"],
        {**REALISTIC, "products": 10, "config": {"demand": {"level": 60.0, "units": {"100": 1.0}}}},
        [{"ticks": 1}, {"ticks": 2, "update_interval_seconds": 86_400}],
    ),
    "a few customers, of whom few buy a hundred": (
        ["4.26", "4.27"],
        {**REALISTIC, "config": {"demand": {"level": 0.02, "units": {"1": 0.9, "100": 0.1}}}},
        [{"ticks": 100}],
    ),
    "customers that look hard at prices, fees and what others pay, while costs move": (
        ["4.27", "4.28"],
        {
            **REALISTIC,
            "stores": 2,
            "config": {
                "demand": {"level": 10.0, "outside": 0.5, "elasticity": 8.0, "basket_rupees": 200.0},
                "surge_fees": {"capacity": 0.5, "rupees": [0, 20, 40, 60]},
                "cost": {"volatility": VOLATILE, "drift_percent_a_year": 100, "pass_through": 1.0},
            },
        },
        [{"ticks": 100}],
    ),
    "depths of half a percent": (
        ["3.27"],
        {**REALISTIC, "products": 60, "config": {"sales": {"depths": {"12.5": 1.0, "7.5": 1.0}}}},
        [],
    ),
    "depths between two basis points": (
        ["3.22", "3.27"],
        {**REALISTIC, "products": 60, "config": {"sales": {"share": 0.5, "depths": {"20.005": 1.0}}}},
        [{"ticks": 24}],
    ),
    "regular prices that nothing moves": (
        ["2.20"],
        {
            "products": 30,
            "batch_size": "none",
            **HOURLY,
            "config": {"repricing": {"a_day": dict.fromkeys(NOTHING, 5.0)}},
        },
        [{"ticks": 48}],
    ),
    "regular prices that are set on Mondays alone, before any": (
        ["2.20"],
        {"preset": "supermarket", "products": 3_000, "start": "2026-01-01", "seed": 42},
        [{"ticks": 24, "config": {"update_interval_seconds": 10_800}}],
    ),
    "regular prices that are set on Mondays alone, on one": (
        ["2.20"],
        {"preset": "supermarket", "products": 3_000, "start": "2026-01-05", "seed": 42},
        [{"ticks": 8}],
    ),
    "costs that rise above any price": (
        ["2.27", "2.37", "4.27"],
        {
            "preset": "realistic",
            "products": 20,
            "config": {"shocks": {"size": 3.0, "decay_days": 10_000.0, "a_year": dict.fromkeys(NOTHING, 1_000.0)}},
        },
        [{"ticks": 120, "config": {"update_interval_seconds": 86_400}}],
    ),
    "platforms that are alike": (
        ["2.4"],
        {
            "products": 60,
            "config": {"platforms": {name: {"low_percent": 100, "high_percent": 106} for name in ALL}},
        },
        [],
    ),
    "a platform far above the others": (
        ["2.4"],
        {"products": 60, "config": {"platforms": {"dunzo": {"low_percent": 150, "high_percent": 160}}}},
        [],
    ),
    "a market that is sold out": (
        ["5.1", "5.4"],
        {
            "preset": "realistic",
            "products": 2,
            "seed": 3,
            "update_interval_seconds": 3600,
            "config": {"supply": {"least_days": 50.0}, "demand": {"level": 20.0}},
        },
        [{"ticks": 24 * 4}],
    ),
    "moves of less than a paisa": (
        ["2.13", "2.14"],
        {"products": 60, "seed": 7, "max_price_change_percent": 0.05, "batch_size": 0},
        [{"ticks": 300}],
    ),
    "a pull to the anchor that begins late, and goods of a few paise": (
        ["2.12", "2.13", "2.14"],
        {"products": 60, "seed": 7, "batch_size": 0, "reversion": 0.0},
        [{"ticks": 600}, {"ticks": 60, "reversion": 0.3}],
    ),
    "many sales on end, in ticks of days": (
        ["3.20", "3.21", "3.28"],
        {
            "preset": "realistic",
            "products": 60,
            "seed": 1,
            "update_interval_seconds": 86_400,
            "config": {"demand": {"level": 0.0}, "sales": {"share": 0.4, "days": {"3": 1.0}, "depths": {"50": 1.0}}},
        },
        [{"ticks": 150}],
    ),
    "one opening discount a platform, which both its dark stores have": (
        ["3.2"],
        {"products": 3, "stores": 2, "seed": 621245851, "config": {"demand": {"a_day": {"other": 52.0}}}},
        [],
    ),
}


LONG = (
    "prices in paise that end in 9, and sales at no point",
    "price points from farther off",
    "zones that end",
    "a pull to the anchor that begins late, and goods of a few paise",
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly if name in LONG else ()) for name in CHANGED]
)
def test_nothing_is_found_in_a_sound_market_of(tmp_path: Path, name: str) -> None:
    numbers, parameters, runs = CHANGED[name]
    qsim.generate(tmp_path / "m", **parameters)
    for run in runs:
        qsim.run(tmp_path / "m", **run)
    checks = validate(tmp_path / "m", numbers)["checks"]
    # One that does not apply finds nothing whatever it looks at.
    assert [check for check in checks if not (check["passed"] and check["applies"])] == []


def test_nothing_is_found_in_a_sound_market_of_goods_of_a_few_rupees_which_few_points_are_near_to(
    tmp_path: Path,
) -> None:
    rows = "".join(f"Candy {n},Parle,Snacks,{1 + n % 5},{1 + n % 5}\n" for n in range(150))
    (tmp_path / "cheap.csv").write_text(f"product,brand,category,mrp,price\n{rows}")
    config = {"repricing": {"a_day": {"snacks": 0.5}, "gap_a_day": {"snacks": 0.0}}}
    qsim.generate(tmp_path / "m", preset="realistic", catalog=tmp_path / "cheap.csv", config=config, **HOURLY)
    qsim.run(tmp_path / "m", ticks=240)
    checks = validate(tmp_path / "m", ["2.20", "2.21"])["checks"]
    assert [check for check in checks if not (check["passed"] and check["applies"])] == []
