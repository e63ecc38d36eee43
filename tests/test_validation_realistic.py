"""Validation of markets whose prices move between turns: which checks apply, what passes, and planted faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim import params
from qsim.behaviour import GROUPS
from qsim.runs.epochs import course_of
from qsim.simulation import Course
from qsim.storage import log
from qsim.validation import validate
from tests.planted import check_catches, checks_of, plant
from tests.planted_realistic import REALISTIC

_OF_TURNS = ["2.8", "2.9", "2.13", "2.14", "3.4", "3.14", "3.15", "3.16", "3.17", "6.6"]
_TO_THE_PAISA = ["2.16", "6.1", "6.2", "6.3", "6.15"]
_OF_CLASSIC_OPENINGS = ["3.2", "3.3", "4.7", "4.8"]
_CLASSIC = [*_OF_TURNS, *_TO_THE_PAISA, *_OF_CLASSIC_OPENINGS]
_ALONE = {"sales": {"shared_share": 0.0}}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A realistic market of 110 products at two dark stores of each platform over 40 days, short of some stock."""
    directory, short = tmp_path_factory.mktemp("realistic") / "m", {"supply": {"cover_days": [1.5, 4.5]}}
    qsim.generate(
        directory, preset="realistic", products=110, stores=2, seed=1, update_interval_seconds=3600, config=short
    )
    qsim.run(directory, ticks=24 * 40)
    return directory


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A realistic market whose platforms share no sales."""
    directory = tmp_path_factory.mktemp("alone") / "m"
    qsim.generate(directory, preset="realistic", products=60, seed=3, update_interval_seconds=3600, config=_ALONE)
    qsim.run(directory, ticks=24 * 40)
    return directory


@pytest.mark.parametrize("fault", REALISTIC, ids=[f"{f[0]} {f[1]}" for f in REALISTIC])
def test_a_fault_planted_between_turns_is_caught_by_the_check_meant_for_it(
    connection: duckdb.DuckDBPyConnection, market: Path, sound: dict[str, dict[str, Any]], fault: tuple[str, ...]
) -> None:
    check_catches(connection, market, sound, fault)


def test_a_market_without_shared_sales_passes_all_that_applies(alone: Path) -> None:
    checks = validate(alone)["checks"]
    assert [check for check in checks if not check["passed"]] == []
    assert {check["number"] for check in checks if not check["applies"]} == set(_CLASSIC)


def test_sales_that_are_too_few_are_caught(alone: Path) -> None:
    with qsim.connect(alone) as connection:
        plant(connection, "discounts", "DELETE FROM {t} WHERE listing_id % 3 = 0")
        assert not checks_of(connection, alone, "3.19")["3.19"]["passed"]


def test_a_market_with_shared_sales_passes_all_that_applies(sound: dict[str, dict[str, Any]]) -> None:
    assert [check for check in sound.values() if not check["passed"]] == []


def test_fewer_sales_are_due_beside_others_where_a_calendar_keeps_most_listings_on_sale(tmp_path: Path) -> None:
    (tmp_path / "fair.csv").write_text("name,date,days,sales\nFair,*-*-01,31,100\n")
    qsim.generate(tmp_path / "m", preset="realistic", products=60, calendar=tmp_path / "fair.csv", **HOURLY)
    qsim.run(tmp_path / "m", ticks=24 * 20)
    [check] = validate(tmp_path / "m", only="3.19")["checks"]
    assert check["applies"] and check["passed"], check


def test_orders_to_a_platform_that_is_closed_are_caught(connection: duckdb.DuckDBPyConnection, market: Path) -> None:
    course = course_of(log.read(market))
    closed = tuple(params.change(p, {"demand": {"closed": ["zepto"]}}) for p in course.parameters)
    assert checks_of(connection, market, "4.25")["4.25"]["passed"]
    assert not checks_of(connection, market, "4.25", course=Course(course.epochs, closed))["4.25"]["passed"]


def test_fees_that_change_a_tick_late_within_the_hour_are_caught(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=2, seed=1, update_interval_seconds=900)
    qsim.run(tmp_path / "m", ticks=96)
    with qsim.connect(tmp_path / "m") as connection:
        assert checks_of(connection, tmp_path / "m", "6.24")["6.24"]["passed"]
        plant(connection, "fees", "SET tick = tick + 1 WHERE tick > 1")
        assert not checks_of(connection, tmp_path / "m", "6.24")["6.24"]["passed"]


def test_what_is_not_for_a_market_is_told_and_counts_as_passed(sound: dict[str, dict[str, Any]]) -> None:
    for number in _CLASSIC:
        found = sound[number]
        assert not found["applies"] and found["passed"] and found["measured"] is None
        assert found["detail"].startswith("not for this market, which lacks ")


HOURLY = {"update_interval_seconds": 3600}
GOOD: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "tick 0 alone": ({}, []),
    "tick 0 of three dark stores": ({"stores": 3, "products": 60}, []),
    "tick 0 where a tenth of the listings is no whole number of products": ({"stores": 7, "products": 33}, []),
    "five-second ticks": ({"products": 15, "update_interval_seconds": 5}, [{"ticks": 400}]),
    "five-minute ticks": ({"products": 40}, [{"ticks": 150}]),
    "a tick a day": ({"products": 40, "update_interval_seconds": 86_400}, [{"ticks": 60}]),
    "levels by the time of day": (
        {"products": 30, **HOURLY, "time_of_day": {"07:00-09:00": 2}, "time_of_day_share": 1},
        [{"ticks": 100}],
    ),
    "zones of three dark stores": (
        {"products": 40, "stores": 3, **HOURLY, "config": {"repricing": {"zone_sd": 0.02}}},
        [{"ticks": 100}],
    ),
    "updates in turn beside sales": ({"products": 40, **HOURLY, "batch_size": 10}, [{"ticks": 100}]),
    "an outage that begins and ends": (
        {"products": 40, **HOURLY},
        [{"ticks": 60}, {"ticks": 60, "scenario": "outage"}, {"ticks": 40, "scenario": "none"}],
    ),
    "offers that draw all customers": (
        {
            "products": 40,
            "start": "2024-02-27",
            **HOURLY,
            "config": {"demand": {"elasticity": 20}, "sales": {"share": 0.5, "days": {"1": 1}, "depths": {"90": 1}}},
        },
        [{"ticks": 24}],
    ),
    "no truth": ({"products": 40, "stores": 2, **HOURLY, "truth": False}, [{"ticks": 100}]),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_market_passes_all_that_applies(tmp_path: Path, name: str) -> None:
    parameters, runs = GOOD[name]
    qsim.generate(tmp_path / "m", **{"preset": "realistic", "seed": 2, **parameters})
    for run in runs:
        qsim.run(tmp_path / "m", **run)
    assert [check for check in validate(tmp_path / "m")["checks"] if not check["passed"]] == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "wild",
    [
        {"repricing": {"a_day": dict.fromkeys(GROUPS, 1000)}},
        {"repricing": {"noise": dict.fromkeys(GROUPS, 1)}},
        {"cost": {"volatility": dict.fromkeys(GROUPS, 1), "reversion_days": 10_000}},
    ],
    ids=["often", "noisy", "costly"],
)
def test_a_market_at_the_limits_of_its_parameters_passes_all_that_applies(tmp_path: Path, wild: dict[str, Any]) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=40, config=wild, update_interval_seconds=600, truth=True)
    qsim.run(tmp_path / "m", ticks=300)
    assert [check for check in validate(tmp_path / "m")["checks"] if not check["passed"]] == []


def test_dark_stores_that_opened_with_discounts_of_their_own_keep_them_beside_sales(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=20, stores=3, batch_size="none")
    sales = {"sales": {"share": 0.1, "days": {"1": 1}, "depths": {"20": 1}}}
    qsim.run(tmp_path / "m", ticks=24, config=sales, update_interval_seconds=3600)
    assert [check for check in validate(tmp_path / "m")["checks"] if not check["passed"]] == []


def test_a_market_that_has_turns_and_then_sales_is_judged_by_the_epoch(tmp_path: Path) -> None:
    law = {"share": 0.1, "days": {"2": 1.0}, "depths": {"10": 1.0}}
    qsim.generate(tmp_path / "m", products=60, seed=4, update_interval_seconds=3600, batch_size=20)
    qsim.run(tmp_path / "m", ticks=100)
    qsim.run(tmp_path / "m", ticks=24 * 20, config={"batch_size": "none", "sales": law})
    found = {check["number"]: check for check in validate(tmp_path / "m")["checks"]}
    assert [check for check in found.values() if not check["passed"]] == []
    assert found["2.8"]["applies"] and found["6.1"]["applies"] and "sales begun" in found["3.19"]["detail"]
