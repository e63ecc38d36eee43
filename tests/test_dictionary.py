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
        " AND function_name <> 'second_time'"
    ).fetchall()
    # A macro's own parameter has a short name; what it is called here tells more.
    assert told - views == {
        f"{name}({', '.join(takes)})".replace("tick_time(t)", "tick_time(tick)") for name, takes in macros
    }


def test_money_is_told_in_rupees_and_shares_in_percent(connection: duckdb.DuckDBPyConnection) -> None:
    meanings = connection.sql("SELECT name, column_name, meaning FROM dictionary").fetchall()
    assert not [row for row in meanings if not row[2] or "paise" in row[2] or "basis" in row[2]]
    said = {f"{name}.{column}": meaning for name, column, meaning in meanings}
    assert said["price_history.price_after"] == "price after, rupees"
    assert said["snapshots.discount_pct"] == "running discount, percent of the regular price"
    assert said["deliveries.units"] == "units that arrived"


def test_every_cause_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    row = connection.sql(
        "SELECT meaning FROM dictionary WHERE name = 'price_history' AND column_name = 'cause'"
    ).fetchall()
    assert row[0][0].partition(": ")[2].split(", ") == [cause.name.lower() for cause in Cause]


def test_a_guarded_query_may_ask_what_a_column_means(ran: Path) -> None:
    answer = qsim.guarded_sql(ran, "SELECT meaning FROM dictionary WHERE name = 'orders' AND column_name = 'margin'")
    assert answer.rows == [{"meaning": "units x (price - cost), rupees"}]
