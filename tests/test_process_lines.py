"""The lines that runs keep of themselves: what they tell, how many are kept and read, and that they stop no run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.runs import process
from tests.run_lines import lines, with_run


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
