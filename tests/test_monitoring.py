"""Health, metrics, top and reports of markets: what they say is what is there, and each trouble is told with its mend."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import polars as pl
import psutil
import pyarrow as pa
import pytest

import qsim
from qsim.errors import DiskError
from qsim.monitoring import feed, metrics, page, report
from qsim.monitoring import health as healths
from qsim.monitoring.health import health
from qsim.runs import process, recording
from qsim.schema import STATES
from qsim.storage.lock import writer_lock
from tests.commands import Shell
from tests.servers import until


def lines(market: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (market / "process" / "runs.jsonl").read_text().splitlines()]


def with_run(market: Path, **values: Any) -> None:
    """Write a line of a run as if it had gone so."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "kind": "run", "process": os.getpid(), "tick": 10,
        "done": 10, "wanted": 100, "events": 5, "lag_seconds": 0.0, "late_ticks": 0, "seconds": 1.0, "tick_seconds": 5.0,
        "cpu_seconds": 0.5, "cpu_percent": 50.0, "memory_bytes": 10**8, "disk_free_bytes": 10**11,
        "stage_seconds": {"simulate": 0.4},
    } | values  # fmt: skip
    (market / "process").mkdir(exist_ok=True)
    with (market / "process" / "runs.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def about(market: Path, what: str) -> list[dict[str, Any]]:
    return [reason for reason in health(market)["reasons"] if reason["about"] == what]


def test_a_market_that_ran_is_well(market: Path, shell: Shell) -> None:
    assert health(market)["reasons"] == []
    assert shell("health", market) == (0, f"{market}: ok, tick 10\n", "")


def test_all_is_told_of_a_run_that_failed_before_its_first_commit(
    market: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: Shell
) -> None:
    def full(*given: Any, **named: Any) -> None:
        raise DiskError("events: cannot write: No space left on device; free space")

    monkeypatch.setattr(recording.log, "append", full)
    with pytest.raises(DiskError):
        qsim.run(market, ticks=2, speed=500)
    monkeypatch.undo()
    assert shell("report", market, "--out", tmp_path / "r.html").code == 0
    assert "0 of 2 ticks" in shell("metrics", market).out and "0 of 2 ticks" in shell("top", market, "--once").out
    assert shell("health", market).code == 2


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda file: file.unlink(), "is missing; the log names it"),
        (lambda file: file.write_bytes(file.read_bytes() + b"?"), r"has \d+ bytes, the log says \d+"),
    ],
)
def test_a_file_that_is_gone_or_of_another_size_makes_a_market_ill_though_nothing_of_late_lies_in_it(
    market: Path, shell: Shell, spoil: Callable[[Path], object], found: str
) -> None:
    first = next((market / "snapshots").iterdir())
    spoil(first)
    [reason] = health(market)["reasons"]
    assert reason["level"] == "failing" and "restore it from a copy" in reason["mend"]
    assert re.fullmatch(rf"{re.escape(str(first))}: {found}", reason["found"])
    assert shell("health", market).code == 2


def test_no_market_is_told_with_how_to_make_one(tmp_path: Path, shell: Shell) -> None:
    done = shell("health", tmp_path / "none", "--json")
    found = json.loads(done.out)
    assert (done.code, found["status"]) == (2, "failing")
    assert "qsim generate" in found["reasons"][0]["mend"]


