"""The app: a market followed as it grows, behind a guard, with a router for each group of questions."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI

from qsim.errors import QsimError
from qsim.queries import served
from qsim.server import boards, problems, products, static
from qsim.server.guarding import Guard
from qsim.server.reading import Market

_logger = logging.getLogger("qsim")


def create_app(directory: str | os.PathLike[str] | None = None, *, poll_seconds: float = 0.25) -> FastAPI:
    """Make the app that serves a market, whether or not another process writes it.

    Args:
        directory: The market; None is `QSIM_DIR`, else data/market.
        poll_seconds: How often it is looked whether there is a newer commit, once for all clients.

    Raises:
        ConflictError: no market is there.
        CorruptError: a file of the market is not what was committed.
    """
    market = Market(served.opened(directory))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(market, poll_seconds))
        yield
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        market.close()

    app = FastAPI(
        title="qsim",
        version=version("quickcommerce-sim"),
        lifespan=lifespan,
        responses=problems.RESPONSES,
        # Their pages load scripts from elsewhere; /openapi.json is what they would show.
        docs_url=None,
        redoc_url=None,
    )
    app.state.market = market
    problems.install(app)
    for part in (boards, products, static):
        app.include_router(part.router)
    app.add_middleware(Guard)
    return app


async def _follow(market: Market, every: float) -> None:
    """Look for newer commits for as long as the server runs; what is wrong with them is logged and looked at again."""
    while True:
        await asyncio.sleep(every)
        try:
            await market.follow()
        except QsimError as fault:
            _logger.error("%s", fault)
