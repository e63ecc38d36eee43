"""The engine's realistic tick against the reference that takes one unit, listing and customer at a time, on drawn markets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.behaviour import GROUPS
from qsim.schema import Cause
from tests.realistic_markets import PLATFORMS, Case, differences, drawn_case, follow, opening_differences, run_market
from tests.stored import history

CASES = (1, 2, 3, 7, 8, 9, 10, 15, 20, 22)
LIVELY = 9
OF_CLASSIC = {Cause.SURGE_START, Cause.SURGE_END, Cause.UPDATE}


@pytest.mark.parametrize("number", CASES)
def test_every_row_of_a_drawn_market_is_that_of_the_reference(tmp_path: Path, number: int) -> None:
    print(f"replay with drawn_case({number})")
    run_market(tmp_path / "m", drawn_case(number))
    assert opening_differences(tmp_path / "m") == []
    assert differences(tmp_path / "m", follow(tmp_path / "m")) == []


@pytest.mark.parametrize(
    "silent",
    [{"known_share": 0.0}, {"looks_a_day": 0.0}, {"reactive": dict.fromkeys(PLATFORMS, 0.0)}, {"known_share": 0.3}],
)
def test_answers_to_rivals_end_with_their_cause_as_in_the_reference(tmp_path: Path, silent: dict[str, Any]) -> None:
    made_of = {"seed": 3, "products": 6, "stores": 2, "update_interval_seconds": 3600, "batch_size": "none"}
    loud = {"known_share": 1.0, "looks_a_day": 48.0, "reactive": dict.fromkeys(PLATFORMS, 1.0), "tolerance": 0.0}
    runs = [(40, {"rivals": loud}), (1, {"rivals": silent}), (30, {})]
    run_market(tmp_path / "m", Case(list(PLATFORMS), 24, made_of, runs))
    assert Cause.RIVAL_RELEASE in set(history(tmp_path / "m", "events", 41)["cause"])
    assert differences(tmp_path / "m", follow(tmp_path / "m")) == []


def test_no_fee_of_an_order_and_no_rain_are_left_where_customers_are_gone_as_in_the_reference(tmp_path: Path) -> None:
    made_of = {
        "seed": 3,
        "products": 6,
        "stores": 2,
        "start": "2026-07-01",
        "update_interval_seconds": 3600,
        "batch_size": "none",
    }
    gone, back = ({"demand": {"a_day": dict.fromkeys(GROUPS, rate)}} for rate in (0.0, 3.0))
    runs = [(20, {}), (30, gone), (1, {}), (10, back)]
    run_market(tmp_path / "m", Case(list(PLATFORMS), 24, made_of | {"surge_fees": {"capacity": 0.9}}, runs))
    assert differences(tmp_path / "m", follow(tmp_path / "m")) == []
    with qsim.connect(tmp_path / "m") as connection:
        fees = connection.sql(
            "SELECT tick <= 20, tick > 51, max(fee), count(*) FROM fees GROUP BY ALL ORDER BY min(tick)"
        ).fetchall()
    stores = 2 * len(PLATFORMS)
    assert [fee > 0 for *_, fee, _ in fees] == [True, False, True]
    assert fees[1][:2] == (False, False) and fees[1][3] == stores, "one row a store"
    assert qsim.validate(tmp_path / "m", only=["6.23", "6.24", "6.30"])["passed"]


def test_a_drawn_market_holds_events_of_every_realistic_cause(tmp_path: Path) -> None:
    run_market(tmp_path / "m", drawn_case(LIVELY))
    causes = set(history(tmp_path / "m", "events")["cause"])
    assert causes == set(Cause) - OF_CLASSIC
