"""Behaviour of the question deals, on generated markets and on small ones laid out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from qsim.errors import UsageError
from qsim.queries.connection import rows_of
from qsim.queries.questions import deals
from tests.listed import Connection, by_hand

# deals


def test_deals_equal_a_search_by_hand(con: Connection) -> None:
    found = deals(con, min_discount=20, limit=10_000)
    rows = rows_of(
        con, "SELECT count(*) AS n FROM prices WHERE discount_pct >= 20 AND surge_fee = 0 AND stock > 0 AND is_active"
    )
    assert len(found) == rows[0]["n"] > 0
    assert [row["discount_pct"] for row in found] == sorted((row["discount_pct"] for row in found), reverse=True)
    assert all(row["saved"] == pytest.approx(row["regular_price"] - row["price"]) for row in found)


def test_deals_of_a_platform_and_a_category(con: Connection) -> None:
    rows = deals(con, platform="Blinkit", min_discount=1, category="vegetable", limit=500)
    assert (
        rows
        and {row["platform"] for row in rows} == {"blinkit"}
        and {row["subcategory"] for row in rows} == {"Vegetables"}
    )
    assert len(deals(con, min_discount=1, limit=3)) == 3


def test_discount_that_a_surge_fee_suspends_is_no_deal() -> None:
    con = by_hand(
        {"discount_pct": 40, "surge_fee": 10},
        {"discount_pct": 35, "platform": "blinkit"},
        {"discount_pct": 50, "in_stock": False, "platform": "dunzo"},
    )
    assert [row["discount_pct"] for row in deals(con)] == [35.0]


def test_a_discount_that_surge_or_a_price_point_takes_back_whole_is_no_deal() -> None:
    con = by_hand(
        {"discount_pct": 5, "price": 41},
        {"discount_pct": 5, "price": 40, "platform": "blinkit"},
        {"discount_pct": 5, "price": 39.99, "platform": "dunzo"},
    )
    assert [(row["platform"], row["saved"]) for row in deals(con, min_discount=5)] == [("dunzo", 0.01)]


def test_campaign_tells_until_when_and_a_plain_discount_does_not() -> None:
    con = by_hand({"discount_pct": 40}, {"discount_pct": 35, "platform": "blinkit"})
    con.execute("INSERT INTO campaigns VALUES (1, 'Flash', '2026-01-01', '2026-02-01')")
    con.execute("INSERT INTO discounts VALUES (0, 1, 40, '2026-01-01 11:00:00', '2026-01-01 13:00:00')")
    con.execute("INSERT INTO discounts VALUES (1, NULL, 35, '2026-01-01', NULL)")
    assert [(row["campaign"], row["ends_at"]) for row in deals(con)] == [("Flash", "2026-01-01 13:00:00"), (None, None)]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"platform": "blinkt"}, "platform 'blinkt': not in this market; allowed: blinkit"),
        ({"min_discount": 101}, "min_discount: found 101; allowed are 0 to 100 percent; mend"),
        ({"limit": 0}, "limit: found 0; allowed are 1 to 1,000,000,000 rows; mend"),
        ({"limit": 10**20}, "limit: found 1(0+); allowed are 1 to"),
        ({"category": "cars"}, "category 'cars': not in this market; allowed: Dairy & Eggs"),
    ],
)
def test_impossible_deal_is_refused(con: Connection, options: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        deals(con, **options)


@pytest.mark.parametrize("said", ["Frui", "fruitz", "furits"])
def test_category_that_is_not_there_is_refused_with_the_nearest_first(con: Connection, said: str) -> None:
    with pytest.raises(UsageError, match=f"category '{said}': not in this market; allowed: Fruits, .*Pantry Staples"):
        deals(con, category=said)


@pytest.mark.parametrize("said", ["veggies", "sabzi", "सब्जी"])
def test_deals_of_what_people_call_a_category_are_those_of_the_category(con: Connection, said: str) -> None:
    assert deals(con, min_discount=1, category=said) == deals(con, min_discount=1, category="Vegetables") != []
