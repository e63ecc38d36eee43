"""Markets in an object store, made, finished after a fault, and found sound."""

from __future__ import annotations

import qsim
from qsim.storage import log
from qsim.storage.places import ObjectPath

TICKS = 3


def made(place: ObjectPath) -> dict[str, object]:
    qsim.generate(place, products=12)
    return qsim.run(place, ticks=TICKS)


def finished(place: ObjectPath) -> dict[str, object]:
    """Go on with a market from wherever a fault left it, as a user would, and give its status."""
    if not log.exists(place):
        qsim.generate(place, products=12)
    return qsim.run(place, until=TICKS)


def is_sound(place: ObjectPath) -> bool:
    found = qsim.verify(place)
    assert (found["faults"], found["notes"]) == ([], [])
    return bool(found["passed"])
