"""Due times, what is planned to be made together, and waits that a stop ends; no test here waits for a tick."""

from __future__ import annotations

import threading
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsim.runs import pacing
from qsim.runs.pacing import Laps, Pace

FIVE = Pace(100, 0.0, 5.0)
SECONDS = st.floats(0.01, 86_400, allow_nan=False)


def test_a_tick_is_due_so_many_intervals_after_the_market_stood_at_the_first() -> None:
    assert [FIVE.due(tick) for tick in (100, 101, 112)] == [0.0, 5.0, 60.0]


@pytest.mark.parametrize(("elapsed", "tick"), [(0, 100), (4.99, 100), (5, 101), (14.9, 102)])
def test_the_tick_that_is_reached_is_the_last_that_is_due(elapsed: float, tick: int) -> None:
    assert FIVE.reached(elapsed) == tick


@given(SECONDS, st.integers(0, 2**31 - 1))
def test_a_tick_is_reached_when_it_is_due(tick_seconds: float, ticks: int) -> None:
    pace = Pace(7, 0.0, tick_seconds)
    assert pace.reached(pace.due(7 + ticks)) >= 7 + ticks


def test_on_time_the_next_tick_alone_is_planned() -> None:
    assert pacing.planned(FIVE, 101, 1024, 0.2) == 101


def test_late_all_ticks_that_are_due_are_planned_at_once() -> None:
    assert pacing.planned(FIVE, 101, 1024, 62.0) == 112


def test_a_plan_ends_where_commits_fall() -> None:
    assert pacing.planned(FIVE, 101, 104, 62.0) == 104


def test_with_a_flush_the_ticks_until_then_are_planned() -> None:
    assert pacing.planned(Pace(100, 0.0, 5.0, flush=30.0), 101, 1024, 0.0) == 106


def test_a_flush_shorter_than_a_tick_plans_one() -> None:
    assert pacing.planned(Pace(100, 0.0, 5.0, flush=1.0), 101, 1024, 0.0) == 101


@given(SECONDS, st.floats(0, 1e5), st.floats(0, 1e5), st.integers(1, 1024))
def test_a_plan_is_never_empty_nor_past_its_limit(
    tick_seconds: float, flush: float, elapsed: float, limit: int
) -> None:
    assert 1 <= pacing.planned(Pace(0, 0.0, tick_seconds, flush), 1, limit, elapsed) <= limit


@pytest.mark.parametrize(("elapsed", "late"), [(5.1, 0), (10.1, 1), (21.0, 3)])
def test_a_tick_is_late_once_the_next_one_is_due(elapsed: float, late: int) -> None:
    assert FIVE.late(101, 103, elapsed) == late


def test_ticks_that_wait_for_their_flush_are_not_late() -> None:
    assert Pace(100, 0.0, 5.0, flush=30.0).late(101, 106, 30.5) == 0


def test_a_stop_ends_a_wait_with_what_is_due_by_now() -> None:
    stop = threading.Event()
    stop.set()
    began = monotonic()
    assert pacing.wait(Pace(100, began - 12.0, 5.0, flush=3600.0), 101, 1024, stop) == 102
    assert pacing.wait(Pace(100, began, 3600.0), 101, 1024, stop) == 100
    assert monotonic() - began < 60


def test_a_wait_lasts_until_the_tick_is_due() -> None:
    pace = Pace(0, monotonic(), 0.02)
    assert pacing.wait(pace, 1, 1, threading.Event()) == 1
    assert pacing.elapsed(pace) >= pace.due(1)


@pytest.mark.parametrize(("woke", "stood"), [(1.0, []), (20.05, [20.0])])
def test_a_wait_that_is_overslept_by_far_is_kept_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, woke: float, stood: list[float]
) -> None:
    times = iter([0.0, 0.0, woke, woke])
    monkeypatch.setattr(pacing, "monotonic", lambda: next(times))
    monkeypatch.setattr(pacing, "sleep", lambda seconds: None)
    pace = Pace(0, 0.0, 1.0)
    assert pacing.wait(pace, 1, 100, threading.Event()) == 1
    assert pace.stood == pytest.approx(stood) and ("stood still for 20.0 s" in caplog.text) == bool(stood)


def test_the_laps_of_all_stages_add_up_to_the_time_that_passed() -> None:
    laps = Laps()
    begun = laps.since
    for stage in ("commit", "tell", "commit"):
        laps.lap(stage)
    assert list(laps.seconds) == ["commit", "tell"]
    assert sum(laps.seconds.values()) == pytest.approx(laps.since - begun, abs=1e-9)
