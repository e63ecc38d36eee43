"""Views and as-of macros of a connection, against the history replayed in plain Python."""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import duckdb
import pytest

import qsim
from qsim.errors import UsageError
from tests.commands import program
from tests.replay import RUNS, START, Replayed, rupees

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


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    relation = connection.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def at(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.isoformat(sep=' ')}'"


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    place = tmp_path_factory.mktemp("views") / "it's a market"
    qsim.generate(place, products=25, stores=2, start=START.date().isoformat(), surge_probability=0.3, batch_size=9)
    for ticks, interval in RUNS:
        qsim.run(place, ticks=ticks, update_interval_seconds=interval)
    return Replayed(place)


@pytest.fixture(scope="module")
def connection(replayed: Replayed) -> duckdb.DuckDBPyConnection:
    return qsim.connect(replayed.market)


@pytest.fixture(scope="module")
def unrun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("unrun") / "m"
    qsim.generate(place, products=10)
    return place


def moments(replayed: Replayed) -> list[datetime]:
    """Random times, those of every change of epoch and just before and after, before the start and after the head."""
    chance = random.Random(7)
    length = (replayed.times[-1] - START).total_seconds()
    edges = [replayed.times[sum(ticks for ticks, _ in RUNS[:n])] for n in range(len(RUNS) + 1)]
    near = [edge + timedelta(seconds=gap) for edge in edges for gap in (-1, 0, 1, 6, 7)]
    far = [START - timedelta(days=400), replayed.times[-1] + timedelta(days=3), START + timedelta(seconds=899.999)]
    return [*near, *far, *(START + timedelta(seconds=round(chance.uniform(0, length), 3)) for _ in range(8))]


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


def test_tick_time_gives_the_time_of_every_tick_across_epochs(replayed: Replayed, connection: Any) -> None:
    head = len(replayed.times)
    found = connection.sql(f"SELECT tick_time(t) FROM range({head}) AS r(t) ORDER BY t").fetchall()
    assert [time for (time,) in found] == replayed.times


def test_tick_at_is_the_inverse_of_tick_time_and_rounds_down_between_ticks(replayed: Replayed, connection: Any) -> None:
    head = len(replayed.times)
    wrong = connection.sql(f"SELECT t FROM range({head}) AS r(t) WHERE tick_at(tick_time(t)) <> t").fetchall()
    assert wrong == []
    for moment in moments(replayed):
        assert connection.sql(f"SELECT tick_at({at(moment)})").fetchall() == [(replayed.tick_at(moment),)], moment


def test_the_argument_of_tick_at_is_copied_once_however_many_epochs_there_are(connection: Any) -> None:
    query = "SELECT parameters[1], macro_definition FROM duckdb_functions() WHERE function_name = ?"
    for name in ("tick_at", "tick_of_second", "second_at", "local", "tick_time_at"):
        [(parameter, text)] = connection.execute(query, [name]).fetchall()
        assert len(re.findall(rf"\b{parameter}\b", text)) == 1, (name, text)


@pytest.mark.parametrize("how", [(), ("--guarded",)], ids=["plain", "guarded"])
def test_a_time_with_a_zone_is_brought_to_indian_time_whatever_the_zone_of_the_machine(
    ran: Path, how: tuple[str, ...]
) -> None:
    query = "SELECT tick_at(TIMESTAMPTZ '2026-01-01 00:00:30+05:30') AS tick, '' || TIMESTAMPTZ '2026-01-01 00:00:30Z' AS shown"
    done = program("sql", ran, query, "--json", *how, **{**os.environ, "TZ": "America/New_York"})
    assert json.loads(done.out) == [{"tick": 6, "shown": "2026-01-01 05:30:30+05:30"}], done.err


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-31T18:30:30Z",
        "2026-01-01T00:00:30+05:30",
        "2026-01-01 00:00:30",
        "2025-12-31 13:30:30-05",
        "2026-01-01 00:00:30 Asia/Kolkata",
    ],
)
def test_a_text_with_an_offset_is_the_time_that_a_time_with_a_zone_is(text: str, ran: Path) -> None:
    with qsim.connect(ran) as connection:
        assert connection.execute(f"SELECT tick_at('{text}'), tick_at(TIMESTAMPTZ '{text}')").fetchone() == (6, 6)


def test_no_time_has_no_tick_and_no_prices_and_endless_ones_have_the_last_and_the_first(connection: Any) -> None:
    ticks = "SELECT tick_at(NULL), tick_at(TIMESTAMP 'infinity'), tick_at(TIMESTAMP '-infinity'), raw.head_tick()"
    none, last, first, head = connection.execute(ticks).fetchone()
    assert (none, last, first) == (None, head, 0)
    for macro in ("prices_at", "inventory_at", "active_at"):
        assert connection.execute(f"SELECT count(*) FROM {macro}(NULL)").fetchall() == [(0,)], macro
    ends = "SELECT sum(price), count(*) FROM"
    assert (
        connection.execute(f"{ends} prices_at(TIMESTAMP 'infinity')").fetchall()
        == connection.execute(f"{ends} prices").fetchall()
    )


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


