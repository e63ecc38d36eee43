"""What the market holds: its status and its products."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from qsim.queries import browse
from qsim.server.answers import answer

router = APIRouter(prefix="/api", tags=["market"])


@router.get("/status")
async def status(request: Request) -> Response:
    """Where the market stands: commit, tick, market time, and how much it holds."""
    return await answer(request, browse.status)


@router.get("/products")
async def products(
    request: Request,
    search: Annotated[str | None, Query(max_length=100)] = None,
    category: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Products in product order, with their lowest and highest price now; a page at a time."""
    after = -1 if cursor is None else int(cursor)
    return await answer(request, browse.products, search, category, after, limit)
