"""Turns at what few may do at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from qsim.server.turns import CrowdedError, Turns


class Doors:
    """Askers at turns: each holds its turn until it is told to go, and what became of each is written down."""

    def __init__(self, at_once: int = 2, waiting_most: int = 4) -> None:
        self.turns = Turns(at_once, waiting_most)
        self.held: list[str] = []
        self.crowded: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.ends: dict[str, asyncio.Event] = {}

    async def _hold(self, name: str) -> None:
        try:
            async with self.turns.turn(name[0]):
                self.held.append(name)
                await self.ends[name].wait()
        except CrowdedError:
            self.crowded.append(name)

    async def come(self, *names: str) -> None:
        """Let some come; the first letter of a name is its asker."""
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._hold(name))
            await asyncio.sleep(0)

    async def go(self, *names: str) -> None:
        for name in names:
            self.ends[name].set()
            await self.tasks[name]
        await asyncio.sleep(0)

    async def end(self) -> None:
        """Let all go, and find every turn given back."""
        for event in self.ends.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert (self.turns.taken.total(), self.turns.waiting) == (0, [])


def test_the_next_turn_is_of_who_holds_fewest_then_of_who_came_first() -> None:
    async def work() -> None:
        doors = Doors()
        await doors.come("a1", "a2", "a3", "a4", "b1", "c1")
        await doors.go("a1")
        assert doors.held == ["a1", "a2", "b1"]
        await doors.go("b1")
        assert doors.held == ["a1", "a2", "b1", "c1"]
        await doors.go("a2")
        assert doors.held == ["a1", "a2", "b1", "c1", "a3"]
        await doors.end()
        assert doors.crowded == []

    asyncio.run(work())


def test_where_all_places_are_taken_the_last_of_who_has_most_makes_room_for_who_has_fewer() -> None:
    async def work() -> None:
        doors = Doors()
        await doors.come("a1", "a2", "a3", "a4", "a5", "a6", "a7")
        assert doors.crowded == ["a7"]
        await doors.come("b1", "c1", "b2")
        assert doors.crowded == ["a7", "a6", "a5", "b2"]
        await doors.end()
        assert sorted(doors.held) == ["a1", "a2", "a3", "a4", "b1", "c1"]

    asyncio.run(work())


def test_who_leaves_while_waiting_gives_its_place_to_others_and_takes_no_turn() -> None:
    async def work() -> None:
        doors = Doors(at_once=1, waiting_most=2)
        await doors.come("a1", "b1", "c1")
        doors.tasks["b1"].cancel()
        doors.ends["a1"].set()
        await asyncio.gather(doors.tasks["a1"], doors.tasks["b1"], return_exceptions=True)
        await asyncio.sleep(0)
        await doors.come("d1", "e1", "f1")
        assert (doors.held, doors.crowded) == (["a1", "c1"], ["f1"])
        await doors.end()

    asyncio.run(work())


def test_a_turn_that_comes_just_as_its_asker_leaves_goes_to_the_next() -> None:
    async def work() -> None:
        doors = Doors(at_once=1)
        await doors.come("a1", "b1", "c1")
        doors.ends["a1"].set()
        await asyncio.sleep(0)
        doors.tasks["b1"].cancel()
        with suppress(asyncio.CancelledError):
            await doors.tasks["b1"]
        await asyncio.sleep(0)
        assert doors.held == ["a1", "c1"]
        await doors.end()

    asyncio.run(work())
