"""The app: a market followed as it grows, behind a guard, with a router for each group of questions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from time import monotonic

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer

from qsim import versions
from qsim.monitoring.health import worst
from qsim.queries import served
from qsim.server import boards, market_figures, problems, products, questions, sql, static, watching
from qsim.server import live as writing
from qsim.server.desk import Desk
from qsim.server.following import Following, follow, look
from qsim.server.guarding import Allowed, Guard
from qsim.server.measures import Measures
from qsim.server.reading import Market
from qsim.server.streaming import Feed
from qsim.standing import market_directory

ROUTERS = (products.router, questions.router, boards.router, sql.router, watching.router, static.router)


def create_app(
    directory: str | os.PathLike[str] | None = None,
    *,
    allowed: Allowed | None = None,
    streams: int = 1000,
    poll_seconds: float = 0.25,
    live: bool = False,
) -> FastAPI:
    """Make the app that serves a market, whether or not another process writes it.

    Args:
        directory: The market; None is `QSIM_DIR`, else data/market.
        allowed: Who may ask; None is this machine alone, without a token.
        streams: The most clients that follow changes at once.
        poll_seconds: How often it is looked whether there is a newer commit, once for all clients.
        live: Whether a writer runs the market on, in a process of its own, for as long as the app does.

    Raises:
        ConflictError: no market is there.
        CorruptError: a file of the market is not what was committed.
    """
    # As a whole, what is told of the market can be told from other words, and left out.
    place = market_directory(directory).absolute()
    market, measures = Market(served.opened(place)), Measures()
    feed, state = Feed(market, measures, streams), Following(monotonic())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _followed(market, feed, measures, state, poll_seconds):
            state.writer = writing.started(place) if live else None
            yield

    allowed = allowed or Allowed()
    app = _described(lifespan, needs_token=allowed.token is not None)
    app.state.market, app.state.measures, app.state.feed, app.state.following = market, measures, feed, state
    app.state.queries, app.state.desk = sql.Queries(), Desk(place)
    _tell(market, feed, measures, state)
    app.add_middleware(Guard, allowed=allowed, measures=measures)
    return app


def _described(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]], needs_token: bool) -> FastAPI:
    # The guard asks for the token; this lets the description say so.
    token = [Security(HTTPBearer(scheme_name="token", auto_error=False))] if needs_token else []
    # The pages that FastAPI has for its description load scripts from elsewhere.
    app = FastAPI(
        title="qsim", summary="A simulated quick-commerce market.", version=versions.own(), lifespan=lifespan,
        responses=problems.RESPONSES, dependencies=token, docs_url=None, redoc_url=None, redirect_slashes=False,
        # What methods of generated clients are called.
        generate_unique_id_function=lambda route: f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name}",
    )  # fmt: skip
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


@asynccontextmanager
async def _followed(
    market: Market, feed: Feed, measures: Measures, state: Following, every: float
) -> AsyncIterator[None]:
    """Follow a market for as long as the block lasts; then let its writer and the queries that run end."""
    with closing(market):
        await asyncio.to_thread(look, market, state)
        following = asyncio.create_task(follow(market, feed, measures, state, every))
        try:
            yield
        finally:
            following.cancel()
            # Whatever became of it, the writer is to end.
            await asyncio.gather(following, return_exceptions=True)
            writer, state.writer = state.writer, None
            if writer is not None:
                await asyncio.to_thread(writing.stop, writer)


def _tell(market: Market, feed: Feed, measures: Measures, state: Following) -> None:
    """Let Prometheus know where the market stands, how it is and who follows it."""
    measures.gauge("qsim_health", "How the market is: 0 ok, 1 warnings, 2 failing.", lambda: worst(state.reasons))
    measures.gauge("qsim_tick", "Tick that the market has reached.", lambda: market.moment.tick)
    measures.gauge("qsim_commit", "Number of the newest commit.", lambda: market.moment.commit)
    measures.gauge("qsim_events", "Changes of prices in the market.", lambda: market.moment.rows("events"))
    measures.gauge("qsim_streams", "Clients that follow changes.", lambda: feed.count)
    measures.gauge("qsim_kept_bytes", "Bytes of answers at hand.", lambda: market.bytes)
    market_figures.tell(measures, state)