def test_a_connection_sees_one_commit_while_a_run_goes_on_and_refresh_moves_it(unrun: Path, tmp_path: Path) -> None:
    shutil.copytree(unrun, tmp_path / "m")
    qsim.run(tmp_path / "m", ticks=10)
    connection = qsim.connect(tmp_path / "m")
    query = (
        "SELECT (SELECT count(*) FROM price_history), (SELECT sum(price) FROM prices), (SELECT max(tick) FROM metrics)"
    )
    before = connection.sql(query).fetchall()
    command = [sys.executable, "-m", "qsim", "run", str(tmp_path / "m"), "--ticks", "3000", "--batch-size", "all"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None:
            assert connection.sql(query).fetchall() == before
    assert run.returncode == 0
    assert connection.sql(query).fetchall() == before
    assert qsim.refresh(connection) == 3010
    after = connection.sql(query).fetchall()
    assert after == qsim.connect(tmp_path / "m").sql(query).fetchall() != before
    assert after[0][2] == 3010


def test_a_refreshed_connection_shows_what_a_new_one_does(unrun: Path, tmp_path: Path) -> None:
    market = tmp_path / "market"
    shutil.copytree(unrun, market)
    refreshed = qsim.connect(market)
    steps: list[Callable[[], object]] = [
        lambda: qsim.run(market, ticks=40),
        lambda: qsim.run(market, ticks=3),
        lambda: qsim.run(market, ticks=20, surge_probability=0.4, update_interval_seconds=600),
        lambda: qsim.compact(market),
        lambda: qsim.run(market, ticks=150),
    ]
    for number, step in enumerate(steps):
        step()
        qsim.refresh(refreshed)
        new = qsim.connect(market)
        names = [row[0] for row in new.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
        assert len(names) > 30
        for name in names:
            text = f"SELECT view_name, sql FROM duckdb_views() WHERE view_name = '{name}'"
            assert refreshed.sql(text).fetchall() == new.sql(text).fetchall(), (number, name)
        macros = "SELECT function_name, macro_definition FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
        assert refreshed.sql(macros).fetchall() == new.sql(macros).fetchall(), number


def test_refresh_within_a_transaction_is_refused_and_leaves_it_as_it_is(ran: Path) -> None:
    connection = qsim.connect(ran)
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE mine AS SELECT 1 AS one")
    with pytest.raises(UsageError, match="commit or roll back first"):
        qsim.refresh(connection)
    connection.execute("COMMIT")
    assert connection.execute("SELECT one FROM mine").fetchall() == [(1,)]
    assert qsim.refresh(connection) == 10


def test_a_refresh_that_ctrl_c_ends_leaves_no_transaction_and_all_as_it_was(
    ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = Path(shutil.copytree(ran, tmp_path / "m"))
    with qsim.connect(market) as open_connection:
        qsim.run(market, ticks=1)
        with monkeypatch.context() as patch:
            patch.setattr("qsim.queries.connection.run_new", Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                qsim.refresh(open_connection)
        assert open_connection.execute("SELECT raw.head_tick()").fetchall() == [(10,)]
        assert qsim.refresh(open_connection) == 11


def test_refresh_of_a_cursor_is_refused_and_it_moves_along_with_its_connection(ran: Path, tmp_path: Path) -> None:
    market = Path(shutil.copytree(ran, tmp_path / "m"))
    connection = qsim.connect(market)
    cursor = connection.cursor()
    qsim.run(market, ticks=1)
    with pytest.raises(UsageError, match="is a cursor of one"):
        qsim.refresh(cursor)
    assert qsim.refresh(connection) == 11
    assert cursor.execute("SELECT raw.head_tick()").fetchall() == [(11,)]


def test_refresh_of_a_connection_over_no_market_is_refused() -> None:
    with pytest.raises(UsageError, match="not over a market"):
        qsim.refresh(duckdb.connect())


@pytest.mark.parametrize(
    ("folder", "beside"),
    [("tick=5/platform=x/m", "n"), ("st*r", "star"), ("s?[a]r", "star")],
)
def test_a_market_shows_its_own_rows_alone_wherever_it_lies(
    ran: Path, tmp_path: Path, folder: str, beside: str
) -> None:
    shutil.copytree(ran, tmp_path / "plain")
    shutil.copytree(ran, tmp_path / beside / "inner")
    shutil.copytree(ran, tmp_path / folder / "inner")
    query = (
        "SELECT platform, sum(price), count(*), (SELECT sum(tick) FROM price_history) FROM prices GROUP BY 1 ORDER BY 1"
    )
    plain = qsim.connect(tmp_path / "plain").sql(query).fetchall()
    assert qsim.connect(tmp_path / folder / "inner").sql(query).fetchall() == plain


@pytest.mark.skipif(os.sep != "/", reason="a backslash is no part of a name there")
def test_a_path_that_duckdb_cannot_be_told_is_refused(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran, tmp_path / "a\\b*")
    with pytest.raises(UsageError, match="rename the folder"):
        qsim.connect(tmp_path / "a\\b*")


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
