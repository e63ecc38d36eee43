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
        for made in ("SCHEMA checked", "SCHEMA raw", "MACRO tick_time(t) AS t", "MACRO tick_at(ts) AS ts"):
            connection.execute(f"CREATE {made}")
        for made in prepared.MACROS:
            connection.execute(made)
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


NO_MRP = 2_147_483_647


@pytest.mark.parametrize(
    ("style", "amount", "reach", "ceiling", "price"),
    [
        ("paise", 123.4, 0.1, NO_MRP, 123), ("paise", 123.5, 0.1, NO_MRP, 124),
        # Nothing is above the MRP, and what would be is at it.
        ("nine", 9999, 0.1, 10_000, 9900), ("nine", 10_000, 0.1, 10_000, 10_000), ("five", 10_400, 0.1, 10_000, 10_000),
        ("whole", 9990, 0.1, 9995, 9995), ("percent", 20_000, 0.1, 20_000, 20_000), ("x9", 10_000.4, 0.1, 10_000, 10_000),
        # Whole percents of the MRP, where there is one.
        ("percent", 15_050, 0.1, 20_000, 15_000), ("percent", 15_100, 0.1, 20_000, 15_200), ("percent", 10, 0.1, 20_000, 1),
        ("percent", 15_050, 0.1, NO_MRP, 15_100), ("percent", 1234, 0.0, 4999, 1250), ("percent", 1300, 0.0, 4999, 1300),
        ("x99", 12_345, 0.1, NO_MRP, 12_299), ("x99", 12_349, 0.1, NO_MRP, 12_399), ("x99", 12_348, 0.1, NO_MRP, 12_299),
        ("x49", 12_345, 0.1, NO_MRP, 12_349), ("x49", 12_323, 0.1, NO_MRP, 12_299), ("x49", 12_324, 0.1, NO_MRP, 12_349),
        ("x9", 12_345, 0.1, NO_MRP, 12_349), ("x9", 12_344, 0.1, NO_MRP, 12_349), ("x9", 12_343, 0.1, NO_MRP, 12_339),
        # Where no 99 is within reach, paise end in 9; where no nine or five is, there are none.
        ("x99", 12_345, 0.003, NO_MRP, 12_349), ("x99", 9900, 0.01, NO_MRP, 9899), ("x99", 10_050, 0.004, NO_MRP, 10_049),
        ("x99", 20, 0.1, NO_MRP, 19), ("x9", 3, 0.1, NO_MRP, 9), ("x9", 4, 0.1, NO_MRP, 9), ("x99", 49, 0.1, NO_MRP, 49),
        ("nine", 12_345, 0.1, NO_MRP, 11_900), ("nine", 12_399, 0.1, NO_MRP, 11_900), ("nine", 12_400, 0.1, NO_MRP, 12_900),
        ("nine", 12_345, 0.03, NO_MRP, 12_300), ("nine", 10_000, 0.01, NO_MRP, 9900), ("nine", 10_001, 0.01, NO_MRP, 10_000),
        ("nine", 350, 0.9, NO_MRP, 400), ("nine", 400, 9.0, NO_MRP, 900),
        ("five", 12_345, 0.02, NO_MRP, 12_500), ("five", 12_249, 0.03, NO_MRP, 12_000), ("five", 12_250, 0.03, NO_MRP, 12_500),
        ("five", 12_345, 0.01, NO_MRP, 12_300), ("five", 200, 0.9, NO_MRP, 200), ("five", 10_000, 0.0, NO_MRP, 10_000),
        ("whole", 12_349, 0.1, NO_MRP, 12_300), ("whole", 12_350, 0.1, NO_MRP, 12_400), ("whole", 40, 0.1, NO_MRP, 100),
    ],
)  # fmt: skip
def test_an_amount_is_at_one_price_point_of_a_style_alone(
    bare: duckdb.DuckDBPyConnection, style: str, amount: float, reach: float, ceiling: int, price: int
) -> None:
    near = f"range({price - 200}, {price + 201}) AS t(price)"
    fitting = (
        f"SELECT price FROM {near} WHERE checked.fits('{style}', price, {amount}::DOUBLE, {reach}::DOUBLE, {ceiling})"
    )
    assert rows_of(bare, fitting) == [{"price": price}]


@pytest.mark.parametrize(
    ("repeat", "ends", "running"),
    [
        (0, 100, [10, 11, 12, 13, 14]),
        (0, 12, [10, 11]),
        (20, 100, [10, 11, 12, 13, 14, 30, 31, 32, 33, 34]),
        (20, 31, [10, 11, 12, 13, 14, 30]),
    ],
)
def test_a_campaign_runs_from_its_start_for_its_length_and_again_until_it_ends(
    bare: duckdb.DuckDBPyConnection, repeat: int, ends: int, running: list[int]
) -> None:
    seconds = f"SELECT n FROM range(50) AS t(n) WHERE checked.running(n, 10, 5, {repeat}, {ends}) ORDER BY n"
    assert [row["n"] for row in rows_of(bare, seconds)] == running


@pytest.mark.parametrize(
    ("n", "p", "slack"),
    [
        (100, 0.5, (16 / 6 + (256 / 36 + 400) ** 0.5) / 100),
        (50, 0.1, (16 / 6 + (256 / 36 + 72) ** 0.5) / 50),
        (50, 0, 0),
        (50, 1, 0),
    ],
)
def test_shares_may_be_off_by_four_standard_deviations_and_more_where_they_are_rare(
    bare: duckdb.DuckDBPyConnection, n: int, p: float, slack: float
) -> None:
    assert rows_of(bare, f"SELECT checked.slack({n}, {p}) AS slack")[0]["slack"] == pytest.approx(slack)
