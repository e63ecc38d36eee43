"""Behaviour of the question cheapest, on generated markets and on small ones laid out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from qsim.errors import UsageError
from qsim.queries.connection import rows_of
from qsim.queries.names import products_named
from qsim.queries.questions import cheapest, compare, shelf_beside
from tests.listed import Connection, by_hand

# cheapest


@pytest.mark.parametrize("name", ["onion", "ONIONS", "toned milk", "toor dals", "palak", "mangoes"])
def test_cheapest_equals_a_search_by_hand(con: Connection, name: str) -> None:
    found = cheapest(con, name)
    like = {"onion": "Onion", "ONIONS": "Onion", "toned milk": "% Toned Milk", "toor dals": "% Toor Dal",
            "palak": "Spinach%", "mangoes": "Mango - %"}[name]  # fmt: skip
    rows = rows_of(
        con,
        "SELECT * FROM prices WHERE product LIKE $1 AND product NOT LIKE '%UHT%' AND stock > 0 AND is_active",
        [like],
    )
    assert sorted((row["product"], row["platform"], float(str(row["unit_price"]))) for row in rows) == sorted(
        (row["product"], row["platform"], row["unit_price"]) for row in found
    )
    costs = [row["unit_price"] for row in found]
    assert costs == sorted(costs) and [row["rank"] for row in found] == [
        1 + sum(c < cost for c in costs) for cost in costs
    ]


def test_cheapest_never_answers_with_a_flavour(con: Connection) -> None:
    assert {row["product"] for row in cheapest(con, "onions")} == {"Onion"}


def test_unavailable_listings_are_left_out() -> None:
    con = by_hand(
        {"price": 10, "in_stock": False},
        {"price": 11, "is_active": False, "platform": "blinkit"},
        {"price": 12, "platform": "dunzo"},
    )
    assert [row["platform"] for row in cheapest(con, "onion")] == ["dunzo"]


def test_next_kind_answers_where_the_good_is_sold_out() -> None:
    con = by_hand({"in_stock": False}, {"product": "Red Onion"}, {"product": "Cream & Onion Chips"})
    assert [row["product"] for row in cheapest(con, "onion")] == ["Red Onion"]


def test_sold_out_good_is_never_answered_with_a_flavour() -> None:
    assert cheapest(by_hand({"in_stock": False}, {"product": "Cream & Onion Chips"}), "onion") == []


def test_ties_share_a_rank() -> None:
    con = by_hand({"price": 20}, {"platform": "blinkit"}, {"platform": "dunzo", "price": 21})
    found = [(row["platform"], row["rank"], row["is_cheapest"]) for row in cheapest(con, "onion")]
    assert found == [("blinkit", 1, True), ("zepto", 1, True), ("dunzo", 3, False)]


def test_prices_that_differ_are_no_tie_though_a_piece_costs_the_same_to_the_paisa() -> None:
    pack = {"pack": "50 pc", "pack_units": 50.0, "unit": "piece"}
    con = by_hand({"price": 48.57} | pack, {"platform": "blinkit", "price": 48.25} | pack)
    found = [(row["platform"], row["unit_price"], row["rank"]) for row in cheapest(con, "onion")]
    assert found == [("blinkit", 0.97, 1), ("zepto", 0.97, 2)]


def test_unlike_packs_of_one_unit_price_are_a_tie() -> None:
    con = by_hand(
        {"price": 12, "pack": "300 g", "pack_units": 0.3},
        {"price": 40},
        {"price": 28, "pack": "700 g", "pack_units": 0.7},
    )
    assert [row["rank"] for row in cheapest(con, "onion")] == [1, 1, 1]


def test_larger_pack_wins_by_unit_price() -> None:
    con = by_hand({"price": 20}, {"price": 36, "pack": "2 kg", "pack_units": 2.0})
    found = cheapest(con, "onion")
    assert [(row["pack"], row["unit_price"], row["ranked_by"]) for row in found] == [
        ("2 kg", 18.0, "unit_price"),
        ("1 kg", 20.0, "unit_price"),
    ]


@pytest.mark.parametrize(
    "other", [{"unit": "piece", "pack": "6 pc", "pack_units": 6.0}, {"unit": "", "pack": "", "pack_units": 0.0}]
)
def test_packs_that_do_not_compare_are_ranked_by_price(other: dict[str, Any]) -> None:
    found = cheapest(by_hand({"price": 20}, {"price": 36} | other), "onion")
    assert [(row["price"], row["ranked_by"]) for row in found] == [(20.0, "price"), (36.0, "price")]


def test_surge_fee_is_shown_and_does_not_count() -> None:
    found = cheapest(by_hand({"price": 20, "surge_fee": 9}, {"price": 21, "platform": "blinkit"}), "onion")
    assert [row["surge_fee"] for row in found] == [9.0, 0.0]


def test_cheapest_in_a_city_or_pincode(chain: Connection) -> None:
    everywhere = cheapest(chain, "onion")
    assert {row["city"] for row in everywhere} == {"Bengaluru", "Mumbai", "Delhi"}
    assert [row["city"] for row in cheapest(chain, "onion", city="mumbai")] == ["Mumbai"] * sum(
        r["city"] == "Mumbai" for r in everywhere
    )
    assert {row["city"] for row in cheapest(chain, "onion", pincode="110024")} == {"Delhi"}
    with pytest.raises(UsageError, match="city 'Mumbay': no store there; allowed: Mumbai"):
        cheapest(chain, "onion", city="Mumbay")


@pytest.mark.parametrize("name", ["qwrtzx", "battery", "iphone", "12345", "ठंडा"])
def test_of_an_unknown_product_that_is_like_none_no_other_is_suggested(con: Connection, name: str) -> None:
    with pytest.raises(
        UsageError, match=f"^product '{name}': this market has none; allowed are those of the view products"
    ):
        cheapest(con, name)


@pytest.mark.parametrize("what", ["groceries", "qwrtzx"])
def test_who_compares_what_is_like_nothing_is_told_that_shelves_are_compared_too(con: Connection, what: str) -> None:
    with pytest.raises(
        UsageError, match=f"^compare: '{what}' names nothing; allowed is a category, a subcategory or a pr"
    ):
        compare(con, what, "zepto", "blinkit")


@pytest.mark.parametrize("said", ["veggies", "sabzi"])
def test_a_name_for_a_whole_shelf_is_not_answered_with_what_only_has_the_word(said: str) -> None:
    con = by_hand(
        {"product": "Veggie Stix", "subcategory": "Snacks"},
        {"product": "Sabzi Masala", "subcategory": "Spices"},
        {"product": "Onion"},
    )
    with pytest.raises(UsageError, match=r"has none, but the subcategory Vegetables, which compare and deals take; "):
        cheapest(con, said)
    assert products_named(con, "veggie stix") == [[0]] and products_named(con, "sabzi masala") == [[1]]


def test_unknown_product_names_the_nearest(con: Connection) -> None:
    with pytest.raises(UsageError, match=r"^product 'onoin': .*nearest: Onion, "):
        cheapest(con, "onoin")


def test_cheapest_of_a_shelf_of_which_no_product_has_the_name_names_the_shelf(con: Connection) -> None:
    with pytest.raises(
        UsageError, match="product 'sabzi': this market has none, but the subcategory Vegetables, which"
    ):
        cheapest(con, "sabzi")


@pytest.mark.parametrize("nothing", ["", " ", "..."])
def test_a_name_without_a_word_is_refused_as_none(con: Connection, nothing: str) -> None:
    with pytest.raises(UsageError, match=r"product: found .* allowed is a product's name"):
        cheapest(con, nothing)


def test_a_name_that_is_a_shelf_too_is_told_with_how_much_of_it_is_shown(con: Connection) -> None:
    [(there,)] = con.execute("SELECT count(*) FROM products WHERE subcategory = 'Fruits' AND is_active").fetchall()
    told = shelf_beside(con, "fruits", cheapest(con, "banana")[:1])
    assert told.startswith(f"fruits is also the subcategory Fruits, of which this shows 1 of {there} products; compare")
    assert [shelf_beside(con, name, cheapest(con, name)) for name in ("onions", "milk")] == ["", ""]
