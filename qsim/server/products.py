"""Routes of what the market holds and held: its products, prices now and at any tick, their history, campaigns, counts of ticks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from qsim import clock
from qsim.monitoring.metrics import counted
from qsim.queries import browse, past, shown
from qsim.server import shapes
from qsim.server.answers import AsOf, Cursor, Limit, Since, after, answer, known_parameters, market_of, page, tick_of
from qsim.server.problems import ProblemError
from qsim.server.reading import Moment, Reading

router = APIRouter(prefix="/api", tags=["market"], dependencies=[Depends(known_parameters)])

Platform = Annotated[str | None, Query(min_length=1, max_length=60, description="Id or name.", examples=["zepto"])]
Category = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=100,
        description="A category, a subcategory or a volatility group.",
        examples=["fruits"],
    ),
]
Number = Annotated[int, Path(ge=0, le=2**32 - 1, description="The product's number.", examples=[0])]
_LAST = 2**32 - 1


@router.get("/status", responses=shapes.shown(shapes.STATUS))
async def status(request: Request) -> Response:
    """Where the market stands: commit, tick, market time, and what it holds."""
    return await answer(request, shown.status)


@router.get("/products", responses=shapes.shown(shapes.PRODUCTS))
async def products(
    request: Request,
    search: Annotated[
        str | None, Query(max_length=100, description="Words of its name or brand.", examples=["onions"])
    ] = None,
    category: Category = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Products in product order, a page at a time."""
    return await after(request, limit, cursor, shown.products, search, category, keys={"product_id": -1})


@router.get("/products/{product_id}", responses=shapes.shown(shapes.PRODUCT))
async def product(request: Request, product_id: Number, as_of: AsOf = None) -> Response:
    """A product and its prices at every dark store, now or as of a tick or time."""
    moment = market_of(request).moment
    tick = tick_of(moment, as_of)
    if tick in (None, moment.tick):
        return await answer(request, shown.product, product_id)
    return await answer(request, past.product_at, product_id, tick)


@router.get("/products/{product_id}/history", responses=shapes.shown(shapes.CHANGES))
async def history(
    request: Request,
    product_id: Number,
    platform: Platform = None,
    since: Since = None,
    until: AsOf = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Changes of a product's prices, newest first, from `since` to `until`."""
    first, last = _ticks(market_of(request).moment, since, until)
    arguments = (product_id, platform, first, last)
    return await after(request, limit, cursor, past.history, *arguments, keys={"tick": _LAST, "listing_id": 0})


def _ticks(moment: Moment, since: str | None, until: str | None) -> tuple[int, int]:
    """Read a stretch of ticks, the first at or after `since`, the last at or before `until`; ProblemError where it ends before it
    begins. It has no tick where both are times between the same two.
    """
    first, last = tick_of(moment, since, "since") or 0, tick_of(moment, until, "until")
    last = clock.MAX_TICK if last is None else last
    if first > last:
        raise ProblemError(
            422, f"since: tick {first} is after until, tick {last}; allowed is at or before it; turn them round"
        )
    # What the tick before a time brought came before the time.
    begun = since is not None and not since.isdecimal() and datetime.fromisoformat(since) > moment.datetime_of(first)
    return first + begun, last


@router.get("/prices", responses=shapes.shown(shapes.PRICES))
async def prices(
    request: Request,
    category: Category = None,
    platform: Platform = None,
    as_of: AsOf = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Prices of listings in the order of their numbers, now or as of a tick or time, a page at a time."""
    moment = market_of(request).moment
    tick = tick_of(moment, as_of)
    # The newest tick is no longer that when the next page is asked for: the list is the same, whatever gives it.
    keys, asked = {"listing_id": -1}, ("prices", category, platform, tick)
    if tick in (None, moment.tick):
        return await after(request, limit, cursor, shown.prices, category, platform, keys=keys, asked=asked)
    arguments = (category, platform, tick)
    return await after(request, limit, cursor, browse.prices_at, *arguments, keys=keys, asked=asked, tick=tick)


@router.get("/campaigns", responses=shapes.shown(shapes.CAMPAIGNS))
async def campaigns(
    request: Request,
    status: Annotated[Literal["past", "running", "coming"] | None, Query(description="Only these.")] = None,
    platform: Platform = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Campaigns: past, running and coming."""
    return await page(request, limit, cursor, browse.campaigns, status, platform)


@router.get("/metrics", responses=shapes.shown(shapes.METRICS))
async def metrics(
    request: Request, since: Since = None, until: AsOf = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """What each tick took up and changed, newest first."""
    first, last = _ticks(market_of(request).moment, since, until)
    return await after(request, limit, cursor, past.metrics, first, last, keys={"tick": _LAST})


def _totals(reading: Reading, last: int, by: str) -> dict[str, Any]:
    keys = {"all": (), "both": ("platform", "category")}.get(by, (by,))
    found = counted(reading.market, reading.moment.log, last, keys)
    told = {"counted_to": found["counted_to"], "ticks_counted": found["ticks_counted"], "rows": found["rows"]}
    return reading.moment.place() | told


@router.get("/metrics/totals", responses=shapes.shown(shapes.TOTALS))
async def totals(
    request: Request,
    last: Annotated[int, Query(ge=1, le=100_000, description="Of so many of the newest ticks.")] = 1000,
    by: Annotated[Literal["all", "platform", "category", "both"], Query(description="One row for each.")] = "both",
) -> Response:
    """What ticks did, added up by platform and category: counts, sizes of changes, running discounts, surges, stock-outs."""
    return await answer(request, _totals, last, by)
