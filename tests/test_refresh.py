"""A connection sees one commit until it is refreshed, and wherever its market lies that market's rows alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pytest

import qsim
from qsim.errors import UsageError


@pytest.fixture(scope="module")
def connection(replayed_connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    return replayed_connection


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


@pytest.mark.parametrize(
    "own", ["CREATE SCHEMA own; USE own", "ATTACH '{}/own.duckdb' AS own; CREATE SCHEMA own.raw; USE own"]
)
def test_a_refresh_moves_the_markets_views_and_none_of_a_database_that_is_used_before_them(
    ran: Path, tmp_path: Path, own: str
) -> None:
    shutil.copytree(ran, tmp_path / "m")
    connection = qsim.connect(tmp_path / "m")
    connection.execute(own.format(tmp_path))
    connection.execute("CREATE TABLE mine AS SELECT 1 AS one")
    named = "SELECT count(*) FROM duckdb_views() WHERE NOT internal AND (database_name = 'own' OR schema_name = 'own')"
    tick = qsim.run(tmp_path / "m", ticks=5, surge_probability=0.3)["tick"]
    assert qsim.refresh(connection) == tick
    assert connection.sql("FROM mine").fetchall() == [(1,)] and connection.sql(named).fetchall() == [(0,)]
    connection.execute("USE memory.main")
    seen = "SELECT (SELECT max(tick) FROM metrics), (SELECT max(epoch) FROM epochs)"
    assert connection.sql(seen).fetchall() == qsim.connect(tmp_path / "m").sql(seen).fetchall()


def test_a_cursor_takes_times_with_a_zone_as_its_connection_does(ran: Path) -> None:
    connection = qsim.connect(ran)
    # Where this machine is in India, a connection's own zone could not be told from none.
    asked = "SELECT current_setting('TimeZone'), tick_at(TIMESTAMPTZ '2026-01-01 00:00:30+05:30')"
    assert (
        connection.cursor().execute(asked).fetchall() == connection.execute(asked).fetchall() == [("Asia/Kolkata", 6)]
    )


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
