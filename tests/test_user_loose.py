"""Fruit and vegetables of a user's list: loose goods whose MRP shown moves with the price, and is never below it."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

import qsim
from qsim.catalog.user_file import read_user_catalog
from qsim.queries import served, shown

HEADER = "product,brand,category,pack,mrp,price\n"
AT_MRP, CHEAP = "Coriander,Fresho,Vegetables,100 g,30,30\n", "Banana,Fresho,Fruits,1 kg,1000,0.50\n"
RUNS = {"classic": {"ticks": 100, "surge_probability": 0.3}, "realistic": {"ticks": 12 * 24}}


@pytest.fixture(scope="module", params=list(RUNS))
def market(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loose")
    lines = [f"Mixed Greens {n},Safal,Vegetables,500 g,{60 + n},{57 + n}\n" for n in range(38)]
    (folder / "mine.csv").write_text(HEADER + "".join([*lines, AT_MRP, CHEAP]), "utf-8")
    made_of = {"preset": request.param, "inactive_percent": 0, "update_interval_seconds": 3600, "seed": 2}
    qsim.generate(folder / "m", catalog=folder / "mine.csv", **made_of)
    qsim.run(folder / "m", **RUNS[request.param])
    return folder / "m"


def test_no_price_of_a_users_produce_is_above_the_mrp_shown(market: Path) -> None:
    with qsim.connect(market) as connection:
        rows = connection.sql("SELECT price::DOUBLE AS price, mrp::DOUBLE AS mrp, off_mrp_pct FROM prices").pl()
        above = connection.sql("SELECT count(*) FROM prices JOIN products AS g USING (product_id) WHERE price > g.mrp")
        assert above.fetchall()[0][0] > 0
    assert rows.select((pl.col("price") <= pl.col("mrp")) & (pl.col("off_mrp_pct") >= 0)).to_series().all()


def test_the_mrp_shown_lies_the_lists_own_discount_above_the_regular_price(market: Path) -> None:
    query = """SELECT g.mrp::DOUBLE / base_price::DOUBLE AS given, p.mrp::DOUBLE / regular_price::DOUBLE AS shown
        FROM prices AS p JOIN products AS g USING (product_id) WHERE p.product LIKE 'Mixed%' AND p.price <= regular_price"""
    rows = qsim.connect(market).sql(query).pl()
    assert rows.height > 100
    assert rows.select((pl.col("given") - pl.col("shown")).abs() < 5e-4).to_series().all()


def test_half_a_paisa_of_the_mrp_shown_counts_as_one(tmp_path: Path) -> None:
    lines = [
        f"Greens {paise},,Vegetables,500 g,{paise / 80:.2f},{paise / 100:.2f}\n" for paise in range(2_400, 2_800, 4)
    ]
    (tmp_path / "mine.csv").write_text(HEADER + "".join(lines), "utf-8")
    qsim.generate(tmp_path / "m", catalog=tmp_path / "mine.csv", inactive_percent=0)
    query = """SELECT (100 * regular_price)::BIGINT, (100 * p.mrp)::BIGINT, mrp_discount_bps FROM prices AS p
        JOIN raw.products USING (product_id) WHERE p.mrp > price"""
    rows = qsim.connect(tmp_path / "m").sql(query).fetchall()
    exact = [(Fraction(10_000 * regular, 10_000 - bps), mrp) for regular, mrp, bps in rows]
    assert [mrp for _, mrp in exact] == [math.floor(value + Fraction(1, 2)) for value, _ in exact]
    assert sum(value % 1 == Fraction(1, 2) for value, _ in exact) > 9


def test_what_a_list_sells_at_its_mrp_shows_one_and_what_is_all_but_given_away_a_hundredfold(market: Path) -> None:
    query = "SELECT min(mrp / greatest(price, regular_price)) FROM prices WHERE product LIKE '{}%'"
    with qsim.connect(market) as connection:
        at_mrp, cheap = (connection.sql(query.format(name)).fetchall()[0][0] for name in ("Coriander", "Banana"))
    assert at_mrp == 1
    assert 90 < cheap <= 100


def test_prices_in_memory_show_the_same_mrps(market: Path) -> None:
    wanted = qsim.connect(market).sql("SELECT listing_id, mrp, off_mrp_pct FROM prices ORDER BY listing_id").fetchall()
    found = shown.prices(served.opened(market).now, None, None, -1, len(wanted))
    names = ("listing_id", "mrp", "off_mrp_pct")
    assert [tuple(row[name] for name in names) for row in found] == [(n, float(a), float(b)) for n, a, b in wanted]


def test_a_market_of_a_users_produce_passes_every_check(market: Path) -> None:
    assert [check for check in qsim.validate(market)["checks"] if not check["passed"]] == []


def test_produce_without_an_mrp_is_taken_at_its_price(tmp_path: Path) -> None:
    rows = "Onion,,Vegetables,1 kg,,38\nBanana,,Fruits,1 dozen, ,₹60\nButter,Amul,Dairy,100 g,,60\nApple,,Fruits,1 kg,,1x\n"
    (tmp_path / "mine.csv").write_text(HEADER + rows, "utf-8")
    read = read_user_catalog(tmp_path / "mine.csv", {})
    assert read.products.select("product", "mrp_paise", "price_paise").rows() == [
        ("Onion", 3800, 3800),
        ("Banana", 6000, 6000),
    ]
    assert read.rejected.select("line", "field", "found").rows() == [(4, "mrp", ""), (5, "price", "1x")]
    assert "every product but fruit and vegetables needs one (--groups" in read.rejected["reason"][0]


def test_produce_without_an_mrp_shows_its_price_as_one(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(HEADER + "Onion,,Vegetables,1 kg,,38\n", "utf-8")
    qsim.generate(tmp_path / "m", catalog=tmp_path / "mine.csv", discounted_percent=0, sales={"campaign_share": 0})
    shown = qsim.connect(tmp_path / "m").sql("SELECT mrp, regular_price FROM prices").fetchall()
    assert len(shown) == 5
    assert all(mrp == regular for mrp, regular in shown)
