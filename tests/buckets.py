"""A real S3 server on loopback, a faulty network in front of it, and a store in memory."""

from __future__ import annotations

import http.client
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import pytest

from qsim.storage import objects
from qsim.storage.places import ObjectPath

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
_HOP = {"connection", "transfer-encoding", "host", "content-length", "server", "date"}


def _make_bucket(host: str, port: int, name: str) -> None:
    connection = http.client.HTTPConnection(host, port)
    connection.request("PUT", f"/{name}", headers={"Content-Length": "0"})
    assert connection.getresponse().status == 200
    connection.close()


@contextmanager
def served(name: str = "bucket") -> Iterator[str]:
    """Serve an empty bucket, with this process's environment set for it; give its address, host:port."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        _make_bucket(host, port, name)
        with reached_at(f"{host}:{port}"):
            yield f"{host}:{port}"
    finally:
        server.stop()


@contextmanager
def reached_at(address: str) -> Iterator[None]:
    """Let object stores be reached at an address, here and in programs started here."""
    settings = {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{address}", "AWS_ALLOW_HTTP": "true"}
    with mock.patch.dict(os.environ, settings):
        objects.store_of.cache_clear()
        try:
            yield
        finally:
            objects.store_of.cache_clear()


def in_memory(patch: pytest.MonkeyPatch) -> ObjectPath:
    """Let every bucket be one in memory, of which nothing is asked twice with a pause; give a folder in it."""
    from obstore.store import MemoryStore

    store = MemoryStore()
    patch.setattr(objects, "store_of", lambda bucket: store)
    patch.setattr(objects, "_PAUSES", (0.0, 0.0))
    return ObjectPath("s3://bucket/market")


@dataclass
class Network:
    """What goes between a client and its store: which requests fail, how, and what was asked so far.

    `refuse` answers 503 and passes nothing on; `lose` passes the request on and hangs up without its answer.
    """

    address: str
    fault: str = ""
    first: int = 0
    last: int = -1
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fails(self, line: str) -> bool:
        """Count a request, and tell whether it is one that fails."""
        with self.lock:
            self.asked.append(line)
            return self.first <= len(self.asked) <= self.last


@contextmanager
def between(network: Network) -> Iterator[None]:
    """Put a network between this process and the store at its address."""

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fails = network.fails(f"{self.command} {self.path}")
            if fails and network.fault == "refuse":
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            store = http.client.HTTPConnection(network.address)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            store.request(self.command, self.path, body, headers)
            answer = store.getresponse()
            data = answer.read()
            store.close()
            if fails:
                self.close_connection = True
                return
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = relay  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        with reached_at(f"127.0.0.1:{server.server_address[1]}"):
            yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
