"""A server whose market goes on: answers move on and never back, its writer ends with it, and a stop ends what runs."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

import qsim
from qsim.queries import served
from qsim.server import live
from qsim.server.app import create_app
from qsim.storage import lock, log
from qsim.storage.places import place_of
from tests.servers import serving, walked


def test_the_server_goes_on_with_the_market_and_never_back(market: Path) -> None:
    before = qsim.status(market)

    def write() -> None:
        for _ in range(12):
            qsim.run(market, ticks=1)
            time.sleep(0.1)

    writing = threading.Thread(target=write)
    with serving(market) as running:
        writing.start()
        seen = [(0, 0)]
        while seen[-1][0] < before["tick"] + 12:
            prices, metrics = running.json("/api/prices?limit=60"), running.json("/api/metrics?limit=500")
            for answer in (prices, metrics):
                tick = int(str(answer["tick"]))
                assert (tick, answer["commit"]) >= seen[-1]
                seen.append((tick, int(str(answer["commit"]))))
            ticks = [row["tick"] for row in metrics["rows"]]  # type: ignore[attr-defined]
            assert ticks == list(range(int(str(metrics["tick"])), 0, -1))
    writing.join()
    assert len(seen) > 6


def test_pages_as_of_the_newest_tick_go_on_over_the_same_list_when_the_market_moves(market: Path) -> None:
    lists = {
        "/api/prices": {"as_of": 10},
        "/api/products/0/history": {"until": 10},
        "/api/metrics": {"until": 10, "since": 2},
    }
    with serving(market) as running:
        wanted = [running.json(path, params=asked | {"limit": 500})["rows"] for path, asked in lists.items()]
        first = [running.json(path, params=asked | {"limit": 3}) for path, asked in lists.items()]
        qsim.run(market, ticks=2)
        while running.json("/api/status")["tick"] != 12:
            time.sleep(0.05)
        for (path, asked), page, whole in zip(lists.items(), first, wanted, strict=True):
            found = [*page["rows"], *walked(running, path, **asked, limit=3, cursor=page["next"])]  # type: ignore[misc]
            assert found == whole, path
            assert len(found) > 6


def test_a_page_is_of_the_commit_of_its_cursor_or_gone_also_when_the_market_moves_meanwhile(market: Path) -> None:
    app = create_app(market)
    kept, asked = app.state.market, app.state.market.ask

    async def moved_on(*question: object) -> object:
        qsim.run(market, ticks=1)
        await kept.follow()
        return await asked(*question)

    async def pages() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            first = await client.get("/api/campaigns?limit=2")
            # It takes too many bytes to be kept.
            kept.answers.clear()
            kept.ask = moved_on
            cursor = first.json()["next"]
            return [first, await client.get(f"/api/campaigns?limit=2&cursor={cursor}")]

    first, second = asyncio.run(pages())
    assert first.json()["commit"] < kept.moment.commit
    assert second.status_code == 410, second.json()


@pytest.mark.parametrize("preset", ["classic", "realistic"])
def test_what_is_kept_at_hand_is_what_a_fresh_connection_sees(preset: str, tmp_path: Path) -> None:
    market = tmp_path / "m"
    qsim.generate(market, products=40, preset=preset, update_interval_seconds=600, stores=2)
    at = served.opened(market)
    query = "SELECT * FROM prices ORDER BY listing_id"
    for ticks in (1, 3, 40, 2):
        qsim.run(market, ticks=ticks)
        if ticks == 2:
            qsim.compact(market)
        assert served.follow(at) and not served.follow(at)
        with served.reading(at) as reading, qsim.connect(market) as fresh:
            assert reading.moment.log == log.read(market)
            assert reading.connection.sql(query).fetchall() == fresh.sql(query).fetchall()
            stock = "SELECT * FROM inventory ORDER BY listing_id"
            assert reading.connection.sql(stock).fetchall() == fresh.sql(stock).fetchall()


def test_a_live_server_runs_the_market_on_and_stops_its_writer(market: Path) -> None:
    with serving(market, "--live", quiet=False) as running:
        while int(str(running.json("/api/status")["tick"])) <= 10:
            time.sleep(0.1)
        assert running.json("/health")["status"] == "ok"
    qsim.run(market, ticks=1)


def test_the_writer_of_a_live_server_takes_no_module_out_of_the_folder_it_is_started_in(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('another random')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    begin, writer = qsim.status(market)["tick"], live.started(place_of(market))
    while qsim.status(market)["tick"] == begin and writer.poll() is None:
        time.sleep(0.1)
    live.stop(writer)
    assert writer.returncode == 0 and lock.is_free(market)


def test_a_writer_is_started_where_standard_error_has_no_descriptor(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    live.stop(live.started(place_of(market)))
    assert lock.is_free(market)


def test_a_server_whose_start_fails_does_not_lay_it_to_its_port(market: Path) -> None:
    program = "import sys, qsim; from qsim.server import live; live.started = None; qsim.serve(sys.argv[1], port=0, live=True)"
    done = subprocess.run([sys.executable, "-c", program, market], stderr=subprocess.PIPE, text=True, timeout=60)
    assert "QsimError: serve: the server could not be started" in done.stderr and "--port" not in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing stops a process here")
def test_a_writer_that_was_stopped_by_a_signal_commits_and_ends_with_the_server(market: Path) -> None:
    begin, writer = qsim.status(market)["tick"], live.started(place_of(market))
    while qsim.status(market)["tick"] == begin and writer.poll() is None:
        time.sleep(0.1)
    writer.send_signal(signal.SIGSTOP)
    live.stop(writer)
    assert writer.returncode == 0 and lock.is_free(market)


def test_a_writer_that_does_not_end_is_killed_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "_STOP_SECONDS", 0.1)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline()
        live.stop(writer)
    assert writer.returncode == -signal.SIGKILL
    assert f"process {writer.pid}" in caplog.text and "is killed" in caplog.text


def test_a_stop_ends_a_query_that_runs_and_tells_who_asked(market: Path) -> None:
    long = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3"
    answers = []
    with serving(market) as running:
        ask = threading.Thread(
            target=lambda: answers.append(running.client.post("/api/sql", json={"query": long}, timeout=60))
        )
        ask.start()
        while not psutil.Process(running.process.pid).children():
            time.sleep(0.05)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(10)
        ask.join()
    assert answers[0].status_code == 503 and "stops" in answers[0].json()["error"]


def test_queries_of_those_who_went_away_end_and_take_nobodys_turn(market: Path) -> None:
    long = json.dumps({"query": "SELECT count(*) FROM range(100000000000)"}).encode()
    head = f"POST /api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(long)}\r\n\r\n"
    with serving(market) as running:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", running.port)) as gone:
                gone.sendall(head.encode() + long)
                time.sleep(0.1)
        begin = time.monotonic()
        while (told := running.client.post("/api/sql", json={"query": "SELECT 1 AS a"}, timeout=60)).status_code == 503:
            time.sleep(0.1)
        assert told.json()["rows"] == [{"a": 1}] and time.monotonic() - begin < 10
        while psutil.Process(running.process.pid).children():
            assert time.monotonic() - begin < 15
            time.sleep(0.05)


@pytest.mark.parametrize("options", [(), ("--live",)])
def test_a_second_ctrl_c_stops_a_server_as_the_first_does(market: Path, options: tuple[str, ...]) -> None:
    words = [sys.executable, "-m", "qsim", "serve", str(market), "--port", "0", *options]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and "serving at" in process.stderr.readline()
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        said = process.stderr.read()
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said and "qsim: stopped" in said
    assert lock.is_free(market)


def test_a_writer_that_ends_in_a_fault_is_told_by_health(market: Path) -> None:
    with lock.writer_lock(market), serving(market, "--live", quiet=False) as running:
        while (told := running.get("/health")).status_code == 200:
            time.sleep(0.1)
        assert told.status_code == 503 and "exit code 4" in told.json()["reasons"][0]["found"]
        assert running.json("/api/status")["tick"] == 10


def test_a_reader_that_began_before_a_commit_goes_on_with_its_own(market: Path) -> None:
    at = served.opened(market)
    query = "SELECT max(tick), (SELECT max(updated_tick) FROM raw.state) FROM metrics"
    with served.reading(at) as reading:
        before = reading.connection.sql(query).fetchall()
        qsim.run(market, ticks=4)
        assert served.follow(at)
        assert reading.connection.sql(query).fetchall() == before and reading.moment.tick == 10
        with served.reading(at) as later:
            assert (
                later.connection.sql("SELECT max(tick) FROM metrics").fetchall() == [(14,)] and later.moment.tick == 14
            )


def test_a_market_put_in_the_place_of_another_is_not_followed(market: Path, tmp_path: Path) -> None:
    import shutil

    at = served.opened(market)
    qsim.generate(tmp_path / "other", products=12, seed=9)
    for _ in range(4):
        qsim.run(tmp_path / "other", ticks=10)
    shutil.rmtree(market)
    shutil.copytree(tmp_path / "other", market)
    with pytest.raises(qsim.QsimError, match="another market"):
        served.follow(at)
    assert at.moment.tick == 10
