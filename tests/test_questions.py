"""Behaviour of the questions cheapest, deals and compare, on generated markets and on small ones laid out by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.cli import answers
from qsim.errors import UsageError
from qsim.queries import connect
from qsim.queries.basket import basket
from qsim.queries.connection import rows_of
from qsim.queries.examples import EXAMPLES
from qsim.queries.questions import cheapest, compare, deals, shelf_beside
from tests.listed import Connection, by_hand

SHARED = os.environ.get("QSIM_SHARED_DATA")


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


def test_unknown_product_names_the_nearest(con: Connection) -> None:
    with pytest.raises(UsageError, match=r"^product 'onoin': .*nearest: Onion, "):
        cheapest(con, "onoin")


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


# compare


def test_comparing_what_is_nothing_tells_the_nearest_shelves_and_products(con: Connection) -> None:
    with pytest.raises(UsageError, match="names nothing; nearest: Vegetables, Fruits"):
        compare(con, "vegtables", "zepto", "blinkit")


def test_compare_adds_up() -> None:
    con = by_hand(
        {"price": 20}, {"price": 25, "platform": "blinkit"},
        {"product": "Potato", "price": 40}, {"product": "Potato", "price": 30, "platform": "blinkit"},
        {"product": "Tomato", "price": 15}, {"product": "Tomato", "price": 15, "platform": "blinkit"},
        {"product": "Carrot", "price": 15}, {"product": "Carrot", "platform": "blinkit", "in_stock": False},
    )  # fmt: skip
    found = compare(con, "vegetable prices", "zepto", "blinkit")
    assert [(r["product"], r["gap"], r["gap_pct"], r["winner"]) for r in found["rows"]] == [
        ("Onion", 5.0, 25.0, "zepto"), ("Potato", -10.0, -25.0, "blinkit"), ("Tomato", 0.0, 0.0, "tie"),
    ]  # fmt: skip
    summary = found["summary"]
    assert [summary[key] for key in ("compared", "wins_a", "wins_b", "ties", "mean_gap_pct")] == [3, 1, 1, 1, 0.0]
    assert [summary[key] for key in ("total_a", "total_b", "total_gap", "cheaper")] == [75.0, 70.0, -5.0, "blinkit"]


@pytest.mark.parametrize(
    ("what", "kind"),
    [("fruits", "subcategory"), ("Fruit prices", "subcategory"), ("dairy", "volatility_group"), ("Pantry Staples", "category"),
     ("onions", "product"), ("toned milk", "product"), ("dals", "product"), ("pulses", "subcategory"),
     ("veggies", "subcategory"), ("sabzi prices", "subcategory"), ("सब्ज़ी", "subcategory"), ("phal", "subcategory"),
     ("cold drinks", "subcategory"), ("dairy products", "volatility_group")],
)  # fmt: skip
def test_compare_knows_what_is_meant(con: Connection, what: str, kind: str) -> None:
    found = compare(con, what, "zepto", "Swiggy Instamart")
    assert found["summary"]["matched"] == kind and found["rows"] and found["summary"]["platform_b"] == "instamart"


@pytest.mark.parametrize(
    ("what", "told"),
    [("beverages", "beverages is taken as the category Snacks & Beverages\n"),
     ("snacks", "snacks is taken as the volatility group snacks\n"), ("fruit prices", ""), ("vegetables", ""), ("onions", ""),
     ("veggies", "veggies is taken as the subcategory Vegetables\n")],
)  # fmt: skip
def test_what_is_compared_is_told_where_it_is_called_otherwise_than_what_was_asked_for(
    con: Connection, capsys: pytest.CaptureFixture[str], what: str, told: str
) -> None:
    answers.comparison(compare(con, what, "zepto", "blinkit"), what)
    shown = capsys.readouterr().out
    assert ("taken as" in shown) == bool(told) and told in shown


def test_compare_keeps_to_one_pincode(chain: Connection) -> None:
    rows = compare(chain, "onion", "zepto", "instamart")["rows"]
    for row in rows:
        sides = rows_of(
            chain,
            """SELECT price FROM prices WHERE product = 'Onion' AND pincode = $1 AND platform IN ('zepto', 'instamart')
                ORDER BY platform = 'instamart'""",
            [row["pincode"]],
        )
        assert [float(str(side["price"])) for side in sides] == [row["price_a"], row["price_b"]]
    assert len(rows) > 1


def test_compare_refuses_what_it_cannot_compare(con: Connection) -> None:
    with pytest.raises(UsageError, match="'zepto' with itself"):
        compare(con, "fruits", "zepto", "Zepto")
    with pytest.raises(UsageError, match="product 'onoin': this market has none; nearest: Onion"):
        compare(con, "onoin prices", "zepto", "dunzo")


# all four


def test_answers_are_ready_for_json(questioned: Path) -> None:
    for call in (("cheapest", "onions"), ("deals",), ("compare", "fruits", "zepto", "instamart"), ("basket",)):
        assert json.loads(json.dumps(qsim.ask(*call, directory=questioned))) == qsim.ask(*call, directory=questioned)


def test_vegetables_are_no_answer_on_fruit_where_there_is_none() -> None:
    food = {"category": "Fruits & Vegetables", "discount_pct": 40}
    jam = food | {"product": "Mixed Fruit Jam", "category": "Pantry Staples", "subcategory": "Jam"}
    con = by_hand(food, food | {"platform": "blinkit"}, jam, jam | {"platform": "blinkit"})
    with pytest.raises(UsageError, match=r"'fruit prices' names nothing; nearest: .*; name one of them"):
        compare(con, "fruit prices", "zepto", "blinkit")
    with pytest.raises(UsageError, match="'fruits': not in this market; allowed: Fruits & Vegetables, "):
        deals(con, category="fruits")
    assert compare(con, "fruit & vegetables", "zepto", "blinkit")["rows"] and deals(con, category="Fruits & Vegetables")


def test_ask_passes_options(questioned: Path) -> None:
    assert len(qsim.ask("deals", directory=questioned, min_discount=1, limit=2)) == 2


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (("cheapst", "onion"), "'cheapst'; allowed: cheapest, "),
        (
            ("compare", "fruits"),
            "ask compare: missing .*it takes: what, platform_a, platform_b, and directory=; correct",
        ),
    ],
)
def test_ask_refuses_what_it_does_not_know(questioned: Path, call: tuple[str, ...], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        qsim.ask(*call, directory=questioned)


@pytest.mark.parametrize("name", ["cheapest", "deals", "compare", "basket"])
def test_documented_query_runs_and_has_an_answer(con: Connection, name: str) -> None:
    assert con.sql(EXAMPLES[name][1]).fetchall()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size", [200, 500])
def test_no_question_is_empty_whatever_the_seed(tmp_path: Path, seed: int, size: int) -> None:
    qsim.generate(tmp_path / "m", products=size, seed=seed)
    with connect(tmp_path / "m") as con:
        assert (
            cheapest(con, "onions") and deals(con, platform="blinkit") and basket(con, budget=1000)["split"]["orders"]
        )
        assert compare(con, "fruit prices", "zepto", "instamart")["rows"]


def test_offers_of_thirty_percent_on_blinkit_do_not_run_out_as_a_default_market_goes_on(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m")
    qsim.run(tmp_path / "m", ticks=2400, update_interval_seconds=600)
    query = """SELECT count(*) FROM prices_at(tick_time({})) WHERE platform = 'blinkit' AND discount_pct >= 30 AND in_stock
        AND is_active AND surge_fee = order_fee AND price < regular_price"""
    with connect(tmp_path / "m") as con:
        found = [con.sql(query.format(tick)).fetchall()[0][0] for tick in range(0, 2401, 100)]
    assert min(found) > 0, found


@pytest.mark.skipif(SHARED is None, reason="QSIM_SHARED_DATA (the folder of real catalogs) is not set")
def test_real_catalog_answers_with_the_good_itself(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", catalog=Path(str(SHARED)) / "bigbasket_catalog.parquet")
    with connect(tmp_path / "m") as con:
        assert {(row["product"], row["brand"]) for row in cheapest(con, "onions")} == {("Onion", "Fresho")}
        assert compare(con, "fruits", "zepto", "instamart")["rows"] and deals(con, platform="blinkit")
        assert len(basket(con)["lines"]) >= 10


def test_answers_in_a_market_of_several_dark_stores_say_where_each_row_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    qsim.generate(tmp_path / "m", products=40, stores=2)
    answers.deals(qsim.ask("deals", directory=tmp_path / "m", min_discount=1), "Deals")
    answers.comparison(qsim.ask("compare", "vegetables", "zepto", "blinkit", directory=tmp_path / "m"), "Compared")
    of_deals, of_comparison = capsys.readouterr().out.split("Compared")
    assert "city" in of_deals and "Bengaluru" in of_deals and "Mumbai" in of_deals
    assert "pincode" in of_comparison and "Bengaluru" in of_comparison and "Mumbai" in of_comparison
