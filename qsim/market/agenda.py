"""What falls due at places of a block: found once an hour of market time, so that a quiet tick looks at nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from qsim.arrays import I64, U32, distinct
from qsim.clock import HOUR


def _none() -> I64:
    return np.zeros(0, np.int64)


@dataclass
class Agenda:
    """The places that fall due until the end of an hour, with the market seconds at which they do; in no order."""

    until: int = -1
    places: I64 = field(default_factory=_none)
    seconds: I64 = field(default_factory=_none)


def note(agenda: Agenda, places: I64, seconds: U32) -> None:
    """Note when places fall due that were set since the agenda was made."""
    soon = seconds <= agenda.until
    if soon.any():
        agenda.places = np.concatenate([agenda.places, places[soon]])
        agenda.seconds = np.concatenate([agenda.seconds, seconds[soon].astype(np.int64)])


def coming(agenda: Agenda, column: U32, second: int) -> tuple[I64, I64]:
    """Take what falls due by a market second off the agenda: the places, in no order, and the second of each in a column (0 for
    none).

    What is set in the column later than by an hour ago has to be noted. What was put off since it was noted is given as well.
    """
    if second > agenda.until:
        agenda.until = -(-second // HOUR) * HOUR
        agenda.places = np.flatnonzero((column > 0) & (column <= agenda.until))
        agenda.seconds = column[agenda.places].astype(np.int64)
    come = agenda.seconds <= second
    taken = agenda.places[come], agenda.seconds[come]
    if len(taken[0]):
        agenda.places, agenda.seconds = agenda.places[~come], agenda.seconds[~come]
    return taken


def due(places: I64, column: U32, seconds: I64) -> I64:
    """Give those of places, ascending and once each, whose second in a column (0 for none) has come by theirs, int64[places]."""
    came = (column[places] > 0) & (column[places] <= seconds)
    return distinct(places[came])
