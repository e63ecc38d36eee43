"""Market time: ticks to seconds across epochs, half-open windows of the day, and dates and hours as text."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsim import clock
from qsim.clock import DAY, Epoch
from qsim.errors import UsageError

EPOCHS = (Epoch(0, 0, 5), Epoch(10, 50, 60), Epoch(12, 170, 1))


@st.composite
def epoch_lists(draw: st.DrawFn) -> tuple[Epoch, ...]:
    epochs = [Epoch(0, 0, draw(st.integers(1, DAY)))]
    for length in draw(st.lists(st.integers(1, 40), max_size=5)):
        tick = epochs[-1].tick + length
        epochs.append(Epoch(tick, epochs[-1].second_of(tick), draw(st.integers(1, DAY))))
    return tuple(epochs)


def test_ticks_fall_at_the_seconds_of_their_epochs() -> None:
    assert clock.seconds_of(EPOCHS, 8, 15).tolist() == [40, 45, 50, 110, 170, 171, 172, 173]
    assert clock.seconds_of(EPOCHS, 0, 0).tolist() == [0]


def test_a_tick_where_an_epoch_starts_was_made_by_the_one_before() -> None:
    made_by = [EPOCHS.index(clock.epoch_of(EPOCHS, tick)) for tick in (0, 1, 10, 11, 12, 13, 99)]
    assert made_by == [0, 0, 0, 1, 1, 2, 2]


@given(epoch_lists(), st.integers(0, 250), st.integers(0, 60))
def test_the_seconds_of_a_stretch_are_those_of_its_ticks_one_by_one(
    epochs: tuple[Epoch, ...], first: int, more: int
) -> None:
    stretch = clock.seconds_of(epochs, first, first + more)
    alone = [clock.epoch_of(epochs, tick).second_of(tick) for tick in range(first, first + more + 1)]
    assert stretch.tolist() == alone


@given(epoch_lists())
def test_each_tick_is_its_makers_interval_after_the_tick_before(epochs: tuple[Epoch, ...]) -> None:
    steps = np.diff(clock.seconds_of(epochs, 0, 220)).tolist()
    assert steps == [clock.epoch_of(epochs, tick).interval for tick in range(1, 221)]


def test_the_same_tick_starting_two_epochs_leaves_the_first_no_tick() -> None:
    epochs = (Epoch(0, 0, 5), Epoch(0, 0, 7))
    assert clock.seconds_of(epochs, 0, 2).tolist() == [0, 7, 14]
    assert clock.epoch_of(epochs, 1) is epochs[1]


def test_market_seconds_become_dates_and_times_without_a_zone() -> None:
    assert clock.timestamp(date(2026, 1, 1), 0) == datetime(2026, 1, 1)
    assert clock.timestamp(date(2026, 2, 28), DAY + 3_661) == datetime(2026, 3, 1, 1, 1, 1)
    assert clock.timestamp(date(2028, 2, 28), DAY - 1) == datetime(2028, 2, 28, 23, 59, 59)
    assert clock.timestamp(date(2026, 1, 1), 5).tzinfo is None


@pytest.mark.parametrize(
    ("begin", "end", "inside", "outside"),
    [
        ("07:00", "09:00", [25_200, 32_399, 25_200 + 3 * DAY], [25_199, 32_400, 0]),
        ("23:00", "06:00", [82_800, DAY - 1, DAY, 0, 21_599, DAY + 5], [82_799, 21_600, 43_200]),
        ("00:00", "24:00", [0, 1, DAY - 1, DAY], []),
        ("18:00", "24:00", [64_800, DAY - 1], [64_799, 0, DAY]),
        ("24:00", "06:00", [0, 21_599, DAY], [21_600, DAY - 1]),
        ("18:00", "00:00", [64_800, DAY - 1], [64_799, 0, DAY]),
    ],
)
def test_windows_hold_from_their_first_second_to_before_their_last(
    begin: str, end: str, inside: list[int], outside: list[int]
) -> None:
    window = clock.parse_hour(begin), clock.parse_hour(end)
    assert clock.in_window(np.array(inside, np.int64), *window).all()
    assert not clock.in_window(np.array(outside, np.int64), *window).any()


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_a_window_lasts_from_begin_to_end_every_day(begin: int, end: int) -> None:
    minutes = np.arange(3 * 1440, dtype=np.int64) * 60
    inside = clock.in_window(minutes, begin * 60, end * 60)
    assert inside.reshape(3, 1440).sum(axis=1).tolist() == [(end - begin) % 1440] * 3
    if begin != end:
        assert inside[begin] and not inside[end]


@pytest.mark.parametrize(("text", "second"), [("00:00", 0), ("07:05", 25_500), ("23:59", 86_340), ("24:00", DAY)])
def test_hours_are_read_as_seconds_after_midnight(text: str, second: int) -> None:
    assert clock.parse_hour(text) == second


@pytest.mark.parametrize("text", ["", "7:00", "07", "0700", "07:60", "24:01", "25:00", "-1:00", "07:00:00", "aa:bb"])
def test_what_is_no_time_of_day_is_refused_with_what_was_found(text: str) -> None:
    with pytest.raises(UsageError, match=r"HH:MM") as refusal:
        clock.parse_hour(text)
    assert repr(text) in str(refusal.value)


def test_dates_are_read_in_iso_form() -> None:
    assert clock.parse_start("2028-02-29") == date(2028, 2, 29)


@pytest.mark.parametrize("text", ["", "2026-02-29", "2026-13-01", "01-01-2026", "2026/01/01", "yesterday"])
def test_what_is_no_date_is_refused_with_what_was_found(text: str) -> None:
    with pytest.raises(UsageError, match="start: found") as refusal:
        clock.parse_start(text)
    assert repr(text) in str(refusal.value)
