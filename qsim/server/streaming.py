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
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from qsim.queries import changes
from qsim.queries.changes import Change, Filter, Position
from qsim.server.measures import Measures
from qsim.server.patience import Chunk
from qsim.server.problems import ProblemError
from qsim.server.reading import Market, Moment, Reading

# Changes of one look at the market, of one message, of what is made good to one who comes back, and looked at for that.
CHANGES_MOST, A_MESSAGE, BACK_MOST, LOOK_MOST = 2000, 250, 20_000, 5_000_000
# Where one look leaves changes out: those that all filters are given together, and those that are gone through for it.
SHARES_MOST, THROUGH_MOST = 50_000, 1_000_000
WAITING_MOST = 64
BEAT_SECONDS = 15.0
# Clients that are handed a message before others, and other questions, have a turn.
_AT_ONCE = 10
_ID = re.compile(r"([0-9]{1,10}):([0-9]{1,10})", re.ASCII)
BEAT = Chunk.of(b": still here\n\n")
_RETRY = Chunk.of(b"retry: 2000\n\n")


def wanted(found: Iterable[Change], filters: Iterable[Filter]) -> dict[Filter, list[Change]]:
    """Give the changes that each filter wants, in order; they are gone through once, however many filters there are."""
    kept: dict[Filter, list[Change]] = {wants: [] for wants in filters}
    for change in found:
        platform, product = change.platform, change.product_id
        for wants in (Filter(), Filter(platform), Filter(None, product), Filter(platform, product)):
            if wants in kept:
                kept[wants].append(change)
    return kept


@dataclass(eq=False)
class Client:
    """One who follows: the filter, the messages that wait, how many were dropped, and whether it is still there."""

    wants: Filter
    waiting: deque[Chunk] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    missed: int = 0
    gone: bool = False

    def offer(self, messages: Iterable[Chunk]) -> int:
        """Give messages to a client; give how many that did not wait any longer were dropped."""
        before = self.missed
        for message in messages:
            if len(self.waiting) >= WAITING_MOST:
                self.missed += len(self.waiting)
                self.waiting.clear()
            self.waiting.append(message)
        self.wake.set()
        return self.missed - before

    def taken(self) -> Chunk | None:
        """Take what has waited longest, behind a word on what was dropped; None where nothing waits."""
        if self.missed:
            missed, self.missed = self.missed, 0
            return message("lagged", {"missed_messages": missed})
        if not self.waiting:
            self.wake.clear()
            return None
        return self.waiting.popleft()


