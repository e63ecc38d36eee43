"""Epochs, ticks and snapshots as validation lays them out, and what is looked at of a history."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import duckdb
import pytest

from qsim.clock import Epoch
from qsim.queries.connection import rows_of
from qsim.runs.epochs import course_of
from qsim.simulation import Course
from qsim.storage.log import Log
from qsim.validation import drawn, laws, prepared, sampling
from tests.law_tables import CITIES, CLASSIC, changed, laid


def test_a_table_of_many_rows_holds_them_all_and_no_ragged_ones(bare: duckdb.DuckDBPyConnection) -> None:
    columns = {"n": "BIGINT", "name": "VARCHAR", "share": "DOUBLE"}
    rows = [(1, "it's", 0.5), (2, "b", 0.25)]
    assert [tuple(row.values()) for row in laid(bare, laws.long_table("many", columns, rows), "many")] == rows
    assert laid(bare, laws.long_table("many", columns, []), "many") == []
    with pytest.raises(ValueError, match="argument"):
        laws.long_table("many", columns, [*rows, (3, "c")])


def test_each_epoch_is_laid_out_with_its_ticks_and_its_rules(over: duckdb.DuckDBPyConnection, history: Log) -> None:
    rules = {"batch_size": 7, "max_price_change_percent": 12.5, "surge_min_percent": 1.5, "surge_max_percent": 2.5}
    other = changed(
        CLASSIC, surge_fee_rupees=3.5, time_of_day={"06:30-08:00": 1.5}, category_volatility={"dairy": 0.5}, **rules
    )
    two = Course((Epoch(0, 0, 5), Epoch(4, 20, 10)), (CLASSIC, other))
    prepared.lay_out(
        lambda text: rows_of(over, text), history, two, ["checked.epochs checked.volatility checked.clock"]
    )
    assert [tuple(row.values()) for row in rows_of(over, "FROM checked.epochs ORDER BY epoch")] == [
        (0, 0, 4, 0, 0, 5, 50, 1500, 500, 1500, 2500, 0.15, 0.35, 0.05, 0.1),
        (1, 5, 10, 4, 20, 10, 7, 1250, 150, 250, 350, 0.15, 0.35, 0.05, 0.1),
    ]
    assert rows_of(over, "SELECT opens, closes, bps FROM checked.windows WHERE epoch = 1") == [
        {"opens": 23_400, "closes": 28_800, "bps": 150}
    ]
    assert rows_of(over, "SELECT volatility_group, v FROM checked.volatility WHERE epoch = 1") == [
        {"volatility_group": "dairy", "v": 0.5}
    ]
    assert [row["second"] for row in rows_of(over, "FROM checked.clock ORDER BY tick")] == [
        0,
        5,
        10,
        15,
        20,
        30,
        40,
        50,
        60,
        70,
        80,
    ]


def test_a_course_with_fewer_parameters_than_epochs_is_no_course(history: Log) -> None:
    short = Course((Epoch(0, 0, 5), Epoch(4, 20, 10)), (CLASSIC,))
    with pytest.raises(ValueError, match="shorter"):
        prepared.statements(history, short)
    with pytest.raises(ValueError, match="shorter"):
        drawn.of_hours(short, 10, [], CITIES)


def test_the_past_tick_that_questions_are_put_to_is_any_of_the_history(history: Log) -> None:
    found = set()
    for digest in range(1000, 1011):
        made = prepared.statements(replace(history, digest=digest), course_of(history))
        found |= {one for one in made if "checked_past" in one and one.startswith("SET")}
    assert found == {f"SET VARIABLE checked_past = {tick}" for tick in range(11)}


def test_snapshots_for_surges_are_a_round_apart_and_those_for_discounts_as_many_as_are_forgotten(
    bare: duckdb.DuckDBPyConnection,
) -> None:
    files = [SimpleNamespace(first=tick) for tick in range(0, 131)]
    snapshots = cast(Log, SimpleNamespace(of_table=lambda name: files if name == "snapshots" else []))
    chain = changed(CLASSIC, discount_probability=0.05, discount_end_probability=0.15)
    still = changed(chain, discount_probability=0.0, discount_end_probability=0.0)
    two = Course((Epoch(0, 0, 5), Epoch(120, 600, 5)), (chain, still))
    rows = laid(bare, prepared.spaced_snapshots(snapshots, two, 100), "spaced")
    found = {(row["purpose"], row["epoch"]): [] for row in rows}
    for row in rows:
        found[row["purpose"], row["epoch"]].append(row["tick"])
    assert found == {
        ("discount", 0): [62],
        ("surge", 0): [*range(2, 121, 2)],
        ("surge", 1): [*range(122, 131, 2)],
    }


@pytest.mark.parametrize(("start", "end", "rounds"), [(0.4995, 0.5, 1), (0.45, 0.5, 3)])
def test_a_beginning_that_is_forgotten_at_once_takes_one_round(start: float, end: float, rounds: int) -> None:
    chain = changed(CLASSIC, discount_probability=start, discount_end_probability=end)
    assert sampling.forgetting_rounds(chain) == rounds


def test_a_round_of_single_products_takes_a_tick_for_each() -> None:
    assert sampling.round_ticks(changed(CLASSIC, batch_size=1), 5) == 5