def test_no_active_product_is_told(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none = pa.table({"is_active": [False] * 12})
    monkeypatch.setattr(healths, "tables", SimpleNamespace(read=lambda *given: none))
    [reason] = about(market, "products")
    assert reason["level"] == "failing" and "inactive_percent" in reason["mend"]


def test_ticks_that_take_up_nothing_are_told(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = metrics.by_tick
    monkeypatch.setattr(metrics, "by_tick", lambda *given: rows(*given).with_columns(attempted=pl.lit(0)))
    [reason] = about(market, "products")
    assert reason["level"] == "failing" and "--batch-size" in reason["mend"]


def test_a_market_in_which_nothing_can_happen_is_told(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5, batch_size="none")
    qsim.run(tmp_path / "m", ticks=3)
    [reason] = about(tmp_path / "m", "products")
    assert reason["level"] == "failing" and "--batch-size" in reason["mend"]


@pytest.mark.parametrize(("failed", "level"), [(1, "warning"), (400, "failing")])
def test_failures_of_updates_are_told(market: Path, monkeypatch: pytest.MonkeyPatch, failed: int, level: str) -> None:
    rows = metrics.by_tick

    def some_failed(*given: Any) -> Any:
        found = rows(*given)
        return found.with_columns(failed=(found["attempted"].cum_sum() > 600 - failed).cast(int) * 1)

    monkeypatch.setattr(metrics, "by_tick", some_failed)
    monkeypatch.setattr(healths, "_FAILED_PCT", 1.0)
    [reason] = about(market, "failures")
    assert reason["level"] == level and "qsim validate" in reason["mend"]


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


@pytest.mark.parametrize(("free", "level"), [(10**9, "warning"), (10**7, "failing")])
def test_a_disk_that_is_nearly_full_is_told(
    market: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    usage = shutil.disk_usage(market)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=free))
    assert [reason["level"] for reason in about(market, "disk")] == [level]


def test_volatility_out_of_its_band_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qsim.generate(tmp_path / "m", products=100)
    qsim.run(tmp_path / "m", ticks=600)
    assert about(tmp_path / "m", "volatility") == []
    monkeypatch.setattr(healths, "_BAND", (0.5, 0.9))
    assert len(about(tmp_path / "m", "volatility")) == 4


def test_volatility_of_the_last_500_ticks_is_held_against_that_of_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    qsim.generate(tmp_path / "m", products=100)
    qsim.run(tmp_path / "m", ticks=600)
    rows = metrics.by_tick

    def wilder(*given: Any) -> pl.DataFrame:
        late = pl.when(pl.col("tick") > 100)
        return rows(*given).with_columns(
            late.then(pl.col(name) * factor).otherwise(pl.col(name)).alias(name)
            for name, factor in (("change_bps", 3), ("change_squares", 9))
        )

    monkeypatch.setattr(metrics, "by_tick", wilder)
    found = [reason["found"] for reason in about(tmp_path / "m", "volatility")]
    assert len(found) == 4 and all(
        re.search(r" (2\.[6-9]|3\.[0-4]) times as much as before", line) for line in found
    ), found


def test_process_lines_tell_what_a_run_did_and_how_it_ended(market: Path) -> None:
    qsim.run(market, ticks=30)
    last = lines(market)[-1]
    assert (last["kind"], last["tick"], last["done"], last["wanted"]) == ("end", 40, 30, 30)
    assert (
        last["events"]
        == qsim.status(market)["events"]
        - qsim.connect(market).sql("SELECT count(*) FROM price_history WHERE tick <= 10").fetchall()[0][0]
    )
    assert {"simulate", "encode", "digest", "write", "commit"} <= last["stage_seconds"].keys()
    assert min(last["cpu_seconds"], last["memory_bytes"], last["disk_free_bytes"]) > 0


def test_process_lines_are_at_most_one_a_second_and_one_at_the_end(market: Path) -> None:
    before = len(lines(market))
    qsim.run(market, ticks=40, speed=500)
    assert len(lines(market)) - before <= 2 + lines(market)[-1]["seconds"]


def test_process_lines_that_cannot_be_kept_stop_no_run(market: Path) -> None:
    shutil.rmtree(market / "process")
    (market / "process").write_text("in the way")
    assert qsim.run(market, ticks=2)["tick"] == 12


def test_process_lines_go_on_when_they_can_be_kept_again(market: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(market / "process")
    (market / "process").write_text("in the way")
    recorder = process.Recorder(market, 5.0, last={"tick": 10, "done": 10})
    recorder.write("run")
    recorder.write("run")
    (market / "process").unlink()
    recorder.write("run")
    assert [line["tick"] for line in lines(market)] == [10]
    assert [record.message.count("cannot be kept") for record in caplog.records] == [1]


def test_a_line_cut_short_is_passed_over(market: Path) -> None:
    whole = process.lines(market)
    with (market / "process" / "runs.jsonl").open("a") as file:
        file.write('{"time": "2026')
    assert process.lines(market) == whole != []


def test_a_line_written_behind_one_cut_short_breaks_no_reading(market: Path) -> None:
    whole = process.lines(market)
    with (market / "process" / "runs.jsonl").open("a") as file:
        file.write('{"time": "2026')
    qsim.run(market, ticks=1)
    qsim.run(market, ticks=1)
    assert process.lines(market)[: len(whole)] == whole
    assert process.lines(market)[-1]["tick"] == qsim.status(market)["tick"] > whole[-1]["tick"]


def kept(folder: Path, **counts: int) -> list[dict[str, Any]]:
    """Write so many lines of about 900 bytes into the files of runs that are named, the older first."""
    (folder / "process").mkdir()
    made: list[dict[str, Any]] = []
    for name, count in counts.items():
        new = [{"line": len(made) + at, "error": "x" * 880} for at in range(count)]
        text = "".join(f"{json.dumps(line)}\n" for line in new)
        (folder / "process" / {"older": process.OLDER, "new": process.FILE}[name]).write_text(text)
        made += new
    return made


@pytest.mark.parametrize(
    "counts", [{"new": 0}, {"new": 7}, {"older": 2_100, "new": 0}, {"older": 2_100, "new": 3}, {"older": 5, "new": 3},
               {"older": 5, "new": 2_000}, {"older": 5, "new": 2_001}, {"older": 5, "new": 2_500}],
)  # fmt: skip
def test_the_newest_lines_of_runs_are_read_over_both_files(counts: dict[str, int], tmp_path: Path) -> None:
    made = kept(tmp_path, **counts)
    assert process.lines(tmp_path) == made[-2_000:]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="what a process reads is told by /proc")
def test_of_long_files_of_runs_no_more_than_the_end_is_read(tmp_path: Path) -> None:
    def read_bytes() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    kept(tmp_path, older=9_000, new=8_500)
    before = read_bytes()
    process.lines(tmp_path)
    assert read_bytes() - before < 3_000_000


def test_without_monitoring_nothing_is_kept_of_a_process(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5)
    qsim.run(tmp_path / "m", ticks=3, monitoring=False)
    assert not (tmp_path / "m" / "process").exists()


def test_process_lines_leave_digest_and_head_as_they_are(market: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(market, tmp_path / "other"))
    with_run(other, error="of another world")
    assert qsim.run(market, ticks=3)["head"] == qsim.run(other, ticks=3)["head"]
    assert qsim.verify(other)["passed"]


def test_metrics_add_up_to_the_view(ready_market: Path, shell: Shell) -> None:
    found = json.loads(shell("metrics", ready_market, "--json").out)
    names = ["attempted", "changed", "clipped", "failed", "sized", "skipped_waiting"]
    query = f"SELECT {', '.join(f'sum({name})::BIGINT' for name in names)} FROM platform_metrics"
    [wanted] = qsim.connect(ready_market).sql(query).fetchall()
    assert tuple(found["total"][name] for name in names) == wanted
    assert tuple(sum(row[name] for row in found["rows"]) for name in names) == wanted
    assert (found["ticks_counted"], found["counted_to"], len(found["rows"])) == (120, 120, 20)


def test_metrics_of_the_last_ticks_are_of_these_alone(ready_market: Path, shell: Shell) -> None:
    found = json.loads(shell("metrics", ready_market, "--last", 7, "--json").out)
    assert found["ticks_counted"] == 7 and found["total"]["attempted"] == 7 * 200
    assert "last" in shell.refused(2, "metrics", ready_market, "--last", 0)


def test_rates_and_spreads_of_metrics_are_those_of_all_changes_added_up() -> None:
    """Of changes of 1 %, -1 %, 3 % and 3 %, in two ticks of two; one of eight updates failed."""
    counts = dict.fromkeys((*metrics._SUMS, *STATES, "skipped_waiting", "skipped_inactive"), 0)
    cell = {**counts, "platform": "zepto", "category": "Food", "attempted": 4, "sized": 2}
    rows = [
        {**cell, "tick": 1, "change_bps": 0, "change_squares": 2 * 100**2, "failed": 1, "surging": 7},
        {**cell, "tick": 2, "change_bps": 600, "change_squares": 2 * 300**2, "surging": 5},
    ]
    [found] = metrics.totals(pl.DataFrame(rows), ("platform",))
    assert [found[name] for name in ("mean_change_pct", "sd_change_pct", "success_pct")] == [1.5, 1.6583, 87.5]
    assert (found["attempted"], found["surging"]) == (8, 5)


def test_of_each_tick_at_most_so_many_events_are_taken_evenly_over_the_listings() -> None:
    events = pa.table({"tick": [1] * 2 + [2] * 6 + [3], "listing_id": list(range(9))})
    assert feed.sampled(events, 3)["listing_id"].to_pylist() == [0, 1, 2, 4, 6, 8]


def test_no_events_are_given_where_none_are_asked_for_or_none_were(market: Path, tmp_path: Path) -> None:
    qsim.generate(tmp_path / "new", products=5)
    assert feed.recent(market, 0) == feed.recent(tmp_path / "new") == []


def test_top_shows_the_market_and_its_newest_events(
    market: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = shell("top", market, "--once").out
    assert "tick 10" in text and "at rest" in text and "ok" in text
    assert re.search(r"\n  blinkit +\d+ +\d+ ", text)
    newest = feed.recent(market, 1)[0]
    assert f"{newest['tick']:>8}  {newest['platform']:<10} {newest['cause']}" in text


def test_top_keeps_a_line_a_platform_on_eighty_columns(
    market: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = shell("top", market, "--once").out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  bigbasket"))
    assert [line.split()[0] for line in lines[first : first + 5]] == [
        "bigbasket",
        "blinkit",
        "dunzo",
        "instamart",
        "zepto",
    ]


@pytest.mark.parametrize("ending", report.SUFFIXES)
def test_a_report_is_written_in_each_form(market: Path, tmp_path: Path, shell: Shell, ending: str) -> None:
    file = tmp_path / f"r{ending}"
    assert shell("report", market, "--out", file).code == 0
    text = file.read_text()
    assert qsim.status(market)["digest"] in text
    assert "Fruits & Vegetables" in text.replace("&amp;", "&")


def test_run_exports_a_report_at_its_end(market: Path, tmp_path: Path, shell: Shell) -> None:
    assert shell("run", market, "--ticks", 5, "--export-report", tmp_path / "r.json").code == 0
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["status"]["tick"], found["health"]["status"], found["runs"][-1]["done"]) == (15, "ok", 5)


def test_an_export_to_a_folder_that_is_not_there_is_refused_before_the_run(market: Path, shell: Shell) -> None:
    assert "nowhere is not there" in shell.refused(2, "run", market, "--ticks", 5, "--export-report", "nowhere/r.md")
    assert qsim.status(market)["tick"] == 10


def test_an_export_to_no_known_form_is_refused_before_the_run(market: Path, shell: Shell) -> None:
    assert ".html" in shell.refused(2, "run", market, "--ticks", 5, "--export-report", "r.xlsx")
    assert qsim.status(market)["tick"] == 10


class Page(HTMLParser):
    """Reads a page: its tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_holds_its_charts_and_fetches_nothing(ready_market: Path) -> None:
    text = page.html(report.report(ready_market))
    tags = Page(text).tags
    assert sum(tag == "svg" for tag, _ in tags) == 15
    assert all(attributes.get("aria-label") for tag, attributes in tags if tag == "svg")
    assert not [tag for tag, _ in tags if tag in ("script", "link", "img", "iframe")]
    assert not re.search(r"(src|href)=|url\(|@import|https?://", text)


def test_names_in_a_page_are_no_markup(market: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(market, tmp_path / "<b>&amp"))
    assert "<b>&amp" not in page.html(report.report(place))


def test_a_report_of_a_market_that_never_ran_is_whole(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5)
    found = report.report(tmp_path / "m")
    assert found["status"]["tick"] == 0 and "nothing to show yet" in page.html(found)
    assert "# " in page.markdown(found)


def test_states_over_time_are_those_of_the_counts(ready_market: Path) -> None:
    found = report.report(ready_market)
    last = {row["platform"]: row["discounted"] for row in found["by_platform"]}
    assert {name: line[-1][1] for name, line in found["over_time"]["discounted"].items()} == last
