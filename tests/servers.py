"""Servers in tests: `qsim serve` as a program on a free port, and plain sockets to it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import httpx


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
