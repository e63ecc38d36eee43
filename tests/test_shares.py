"""The shares of customers that platforms have, named by the preset or not: what sells, and what is stocked for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim import params
from qsim.behaviour import Demand
from qsim.popularity import shares_of, units_a_day

TWO = {
    name: {"name": name, "low_percent": low, "high_percent": low + 8, "average_discount_percent": 8}
    for name, low in (("alpha", 88), ("beta", 98))
}
SHIPPED = {"blinkit": 46.0, "zepto": 21.0, "instamart": 27.0, "bigbasket": 6.0, "dunzo": 1.0}


@pytest.mark.parametrize(
    ("shares", "platforms", "parts"),
    [
        (SHIPPED, list(SHIPPED), [46, 21, 27, 6, 1]),
        (SHIPPED, ["bigbasket", "dunzo"], [6, 1]),
        (SHIPPED, ["zepto", "alpha", "bigbasket"], [21, 6, 6]),
        (SHIPPED, ["alpha", "beta"], [1, 1]),
        ({"alpha": 0.0, "zepto": 3.0}, ["alpha", "beta", "zepto"], [0, 3, 3]),
        ({}, ["alpha", "beta", "zepto"], [1, 1, 1]),
    ],
)
def test_a_platform_without_a_share_has_that_of_the_least(
    shares: dict[str, float], platforms: list[str], parts: list[float]
) -> None:
    assert shares_of(Demand(shares=shares), platforms).tolist() == [part / sum(parts) for part in parts]


def test_what_is_expected_to_sell_on_all_platforms_is_what_customers_do_not_leave() -> None:
    demand = Demand(shares=SHIPPED, outside=0.25, units={"1": 1.0, "3": 1.0}, level=2)
    for platforms in (["bigbasket", "dunzo"], ["alpha"], list(SHIPPED)):
        assert units_a_day(demand, platforms).sum() == pytest.approx(0.75 * 2 * 2)


@pytest.mark.parametrize("demand", [{}, {"shares": {"alpha": 3.0}}, {"shares": {"alpha": 0.0}}])
def test_platforms_of_ones_own_sell_and_are_stocked_by_their_shares(tmp_path: Path, demand: dict[str, Any]) -> None:
    values = params.preset_values("realistic") | {"platforms": TWO}
    qsim.generate(tmp_path / "m", preset="realistic", products=60, seed=3, config=values, demand=demand)
    qsim.run(tmp_path / "m", ticks=48, update_interval_seconds=3600)
    query = """SELECT platform, sum(units), sum(wanted_units) FROM raw.orders JOIN raw.named USING (listing_id)
        GROUP BY platform ORDER BY platform"""
    orders = {name: (units, wanted) for name, units, wanted in qsim.connect(tmp_path / "m").sql(query).fetchall()}
    assert set(orders) == {name for name in TWO if demand.get("shares", {}).get(name) != 0}
    for units, wanted in orders.values():
        assert units > 0.75 * wanted > 75
    assert [check for check in qsim.validate(tmp_path / "m")["checks"] if not check["passed"]] == []
