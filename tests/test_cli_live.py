"""The live side of the command line: events on standard output, the newest and those that come, the log, signals."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.cli import main
from qsim.interrupts import STOPPING
from qsim.monitoring import feed
from qsim.monitoring.health import health
from qsim.runs import process
from tests.commands import Shell
from tests.commands import shell as bash
from tests.stored import history
from tests.terminals import terminal

COLUMNS = ["tick", "ts", "listing_id", "product", "platform", "cause", "price_before", "price_after", "discount_pct"]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def killed(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process with the block, however that ends."""
    try:
        yield
    finally:
        process.kill()


def view(market: Path, after: int) -> list[dict[str, Any]]:
    """What the view of the price history says of the events after a tick."""
    names = ", ".join(f"{name}::VARCHAR AS ts" if name == "ts" else name for name in COLUMNS)
    rows = qsim.connect(market).sql(f"SELECT {names} FROM price_history WHERE tick > {after} ORDER BY tick, listing_id")
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows.fetchall()]


def same(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    return [[row[name] for name in COLUMNS] for row in found] == [
        [float(value) if name in COLUMNS[6:] else value for name, value in row.items()] for row in wanted
    ]


def test_stdout_has_every_event_as_the_view_tells_it(market: Path, shell: Shell) -> None:
    done = shell("run", market, "--ticks", 3, "--interval", 600, "--stdout")
    assert done.code == 0
    assert same(lines(done.out), view(market, 10))
    assert len(view(market, 10)) > 100


def test_sample_takes_so_many_events_of_each_tick_spread_over_the_listings(market: Path, shell: Shell) -> None:
    found = lines(shell("run", market, "--ticks", 3, "--stdout", "--sample", 4).out)
    assert [row["tick"] for row in found] == [11] * 4 + [12] * 4 + [13] * 4
    kept = history(market, "events")
    assert all(kept.filter(tick=row["tick"], listing_id=row["listing_id"]).height == 1 for row in found)
    assert found[3]["listing_id"] > 40


def test_sample_without_stdout_is_refused(market: Path, shell: Shell) -> None:
    assert "--stdout" in shell.refused(2, "run", market, "--sample", 4)


def test_a_reader_that_has_enough_ends_the_run_well(market: Path) -> None:
    done = bash(f'qsim run "{market}" --speed 100 --stdout | head -1')
    assert done.returncode == 0 and lines(done.stdout)[0]["tick"] == 11
    assert 10 < qsim.status(market)["tick"] < 10_000


def test_speed_and_flush_reach_the_run(market: Path, shell: Shell) -> None:
    assert shell("run", market, "--ticks", 20, "--speed", 1_000, "--flush", 0.05).code == 0
    assert qsim.status(market)["tick"] == 30
    assert "realtime" in shell.refused(2, "run", market, "--ticks", 2, "--flush", 1)


@pytest.mark.parametrize("number", STOPPING)
def test_a_live_run_that_is_told_to_stop_ends_well_with_everything_committed(market: Path, number: int) -> None:
    words = [sys.executable, "-m", "qsim", "run", str(market), "--speed", "100", "--stdout", "--sample", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        first = json.loads(run.stdout.readline())
        run.send_signal(number)
        rest = lines(run.stdout.read())
    assert run.returncode == 0
    assert (first["tick"], [first, *rest][-1]["tick"]) == (11, qsim.status(market)["tick"])
    assert qsim.verify(market)["passed"]


@pytest.mark.parametrize("number", STOPPING)
def test_a_second_signal_ends_a_run_at_once_though_nobody_reads_what_it_prints(market: Path, number: int) -> None:
    words = [sys.executable, "-m", "qsim", "run", str(market), "--speed", "1e5", "--stdout"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run, killed(run):
        assert run.stdout is not None and run.stderr is not None
        run.stdout.readline()
        seen = [-1, qsim.status(market)["tick"]]
        while seen[-2] < seen[-1]:
            time.sleep(0.5)
            seen.append(qsim.status(market)["tick"])
        run.send_signal(number)
        assert "again" in run.stderr.readline()
        time.sleep(0.5)
        run.send_signal(number)
        assert run.wait(30) == 130
        assert run.stderr.read().strip() == "qsim: stopped"
    assert qsim.verify(market)["passed"]
    assert process.lines(market)[-1]["kind"] == "stopped" and health(market)["status"] == "ok"


def test_events_shows_the_newest_as_the_view_tells_them(ready_market: Path, shell: Shell) -> None:
    found = lines(shell("events", ready_market, "--last", 250, "--json").out)
    assert same(found, view(ready_market, 110)[-250:])
    assert len(found) == 250


def test_events_are_ten_readable_lines_by_default(market: Path, shell: Shell) -> None:
    found = shell("events", market).out.splitlines()
    assert len(found) == 10 and all("tick 10 " in line and "->" in line for line in found)


def test_events_of_a_market_at_tick_0_are_none_and_it_says_so(tmp_path: Path, shell: Shell) -> None:
    qsim.generate(tmp_path / "new", products=5)
    assert shell("events", tmp_path / "new") == (0, "", "no events yet: qsim run makes them\n")


def test_events_of_several_blocks_and_compacted_files_are_the_newest_of_all(market: Path, shell: Shell) -> None:
    qsim.run(market, ticks=4, speed=1e3)
    before = shell("events", market, "--last", 90, "--json").out
    qsim.compact(market)
    assert shell("events", market, "--last", 90, "--json").out == before
    assert [row["tick"] for row in lines(before)] == sorted(row["tick"] for row in lines(before))


@pytest.mark.parametrize(("last", "told"), [(5, True), (0, False)])
def test_follow_tells_the_first_events_where_they_come_as_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell, last: int, told: bool
) -> None:
    qsim.generate(tmp_path / "m", products=5)
    recent, follow, stop = feed.recent, feed.follow, threading.Event()

    def beaten(directory: str, last: int) -> list[dict[str, Any]]:
        found = recent(directory, last)
        qsim.run(tmp_path / "m", ticks=1)
        return found

    def stopped(directory: str, after: int | None) -> Iterator[list[dict[str, Any]]]:
        threading.Timer(1.0, stop.set).start()
        return follow(directory, after, stop)

    monkeypatch.setattr(feed, "recent", beaten)
    monkeypatch.setattr(feed, "follow", stopped)
    found = lines(shell("events", tmp_path / "m", "--last", last, "--follow", "--json").out)
    assert ({row["tick"] for row in found} == {1}) is told


def test_follow_tells_each_event_that_comes_once(market: Path) -> None:
    words = [sys.executable, "-m", "qsim", "events", str(market), "--last", "5", "--follow", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as follower:
        assert follower.stdout is not None
        newest = [json.loads(follower.stdout.readline()) for _ in range(5)]
        qsim.run(market, ticks=2)
        qsim.run(market, ticks=2, update_interval_seconds=60)
        qsim.compact(market)
        wanted = view(market, 10)
        came = [json.loads(follower.stdout.readline()) for _ in wanted]
        follower.send_signal(signal.SIGINT)
    assert {row["tick"] for row in newest} == {10}
    assert same(came, wanted)


def test_the_log_on_standard_error_is_json_lines_where_it_is_no_terminal(market: Path) -> None:
    done = bash(f'qsim run "{market}" --ticks 2 --log-level debug 2>&1 >/dev/null | grep "^{{"')
    assert {row["level"] for row in lines(done.stdout)} == {"DEBUG", "INFO"}
    assert {"time", "logger", "message"} <= lines(done.stdout)[0].keys()


def test_the_log_on_a_terminal_is_for_people(market: Path) -> None:
    with terminal("run", market, "--ticks", 2, "--log-level", "info", columns=400) as run:
        assert run.ended() == 0
        text = run.text
    assert "INFO" in text and "listings in 1 blocks" in text and '"level"' not in text


def test_the_log_file_is_json_lines_and_goes_on(market: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert (
            main(["run", str(market), "--ticks", "1", "--log-level", "INFO", "--log-file", str(tmp_path / "q.log")])
            == 0
        )
    assert len([row for row in lines((tmp_path / "q.log").read_text()) if "listings in" in row["message"]]) == 2


def test_under_nohup_a_run_outlives_its_terminal(market: Path) -> None:
    words = f'trap "" HUP; exec {shlex.quote(sys.executable)} -m qsim run "{market}" --speed 100 --ticks 400 --stdout --sample 1'
    with subprocess.Popen(["sh", "-c", words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.send_signal(signal.SIGHUP)
        run.stdout.read()
    assert (run.returncode, qsim.status(market)["tick"]) == (0, 410)


def test_a_log_file_that_is_a_pipe_is_refused(market: Path, tmp_path: Path, shell: Shell) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe" in shell.refused(6, "run", market, "--ticks", 1, "--log-file", tmp_path / "pipe")


def test_a_log_file_that_cannot_be_is_refused_before_the_run(market: Path, tmp_path: Path, shell: Shell) -> None:
    assert "log" in shell.refused(6, "run", market, "--ticks", 1, "--log-file", tmp_path / "none" / "q.log")
    assert qsim.status(market)["tick"] == 10


def test_metrics_tell_how_far_the_newest_run_came_that_was_monitored(market: Path, shell: Shell) -> None:
    qsim.run(market, ticks=5, monitoring=False)
    assert "newest run        10 of 10 ticks up to 10, " in shell("metrics", market).out


def test_metrics_of_a_live_run_tell_how_far_they_are_counted(market: Path, shell: Shell) -> None:
    words = [sys.executable, "-m", "qsim", "run", str(market), "--speed", "2", "--interval", "1", "--duration", "2"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while qsim.status(market)["tick"] < 12:
            assert run.poll() is None
        assert "10 ticks up to 10 of 1" in shell("metrics", market).out
        run.terminate()
