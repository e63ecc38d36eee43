"""Servers in tests: `qsim serve` as a program on a free port or in a thread of this process, and plain sockets to it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import uvicorn

from qsim.server import patience
from qsim.server.app import create_app


@dataclass
class Served:
    """A server that runs: its process, its port, a client of it, and what it said first."""

    process: subprocess.Popen[str]
    port: int
    client: httpx.Client
    said: str = ""

    @property
    def address(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.port}/"

    def get(self, path: str, **values: object) -> httpx.Response:
        return self.client.get(path, **values)  # type: ignore[arg-type]

    def json(self, path: str, **values: object) -> dict[str, object]:
        answer = self.get(path, **values)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def raw(self, data: bytes, seconds: float = 10.0) -> bytes:
        """Send bytes as they are, and give what comes until the server closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            parts = []
            try:
                while part := connection.recv(65_536):
                    parts.append(part)
            except TimeoutError:
                pass
        return b"".join(parts)


@contextmanager
def serving(
    market: Path,
    *options: object,
    token: str | None = None,
    quiet: bool = True,
    headers: dict[str, str] | None = None,
    files: int | None = None,
) -> Iterator[Served]:
    """Run `qsim serve` on a free port for as long as the block lasts; it ends without a word on standard error.

    `files` is how many files the system lets it open.
    """
    words = [sys.executable, "-m", "qsim", "serve", str(market), "--port", "0", *map(str, options)]
    if files is not None:
        words = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *words]
    environment = os.environ | ({"QSIM_TOKEN": token} if token else {})
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    said = ""
    while not (found := re.search(r"serving at http://127\.0\.0\.1:(\d+)/", said)):
        line = process.stderr.readline()
        assert line, said
        said += line
    port = int(found[1])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
            yield Served(process, port, client, said)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        finally:
            process.kill()
            rest = process.stderr.read()
            process.stderr.close()
    assert (rest == "" or not quiet) and process.returncode in (0, -signal.SIGTERM), (process.returncode, rest)


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something holds; it fails after so many seconds."""
    end = monotonic() + seconds
    while not holds():
        assert monotonic() < end
        sleep(0.02)


@contextmanager
def in_thread(market: Path, **options: Any) -> Iterator[tuple[int, Any]]:
    """Serve a market in this process on a free port; give the port and the app."""
    app = create_app(market, poll_seconds=0.05, **options)
    config = uvicorn.Config(
        app, port=0, http=patience.Patience, ws="none", log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)

    async def serve() -> None:
        app.state.loop = asyncio.get_running_loop()
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1], app
    finally:
        server.should_exit = True
        thread.join()


def walked(server: Served, path: str, **values: object) -> list[dict[str, object]]:
    """All rows of a list, page by page."""
    found: list[dict[str, object]] = []
    cursor = values.pop("cursor", None)
    while True:
        told = server.json(path, params=values | ({"cursor": cursor} if cursor else {}))
        found += told["rows"]  # type: ignore[arg-type]
        cursor = told["next"]
        if cursor is None:
            return found
