"""Readers of one market for a server: queries in a few threads, each over one commit, their answers kept while it is the newest.

A router asks through `Market.ask`; what it asks with is a function of a `Reading` and plain, hashable arguments that gives
what JSON holds: an object, a list, which is answered by pages, or a pair of what goes with a list and the list. A query that
takes too long is interrupted; the same question asked twice at once is put once. What is answered out of memory is a
function of the prices of now (a `Now`) in the place of the reading.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from qsim.errors import ConflictError, ReplacedError, UsageError
from qsim.queries import past, ranked, served, shown
from qsim.queries.moment import Moment
from qsim.queries.ranked import Listed
from qsim.queries.served import Reading, Served
from qsim.server.problems import ProblemError
from qsim.storage.log import Log

__all__ = ["Kept", "Market", "Moment", "Query", "Reading"]

Query = Callable[..., Any]
Given = TypeVar("Given")
_logger = logging.getLogger("qsim")
_LATER = {"Retry-After": "1"}
_TIMES = 3
# What takes the prices of now alone, and of that what takes less time than handing it to a thread does.
_AT_ONCE = (shown.status, shown.product, shown.products, shown.prices, ranked.deals)
_IN_MEMORY = (past.product_at, past.history, past.metrics, ranked.cheapest, ranked.compare)


def encoded(value: Any) -> bytes:
    """Write a value that JSON holds as JSON; ValueError or TypeError where it does not."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@dataclass(frozen=True)
