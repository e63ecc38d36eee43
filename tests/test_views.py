"""Views and as-of macros of a connection, against the history replayed in plain Python."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from tests.replay import START, Replayed, rupees
from tests.view_rows import at, moments, rows

PROMISED = {
    "products": "product_id product brand category subcategory pack unit mrp is_loose is_active",
    "listings": "listing_id product_id platform store_id city pincode anchor_price mrp",
    "prices": "listing_id product_id product brand category subcategory pack platform store_id city mrp regular_price price"
    " discount_pct off_mrp_pct unit_price surge_fee stock in_stock updated_at",
    "price_history": "tick ts listing_id product_id product category platform store_id cause price_before price_after"
    " discount_pct",
    "discounts": "listing_id campaign_id discount_pct starts_at ends_at",
    "platforms": "platform name",
    "stores": "store_id platform city pincode",
    "campaigns": "campaign_id campaign kind platform starts_at ends_at",
    "inventory": "listing_id product_id platform store_id stock reserved reorder_level target_stock status",
    "epochs": "epoch first_tick last_tick starts_at ends_at interval_seconds scenario closed changes",
    "snapshots": "tick listing_id price regular_price discount_pct",
    "metrics": "tick attempted changed",
    "platform_metrics": "tick ts platform category attempted changed clipped failed skipped_waiting skipped_inactive sized"
    " mean_change_pct sd_change_pct discounted surging out_of_stock",
    "orders": "tick ts listing_id product_id product category platform store_id units wanted_units lost_units price cost revenue"
    " margin",
    "deliveries": "tick ts listing_id units stock",
    "fees": "tick ts store_id platform city fee load is_raining",
    "truth": "tick ts listing_id cause anchor_price regular_price cost_part noise_part discount_part campaign_part surge_part"
    " time_of_day_part zone_part rounding_part rival_part price shock_id hazard_a_day source_listing_id",
}
RUPEES = {"mrp", "price", "regular_price", "anchor_price", "unit_price", "surge_fee", "price_before", "price_after",
          "cost", "revenue", "margin", "fee", "noise_part", "rival_part", "discount_part"}  # fmt: skip
TIMES = {"ts", "starts_at", "ends_at", "updated_at"}


@pytest.fixture(scope="module")
def connection(replayed_connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    return replayed_connection


def as_priced(found: list[dict[str, Any]]) -> dict[int, tuple[Any, ...]]:
    columns = ("price", "regular_price", "discount_pct", "surge_fee", "updated_at")
    return {row["listing_id"]: tuple(row[name] for name in columns) for row in found}


@pytest.mark.parametrize("view", list(PROMISED))
def test_every_view_has_its_promised_columns_in_rupees_and_indian_time(
    connection: duckdb.DuckDBPyConnection, view: str
) -> None:
    relation = connection.sql(f"SELECT * FROM {view}")
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    assert set(PROMISED[view].split()) <= set(types)
    assert all(types[name].startswith("DECIMAL(") and types[name].endswith(",2)") for name in RUPEES & set(types))
    assert all(types[name] == "TIMESTAMP" for name in TIMES & set(types))
    assert all(types[name].startswith("DECIMAL(5,2") for name in {"discount_pct", "off_mrp_pct"} & set(types))


@pytest.mark.parametrize("view", list(PROMISED))
def test_a_market_that_never_ran_has_every_view_with_the_same_types(
    connection: duckdb.DuckDBPyConnection, unrun: Path, view: str
) -> None:
    empty, full = (one.sql(f"SELECT * FROM {view}") for one in (qsim.connect(unrun), connection))
    assert (empty.columns, list(map(str, empty.types))) == (full.columns, list(map(str, full.types)))
    without = ("price_history", "metrics", "platform_metrics", "orders", "deliveries", "fees", "truth")
    assert bool(empty.fetchall()) == (view not in without)


def test_prices_is_the_state_replayed_from_the_events(replayed: Replayed, connection: Any) -> None:
    found = as_priced(rows(connection, "SELECT * FROM prices"))
    assert found == replayed.prices(len(replayed.times) - 1)
    assert len(found) == 250


def test_prices_of_a_commit_without_a_snapshot_are_the_events_laid_on_the_last_one(
    replayed: Replayed, tmp_path: Path
) -> None:
    shutil.copytree(replayed.market, tmp_path / "m")
    newest = max((tmp_path / "m" / "_commits").iterdir())
    named = json.loads(newest.read_bytes())["body"]["files"]
    assert [file["table"] for file in named] == ["snapshots"]
    newest.unlink()
    found = as_priced(rows(qsim.connect(tmp_path / "m"), "SELECT * FROM prices"))
    assert found == replayed.prices(len(replayed.times) - 1)


def test_prices_at_any_time_is_the_replay_up_to_the_tick_before(replayed: Replayed, connection: Any) -> None:
    for moment in moments(replayed):
        found = as_priced(rows(connection, f"SELECT * FROM prices_at({at(moment)})"))
        assert found == replayed.prices(replayed.tick_at(moment)), moment


def test_prices_and_prices_at_have_the_same_columns_and_rows_at_the_head(replayed: Replayed, connection: Any) -> None:
    now, then = (
        connection.sql(f"SELECT * FROM {source} ORDER BY listing_id")
        for source in ("prices", f"prices_at({at(replayed.times[-1])})")
    )
    assert (now.columns, now.types, now.fetchall()) == (then.columns, then.types, then.fetchall())


def test_price_of_is_prices_at_of_one_product(replayed: Replayed, connection: Any) -> None:
    name = rows(connection, "SELECT product FROM products WHERE is_active ORDER BY product_id LIMIT 1")[0]["product"]
    moment = at(replayed.times[33])
    literal = name.replace("'", "''")
    found = rows(connection, f"SELECT * FROM price_of('{literal}', {moment}) ORDER BY listing_id")
    every = rows(connection, f"SELECT * FROM prices_at({moment}) ORDER BY listing_id")
    assert found == [row for row in every if row["product"] == name] != []


def test_price_history_is_the_events_with_the_times_of_their_ticks(replayed: Replayed, connection: Any) -> None:
    found = rows(connection, "SELECT tick, ts, listing_id, price_before, price_after, discount_pct FROM price_history")
    expected = [
        (e["tick"], replayed.times[e["tick"]], e["listing_id"], rupees(e["price_before_paise"]),
         rupees(e["price_after_paise"]), rupees(e["discount_bps"]))
        for e in replayed.table("events")
    ]  # fmt: skip
    assert Counter(tuple(row.values()) for row in found) == Counter(expected)


def test_each_change_of_a_listing_begins_at_the_price_where_the_last_one_ended(replayed: Replayed) -> None:
    last = {listing: state[0] for listing, state in replayed.state(0).items()}
    for event in replayed.table("events"):
        assert event["price_before_paise"] == last[event["listing_id"]], event
        last[event["listing_id"]] = event["price_after_paise"]


def test_plain_discounts_are_spells_from_their_start_to_their_end(replayed: Replayed, connection: Any) -> None:
    query = "SELECT listing_id, discount_pct, starts_at, ends_at FROM discounts WHERE campaign_id IS NULL"
    found = [tuple(row.values()) for row in rows(connection, query)]
    assert Counter(found) == Counter(replayed.spells())
    assert any(end is None for *_, end in found) and any(end for *_, end in found)


def test_active_at_is_what_a_search_of_all_discounts_at_the_last_tick_finds(
    replayed: Replayed, connection: Any
) -> None:
    starts = "SELECT DISTINCT starts_at, ends_at FROM raw.campaign_times WHERE starts_at > tick_time(0)"
    edges = {moment for row in rows(connection, starts) for moment in row.values()} - set(replayed.times)
    between = sorted(moment for moment in edges if moment < replayed.times[-1])
    assert between
    for moment in [*moments(replayed), *between[:10]]:
        query = f"SELECT listing_id, campaign_id, discount_pct FROM active_at({at(moment)})"
        found = Counter(tuple(row.values()) for row in rows(connection, query))
        tick = max((time for time in replayed.times if time <= moment), default=START)
        assert found == replayed.active(tick), moment


def test_discount_pct_is_the_deepest_running_discount_whatever_surge_and_hour_do(
    replayed: Replayed, connection: Any
) -> None:
    surging = 0
    for tick in (0, 30, 36, 41, 70, 80, len(replayed.times) - 1):
        moment = at(replayed.times[tick])
        deepest: dict[int, Decimal] = {}
        for listing, _, depth in replayed.active(replayed.times[tick]):
            deepest[listing] = max(depth, deepest.get(listing, Decimal(0)))
        found = rows(connection, f"SELECT * FROM prices_at({moment}) WHERE is_active")
        expected = {row["listing_id"]: deepest.get(row["listing_id"], Decimal(0)) for row in found}
        assert {row["listing_id"]: row["discount_pct"] for row in found} == expected, tick
        surging += sum(row["surge_fee"] > 0 and row["discount_pct"] > 0 for row in found)
    assert surging > 10


def test_off_mrp_and_unit_price_are_worked_out_from_the_price_halves_up(connection: Any) -> None:
    query = """SELECT * FROM {} JOIN (SELECT product_id, pack_units FROM products) USING (product_id)"""
    moments = (0, 100, 2_000)
    found = [
        row for s in moments for row in rows(connection, query.format(f"prices_at({at(START + timedelta(seconds=s))})"))
    ]
    halves = 0
    for row in [*found, *rows(connection, query.format("prices"))]:
        if row["mrp"] is None:
            assert row["off_mrp_pct"] is None
        else:
            assert row["off_mrp_pct"] == halves_up(100 * (1 - Fraction(row["price"]) / Fraction(row["mrp"])))
        exact = Fraction(row["price"]) / Fraction(str(row["pack_units"]))
        assert row["unit_price"] == halves_up(exact), row
        halves += 200 * exact % 2 == 1
    assert halves > 9
    assert {row["mrp"] is None for row in found} >= {False} and {row["in_stock"] for row in found} >= {True}


def halves_up(exact: Fraction) -> Decimal:
    return Decimal(math.floor(100 * exact + Fraction(1, 2))) / 100


def test_listings_and_stock_of_prices_are_those_of_the_catalog(replayed: Replayed, connection: Any) -> None:
    stores = {row["store_id"]: row for row in replayed.table("stores")}
    platforms = {row["platform_id"]: row["platform"] for row in replayed.table("platforms")}
    products = {row["product_id"]: row for row in replayed.table("products")}
    found = {row["listing_id"]: row for row in rows(connection, "SELECT * FROM prices")}
    for listing in replayed.table("listings"):
        row, store = found[listing["listing_id"]], stores[listing["store_id"]]
        product = products[listing["product_id"]]
        assert (row["platform"], row["city"]) == (platforms[store["platform_id"]], store["city"])
        assert (row["stock"], row["in_stock"]) == (listing["stock"], listing["stock"] > 0)
        assert (row["product"], row["brand"], row["pack"]) == (product["product"], product["brand"], product["pack"])
        assert row["mrp"] == (rupees(product["mrp_paise"]) if product["mrp_paise"] else None)


def test_a_plain_pattern_over_the_event_files_counts_what_the_view_counts(replayed: Replayed, connection: Any) -> None:
    pattern = str(replayed.market / "events" / "*.parquet").replace("'", "''")
    plain = duckdb.connect().sql(f"SELECT count(*) FROM '{pattern}'").fetchall()
    assert plain == connection.sql("SELECT count(*) FROM price_history").fetchall() != [(0,)]


def test_truth_parts_add_up_to_the_price(connection: Any) -> None:
    off = """SELECT count(*) FROM truth
        WHERE regular_price + discount_part + surge_part + time_of_day_part <> price
            OR anchor_price + noise_part + discount_part + surge_part + time_of_day_part <> price"""
    assert connection.sql(off).fetchall() == [(0,)]


def test_files_that_the_log_does_not_name_are_not_read(replayed: Replayed, tmp_path: Path, connection: Any) -> None:
    shutil.copytree(replayed.market, tmp_path / "m")
    first = min((tmp_path / "m" / "events").iterdir())
    shutil.copy(first, first.with_name("0000099999-0000099999-00000.parquet"))
    count = "SELECT count(*) FROM price_history"
    assert qsim.connect(tmp_path / "m").sql(count).fetchall() == connection.sql(count).fetchall()


def test_an_asof_join_of_few_rows_does_not_compare_them_with_all_others(ready_market: Path) -> None:
    of_few = (
        "SELECT * FROM (VALUES (0, 3)) AS few (k, t) ASOF JOIN (FROM range(99) AS r (t)) AS many ON few.t >= many.t"
    )
    plan = str(qsim.connect(ready_market).sql(f"EXPLAIN {of_few}").fetchall())
    assert "Asof Join" in plan and "Nested Loop" not in plan


def test_the_markets_time_now_is_that_of_its_newest_tick_also_after_a_refresh(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5)
    query = "SELECT market_time() AS now, market_time() - INTERVAL 1 HOUR AS before"
    with qsim.connect(tmp_path / "m") as connection:
        assert connection.sql(query).fetchall() == [(datetime(2026, 1, 1), datetime(2025, 12, 31, 23))]
        qsim.run(tmp_path / "m", ticks=3, update_interval_seconds=3600)
        qsim.run(tmp_path / "m", ticks=2, update_interval_seconds=60)
        qsim.refresh(connection)
        wanted = datetime(2026, 1, 1, 3, 2), datetime(2026, 1, 1, 2, 2)
        assert connection.sql(query).fetchall() == [wanted]
    assert tuple(qsim.guarded_sql(tmp_path / "m", query).rows[0].values()) == wanted
    assert qsim.status(tmp_path / "m")["market_time"] == str(wanted[0])
