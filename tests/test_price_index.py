"""Price indices of days on which little or nothing was sold, and the indices of a market that has no orders."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import qsim
from tests.handmade import START
from tests.indices import DAY, fisher


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A market of five weeks in ticks of a day, in which goods sell out while they are on sale."""
    market = tmp_path_factory.mktemp("traded") / "m"
    qsim.generate(market, preset="realistic", products=20, update_interval_seconds=DAY, start=START.date().isoformat())
    qsim.run(market, ticks=35)
    return qsim.connect(market)


def test_jevons_of_goods_that_all_began_in_stock_is_their_mean_change(traded: Any) -> None:
    query = """WITH ends AS (
            SELECT platform, category, min_by(in_stock, day) AS began, max_by(price::DOUBLE, day) FILTER (in_stock)
                / min_by(price::DOUBLE, day) AS change, count(*) FILTER (NOT in_stock) AS gaps
            FROM daily_prices GROUP BY listing_id, platform, category)
        SELECT any_value(jevons), 100 * exp(avg(ln(change))), sum(gaps)
        FROM ends JOIN (SELECT platform, category, max_by(jevons, day) AS jevons FROM price_index GROUP BY ALL)
            USING (platform, category)
        GROUP BY platform, category HAVING bool_and(began)"""
    rows = traded.sql(query).fetchall()
    assert len(rows) > 5 and sum(gaps for *_, gaps in rows) > 20
    assert [jevons for jevons, *_ in rows] == pytest.approx([change for _, change, _ in rows], rel=1e-9)


def test_fisher_compares_with_the_first_four_weeks(traded: Any) -> None:
    sold: dict[date, dict[int, tuple[float, float]]] = defaultdict(dict)
    query = "SELECT day, listing_id, revenue_paise, units FROM raw.daily_orders WHERE units > 0 ORDER BY day"
    for day, at, spent, units in traded.sql(query).fetchall():
        sold[day][at] = spent, units
    index = "SELECT day, fisher FROM price_index WHERE (platform, category) = ('all', 'all') ORDER BY day"
    days, found = zip(*traded.sql(index).fetchall(), strict=True)
    assert list(found) == pytest.approx(fisher(sold, list(days), {at for day in sold.values() for at in day}), rel=1e-9)


def test_the_orders_of_a_daily_tick_are_of_the_day_that_it_ends(traded: Any) -> None:
    days = traded.sql("SELECT DISTINCT day FROM market_share ORDER BY day").fetchall()
    assert [day for (day,) in days] == [START.date() + timedelta(days=n) for n in range(35)]


def test_a_market_without_orders_has_indices_and_no_sales(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=20, update_interval_seconds=7200)
    qsim.run(tmp_path / "m", duration=3 * 1440)
    connection = qsim.connect(tmp_path / "m")
    assert connection.sql("SELECT count(*) FROM market_share").fetchall() == [(0,)]
    levels = connection.sql(
        "SELECT day, jevons, fisher FROM price_index WHERE (platform, category) = ('all', 'all') ORDER BY 1"
    )
    assert [fisher for _, _, fisher in levels.fetchall()] == [None, None, None]
    rate = connection.sql(
        "SELECT count(DISTINCT out_of_stock_rate) FROM out_of_stock_rate WHERE (platform, category) = ('all', 'all')"
    )
    assert rate.fetchall() == [(1,)]
    stored = "SELECT avg((stock = 0)::INT) FROM raw.listings JOIN raw.products USING (product_id) WHERE is_active"
    now = "SELECT any_value(out_of_stock_rate) FROM out_of_stock_rate WHERE (platform, category) = ('all', 'all')"
    assert connection.sql(now).fetchall() == connection.sql(stored).fetchall()
