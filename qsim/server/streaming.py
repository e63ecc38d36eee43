"""Changes as they come, as server-sent events: looked up once, written once for each filter, given to all who follow.

An event's id is the place in the order of changes that comes after it, `TICK:LISTING`, so that whoever comes back with it
misses nothing and gets nothing twice, whatever the commits and whichever server. A client that does not read as fast as the
market moves has its waiting messages replaced by one that says how many; none waits for another.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from qsim.queries import changes
from qsim.queries.changes import Change, Position
from qsim.server.answers import place
from qsim.server.measures import Measures
from qsim.server.problems import ProblemError
from qsim.server.reading import Market, Moment, Reading

# Changes of one look at the market, of one message, of what is made good to one who comes back, and looked at for that.
CHANGES_MOST, A_MESSAGE, BACK_MOST, LOOK_MOST = 2000, 250, 20_000, 5_000_000
WAITING_MOST = 64
BEAT_SECONDS = 15.0
# Clients that are handed a message before others have a turn.
_AT_ONCE = 50
_ID = re.compile(r"([0-9]{1,10}):([0-9]{1,10})", re.ASCII)
BEAT = b": still here\n\n"


@dataclass(frozen=True)
class Filter:
    """What a client wants of the changes: those of a platform, of a product; None is all."""

    platform: str | None = None
    product_id: int | None = None

    def takes(self, change: Change) -> bool:
        """Tell whether a change is wanted."""
        return (self.platform is None or change.platform == self.platform) and (
            self.product_id is None or change.product_id == self.product_id
        )


@dataclass(eq=False)
class Client:
    """One who follows: the filter, the messages that wait, how many were dropped, and whether it is still there."""

    wants: Filter
    waiting: deque[bytes] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    missed: int = 0
    gone: bool = False

    def offer(self, messages: Iterable[bytes]) -> int:
        """Give messages to a client; give how many that did not wait any longer were dropped."""
        before = self.missed
        for message in messages:
            if len(self.waiting) >= WAITING_MOST:
                self.missed += len(self.waiting)
                self.waiting.clear()
            self.waiting.append(message)
        self.wake.set()
        return self.missed - before

    def taken(self) -> bytes:
        """Take what waits, behind a word on what was dropped."""
        parts = list(self.waiting)
        self.waiting.clear()
        self.wake.clear()
        if self.missed:
            parts.insert(0, message("lagged", {"missed_messages": self.missed}))
            self.missed = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)


def message(kind: str, data: dict[str, Any] | str, position: Position | None = None) -> bytes:
    """Write an event."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    name = "" if position is None else f"id: {position[0]}:{position[1]}\n"
    return f"event: {kind}\n{name}data: {text}\n\n".encode()


def position_of(text: str | None) -> Position | None:
    """Read a Last-Event-ID; ProblemError 400 where it is none that was given."""
    if text is None or not text:
        return None
    found = _ID.fullmatch(text)
    if found is None:
        raise ProblemError(
            400, f"Last-Event-ID: found {text[:40]!r}; allowed is an id of this stream, such as 288:0; leave it out"
        )
    return int(found[1]), int(found[2])


def written(moment: Moment, found: list[Change], total: int, wants: Filter) -> list[bytes]:
    """Write what came up to a moment for a filter: the changes by some, then where the market stands."""
    end = (moment.tick + 1, 0)
    kept = [change for change in found if wants.takes(change)]
    parts = [kept[at : at + A_MESSAGE] for at in range(0, len(kept), A_MESSAGE)]
    texts = []
    for part in parts:
        last = part[-1]
        rows = ",".join(change.text for change in part)
        text = f'{{"commit":{moment.commit},"rows":[{rows}]}}'
        texts.append(message("changes", text, (last.tick, last.listing_id + 1)))
    told = place(moment) | {"changes": total, "omitted": total - len(found)}
    return [*texts, message("commit", told, end)]


def _look(reading: Reading, position: Position) -> tuple[list[Change], int, Moment]:
    return *changes.since(reading, position, CHANGES_MOST), reading.moment


