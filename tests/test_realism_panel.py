"""Panels of prices: from long tables, weekly tables, logs of changes, and markets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import qsim
from qsim.errors import InputError, UsageError
from qsim.realism.panel import from_long, from_market
from tests.panels import START, shop, table


def test_missing_days_and_prices_stay_missing_and_of_two_rows_in_a_day_the_last_stands():
    panel = from_long(table(("a", 0, 10.0), ("a", 1, 0.0), ("a", 3, 12.5), ("a", 3, 12.55), ("b", 1, 7.0)))
    assert panel.price_paise.tolist() == [[1000, 0, 0, 1255], [0, 700, 0, 0]]
    assert panel.step_days == 1 and panel.item.tolist() == ["a", "b"] and panel.group.tolist() == ["?", "?"]


def test_optional_columns_are_taken_and_are_unknown_where_null():
    rows = table(("a", 0, 10.0), ("a", 1, 9.0)).with_columns(
        mrp=pl.Series([12.0, None]), on_sale=pl.Series([False, True]), in_stock=pl.Series([None, 0]),
        regular=pl.Series([10.0, 10.0]), group=pl.lit("F"), seller=pl.lit("x"),
    )  # fmt: skip
    panel = from_long(rows)
    assert panel.mrp_paise.tolist() == [[1200, 0]] and panel.on_sale.tolist() == [[0, 1]]
    assert panel.in_stock.tolist() == [[-1, 0]] and panel.regular_paise.tolist() == [[1000, 1000]]
    assert panel.group.tolist() == ["F"] and panel.sellers() == ["x"]


def test_weekly_data_are_found_out_even_when_a_week_is_missing_and_a_day_slips():
    panel = from_long(table(("a", 0, 1.0), ("a", 7, 2.0), ("a", 13, 3.0), ("a", 28, 4.0), ("a", 35, 5.0)))
    assert panel.step_days == 7 and panel.price_paise.tolist() == [[100, 200, 300, 0, 400, 500]]


def test_a_log_of_changes_is_carried_to_the_last_collected_day_and_not_over_days_without_collection():
    panel = from_long(table(("a", 0, 1.0), ("b", 1, 5.0), ("b", 3, 6.0)), carry=True)
    assert panel.price_paise.tolist() == [[100, 100, 0, 100], [0, 500, 0, 600]]


def test_rows_before_since_are_levels_to_start_from():
    log = table(("a", 0, 1.0), ("b", 4, 5.0), ("a", 5, 2.0))
    panel = from_long(log, carry=True, since=START + timedelta(days=4))
    assert panel.price_paise.tolist() == [[100, 200], [500, 500]]
    assert from_long(log, since=START + timedelta(days=4)).price_paise.tolist() == [[0, 200], [500, 0]]


def test_a_seller_whose_rows_are_all_before_since_is_left_out():
    log = pl.concat([table(("a", 0, 1.0), ("a", 5, 2.0)).with_columns(seller=pl.lit("open")),
                     table(("a", 1, 9.0), ("b", 2, 8.0)).with_columns(seller=pl.lit("gone"))])  # fmt: skip
    panel = from_long(log, carry=True, since=START + timedelta(days=4))
    assert (panel.sellers(), panel.price_paise.tolist()) == (["open"], [[200]])


def test_times_as_text_are_read_and_the_last_of_a_day_stands():
    rows = pl.DataFrame({"item": "a", "ts": ["2026-01-01 18:00:00", "2026-01-01 09:00:00"], "price": [3.0, 2.0]})
    assert from_long(rows).price_paise.tolist() == [[300]]


@pytest.mark.parametrize("rows", [pl.DataFrame({"item": ["a"], "price": [1.0]}), table(("a", 0, 0.0))])
def test_a_table_without_what_is_needed_is_refused(rows: pl.DataFrame):
    with pytest.raises(InputError):
        from_long(rows)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("realism") / "market"
    qsim.generate(directory, products=60, seed=3, update_interval_seconds=7200)
    qsim.run(directory, ticks=12 * 5)
    return directory


def test_a_market_gives_its_prices_of_each_noon(market: Path):
    with qsim.connect(market) as connection:
        panel = from_market(connection)
        assert panel.price_paise.shape[1] == 5 and panel.step_days == 1
        products = connection.sql("SELECT count(*) FROM products WHERE is_active").fetchall()[0][0]
        assert len(panel.item) == 5 * products and len(panel.sellers()) == 5
        for day in range(5):
            noon = f"TIMESTAMP '2026-01-0{day + 1} 12:00:00'"
            rows = connection.sql(
                f"SELECT product_id, platform, price, regular_price, discount_pct > 0, mrp, is_loose FROM prices_at({noon})"
            ).fetchall()
            wanted = {(str(row[0]), row[1]): row[2:] for row in rows}
            for at, key in enumerate(zip(panel.item.tolist(), panel.seller.tolist(), strict=True)):
                price, regular, sale, mrp, loose = wanted[key]
                assert panel.price_paise[at, day] == price * 100 and panel.regular_paise[at, day] == regular * 100
                assert panel.on_sale[at, day] == sale and panel.mrp_paise[at, day] == (mrp or 0) * 100
                assert panel.group[at] == ("F" if loose else "P")
        assert (panel.in_stock == -1).all()


def test_a_market_without_two_noons_is_refused(tmp_path: Path):
    qsim.generate(tmp_path / "m", products=20, update_interval_seconds=3600)
    with qsim.connect(tmp_path / "m") as connection, pytest.raises(UsageError, match="noons"):
        from_market(connection)


def test_austrian_shops_are_collected_on_some_days_only():
    panel = shop("billa")
    collected = {str(day) for day in panel.days[(panel.price_paise > 0).any(axis=0)]}
    assert panel.price_paise.shape == (11_847, 86) and "2023-06-07" in collected
    assert not collected & {"2023-06-29", "2023-07-05", "2023-07-09", "2023-08-25"}


def test_of_a_seller_with_few_rows_in_a_log_of_changes_days_without_one_are_days_without_a_change():
    panel = from_long(table(("a", 0, 1.0), ("b", 1, 5.0), ("a", 4, 2.0), ("a", 8, 3.0)), carry=True)
    assert panel.step_days == 1
    assert panel.price_paise.tolist() == [[100] * 4 + [200] * 4 + [300], [0] + [500] * 8]
