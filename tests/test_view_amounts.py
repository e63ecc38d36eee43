"""Amounts, shares and states in the views of the catalog and of the history, against the rows of their tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest

import qsim
from qsim import simulation
from qsim.schema import Cause

HOUR, DAY = 3600, 86_400
# A view, its table, what tells a row, and what is told in hundredths: columns of the view by those of the table.
HUNDREDTHS = [
    ("snapshots", "snapshots", "tick, listing_id, stock", {
        "price": "price_paise", "regular_price": "regular_price_paise", "discount_pct": "discount_bps",
        "surge_pct": "surge_bps", "surge_fee": "surge_fee_paise"}),
    ("price_history", "events", "tick, listing_id", {
        "price_before": "price_before_paise", "price_after": "price_after_paise", "regular_price": "regular_price_paise",
        "discount_pct": "discount_bps", "surge_pct": "surge_bps", "surge_fee": "surge_fee_paise"}),
    ("listings", "listings", "listing_id, product_id, store_id", {
        "anchor_price": "anchor_price_paise", "unit_cost": "unit_cost_paise"}),
    ("products", "products", "product_id, product, volatility_group", {"base_price": "base_price_paise"}),
    ("platforms", "platforms", "platform, name", {
        "delivery_fee": "delivery_fee_paise", "handling_fee": "handling_fee_paise",
        "free_delivery_from": "free_delivery_from_paise", "minimum_order": "minimum_order_paise"}),
    ("calendar", "calendar", "name, date, days, from_hour, to_hour, city, demand, sales", {"deeper_pct": "deeper_bps"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def surging(ready_market: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with qsim.connect(ready_market) as connection:
        yield connection


@pytest.fixture(scope="module")
def festive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a realistic market, which has campaigns, a calendar and costs."""
    market = tmp_path_factory.mktemp("amounts") / "m"
    qsim.generate(market, preset="realistic", products=30, update_interval_seconds=HOUR)
    qsim.run(market, ticks=24)
    with qsim.connect(market) as connection:
        yield connection


@pytest.mark.parametrize(("view", "table", "row", "columns"), HUNDREDTHS, ids=[view for view, *_ in HUNDREDTHS])
def test_amounts_and_percents_are_hundredths_of_those_of_the_table(
    surging: duckdb.DuckDBPyConnection,
    festive: duckdb.DuckDBPyConnection,
    view: str,
    table: str,
    row: str,
    columns: dict[str, str],
) -> None:
    connection = surging if view in ("snapshots", "price_history") else festive
    found = connection.sql(f"SELECT {row}, {', '.join(columns)} FROM {view}").fetchall()
    stored = connection.sql(f"SELECT {row}, {', '.join(columns.values())} FROM raw.{table}").fetchall()
    keys = len(row.split(","))
    assert Counter(found) == Counter(
        (*one[:keys], *(Decimal(int(value)) / 100 for value in one[keys:])) for one in stored
    )
    assert len({*found}) > 1 and all(len({one[at] for one in found}) > 1 for at in range(keys, len(found[0])))


def test_causes_have_the_names_of_their_numbers(surging: duckdb.DuckDBPyConnection) -> None:
    named = surging.sql("SELECT tick, listing_id, cause FROM price_history").fetchall()
    stored = surging.sql("SELECT tick, listing_id, cause FROM raw.events").fetchall()
    assert Counter(named) == Counter((tick, at, Cause(cause).name.lower()) for tick, at, cause in stored)
    assert len({cause for *_, cause in named}) > 3


def test_a_campaign_is_past_running_or_coming_as_the_ticks_have_it(festive: duckdb.DuckDBPyConnection) -> None:
    columns = "starts_second, duration_seconds, repeat_seconds, ends_second"
    stored = festive.sql(f"SELECT {columns} FROM raw.campaigns ORDER BY campaign_id").fetchall()
    clocks = simulation.Campaigns(*(np.array(column, np.int64) for column in zip(*stored, strict=True)))
    seconds = np.arange(0, 9 * DAY, HOUR // 2)
    seconds = np.append(seconds, [ends - 1 for *_, ends in stored] + [ends for *_, ends in stored])
    seen: Counter[str] = Counter()
    festive.execute("BEGIN")
    try:
        for second, running in zip(seconds.tolist(), clocks.running(seconds).tolist(), strict=True):
            festive.execute(f"CREATE OR REPLACE MACRO raw.head_second() AS {second}")
            found = [
                status for (status,) in festive.sql("SELECT status FROM campaigns ORDER BY campaign_id").fetchall()
            ]
            assert found == [
                "past" if second >= ends else "running" if runs else "coming"
                for (*_, ends), runs in zip(stored, running, strict=True)
            ], second
            seen.update(found)
    finally:
        festive.execute("ROLLBACK")
    assert min(seen[name] for name in ("past", "running", "coming")) > 10


def test_lines_of_campaigns_are_told_for_the_next_fourteen_days(festive: duckdb.DuckDBPyConnection) -> None:
    ((head,),) = festive.sql("SELECT raw.head_second()").fetchall()
    columns = "campaign_id, starts_second, duration_seconds, repeat_seconds, ends_second"
    wanted = []
    for number, starts, duration, repeat, ends in festive.sql(f"SELECT {columns} FROM raw.campaigns").fetchall():
        begins = range(starts, min(ends, head + 14 * DAY), repeat) if repeat else [starts]
        wanted += [(number, begin, min(begin + duration, ends)) for begin in begins]
    query = """SELECT DISTINCT campaign_id, epoch(starts_at - second_time(0))::BIGINT, epoch(ends_at - second_time(0))::BIGINT
        FROM discounts WHERE campaign_id IS NOT NULL ORDER BY ALL"""
    lines = {number for (number,) in festive.sql("SELECT DISTINCT campaign_id FROM raw.campaign_lines").fetchall()}
    assert festive.sql(query).fetchall() == sorted(one for one in wanted if one[0] in lines)
    assert max(begin for _, begin, _ in wanted) > head + 8 * DAY
