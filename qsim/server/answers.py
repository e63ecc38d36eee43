"""Answers of a router: a question put to the market, as JSON with an ETag of the commit that it is of, whole or by pages."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query as Parameter
from fastapi import Request
from fastapi.responses import Response
from starlette.routing import BaseRoute

from qsim import versions
from qsim.errors import nearest
from qsim.queries.ranked import Listed
from qsim.server import paging
from qsim.server.problems import ProblemError
from qsim.server.reading import Kept, Market, Moment, Query, encoded

Limit = Annotated[int, Parameter(ge=1, le=500, description="Rows of a page.", examples=[20])]
Cursor = Annotated[
    str | None,
    Parameter(pattern=paging.PATTERN, description="`next` of the page before.", json_schema_extra={"example": None}),
]
_TIME = r"^([0-9]{1,19}|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?)$"
_WRITTEN = "A tick, or a time in India such as 2026-01-01T08:00; left out is"
AsOf = Annotated[str | None, Parameter(pattern=_TIME, description=f"{_WRITTEN} now.", examples=["0"])]
Since = Annotated[str | None, Parameter(pattern=_TIME, description=f"{_WRITTEN} the opening.", examples=["0"])]


# A weak one says as much as a strong one here.
_TAGS = re.compile(r'(?:W/)?("[^"]*")')


def market_of(request: Request) -> Market:
    """Give the market that the app of a request serves."""
    market: Market = request.app.state.market
    return market


def refuse_body(request: Request) -> None:
    """Refuse a body of a GET."""
    has_one = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if request.method == "GET" and has_one:
        raise ProblemError(400, "body: found one with GET; allowed is none; send it without")


async def known_parameters(request: Request) -> None:
    """Refuse a parameter that the route does not know or that is given twice, and a body where none belongs.

    A dependency of every router.
    """
    refuse_body(request)
    route: BaseRoute | None = request.scope.get("route")
    known = [field.alias for field in route.dependant.query_params] if route and hasattr(route, "dependant") else []
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known:
            allowed = nearest(name, known) if known else "; it takes none"
            raise ProblemError(400, f"{name[:60]}: no such parameter here{allowed}; mend the request")
        if given.count(name) > 1:
            raise ProblemError(400, f"{name}: found twice; allowed is once; leave one out")


def etag_of(moment: Moment) -> str:
    """Write the ETag of all that is read at a commit: the commit's hash and this qsim's version, since another may tell the same
    otherwise.
    """
    return f'"{moment.log.head[:20]}-{versions.own()}"'


def sent(body: bytes, tag: str, kind: str = "application/json") -> Response:
    """Give an answer with its ETag, for whoever keeps it to ask again whether it holds."""
    return Response(body, media_type=kind, headers={"ETag": tag, "Cache-Control": "no-cache"})


def unchanged(request: Request, tag: str) -> Response | None:
    """Give 304 where the asker has the answer of an ETag; only once it is known that there is an answer (RFC 9110, 13.1.2)."""
    given = ",".join(request.headers.getlist("if-none-match"))
    if given.strip() != "*" and tag not in _TAGS.findall(given):
        return None
    return Response(status_code=304, headers={"ETag": tag, "Cache-Control": "no-cache"})


async def answer(request: Request, query: Query, *arguments: Any) -> Response:
    """Answer with what `query(reading, *arguments)` gives, an object."""
    kept = await market_of(request).ask(query, *arguments)
    assert isinstance(kept.body, bytes)
    tag = etag_of(kept.moment)
    return unchanged(request, tag) or sent(kept.body, tag)


def _listed(kept: Kept, rows: list[bytes], following: str | None, head: dict[str, Any]) -> Response:
    front = encoded(head)[:-1]
    body = b'%s,"rows":[%s],"next":%s}' % (front, b",".join(rows), encoded(following))
    return sent(body, etag_of(kept.moment))


async def page(request: Request, limit: int, cursor: str | None, query: Query, *arguments: Any) -> Response:
    """Answer with a page of what `query(reading, *arguments)` gives, a list: pages of one list are of one commit.

    A cursor says the commit and how many rows came before; 410 where the answer of that commit is no longer at hand.
    """
    market = market_of(request)
    scope = (query.__name__, arguments)
    commit, first = (market.moment.commit, 0) if cursor is None else paging.numbers_of(market, scope, cursor)
    kept = market.kept(commit, query, *arguments)
    if kept is None and commit == market.moment.commit:
        kept = await market.ask(query, *arguments)
    # The market may have moved while it was asked.
    if kept is None or (cursor is not None and kept.moment.commit != commit):
        raise ProblemError(
            410, f"cursor: its list was of commit {commit}, which is gone by; begin again without a cursor"
        )
    assert not isinstance(kept.body, bytes)
    if had := unchanged(request, etag_of(kept.moment)):
        return had
    last = first + limit
    if isinstance(kept.body, Listed):
        count, rows = kept.body.count, [encoded(row) for row in kept.body.rows(slice(first, last))]
    else:
        count, rows = len(kept.body), kept.body[first:last]
    following = paging.cursor_of(market, scope, kept.moment.commit, last) if last < count else None
    return _listed(kept, rows, following, kept.moment.place() | kept.head | {"total": count})


def tick_of(moment: Moment, text: str | None, what: str = "as_of") -> int | None:
    """Read a tick or a time in India as a tick that the market has reached; None for none given."""
    if text is None:
        return None
    try:
        tick = int(text) if text.isdecimal() else moment.tick_at(datetime.fromisoformat(text))
    except ValueError:
        raise ProblemError(
            422, f"{what}: found {text!r}; allowed is a time such as 2026-01-01T08:00; mend it"
        ) from None
    if not 0 <= tick <= moment.tick:
        ends = f"{moment.time_of(0)} to {moment.time_of(moment.tick)}"
        raise ProblemError(
            404, f"{what}: found {text!r}; the market has ticks 0 to {moment.tick} ({ends}); choose one of them"
        )
    return tick


async def after(
    request: Request,
    limit: int,
    cursor: str | None,
    query: Query,
    *arguments: Any,
    keys: dict[str, int],
    asked: tuple[object, ...] | None = None,
    tick: int | None = None,
) -> Response:
    """Answer with a page of a list that has an order of its own: what `query(reading, *arguments, *keys, limit)` gives.

    `keys` are the columns of the order, with what comes before the first row; a cursor says those of the last row. `tick` is
    the one that the list is as of. `asked` names the list where another query gives the same one once the market has moved.
    """
    market = market_of(request)
    scope = asked or (query.__name__, arguments)
    begun = [*keys.values()] if cursor is None else paging.numbers_of(market, scope, cursor)
    kept = await market.ask(query, *arguments, *begun, limit + 1)
    assert isinstance(kept.body, list)
    if had := unchanged(request, etag_of(kept.moment)):
        return had
    rows, following = kept.body[:limit], None
    if len(kept.body) > limit:
        last = json.loads(rows[-1])
        following = paging.cursor_of(market, scope, *(last[key] for key in keys))
    return _listed(kept, rows, following, kept.moment.place(tick))
