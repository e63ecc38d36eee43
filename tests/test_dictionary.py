"""The view `dictionary`: what views, columns and macros mean, held to those that a connection has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import qsim
from qsim.schema import Cause


@pytest.fixture(scope="module", params=["classic", "realistic"])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    market = tmp_path_factory.mktemp("told") / "m"
    qsim.generate(market, preset=request.param, products=5)
    qsim.run(market, ticks=2)
    with qsim.connect(market) as opened:
        yield opened


def test_every_view_is_told_with_its_columns_in_their_order(connection: duckdb.DuckDBPyConnection) -> None:
    views = [name for (name,) in connection.sql("SHOW TABLES").fetchall()]
    assert len(views) > 25
    for view in views:
        told = connection.execute("SELECT column_name FROM dictionary WHERE name = ?", [view]).fetchall()
        has = [(row[0],) for row in connection.sql(f"DESCRIBE {view}").fetchall()]
        assert told == [(None,), *has], view


def test_every_macro_is_told_with_what_it_takes(connection: duckdb.DuckDBPyConnection) -> None:
    views = {name for (name,) in connection.sql("SHOW TABLES").fetchall()}
    told = {name for (name,) in connection.sql("SELECT name FROM dictionary WHERE column_name IS NULL").fetchall()}
    macros = connection.sql(
        "SELECT function_name, parameters FROM duckdb_functions() WHERE NOT internal AND schema_name = 'main'"
    ).fetchall()
    # A macro's own parameter has a short name; what it is called here tells more.
    longer = {"tick_time(t)": "tick_time(tick)", "second_time(s)": "second_time(seconds)"}
    written = {f"{name}({', '.join(takes)})" for name, takes in macros}
    assert told - views == {longer.get(name, name) for name in written}


def test_money_is_told_in_rupees_and_shares_in_percent(connection: duckdb.DuckDBPyConnection) -> None:
    meanings = connection.sql("SELECT name, column_name, meaning FROM dictionary").fetchall()
    assert not [row for row in meanings if not row[2] or "paise" in row[2] or "basis" in row[2]]
    said = {f"{name}.{column}": meaning for name, column, meaning in meanings}
    assert said["price_history.price_after"] == "price after, rupees"
    assert said["snapshots.discount_pct"] == "running discount, percent of the regular price"
    assert said["deliveries.units"] == "units that arrived"


def test_what_holds_at_the_opening_or_by_turns_alone_is_told_so(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.sql("SELECT name || '.' || column_name, meaning FROM dictionary WHERE column_name IS NOT NULL")
    said = dict(rows.fetchall())
    assert "where they come with turns" in said["platforms.average_discount_percent"]
    assert said["listings.unit_cost"] == "what the unit cost the platform at tick 0, rupees"
    assert said["products.mrp"] == said["listings.mrp"] != said["prices.mrp"]
    assert "of loose produce that of your own list" in said["products.mrp"]


def test_a_shock_is_told_from_the_day_after_it_began(tmp_path: Path) -> None:
    rates = dict.fromkeys(("fruits", "vegetables", "dairy", "snacks", "staples"), 300.0)
    qsim.generate(tmp_path / "m", preset="realistic", products=9, shocks={"a_year": rates})
    qsim.run(tmp_path / "m", ticks=10 * 24, update_interval_seconds=3600)
    with qsim.connect(tmp_path / "m") as opened:
        told = opened.sql(
            "SELECT max(shock_id::INTEGER - (ts::DATE - DATE '2026-01-01')) FROM truth WHERE shock_id > 0"
        ).fetchall()
        ((meaning,),) = opened.sql("SELECT meaning FROM dictionary WHERE column_name = 'shock_id'").fetchall()
    assert told == [(0,)]
    assert "1 + the market day, counted from 0" in meaning and "began on an earlier day" in meaning


def test_rows_of_fees_are_changes_of_the_fee_or_of_the_rain(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=5, scenario="monsoon")
    qsim.run(tmp_path / "m", ticks=5 * 24, update_interval_seconds=3600)
    before = "lag({}) OVER (PARTITION BY store_id ORDER BY tick) IS NOT DISTINCT FROM {}"
    same = (before.format(name, name) for name in ("fee", "is_raining"))
    with qsim.connect(tmp_path / "m") as opened:
        found = opened.sql(f"SELECT DISTINCT {', '.join(same)} FROM fees ORDER BY ALL").fetchall()
        ((meaning,),) = opened.sql(
            "SELECT meaning FROM dictionary WHERE name = 'fees' AND column_name IS NULL"
        ).fetchall()
    assert (True, True) not in found and (True, False) in found
    assert meaning.startswith("one change of the fee of an order, or of whether it rains, at one dark store")


def test_counts_of_states_are_told_as_those_of_active_listings(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.sql("SELECT column_name, meaning FROM dictionary WHERE name = 'platform_metrics'").fetchall()
    said = dict(rows)
    assert all(said[name].startswith("active listings with") for name in ("discounted", "surging", "out_of_stock"))


def test_columns_that_may_be_null_are_told_so(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=9, scenario="outage")
    qsim.run(tmp_path / "m", ticks=2 * 24, update_interval_seconds=3600)
    with qsim.connect(tmp_path / "m") as opened:
        told = opened.sql("SELECT name, column_name, meaning FROM dictionary WHERE column_name IS NOT NULL").fetchall()
        holds = {name: opened.sql(f"SELECT {name}.* FROM {name}").pl() for name in {row[0] for row in told}}
    unsaid = {
        f"{name}.{column}"
        for name, column, meaning in told
        if "(" not in name and holds[name][column].null_count() and "null" not in meaning
    }
    assert not unsaid


def test_what_is_no_deal_and_no_offer_is_told_where_prices_are(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.sql("SELECT column_name, meaning FROM dictionary WHERE name = 'prices'").fetchall()
    said = dict(rows)
    assert "of closed platforms (platforms.is_open) too" in said[None]
    assert "surge_fee = order_fee and price < regular_price" in said["discount_pct"]


def test_a_surge_fee_is_told_as_the_items_alone_where_the_orders_is_not_in_it(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=5, scenario="monsoon")
    qsim.run(tmp_path / "m", ticks=2 * 24, update_interval_seconds=3600)
    with qsim.connect(tmp_path / "m") as opened:
        [(fees, with_fee)] = opened.sql(
            "SELECT max(fee), (SELECT max(surge_fee) FROM price_history) FROM fees"
        ).fetchall()
        said = dict(opened.sql("SELECT name, meaning FROM dictionary WHERE column_name = 'surge_fee'").fetchall())
    assert fees > 0 == with_fee
    assert "order's (order_fee)" in said["prices"]
    assert all("of the item" in said[name] for name in ("price_history", "snapshots"))


def test_a_campaign_is_told_as_over_when_its_last_line_ends(connection: duckdb.DuckDBPyConnection) -> None:
    once = connection.sql(
        "SELECT DISTINCT ends_at - starts_at = to_seconds(duration_seconds) FROM campaigns WHERE repeat_seconds = 0"
    ).fetchall()
    ((meaning,),) = connection.sql(
        "SELECT meaning FROM dictionary WHERE name = 'campaigns' AND column_name = 'ends_at'"
    ).fetchall()
    assert once == [(True,)] and meaning.startswith("when it is over")


def test_every_cause_is_named_and_explained(connection: duckdb.DuckDBPyConnection) -> None:
    row = connection.sql(
        "SELECT meaning FROM dictionary WHERE name = 'price_history' AND column_name = 'cause'"
    ).fetchall()
    told = dict(each.removesuffix(")").split(" (") for each in row[0][0].partition(": ")[2].split("; "))
    assert list(told) == [cause.name.lower() for cause in Cause]
    assert all(told.values()) and "sale of its own ends" in told["clearance"] and "mostly rises" in told["clearance"]


def test_a_guarded_query_may_ask_what_a_column_means(ran: Path) -> None:
    answer = qsim.guarded_sql(ran, "SELECT meaning FROM dictionary WHERE name = 'orders' AND column_name = 'margin'")
    assert answer.rows == [{"meaning": "units x (price - cost), rupees"}]
