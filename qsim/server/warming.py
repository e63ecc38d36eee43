"""What a server asks itself before it tells where it listens, so that whoever is first does not wait for what is made once.

One question of each kind goes all the way through the app, as from a client; none of them is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import numpy as np
from fastapi import FastAPI
from starlette.types import Message

from qsim.queries.goods import Goods
from qsim.server.guarding import Allowed
from qsim.server.reading import Market

_FIRST = np.zeros(1, np.int64)


def _questions(goods: Goods) -> Iterator[tuple[str, str, str]]:
    """Give paths, what is asked of them, and bodies, which alone are posted."""
    platforms = [platform for platform, _ in goods.known.platforms]
    name, shelf = (quote(goods.texts[of].of(_FIRST)[0]) for of in ("product", "subcategory"))
    yield "/api/products", f"search={name}", ""
    yield "/api/cheapest", f"product={name}", ""
    yield "/api/prices", f"category={shelf}", ""
    yield "/api/deals", f"category={shelf}&platform={platforms[0]}", ""
    yield "/api/compare", f"what={shelf}&a={platforms[0]}&b={platforms[-1]}", ""
    for path in ("/api/status", "/api/products/0", "/api/products/0/history", "/api/metrics", "/api/campaigns"):
        yield path, "", ""
    yield "/api/products/0", "as_of=0", ""
    yield "/api/basket", "", "{}"


async def warm(app: FastAPI, allowed: Allowed) -> None:
    """Ask one question of each kind; what comes of it is left aside."""
    market: Market = app.state.market
    for path, query, body in _questions(market.at.now.goods):
        await _asked(app, path, query, body.encode(), allowed.token)
    app.state.measures.forget()


async def _asked(app: FastAPI, path: str, query: str, body: bytes, token: str | None) -> None:
    headers = [(b"host", b"localhost"), (b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST" if body else "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)