def _back(reading: Reading, position: Position) -> tuple[list[Change], int, Moment]:
    if changes.rows_since(reading, position) > LOOK_MOST:
        return [], LOOK_MOST, reading.moment
    return *changes.since(reading, position, BACK_MOST), reading.moment


class Feed:
    """All who follow a market, and the place up to which they were told."""

    def __init__(self, market: Market, measures: Measures, most: int) -> None:
        self.market, self.measures, self.most = market, measures, most
        self.clients: dict[Filter, set[Client]] = {}
        self.position: Position = (market.moment.tick + 1, 0)
        self.turn = asyncio.Lock()

    @property
    def count(self) -> int:
        """Count the clients."""
        return sum(map(len, self.clients.values()))

    async def publish(self) -> None:
        """Tell all clients what came since the last time."""
        async with self.turn:
            if not self.clients:
                self.position = (self.market.moment.tick + 1, 0)
                return
            found, total, moment = await self.market.run(_look, self.position)
            self.position = (moment.tick + 1, 0)
            texts = {wants: written(moment, found, total, wants) for wants in self.clients}
            given = [(client, texts[wants]) for wants, clients in self.clients.items() for client in clients]
        await self._give(given)

    async def beat(self) -> None:
        """Let clients to whom nothing was said know that the server is there."""
        quiet = [client for clients in self.clients.values() for client in clients if not client.waiting]
        await self._give([(client, [BEAT]) for client in quiet])

    async def _give(self, given: list[tuple[Client, list[bytes]]]) -> None:
        for at, (client, texts) in enumerate(given):
            self.measures.lagged.inc(client.offer(texts))
            if at % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        self.measures.messages.inc(sum(len(texts) for _, texts in given))

    async def join(self, wants: Filter, position: Position | None) -> Client:
        """Take in a client, with what came since a position where it names one; ProblemError 503 where there are too many."""
        if self.count >= self.most:
            raise ProblemError(
                503, f"{self.most:,} clients follow already, which is the most; come back later", {"Retry-After": "10"}
            )
        client = Client(wants)
        async with self.turn:
            moment = self.market.moment
            client.offer([b"retry: 2000\n\n", message("hello", place(moment), None if position else self.position)])
            if position is not None:
                client.offer(await self._made_good(wants, position))
            self.clients.setdefault(wants, set()).add(client)
        return client

    async def _made_good(self, wants: Filter, position: Position) -> list[bytes]:
        """Write what came from a position up to where all others are, in one piece; or that it cannot be had."""
        if position > self.position:
            line = "the id is of a tick that this market has not reached; it goes on from its newest commit"
            return [message("reset", {"reason": line}, self.position)]
        found, total, moment = await self.market.run(_back, position)
        if total > BACK_MOST:
            missed = {
                "from_tick": position[0],
                "to_tick": self.position[0] - 1,
                "reason": "too many changes came since",
            }
            return [message("gap", missed, self.position)]
        before = [change for change in found if (change.tick, change.listing_id) < self.position]
        parts = written(moment, before, len(before), wants)[:-1]
        return [b"".join([*parts, message("resumed", {"changes": len(before)}, self.position)])]

    def close(self) -> None:
        """End what all clients follow."""
        for client in [client for clients in self.clients.values() for client in clients]:
            client.gone = True
            client.wake.set()

    def leave(self, client: Client) -> None:
        """Let a client go."""
        others = self.clients.get(client.wants, set())
        others.discard(client)
        if not others:
            self.clients.pop(client.wants, None)


class Stream(Response):
    """The response that goes on for as long as a client is there."""

    media_type = "text/event-stream"

    def __init__(self, client: Client, leave: Callable[[Client], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self.client, self.leave = client, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is offered to the client until it goes."""
        client = self.client
        watching = asyncio.create_task(_until_gone(receive, client))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while not client.gone:
                await client.wake.wait()
                if not client.gone:
                    await send({"type": "http.response.body", "body": client.taken(), "more_body": True})
        finally:
            self.leave(client)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive, client: Client) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.gone = True
    client.wake.set()
