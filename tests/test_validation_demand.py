"""What validation expects of customers, costs, hours and shocks, each from the tables that it is worked out of."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import numpy as np
import pytest

from qsim import rulebook
from qsim.behaviour import GROUPS
from qsim.clock import Epoch
from qsim.market import cost
from qsim.popularity import popularity
from qsim.queries.connection import rows_of
from qsim.simulation import Course
from qsim.storage.log import Log
from qsim.validation import demand, drawn, laws, prepared, sampling
from tests.law_tables import CITIES, CLASSIC, NEVER, REALISTIC, changed, course, laid


def given(bare: duckdb.DuckDBPyConnection, tables: dict[str, str]) -> None:
    """Make tables by hand: name(columns) to rows."""
    for table, rows in tables.items():
        bare.execute(f"CREATE OR REPLACE TABLE checked.{table.split('(')[0]} AS FROM (VALUES {rows}) AS {table}")


def test_customers_are_drawn_by_open_platforms_alone(
    bare: duckdb.DuckDBPyConnection,
) -> None:
    buyers = {"closed": ["zepto"], "shares": {"blinkit": 3.0, "zepto": 1.0}}
    one = course(changed(REALISTIC, demand=buyers, platforms={n: REALISTIC.platforms[n] for n in ("blinkit", "zepto")}))
    found = laid(bare, laws.tables(one), "shelves")
    assert {(row["platform"], row["pull"]) for row in found} == {("blinkit", 0.75), ("zepto", 0.0)}


def visits(bare: duckdb.DuckDBPyConnection, epochs: str, clock: str, hours: str) -> list[dict[str, Any]]:
    """What is made of the time of customers by epochs and their intervals, ticks, and the load and fees of hours."""
    tables = {
        "epochs(epoch, interval)": epochs,
        "clock(epoch, tick, second)": clock,
        "hours(epoch, city, hour, load, fees)": hours,
    }
    given(bare, tables)
    return laid(bare, demand.TABLES[:1], "visits")


def test_customers_of_a_tick_over_midnight_come_on_two_days_and_meet_one_fee(bare: duckdb.DuckDBPyConnection) -> None:
    hours = ", ".join(f"(0, 'x', {hour}, {1.0 + hour // 24}, [{hour}])" for hour in range(60))
    found = visits(bare, "(0, 86400)", "(0, 0, 1800), (0, 1, 88200), (0, 2, 174600)", hours)
    assert [(row["day"], row["came"], row["fees"], 48 * row["days"]) for row in found] == [
        (1, 0, [24], pytest.approx(47.0)), (1, 1, [24], pytest.approx(2.0)),
        (2, 1, [48], pytest.approx(94.0)), (2, 2, [48], pytest.approx(3.0)),
    ]  # fmt: skip


def test_the_time_of_customers_is_that_of_the_ticks_by_day_city_and_fee(bare: duckdb.DuckDBPyConnection) -> None:
    hours = """(0, 'x', 0, 2.0, [5, 0]), (1, 'x', 0, 9.0, [0, 0]), (1, 'x', 1, 3.0, [0, 0]), (1, 'x', 2, 4.0, [7, 0]),
        (1, 'x', 3, 6.0, [7, 0])"""
    clock = "(0, 0, 0), (0, 1, 1800), (0, 2, 3600), (1, 3, 9000), (1, 4, 14400)"
    found = visits(bare, "(0, 1800), (1, 5400)", clock, hours)
    assert [tuple(row.values()) for row in found] == [
        (0, 0, 0, 0, "x", [5, 0], 2.0, pytest.approx(2 / 24)), (1, 0, 0, 0, "x", [7, 0], 9.0, pytest.approx((3 + 4 + 6) / 24)),
    ]  # fmt: skip


def test_customers_choose_at_the_least_and_the_greatest_chances_of_a_day(bare: duckdb.DuckDBPyConnection) -> None:
    shown = "0, 'c', 1, 'dairy', true, 0, 3"
    tables = {
        "shown(platform, platform_id, area, city, product_id, volatility_group, is_loose, epoch, day, dearest, cheapest)":
            f"('x', 0, {shown}, 110, 100), ('y', 1, {shown}, 200, 90)",
        "laws(epoch, elasticity, pass_through, drift, outside, basket, popular, day_spread)":
            "(0, 3.0, 0.8, 0.01, 0.2, 1000.0, 0.5, 0.3)",
        "shelves(epoch, platform, pull)": "(0, 'x', 0.6), (0, 'y', 0.4)",
        "listings(product_id, anchor)": "(1, 100), (1, 121)",
        "costs(product_id, day, cost)": "(1, 3, 0.2), (1, 4, 0.1)",
        "visits(epoch, day, part, came, city, fees, most, days)":
            "(0, 3, 1, 3, 'c', [0, 0], 6.0, 1.5), (0, 3, 1, 2, 'c', [0, 0], 6.0, 0.25), (0, 3, 1, 3, 'c', [500, 200], 6.0, 0.5)",
        "popularity(product_id, normal)": "(1, 0.7)",
        "demand_days(day, product_id, area, normal)": "(3, 1, 0, 1.5), (2, 1, 0, 0.9), (3, 1, 1, 9.0), (4, 1, 0, 9.0)",
        "customers(epoch, volatility_group, a_day, units, square, most_units)": "(0, 'dairy', 200.0, 1.2, 1.8, 3.0)",
    }  # fmt: skip
    given(bare, tables)
    a_day, before = (200 * math.exp(0.5 * 0.7 - 0.125 + 0.3 * normal - 0.045) for normal in (1.5, 0.9))
    dear, cheap = ({"x": 0.6 * (x / 110) ** -3, "y": 0.4 * (y / 110) ** -3} for x, y in ((110, 200), (100, 90)))
    wanted = {}
    for one, other in (("x", "y"), ("y", "x")):
        low = high = 0.0
        free = {"x": 0, "y": 0}
        for fees, due, days in ((free, a_day, 1.5), (free, before, 0.25), ({"x": 500, "y": 200}, a_day, 0.5)):
            most, least = (0.25 * math.exp(-3 * (0.8 * cost + 0.01 * day)) for cost, day in ((0.1, 3), (0.2, 4)))
            of_one, of_other = (math.exp(-3 * fees[name] / 1000) for name in (one, other))
            low += 960 / 6 * days * of_one * dear[one] / (most + of_one * dear[one] + of_other * cheap[other])
            high += due * days * of_one * cheap[one] / (least + of_one * cheap[one] + of_other * dear[other])
        wanted[one] = pytest.approx((low, high))
    found = rows_of(bare, f"SELECT platform, low, high FROM ({demand._DUE})")
    assert a_day > before > 160 and {row["platform"]: (row["low"], row["high"]) for row in found} == wanted


def test_what_is_chosen_is_held_against_the_chances_that_prices_and_fees_give(bare: duckdb.DuckDBPyConnection) -> None:
    given(bare, {
        "shelf(tick, listing_id, product_id, area, wanted)": "(5, 0, 1, 0, 3), (5, 1, 1, 0, 1), (6, 0, 1, 0, 0)",
        "popularity(product_id)": "(1)",
        "clock(epoch, tick, second)": "(0, 5, 18000), (0, 6, 21600)",
        "laws(epoch, elasticity, basket)": "(0, 2.0, 1000.0)",
        "listings(listing_id, product_id, area, platform, platform_id, city)":
            "(0, 1, 0, 'x', 0, 'c'), (1, 1, 0, 'y', 1, 'c'), (2, 1, 0, 'z', 2, 'c'), (3, 1, 1, 'x', 0, 'c')",
        "shelves(epoch, platform, pull)": "(0, 'x', 0.6), (0, 'y', 0.4), (0, 'z', 0.0)",
        "hours(epoch, hour, city, fees)": "(0, 4, 'c', [0, 500, 0]), (0, 5, 'c', [900, 900, 900])",
        "states(listing_id, tick, after, fee)": "(0, 0, 90, 7), (0, 4, 100, 7), (0, 5, 400, 7), (1, 0, 80, 7), (2, 0, 1, 7)",
    })  # fmt: skip
    pulls = 0.6 * 100**-2.0, 0.4 * 80**-2.0 * math.exp(-2 * 0.5)
    chance = pulls[1] / sum(pulls)
    wanted = {}
    for what, x, y in (("price", math.log(100), math.log(80)), ("order fee", 0.0, 0.5)):
        score = 3 * x + y - 4 * ((1 - chance) * x + chance * y)
        wanted[what] = pytest.approx((score, 4 * chance * (1 - chance) * (x - y) ** 2, abs(x - y)))
    found = rows_of(bare, f"SELECT what, score, spread, far FROM ({demand._SCORES})")
    assert {row.pop("what"): tuple(row.values()) for row in found} == wanted


def test_the_costs_of_products_are_known_from_the_first_day_to_the_one_after_the_newest(
    bare: duckdb.DuckDBPyConnection,
) -> None:
    volatile = changed(REALISTIC, cost={"volatility": {**NEVER, "dairy": 0.1}}, shocks={"a_year": NEVER})
    goods = [(3, "dairy", 3), (8, "snacks", 8)]
    one = Course((Epoch(0, 0, 3600),), (volatile,))
    made = drawn.of_products(one, drawn.cost_path(one, 24), goods)
    costs = {(row["product_id"], row["day"]): row["cost"] for row in laid(bare, made, "costs")}
    assert set(costs) == {(product, day) for product in (3, 8) for day in range(3)}
    assert [product for (product, day), cost in costs.items() if cost != 0] == [3, 3] and costs[3, 0] == 0


def test_costs_move_by_the_rules_of_the_day_that_passes(bare: duckdb.DuckDBPyConnection) -> None:
    calm = changed(REALISTIC, cost={"volatility": NEVER, "reversion_days": 10.0}, shocks={"a_year": NEVER})
    moved = changed(calm, cost={"volatility": {**NEVER, "dairy": 0.1}, "shared": 0.0})
    three = Course((Epoch(0, 0, 86_400), Epoch(1, 86_400, 86_400), Epoch(2, 172_800, 86_400)), (calm, moved, calm))
    made = drawn.of_products(three, drawn.cost_path(three, 3), [(3, "dairy", 3)])
    costs = {row["day"]: row["cost"] for row in laid(bare, made, "costs")}
    # A day that begins with the last tick of an epoch follows its rules.
    group, product = np.array([GROUPS.index("dairy")], np.uint8), np.array([3])
    own = next(cost.own_path([rulebook.cost_rules(moved)] * 3, group, product, range(2, 3), np.zeros(1)))[0]
    assert abs(own) > 0.01
    assert costs == pytest.approx({0: 0.0, 1: 0.0, 2: 0.0, 3: own, 4: own * math.exp(-0.1)})


def test_products_are_asked_for_as_their_market_draws_it(bare: duckdb.DuckDBPyConnection) -> None:
    products = [(3, "dairy", 3), (8, "snacks", 8)]
    one = course(REALISTIC)
    found = laid(bare, drawn.of_products(one, drawn.cost_path(one, 10), products), "popularity")
    asked = [math.exp(0.5 * row["normal"] - 0.125) for row in found]
    assert asked == pytest.approx(popularity(REALISTIC.seed, 0.5, np.array([3, 8])).tolist())


def test_the_days_of_a_product_in_an_area_are_those_that_its_market_draws(bare: duckdb.DuckDBPyConnection) -> None:
    uneven = changed(REALISTIC, stores=2, demand={"day_spread": 0.4})
    one = Course((Epoch(0, 0, 3600),), (uneven,))
    found = laid(
        bare, drawn.of_products(one, drawn.cost_path(one, 24), [(3, "dairy", 3), (8, "snacks", 8)]), "demand_days"
    )
    rules = rulebook.live_rules(uneven)
    assert rules and len(found) == 3 * 2 * 2
    for row in found:
        due = rules.demand.of_day(uneven.seed, row["day"], np.array([row["product_id"] * 2 + row["area"]]))
        assert math.exp(0.4 * row["normal"] - 0.08) == pytest.approx(due[0])
    even = course(changed(REALISTIC, demand={"day_spread": 0.0}))
    assert laid(bare, drawn.of_products(even, drawn.cost_path(even, 24), [(3, "dairy", 3)]), "demand_days") == []


@pytest.mark.parametrize(
    ("most_listings", "most_days", "step"), [(60, 360, 1), (60, 359, 2), (30, 180, 2), (30, 179, 4)]
)
def test_costs_are_made_for_so_many_products_that_the_budgets_of_listings_and_days_hold(
    over: duckdb.DuckDBPyConnection,
    history: Log,
    monkeypatch: pytest.MonkeyPatch,
    most_listings: int,
    most_days: int,
    step: int,
) -> None:
    monkeypatch.setattr(sampling, "MOST_LISTINGS", most_listings)
    monkeypatch.setattr(sampling, "MOST_LISTING_DAYS", most_days)
    # Ten ticks of half a day: 60 listings have costs of six days.
    days = Course((Epoch(0, 0, 43_200),), (REALISTIC,))
    prepared.lay_out(lambda text: rows_of(over, text), history, days, ["checked.popularity"])
    active = [row["product_id"] for row in rows_of(over, "SELECT product_id FROM raw.products WHERE is_active")]
    assert len(active) > 8
    assert [row["product_id"] for row in rows_of(over, "FROM checked.popularity ORDER BY ALL")] == [
        product for product in sorted(active) if product % step == 0
    ]


def test_of_a_market_in_which_nothing_happens_no_costs_are_made(bare: duckdb.DuckDBPyConnection) -> None:
    still = course(CLASSIC)
    made = drawn.of_products(still, drawn.cost_path(still, 10), [(3, "dairy", 3)])
    assert laid(bare, made, "costs") == [] and rows_of(bare, "FROM checked.popularity") == []


def hours_of(bare: duckdb.DuckDBPyConnection, one: Course, head: int) -> dict[int, list[int]]:
    """The hours that are laid out, by epoch."""
    found = laid(bare, drawn.of_hours(one, head, [], CITIES), "hours")
    assert {row["city"] for row in found} <= set(CITIES) and len(found) % 2 == 0
    assert all(
        row["load"] > 0
        and min(row["fees"]) >= 0
        and len(row["riders"]) == len(row["fees"]) == len(REALISTIC.platforms)
        and row["rain"] in (True, False)
        and row["reprice"] > 0
        for row in found
    )
    return {
        epoch: sorted({row["hour"] for row in found if row["epoch"] == epoch})
        for epoch in {row["epoch"] for row in found}
    }


def test_hours_are_laid_out_from_the_tick_before_an_epoch_to_its_last(bare: duckdb.DuckDBPyConnection) -> None:
    alone = Course((Epoch(0, 0, 1),), (REALISTIC,))
    assert [hours_of(bare, alone, head) for head in (0, 3600, 3601)] == [{}, {0: [0]}, {0: [0, 1]}]
    two = Course((Epoch(0, 0, 1), Epoch(3601, 3601, 2)), (REALISTIC, REALISTIC))
    assert hours_of(bare, two, 3601) == {0: [0, 1], 1: [1]}
    assert hours_of(bare, two, 5401) == {0: [0, 1], 1: [1, 2]}
    assert hours_of(bare, Course((Epoch(0, 0, 1), Epoch(3600, 3600, 1)), (CLASSIC, REALISTIC)), 3605) == {1: [0, 1]}


# What costs share cannot change with the rules.
STILL = changed(CLASSIC, assortment={"families": REALISTIC.assortment.families})


@pytest.mark.parametrize(
    ("one", "head", "days"),
    [
        (Course((Epoch(0, 0, 3600),), (REALISTIC,)), 23, [0]),
        (Course((Epoch(0, 0, 3600),), (REALISTIC,)), 24, [0, 1]),
        (Course((Epoch(0, 0, 3600), Epoch(12, 43_200, 7200)), (REALISTIC, STILL)), 24, [0, 1]),
        (Course((Epoch(0, 0, 3600),), (changed(REALISTIC, truth=False),)), 24, []),
        (Course((Epoch(0, 0, 3600),), (changed(CLASSIC, truth=True),)), 24, []),
    ],
)
def test_shocks_are_known_for_each_day_of_a_market_whose_truth_is_told(
    bare: duckdb.DuckDBPyConnection, one: Course, head: int, days: list[int]
) -> None:
    found = laid(bare, drawn.of_shocks(one, head, drawn.cost_path(one, head)), "shocks")
    families = len(GROUPS) * REALISTIC.assortment.families
    assert families > len(GROUPS)
    assert [(row["day"], row["family"]) for row in found] == [(day, nth) for day in days for nth in range(families)]
