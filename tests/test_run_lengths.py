"""How long a run is and from when on its parameters act: ticks, until and duration, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.errors import UsageError
from qsim.runs import verbs
from tests.stored import history


def test_until_can_be_said_again_and_does_nothing_where_the_tick_is_reached(small_market: Path) -> None:
    reached = qsim.run(small_market, until=150)
    files = sorted(path.name for path in small_market.rglob("*"))
    assert reached["tick"] == 150
    assert qsim.run(small_market, until=150) == reached
    assert qsim.run(small_market, until=20) == reached
    assert sorted(path.name for path in small_market.rglob("*")) == files


@pytest.mark.parametrize(
    ("wanted", "ticks"),
    [
        ({"ticks": 7}, 7), ({"until": 40}, 30), ({"until": 10}, 0), ({"until": 3}, 0), ({"duration": 10}, 2),
        ({"duration": 9.99}, 1), ({"duration": 5.0}, 1), ({}, 288),
    ],
)  # fmt: skip
def test_ticks_until_and_duration_are_turned_into_ticks(wanted: dict[str, float], ticks: int) -> None:
    arguments = {"ticks": None, "until": None, "duration": None} | wanted
    assert verbs.ticks_wanted(10, 300, **arguments) == ticks


def test_minutes_with_decimals_are_as_many_seconds_as_they_say() -> None:
    told = [verbs.ticks_wanted(0, 1, None, None, seconds / 60) for seconds in range(1, 2_000)]
    assert told == [*range(1, 2_000)]
    assert verbs.ticks_wanted(0, 1, None, None, 2.05) == 123
    assert verbs.ticks_wanted(0, 3, None, None, 8.2) == 164


@pytest.mark.parametrize(
    "wanted",
    [
        {"ticks": 0}, {"ticks": -1}, {"ticks": 2**31}, {"until": 2**31}, {"duration": 0}, {"duration": -5},
        {"duration": 4.9}, {"duration": 1e300}, {"duration": float("nan")}, {"duration": float("inf")},
        {"ticks": 1, "until": 2}, {"ticks": 1, "duration": 2}, {"until": 11, "duration": 2},
    ],
)  # fmt: skip
def test_ticks_that_cannot_be_run_are_refused_by_their_name(wanted: dict[str, Any]) -> None:
    arguments = {"ticks": None, "until": None, "duration": None} | wanted
    with pytest.raises(UsageError, match=next(iter(wanted))):
        verbs.ticks_wanted(10, 300, **arguments)


def test_parameters_changed_before_the_first_tick_act_from_the_first_tick_on(tmp_path: Path) -> None:
    changed, made_so = tmp_path / "changed", tmp_path / "made-so"
    qsim.generate(changed, products=40, seed=3)
    qsim.generate(made_so, products=40, seed=3, surge_probability=0.9, batch_size=0)
    qsim.run(changed, ticks=9, surge_probability=0.9, batch_size=0)
    qsim.run(made_so, ticks=9)
    assert history(changed, "events").equals(history(made_so, "events"))


def test_a_refused_change_leaves_the_market_as_it_was(small_market: Path) -> None:
    before = qsim.status(small_market)
    for changes in ({"seed": 8}, {"surge_probability": 2.0}, {"surge_probabilty": 0.2}):
        with pytest.raises(UsageError):
            qsim.run(small_market, ticks=5, **changes)
    assert qsim.status(small_market) == before


def test_a_market_that_cannot_be_dated_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start"):
        qsim.generate(tmp_path / "market", products=20, start="9999-12-31")
    assert not (tmp_path / "market").exists()
