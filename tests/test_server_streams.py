"""Changes as they come: each once and in order over commits, restarts and filters; slow readers hold up nobody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import qsim
from qsim.queries.changes import Filter
from qsim.server import patience, streaming
from qsim.server.app import create_app
from qsim.server.streaming import Client
from qsim.storage import log
from tests.followers import Following, changes, events, joined, places, wanted
from tests.servers import in_thread, serving


def test_changes_come_once_in_order_to_all_and_to_those_who_want_some(market: Path) -> None:
    with in_thread(market) as (port, app):
        everything, zepto = Following(port, 13), Following(port, 13, platform="Zepto")
        product = Following(port, 13, product_id=3)
        joined(app, 3)
        for _ in range(3):
            qsim.run(market, ticks=1)
        found = everything.end()
        assert found[0][0] == "hello" and found[0][2]["tick"] == 10
        assert changes(found) == wanted(market, "tick > 10")
        assert changes(zepto.end()) == wanted(market, "tick > 10 AND platform = 'zepto'") != []
        assert changes(product.end()) == wanted(market, "tick > 10 AND product_id = 3")
        assert sum(data["changes"] for kind, _, data in found if kind == "commit") == len(changes(found))


def test_a_commit_that_brings_no_tick_is_no_event(market: Path) -> None:
    with in_thread(market) as (port, app):
        following = Following(port, 12)
        joined(app, 1)
        for _ in range(2):
            qsim.run(market, ticks=1)
            qsim.compact(market)
            while app.state.feed.market.moment.commit < log.read(market).number:
                time.sleep(0.01)
            time.sleep(0.2)
        assert [data["tick"] for kind, _, data in following.end() if kind == "commit"] == [11, 12]


def test_who_comes_while_the_server_stops_is_let_go_at_once(market: Path) -> None:
    with in_thread(market) as (port, app):
        app.state.loop.call_soon_threadsafe(app.state.feed.close)
        answer = httpx.get(f"http://127.0.0.1:{port}/api/events", timeout=10)
        assert answer.status_code == 200 and app.state.feed.count == 0


def test_who_comes_back_with_the_last_id_misses_nothing_even_from_another_server(market: Path) -> None:
    qsim.run(market, ticks=5)
    with in_thread(market) as (port, _):
        first = events(port, 15, last="11:0")
    cut = next(place for place, (kind, _, _) in enumerate(first) if kind == "changes")
    seen, last = changes(first[: cut + 1]), first[cut][1]
    qsim.run(market, ticks=2)
    with in_thread(market) as (port, _):
        rest = events(port, 17, last=last)
    assert seen + changes(rest) == wanted(market, "tick > 10")


def test_many_who_come_back_at_once_hold_up_no_one_who_follows_and_those_who_went_away_are_not_served(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, look = [], streaming._back

    def slow(*arguments: Any) -> Any:
        asked.append(arguments)
        time.sleep(0.5)
        return look(*arguments)

    monkeypatch.setattr(streaming, "_back", slow)
    with in_thread(market) as (port, app), contextlib.ExitStack() as open_ones:
        following = Following(port, 11)
        joined(app, 1)
        for nth in range(40):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
            one.sendall(f"GET /api/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 5:{nth}\r\n\r\n".encode())
        begin = time.monotonic()
        qsim.run(market, ticks=1)
        assert [data["tick"] for kind, _, data in following.end() if kind == "commit"] == [11]
        assert time.monotonic() - begin < 10
        open_ones.close()
        time.sleep(2)
        assert len(asked) < 30 and not app.state.feed.back.locked()


def test_an_id_in_the_middle_of_a_tick_goes_on_behind_it(market: Path) -> None:
    rows = wanted(market, "tick >= 4")
    tick, listing, _ = rows[7]
    with in_thread(market) as (port, _):
        assert changes(events(port, 10, last=f"{tick}:{listing + 1}")) == rows[8:]


def test_an_id_beyond_the_market_is_told_to_begin_again(market: Path) -> None:
    with in_thread(market) as (port, _):
        found = events(port, 10, last="999:0")
    assert [kind for kind, _, _ in found] == ["hello", "reset"] and "has not reached" in found[1][2]["reason"]


def test_an_id_of_another_market_is_told_to_begin_again(market: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    qsim.generate(other, products=12, seed=77)
    qsim.run(other, ticks=30)
    with in_thread(market) as (port, _):
        last = events(port, 10, last="9:0")[-1][1]
    with in_thread(other) as (port, _):
        found = events(port, 30, last=last)
    assert [kind for kind, _, _ in found] == ["hello", "reset"] and "another market" in found[1][2]["reason"]


def test_what_was_made_good_is_counted_of_what_is_followed(market: Path) -> None:
    with in_thread(market) as (port, _):
        kind, _, data = events(port, 10, last="0:0", platform="zepto")[-1]
    assert (kind, data["changes"]) == ("resumed", len(wanted(market, "platform = 'zepto'")))


def test_what_is_too_much_to_make_good_is_told_as_a_gap(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BACK_MOST", 3)
    with in_thread(market) as (port, _):
        found = events(port, 10, last="2:0")
    assert [kind for kind, _, _ in found] == ["hello", "gap"] and found[1][2]["from_tick"] == 2
    assert places(found[1:]) == ["11:0"]


def test_a_commit_of_more_changes_than_are_shown_tells_how_many_were_left_out(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "CHANGES_MOST", 20)
    with in_thread(market) as (port, app):
        following = Following(port, 16)
        joined(app, 1)
        qsim.run(market, ticks=6)
        found = following.end()
    told = [data for kind, _, data in found if kind == "commit"]
    assert changes(found) == wanted(market, "tick > 10")[-20:]
    assert sum(data["changes"] - data["omitted"] for data in told) == 20 and told[0]["omitted"] > 0


def test_who_wants_some_gets_all_of_these_in_a_commit_of_more_changes_than_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "CHANGES_MOST", 20)
    market = tmp_path / "m"
    qsim.generate(market, products=120, inactive_percent=20)
    qsim.run(market, ticks=10)
    with qsim.connect(market) as con:
        query = "SELECT min(product_id) FILTER (is_active), min(product_id) FILTER (NOT is_active) FROM products"
        [(some, off_sale)] = con.execute(query).fetchall()
    wants = [
        {"product_id": some},
        {"platform": "zepto"},
        {"product_id": some, "platform": "zepto"},
        {"product_id": off_sale},
    ]
    with in_thread(market) as (port, app):
        following = [Following(port, 16, **one) for one in wants]
        joined(app, 4)
        qsim.run(market, ticks=6)
        found = [one.end() for one in following]
    for one, what in zip(wants, found, strict=True):
        whole = wanted(market, " AND ".join(["tick > 10", *(f"{name} = '{value}'" for name, value in one.items())]))
        [told] = [data for kind, _, data in what if kind == "commit"]
        assert changes(what) == whole[-20:], one
        assert (told["changes"], told["omitted"]) == (len(whole), max(0, len(whole) - 20)), one
        assert "gap" not in [kind for kind, _, _ in what]
    assert len(changes(found[0])) > 1 and len(changes(found[1])) == 20 and not changes(found[3])


@pytest.mark.parametrize("limit", ["SHARES_MOST", "THROUGH_MOST"])
def test_who_wants_some_and_cannot_be_given_it_is_told_of_which_ticks_to_ask_the_history(
    limit: str, market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "CHANGES_MOST", 20)
    monkeypatch.setattr(streaming, limit, 12)
    with in_thread(market) as (port, app):
        everything, zepto = Following(port, 16), Following(port, 17, platform="zepto")
        joined(app, 2)
        qsim.run(market, ticks=6)
        assert len(changes(everything.end())) == 20
        qsim.run(market, ticks=1)
        found = zepto.end()
    assert [kind for kind, _, _ in found[1:3]] == ["gap", "commit"] and places(found[1:3]) == ["17:0"] * 2
    assert (found[1][2]["from_tick"], found[1][2]["to_tick"]) == (11, 16)
    assert found[2][2]["omitted"] == found[2][2]["changes"] > 0


def test_clients_follow_over_a_restart_of_the_server(market: Path) -> None:
    with serving(market) as first:
        last = events(first.port, 10, last="9:0")[-1][1]
    qsim.run(market, ticks=3)
    with serving(market) as second:
        assert changes(events(second.port, 13, last=last)) == wanted(market, "tick > 10")


def test_a_client_that_does_not_read_is_told_what_it_missed_and_gets_the_newest() -> None:
    async def follow() -> tuple[int, bytes]:
        client = Client(Filter())
        messages = [patience.Chunk.of(b"%d\n" % number) for number in range(streaming.WAITING_MOST + 5)]
        dropped = sum(client.offer([message]) for message in messages)
        return dropped, b"".join(chunk.text for chunk in iter(client.taken, None))

    dropped, text = asyncio.run(follow())
    assert dropped == streaming.WAITING_MOST
    head, _, rest = text.partition(b"\n\n")
    assert b"lagged" in head and b'{"missed_messages":64}' in head
    assert rest == b"".join(b"%d\n" % number for number in range(streaming.WAITING_MOST, streaming.WAITING_MOST + 5))


async def is_there() -> bool:
    return False


def test_clients_that_come_together_are_no_more_than_may_follow(market: Path) -> None:
    async def joined() -> list[object]:
        feed = create_app(market, streams=3).state.feed
        async with feed.turn:
            waiting = [asyncio.create_task(feed.join(Filter(), None, is_there)) for _ in range(5)]
            await asyncio.sleep(0)
        return [feed.count, *await asyncio.gather(*waiting, return_exceptions=True), feed.count]

    before, *clients, after = asyncio.run(joined())
    assert (before, after) == (0, 3) and sum(isinstance(one, Client) for one in clients) == 3
    assert all(one.status == 503 for one in clients if not isinstance(one, Client))  # type: ignore[attr-defined]


def test_a_client_that_goes_away_is_let_go_though_nothing_is_told_meanwhile() -> None:
    left: list[Client] = []

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        pass

    client = Client(Filter())
    asyncio.run(asyncio.wait_for(streaming.Stream(client, left.append)({}, gone, send), 10))
    assert left == [client]


def test_81_a_reader_that_takes_nothing_is_cut_off_and_holds_up_nobody(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "STUCK_SECONDS", 0.3)
    monkeypatch.setattr(streaming, "BEAT", patience.Chunk.of(b": " + b"x" * (1 << 20) + b"\n\n"))
    with in_thread(market) as (port, app), socket.create_connection(("127.0.0.1", port)) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(f"GET /api/events?platform=zepto HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        following = Following(port, 12)
        joined(app, 2)
        while app.state.feed.count == 2:
            asyncio.run_coroutine_threadsafe(app.state.feed.beat(), app.state.loop).result(10)
            time.sleep(0.05)
        qsim.run(market, ticks=2)
        assert changes(following.end()) == wanted(market, "tick > 10")


def test_80_headers_that_come_too_slowly_are_not_waited_for(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADER_SECONDS", 0.3)
    with in_thread(market) as (port, _), socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
        slow.sendall(f"GET /api/status HTTP/1.1\r\nHost: localhost:{port}\r\n".encode())
        with pytest.raises(OSError, match=r"reset|Broken"):
            for _ in range(300):
                slow.sendall(b"X: y\r\n")
                time.sleep(0.1)
        assert httpx.get(f"http://127.0.0.1:{port}/api/status").status_code == 200


@pytest.mark.nightly
def test_82_a_thousand_clients_all_hear_of_every_commit(market: Path) -> None:
    async def follow(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /api/events HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        told = 0
        while told < 5:
            told += (await reader.readuntil(b"\n")).startswith(b"event: commit")
        writer.close()
        return told

    async def all_of_them(port: int, app: Any) -> list[int]:
        tasks = [asyncio.create_task(follow(port)) for _ in range(1000)]
        while app.state.feed.count < 1000:
            await asyncio.sleep(0.05)
        for _ in range(5):
            await asyncio.to_thread(qsim.run, market, ticks=1)
            await asyncio.sleep(0.5)
        return await asyncio.gather(*tasks)

    with in_thread(market) as (port, app):
        assert asyncio.run(all_of_them(port, app)) == [5] * 1000
