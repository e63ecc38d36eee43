"""Behaviour of the basket question: lists, stand-ins, fees, budgets, one app beside several."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.cli import answers
from qsim.errors import InputError, UsageError
from qsim.queries.basket import basket
from qsim.queries.connection import rows_of
from qsim.queries.lists import in_packs, items_file, read_items, staples
from qsim.queries.questions import deals
from tests.listed import Connection, by_hand


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
        ("potato", "not on sale now on the platforms compared, or not as many"), ("onoin", "no such product"),
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
    [({"budget": 0}, "budget: found 0; allowed is"), ({"items": []}, "the list is empty"),
     ({"items": [(0, "tea")]}, "quantity: found 0; allowed is a whole number from 1 to 999; mend"),
     ({"platforms": []}, "no platforms"), ({"pincode": "999999"}, "pincode '999999': no store there")],
)  # fmt: skip
def test_impossible_basket_is_refused(con: Connection, options: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        basket(con, **options)


def test_list_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# weekly\n\n2 toned milk\nonions  # red\n 7up\n", "utf-8")
    assert items_file(path) == [(2, "toned milk"), (1, "onions"), (1, "7up")]


@pytest.mark.parametrize(
    ("line", "item"),
    [
        ("1 kg atta", (1, "1 kg atta")),
        ("500 g butter", (1, "500 g butter")),
        ("500g butter", (1, "500g butter")),
        ("0.5 kg ghee", (1, "0.5 kg ghee")),
        ("3 1 kg atta", (3, "1 kg atta")),
        ("2 toned milk 500 ml", (2, "toned milk 500 ml")),
        ("2 kg", (2, "kg")),
        ("2 packs of bread", (2, "bread")),
        ("3 x 7up", (3, "7up")),
        ("2 bottle gourd", (2, "bottle gourd")),
        ("2 packets milk", (2, "milk")),
        ("2 pkt bread", (2, "bread")),
        ("2\ttoned milk", (2, "toned milk")),
        ("1,000 g onion", (1, "1,000 g onion")),
        ("२ किलो प्याज", (1, "२ किलो प्याज")),
        ("२ प्याज", (2, "प्याज")),
        ("onion x2", (2, "onion")),
        ("onion X 2", (2, "onion")),
        ("onion (2)", (2, "onion")),
        ("onion (x2)", (2, "onion")),
        ("atta 5 kg × 2", (2, "atta 5 kg")),
        ("1 kg atta x2", (2, "1 kg atta")),
        ("redox2", (1, "redox2")),
        ("juice 6 x 200 ml", (1, "juice 6 x 200 ml")),
    ],
)
def test_pack_that_a_line_begins_with_is_no_count(line: str, item: tuple[int, str]) -> None:
    assert read_items(line, "mine.txt") == [item]


@pytest.mark.parametrize(
    "line", ["0 onion", "-1 onion", "1.5 onion", "3", "1000 onion", "2 !!", "onion x0", "onion x1000"]
)
def test_bad_line_of_a_list_names_its_number_and_what_is_allowed(line: str) -> None:
    with pytest.raises(
        InputError,
        match=rf"mine.txt, line 2: '{re.escape(line)}'; allowed is a whole number from 1 to 999",
    ):
        read_items(f"onion\n{line}\n", "mine.txt")


def test_more_digits_than_python_reads_are_refused_as_a_number_of_packs() -> None:
    with pytest.raises(InputError, match=r"mine.txt, line 1: '9{60}'; allowed is a whole number from 1 to 999"):
        read_items(f"{'9' * 5_000} onion\n", "mine.txt")


def test_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: cannot be read \(No such file"):
        items_file(tmp_path / "none.txt")
    with pytest.raises(InputError, match="nothing is listed"):
        read_items("# only this\n", "mine.txt")


@pytest.mark.parametrize(
    ("budget", "offer", "said"),
    [
        (None, {}, ["no app can deliver this: it is below every minimum order", "left out, below the minimum order: onion"]),
        (500, {}, ["no app can deliver this: the budget or a minimum order does not allow it", "left out: onion"]),
        (None, {"in_stock": False}, ["no app can deliver this: nothing of it is on sale", "not there: onion"]),
    ],
)  # fmt: skip
def test_what_cannot_be_bought_is_told_with_the_reason(
    budget: float | None, offer: dict[str, Any], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    con = by_hand({"price": 20} | offer, fees=(25, 2, 99, 99))
    answers.basket(basket(con, items=[(1, "onion")], budget=budget), "Basket")
    shown = capsys.readouterr().out
    assert all(text in shown for text in said), shown


def test_one_thing_is_no_things(capsys: pytest.CaptureFixture[str]) -> None:
    answers.basket(basket(by_hand({"price": 20}), items=[(1, "onion")]), "Basket")
    assert "₹20.00 for 1 thing\n" in capsys.readouterr().out


def test_what_is_not_found_is_told_with_the_nearest_names(capsys: pytest.CaptureFixture[str]) -> None:
    answers.basket(basket(by_hand({"price": 20}), items=[(1, "onion"), (1, "onoin")]), "Basket")
    assert "\nnot found: onoin (no such product; nearest: Onion)\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("quantity", "size", "made"),
    [
        (1, ("kg", 2.0), (2, "1 kg")),
        (3, ("kg", 1.5), (9, "500 g")),
        (1, ("kg", 0.75), None),
        (1, ("l", 2.0), None),
        (999, ("kg", 2.0), None),
    ],
)
def test_an_amount_is_made_up_of_the_fewest_whole_packs(
    quantity: int, size: tuple[str, float], made: tuple[int, str] | None
) -> None:
    assert next(iter(in_packs(quantity, size, ["500 g", "1 kg", "", "loose"])), None) == made


def test_an_amount_that_there_is_no_pack_of_is_bought_in_packs(ran: Path) -> None:
    largest = "SELECT product, max_by(pack, pack_units), max(pack_units) FROM products WHERE unit = 'kg' AND is_active GROUP BY 1"
    with qsim.connect(ran) as connection:
        product, pack, units = min(connection.execute(largest).fetchall())
        [line] = basket(connection, items=[(1, f"{3 * units:g} kg {product}")])["lines"]
        assert (line["quantity"], line["product"], line["pack"]) == (3, product, pack)
        [missed] = basket(connection, items=[(1, f"{1.3 * units:g} kg {product}")])["not_found"]
        assert f"{product} {pack}" in missed["nearest"]


ONIONS: list[dict[str, Any]] = [
    {"pack": "1 kg", "price": 30, "in_stock": False},
    {"pack": "500 g", "pack_units": 0.5, "price": 16},
    {"pack": "250 g", "pack_units": 0.25, "price": 9},
]


@pytest.mark.parametrize(("asked", "quantity"), [("2 kg onion", 4), ("1 kg onion", 2)])
def test_an_amount_is_made_up_of_packs_that_are_in_stock(asked: str, quantity: int) -> None:
    [line] = basket(by_hand(*ONIONS), items=[(1, asked)])["lines"]
    assert (line["quantity"], line["pack"], line["cost"]) == (quantity, "500 g", 16.0 * quantity)


@pytest.mark.parametrize("asked", ["2 kg onion", "1 kg onion"])
def test_an_amount_of_which_no_pack_is_in_stock_is_not_on_sale_now(asked: str) -> None:
    gone = [{**onion, "in_stock": False} for onion in ONIONS]
    [missed] = basket(by_hand(*gone, {"product": "Rice"}), items=[(1, asked)])["not_found"]
    assert missed["reason"].startswith("not on sale now")


def test_an_app_sells_no_more_of_an_item_than_it_has() -> None:
    few, many = {"price": 20, "stock": 2}, {"price": 25, "stock": 3, "platform": "blinkit"}
    bought = [basket(by_hand(few, many), items=[(quantity, "onion")])["lines"][0]["offers"] for quantity in (2, 3)]
    assert bought == [{"zepto": 20.0, "blinkit": 25.0}, {"blinkit": 25.0}]
    [missed] = basket(by_hand(few, many, {"product": "Rice"}), items=[(4, "onion")])["not_found"]
    assert missed["reason"] == "not on sale now on the platforms compared, or not as many"


def test_an_amount_is_made_up_of_packs_of_which_there_are_as_many() -> None:
    few, small = {"pack": "1 kg", "stock": 1}, {"pack": "500 g", "pack_units": 0.5, "price": 16}
    [line] = basket(by_hand(few, small), items=[(2, "1 kg onion")])["lines"]
    assert (line["quantity"], line["pack"]) == (4, "500 g")


def test_of_packs_that_are_equally_usual_one_that_is_known_is_bought() -> None:
    eggs = {"product": "White Eggs", "price": 60}
    tray = {**eggs, "pack": "Tray", "unit": "", "pack_units": 0.0}
    six = {**eggs, "pack": "6 pc", "unit": "piece", "pack_units": 6.0}
    assert [line["pack"] for line in basket(by_hand(tray, six), items=[(1, "eggs")])["lines"]] == ["6 pc"]
