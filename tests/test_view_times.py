"""Times and ticks in queries, across epochs and zones, against the history replayed in plain Python."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from tests.commands import program
from tests.replay import Replayed
from tests.view_rows import at, moments


@pytest.fixture(scope="module")
def connection(replayed_connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    return replayed_connection


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
