"""Changes as they come, as server-sent events: looked up once, written once for each filter, given to all who follow.

Whoever comes back with the id of an event misses nothing and gets nothing twice, whatever the commits and whichever server, and
nothing of another market. A client that does not read as fast as the market moves has its waiting messages replaced by one that
says how many; none waits for another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from qsim.queries import changes
from qsim.queries.changes import Change, Fee, Filter, Position
from qsim.server import messages
from qsim.server.measures import Measures
from qsim.server.messages import Back
from qsim.server.patience import Chunk
from qsim.server.problems import ProblemError
from qsim.server.reading import Market, Moment, Reading

# Changes of one look at the market, of what is made good to one who comes back, and looked at for that.
CHANGES_MOST, BACK_MOST, LOOK_MOST = 2000, 20_000, 5_000_000
# Where one look leaves changes out: those that all filters are given together, and those that are gone through for it.
SHARES_MOST, THROUGH_MOST = 50_000, 1_000_000
WAITING_MOST = 64
BEAT_SECONDS = 15.0
# Clients that are handed a message before others, and other questions, have a turn.
_AT_ONCE = 10
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

    def offer(self, chunks: Iterable[Chunk]) -> int:
        """Give messages to a client; give how many that did not wait any longer were dropped."""
        before = self.missed
        for chunk in chunks:
            if len(self.waiting) >= WAITING_MOST:
                self.missed += len(self.waiting)
                self.waiting.clear()
            self.waiting.append(chunk)
        self.wake.set()
        return self.missed - before

    def taken(self) -> Chunk | None:
        """Take what has waited longest, behind a word on what was dropped; None where nothing waits."""
        if self.missed:
            missed, self.missed = self.missed, 0
            return messages.message("lagged", {"missed_messages": missed})
        if not self.waiting:
            self.wake.clear()
            return None
        return self.waiting.popleft()


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
    fees, moment = changes.fees(reading, position), reading.moment
    return {
        wants: messages.few(_told(moment, position, *share, _of(wants, fees))) for wants, share in shares.items()
    }, moment


def _of(wants: Filter, fees: Sequence[Fee]) -> list[Fee]:
    return [fee for fee in fees if wants.platform in (None, fee.platform)]


def _told(moment: Moment, position: Position, rows: Sequence[Change], total: int, fees: Sequence[Fee]) -> list[Chunk]:
    texts = messages.written(moment, rows, total, total - len(rows), fees)
    if rows or not total:
        return texts
    return [messages.gap(position, moment, moment.tick), *texts]


def _back(reading: Reading, position: Position) -> tuple[list[Change], int, list[Fee]]:
    if changes.rows_since(reading, position) > LOOK_MOST:
        return [], LOOK_MOST, []
    return *changes.since(reading, position, BACK_MOST), changes.fees(reading, position)


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
                anew = [
                    messages.message("reset", {"reason": line}, messages.id_of(moment, end)),
                    *messages.written(moment, [], 0, 0),
                ]
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

    async def join(self, wants: Filter, back: Back | None, is_gone: Callable[[], Awaitable[bool]]) -> Client:
        """Take in a client, with what came since where it was if it comes back; ProblemError 503 where there are too many, 400
        where it went away while it waited.
        """
        if back is None:
            return await self._taken_in(wants, None)
        async with self.back:
            if await is_gone():
                raise ProblemError(400, "the client went away before it was its turn")
            return await self._taken_in(wants, back)

    async def _taken_in(self, wants: Filter, back: Back | None) -> Client:
        client = Client(wants)
        async with self.turn:
            # Here, since all who wait for their turn would be too few before it.
            if self.count >= self.most:
                line = f"{self.most:,} clients follow already, which is the most; come back later"
                raise ProblemError(503, line, {"Retry-After": "10"})
            moment = self.market.moment
            client.offer(
                [
                    _RETRY,
                    messages.message("hello", moment.place(), "" if back else messages.id_of(moment, self.position)),
                ]
            )
            if back is not None:
                client.offer(await self._made_good(wants, *back))
            self.clients.setdefault(wants, set()).add(client)
            # One that came while the server was told to stop would keep it from that.
            client.gone = self.closed
        return client

    async def _made_good(self, wants: Filter, position: Position, market: str | None) -> list[Chunk]:
        """Write what came from a position up to where all others are, in one piece; or that it cannot be had."""
        moment = self.market.moment
        here = messages.id_of(moment, self.position)
        if position > self.position or market not in (None, moment.market[:8]):
            line = "the id is of another market, or of a tick that this one has not reached; it goes on from its newest commit"
            return [messages.message("reset", {"reason": line}, here)]
        found, total, fees = await self.market.run_aside(_back, position)
        if total > BACK_MOST:
            return [messages.gap(position, moment, self.position[0] - 1)]
        rows = wanted((change for change in found if (change.tick, change.listing_id) < self.position), [wants])[wants]
        parts = messages.written(moment, rows, len(rows), 0, _of(wants, fees))[:-1]
        return [messages.joined([*parts, messages.message("resumed", {"changes": len(rows)}, here)])]

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
