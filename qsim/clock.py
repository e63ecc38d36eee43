"""Market time: ticks, seconds since the market's start, epochs of equal tick length, hours in India.

All clocks are integers. A market starts at 00:00 IST of its start date; IST is UTC+05:30 all year.
Holds no prices and reads no wall clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from qsim.arrays import I64, Mask
from qsim.errors import UsageError

HOUR = 3_600
DAY = 86_400
MAX_TICK = 2**31 - 1
# Columns of 32 bits hold seconds up to there, and those of what starts before and ends after.
MAX_SECOND = 2_000_000_000
MAX_YEARS = MAX_SECOND // (365 * DAY)
_YEARS = range(1900, 2201)


@dataclass(frozen=True)
class Epoch:
    """A stretch of ticks of equal length: tick `tick` falls at `second`, and each later one `interval` s on."""

    tick: int
    second: int
    interval: int

    def second_of(self, tick: int) -> int:
        """Tell the market second at which a tick of this epoch falls."""
        return self.second + (tick - self.tick) * self.interval


def epoch_number(epochs: Sequence[Epoch], tick: int) -> int:
    """Find the place of the epoch whose parameters made `tick`: the last one that starts before it."""
    return max(0, bisect_right([epoch.tick for epoch in epochs], tick - 1) - 1)


def epoch_of(epochs: Sequence[Epoch], tick: int) -> Epoch:
    """Find the epoch whose parameters made `tick`."""
    return epochs[epoch_number(epochs, tick)]


def tick_at(epochs: Sequence[Epoch], second: int) -> int:
    """Find the last tick at or before a market second, as if the first epoch had begun before (below 0) and the newest went on."""
    epoch = epochs[max(0, bisect_right([epoch.second for epoch in epochs], second) - 1)]
    return epoch.tick + (second - epoch.second) // epoch.interval


def seconds_of(epochs: Sequence[Epoch], first: int, last: int) -> I64:
    """Tell the market seconds of the ticks first..last, int64[last - first + 1]."""
    ticks = np.arange(first, last + 1, dtype=np.int64)
    seconds = np.zeros_like(ticks)
    for epoch in epochs:
        later = (ticks > epoch.tick) | ((ticks == epoch.tick) & (epoch.tick == 0))
        seconds[later] = epoch.second + (ticks[later] - epoch.tick) * epoch.interval
    return seconds


def timestamp(start: date, second: int) -> datetime:
    """Turn a market second into a date and time in India, without a zone attached."""
    return datetime(start.year, start.month, start.day) + timedelta(seconds=second)


def parse_start(text: str) -> date:
    """Read the start date of a market, `YYYY-MM-DD`."""
    try:
        start = date.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.isoformat() != text or start.year not in _YEARS:
        raise UsageError(
            f"start: found {text[:60]!r}; allowed is a date such as 2026-01-01, of the years 1900 to 2200; mend it"
        )
    return start


def parse_hour(text: str) -> int:
    """Read a time of day `HH:MM` as seconds after midnight; `24:00` is the day's end."""
    hours, colon, minutes = text.partition(":")
    if colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal() and int(minutes) < 60:
        second = int(hours) * HOUR + int(minutes) * 60
        if second <= DAY:
            return second
    raise UsageError(f"time of day: found {text[:60]!r}; allowed is HH:MM from 00:00 to 24:00; mend the time")


def in_window(seconds: I64, begin: int, end: int) -> Mask:
    """Tell which market seconds fall in the half-open daily window [begin, end), which may cross midnight."""
    of_day = seconds % DAY
    if begin <= end:
        return (begin <= of_day) & (of_day < end)
    return (begin <= of_day) | (of_day < end)
