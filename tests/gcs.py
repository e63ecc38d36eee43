"""A small server on loopback that answers as Google Cloud Storage does where that differs from S3: DELETE of nothing is 404."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from qsim.storage import objects

_TIME = "Thu, 01 Jan 2026 00:00:00 GMT"
_LISTED = "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>1</ETag>"


@dataclass
class Bucket:
    """The objects of a bucket by name; how many answers to DELETE are still to be lost."""

    objects: dict[str, bytes] = field(default_factory=dict)
    lost: int = 0


def _answer(bucket: Bucket, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    address = urlsplit(target)
    key = unquote(address.path).lstrip("/").partition("/")[2]
    if not key:
        return 200, _listing(bucket, {name: values[0] for name, values in parse_qs(address.query).items()})
    if method == "PUT":
        if headers.get("x-goog-if-generation-match") == "0" and key in bucket.objects:
            return 412, b""
        bucket.objects[key] = body
        return 200, b""
    if key not in bucket.objects:
        return 404, b""
    return (204, bucket.objects.pop(key)[:0]) if method == "DELETE" else (200, bucket.objects[key])


def _listing(bucket: Bucket, asked: dict[str, str]) -> bytes:
    prefix = asked.get("prefix", "")
    names = [name for name in sorted(bucket.objects) if name.startswith(prefix)]
    folders = {prefix + name[len(prefix) :].partition("/")[0] + "/" for name in names if "/" in name[len(prefix) :]}
    found = [
        f"<Contents><Key>{escape(name)}</Key>{_LISTED}<Size>{len(bucket.objects[name])}</Size></Contents>"
        for name in names
        if "/" not in name[len(prefix) :]
    ]
    found += [f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in sorted(folders)]
    return f"<ListBucketResult>{''.join(found)}</ListBucketResult>".encode()


@contextmanager
def served() -> Iterator[Bucket]:
    """Serve an empty bucket, gs://bucket, with this process's environment set for it."""
    bucket, lock = Bucket(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                status, data = _answer(bucket, self.command, self.path, dict(self.headers.items()), body)
                if self.command == "DELETE" and bucket.lost:
                    bucket.lost -= 1
                    self.close_connection = True
                    return
            self.send_response(status)
            for name, value in (("ETag", "1"), ("x-goog-generation", "1"), ("Last-Modified", _TIME)):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    key = {"gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    settings = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key), "GOOGLE_ALLOW_HTTP": "true"}
    settings["GOOGLE_SKIP_SIGNATURE"] = "true"
    objects.store_of.cache_clear()
    try:
        with mock.patch.dict(os.environ, settings):
            yield bucket
    finally:
        objects.store_of.cache_clear()
        server.shutdown()
        server.server_close()
        thread.join()
