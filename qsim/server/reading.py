"""Readers of one market for a server: queries in a few threads, each over one commit, their answers kept while it is the newest.

A router asks through `Market.ask`; what it asks with is a function of a `Reading` and plain arguments that gives what JSON
holds. A query that takes too long is interrupted, the same question asked twice at once is put once.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from qsim.queries import served
from qsim.queries.served import Moment, Reading, Served
from qsim.server.problems import ProblemError

__all__ = ["Market", "Moment", "Reading"]

Query = Callable[..., Any]


@dataclass(frozen=True)
class Kept:
    """An answer as JSON, and where the market stood that it is of."""

    body: bytes
    moment: Moment


@dataclass
class Market:
    """A served market: its threads, and the answers kept, at most so many bytes of them."""

    at: Served
    seconds: float = 10.0
    threads: int = 4
    waiting_most: int = 256
    bytes_most: int = 32 * 2**20
    pool: ThreadPoolExecutor = field(init=False)
    answers: OrderedDict[tuple[Any, ...], Kept] = field(default_factory=OrderedDict)
    asked: dict[tuple[Any, ...], asyncio.Task[Kept]] = field(default_factory=dict)
    bytes: int = 0

    def __post_init__(self) -> None:
        """Make the threads."""
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="qsim-query")

    @property
    def moment(self) -> Moment:
        """Tell where the market stands at the newest commit that was seen."""
        return self.at.moment

    async def ask(self, query: Query, *arguments: Any) -> Kept:
        """Run `query(reading, *arguments)` at the newest commit, in a thread, and give its answer as JSON.

        Arguments must be hashable. ProblemError 503 where it takes too long or too many wait.
        """
        key = (self.moment.commit, query, *arguments)
        kept = self.answers.get(key)
        if kept is not None:
            self.answers.move_to_end(key)
            return kept
        task = self.asked.get(key)
        if task is None:
            if len(self.asked) >= self.waiting_most:
                raise ProblemError(
                    503, "the server has too many questions waiting; ask again in a second", {"Retry-After": "1"}
                )
            task = asyncio.create_task(self._put(key, query, arguments))
            self.asked[key] = task
            task.add_done_callback(lambda done: self._over(key, done))
        # Who goes away does not take the answer from the others.
        return await asyncio.shield(task)

    def _over(self, key: tuple[Any, ...], done: asyncio.Task[Kept]) -> None:
        self.asked.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        kept = done.result()
        self.answers[(kept.moment.commit, *key[1:])] = kept
        self.bytes += len(kept.body)
        while self.bytes > self.bytes_most:
            self.bytes -= len(self.answers.popitem(last=False)[1].body)

    async def _put(self, key: tuple[Any, ...], query: Query, arguments: tuple[Any, ...]) -> Kept:
        begun: list[Reading] = []

        def work() -> Kept:
            with served.reading(self.at) as reading:
                begun.append(reading)
                found = query(reading, *arguments)
                return Kept(json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode(), reading.moment)

        working = asyncio.get_running_loop().run_in_executor(self.pool, work)
        done, _ = await asyncio.wait([working], timeout=self.seconds)
        if not done:
            for reading in begun:
                reading.connection.interrupt()
            working.cancel()
            message = f"the question took the {self.seconds:g} s allowed and was ended; narrow it"
            raise ProblemError(503, message, {"Retry-After": "1"})
        return working.result()

    async def follow(self) -> bool:
        """Move to the newest commit; False where there is none after the one that was seen."""
        return await asyncio.get_running_loop().run_in_executor(None, served.follow, self.at)

    def close(self) -> None:
        """End the threads."""
        self.pool.shutdown(wait=False, cancel_futures=True)
