"""Moments of prices on panels small enough to work out by hand, their errors, and on real prices."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
import polars as pl
import pytest

from qsim.realism import movement
from qsim.realism.moments import measure
from qsim.realism.panel import from_long
from qsim.realism.sample import estimated, mean, median, sample_of
from tests.panels import panel_of, shared

TWO = log(2)


def value(key: str, *prices: list[int], **given: Any) -> float | None:
    return measure(panel_of(prices, **given), draws=0)[key].value


def close(number: float) -> Any:
    return pytest.approx(number, abs=1e-12)


def test_rate_counts_pairs_of_observed_days_only():
    assert value("change_rate_all", [100, 110, 110, 0, 120]) == close(1 / 2)
    assert value("change_rate_all", [100, 110, 110, 0, 120], step_days=7) == close(1 - 0.5 ** (1 / 7))
    assert value("change_rate_all", [100, 0, 120]) is None


def test_rates_of_produce_and_packaged_goods_are_apart():
    found = measure(panel_of([[1, 2, 2], [1, 2, 3], [1, 1, 1]], group=["P", "F", "?"]), draws=0)
    rates = [found[f"change_rate_{part}"].value for part in ("all", "produce", "packaged")]
    assert rates == [close(3 / 6), close(1), close(1 / 2)]


def test_sizes():
    row = [100, 200, 100, 110, 111]
    assert value("mean_size", row) == close((2 * TWO + log(1.11)) / 4)
    assert value("median_size", row) == close((TWO + log(1.1)) / 2)
    assert value("small_share", row) == close(1 / 4)
    assert value("large_share", row) == close(2 / 4)
    assert value("decrease_share", row) == close(1 / 4)


def test_kurtosis():
    assert value("kurtosis", [100, 200, 100]) == pytest.approx(1)
    # Changes 0 mean, sizes a a a a 2a 2a: fourth moment 36/6, variance 12/6.
    assert value("kurtosis", [100, 200, 400, 200, 100, 400, 100]) == pytest.approx(6 / 4)
    assert value("kurtosis", [100, 200]) is None


def test_consecutive_changes_leave_out_unobserved_moves():
    assert value("consecutive_correlation", [100, 200, 100], [200, 100, 200]) == pytest.approx(-1)
    assert value("consecutive_correlation", [100, 200, 400], [400, 200, 100]) == pytest.approx(1)
    assert value("consecutive_correlation", [100, 200, 0, 300, 150], [200, 100, 0, 300, 600]) is None


def test_autocorrelation_of_changes():
    swing = [100, 200] * 12 + [100]
    assert value("change_autocorrelation", swing, group=["F"]) == pytest.approx(-1)
    assert value("change_autocorrelation", swing, group=["F"], step_days=7) is None
    assert value("change_autocorrelation", [100] * 30, group=["F"]) is None


def test_autocorrelation_of_levels_needs_a_year():
    blocks = ([100] * 30 + [200] * 30) * 7
    assert value("level_autocorrelation", blocks, group=["F"]) == pytest.approx(-1)
    assert value("level_autocorrelation", blocks[:364], group=["F"]) is None


def test_spread_of_levels():
    assert value("level_spread", [100, 0, 400], [100, 100, 100], group=["F", "F"]) == close(TWO / 2)


def test_hazard_and_its_ratio():
    assert movement.hazard(sample_of(panel_of([[1, 2, 3, 3, 3]])), 2).tolist() == [1 / 2, 0]
    # Age 8 ends in a change; of three prices of ages 1 and 2, one changes; the first spell has no known beginning.
    assert value("hazard_ratio", [1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4]) == close(1 / 3)
    # A gap makes the age unknown.
    assert value("hazard_ratio", [1, 2, 2, 2, 2, 0, 2, 2, 2, 3, 4]) is None


def test_modal_price_is_of_the_quarter():
    row = [100] * 60 + [120] * 31 + [150] * 91 + [7, 8, 9]
    assert value("modal_share", row) == close((60 + 91) / 182)
    assert value("modal_share", [100, 0, 110, 100]) == close(2 / 3)


def test_cuts_return_to_the_exact_price_in_28_days():
    back, stays, late = [100, 80] + [100] * 29, [100] + [80] * 30, [100, 80] + [81] * 28 + [100]
    assert value("cut_return", back, stays) == close(1 / 2)
    assert value("cut_return", back, late) == close(1 / 2)
    assert value("cut_return", [100] * 20 + [80, 100] * 5) is None
    assert value("cut_return", [100, 80, 90, 95, 100, 100], step_days=7) == close(1)


def test_listings_and_products_on_sale():
    on = [[1, 0, 0], [0, 1, 0], [0, 0, -1]]
    given: dict[str, Any] = {"on_sale": on, "item": ["a", "a", "b"], "seller": ["x", "y", "x"]}
    assert value("sale_share", [9, 9, 9], [9, 9, 9], [9, 9, 9], **given) == close(2 / 8)
    assert value("product_sale_share", [9, 9, 9], [9, 9, 9], [9, 9, 9], **given) == close(2 / 5)
    assert value("product_sale_share", [9, 9], on_sale=[[1, 0]]) is None
    assert value("sale_share", [9, 9]) is None


def test_depth_is_off_the_regular_price_or_else_the_price_before():
    assert value("sale_depth", [90, 80], on_sale=[[1, 1]], regular=[[100, 100]]) == close(0.15)
    assert value("sale_depth", [100, 80, 60, 100], on_sale=[[0, 1, 1, 0]]) == close(0.3)
    assert value("sale_depth", [80, 100], on_sale=[[1, 0]]) is None


def test_sales_return_to_the_price_before():
    on = [[0, 1, 1, 0], [0, 1, 0, 0]]
    assert value("sale_return", [100, 80, 80, 100], [100, 80, 90, 100], on_sale=on) == close(1 / 2)
    assert value("sale_return", [80, 80, 100, 100], on_sale=[[1, 1, 0, 0]]) is None
    assert value("sale_return", [100, 80, 0, 100], on_sale=[[0, 1, -1, 0]]) is None


def test_dispersion_across_sellers():
    two: dict[str, Any] = {"item": ["a", "a"], "seller": ["x", "y"]}
    assert value("seller_spread", [100, 100], [400, 400], **two) == close(TWO * sqrt(2))
    assert value("seller_spread", [100, 100], [400, 0], **two) == close(TWO * sqrt(2))
    assert value("seller_spread", [100, 100], [400, 400]) is None


@pytest.mark.parametrize(
    ("prices", "seller", "good"),
    [
        ([[1, 1], [2, 2], [1, 1], [2, 2]], 1, 0),
        ([[1, 1], [2, 2], [2, 2], [1, 1]], 0, 1),
        ([[1, 2], [2, 1], [1, 2], [2, 1]], 0, 0),
        ([[1, 1], [2, 2], [1, 1], [1, 1]], 1 / 2, 1 / 2),
    ],
)
def test_variance_shares(prices: list[list[int]], seller: float, good: float):
    given: dict[str, Any] = {"item": ["a", "a", "b", "b"], "seller": ["x", "y", "x", "y"]}
    assert value("seller_share", *prices, **given) == close(seller)
    assert value("seller_good_share", *prices, **given) == close(good)


def test_synchronisation_is_against_the_items_own_rates():
    two: dict[str, Any] = {"item": ["a", "a"], "seller": ["x", "y"]}
    assert value("sync_lift", [1, 2, 2, 3, 3], [5, 6, 6, 7, 7], **two) == close(2)
    assert value("sync_lift", [1, 2, 2, 3, 3], [5, 5, 6, 6, 7], **two) == close(0)
    often_and_never: dict[str, Any] = {"item": ["a", "a", "b", "b"], "seller": ["x", "y", "x", "y"]}
    assert value("sync_lift", [1, 2, 3], [1, 2, 3], [5, 5, 5], [5, 5, 5], **often_and_never) == close(1)


def test_identical_prices_are_counted_over_pairs_of_sellers():
    three: dict[str, Any] = {"item": ["a"] * 3, "seller": ["x", "y", "z"]}
    assert value("identical_share", [1, 2], [1, 3], [1, 0], **three) == close(3 / 4)


def test_endings():
    row = [1900, 1000, 1500, 1250, 2900]
    found = [value(key, row) for key in ("whole_share", "nine_share", "round_share")]
    assert found == [close(4 / 5), close(2 / 4), close(2 / 4)]


def test_prices_against_mrp():
    row, mrp = [80, 100, 110, 50], [[100, 100, 100, 0]]
    found = [value(key, row, mrp=mrp) for key in ("below_mrp", "mean_discount", "above_mrp")]
    assert found == [close(1 / 3), close(0.1 / 3), close(1 / 3)]
    assert value("below_mrp", row) is None


def test_stock():
    assert value("out_of_stock", [1, 1, 1], in_stock=[[0, 1, -1]]) == close(1 / 2)
    assert value("out_of_stock", [1, 1, 1]) is None


def test_errors_are_those_of_independent_items_and_grow_when_items_are_alike():
    draws = np.random.Generator(np.random.Philox(5)).normal(size=400)
    code = np.arange(400)
    expected = draws.std() / 20
    assert estimated(mean(code, 400, draws), 400, 200, 1)[1] == pytest.approx(expected, rel=0.2)
    centre, error = estimated(median(code, draws), 400, 200, 1)
    assert centre == pytest.approx(np.median(draws)) and error == pytest.approx(1.2533 * expected, rel=0.35)
    # Four copies of each value under one item are no more information than one.
    fourfold = estimated(mean(np.repeat(code, 4), 400, np.repeat(draws, 4)), 400, 200, 1)[1]
    assert fourfold == pytest.approx(expected, rel=0.2)
    assert np.isnan(estimated(mean(code[:1], 1, draws[:1]), 1, 200, 1)[1])


def test_errors_are_seeded():
    panel = panel_of(np.random.Generator(np.random.Philox(2)).integers(100, 105, (30, 20)).tolist())
    assert measure(panel, seed=7) == measure(panel, seed=7) != measure(panel, seed=8)


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        ("onion", (0.501, 0.0715, 0.0476, 0.537, 0.045, 0.424, 3.64, -0.31, 0.363)),
        ("carrot", (0.380, 0.1017, 0.0527, 0.467, 0.167, 0.467, 4.90, -0.09, 0.187)),
    ],
)
def test_bigbasket_produce(item: str, wanted: tuple[float, ...]):
    rows = shared("bigbasket_daily_vegetables.parquet").filter(pl.col("item") == item)
    found = measure(from_long(rows.with_columns(group=pl.lit("F"))), draws=0)
    keys = ("change_rate_produce", "mean_size", "median_size", "small_share", "large_share", "decrease_share", "kurtosis",
            "change_autocorrelation", "level_spread")  # fmt: skip
    assert [found[key].value for key in keys] == pytest.approx(wanted, abs=0.006)
    if item == "onion":
        assert found["level_autocorrelation"].value == pytest.approx(0.75, abs=0.01)


def test_bigbasket_catalog():
    rows = shared("bigbasket_catalog.parquet").select(
        pl.col("index").alias("item"), pl.col("sale_price").alias("price"), pl.col("market_price").alias("mrp"),
        pl.lit("2026-01-01").alias("date"), pl.lit("P").alias("group"),
    )  # fmt: skip
    found = measure(from_long(rows), draws=50)
    wanted = {
        "whole_share": 0.796,
        "nine_share": 0.283,
        "round_share": 0.535,
        "below_mrp": 0.553,
        "mean_discount": 0.118,
    }
    assert {key: found[key].value for key in wanted} == pytest.approx(wanted, abs=0.001)
    share, error = found["whole_share"].value, found["whole_share"].se
    assert share is not None and error == pytest.approx(sqrt(share * (1 - share) / len(rows)), rel=0.4)
    assert found["above_mrp"].value == 0 and found["change_rate_all"].value is None
