"""Figures that a fit reads off panels made for them: weekdays, sales that start together, prices that stick, sellers' bands."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsim.fitting.figures import measure
from qsim.fitting.preset import base_values, platforms
from tests.panels import panel_of as panel


def test_weekdays_of_changes_and_of_sales_are_those_of_the_calendar() -> None:
    # From Thursday 1 January 2026 on: regular prices change on Mondays, and sales run on Fridays and Saturdays.
    random = np.random.default_rng(2)
    weekday = (np.arange(84) + 3) % 7
    moves = (weekday == 0) & (random.random((60, 84)) < 0.3)
    sale = np.repeat(random.random((60, 12)) < 0.3, 7, axis=1) & np.isin(weekday, (4, 5))
    regular = np.round(10_000 * 1.03 ** np.cumsum(moves, axis=1))
    whole = panel(np.where(sale, np.round(0.8 * regular), regular).tolist(), on_sale=sale.tolist())
    found = measure(whole, {})
    assert found.price_weekdays == pytest.approx([7, 0, 0, 0, 0, 0, 0], abs=0.01)
    assert found.sale_weekdays == pytest.approx([0, 0, 0, 0, 7, 0, 0], abs=0.01)
    weekly = measure(panel(regular[:, ::7].tolist(), step_days=7), {})
    assert weekly.price_weekdays == weekly.sale_weekdays == [1.0] * 7


def test_sales_that_start_together_are_counted_among_the_sellers_of_an_item() -> None:
    flags = np.zeros((90, 20), np.int8)
    # Of 30 items with two sellers half start a sale at both on one day, the others on two days; an item with one seller tells nothing.
    for item in range(30):
        flags[2 * item, 5:8] = 1
        flags[2 * item + 1, 5:8] = item % 2
        flags[2 * item + 1, 10:13] = 1 - item % 2
    flags[60:, 5:8] = 1
    items = [f"item{row // 2 if row < 60 else row}" for row in range(90)]
    sellers = [f"shop{row % 2}" for row in range(90)]
    prices = np.where(flags, 8_000, 10_000).tolist()
    found = measure(panel(prices, on_sale=flags.tolist(), item=items, seller=sellers), {})
    assert found.together == pytest.approx(0.5)
    assert found.sale_share == pytest.approx(3 / 20)


def test_prices_in_nine_rupees_stick_as_much_longer_as_they_do() -> None:
    # 199 rupees change in half of the series, 200 in all of them, after 20 of 40 days.
    prices = [[19_900] * 20 + [21_050 if row % 2 else 19_900] * 20 for row in range(120)]
    prices += [[20_000] * 20 + [21_050] * 20 for _ in range(120)]
    found = measure(panel(prices, on_sale=np.zeros((240, 40), np.int8).tolist()), {})
    nine, whole = (-math.log(1 - changes / pairs) for changes, pairs in ((60, 60 * 20 + 60 * 39), (120, 120 * 20)))
    assert found.nine_stick == pytest.approx(nine / whole, rel=1e-6)
    assert measure(panel(prices[:40]), {}).nine_stick is None


def test_sellers_become_platforms_with_their_bands_and_as_many_sales_as_they_had() -> None:
    # Of eleven items the second seller asks e^0.00, e^0.02, ... times what the first does; this is on sale twice as often.
    dearer = np.exp(0.02 * np.arange(11))
    base = np.full((11, 20), 1_000_000)
    flags = np.zeros((22, 20), np.int8)
    flags[:11, :4] = 1
    flags[11:, :2] = 1
    prices = np.concatenate([base, np.round(base * dearer[:, None])]).astype(int).tolist()
    items = [f"item{row % 11:02}" for row in range(22)]
    whole = panel(prices, on_sale=flags.tolist(), item=items, seller=["Cheap"] * 11 + ["Dear"] * 11)
    found = platforms(whole, measure(whole, {}), base_values("realistic"))
    assert found is not None
    told = {
        name: (one["low_percent"], one["high_percent"], one["average_discount_percent"]) for name, one in found.items()
    }
    # The tenth and the ninetieth percentile of eleven values are the second and the last but one.
    low, high = (100 * math.exp(share) for share in (0.01, 0.09))
    assert told == {
        "cheap": (round(10_000 / high, 1), round(10_000 / low, 1), 13.33),
        "dear": (round(low, 1), round(high, 1), 6.67),
    }
