"""Routes for who watches: changes as they come, health, and figures for Prometheus."""

from __future__ import annotations

from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response

from qsim.monitoring.health import FAILING, STATUS, worst
from qsim.queries.changes import Filter
from qsim.queries.known import check_platform
from qsim.queries.shown import listings_of
from qsim.server import messages, shapes, streaming
from qsim.server.answers import known_parameters, market_of
from qsim.server.following import Following
from qsim.server.measures import Measures
from qsim.server.problems import STREAM
from qsim.server.streaming import Feed

router = APIRouter(tags=["watching"], dependencies=[Depends(known_parameters)])

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `hello`, `changes`, `fees`, `commit`, and where it applies `resumed`, `gap`, `reset`, `lagged`. A"
        " `commit` counts the changes of what is followed, and which of them were left out; a `gap` names ticks to ask the history of."
        " Rows of `changes` have a listing's own `surge_fee`, those of `fees` the `order_fee` of all orders from a dark store.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'event: commit\nid: 289:0:c0ffee00\ndata: {"commit":42,"tick":288,"changes":250,"omitted":0}\n\n',
            }
        },
    }
}
_HEALTH: dict[int | str, dict[str, Any]] = {
    200: shapes.bare(shapes.HEALTH),
    503: shapes.bare(shapes.FAILING, "The market is failing; the answer is that of 200, with what is failing."),
}
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Figures.",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": "qsim_tick 288.0\n"}},
    }
}


@router.get(STREAM, response_class=Response, responses=_STREAM)
async def events(
    request: Request,
    platform: Annotated[
        str | None, Query(min_length=1, max_length=60, description="Only this one's, id or name.", examples=["zepto"])
    ] = None,
    product_id: Annotated[int | None, Query(ge=0, le=2**32 - 1, description="Only this product's.")] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=60, description="The id of the last event that was seen.")
    ] = None,
) -> Response:
    """Changes of prices as they come, from now on or from `Last-Event-ID`."""
    back = messages.back_of(last_event_id)
    now = market_of(request).at.now
    chosen = None if platform is None else check_platform(now.goods.known, platform)
    if product_id is not None:
        # Who waits for one that is not there would not learn of it.
        listings_of(now, product_id)
    feed: Feed = request.app.state.feed
    client = await feed.join(Filter(chosen, product_id), back, request.is_disconnected)
    return streaming.Stream(client, feed.leave)


@router.get("/health", responses=_HEALTH)
async def health(request: Request) -> Response:
    """How the market is and whether the server follows it, with reasons and mends as `qsim health` tells them; 503 where it is
    failing.
    """
    following: Following = request.app.state.following
    feed: Feed = request.app.state.feed
    reasons = following.reasons
    level = worst(reasons)
    told = market_of(request).moment.place() | {
        "status": STATUS[level],
        "reasons": reasons,
        "looked_seconds_ago": round(monotonic() - following.looked, 3),
        "commit_age_seconds": round(monotonic() - following.moved, 3),
        "streams": feed.count,
    }
    return JSONResponse(told, 503 if level == FAILING else 200, {"Cache-Control": "no-store"})


@router.get("/metrics", response_class=Response, responses=_TEXT)
async def metrics(request: Request) -> Response:
    """Figures of the server, of where the market stands, what its newest ticks did and its newest run cost, for Prometheus."""
    measures: Measures = request.app.state.measures
    return Response(measures.text(), media_type="text/plain; version=0.0.4", headers={"Cache-Control": "no-store"})
