"""What a server does for clients that are old, slow, behind a proxy, quiet, or back at the very moment of a commit."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.types import Message

import qsim
from qsim.errors import DiskError
from qsim.queries import past, served
from qsim.queries.changes import Filter
from qsim.server import following, guarding, patience, streaming
from qsim.server.app import create_app
from qsim.server.guarding import Allowed, refuse
from qsim.server.measures import Measures
from qsim.server.messages import Back
from qsim.server.patience import Patience
from qsim.server.problems import ProblemError
from qsim.server.reading import Market
from tests.followers import changes, events, places, wanted
from tests.servers import in_thread

SCOPE = {"raw_path": b"/", "query_string": b"", "scheme": "http"}


async def is_there() -> bool:
    return False


def read_until(port: int, request: bytes, end: bytes) -> bytes:
    """Send a request and read until something comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        found = b""
        while end not in found and (part := connection.recv(65_536)):
            found += part
    return found


def told_to(client: streaming.Client) -> list[Any]:
    """What waits for a client, as `followers.events` gives it."""
    text = b"".join(chunk.text for chunk in iter(client.taken, None)).decode()
    parts = [dict(line.split(": ", 1) for line in one.splitlines()) for one in text.split("\n\n") if one]
    return [(one["event"], one.get("id"), json.loads(one["data"])) for one in parts if "event" in one]


def test_a_client_of_http_1_0_gets_events_without_lengths_of_chunks(market: Path) -> None:
    request = b"GET /api/events HTTP/1.%d\r\nHost: localhost\r\nLast-Event-ID: 9:0\r\n\r\n"
    with in_thread(market) as (port, _):
        old, new = (read_until(port, request % minor, b"event: resumed").partition(b"\r\n\r\n")[2] for minor in (0, 1))
    assert old.startswith(b"retry: 2000\n\nevent: hello\ndata: {")
    assert old.count(b"\r\n") == 0 < new.count(b"\r\n")


