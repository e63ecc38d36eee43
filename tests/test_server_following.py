"""Following a market goes on, whatever happens on the way; what is wrong is told, and what was missed is made good."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path
from time import monotonic

import httpx
import pytest

import qsim
from qsim.errors import CorruptError
from qsim.monitoring.health import health, worst
from qsim.queries import served
from qsim.server import following
from qsim.server.app import create_app
from qsim.server.following import look
from tests.followers import Following, changes, joined, wanted
from tests.run_lines import with_run
from tests.servers import in_thread, until


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server look at health, and after a fault, at once."""
    monkeypatch.setattr(following, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(following, "_WAIT_AFTER_FAULT", 0.05)


def test_questions_that_take_all_threads_hold_up_no_client_that_follows(market: Path) -> None:
    over = threading.Event()
    with in_thread(market) as (port, app):
        at = app.state.market
        client = Following(port, 11)
        joined(app, 1)
        asked = [at.pool.submit(over.wait, 30) for _ in range(at.threads)]
        at.seconds = 5.0
        qsim.run(market, ticks=1)
        until(lambda: not client.thread.is_alive(), 5)
        assert not any(one.done() for one in asked)
        over.set()
    assert changes(client.found) == wanted(market, "tick > 10")


def test_a_commit_that_could_not_be_told_in_time_is_told_later(market: Path, quick: None) -> None:
    with in_thread(market) as (port, app):
        client = Following(port, 11)
        joined(app, 1)
        app.state.market.seconds = 0.0
        qsim.run(market, ticks=1)
        until(lambda: app.state.following.faults)
        assert "0 s allowed" in httpx.get(f"http://127.0.0.1:{port}/health").json()["reasons"][0]["found"]
        app.state.market.seconds = 10.0
        assert changes(client.end()) == wanted(market, "tick > 10")
        until(lambda: not app.state.following.faults)
        assert b"qsim_follow_faults_total 0.0" not in app.state.measures.text()


def test_a_market_that_was_away_is_followed_when_it_is_back(market: Path, quick: None) -> None:
    with in_thread(market) as (port, app):
        state, url = app.state.following, f"http://127.0.0.1:{port}/health"
        client = Following(port, 11)
        joined(app, 1)
        away = market.rename(market.with_name("away"))
        until(lambda: any("cannot be looked at" in reason["found"] for reason in state.now))
        told = httpx.get(url)
        assert told.status_code == 503 and str(market) not in told.text and "No such file" in told.text
        away.rename(market)
        until(lambda: not state.reasons)
        qsim.run(market, ticks=1)
        assert changes(client.end()) == wanted(market, "tick > 10")
        assert httpx.get(url).json()["status"] == "ok"


@pytest.mark.parametrize("more", [0, 3])
def test_another_market_in_the_place_of_the_one_that_is_served_is_not_taken_for_it(
    market: Path, tmp_path: Path, more: int
) -> None:
    other = tmp_path / "other"
    shutil.copytree(market, other)
    for place, batch in ((market, 5), (other, 6)):
        qsim.run(place, ticks=1, batch_size=batch)
    for _ in range(more):
        qsim.run(other, ticks=1)
    at = served.opened(market)
    assert not served.follow(at)
    market.rename(tmp_path / "away")
    other.rename(market)
    with pytest.raises(CorruptError, match="another market than the one that was opened"):
        served.follow(at)
    assert at.log.tick == 11


def asked(port: int) -> list[object]:
    """Ask what is kept in several places: answers, boards, rows of files."""
    paths = ("api/status", "api/products/3/history?limit=500", "api/boards/prices/3", "api/boards/overview", "health")
    told = [httpx.get(f"http://127.0.0.1:{port}/{path}").json() for path in paths]
    ages = ("looked_seconds_ago", "commit_age_seconds", "streams")
    return [{name: value for name, value in one.items() if name not in ages} for one in told]


def test_another_market_that_comes_in_the_place_of_the_one_that_is_served_is_served_then(
    market: Path, tmp_path: Path, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    # As many commits and ticks, the same settings and names of files: what was known of the one is to be taken for nothing of the
    # other.
    other = tmp_path / "other"
    qsim.generate(other, products=12)
    qsim.run(other, ticks=10, batch_size=5)
    with in_thread(other) as (port, _):
        wanted_answers = asked(port)
    with in_thread(market) as (port, app):
        url = f"http://127.0.0.1:{port}/api/campaigns?limit=1"
        before, cursor = asked(port), httpx.get(url).json()["next"]
        client = Following(port, 11)
        joined(app, 1)
        shutil.rmtree(market)
        until(lambda: any("put a market there" in reason["mend"] for reason in app.state.following.reasons))
        assert httpx.get(f"http://127.0.0.1:{port}/api/boards/prices/4").status_code == 503
        other.rename(market)
        until(lambda: app.state.market.replaced and not app.state.following.reasons)
        until(lambda: app.state.following.head == app.state.market.moment.log.head)
        assert asked(port) == wanted_answers != before
        assert httpx.get(f"{url}&cursor={cursor}").status_code == 404
        qsim.run(market, ticks=1)
        found = client.end()
    assert [kind for kind, _, _ in found][:3] == ["hello", "reset", "commit"]
    assert changes(found) == wanted(market, "tick > 10")
    assert "it is served from now on" in caplog.text


def test_a_fault_that_nobody_foresaw_ends_no_following(
    market: Path, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    follow, failed = served.follow, threading.Event()

    def failing(at: served.Served) -> bool:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError(f"{market}: secret")
        return follow(at)

    monkeypatch.setattr(served, "follow", failing)
    with in_thread(market) as (_, app):
        until(lambda: app.state.following.faults)
        assert "secret" not in str(app.state.following.reasons) and "ZeroDivisionError" in app.state.following.faults[0]
        qsim.run(market, ticks=1)
        until(lambda: app.state.market.moment.tick == 11)
        until(lambda: not app.state.following.reasons)
    assert "Traceback" in caplog.text


def test_a_server_that_does_not_look_any_more_is_failing(market: Path) -> None:
    state = create_app(market).state.following
    assert state.reasons == []
    state.looked = monotonic() - 100
    [reason] = state.reasons
    assert (reason["level"], reason["about"]) == ("failing", "following") and "for 100 s" in reason["found"]


def test_a_name_of_a_market_that_is_part_of_words_alters_none(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = market.rename(market.with_name("a"))
    with_run(market, lag_seconds=12.0)
    monkeypatch.chdir(market.parent)
    app = create_app("a")
    look(app.state.market, app.state.following)
    assert app.state.following.reasons == health("a")["reasons"]
    assert worst(app.state.following.reasons) == 1


def test_a_market_that_was_named_from_a_folder_is_not_told_of_by_its_place(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(market.parent)
    app = create_app(market.name)
    for file in (market / "platform_metrics").iterdir():
        file.unlink()
    look(app.state.market, app.state.following)
    [reason] = app.state.following.reasons
    assert reason["found"].startswith("the market/platform_metrics/")


def test_only_a_whole_path_of_the_market_is_hidden(market: Path) -> None:
    at = create_app(market).state.market
    words = f"{market}/events, {market}2, {market}-old, /mnt{market}, in {market}."
    found = following._hidden(at, [{"level": "ok", "about": "run", "found": words, "mend": f"qsim run {market}"}])
    hidden = f"the market/events, {market}2, {market}-old, /mnt{market}, in the market."
    assert found == [{"level": "ok", "about": "run", "found": hidden, "mend": "qsim run the market"}]


def test_that_the_writer_ended_since_another_market_came_in_its_place_is_told_in_one_line(
    market: Path, tmp_path: Path, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    qsim.generate(tmp_path / "other", products=12)
    with in_thread(market) as (port, app):
        writer = subprocess.Popen(["sh", "-c", "cat; exit 4"], stdin=subprocess.PIPE)
        app.state.following.writer = writer
        market.rename(tmp_path / "away")
        (tmp_path / "other").rename(market)
        until(lambda: app.state.following.replaced)
        assert writer.stdin is not None
        writer.stdin.close()
        until(lambda: app.state.following.ended)
        [reason] = httpx.get(f"http://127.0.0.1:{port}/health").json()["reasons"]
    assert reason["about"] == "writer" and reason["mend"] == "start the server again to run it on"
    assert reason["found"].startswith("another market has come in the place of the one that the writer ran on")
    assert caplog.messages[-1] == f"{reason['found']}; {reason['mend']}"
