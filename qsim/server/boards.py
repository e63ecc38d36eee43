"""The data of the page: one route for each board, each as of any tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from qsim.queries import board_history, boards
from qsim.queries.goods import Goods
from qsim.server import board_shapes as shapes
from qsim.server.answers import AsOf, etag_of, known_parameters, market_of, sent, tick_of, unchanged
from qsim.server.desk import Desk
from qsim.server.reading import Market
from qsim.server.shapes import shown

router = APIRouter(prefix="/api/boards", tags=["boards"], dependencies=[Depends(known_parameters)])

Hours = Query(ge=1, le=24 * 92, description="Hours of market time back from the tick.")


def _desk(request: Request, market: Market) -> Desk:
    """Give the desk of the market that is served now: what was made of one that it has replaced says nothing of it."""
    desk: Desk = request.app.state.desk
    if desk.replaced != market.replaced:
        desk.worker.shutdown(wait=False)
        desk = request.app.state.desk = Desk(market.at.market, market.replaced)
    return desk


async def _answer(request: Request, board: Callable[..., Any], as_of: str | None, **arguments: Any) -> Response:
    market = market_of(request)

    async def made() -> tuple[bytes, str]:
        moment = market.moment
        tick = tick_of(moment, as_of)
        body = await _desk(request, market).answer(moment.log, board, moment.tick if tick is None else tick, arguments)
        return body, etag_of(moment)

    body, tag = await market.renewed(made)
    return unchanged(request, tag) or sent(body, tag)


@router.get("/overview", responses=shown(shapes.OVERVIEW))
async def overview(request: Request, as_of: AsOf = None) -> Response:
    """Where the market stands, and of each platform its listings, discounts, surges and stock-outs."""
    return await _answer(request, boards.overview, as_of)


@router.get("/search", responses=shown(shapes.SEARCH))
async def search(
    request: Request,
    q: Annotated[
        str, Query(max_length=100, description="A name, or words and beginnings of them.", examples=["onion"])
    ],
    limit: Annotated[int, Query(ge=1, le=50, description="Products, at most.")] = 12,
) -> Response:
    """Products on sale that a text means, as in the four questions, or that have all its words."""
    market = market_of(request)
    meant = await asyncio.wrap_future(market.pool.submit(_meant, market.at.now.goods, q, limit))
    return await _answer(request, boards.search, None, text=q, limit=limit, meant=meant)


def _meant(goods: Goods, text: str, most: int) -> tuple[int, ...]:
    found = (number for group in goods.meaning(text).groups for number in group if goods.is_active[number])
    return tuple(islice(found, most))


@router.get("/prices/{product_id}", responses=shown(shapes.PRICES))
async def prices(
    request: Request,
    product_id: Annotated[int, Path(ge=0, le=2**32 - 1, description="The product's number.", examples=[0])],
    hours: Annotated[int, Hours] = 24,
    area: Annotated[int, Query(ge=0, le=2**31 - 1, description="Compare the dark stores of this area.")] = 0,
    as_of: AsOf = None,
) -> Response:
    """A product's price on each platform: [tick, time, paise, discount, surge, surge fee] where it changed."""
    return await _answer(request, board_history.prices, as_of, product=product_id, hours=hours, area=area)


@router.get("/cheapest", responses=shown(shapes.CHEAPEST))
async def cheapest(request: Request, as_of: AsOf = None) -> Response:
    """On what share of products each platform is cheapest, by category and hour of the last day."""
    return await _answer(request, boards.cheapest, as_of)


@router.get("/movers", responses=shown(shapes.MOVERS))
async def movers(request: Request, hours: Annotated[int, Hours] = 1, as_of: AsOf = None) -> Response:
    """The listings whose price rose and fell most."""
    return await _answer(request, boards.movers, as_of, hours=hours)


@router.get("/depths", responses=shown(shapes.DEPTHS))
async def depths(request: Request, as_of: AsOf = None) -> Response:
    """How many discounts of each platform run at which depth."""
    return await _answer(request, boards.depths, as_of)


@router.get("/stockouts", responses=shown(shapes.STOCKOUTS))
async def stockouts(request: Request, as_of: AsOf = None) -> Response:
    """Listings without stock by category and platform, and the products of which most listings are out."""
    return await _answer(request, boards.stockouts, as_of)


@router.get("/ticker", responses=shown(shapes.TICKER))
async def ticker(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200, description="Changes, at most.")] = 30,
    as_of: AsOf = None,
) -> Response:
    """The newest changes of prices and stock."""
    return await _answer(request, board_history.ticker, as_of, limit=limit)


@router.get("/activity", responses=shown(shapes.ACTIVITY))
async def activity(request: Request, as_of: AsOf = None) -> Response:
    """What ticks took up and changed over the last day, and by cause what the last hour changed."""
    return await _answer(request, board_history.activity, as_of)