def test_a_reader_that_takes_again_in_time_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "STUCK_SECONDS", 0.05)
    cut: list[float] = []

    async def read() -> list[int]:
        one = Patience.__new__(Patience)
        one.loop = asyncio.get_running_loop()
        one.flow = SimpleNamespace(pause_writing=lambda: None, resume_writing=lambda: None)  # type: ignore[assignment]
        one.transport = SimpleNamespace(abort=lambda: cut.append(monotonic()))  # type: ignore[assignment]
        counts = []
        for taken in (True, False):
            one.pause_writing()
            if taken:
                one.resume_writing()
            await asyncio.sleep(0.3)
            counts.append(len(cut))
        return counts

    assert asyncio.run(read()) == [0, 1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_page_of_this_server_may_ask_it_also_behind_a_proxy_that_speaks_tls(scheme: str) -> None:
    headers = {"host": "localhost:8000", "origin": f"{scheme}://localhost:8000", "sec-fetch-site": "same-origin"}
    refuse(SCOPE, Headers(headers), Allowed())
    with pytest.raises(ProblemError, match="allowed is this server's own page"):
        refuse(SCOPE, Headers(headers | {"origin": f"{scheme}://localhost:8001"}), Allowed())


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_or_of_a_neighbour_under_the_same_name_is_refused_without_an_origin(site: str) -> None:
    headers = {"host": "localhost:8000", "sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
    with pytest.raises(ProblemError, match="found a page of another site"):
        refuse(SCOPE, Headers(headers), Allowed())


def test_a_token_with_colons_is_taken_as_a_password() -> None:
    token = "a:token:of:sixteen:or:more"
    given = base64.b64encode(f"anybody:{token}".encode()).decode()
    refuse(SCOPE, Headers({"host": "localhost", "authorization": f"Basic {given}"}), Allowed(token=token))


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "BODY_SECONDS", 0.05)

    async def part_of_it() -> Message:
        if not given:
            given.append(1)
            return {"type": "http.request", "body": b"{", "more_body": True}
        await asyncio.sleep(60)
        raise AssertionError

    given: list[int] = []
    with pytest.raises(ProblemError, match=r"body: not there after 0\.05 s; send it at once") as fault:
        asyncio.run(guarding._body(Headers({"content-type": "application/json"}), part_of_it))
    assert (fault.value.status, fault.value.headers["Connection"]) == (408, "close")


def test_a_question_too_many_is_sent_away_and_told_when_to_come_back(market: Path) -> None:
    asked = Market(served.opened(market), waiting_most=0)
    with pytest.raises(ProblemError, match="too many questions are waiting") as fault:
        asyncio.run(asked.ask(past.metrics, 0, 10, 11, 5))
    asked.close()
    assert (fault.value.status, fault.value.headers["Retry-After"]) == (503, "1")


def test_who_follows_a_market_that_stands_still_is_told_that_the_server_is_there(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BEAT_SECONDS", 0.1)
    with in_thread(market) as (port, _):
        found = read_until(port, b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n", b": still here\n\n")
    assert found.endswith(b": still here\n\n\r\n")


def test_who_does_not_read_is_not_given_beats_and_what_it_misses_is_counted(market: Path) -> None:
    async def followed() -> tuple[int, str]:
        app = create_app(market)
        feed = app.state.feed
        client = await feed.join(Filter(), None, is_there)
        await feed.beat()
        waits = len(client.waiting)
        client.waiting.extend([streaming.BEAT] * (streaming.WAITING_MOST - waits))
        qsim.run(market, ticks=1)
        assert served.follow(app.state.market.at)
        await feed.publish()
        return waits, app.state.measures.text().decode()

    waits, figures = asyncio.run(followed())
    assert waits == 2
    assert f"qsim_stream_lagged_total {streaming.WAITING_MOST}.0" in figures
    assert "qsim_stream_messages_total 1.0" in figures


def test_who_comes_back_between_a_commit_and_its_telling_gets_nothing_twice(market: Path) -> None:
    async def followed() -> list[Any]:
        app = create_app(market)
        feed = app.state.feed
        qsim.run(market, ticks=1)
        assert served.follow(app.state.market.at)
        client = await feed.join(Filter(), Back((9, 0), None), is_there)
        await feed.publish()
        return told_to(client)

    found = asyncio.run(followed())
    assert [kind for kind, _, _ in found if kind != "changes"] == ["hello", "resumed", "commit"]
    assert changes(found) == wanted(market, "tick >= 9")
    assert [data["changes"] for kind, _, data in found if kind == "resumed"] == [len(wanted(market, "tick IN (9, 10)"))]


def test_a_hello_has_an_id_for_those_alone_who_come_without_one(market: Path) -> None:
    async def hellos() -> list[Any]:
        feed = create_app(market).state.feed
        return [told_to(await feed.join(Filter(), back, is_there))[0] for back in (None, Back((9, 0), None))]

    # With the newest id before what is made good, a client that is cut off in between would miss that.
    found = asyncio.run(hellos())
    assert [kind for kind, _, _ in found] == ["hello", "hello"] and places(found) == ["11:0", ""]


def test_an_id_in_the_newest_tick_goes_on_behind_it(market: Path) -> None:
    rows = wanted(market, "tick = 10")
    with in_thread(market) as (port, _):
        assert changes(events(port, 10, last=f"10:{rows[2][1] + 1}")) == rows[3:] != []


def test_a_gap_names_the_ticks_that_were_missed(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BACK_MOST", 3)
    with in_thread(market) as (port, _):
        [gap] = [data for kind, _, data in events(port, 10, last="2:0") if kind == "gap"]
    assert (gap["from_tick"], gap["to_tick"]) == (2, 10)


def test_health_tells_the_age_of_the_newest_commit_apart_from_that_of_the_last_look(market: Path) -> None:
    with in_thread(market) as (port, app):
        app.state.following.moved -= 1000
        told = httpx.get(f"http://127.0.0.1:{port}/health").json()
    assert told["commit_age_seconds"] > 1000 > told["looked_seconds_ago"]


def logged(caplog: pytest.LogCaptureFixture, step: Callable[[], Awaitable[Any]]) -> int:
    """Take a step twice, and count what it logs."""
    caplog.clear()
    with caplog.at_level(logging.ERROR, "qsim"):
        for _ in range(2):
            asyncio.run(step())  # type: ignore[arg-type]
    return len(caplog.messages)


def test_what_stays_wrong_is_logged_once(market: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(market)
    state, at = app.state.following, app.state.market
    state.writer = subprocess.Popen(["false"])
    state.writer.wait()
    assert logged(caplog, lambda: following._watch(state)) == 1

    async def failing() -> None:
        raise DiskError("a disk: cannot be read; see to it")

    async def looked() -> None:
        state.faults = [await following._fault_of(failing, at, Measures(), state.faults)]

    assert logged(caplog, looked) == 1
    assert state.faults == ["a disk: cannot be read; see to it"]
    at.close()
