"""Validation finds faults: each planted fault is caught by the check meant for it, and what cannot be read is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim.runs.epochs import course_of
from qsim.simulation import Course
from qsim.storage import log
from qsim.validation.runner import ALL_CHECKS
from tests.planted import CLASSIC, check_catches, checks_of, plant
from tests.planted_realistic import REALISTIC


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small market over a whole day, with parameters changed midway."""
    directory = tmp_path_factory.mktemp("validation") / "market"
    qsim.generate(directory, products=150, seed=42, update_interval_seconds=300, batch_size=40)
    qsim.run(directory, ticks=220)
    qsim.run(directory, ticks=80, update_interval_seconds=240, surge_probability=0.2)
    return directory


@pytest.mark.parametrize("fault", CLASSIC, ids=[f"{f[0]} {f[1]}" for f in CLASSIC])
def test_a_planted_fault_is_caught_by_the_check_meant_for_it(
    connection: duckdb.DuckDBPyConnection, market: Path, sound: dict[str, dict[str, Any]], fault: tuple[str, ...]
) -> None:
    check_catches(connection, market, sound, fault)


def test_every_check_that_measures_data_has_a_planted_fault() -> None:
    planted = {number for number, *_ in (*CLASSIC, *REALISTIC)} | {"3.19", "4.25"}
    others = {"1.19", "1.24", "4.6", "4.11", "4.14", "5.2", "5.5", "5.6", "5.7", "5.8", "5.12", "6.12", "6.13"}
    assert {check.number for check in ALL_CHECKS} - planted == others


VIEWS = [
    ("2.34", "prices", "SELECT * REPLACE (mrp + 1 AS price)"),
    ("2.34", "prices", "SELECT * REPLACE (-1 AS off_mrp_pct)"),
    ("4.1", "inventory", "FROM inventory UNION ALL SELECT * REPLACE (listing_id + 999999 AS listing_id)"),
    ("4.6", "prices", "SELECT * REPLACE (stock + 1 AS stock)"),
    ("5.12", "prices", "SELECT * REPLACE (regular_price + 0.01 AS regular_price)"),
    ("5.12", "prices", "SELECT * REPLACE (discount_pct + 0.01 AS discount_pct)"),
    ("1.19", "raw.categories", "SELECT * REPLACE ('gold' AS volatility_group)"),
    ("1.24", "raw.campaign_lines", "SELECT * REPLACE (100::USMALLINT AS discount_bps)"),
    ("4.6", "prices", "SELECT * REPLACE (NOT in_stock AS in_stock)"),
    ("4.11", "inventory", "SELECT * REPLACE (stock + 1 AS reserved)"),
    ("4.14", "inventory", "SELECT * REPLACE ('low_stock' AS status)"),
    ("5.12", "prices", "SELECT * REPLACE (price + 0.01 AS price)"),
]


@pytest.mark.parametrize(("number", "view", "altered"), VIEWS, ids=[" ".join(view) for view in VIEWS])
def test_a_view_that_tells_something_else_is_caught(
    connection: duckdb.DuckDBPyConnection, market: Path, number: str, view: str, altered: str
) -> None:
    connection.execute(f"CREATE TABLE told AS {altered} FROM {view}").fetchall()
    connection.execute(f"CREATE OR REPLACE VIEW {view} AS FROM told").fetchall()
    assert not checks_of(connection, market, number)[number]["passed"]


ONE_LESS = "SET sized = sized - 1, up_0 = up_0 - 1 WHERE up_0 > 0"


@pytest.mark.parametrize(
    ("most", "statement", "passed"),
    [
        (1024, ONE_LESS, False),
        (1025, ONE_LESS, True),
        (1025, "SET sized = sized - 1 WHERE sized > 0", False),
        (1025, "SET sized = sized + 1, up_0 = up_0 + 1 WHERE sized > 0", False),
    ],
)
def test_sizes_of_changes_may_be_left_out_where_a_tick_takes_up_more_listings_of_a_block_than_are_looked_at(
    connection: duckdb.DuckDBPyConnection, market: Path, most: int, statement: str, passed: bool
) -> None:
    plant(connection, "metrics", f"SET attempted = {most} WHERE tick = 5")
    plant(connection, "platform_metrics", statement)
    assert checks_of(connection, market, "6.28")["6.28"]["passed"] is passed


def test_epochs_with_a_gap_between_them_are_caught(connection: duckdb.DuckDBPyConnection, market: Path) -> None:
    course = course_of(log.read(market))
    last = dataclasses.replace(course.epochs[-1], second=course.epochs[-1].second + 60)
    found = checks_of(connection, market, "6.12", course=Course((*course.epochs[:-1], last), course.parameters))
    assert not found["6.12"]["passed"]


@pytest.mark.parametrize(
    ("number", "macro"),
    [
        ("6.13", "tick_at(ts) AS 0"),
        ("5.8", "raw.state_at(t) AS TABLE SELECT * REPLACE (price_paise + 1 AS price_paise) FROM raw.state"),
    ],
)
def test_a_macro_that_tells_something_else_is_caught(
    connection: duckdb.DuckDBPyConnection, market: Path, number: str, macro: str
) -> None:
    connection.execute(f"CREATE OR REPLACE MACRO {macro}").fetchall()
    assert not checks_of(connection, market, number)[number]["passed"]


@pytest.mark.parametrize("number", ["5.2", "5.5", "5.6", "5.7"])
def test_a_question_that_cannot_be_answered_is_a_failed_check(
    connection: duckdb.DuckDBPyConnection, market: Path, number: str
) -> None:
    plant(connection, "products", "DELETE FROM {t}")
    connection.execute("CREATE OR REPLACE MACRO prices_at(ts) AS TABLE SELECT * FROM prices WHERE false").fetchall()
    found = checks_of(connection, market, number)[number]
    assert not found["passed"] and found["detail"]


def test_a_file_that_cannot_be_read_is_told_and_not_raised(market: Path) -> None:
    with qsim.connect(market) as connection:
        connection.execute("CREATE OR REPLACE VIEW raw.events AS SELECT error('broken file') AS tick").fetchall()
        found = checks_of(connection, market)
    assert "cannot be read" in found["6.1"]["detail"] and not found["6.1"]["passed"]
    assert found["1.15"]["passed"]
