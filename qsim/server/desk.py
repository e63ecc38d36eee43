"""Where the page's boards are made: in one thread of their own, so that no other question waits for them; each once for a tick.

History does not change, so an answer as of a tick is kept whatever is committed later.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from qsim.queries import board_states, boards
from qsim.queries.board_states import Boards
from qsim.queries.served import FAULTS
from qsim.server.problems import STOPS, ProblemError
from qsim.server.reading import encoded
from qsim.storage.log import Log
from qsim.storage.places import Place

_BYTES_KEPT = 16 * 2**20
_WAITING_MOST = 128
_SECONDS = 20.0
_INTERRUPT_SECONDS, _STOP_SECONDS = 0.02, 3.0
_STOPS = f"boards: {STOPS}"


class Desk:
    """The boards of a served market, the first in its place or the one that `replaced` counts, and the answers made so far, by
    question and tick.
    """

    def __init__(self, market: Place, replaced: int = 0) -> None:
        self.market, self.replaced = market, replaced
        self.boards: Boards | None = None
        self.kept: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self.bytes = 0
        self.waiting, self.closed = 0, False
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="qsim-boards")

    async def answer(self, history: Log, board: Callable[..., Any], tick: int, arguments: dict[str, Any]) -> bytes:
        """Give a board as of a tick as JSON; ProblemError 503 where it takes too long, too many wait or the server stops."""
        key = _key(history, board, tick, arguments)
        if (kept := self.kept.get(key)) is not None:
            return kept
        if self.closed:
            raise ProblemError(503, _STOPS)
        if self.waiting >= _WAITING_MOST:
            raise ProblemError(503, "too many wait for the boards; ask again in a second", {"Retry-After": "1"})
        self.waiting += 1
        work = asyncio.get_running_loop().run_in_executor(self.worker, self._made, key, history, tick, arguments)
        work.add_done_callback(self._done)
        try:
            # Who does not wait for it finds it made when coming back.
            return await asyncio.wait_for(asyncio.shield(work), _SECONDS)
        except TimeoutError:
            line = f"the board is not made after {_SECONDS:g} s; it is being made: ask again"
            raise ProblemError(503, line, {"Retry-After": "5"}) from None
        except (asyncio.CancelledError, *FAULTS):
            if self.closed:
                raise ProblemError(503, _STOPS) from None
            raise

    async def close(self) -> None:
        """End the board that is made and send away who waits for others, for which the process would wait before it ends."""
        self.closed = True
        self.worker.shutdown(wait=False, cancel_futures=True)
        # What waits for a disk that does not answer is not to hold up a stop.
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                while self.waiting:
                    if self.boards is not None:
                        self.boards.connection.interrupt()
                    # A board is several queries, and between two of them there is none to be interrupted.
                    await asyncio.sleep(_INTERRUPT_SECONDS)

    def _done(self, work: asyncio.Future[bytes]) -> None:
        self.waiting -= 1
        # One that nobody waits for any more has been told as a time-out.
        if not work.cancelled():
            work.exception()

    def _made(self, key: tuple[Any, ...], history: Log, tick: int, arguments: dict[str, Any]) -> bytes:
        """Make an answer, or give the one that was made while this one waited; runs in the one thread."""
        shown = self._at(history)
        if (kept := self.kept.get(key)) is not None:
            return kept
        body = encoded(key[0](shown, as_of=min(tick, shown.log.tick), **arguments))
        self.kept[key] = body
        self.bytes += len(body)
        while self.bytes > _BYTES_KEPT:
            self.bytes -= len(self.kept.popitem(last=False)[1])
        return body

    def _at(self, history: Log) -> Boards:
        if self.boards is None:
            self.boards = board_states.open_boards(self.market, history)
        elif history.number > self.boards.log.number:
            board_states.moved_on(self.boards, history)
        return self.boards


def _key(history: Log, board: Callable[..., Any], tick: int, arguments: dict[str, Any]) -> tuple[Any, ...]:
    # The overview tells how far the market has come as well.
    commit = history.number if board is boards.overview else -1
    return (board, tick, commit, *arguments.items())
