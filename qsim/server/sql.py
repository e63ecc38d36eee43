"""The route of SQL from outside: one SELECT behind the guards of `qsim sql --guarded`, few at once."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from qsim.errors import QsimError, UsageError
from qsim.queries import values
from qsim.queries.guard import Answer, Limits, guarded_at
from qsim.queries.statement import TOO_DEEP
from qsim.server import shapes
from qsim.server.answers import known_parameters, market_of
from qsim.server.problems import STOPS, ProblemError
from qsim.server.reading import Market
from qsim.server.turns import CrowdedError, Turns

router = APIRouter(prefix="/api", tags=["sql"], dependencies=[Depends(known_parameters)])

LIMITS = Limits(seconds=20, rows=10_000, bytes=8 * 2**20, memory_mb=512, threads=1)
AT_ONCE, WAITING_MOST = 2, 8


class Asked(BaseModel):
    """A query."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"query": "SELECT platform, avg(price) FROM prices GROUP BY ALL"}}
    )

    query: str = Field(min_length=1, max_length=20_000)


@dataclass(eq=False)
class _Begun:
    """The process that a question has begun, and whether it is to end: it may begin just when who asked goes
    away, or the server stops.
    """

    process: subprocess.Popen[bytes] | None = None
    ended: bool = False

    def by(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        if self.ended:
            process.kill()

    def end(self) -> None:
        self.ended = True
        if self.process is not None:
            self.process.kill()


class Queries:
    """The queries of users: so many run, so many wait, others are sent away; when the server stops, all are."""

    def __init__(self) -> None:
        self.turns, self.closed = Turns(AT_ONCE, WAITING_MOST), False
        self.begun: set[_Begun] = set()

    def close(self) -> None:
        """End the queries that run, which would hold a stop up, and send those away that wait."""
        self.closed = True
        for begun in self.begun:
            begun.end()

    async def run(self, market: Market, query: str, asker: str, left: Coroutine[Any, Any, None]) -> bytes:
        """Run a query when it is the asker's turn, and give its answer as JSON; it ends when who asked has `left`. ProblemError 503
        where too many wait, or where the server stops meanwhile, 400 where the asker left.
        """
        begun = _Begun(ended=self.closed)
        self.begun.add(begun)
        asking, leaving = asyncio.ensure_future(self._turn(market, query, asker, begun)), asyncio.ensure_future(left)
        try:
            await asyncio.wait((asking, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise ProblemError(400, "sql: the client went away before its answer was there")
            return asking.result()
        finally:
            self.begun.remove(begun)
            leaving.cancel()
            if not asking.done():
                begun.end()
                asking.cancel()

    async def _turn(self, market: Market, query: str, asker: str, begun: _Begun) -> bytes:
        try:
            async with self.turns.turn(asker):
                return await market.renewed(lambda: self._ran(market, query, begun))
        except CrowdedError:
            line = f"sql: {AT_ONCE} queries run and {WAITING_MOST} wait; ask again later"
            raise ProblemError(503, line, {"Retry-After": "5"}) from None
        except QsimError:
            if self.closed:
                raise ProblemError(503, f"sql: {STOPS}") from None
            raise

    async def _ran(self, market: Market, query: str, begun: _Begun) -> bytes:
        moment, at = market.moment, market.at.market

        def work() -> bytes:
            return written(moment.place(), guarded_at(at, moment.log, query, LIMITS, begun.by))

        return await asyncio.to_thread(work)


def _json(value: object) -> str:
    return values.json_of(value, separators=(",", ":"))


def written(place: dict[str, Any], answer: Answer) -> bytes:
    """Write an answer and where the market stood, row by row: no other thread runs while a text is written."""
    told = place | {"columns": answer.columns, "types": answer.types, "truncated": answer.truncated}
    try:
        rows = ",".join(map(_json, answer.rows))
    except RecursionError:
        raise QsimError(TOO_DEEP) from None
    return f'{_json(told)[:-1]},"rows":[{rows}]}}'.encode()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.post("/sql", responses={200: shapes.bare(shapes.SQL)})
async def sql(request: Request, asked: Asked) -> Response:
    """One SELECT in DuckDB over the market's views: 20 s, 10,000 rows, 512 MB; `truncated` tells that there was more.

    `SELECT * FROM dictionary` tells what each view, column and macro means.
    """
    queries: Queries = request.app.state.queries
    asker = request.client.host if request.client else ""
    try:
        text = await queries.run(market_of(request), asked.query, asker, _left(request))
    except UsageError as fault:
        raise ProblemError(400, str(fault)) from None
    except QsimError as fault:
        raise ProblemError(422, str(fault)) from None
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})