def message(kind: str, data: dict[str, Any] | str, position: Position | None = None) -> Chunk:
    """Write an event, as it goes to all who hear of it."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    name = "" if position is None else f"id: {position[0]}:{position[1]}\n"
    return Chunk.of(f"event: {kind}\n{name}data: {text}\n\n".encode())


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


def written(moment: Moment, kept: Sequence[Change], total: int, omitted: int) -> list[Chunk]:
    """Write what came up to a moment: the changes that are wanted by some, then where the market stands and how many there were."""
    end = (moment.tick + 1, 0)
    parts = [kept[at : at + A_MESSAGE] for at in range(0, len(kept), A_MESSAGE)]
    texts = []
    for part in parts:
        last = part[-1]
        rows = ",".join(change.text for change in part)
        text = f'{{"commit":{moment.commit},"rows":[{rows}]}}'
        texts.append(message("changes", text, (last.tick, last.listing_id + 1)))
    told = moment.place() | {"changes": total, "omitted": omitted}
    return [*texts, message("commit", told, end)]


def _few(texts: list[Chunk]) -> list[Chunk]:
    """Put the last two messages into one chunk: to hand out a chunk is most of what a client costs."""
    return [*texts[:-2], _joined(texts[-2:])]


def _joined(texts: Iterable[Chunk]) -> Chunk:
    return Chunk.of(b"".join(text.text for text in texts))


def _look(reading: Reading, position: Position, filters: Sequence[Filter]) -> tuple[dict[Filter, list[Chunk]], Moment]:
    """Write for each filter what came since a position: its own newest changes, or that they cannot be had here."""
    found, total = changes.since(reading, position, CHANGES_MOST)
    if total == len(found):
        shares = {wants: (rows, len(rows)) for wants, rows in wanted(found, filters).items()}
    else:
        narrow = [wants for wants in filters if wants != Filter()]
        shares = {wants: (found, total) if wants == Filter() else ([], total) for wants in filters}
        if narrow and total <= THROUGH_MOST:
            shares |= changes.shares(reading, position, narrow, CHANGES_MOST, SHARES_MOST)
    moment = reading.moment
    return {wants: _few(_told(moment, position, *share)) for wants, share in shares.items()}, moment


def _told(moment: Moment, position: Position, rows: Sequence[Change], total: int) -> list[Chunk]:
    texts = written(moment, rows, total, total - len(rows))
    if rows or not total:
        return texts
    return [_gap(position, moment.tick, (moment.tick + 1, 0)), *texts]


def _gap(position: Position, last: int, end: Position) -> Chunk:
    missed = {"from_tick": position[0], "to_tick": last, "reason": "too many changes came since"}
    return message("gap", missed, end)


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
        self.replaced = market.replaced
        self.closed = False
        # Who comes back waits for others who do, and one of them at a time beside what all are to be told.
        self.turn, self.back = asyncio.Lock(), asyncio.Lock()

    @property
    def count(self) -> int:
        """Count the clients."""
        return sum(map(len, self.clients.values()))

    async def publish(self) -> None:
        """Tell all clients what came since the last time, or that another market did."""
        async with self.turn:
            moment = self.market.moment
            end = (moment.tick + 1, 0)
            # A commit may merge files and bring no tick.
            if not self.clients or (end == self.position and self.replaced == self.market.replaced):
                self.position, self.replaced = end, self.market.replaced
                return
            if self.replaced != self.market.replaced:
                line = "another market has come in the place of the one before; it goes on from its newest commit"
                anew = [message("reset", {"reason": line}, end), *written(moment, [], 0, 0)]
                self.position, self.replaced = end, self.market.replaced
                await self._give([(client, anew) for clients in self.clients.values() for client in clients])
                return
            texts, moment = await self.market.run_aside(_look, self.position, tuple(self.clients))
            self.position = (moment.tick + 1, 0)
            given = [(client, texts[wants]) for wants, clients in self.clients.items() for client in clients]
        await self._give(given)

    async def beat(self) -> None:
        """Let clients to whom nothing was said know that the server is there."""
        quiet = [client for clients in self.clients.values() for client in clients if not client.waiting]
        await self._give([(client, [BEAT]) for client in quiet])

    async def _give(self, given: list[tuple[Client, list[Chunk]]]) -> None:
        for at, (client, texts) in enumerate(given):
            self.measures.lagged.inc(client.offer(texts))
            if at % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        self.measures.messages.inc(sum(len(texts) for _, texts in given))

    async def join(self, wants: Filter, position: Position | None, is_gone: Callable[[], Awaitable[bool]]) -> Client:
        """Take in a client, with what came since a position where it names one; ProblemError 503 where there are too many, 400
        where it went away while it waited.
        """
        if position is None:
            return await self._taken_in(wants, None)
        async with self.back:
            if await is_gone():
                raise ProblemError(400, "the client went away before it was its turn")
            return await self._taken_in(wants, position)

    async def _taken_in(self, wants: Filter, position: Position | None) -> Client:
        client = Client(wants)
        async with self.turn:
            # Here, since all who wait for their turn would be too few before it.
            if self.count >= self.most:
                line = f"{self.most:,} clients follow already, which is the most; come back later"
                raise ProblemError(503, line, {"Retry-After": "10"})
            moment = self.market.moment
            client.offer([_RETRY, message("hello", moment.place(), None if position else self.position)])
            if position is not None:
                client.offer(await self._made_good(wants, position))
            self.clients.setdefault(wants, set()).add(client)
            # One that came while the server was told to stop would keep it from that.
            client.gone = self.closed
        return client

    async def _made_good(self, wants: Filter, position: Position) -> list[Chunk]:
        """Write what came from a position up to where all others are, in one piece; or that it cannot be had."""
        if position > self.position:
            line = "the id is of a tick that this market has not reached; it goes on from its newest commit"
            return [message("reset", {"reason": line}, self.position)]
        found, total, moment = await self.market.run_aside(_back, position)
        if total > BACK_MOST:
            return [_gap(position, self.position[0] - 1, self.position)]
        before = [change for change in found if (change.tick, change.listing_id) < self.position]
        parts = written(moment, wanted(before, [wants])[wants], len(before), 0)[:-1]
        parts.append(message("resumed", {"changes": len(before)}, self.position))
        return [_joined(parts)]

    def close(self) -> None:
        """End what all clients follow, those too that are about to come."""
        self.closed = True
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
                while not client.gone and (chunk := client.taken()) is not None:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
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
