"""Answers of a router: a question put to the market, as JSON with an ETag of the commit that it is of."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from qsim.server.reading import Market, Query


def market_of(request: Request) -> Market:
    """Give the market that the app of a request serves."""
    market: Market = request.app.state.market
    return market


def etag_of(head: str) -> str:
    """Write the ETag of all that is read at a commit, by the commit's hash."""
    return f'"{head[:20]}"'


def _same(request: Request, tag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in given.split(","))


async def answer(request: Request, query: Query, *arguments: Any) -> Response:
    """Put `query(reading, *arguments)` to the market and answer with what it gives; 304 where the asker has it already.

    Every URL's answer is a function of the commit alone, so the commit's hash is its ETag.
    """
    market = market_of(request)
    if _same(request, etag_of(market.moment.head)):
        return Response(status_code=304, headers={"ETag": etag_of(market.moment.head)})
    kept = await market.ask(query, *arguments)
    headers = {"ETag": etag_of(kept.moment.head), "Cache-Control": "no-cache"}
    return Response(kept.body, media_type="application/json", headers=headers)
