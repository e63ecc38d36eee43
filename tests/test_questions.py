"""Behaviour of the four questions, on generated markets and on small ones laid out by hand."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim.errors import InputError, UsageError
from qsim.queries import connect
from qsim.queries.basket import basket, items_file, read_items, staples
from qsim.queries.connection import rows_of
from qsim.queries.examples import EXAMPLES
from qsim.queries.questions import cheapest, compare, deals

SHARED = os.environ.get("QSIM_SHARED_DATA")
Connection = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("questions") / "market"
    qsim.generate(directory)
    qsim.run(directory, ticks=400)
    return directory


@pytest.fixture(scope="module")
def con(market: Path) -> Iterator[Connection]:
    connection = connect(market)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    directory = tmp_path_factory.mktemp("chain") / "market"
    qsim.generate(directory, products=200, stores=3)
    qsim.run(directory, ticks=50)
    connection = connect(directory)
    yield connection
    connection.close()


LISTED: dict[str, Any] = {
    "product": "Onion", "brand": "", "category": "Food", "subcategory": "Vegetables", "volatility_group": "vegetables",
    "pack": "1 kg", "pack_units": 1.0, "unit": "kg", "platform": "zepto", "price": 20, "regular_price": 20, "discount_pct": 0,
    "surge_fee": 0, "order_fee": 0, "in_stock": True, "is_active": True,
}  # fmt: skip


def by_hand(*changes: dict[str, Any], fees: tuple[float, float, float, float] = (0, 0, 0, 0)) -> Connection:
    """Lay out the public views as tables, one listing a change, all in one pincode; fees of every platform in rupees."""
    rows = [LISTED | change for change in changes]
    names = list(dict.fromkeys(row["platform"] for row in rows))
    goods = list(dict.fromkeys((row["product"], row["brand"], row["pack"]) for row in rows))
    connection = duckdb.connect(":memory:")
    for statement in (
        """CREATE TABLE prices (listing_id UINTEGER, product_id UINTEGER, product VARCHAR, brand VARCHAR, pack VARCHAR,
            unit VARCHAR, unit_price DECIMAL(12, 2), platform VARCHAR, store_id UINTEGER, city VARCHAR, pincode VARCHAR,
            price DECIMAL(12, 2), regular_price DECIMAL(12, 2), discount_pct DECIMAL(5, 2), surge_fee DECIMAL(12, 2),
            order_fee DECIMAL(12, 2), in_stock BOOLEAN, is_active BOOLEAN, category VARCHAR, subcategory VARCHAR)""",
        """CREATE TABLE products (product_id UINTEGER, product VARCHAR, brand VARCHAR, category VARCHAR, subcategory VARCHAR,
            volatility_group VARCHAR, pack VARCHAR, pack_units DOUBLE)""",
        "CREATE TABLE stores (store_id UINTEGER, platform VARCHAR, city VARCHAR, pincode VARCHAR)",
        """CREATE TABLE platforms (platform_id INTEGER, platform VARCHAR, name VARCHAR, delivery_fee DECIMAL(12, 2),
            handling_fee DECIMAL(12, 2), free_delivery_from DECIMAL(12, 2), minimum_order DECIMAL(12, 2))""",
        """CREATE TABLE discounts (listing_id UINTEGER, campaign_id INTEGER, discount_pct DECIMAL(5, 2), starts_at TIMESTAMP,
            ends_at TIMESTAMP)""",
        "CREATE TABLE campaigns (campaign_id INTEGER, campaign VARCHAR, starts_at TIMESTAMP, ends_at TIMESTAMP)",
        "CREATE MACRO tick_at(ts) AS 0",
        "CREATE MACRO tick_time(t) AS TIMESTAMP '2026-01-01 12:00:00'",
    ):  # fmt: skip
        connection.execute(statement)
    for at, name in enumerate(names):
        connection.execute("INSERT INTO platforms VALUES (?, ?, ?, ?, ?, ?, ?)", [at, name, name.title(), *fees])
        connection.execute("INSERT INTO stores VALUES (?, ?, 'Delhi', '110024')", [at, name])
    seen = set()
    for at, row in enumerate(rows):
        good = goods.index((row["product"], row["brand"], row["pack"]))
        unit_price = row["price"] / row["pack_units"] if row["pack_units"] else None
        connection.execute(
            "INSERT INTO prices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'Delhi', '110024', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [at, good, row["product"], row["brand"], row["pack"], row["unit"], unit_price, row["platform"],
             names.index(row["platform"]), row["price"], row["regular_price"], row["discount_pct"], row["surge_fee"],
             row["order_fee"], row["in_stock"], row["is_active"], row["category"], row["subcategory"]],
        )  # fmt: skip
        if good not in seen:
            seen.add(good)
            keys = ("product", "brand", "category", "subcategory", "volatility_group", "pack", "pack_units")
            connection.execute(
                "INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [good, *[row[key] for key in keys]]
            )
    return connection


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
        ({"min_discount": 101}, "min_discount 101: allowed is 0 to 100"),
        ({"limit": 0}, "limit 0: allowed is 1 or more"),
        ({"category": "cars"}, "category 'cars': not in this market; allowed: Dairy & Eggs"),
    ],
)
def test_impossible_deal_is_refused(con: Connection, options: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        deals(con, **options)


# compare


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
     ("onions", "product"), ("toned milk", "product"), ("dals", "product"), ("pulses", "subcategory")],
)  # fmt: skip
def test_compare_knows_what_is_meant(con: Connection, what: str, kind: str) -> None:
    found = compare(con, what, "zepto", "Swiggy Instamart")
    assert found["summary"]["matched"] == kind and found["rows"] and found["summary"]["platform_b"] == "instamart"


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


# basket


def test_staples_are_twelve_and_all_are_found(con: Connection) -> None:
    found = basket(con)
    assert len(staples()) == len(found["lines"]) == 12 and found["not_found"] == [] and found["left_out"] == []


@pytest.mark.parametrize("budget", [None, 1000, 400])
def test_basket_adds_up_from_the_views(con: Connection, budget: float | None) -> None:
    found = basket(con, budget=budget)
    price = {row["listing_id"]: (row["price"], row["surge_fee"]) for row in rows_of(con, "SELECT * FROM prices")}
    fees = {row["platform"]: row for row in rows_of(con, "SELECT * FROM platforms")}
    for order in found["split"]["orders"]:
        lines = [line for line in found["lines"] if line["platform"] == order["platform"]]
        assert [line["item"] for line in lines] == order["items"]
        goods = sum(price[line["listing_id"]][0] * line["quantity"] for line in lines)
        surge = sum(price[line["listing_id"]][1] * line["quantity"] for line in lines)
        fee: dict[str, Any] = fees[order["platform"]]
        delivery = 0 if goods + surge >= fee["free_delivery_from"] else fee["delivery_fee"]
        total = goods + surge + delivery + fee["handling_fee"]
        told = [order[key] for key in ("goods", "surge_fees", "delivery", "handling", "total")]
        assert told == [float(Decimal(part)) for part in (goods, surge, delivery, fee["handling_fee"], total)]
        assert goods + surge >= fee["minimum_order"]
    assert found["split"]["total"] == pytest.approx(sum(order["total"] for order in found["split"]["orders"]))
    assert budget is None or max(found["split"]["total"], found["one_app"]["total"]) <= budget
    assert found["split"]["bought"] + len(found["left_out"]) == 12


def test_split_is_at_most_what_one_app_asks(con: Connection) -> None:
    found = basket(con)
    assert len(found["one_app"]["orders"]) == 1 and found["split"]["total"] <= found["one_app"]["total"]
    if found["saving_rupees"] is not None:
        assert found["saving_rupees"] == pytest.approx(found["one_app"]["total"] - found["split"]["total"])


def test_item_is_the_same_product_and_pack_everywhere() -> None:
    usual = [
        {"product": "Toor Dal", "brand": b, "platform": p, "price": 100 + i}
        for i, b in enumerate("AB")
        for p in ("zepto", "blinkit")
    ]
    bulk = [
        {"product": "Toor Dal", "brand": "A", "pack": "5 kg", "pack_units": 5.0, "price": 400, "platform": p}
        for p in ("zepto", "blinkit")
    ]
    lone = [{"product": "Toor Dal", "brand": "C", "price": 10}]
    (line,) = basket(by_hand(*usual, *bulk, *lone), items=[(2, "toor dal")])["lines"]
    assert (line["brand"], line["pack"], line["offers"], line["cost"]) == (
        "A",
        "1 kg",
        {"blinkit": 100.0, "zepto": 100.0},
        200.0,
    )


def test_plain_thing_is_bought_before_a_sort_of_it() -> None:
    con = by_hand({"product": "Potato - Wedges", "price": 5}, {"product": "Potato", "price": 30})
    assert basket(con, items=[(1, "potatoes")])["lines"][0]["product"] == "Potato"


def test_surge_fee_is_paid_for_each_unit() -> None:
    found = basket(by_hand({"price": 20, "surge_fee": 5}, fees=(0, 2, 0, 0)), items=[(3, "onion")])["split"]
    assert [found[key] for key in ("goods", "surge_fees", "handling", "total")] == [60.0, 15.0, 2.0, 77.0]


def test_surge_fee_of_an_order_is_paid_once_and_makes_no_deal_void() -> None:
    con = by_hand({"price": 20, "surge_fee": 30, "order_fee": 25, "discount_pct": 40}, fees=(0, 2, 0, 0))
    found = basket(con, items=[(3, "onion")])["split"]
    assert [found[key] for key in ("goods", "surge_fees", "handling", "total")] == [60.0, 40.0, 2.0, 102.0]
    assert found["orders"][0]["surge_fees"] == 40.0
    con.execute("UPDATE prices SET surge_fee = order_fee")
    assert len(deals(con)) == 1


def test_budget_counts_fees_and_leaves_out_what_does_not_fit() -> None:
    con = by_hand({"price": 20}, {"product": "Potato", "price": 30}, fees=(10, 5, 1000, 0))
    found = basket(con, items=[(1, "onion"), (1, "potato")], budget=64.99)
    assert (found["split"]["total"], found["left_out"]) == (35.0, ["potato"])
    assert basket(con, items=[(1, "onion"), (1, "potato")], budget=65)["left_out"] == []


def test_saving_is_told_only_for_the_same_items() -> None:
    con = by_hand({"price": 20}, {"product": "Potato", "price": 30, "platform": "blinkit"})
    found = basket(con, items=[(1, "onion"), (1, "potato")])
    assert found["saving_rupees"] is None and found["split"]["bought"] == 2 and found["one_app"]["bought"] == 1


def test_missing_items_tell_why() -> None:
    con = by_hand({"price": 20}, {"product": "Potato", "in_stock": False})
    found = basket(con, items=[(1, "onion"), (1, "potato"), (1, "onoin")])
    assert [(entry["item"], entry["reason"]) for entry in found["not_found"]] == [
        ("potato", "not on sale now on the platforms compared"), ("onoin", "no such product"),
    ]  # fmt: skip
    assert found["not_found"][1]["nearest"][0] == "Onion"


def test_basket_of_some_platforms_in_one_pincode(chain: Connection) -> None:
    found = basket(chain, platforms=["zepto", "Blinkit"], pincode="400050")
    assert found["city"] == "Mumbai" and set(found["platforms"]) == {"zepto", "blinkit"}
    ids = [line["listing_id"] for line in found["lines"] if line["listing_id"] is not None]
    rows = rows_of(chain, "SELECT DISTINCT pincode FROM prices WHERE list_contains($1, listing_id)", [ids])
    assert [row["pincode"] for row in rows] == ["400050"]


@pytest.mark.parametrize(
    ("options", "found"),
    [({"budget": 0}, "budget 0: allowed is"), ({"items": []}, "the list is empty"), ({"items": [(0, "tea")]}, "quantity 0"),
     ({"platforms": []}, "no platforms"), ({"pincode": "999999"}, "pincode '999999': no store there")],
)  # fmt: skip
def test_impossible_basket_is_refused(con: Connection, options: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        basket(con, **options)


def test_list_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# weekly\n\n2 toned milk\nonions  # red\n 7up\n", "utf-8")
    assert items_file(path) == [(2, "toned milk"), (1, "onions"), (1, "7up")]


@pytest.mark.parametrize("line", ["0 onion", "-1 onion", "1.5 onion", "3", "1000 onion", "2 !!"])
def test_bad_line_of_a_list_names_its_number_and_what_is_allowed(line: str) -> None:
    with pytest.raises(
        InputError,
        match=rf"mine.txt, line 2: '{re.escape(line)}'; allowed is a whole number from 1 to 999",
    ):
        read_items(f"onion\n{line}\n", "mine.txt")


def test_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: No such file"):
        items_file(tmp_path / "none.txt")
    with pytest.raises(InputError, match="nothing is listed"):
        read_items("# only this\n", "mine.txt")


# all four


def test_answers_are_ready_for_json(market: Path) -> None:
    for call in (("cheapest", "onions"), ("deals",), ("compare", "fruits", "zepto", "instamart"), ("basket",)):
        assert json.loads(json.dumps(qsim.ask(*call, directory=market))) == qsim.ask(*call, directory=market)


def test_ask_passes_options(market: Path) -> None:
    assert len(qsim.ask("deals", directory=market, min_discount=1, limit=2)) == 2


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (("cheapst", "onion"), "'cheapst'; allowed: cheapest, "),
        (("compare", "fruits"), "ask compare: missing .*it takes: what, platform_a"),
    ],
)
def test_ask_refuses_what_it_does_not_know(market: Path, call: tuple[str, ...], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        qsim.ask(*call, directory=market)


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


@pytest.mark.skipif(SHARED is None, reason="QSIM_SHARED_DATA (the folder of real catalogs) is not set")
def test_real_catalog_answers_with_the_good_itself(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", catalog=Path(str(SHARED)) / "bigbasket_catalog.parquet")
    with connect(tmp_path / "m") as con:
        assert {(row["product"], row["brand"]) for row in cheapest(con, "onions")} == {("Onion", "Fresho")}
        assert compare(con, "fruits", "zepto", "instamart")["rows"] and deals(con, platform="blinkit")
        assert len(basket(con)["lines"]) >= 10