class Kept:
    """An answer as JSON, a list row by row or as it is shown, where the market stood that it is of, and what goes with a list.

    It is kept long after others came, and so holds neither the prices nor the files of its commit.
    """

    body: bytes | list[bytes] | Listed
    moment: Moment
    head: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Give about how many bytes it takes."""
        match self.body:
            case bytes():
                return 200 + len(self.body)
            case list():
                return 200 + sum(map(len, self.body)) + 50 * len(self.body)
        return 500 + self.body.bytes


def _kept(found: Any, moment: Moment) -> Kept:
    head, found = found if isinstance(found, tuple) else ({}, found)
    if isinstance(found, list):
        found = [encoded(row) for row in found]
    return Kept(found if isinstance(found, (list, Listed)) else encoded(found), moment.without_files, head)


def _in_its_place(at: Served, fault: ReplacedError) -> Served:
    try:
        return served.opened(at.market)
    except ConflictError:
        found = str(fault).rpartition("; ")[0]
        raise ReplacedError(
            f"{found}; put a market there (qsim generate, or a copy): it is served from then on"
        ) from None


@dataclass
class Market:
    """A served market: its threads, and the answers kept, at most so many bytes of them; `replaced` counts how often another
    market came in its place.
    """

    at: Served
    seconds: float = 10.0
    threads: int = 4
    waiting_most: int = 256
    bytes_most: int = 32 * 2**20
    pool: ThreadPoolExecutor = field(init=False)
    aside: ThreadPoolExecutor = field(init=False)
    answers: OrderedDict[tuple[Any, ...], Kept] = field(default_factory=OrderedDict)
    asked: dict[tuple[Any, ...], asyncio.Task[Kept]] = field(default_factory=dict)
    bytes: int = 0
    replaced: int = 0
    running: set[Reading] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Make the threads."""
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="qsim-query")
        # One follows the market, the other is there for who joins meanwhile: questions, however many, take neither.
        self.aside = ThreadPoolExecutor(2, thread_name_prefix="qsim-follow")

    @property
    def moment(self) -> Moment:
        """Tell where the market stands at the newest commit that was seen."""
        return self.at.moment

    @property
    def identity(self) -> str:
        """Give what tells this market from others: the hash of its settings, and which of those in its place it is."""
        return f"{self.moment.market}.{self.replaced}" if self.replaced else self.moment.market

    def kept(self, commit: int, query: Query, *arguments: Any) -> Kept | None:
        """Give the answer that a question got at a commit, if it is still at hand."""
        kept = self.answers.get((commit, query, *arguments))
        if kept is not None:
            self.answers.move_to_end((commit, query, *arguments))
        return kept

    async def ask(self, query: Query, *arguments: Any) -> Kept:
        """Run `query(reading, *arguments)` at the newest commit, in a thread, and give its answer as JSON.

        ProblemError 503 where it takes too long or too many wait.
        """
        kept = self.kept(self.moment.commit, query, *arguments)
        if kept is not None:
            return kept
        if query in _AT_ONCE:
            now = self.at.now
            return self._keep((now.moment.commit, query, *arguments), _kept(query(now, *arguments), now.moment))
        key = (self.moment.commit, query, *arguments)
        task = self.asked.get(key)
        if task is None:
            if len(self.asked) >= self.waiting_most:
                raise ProblemError(503, "too many questions are waiting for an answer; ask again in a second", _LATER)
            task = asyncio.create_task(self._put(query, arguments))
            self.asked[key] = task
            task.add_done_callback(lambda done: self._over(key, done))
        # Who goes away does not take the answer from the others.
        return await asyncio.shield(task)

    def _over(self, key: tuple[Any, ...], done: asyncio.Task[Kept]) -> None:
        # What was asked of a market that has been replaced is not kept.
        if self.asked.get(key) is not done:
            return
        del self.asked[key]
        if done.cancelled() or done.exception() is not None:
            return
        kept = done.result()
        self._keep((kept.moment.commit, *key[1:]), kept)

    def _keep(self, name: tuple[Any, ...], kept: Kept) -> Kept:
        self.bytes += kept.size - (self.answers[name].size if name in self.answers else 0)
        self.answers[name] = kept
        while self.bytes > self.bytes_most:
            self.bytes -= self.answers.popitem(last=False)[1].size
        return kept

    async def _put(self, query: Query, arguments: tuple[Any, ...]) -> Kept:
        if query in _IN_MEMORY:
            return await self.renewed(lambda: self._from_memory(query, arguments))
        return await self.run(lambda reading: _kept(query(reading, *arguments), reading.moment))

    async def _from_memory(self, query: Query, arguments: tuple[Any, ...]) -> Kept:
        now = self.at.now
        return await self._in_time(self.pool.submit(lambda: _kept(query(now, *arguments), now.moment)), [])

    async def renewed(self, act: Callable[[], Awaitable[Given]]) -> Given:
        """Do what reads the files of the newest commit that was seen; again at a newer one, at most three times, where meanwhile
        others took the place of these files and vacuum has removed them.
        """
        for _ in range(_TIMES - 1):
            begun = self.moment.log
            try:
                return await act()
            except served.FAULTS as fault:
                if isinstance(fault, UsageError) or not await self._overtaken(begun, self.moment.log):
                    raise
                await self.follow()
        return await act()

    async def _overtaken(self, *known: Log) -> bool:
        return any([await asyncio.to_thread(served.overtaken, self.at.market, history) for history in known])

    async def run(self, query: Callable[..., Given], *arguments: Any) -> Given:
        """Run `query(reading, *arguments)` at the newest commit, in a thread; give what it gives, as it is."""
        return await self.renewed(lambda: self._run(self.pool, query, arguments))

    async def run_aside(self, query: Callable[..., Given], *arguments: Any) -> Given:
        """Run a query as `run` does, for those who follow: it waits for no question."""
        return await self.renewed(lambda: self._run(self.aside, query, arguments))

    async def _run(self, pool: ThreadPoolExecutor, query: Callable[..., Given], arguments: tuple[Any, ...]) -> Given:
        begun: list[Reading] = []

        def work() -> Given:
            with served.reading(self.at) as reading:
                begun.append(reading)
                self.running.add(reading)
                try:
                    return query(reading, *arguments)
                finally:
                    self.running.discard(reading)
                    begun.clear()

        return await self._in_time(pool.submit(work), begun)

    async def _in_time(self, working: Future[Given], begun: list[Reading]) -> Given:
        """Wait for work in a thread as long as is allowed; then what it has begun is interrupted."""
        waiting = asyncio.wrap_future(working)
        done, _ = await asyncio.wait([waiting], timeout=self.seconds)
        if done:
            return waiting.result()
        for reading in begun[:]:
            reading.connection.interrupt()
        waiting.cancel()
        raise ProblemError(503, f"the question took the {self.seconds:g} s allowed and was ended; narrow it", _LATER)

    async def follow(self) -> bool:
        """Move to the newest commit, of another market where one has come in the place of this; False where there is none after
        the one that was seen.
        """
        at = self.at
        try:
            return await asyncio.wrap_future(self.aside.submit(served.follow, at))
        except ReplacedError as fault:
            opened = await asyncio.wrap_future(self.aside.submit(_in_its_place, at, fault))
        if self.at is at:
            self.at, self.replaced = opened, self.replaced + 1
            self.answers, self.asked, self.bytes = OrderedDict(), {}, 0
            _logger.warning(
                "%s: another market has come in the place of the one before; it is served from now on", at.market
            )
        return True

    def close(self) -> None:
        """End the threads and what they run."""
        for pool in (self.pool, self.aside):
            pool.shutdown(wait=False, cancel_futures=True)
        for reading in self.running.copy():
            reading.connection.interrupt()
