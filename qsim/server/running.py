"""A server as a program: the app on a port, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from qsim import allocation, forks
from qsim.errors import DiskError, QsimError, UsageError
from qsim.server.app import create_app
from qsim.server.guarding import LOOPBACK, Allowed
from qsim.server.patience import TOLD_MOST, Patience
from qsim.server.warming import warm

_TOKEN_LEAST = 16
_SWITCH_SECONDS = 0.0003
_BEGINS_SECONDS = 0.05
# What is asked has three seconds to be answered, and the rest of a stop takes less than one.
_STOPS_SECONDS = 5
# Connections besides the streams; files that are not connections; connections that may wait to be taken, least and most.
_QUESTIONS, _OWN_FILES, _BACKLOG = 400, 112, (64, 2048)

_logger = logging.getLogger("qsim")


def allowed_of(host: str, token: str | None) -> Allowed:
    """Say who may ask a server at an address; UsageError where others than this machine could without a token."""
    local = host == "localhost" or _is_loopback(host)
    if token is not None and (
        len(token) < _TOKEN_LEAST or not token.isascii() or not token.isprintable() or " " in token
    ):
        raise UsageError(
            f"token: found {len(token)} characters; allowed are {_TOKEN_LEAST} or more, ASCII without spaces; make one with:"
            " python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    if not local and token is None:
        raise UsageError(
            f"host: found {host}, which other machines reach, and no token; allowed is that with --token or QSIM_TOKEN; set it,"
            " or use 127.0.0.1"
        )
    return Allowed({*LOOPBACK, *_names(host)} if local else None, token)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(host: str) -> set[str]:
    """Give an address as it was written and as it is printed."""
    return {host.lower(), host if host == "localhost" else str(ipaddress.ip_address(host))}


def _allow_files(wanted: int) -> int:
    """Let this process have so many files open, each connection being one, or as many as the system lets it; give how many."""
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(soft, most)


@dataclass(frozen=True)
class Room:
    """How many streams, how many connections, and how many that wait to be taken the system has files for."""

    streams: int
    connections: int
    backlog: int


def room_for(streams: int, files: int) -> Room:
    """Divide so many files; what waits is taken all at once, and without a file for each the server would take none.

    UsageError where they are too few to serve at all.
    """
    left = files - _OWN_FILES - TOLD_MOST
    if left < 2 * _BACKLOG[0]:
        raise UsageError(
            f"serve: found a limit of {files} open files; allowed are {_OWN_FILES + TOLD_MOST + 2 * _BACKLOG[0]} or more;"
            " raise it: ulimit -n 4096"
        )
    backlog = min(max(left - streams - _QUESTIONS, _BACKLOG[0]), _BACKLOG[1])
    connections = min(streams + _QUESTIONS, left - backlog)
    return Room(min(streams, connections - min(_QUESTIONS, connections // 2)), connections, backlog)


def _room(streams: int) -> Room:
    wanted = streams + _QUESTIONS + _OWN_FILES + TOLD_MOST + _BACKLOG[1]
    room = room_for(streams, _allow_files(wanted))
    if room.streams < streams:
        line = "serve: the limit of open files leaves room for %d of %d streams; raise it (ulimit -n %d), or ask for fewer (--streams)"
        _logger.warning(line, room.streams, streams, wanted)
    return room


class _Server(uvicorn.Server):
    """uvicorn's server, which says once where it listens and ends its streams when it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        warm: Callable[[], Coroutine[Any, Any, None]],
        listening: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self.app, self.warm, self.listening = app, warm, listening
        self._told_to_stop: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; a second Ctrl-C, at which uvicorn drops all and prints a traceback, counts only where that takes long."""
        self._told_to_stop = self._told_to_stop or monotonic()
        if not self.should_exit or monotonic() > self._told_to_stop + _STOPS_SECONDS:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Start, and say where once everything has been asked for the first time."""
        await super().startup()
        await self.warm()
        # What was read of the market stays: to go through it again and again would hold answers up for a tenth of a second.
        gc.collect()
        gc.freeze()
        for server in self.servers:
            for socket in server.sockets:
                host, port = socket.getsockname()[:2]
                self.listening(f"http://{f'[{host}]' if ':' in host else host}:{port}/")

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """End the streams, which would last as long as their clients, the queries of users and the boards, then stop."""
        for server in self.servers:
            server.close()
        # uvicorn ends those connections that have begun: those just taken begin first.
        await asyncio.sleep(_BEGINS_SECONDS)
        self.app.state.feed.close()
        self.app.state.queries.close()
        await self.app.state.desk.close()
        await super().shutdown()


@contextmanager
def _own_settings() -> Iterator[None]:
    """Change threads often while a server runs; then put that back, and what the server's start took from garbage collection."""
    interval, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    # A question in a thread is not to hold up for long those that take less than a change of threads does.
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        # What others froze could not be told from the server's own.
        if not frozen:
            gc.unfreeze()


@contextmanager
def _ended_by_hang_up(server: uvicorn.Server) -> Iterator[None]:
    """Let the end of its terminal (SIGHUP) end a server as SIGTERM does; where there is such a thing, and not under nohup."""
    number = getattr(signal, "SIGHUP", None)
    if (
        number is None
        or threading.current_thread() is not threading.main_thread()
        or signal.getsignal(number) != signal.SIG_DFL
    ):
        yield
        return
    signal.signal(number, lambda _, frame: server.handle_exit(signal.SIGTERM, frame))
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)


def _refuse_loop() -> None:
    """Refuse to serve where an event loop runs already."""
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise UsageError(
            "serve: found a running event loop in this thread, as in a notebook; allowed is a thread without one; run"
            " qsim serve as a command, or here: threading.Thread(target=qsim.serve, args=[DIR], daemon=True).start()"
        )


def _stop_with(stop: threading.Event, server: uvicorn.Server) -> None:
    stop.wait()
    server.should_exit = True


def serve(
    directory: str | os.PathLike[str] | None, address: tuple[str, int], token: str | None, *,
    streams: int, live: bool, listening: Callable[[str], None], stop: threading.Event | None,
) -> None:  # fmt: skip
    """Serve a market until it is told to stop; `verb.serve`, which needs none of what this does to be there, says all of it."""
    forks.check("serve")
    _refuse_loop()
    host, port = address
    allowed = allowed_of(host, token)
    room = _room(streams)
    allocation.give_back_freed_memory()
    app = create_app(directory, allowed=allowed, streams=room.streams, live=live)
    config = uvicorn.Config(
        app, host=host, port=port, http=Patience, ws="none", access_log=False, log_level="error", server_header=False,
        date_header=True, proxy_headers=False, timeout_keep_alive=15, timeout_graceful_shutdown=3,
        limit_concurrency=room.connections, backlog=room.backlog,
    )  # fmt: skip
    server = _Server(config, app, partial(warm, app, allowed), listening)
    if stop is not None:
        threading.Thread(target=_stop_with, args=(stop, server), daemon=True).start()
    try:
        with _own_settings(), _ended_by_hang_up(server):
            server.run()
    except SystemExit:
        if server.lifespan.should_exit:
            raise QsimError(
                "serve: the server could not be started; what it says above is why; mend that and start it again"
            ) from None
        raise DiskError(
            f"{host}:{port}: cannot be listened on; it is taken or not this machine's; choose another --port or --host"
        ) from None
