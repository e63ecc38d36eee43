"""Every bad request is refused over HTTP in one shape, a status and a line; the server stays, the market is the same.

The numbers are those of the promise: HTTP 67-86, and of SQL those that come this way.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

import qsim
from qsim.errors import DiskError, UsageError
from qsim.server.guarding import Allowed, Guard, refuse
from qsim.server.measures import Measures
from qsim.server.problems import ProblemError
from qsim.server.running import Room, allowed_of, room_for
from tests.commands import Shell
from tests.refusals_http import REQUESTS, Request
from tests.servers import Served, serving
from tests.stored import tree

APART = {68, 80, 81, 82, 85, 86}


@pytest.fixture(scope="module")
def server(ran: Path) -> Iterator[Served]:
    before = tree(ran, without=())
    with serving(ran, "--streams", 2) as running:
        yield running
    assert tree(ran, without=()) == before


def test_every_number_has_its_request() -> None:
    assert {case.number for case in REQUESTS if case.number < 87} | APART == set(range(67, 87))


@pytest.mark.parametrize("case", REQUESTS, ids=str)
def test_a_bad_request_is_refused_by_name_and_the_server_stays(case: Request, server: Served) -> None:
    port = server.port
    headers = {"Host": f"127.0.0.1:{port}", **case.headers}
    if case.body is not None:
        headers["Content-Length"] = str(len(case.body))
    lines = [
        f"{case.method} {case.path} HTTP/1.1",
        *(f"{key}: {value}" for key, value in headers.items()),
        "Connection: close",
    ]
    raw = server.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + (case.body or b""), seconds=20)
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *told = head.decode().lower().split("\r\n")
    assert first.split()[1] == str(case.status), raw
    answer = json.loads(body)
    assert answer.keys() == {"status", "error"} and answer["status"] == case.status
    assert [part for part in case.says if part not in answer["error"]] == [], answer["error"]
    assert "\n" not in answer["error"] and "Traceback" not in answer["error"] and str(Path.cwd()) not in answer["error"]
    assert "content-type: application/json" in told and "x-content-type-options: nosniff" in told
    assert not any(line.startswith(("set-cookie", "access-control")) for line in told)
    assert server.get("/api/status").status_code == 200


def test_72_a_cursor_of_another_list_or_another_market_is_refused(server: Served, ready_market: Path) -> None:
    cursor = server.json("/api/products?limit=1")["next"]
    assert server.get("/api/products", params={"cursor": cursor, "limit": 1}).status_code == 200
    assert server.get("/api/prices", params={"cursor": cursor}).status_code == 404
    assert server.get("/api/products", params={"cursor": cursor, "search": "milk"}).status_code == 404
    with serving(ready_market) as other:
        assert other.get("/api/products", params={"cursor": cursor}).status_code == 404


def test_69_a_quote_in_a_search_is_a_text_like_others(server: Served) -> None:
    assert server.json("/api/products", params={"search": "x'); DROP TABLE products; --"})["rows"] == []
    assert server.json("/api/status")["products"] == 12


def test_77_a_body_that_comes_in_pieces_is_cut_off_at_its_most(server: Served) -> None:
    head = f"POST /api/sql HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode())
        for _ in range(17):
            connection.sendall(piece)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_79_a_link_from_another_site_leads_to_the_page(server: Served) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert server.get("/", headers=link).status_code == 200


def test_79_names_of_this_machine_are_taken(server: Served) -> None:
    for host in ("localhost", f"localhost:{server.port}", "[::1]:80", "LOCALHOST"):
        assert server.get("/api/status", headers={"Host": host}).status_code == 200


def test_79_a_request_with_no_host_or_two_is_refused(server: Served) -> None:
    assert server.raw(b"GET /api/status HTTP/1.0\r\n\r\n").split()[1] == b"421"
    two = f"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nHost: evil.example\r\n\r\n"
    assert server.raw(two.encode()).split()[1] in (b"400", b"421")


def test_84_what_is_no_http_is_answered_in_the_shape_of_all_errors(server: Served) -> None:
    head, _, body = server.raw(b"GET / HTTP/1.1\r\nA b: c\r\n\r\n").partition(b"\r\n\r\n")
    assert head.split()[1] == b"400" and json.loads(body).keys() == {"status", "error"}


def test_82_clients_above_the_most_are_sent_away_and_told_when_to_come_back(server: Served) -> None:
    with server.client.stream("GET", "/api/events") as one, server.client.stream("GET", "/api/events") as two:
        assert one.status_code == two.status_code == 200
        third = server.get("/api/events")
        assert third.status_code == 503 and third.headers["Retry-After"] == "10" and "the most" in third.json()["error"]


def test_82_connections_above_the_most_are_sent_away_in_the_shape_of_all_errors(server: Served) -> None:
    with ExitStack() as opened:
        for _ in range(402):
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        with httpx.Client(base_url=server.client.base_url) as another:
            answer = another.get("/api/status")
    assert answer.status_code == answer.json()["status"] == 503 and answer.headers["Retry-After"] == "10"
    assert "too many connections" in answer.json()["error"] and answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("streams", "files", "room"),
    [
        (1000, 10_000, Room(1000, 1400, 2048)),
        (1000, 3660, Room(1000, 1400, 2048)),
        (2, 2562, Room(2, 402, 1948)),
        (1000, 1024, Room(374, 748, 64)),
        (1000, 340, Room(32, 64, 64)),
    ],
)
def test_82_what_the_server_takes_at_once_has_a_file_each(streams: int, files: int, room: Room) -> None:
    assert room_for(streams, files) == room
    assert room.connections + room.backlog + 100 + 112 <= files


def test_82_a_limit_of_files_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(UsageError, match=r"found a limit of 339 open files; allowed are 340 or more; .*ulimit -n"):
        room_for(1000, 339)


def asked(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of files is known there")
def test_82_a_crowd_takes_no_file_that_the_server_needs_and_hurts_nobody_who_was_there(ran: Path) -> None:
    with serving(ran, files=340, quiet=False) as server:
        assert "room for 32 of 1000 streams" in server.said
        with ExitStack() as opened:
            before = opened.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port)))
            assert asked(before, "/health") == 200
            for _ in range(345):
                opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            assert asked(before, "/api/prices?as_of=1") == asked(before, "/health") == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.stderr is not None and server.process.stderr.read() == ""


def test_68_a_market_with_a_link_in_it_is_not_served(shell: Shell, market: Path, tmp_path: Path) -> None:
    [file] = market.glob("catalog/products.parquet")
    shutil.move(file, tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert "not a file but a link" in shell.refused(5, "serve", market, "--port", 0)


def test_85_a_name_that_is_a_script_is_told_as_a_text_that_no_browser_runs(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>"
    (tmp_path / "list.csv").write_text(f"product,brand,category,mrp,price\n{name},b,Dairy,30,28\n")
    qsim.generate(tmp_path / "m", catalog=tmp_path / "list.csv")
    with serving(tmp_path / "m") as running:
        answer = running.get("/api/products")
        assert answer.json()["rows"][0]["product"] == name
        assert (
            answer.headers["Content-Type"] == "application/json"
            and answer.headers["X-Content-Type-Options"] == "nosniff"
        )
        policy = running.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_86_an_address_that_others_reach_is_refused_without_a_token(host: str, shell: Shell, market: Path) -> None:
    line = shell.refused(2, "serve", market, "--host", host)
    assert host in line and "--token or QSIM_TOKEN" in line


@pytest.mark.parametrize("token", ["short", "with spaces in it, many", "ünprintable-ünprintable"])
def test_86_a_token_that_is_easily_guessed_or_cannot_be_sent_is_refused(token: str, shell: Shell, market: Path) -> None:
    line = shell.refused(2, "serve", market, "--token", token)
    assert "16 or more" in line and token not in line


def test_a_market_that_is_not_there_is_refused(shell: Shell, tmp_path: Path) -> None:
    assert "holds no market" in shell.refused(4, "serve", tmp_path / "none")


def test_a_port_that_is_taken_is_refused_in_a_line(market: Path) -> None:
    import subprocess
    import sys

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = [sys.executable, "-m", "qsim", "serve", str(market), "--port", str(port)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 6 and "choose another --port" in done.stderr.splitlines()[-1], done.stderr


def test_an_address_of_another_machine_is_refused_in_a_line_that_names_the_host(market: Path) -> None:
    # 192.0.2.0/24 is nobody's (RFC 5737).
    with pytest.raises(DiskError, match=r"192\.0\.2\.1:0: cannot be listened on; .* choose another --port or --host"):
        qsim.serve(market, host="192.0.2.1", port=0, token="a-token-of-sixteen")


@pytest.mark.parametrize(("host", "at"), [("127.0.0.2", "127.0.0.2"), ("0:0:0:0:0:0:0:1", "[::1]")])
def test_the_address_that_is_listened_on_is_let_through_and_no_other(host: str, at: str) -> None:
    scope = {"raw_path": b"/", "query_string": b"", "scheme": "http"}
    refuse(scope, Headers({"host": f"{at}:8000"}), allowed_of(host, None))
    with pytest.raises(ProblemError, match="allowed is "):
        refuse(scope, Headers({"host": "127.0.0.3:8000"}), allowed_of(host, None))


TOKEN = "a-token-of-thirty-two-characters"


@pytest.mark.nightly
def test_99_a_query_without_end_is_ended_and_the_server_stays(server: Served) -> None:
    query = "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(9) c"
    answer = server.client.post("/api/sql", json={"query": query})
    assert answer.status_code == 422 and "the 20 s allowed" in answer.json()["error"]
    assert server.get("/api/status").status_code == 200


@pytest.fixture(scope="module")
def closed(ran: Path) -> Iterator[Served]:
    with serving(ran, token=TOKEN) as running:
        yield running


@pytest.mark.parametrize(
    "path", ["/", "/api/status", "/metrics", "/health", "/api/events", "/openapi.json", "/page/index.html"]
)
def test_without_the_token_nothing_is_told(path: str, closed: Served) -> None:
    for headers in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": "Bearer"}, {"Authorization": "Basic ?"},
                    {"Authorization": TOKEN}, {"Authorization": b"Basic \xe9"}, {"Authorization": "Basic //46"}):  # fmt: skip
        answer = closed.get(path, headers=headers)
        assert answer.status_code == 401 and answer.json()["error"].startswith("authorization: ")
        assert answer.headers["WWW-Authenticate"].startswith("Basic") and TOKEN not in answer.text


def test_the_token_is_taken_as_a_bearer_or_as_a_password(closed: Served) -> None:
    assert closed.get("/api/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert closed.get("/", auth=("anybody", TOKEN)).status_code == 200


async def waits(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def nothing_comes() -> Message:
    return {"type": "http.disconnect"}


def test_who_still_waits_when_a_server_has_stopped_is_told_when_to_come_back() -> None:
    scope = {"type": "http", "method": "GET", "path": "/api/events", "raw_path": b"/api/events", "query_string": b""}
    given: list[Message] = []

    async def send(message: Message) -> None:
        given.append(message)

    async def asked() -> None:
        guard = Guard(waits, Allowed(), Measures())
        asking = asyncio.create_task(guard({**scope, "headers": [(b"host", b"localhost")]}, nothing_comes, send))
        await asyncio.sleep(0)
        # As uvicorn does with what is not answered some seconds after it was told to stop.
        asking.cancel()
        await asking

    asyncio.run(asked())
    assert given[0]["status"] == 503 and Headers(raw=given[0]["headers"])["retry-after"] == "2"
    assert json.loads(given[1]["body"])["error"].startswith("the server stops")
