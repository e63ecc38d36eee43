"""Routes of the four questions: cheapest, deals, compare, basket."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from qsim.queries import questions, ranked
from qsim.queries.basket import basket
from qsim.queries.lists import MAX_QUANTITY
from qsim.queries.names import UnknownNameError
from qsim.server import shapes
from qsim.server.answers import Cursor, Limit, known_parameters, market_of, page
from qsim.server.products import Category, Platform
from qsim.server.reading import Reading

router = APIRouter(prefix="/api", tags=["questions"], dependencies=[Depends(known_parameters)])

# More is not one question's answer: a page of it would be of a list that nobody reads.
_DEALS_MOST = 2000
_LINES_MOST = 30


def _place(kind: str) -> Any:
    return Query(min_length=1, max_length=60, description=f"Only dark stores of this {kind}.")


def _platform(example: str) -> Any:
    return Query(min_length=1, max_length=60, description="Id or name.", examples=[example])


def _cheapest(reading: Reading, product: str, city: str | None, pincode: str | None) -> list[dict[str, Any]]:
    return questions.cheapest(reading.connection, product, city=city, pincode=pincode)


@router.get("/cheapest", responses=shapes.shown(shapes.CHEAPEST))
async def cheapest(
    request: Request,
    product: Annotated[str, Query(min_length=1, max_length=100, description="Its name.", examples=["onions"])],
    city: Annotated[str | None, _place("city")] = None,
    pincode: Annotated[str | None, _place("pincode")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Where a product is cheapest now: all listings in stock of what the name means, cheapest first."""
    try:
        return await page(request, limit, cursor, ranked.cheapest, product, city, pincode)
    except UnknownNameError:
        return await page(request, limit, cursor, _cheapest, product, city, pincode)


@router.get("/deals", responses=shapes.shown(shapes.DEALS))
async def deals(
    request: Request,
    platform: Platform = None,
    min_discount: Annotated[float, Query(ge=0, le=100, description="Percent off the regular price.")] = 30,
    category: Category = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """What is at so much off or more now, deepest first; the deepest 2,000."""
    return await page(request, limit, cursor, ranked.deals, platform, min_discount, category, _DEALS_MOST)


def _compare(reading: Reading, what: str, first: str, second: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    found = questions.compare(reading.connection, what, first, second)
    return {"summary": found["summary"]}, found["rows"]


@router.get("/compare", responses=shapes.shown(shapes.COMPARE))
async def compare(
    request: Request,
    what: Annotated[
        str,
        Query(min_length=1, max_length=100, description="A category, a subcategory or a product.", examples=["fruits"]),
    ],
    a: Annotated[str, _platform("zepto")] = "zepto",
    b: Annotated[str, _platform("instamart")] = "instamart",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Two platforms' prices side by side, with a summary of who wins."""
    try:
        return await page(request, limit, cursor, ranked.compare, what, a, b)
    except UnknownNameError:
        return await page(request, limit, cursor, _compare, what, a, b)


class Line(BaseModel):
    """A thing to buy."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, examples=["toned milk"])
    quantity: int = Field(1, ge=1, le=MAX_QUANTITY, strict=True)


class ShoppingList(BaseModel):
    """A shopping list."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"items": [{"name": "onion", "quantity": 2}, {"name": "toned milk"}]}},
    )

    items: list[Line] | None = Field(None, min_length=1, max_length=_LINES_MOST, description="Default twelve staples.")
    budget: float | None = Field(
        None, gt=0, lt=1e7, strict=True, description="The most to spend, fees included; rupees."
    )
    platforms: list[Annotated[str, Field(min_length=1, max_length=60)]] | None = Field(
        None, min_length=1, max_length=50
    )
    pincode: str | None = Field(None, min_length=1, max_length=60)


def _basket(
    reading: Reading,
    items: tuple[tuple[int, str], ...] | None,
    budget: float | None,
    platforms: tuple[str, ...] | None,
    pincode: str | None,
) -> dict[str, Any]:
    found = basket(
        reading.connection, items=items, budget=budget, platforms=platforms, pincode=pincode, now=reading.now
    )
    return reading.moment.place() | found


@router.post("/basket", responses={200: shapes.bare(shapes.BASKET)})
async def buy(request: Request, wanted: ShoppingList) -> Response:
    """The cheapest way to buy a list, fees and minimum orders included: on one app, and split over several, both exact."""
    items = None if wanted.items is None else tuple((line.quantity, line.name) for line in wanted.items)
    platforms = None if wanted.platforms is None else tuple(wanted.platforms)
    kept = await market_of(request).ask(_basket, items, wanted.budget, platforms, wanted.pincode)
    assert isinstance(kept.body, bytes)
    return Response(kept.body, media_type="application/json", headers={"Cache-Control": "no-store"})
