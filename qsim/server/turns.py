"""Turns at what few may do at once: who has the least of it is next, and nobody keeps the others from waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


class CrowdedError(Exception):
    """So many wait that one more, or one who came later than the others of the same asker, is sent away."""


@dataclass(eq=False)
class _Place:
    """Where somebody waits: whose place it is, and what tells that the turn has come."""

    asker: str
    turn: asyncio.Future[None]


class Turns:
    """Turns for one event loop: `at_once` are taken, and `waiting_most` wait for one."""

    def __init__(self, at_once: int, waiting_most: int) -> None:
        self.at_once, self.waiting_most = at_once, waiting_most
        self.taken: Counter[str] = Counter()
        self.waiting: list[_Place] = []

    @asynccontextmanager
    async def turn(self, asker: str) -> AsyncIterator[None]:
        """Hold a turn for as long as the block lasts. Raises CrowdedError where too many wait for one."""
        await self._come(asker)
        try:
            yield
        finally:
            self._go(asker)

    async def _come(self, asker: str) -> None:
        if self.taken.total() < self.at_once:
            self.taken[asker] += 1
            return
        if len(self._still()) >= self.waiting_most:
            self._make_room(asker)
        place = _Place(asker, asyncio.get_running_loop().create_future())
        self.waiting.append(place)
        try:
            await place.turn
        except asyncio.CancelledError:
            if not place.turn.cancelled() and place.turn.exception() is None:
                self._go(asker)
            raise
        finally:
            self.waiting.remove(place)

    def _still(self) -> list[_Place]:
        # Whoever has been told has not gone from its place before its task runs.
        return [place for place in self.waiting if not place.turn.done()]

    def _make_room(self, asker: str) -> None:
        """Send away the last who waits of those who have most places, if that leaves them no fewer than the asker has then."""
        waiting = self._still()
        places = Counter(place.asker for place in waiting)
        most = max(places.values())
        if places[asker] + 1 >= most:
            raise CrowdedError
        last = next(place for place in reversed(waiting) if places[place.asker] == most)
        last.turn.set_exception(CrowdedError())

    def _go(self, asker: str) -> None:
        self.taken -= Counter((asker,))
        if waiting := self._still():
            place = min(waiting, key=lambda place: self.taken[place.asker])
            self.taken[place.asker] += 1
            place.turn.set_result(None)
