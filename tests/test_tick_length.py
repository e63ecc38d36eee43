"""A realistic market of 1-minute, 5-minute and 60-minute ticks is the same market: its daily moments agree within error.

Customers and what may happen to prices come by the hour of market time, so markets of one seed are compared product by
product; the error of a difference is that of paired products as clusters. What a tick's length changes by construction is
small, and some moments are allowed it (`Moment.by_construction`, a share of the moment at ticks of an hour, less for
shorter ones in proportion):

* a listing that changes twice within a tick has one event: what is counted here is hours with a repricing or an answer to
  a rival; of all repricings by the minute fewer than one in ten, most of them of produce in the morning, follow another
  within the hour;
* what runs out within a tick is not bought elsewhere by the customers who come after in the same tick;
* what falls due within a tick (orders of stock, deliveries, ends of sales) waits for its end, half a tick on average;
* a price paid, and what a rival looks at, is that of the tick before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

import qsim

PRODUCTS, DAYS, SEED = 200, 5, 1
MINUTE, FIVE, HOUR = 60, 300, 3_600
ERRORS = 3.5


class Moment(NamedTuple):
    """A ratio of two totals over products, of produce (F), packaged goods (P) or all (A)."""

    top: str
    bottom: str
    scope: str = "A"
    by_construction: float = 0.0


MOMENTS = {
    "P(change) of produce from noon to noon": Moment("changes", "pairs", "F"),
    "P(change) of packaged goods from noon to noon": Moment("changes", "pairs", "P"),
    "mean |log change| from noon to noon": Moment("moved", "changes"),
    "share on sale at noon": Moment("on_sale", "noons", by_construction=0.01),
    "sale starts a listing and day": Moment("sales", "noons"),
    "hours with a repricing of produce": Moment("repricings", "noons", "F"),
    "hours with an answer to a rival": Moment("answers", "noons"),
    "share of time without stock": Moment("empty", "noons", by_construction=0.04),
    "deliveries a listing and day": Moment("deliveries", "noons", by_construction=0.02),
    "units wanted a listing and day": Moment("wanted", "noons"),
    "units sold a listing and day": Moment("units", "noons", by_construction=0.01),
    "rupees paid a unit": Moment("revenue", "units"),
}
TOTALS = """
    WITH seen AS (
        SELECT listing_id, day, discount_pct > 0 AS on_sale,
            ln(price::DOUBLE / lag(price::DOUBLE) OVER (PARTITION BY listing_id ORDER BY day)) AS change
        FROM daily_prices),
    totals AS (
        SELECT listing_id, count(*) AS noons, count(change) AS pairs, count(*) FILTER (change <> 0) AS changes,
            sum(abs(change)) AS moved, count(*) FILTER (on_sale) AS on_sale FROM seen GROUP BY ALL
        UNION ALL BY NAME SELECT listing_id, count(*) AS sales FROM raw.discounts
            WHERE tick > 0 AND discount_bps > 0 GROUP BY ALL
        UNION ALL BY NAME SELECT listing_id, count(DISTINCT hour) FILTER (cause = 'reprice') AS repricings,
            count(DISTINCT hour) FILTER (cause = 'rival_match') AS answers
            FROM (SELECT *, (raw.second_of_tick(tick) - 1) // 3600 AS hour FROM price_history) GROUP BY ALL
        UNION ALL BY NAME SELECT listing_id, sum(ends - starts) / 86400 AS empty FROM raw.without_stock GROUP BY ALL
        UNION ALL BY NAME SELECT listing_id, count(*) AS deliveries FROM deliveries GROUP BY ALL
        UNION ALL BY NAME SELECT listing_id, sum(wanted_units) AS wanted, sum(units) AS units,
            sum(revenue::DOUBLE) AS revenue FROM orders GROUP BY ALL)
    SELECT product_id, if(is_loose, 'F', 'P') AS scope, sum(COLUMNS(t.* EXCLUDE (listing_id)))::DOUBLE
    FROM totals AS t JOIN listings USING (listing_id) JOIN products USING (product_id)
    WHERE is_active GROUP BY ALL ORDER BY product_id"""


def totals_of(folder: Path, interval: int, **changes: Any) -> pl.DataFrame:
    """The totals of each product of a market that is made and run for some days."""
    qsim.generate(
        folder,
        preset="realistic",
        products=PRODUCTS,
        seed=SEED,
        update_interval_seconds=interval,
        truth=False,
        **changes,
    )
    qsim.run(folder, ticks=DAYS * 86_400 // interval)
    with qsim.connect(folder) as con:
        return con.sql(TOTALS).pl().fill_null(0)


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("minute") / "m"


@pytest.fixture(scope="module")
def totals(minute: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, pl.DataFrame]:
    found = {MINUTE: totals_of(minute, MINUTE)}
    for interval in (FIVE, HOUR):
        found[interval] = totals_of(tmp_path_factory.mktemp(f"every{interval}") / "m", interval)
    return found


def _estimate(totals: pl.DataFrame, moment: Moment) -> tuple[float, np.ndarray]:
    """A moment, and how much each product moves it."""
    rows = totals if moment.scope == "A" else totals.filter(pl.col("scope") == moment.scope)
    top, bottom = rows[moment.top].to_numpy(), rows[moment.bottom].to_numpy()
    value = top.sum() / bottom.sum()
    return value, (top - value * bottom) / bottom.sum()


def differences(one: pl.DataFrame, other: pl.DataFrame, interval: int) -> dict[str, str]:
    """The moments in which a market of some interval is further from another than error and construction allow."""
    found = {}
    for name, moment in MOMENTS.items():
        (first, parts), (second, others) = _estimate(one, moment), _estimate(other, moment)
        error = float(np.sqrt(((others - parts) ** 2).sum()))
        allowed = ERRORS * error + first * moment.by_construction * interval / HOUR
        told = f"{first:.4f} and {second:.4f}, error {error:.4f}, {(second - first) / error:+.1f} errors, allowed {allowed:.4f}"
        print(f"seed {SEED}, {interval} s: {name}: {told}")
        if abs(second - first) > allowed:
            found[name] = told
    return found


@pytest.mark.parametrize("interval", [FIVE, HOUR])
def test_daily_moments_are_those_of_ticks_of_a_minute(totals: Mapping[int, pl.DataFrame], interval: int) -> None:
    assert differences(totals[MINUTE], totals[interval], interval) == {}


def test_little_happens_twice_to_a_listing_within_an_hour(minute: Path) -> None:
    query = """SELECT cause, count(*) - count(DISTINCT (listing_id, (tick - 1) // 60)), count(*)
        FROM price_history WHERE cause IN ('reprice', 'discount_start', 'rival_match') GROUP BY ALL"""
    with qsim.connect(minute) as con:
        repeated = {cause: again / events for cause, again, events in con.sql(query).fetchall()}
    assert repeated["reprice"] < 0.10
    assert repeated["discount_start"] < 0.01
    assert repeated["rival_match"] < 0.10


@pytest.mark.parametrize(
    ("changes", "moments"),
    [
        (
            {
                "repricing": {
                    "a_day": {"fruits": 0.58 / 12, "vegetables": 0.58 / 12},
                    "gap_a_day": {"fruits": 0.9 / 12, "vegetables": 0.9 / 12},
                },
                "demand": {"level": 1 / 12},
            },
            {"P(change) of produce from noon to noon", "units wanted a listing and day"},
        ),
        (
            {
                "sales": {"share": 0.1 / 12},
                "rivals": {"looks_a_day": 6 / 12},
                "supply": {"wait_days": 0.25 * 12, "late_days": 1.6 * 12},
            },
            {"sale starts a listing and day", "hours with an answer to a rival", "share of time without stock"},
        ),
    ],
)
def test_chances_of_five_minutes_taken_once_an_hour_would_be_seen(
    totals: Mapping[int, pl.DataFrame], tmp_path: Path, changes: dict[str, Any], moments: set[str]
) -> None:
    assert moments <= differences(totals[MINUTE], totals_of(tmp_path / "m", HOUR, **changes), HOUR).keys()
