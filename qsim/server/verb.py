"""`serve`, the verb: there without what serving needs, so that the package is whole and says what is missing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from qsim import given
from qsim.errors import UsageError
from qsim.scalars import whole_number


def _within(name: str, value: object, least: int, most: int) -> int:
    number = whole_number(name, value)
    if not least <= number <= most:
        raise UsageError(f"{name}: found {number}; allowed are {least} to {most:,}; mend the number")
    return number


def serve(
    directory: str | os.PathLike[str] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    streams: int = 1000,
    live: bool = False,
    listening: Callable[[str], None] = lambda address: None,
    stop: threading.Event | None = None,
) -> None:
    """Serve a market over HTTP until Ctrl-C, SIGTERM, the end of its terminal or any thread's setting `stop`.

    Args:
        directory: the market; None is `QSIM_DIR`, else data/market.
        host: address to listen on; one that other machines reach needs a token.
        port: its port, 0 for a free one; `listening` is told the address once the server is there.
        token: what askers have to show, 16 characters of ASCII or more.
        streams: clients that follow changes, at most; `live`: run the market on beside it, in a process of its own.
        stop: ends it when any thread sets it.

    Raises UsageError (what serving needs is not installed, others could ask without a token, an event loop runs in this
    thread, as in a notebook), ConflictError, CorruptError, and DiskError where the address cannot be listened on.
    """
    port, streams = _within("port", port, 0, 65_535), _within("streams", streams, 1, 20_000)
    for name, text in {"host": host, "token": token or ""}.items():
        given.text(name, text)
    given.check_called("listening", listening)
    given.check_event("stop", stop)
    live = given.flag("live", live)
    try:
        from qsim.server import running
    except ModuleNotFoundError as fault:
        raise UsageError(
            f"serve: {fault.name} is not installed; serving needs it; run: pip install 'quickcommerce-sim[serve]'"
        ) from None
    running.serve(directory, (host, port), token, streams=streams, live=live, listening=listening, stop=stop)
