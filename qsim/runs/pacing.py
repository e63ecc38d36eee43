"""The clock on the wall: when each tick is due, which ones to make now, the wait until then, and how long stages take.

A late run makes all ticks that are due at once; none is ever left out. Knows no market.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass, field
from time import monotonic, perf_counter, sleep

from qsim import interrupts
from qsim.errors import UsageError
from qsim.scalars import number

# A stop may be set by a signal's handler, which must not meet a lock: so it is looked at, not waited for.
_LOOK_SECONDS = 0.05
# A busy machine wakes who waits late by some hundredths of a second.
_STOOD_SECONDS = 1.0
# Beyond these the clock's arithmetic leaves the numbers there are, and no run would be of use.
_SPEEDS, _LONGEST_FLUSH = (1e-6, 1e9), 86_400

_logger = logging.getLogger("qsim")


@dataclass(frozen=True)
class Pace:
    """When ticks are due: tick `tick` at the reading `began` of the monotonic clock, each later one `tick_seconds` on.

    Ticks are made together once in `flush` seconds, or one by one where that is 0. `stood` keeps the seconds of each time that a
    wait was overslept: then the process stood still.
    """

    tick: int
    began: float
    tick_seconds: float
    flush: float = 0.0
    stood: list[float] = field(default_factory=list, compare=False)

    def due(self, tick: int) -> float:
        """Tell when a tick is due, seconds after the beginning."""
        return (tick - self.tick) * self.tick_seconds

    def reached(self, elapsed: float) -> int:
        """Give the last tick that is due so many seconds after the beginning."""
        # A little more, lest a tick be taken for not due at the very time that `due` tells.
        return self.tick + max(0, math.floor(elapsed / self.tick_seconds * (1 + 1e-14) + 1e-9))

    def late(self, first: int, last: int, elapsed: float) -> int:
        """Count those of the ticks first..last that, committed only now, were overtaken by the next one's due time."""
        return max(0, min(last, self.reached(elapsed - self.flush) - 1) - first + 1)


def planned(pace: Pace, first: int, limit: int, elapsed: float) -> int:
    """Give the last of the ticks to make together from `first` on, at most `limit`: all that are due, or are by the next flush."""
    return min(limit, max(first, pace.reached(elapsed + pace.flush)))


def elapsed(pace: Pace) -> float:
    """Tell the seconds since the beginning."""
    return monotonic() - pace.began


def free_until(pace: Pace, first: int, limit: int) -> float:
    """Give the reading of the monotonic clock at which the next ticks from `first` on are due."""
    return pace.began + pace.due(planned(pace, first, limit, elapsed(pace)))


def wait(pace: Pace, first: int, limit: int, stop: threading.Event) -> int:
    """Wait until the next ticks from `first` on, at most `limit`, are due, and give the last of them.

    When `stop` is set the wait ends: then it is the last that is due by now, before `first` where none is.
    """
    last = planned(pace, first, limit, elapsed(pace))
    while (left := pace.due(last) - elapsed(pace)) > 0:
        if stop.is_set():
            return min(last, pace.reached(elapsed(pace)))
        with interrupts.let_through():
            sleep(min(left, _LOOK_SECONDS))
        _note_standing(pace, left - (pace.due(last) - elapsed(pace)))
    return last


def _note_standing(pace: Pace, slept: float) -> None:
    """Keep and tell that so long a sleep was none that was asked for: nobody would see else why all ticks came late."""
    if (stood := slept - _LOOK_SECONDS) < _STOOD_SECONDS:
        return
    pace.stood.append(stood)
    line = "the run stood still for %.1f s: it was stopped, or its machine slept or was overloaded; what fell due is made now"
    _logger.warning(line, stood)


@dataclass
class Laps:
    """Adds up the time of each stage, of what one thread does in turn."""

    seconds: dict[str, float] = field(default_factory=dict)
    since: float = field(default_factory=perf_counter)

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to a stage."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.since
        self.since = now


def wanted(realtime: bool, speed: float | None, flush: float | None) -> tuple[float | None, float]:
    """Check how a run is to keep to the clock: market seconds a second, None for not at all; seconds between commits."""
    speed = None if speed is None else number("speed", speed)
    flush = None if flush is None else number("flush", flush)
    least, most = _SPEEDS
    if speed is not None and not least <= speed <= most:
        allowed = f"allowed are {least:g} to {most:g} market seconds a second"
        raise UsageError(f"speed: found {speed}; {allowed}; mend the number")
    if flush is not None and not 0 <= flush <= _LONGEST_FLUSH:
        allowed = f"allowed are 0 (each tick) to {_LONGEST_FLUSH:,} seconds, a day"
        raise UsageError(f"flush: found {flush}; {allowed}; mend the number")
    if speed is None and not realtime:
        if flush is not None:
            raise UsageError("flush: found without realtime or speed; allowed is with one of them; add one")
        return None, 0.0
    return speed or 1.0, flush or 0.0
