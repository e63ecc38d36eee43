"""Checks asked of a few rows made by hand: what a rule just allows passes, and what lies just beyond it is found."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from qsim.queries.connection import rows_of
from qsim.validation import prepared
from qsim.validation.runner import ALL_CHECKS

CHECKS = {check.number: check for check in ALL_CHECKS}
CASES = [
    (group, rows, allowed)
    for group in tomllib.loads((Path(__file__).parent / "handmade_checks.toml").read_text("utf-8"))["cases"]
    for allowed in (True, False)
    for rows in group["allowed" if allowed else "found"]
]


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to nothing but two empty schemas, in which the time of a tick is its number."""
    with duckdb.connect() as connection:
        running = f"MACRO checked.running(second, starts, duration, repeat, ends) AS {prepared._RUNNING}"
        for made in ("SCHEMA checked", "SCHEMA raw", "MACRO tick_time(t) AS t", "MACRO tick_at(ts) AS ts", running):
            connection.execute(f"CREATE {made}")
        connection.execute("SET threads = 1")
        yield connection


@pytest.fixture
def bare(empty: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection, which forgets afterwards what was made in it."""
    empty.execute("BEGIN")
    yield empty
    empty.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("group", "rows", "allowed"), CASES, ids=[f"{group['check']} {rows}" for group, rows, _ in CASES]
)
def test_rows_made_by_hand_are_allowed_or_found(
    bare: duckdb.DuckDBPyConnection, group: dict[str, Any], rows: str, allowed: bool
) -> None:
    check = CHECKS[group["check"]]
    for table, values in {**group.get("beside", {}), group["table"]: rows}.items():
        name, _, columns = table.partition("(")
        bare.execute(f"CREATE TABLE {name} AS FROM (VALUES {values}) AS t({columns}")
    assert check.judge(rows_of(bare, check.query), 0.0).passed is allowed
