"""The view `epochs`: which ticks ran under which parameters, and what changed from one stretch to the next."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.queries import guarded_sql

START = datetime(2026, 1, 1)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    market = tmp_path_factory.mktemp("market")
    qsim.generate(market, preset="realistic", products=20, update_interval_seconds=1800)
    qsim.run(market, ticks=4)
    qsim.run(market, ticks=3, scenario="outage", update_interval_seconds=600)
    qsim.run(market, ticks=2, config={"demand": {"closed": ["dunzo", "zepto"]}, "max_price_change_percent": 12})
    with qsim.connect(market) as connection:
        relation = connection.sql("FROM epochs ORDER BY epoch")
        told = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    assert guarded_sql(market, "FROM epochs ORDER BY epoch").rows == told
    return told


def test_epochs_tell_their_ticks_and_times(rows: list[dict[str, Any]]) -> None:
    assert [(row["epoch"], row["first_tick"], row["last_tick"]) for row in rows] == [(0, 0, 4), (1, 5, 7), (2, 8, None)]
    assert [row["interval_seconds"] for row in rows] == [1800, 600, 600]
    hours = [
        [row[name] and (row[name] - START).total_seconds() / 3600 for name in ("starts_at", "ends_at")] for row in rows
    ]
    assert hours == [[0, 2], [2, 2.5], [2.5, None]]


def test_epochs_tell_their_scenario_and_who_is_closed(rows: list[dict[str, Any]]) -> None:
    assert [row["scenario"] for row in rows] == [None, "outage", "outage"]
    assert [row["closed"] for row in rows] == [[], ["zepto"], ["dunzo", "zepto"]]


def test_epochs_tell_what_changed_before_and_after(rows: list[dict[str, Any]]) -> None:
    first, second, third = (json.loads(row["changes"]) for row in rows)
    assert first == {}
    assert second["update_interval_seconds"] == [1800, 600]
    assert second["scenario"] == ["", "outage"]
    assert third == {"max_price_change_percent": [15.0, 12.0], "demand.closed": [["zepto"], ["dunzo", "zepto"]]}


def test_a_market_without_ticks_has_one_epoch_that_holds(tmp_path: Path) -> None:
    qsim.generate(tmp_path, products=5)
    with qsim.connect(tmp_path) as connection:
        found = connection.sql("SELECT first_tick, last_tick, starts_at, ends_at FROM epochs").fetchall()
    assert found == [(0, None, START, None)]
