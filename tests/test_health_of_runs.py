"""Health of runs: those that failed, lag, stand still, were stopped or killed are told with what lets them go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

import qsim
from qsim.errors import DiskError
from qsim.monitoring import metrics
from qsim.monitoring.health import health
from qsim.runs import recording
from qsim.storage.lock import writer_lock
from tests.commands import Shell
from tests.run_lines import about, lines, with_run
from tests.servers import until


def test_a_run_that_failed_is_told_with_its_error(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any, **named: Any) -> None:
        raise DiskError("events: cannot write: No space left on device; free space")

    monkeypatch.setattr(recording.log, "append", full)
    with pytest.raises(DiskError):
        qsim.run(market, ticks=2)
    monkeypatch.undo()
    [reason] = about(market, "failures")
    assert reason["level"] == "failing" and reason["found"].endswith("No space left on device")
    assert reason["mend"] == "free space; nothing committed was lost"
    qsim.run(market, ticks=2)
    [reason] = about(market, "failures")
    assert reason["level"] == "warning"


def test_a_run_that_failed_is_not_the_last_where_one_without_monitoring_went_on(market: Path) -> None:
    with_run(market, kind="failed", error="events: cannot write; free space")
    assert [reason["level"] for reason in about(market, "failures")] == ["failing"]
    qsim.run(market, ticks=1, monitoring=False)
    assert [reason["level"] for reason in about(market, "failures")] == ["warning"]


@pytest.mark.parametrize(("days", "levels"), [(6, ["warning"]), (8, [])])
def test_a_run_that_failed_is_forgotten_after_a_week(market: Path, days: int, levels: list[str]) -> None:
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    with_run(market, kind="failed", error="events: cannot write; free space", time=then)
    with_run(market, process=2)
    with writer_lock(market):
        assert [reason["level"] for reason in about(market, "failures")] == levels


@pytest.mark.parametrize(("lag", "level"), [(4.0, None), (12.0, "warning"), (60.0, "failing")])
def test_a_run_behind_the_clock_is_told(market: Path, lag: float, level: str | None) -> None:
    with_run(market, lag_seconds=lag)
    with writer_lock(market):
        found = about(market, "speed")
    assert [reason["level"] for reason in found] == ([level] if level else [])
    assert all("--batch-size" in reason["mend"] for reason in found)


def test_a_run_with_many_late_ticks_is_told(market: Path) -> None:
    with_run(market, late_ticks=5)
    with writer_lock(market):
        assert [reason["level"] for reason in about(market, "speed")] == ["warning"]


@pytest.mark.parametrize(("late", "mend"), [(4, "nothing, its ticks were made up"), (40, "--batch-size")])
def test_ticks_that_came_late_as_the_run_stood_still_are_told_so(market: Path, late: int, mend: str) -> None:
    with_run(market, tick=110, done=100, late_ticks=late, stood_seconds=20.0)
    with writer_lock(market):
        [reason] = about(market, "speed")
    assert mend in reason["mend"] and ("stood still for 20 s" in reason["found"]) == (late == 4)


def test_a_run_that_waits_for_who_reads_it_is_told_to_be_read_faster(market: Path) -> None:
    with_run(market, late_ticks=5, stage_seconds={"simulate": 0.4, "tell": 9.0})
    with writer_lock(market):
        [reason] = about(market, "speed")
        assert "--stdout" in reason["mend"] and "--batch-size" not in reason["mend"]
        with_run(
            market, tick=2_010, done=2_010, late_ticks=100, seconds=2.0, stage_seconds={"simulate": 4.0, "tell": 9.1}
        )
        [reason] = about(market, "speed")
        assert "--batch-size" in reason["mend"]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing stops a process here")
def test_a_run_that_is_stopped_is_told_at_once_with_what_lets_it_go_on(market: Path) -> None:
    words = [sys.executable, "-m", "qsim", "run", str(market), "--realtime", "--interval", "1"]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as run:
        try:
            until(lambda: lines(market)[-1:] and lines(market)[-1]["process"] == run.pid)
            assert about(market, "run") == []
            run.send_signal(signal.SIGSTOP)
            until(lambda: psutil.Process(run.pid).status() == psutil.STATUS_STOPPED)
            [reason] = about(market, "run")
            assert reason["level"] == "failing" and f"kill -CONT {run.pid}" in reason["mend"]
            run.send_signal(signal.SIGCONT)
            until(lambda: psutil.Process(run.pid).status() != psutil.STATUS_STOPPED)
            assert about(market, "run") == []
        finally:
            run.kill()


def test_ticks_that_came_late_are_forgotten_when_a_thousand_came_in_time(market: Path) -> None:
    with writer_lock(market):
        with_run(market, tick=9_000, done=9_000, late_ticks=500, seconds=1.0)
        [reason] = about(market, "speed")
        assert "500 of the last 9,000 ticks came late" in reason["found"]
        with_run(market, tick=10_000, done=10_000, late_ticks=510, seconds=2.0)
        assert about(market, "speed") == []
        with_run(market, tick=10_100, done=10_100, late_ticks=525, seconds=3.0)
        [reason] = about(market, "speed")
        assert "25 of the last 1,100 ticks came late" in reason["found"]


def test_late_ticks_of_an_earlier_run_are_not_those_of_the_one_that_goes_on(market: Path) -> None:
    with writer_lock(market):
        with_run(market, process=1, tick=5_000, done=5_000, late_ticks=500, seconds=9.0)
        with_run(market, process=2, tick=5_010, done=10, late_ticks=0, seconds=1.0)
        assert about(market, "speed") == []


@pytest.mark.parametrize("kind", ["end", "stopped", "run"])
def test_a_run_that_is_over_is_not_behind_the_clock(market: Path, kind: str) -> None:
    with_run(market, kind=kind, lag_seconds=60.0, late_ticks=5)
    assert about(market, "speed") == []


@pytest.mark.parametrize("process", [os.getpid(), 2**22 + 1], ids=["a number in use again", "a number not in use"])
def test_a_run_that_was_killed_is_told(market: Path, process: int) -> None:
    with_run(market, process=process)
    [reason] = about(market, "run")
    assert reason["level"] == "warning" and "run again" in reason["mend"]


def test_a_run_that_was_killed_is_nowhere_told_to_go_on(market: Path, shell: Shell) -> None:
    with_run(market, process=2**22 + 1, seconds=3.0)
    with writer_lock(market):
        assert metrics.runs(market)[-1]["kind"] == "run" and "running" in shell("top", market, "--once").out
    assert metrics.runs(market)[-1]["kind"] == "killed" and "\nkilled " in shell("top", market, "--once").out
    assert ", killed" in shell("metrics", market).out
    qsim.run(market, ticks=1)
    assert [run["kind"] for run in metrics.runs(market)[-2:]] == ["killed", "end"]


def test_a_run_is_not_taken_for_killed_by_the_number_of_its_process(market: Path) -> None:
    with_run(market, process=2**22 + 1)
    with writer_lock(market):
        assert health(market)["reasons"] == []


def test_a_run_of_another_machine_is_not_taken_for_killed_by_the_locks_of_this_one(market: Path) -> None:
    with_run(market)
    (market / "LOCK").write_text("process 1 on a-container\n")
    assert health(market)["reasons"] == []


def test_a_run_that_was_killed_is_forgotten_when_a_later_one_ended_well(market: Path) -> None:
    with_run(market, process=2**22 + 1, seconds=3.0)
    assert about(market, "run")
    qsim.run(market, ticks=1)
    assert health(market)["reasons"] == [] and metrics.runs(market)[-1]["kind"] == "end"


def test_a_run_that_was_killed_is_forgotten_when_one_without_monitoring_went_beyond_it(market: Path) -> None:
    with_run(market, process=2**22 + 1, seconds=3.0, wanted=12)
    qsim.run(market, ticks=2, monitoring=False)
    assert about(market, "run")
    qsim.run(market, ticks=1, monitoring=False)
    assert not about(market, "run")


def test_runs_of_one_process_number_are_told_apart(market: Path) -> None:
    before = len(metrics.runs(market))
    for tick, done, seconds in ((11, 1, 1.0), (12, 2, 2.0), (13, 1, 2.5), (14, 1, 1.5), (15, 2, 3.0)):
        with_run(market, process=1, tick=tick, done=done, seconds=seconds)
    assert [run["tick"] for run in metrics.runs(market)[before:]] == [12, 13, 15]


def test_a_run_that_its_user_stopped_at_once_did_not_fail(market: Path, shell: Shell) -> None:
    def stop(now: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        qsim.run(market, ticks=1, progress=stop)
    assert lines(market)[-1]["kind"] == "stopped" and "error" not in lines(market)[-1]
    assert health(market)["reasons"] == []
    assert ", stopped" in shell("metrics", market).out and "stopped" in shell("top", market, "--once").out


def test_a_run_that_stands_still_is_told(market: Path) -> None:
    with_run(market, time=(datetime.now(UTC) - timedelta(minutes=10)).isoformat())
    with writer_lock(market):
        assert [reason["level"] for reason in about(market, "run")] == ["failing"]


@pytest.mark.parametrize(("asleep", "levels"), [(28_800, []), (-28_800, []), (0, ["failing"])])
def test_neither_a_sleep_of_the_machine_nor_a_change_of_its_time_is_taken_for_a_run_that_stands_still(
    market: Path, asleep: int, levels: list[str]
) -> None:
    quiet = 600 if levels else 5
    with_run(
        market,
        time=(datetime.now(UTC) - timedelta(seconds=quiet + asleep)).isoformat(),
        monotonic_seconds=monotonic() - quiet,
    )
    with writer_lock(market):
        assert [reason["level"] for reason in about(market, "run")] == levels


def test_a_run_that_was_killed_is_not_told_to_stand_still_while_another_one_begins(market: Path) -> None:
    with_run(market, process=2**22 + 1, time=(datetime.now(UTC) - timedelta(hours=9)).isoformat())
    with writer_lock(market):
        assert about(market, "run") == []


def test_a_large_market_is_waited_for_as_it_was_before(market: Path) -> None:
    for seconds in (80.0, 160.0):
        with_run(
            market, seconds=seconds, tick_seconds=None, time=(datetime.now(UTC) - timedelta(seconds=300)).isoformat()
        )
    with writer_lock(market):
        assert about(market, "run") == []
        with_run(
            market, seconds=161.0, tick_seconds=None, time=(datetime.now(UTC) - timedelta(seconds=300)).isoformat()
        )
        assert [reason["level"] for reason in about(market, "run")] == ["failing"]


def test_a_line_of_a_run_tells_when_it_was_by_the_clock_that_only_goes_on(market: Path) -> None:
    before = monotonic()
    qsim.run(market, ticks=1)
    assert before <= lines(market)[-1]["monotonic_seconds"] + 0.001 <= monotonic() + 0.001


@pytest.mark.parametrize(("quiet", "levels"), [(185, []), (200, ["failing"])])
def test_a_run_that_commits_rarely_is_waited_for_as_long_as_it_takes(
    market: Path, quiet: int, levels: list[str]
) -> None:
    with_run(market, time=(datetime.now(UTC) - timedelta(seconds=quiet)).isoformat(), flush_seconds=80.0)
    with writer_lock(market):
        assert [reason["level"] for reason in about(market, "run")] == levels


def test_a_run_keeps_how_rarely_it_commits(market: Path) -> None:
    qsim.run(market, ticks=2, speed=5_000, flush=0.05)
    assert lines(market)[-1]["flush_seconds"] == 0.05
