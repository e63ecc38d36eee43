"""What stands before every route: who may ask, how large a request may be, and headers that keep a browser to this page.

A page of another site that a browser shows cannot read from here: its `Origin` is not this host's, and a name that it lets
point to this machine (DNS rebinding) is not one that this server goes by.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qsim.errors import one_line
from qsim.server.measures import Measures
from qsim.server.problems import STOPS, STREAM, ProblemError, told

_logger = logging.getLogger("qsim")
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
URL_BYTES = 8192
BODY_BYTES = 1 << 20
BODY_SECONDS = 10.0
_WHOLE_URL = re.compile(rb"https?://([^/]*)(/.*)?", re.IGNORECASE)
_CLOSE = {"Connection": "close"}
_BACK = {"Retry-After": "2", **_CLOSE}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class Allowed:
    """Who may ask: the names that this server goes by (None for any) and the token that has to be shown (None for none)."""

    hosts: Collection[str] | None = LOOPBACK
    token: str | None = None


class Guard:
    """Lets through to an app what is allowed, and puts the headers on every response."""

    def __init__(self, app: ASGIApp, allowed: Allowed, measures: Measures) -> None:
        self.app, self.allowed, self.measures = app, allowed, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, started, scope = self.measures.begin(), False, _of_its_path(scope)
        if scope["method"] == "HEAD" and scope["path"] != STREAM:
            # The headers tell of a body, which is made all the same; uvicorn sends none where it was asked for none.
            scope = {**scope, "method": "GET"}

        async def headed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(HEADERS)
                self.measures.answered(scope, message["status"], begun)
            await send(message)

        try:
            headers = Headers(scope=scope)
            refuse(scope, headers, self.allowed)
            whole = await _body(headers, receive) if scope["method"] == "POST" else receive
            await self.app(scope, whole, headed)
        except ProblemError as fault:
            await told(fault.status, fault.line, fault.headers)(scope, receive, headed)
        except asyncio.CancelledError:
            # The server stops and has waited for what it is still asked as long as it does.
            if started:
                raise
            await told(503, STOPS, _BACK)(scope, receive, headed)
        except Exception:
            _logger.exception("%s: failed", one_line(scope["path"])[:100])
            if started:
                raise
            await told(500, "the server failed; its log says how; ask its keeper")(scope, receive, headed)


def _of_its_path(scope: Scope) -> Scope:
    """Give a request for a whole URL, as to a proxy, as one for its path at its host, whatever else is named as the host (RFC
    9112, 3.2.2).
    """
    found = _WHOLE_URL.fullmatch(scope.get("raw_path") or b"")
    if found is None:
        return scope
    path, rest = found[2] or b"/", [pair for pair in scope["headers"] if pair[0] != b"host"]
    named = {"raw_path": path, "path": unquote(path.decode("ascii")), "headers": [(b"host", found[1]), *rest]}
    return {**scope, **named}


def refuse(scope: Scope, headers: Headers, allowed: Allowed) -> None:
    """Raise ProblemError for a request that is not let through."""
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if size > URL_BYTES:
        raise ProblemError(
            414, f"url: found {size:,} bytes; allowed are {URL_BYTES:,}; shorten it, or send less at once"
        )
    hosts = headers.getlist("host")
    name = _name(hosts[0]) if len(hosts) == 1 else None
    if name is None or (allowed.hosts is not None and name not in allowed.hosts):
        goes_by = "one Host header" if allowed.hosts is None else ", ".join(sorted(allowed.hosts))
        raise ProblemError(
            421, f"host: found {', '.join(hosts)[:60]!r}; allowed is {goes_by}; use the address that was printed"
        )
    _refuse_other_sites(headers, hosts[0])
    if allowed.token is not None and not _shows(headers.get("authorization", ""), allowed.token):
        ask = {"WWW-Authenticate": 'Basic realm="qsim", charset="UTF-8"'}
        line = "authorization: no token or a wrong one; allowed is `Authorization: Bearer TOKEN`, or TOKEN as the password; send it"
        raise ProblemError(401, line, ask)


def _name(host: str) -> str | None:
    """Give the host's name without its port; None where it is no host."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname if parts.netloc == host and parts.port != 0 else None
    except ValueError:
        return None


def _refuse_other_sites(headers: Headers, host: str) -> None:
    origin = headers.get("origin")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        raise ProblemError(
            403,
            f"origin: found {origin[:60]!r}; allowed is this server's own page; ask from there or without a browser",
        )
    foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if foreign and headers.get("sec-fetch-mode") != "navigate":
        raise ProblemError(
            403,
            "origin: found a page of another site; allowed is this server's own; ask from there or without a browser",
        )


def _shows(authorization: str, token: str) -> bool:
    """Tell whether a header shows the token; how long that takes does not tell how much of it is right."""
    kind, _, given = authorization.partition(" ")
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except ValueError:
            # Not base64, not UTF-8, or not ASCII.
            return False
    elif kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())


async def _body(headers: Headers, receive: Receive) -> Receive:
    """Read a body whole, within its size and time, and give what hands it on."""
    parts, size, more = [], 0, True
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS) as patience:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ProblemError(400, "body: broke off; send it whole")
                part = message.get("body", b"")
                size, more = size + len(part), message.get("more_body", False)
                if size <= BODY_BYTES:
                    parts.append(part)
                elif size - len(part) <= BODY_BYTES:
                    # What is too large is taken for a moment more: who is cut off while sending does not see why.
                    patience.reschedule(asyncio.get_running_loop().time() + 1)
    if size > BODY_BYTES:
        raise ProblemError(413, f"body: found {size:,} bytes or more; allowed are {BODY_BYTES:,}; send less", _CLOSE)
    if more:
        raise ProblemError(408, f"body: not there after {BODY_SECONDS:g} s; send it at once", _CLOSE)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if size and kind != "application/json":
        raise ProblemError(415, f"content-type: found {one_line(kind)[:60]!r}; allowed is application/json; send JSON")
    whole: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def handed() -> Message:
        return whole.pop() if whole else await receive()

    return handed
