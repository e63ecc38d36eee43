"""Behaviour of the question compare, and of all four questions alike, whatever the market."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import qsim
from qsim.cli import answers
from qsim.errors import UsageError
from qsim.queries import connect
from qsim.queries.basket import basket
from qsim.queries.connection import rows_of
from qsim.queries.examples import EXAMPLES
from qsim.queries.questions import cheapest, compare, deals
from tests.listed import Connection, by_hand

SHARED = os.environ.get("QSIM_SHARED_DATA")


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


def test_about_four_products_in_five_of_a_default_market_open_with_a_discount_on_some_platform(con: Connection) -> None:
    deepest = "SELECT max(discount_pct) AS deepest FROM prices_at(tick_time(0)) GROUP BY product_id"
    ((share,),) = con.sql(f"SELECT avg((deepest > 0)::INTEGER) FROM ({deepest})").fetchall()
    assert 0.75 < share < 0.87
