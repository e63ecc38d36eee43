"""Pace ticks to the clock on the wall: when each is due, which ones to make now, and the wait until then.

A late run makes all ticks that are due at once; none is ever left out. Knows no market.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from time import monotonic, sleep

# A stop may be set by a signal's handler, which must not meet a lock: so it is looked at, not waited for.
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Pace:
    """When ticks are due: tick `tick` at the reading `began` of the monotonic clock, each later one `tick_seconds` on.

    Ticks are made together once in `flush` seconds, or one by one where that is 0.
    """

    tick: int
    began: float
    tick_seconds: float
    flush: float = 0.0

    def due(self, tick: int) -> float:
        """Tell when a tick is due, seconds after the beginning."""
        return (tick - self.tick) * self.tick_seconds

    def reached(self, elapsed: float) -> int:
        """Give the last tick that is due so many seconds after the beginning."""
        # A billionth of a tick, lest a tick be taken for not due at the very time that `due` tells.
        return self.tick + max(0, math.floor(elapsed / self.tick_seconds + 1e-9))

    def late(self, first: int, last: int, elapsed: float) -> int:
        """Count those of the ticks first..last that, committed only now, were overtaken by the next one's due time."""
        return max(0, min(last, self.reached(elapsed - self.flush) - 1) - first + 1)


def planned(pace: Pace, first: int, limit: int, elapsed: float) -> int:
    """Give the last of the ticks to make together from `first` on, at most `limit`: all that are due, or are by the next flush."""
    return min(limit, max(first, pace.reached(elapsed + pace.flush)))


def elapsed(pace: Pace) -> float:
    """Tell the seconds since the beginning."""
    return monotonic() - pace.began


def wait(pace: Pace, first: int, limit: int, stop: threading.Event) -> int:
    """Wait until the next ticks from `first` on, at most `limit`, are due, and give the last of them.

    When `stop` is set the wait ends: then it is the last that is due by now, before `first` where none is.
    """
    last = planned(pace, first, limit, elapsed(pace))
    while (left := pace.due(last) - elapsed(pace)) > 0:
        if stop.is_set():
            return min(last, pace.reached(elapsed(pace)))
        sleep(min(left, _LOOK_SECONDS))
    return last
