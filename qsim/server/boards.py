"""The data of the page: one route for each board, each as of any tick; an answer is made once for a tick and kept."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Path as InPath, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from qsim.queries import board_states, boards
from qsim.queries.board_states import Boards
from qsim.schema import CATALOG
from qsim.server.answers import market_of
from qsim.storage.log import Log

router = APIRouter(prefix="/api/boards", tags=["boards"])
_BYTES_KEPT = 16 * 2**20
AsOf = Annotated[int | None, Query(ge=0, lt=2**31, description="The tick that it is of; without one, the newest.", examples=[0])]


@dataclass
class Desk:
    """The boards of a served market and the answers made so far, by question and tick."""

    market: Path
    boards: Boards | None = None
    kept: OrderedDict[tuple[Any, ...], bytes] = field(default_factory=OrderedDict)
    bytes: int = 0
    opening: Lock = field(default_factory=Lock)

    def at(self, history: Log) -> Boards:
        """Give the boards at a log; they are opened afresh where it is that of another market."""
        with self.opening:
            if self.boards is None or _is_other(self.boards.log, history):
                self.boards, self.bytes = board_states.open_boards(self.market, history), 0
                self.kept.clear()
            elif self.boards.log is not history:
                board_states.moved_on(self.boards, history)
            return self.boards

    def answer(self, history: Log, board: Callable[..., Any], as_of: int | None, arguments: dict[str, Any]) -> bytes:
        """Give a board as JSON; one board is made at a time, and who asks for the same one waits for it."""
        shown = self.at(history)
        key = (board, history.tick if as_of is None else as_of, *arguments.items())
        # The newest tick and how far the slider goes are part of it.
        key = (*key, history.number) if board is boards.overview else key
        found = self.kept.get(key)
        if found is None:
            with shown.lock:
                found = self.kept.get(key) or self._make(key, board(shown, as_of=key[1], **arguments))
        return found

    def _make(self, key: tuple[Any, ...], told: dict[str, Any]) -> bytes:
        body = self.kept[key] = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
        self.bytes += len(body)
        while self.bytes > _BYTES_KEPT:
            self.bytes -= len(self.kept.popitem(last=False)[1])
        return body


def _is_other(known: Log, history: Log) -> bool:
    """Tell whether a log is not one that goes on from another: the catalog differs, or it is shorter."""
    names = {table.name for table in CATALOG}
    marks = [{(file.path, file.sha256) for file in log.files if file.table in names} for log in (known, history)]
    return marks[0] != marks[1] or history.number < known.number


async def _answer(request: Request, board: Callable[..., Any], as_of: int | None, **arguments: Any) -> Response:
    served = market_of(request).at
    if not hasattr(request.app.state, "desk"):
        request.app.state.desk = Desk(served.market)
    body = await run_in_threadpool(request.app.state.desk.answer, served.log, board, as_of, arguments)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})


@router.get("/overview")
async def overview(request: Request, as_of: AsOf = None) -> Response:
    """Where the market stands, and of each platform its listings, discounts, surges and stock-outs."""
    return await _answer(request, boards.overview, as_of)


@router.get("/search")
async def search(request: Request, q: Annotated[str, Query(max_length=100, examples=["onion"])], limit: Annotated[int, Query(ge=1, le=50)] = 12) -> Response:
    """Products on sale that have all words of a text, or beginnings of them."""
    return await _answer(request, boards.search, None, text=q, limit=limit)


@router.get("/prices/{product_id}")
async def prices(
    request: Request,
    product_id: Annotated[int, InPath(ge=0, lt=2**31, examples=[0])],
    hours: Annotated[int, Query(ge=1, le=24 * 92)] = 24,
    area: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    as_of: AsOf = None,
) -> Response:
    """A product's price on each platform over hours of market time: tick, time, paise, discount, surge, surge fee where it changed."""
    return await _answer(request, boards.prices, as_of, product=product_id, hours=hours, area=area)


@router.get("/cheapest")
async def cheapest(request: Request, as_of: AsOf = None) -> Response:
    """On what share of products each platform is cheapest, by category and hour of the last day."""
    return await _answer(request, boards.cheapest, as_of)


@router.get("/movers")
async def movers(request: Request, hours: Annotated[int, Query(ge=1, le=168)] = 1, as_of: AsOf = None) -> Response:
    """The listings whose price rose and fell most over hours of market time."""
    return await _answer(request, boards.movers, as_of, hours=hours)


@router.get("/depths")
async def depths(request: Request, as_of: AsOf = None) -> Response:
    """How many discounts of each platform run at which depth."""
    return await _answer(request, boards.depths, as_of)


@router.get("/stockouts")
async def stockouts(request: Request, as_of: AsOf = None) -> Response:
    """Listings without stock by category and platform, and the products that are out on most platforms."""
    return await _answer(request, boards.stockouts, as_of)


@router.get("/ticker")
async def ticker(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 30, as_of: AsOf = None) -> Response:
    """The newest events."""
    return await _answer(request, boards.ticker, as_of, limit=limit)


@router.get("/activity")
async def activity(request: Request, as_of: AsOf = None) -> Response:
    """What ticks took up and changed over the last day, and by cause what the last hour changed."""
    return await _answer(request, boards.activity, as_of)
