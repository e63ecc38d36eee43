"""HTTP connections: slow requests and readers that do not read are not waited for without end; a message for many is framed once."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from qsim.server.problems import told

# From a request's first byte (or a connection's start) to the end of its headers; and while a reader takes nothing.
HEADER_SECONDS = 10.0
STUCK_SECONDS = 30.0
# Connections above the most that are told so; each takes a file until it is.
TOLD_MOST = 100


class Chunk(bytes):
    """A message as a chunk of an HTTP/1.1 body, with its length before it, so that many connections can send the same bytes."""

    @classmethod
    def of(cls, text: bytes) -> Chunk:
        """Put a message, which is not empty, into a chunk."""
        return cls(b"%x\r\n%b\r\n" % (len(text), text))

    @property
    def text(self) -> bytes:
        """Give the message alone."""
        return self[self.index(b"\n") + 1 : -2]


class _Connection(h11.Connection):
    """h11's connection, which sends a chunk as it is."""

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]
        """Write an event."""
        if isinstance(event, h11.Data) and isinstance(event.data, Chunk):
            # HTTP/1.0 knows no chunks: a body goes on until the connection ends.
            return event.data if self.their_http_version == b"1.1" else event.data.text
        return super().send(event)


async def _crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """Send away who comes when there are too many connections."""
    headers = {"Retry-After": str(int(HEADER_SECONDS)), "X-Content-Type-Options": "nosniff", "Connection": "close"}
    line = "too many connections are open; close those that are not needed, or come back later"
    await told(503, line, headers)(scope, receive, send)


class Patience(H11Protocol):
    """uvicorn's HTTP/1.1, which cuts off who sends headers too slowly or reads nothing for too long."""

    late: asyncio.TimerHandle | None = None
    stuck: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _Connection(h11.SERVER)
        # uvicorn would say in a text of its own that there are too many.
        self.most, self.limit_concurrency = self.limit_concurrency, None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection; send it away, at once where many were, when there are too many."""
        super().connection_made(transport)
        self._watch()
        above = 0 if self.most is None else len(self.connections) - self.most
        if above > 0:
            self.app = _crowded
        if above > TOLD_MOST:
            self._cut()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._watch()

    def _watch(self) -> None:
        """Let time run while a request's headers are under way."""
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._end("late")
        elif self.late is None:
            self.late = self.loop.call_later(HEADER_SECONDS, self._cut)

    def on_response_complete(self) -> None:
        """End a request; uvicorn closes connections on which none follows."""
        super().on_response_complete()
        self._end("late")

    def pause_writing(self) -> None:
        """Stop writing to a reader that takes nothing."""
        super().pause_writing()
        self.stuck = self.stuck or self.loop.call_later(STUCK_SECONDS, self._cut)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        self._end("stuck")

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._end("late")
        self._end("stuck")
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the shape of all errors."""
        body = b'{"status":400,"error":"the request is not HTTP/1.1 as it is written; mend the client"}'
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(f"{head}X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _end(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)

    def _cut(self) -> None:
        self.transport.abort()
