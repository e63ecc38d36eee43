"""Readers that are at work when files are replaced and vacuum removes them without grace: they go on at the newer commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import qsim
from qsim.monitoring import feed
from qsim.monitoring.health import health
from qsim.monitoring.metrics import metrics
from qsim.monitoring.report import report
from qsim.queries import connection
from qsim.server.app import create_app
from qsim.server.following import look
from qsim.storage import log
from qsim.validation import validate
from tests.commands import Shell


def overtake(market: Path) -> None:
    """Commit a tick, put one file in the place of many, and remove these at once."""
    qsim.run(market, ticks=1)
    qsim.compact(market)
    assert qsim.vacuum(market, grace_seconds=0)["removed"] > 3


@pytest.fixture
def pieces(market: Path) -> Path:
    """A market of several files, at tick 12."""
    for _ in range(2):
        qsim.run(market, ticks=1)
    return market


@pytest.fixture
def meanwhile(pieces: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the market be overtaken once the log is read for the first time."""
    read, over = log.read, threading.Event()

    def reading(place: Any) -> log.Log:
        found = read(place)
        if not over.is_set():
            over.set()
            overtake(pieces)
        return found

    def begin() -> None:
        monkeypatch.setattr(log, "read", reading)

    return begin


@pytest.mark.parametrize(
    ("ask", "tick"),
    [
        (metrics, lambda found: found["counted_to"]),
        (health, lambda found: found["tick"] if found["status"] == "ok" else found["reasons"]),
        (report, lambda found: found["status"]["tick"]),
        (lambda market: feed.recent(market, 5), lambda found: found[-1]["tick"]),
        (lambda market: validate(market, ["1.1", "2.6"]), lambda found: found["tick"] if found["passed"] else found),
    ],
    ids=["metrics", "health", "report", "recent", "validate"],
)
def test_what_reads_the_market_once_reads_the_newer_commit(
    pieces: Path, meanwhile: Callable[[], None], ask: Callable[[Path], Any], tick: Callable[[Any], int]
) -> None:
    meanwhile()
    assert tick(ask(pieces)) == 13


@pytest.mark.parametrize(
    "words",
    [
        ("sql", "{}", "SELECT count(*) FROM prices JOIN price_history USING (listing_id)"),
        ("ask", "cheapest", "lemon", "--dir", "{}"),
        ("ask", "deals", "--min-discount", "1", "--dir", "{}"),
    ],
    ids=["sql", "cheapest", "deals"],
)
def test_a_command_whose_files_go_after_it_has_opened_the_market_asks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell, words: tuple[str, ...]
) -> None:
    # The prices of a market of customers are of many files, since what an order costs changes on the way.
    market, really = tmp_path / "m", connection._opened
    qsim.generate(market, products=12, preset="realistic")
    for _ in range(3):
        qsim.run(market, ticks=20)

    def opened(*given: Any) -> Any:
        monkeypatch.setattr(connection, "_opened", really)
        found = really(*given)
        overtake(market)
        return found

    monkeypatch.setattr(connection, "_opened", opened)
    told = [word.format(market) for word in words]
    done = shell(*told)
    assert connection._opened is really and (done.code, done.err) == (0, "")
    assert done == shell(*told)


def test_who_follows_events_misses_none_and_gets_none_twice(pieces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = log.read(pieces)
    stop, rows = threading.Event(), list[dict[str, Any]]()
    overtake(pieces)
    # So it is known before: to the names of goods, and to who begins to follow.
    known = [before, before]
    monkeypatch.setattr(log, "read", lambda place, read=log.read: known.pop() if known else read(place))
    for part in feed.follow(pieces, 10, stop):
        rows += part
        if rows[-1]["tick"] == 13:
            break
    assert not known
    wanted = (
        qsim.connect(pieces).sql("SELECT tick, listing_id FROM price_history WHERE tick > 10 ORDER BY ALL").fetchall()
    )
    assert [(row["tick"], row["listing_id"]) for row in rows] == wanted


ASKED = (
    "/api/products/3/history", "/api/products/3?as_of=11", "/api/prices?as_of=11", "/api/metrics", "/api/metrics/totals",
    "/api/boards/overview?as_of=11", "/api/boards/prices/3", "/api/boards/movers?as_of=11", "/api/boards/ticker?as_of=11",
    "/api/boards/activity", "/api/boards/cheapest", "/api/sql",
)  # fmt: skip


@pytest.mark.parametrize("path", ASKED)
def test_a_server_that_has_not_seen_the_newer_commit_answers_all_the_same(pieces: Path, path: str) -> None:
    app = create_app(pieces, poll_seconds=3600)
    overtake(pieces)
    answer = asyncio.run(asked(app, path))
    assert answer.status_code == 200, answer.text


async def asked(app: Any, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        if path == "/api/sql":
            return await client.post(path, json={"query": "SELECT count(*) FROM price_history"})
        return await client.get(path)


def test_a_look_at_the_health_of_a_commit_that_is_gone_by_is_no_alarm(pieces: Path) -> None:
    state = create_app(pieces, poll_seconds=3600).state
    overtake(pieces)
    look(state.market, state.following)
    assert state.following.reasons == []
    asyncio.run(state.market.follow())
    look(state.market, state.following)
    assert (state.following.reasons, state.following.head) == ([], state.market.moment.log.head)
