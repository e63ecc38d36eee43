"""Health over HTTP, as `qsim health` tells it, and what a server does before anybody asks."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

import qsim
from qsim.monitoring.health import health
from qsim.queries import served
from qsim.queries.ranked import Listed
from qsim.server.app import create_app
from qsim.server.following import Following, look
from qsim.server.guarding import Allowed
from qsim.server.reading import Kept, Market
from qsim.server.warming import warm
from qsim.storage import log
from tests.run_lines import with_run
from tests.servers import serving


def test_health_gives_the_reasons_of_qsim_health_without_the_place(market: Path) -> None:
    with_run(market, kind="failed", error=f"{market}/events: cannot write: No space left on device; free space")
    with serving(market) as running:
        answer, head = running.get("/health"), running.client.head("/health")
        figures = running.get("/metrics").text
        described = running.json("/openapi.json")["paths"]["/health"]["get"]["responses"]["503"]  # type: ignore[index]
    told, wanted = answer.json(), health(market)
    assert (answer.status_code, told["status"]) == (503, wanted["status"]) == (503, "failing")
    assert str(market) in wanted["reasons"][0]["found"] and str(market) not in answer.text
    assert told["reasons"] == [
        {name: words.replace(str(market), "the market") for name, words in reason.items()}
        for reason in wanted["reasons"]
    ]
    assert "\nqsim_health 2.0\n" in figures
    assert (head.status_code, head.content) == (503, b"")
    assert set(described["content"]["application/json"]["schema"]["required"]) == set(told)


@pytest.mark.nightly
def test_warnings_do_not_take_a_server_out_of_service(market: Path) -> None:
    with_run(market, lag_seconds=12.0)
    with serving(market) as running:
        answer = running.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "warning")
    assert answer.json()["reasons"] == health(market)["reasons"] != []


def test_a_look_takes_up_what_was_committed_since(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qsim.monitoring import health as healths

    reader, state = Market(served.opened(market)), Following(0.0)
    look(reader, state)
    assert state.reasons == []
    monkeypatch.setattr(healths, "_MANY_FILES", 5)
    look(reader, state)
    assert state.reasons == [], "the history is looked at once a commit"
    qsim.run(market, ticks=1)
    served.follow(reader.at)
    look(reader, state)
    assert [reason["about"] for reason in state.reasons] == ["files"]
    reader.close()


def test_a_market_that_cannot_be_looked_at_is_failing(market: Path) -> None:
    reader, state = Market(served.opened(market)), Following(0.0)
    for file in (market / "platform_metrics").iterdir():
        file.unlink()
    look(reader, state)
    [reason] = state.reasons
    assert (reason["level"], reason["about"]) == ("failing", "market") and str(market) not in str(reason)
    reader.close()


def test_a_file_that_is_changed_while_it_is_served_is_told_by_its_name(market: Path) -> None:
    reader, state = Market(served.opened(market)), Following(0.0)
    file = log.read(market).of_table("events")[0]
    path = market / file.path
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    for _ in range(2):
        look(reader, state)
        [reason] = state.reasons
        assert reason["level"] == "failing" and reason["found"].startswith(f"the market/{file.path}: ")
    path.write_bytes(content)
    look(reader, state)
    assert state.reasons == []
    reader.close()


@pytest.mark.parametrize("token", [None, "a-token-of-some-length"])
def test_a_server_asks_itself_one_question_of_each_kind_and_counts_none(market: Path, token: str | None) -> None:
    allowed = Allowed(token=token)
    app = create_app(market, allowed=allowed)
    asyncio.run(warm(app, allowed))
    asked = {query.__name__ for _, query, *_ in app.state.market.answers}
    assert asked >= {
        "status",
        "product",
        "products",
        "prices",
        "deals",
        "compare",
        "cheapest",
        "history",
        "product_at",
        "metrics",
    }
    assert "qsim_http_requests_total{" not in app.state.measures.text().decode()


def test_answers_that_are_kept_hold_neither_prices_nor_files_of_their_commit(market: Path) -> None:
    allowed = Allowed()
    app = create_app(market, allowed=allowed)
    asyncio.run(warm(app, allowed))
    at = app.state.market.at
    gone, commit = [weakref.ref(at.now), weakref.ref(at.moment)], at.moment.commit
    for _ in range(4):
        qsim.run(market, ticks=1)
        assert served.follow(at)
    gc.collect()
    lists = [kept.body for (number, *_), kept in app.state.market.answers.items() if number == commit]
    shown = [body.rows(slice(0, 5)) for body in lists if isinstance(body, Listed)]
    assert [held() for held in gone] == [None, None]
    assert len(shown) == 3 and any(shown)


def test_of_the_answers_that_are_kept_those_asked_for_longest_ago_go_when_all_take_too_many_bytes(
    market: Path,
) -> None:
    asked = Market(served.opened(market), bytes_most=3_000)

    def keep(name: str) -> None:
        asked._keep((10, name), Kept(bytes(800), asked.moment))

    for name in "abca":
        keep(name)
    assert (asked.bytes, len(asked.answers)) == (3_000, 3)
    assert asked.kept(10, "a") is not None  # type: ignore[arg-type]
    keep("d")
    assert (asked.bytes, [name for _, name in asked.answers]) == (3_000, ["c", "a", "d"])
