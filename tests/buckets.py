"""Real servers of S3 and of Azure on loopback, a faulty network in front of them, and a store in memory."""

from __future__ import annotations

import base64
import hmac
import http.client
import logging
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from unittest import mock

import pytest

from qsim.storage import objects
from qsim.storage.places import ObjectPath
from tests.servers import until

AZURITE = shutil.which("azurite-blob")
_S3 = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}
# The account that every Azurite has, and its published key.
_AZURE = {
    "AZURE_STORAGE_USE_EMULATOR": "true",
    "AZURE_STORAGE_ACCOUNT_NAME": "devstoreaccount1",
    "AZURE_STORAGE_ACCOUNT_KEY": (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    ),
}
_HOP = {"connection", "transfer-encoding", "host", "content-length"}
_OF_SERVER = _HOP | {"server", "date"}


class Store(NamedTuple):
    """A kind of store by the scheme of its URLs, and the address, host:port, where it is reached."""

    scheme: str
    address: str


@contextmanager
def served(scheme: str = "s3") -> Iterator[Store]:
    """Serve an empty bucket, `bucket`, with this process's environment set for it."""
    with (_azurite if scheme == "az" else _moto)() as address:
        store = Store(scheme, address)
        with reached_at(store):
            yield store


@contextmanager
def _moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        _make(f"{host}:{port}", "/bucket", {"Content-Length": "0"})
        yield f"{host}:{port}"
    finally:
        server.stop()


@contextmanager
def _azurite() -> Iterator[str]:
    assert AZURITE
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = (
        "--blobPort",
        str(port),
        "--inMemoryPersistence",
        "--silent",
        "--disableTelemetry",
        "--skipApiVersionCheck",
    )
    with subprocess.Popen([AZURITE, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            until(lambda: _answers(port), 60)
            _make(f"127.0.0.1:{port}", "/devstoreaccount1/bucket?restype=container", _azure_signed("bucket"))
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def _make(address: str, target: str, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection(address)
    connection.request("PUT", target, headers=headers)
    assert connection.getresponse().status in (200, 201)
    connection.close()


def _azure_signed(container: str) -> dict[str, str]:
    """Sign a request for a container by the account's key, as Azure's Shared Key authorization has it."""
    dated = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    account = _AZURE["AZURE_STORAGE_ACCOUNT_NAME"]
    named = [f"{name}:{value}" for name, value in dated.items()]
    text = "\n".join(["PUT", *[""] * 11, *named, f"/{account}/{account}/{container}", "restype:container"])
    key = base64.b64decode(_AZURE["AZURE_STORAGE_ACCOUNT_KEY"])
    signature = base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
    return {**dated, "Content-Length": "0", "Authorization": f"SharedKey {account}:{signature}"}


@contextmanager
def reached_at(store: Store) -> Iterator[None]:
    """Let object stores of a kind be reached at an address, here and in programs started here."""
    url = f"http://{store.address}"
    azure, s3 = {**_AZURE, "AZURITE_BLOB_STORAGE_URL": url}, {**_S3, "AWS_ENDPOINT_URL": url}
    with mock.patch.dict(os.environ, azure if store.scheme == "az" else s3):
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

    store: Store
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
    """Put a network between this process and a store."""

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

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
            store = http.client.HTTPConnection(network.store.address)
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
                if name.lower() not in _OF_SERVER:
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
        with reached_at(Store(network.store.scheme, f"127.0.0.1:{server.server_address[1]}")):
            yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
