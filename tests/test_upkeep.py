"""Merging and removing files of a market change no answer, and who still reads them finds them for a while."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import duckdb
import pytest

import qsim
from qsim.errors import UsageError
from qsim.storage import compaction, log, parquet
from tests.stored import tree

ASKED = (
    "SELECT * FROM prices ORDER BY ALL",
    "SELECT * FROM price_history ORDER BY ALL",
    "SELECT * FROM discounts ORDER BY ALL",
    "SELECT * FROM prices_at(TIMESTAMP '2026-01-01 00:02') ORDER BY ALL",
    "SELECT * FROM orders ORDER BY ALL",
    "SELECT * FROM metrics ORDER BY ALL",
    "SELECT * FROM truth ORDER BY ALL",
)


def answers(market: Path) -> list[list[tuple[object, ...]]]:
    with qsim.connect(market) as connection:
        return [connection.sql(query).fetchall() for query in ASKED]


@pytest.fixture
def market(many_files_copied: Path) -> Path:
    return many_files_copied


def test_compaction_leaves_every_answer_and_the_digest_as_they_were(market: Path) -> None:
    before, digest = answers(market), qsim.status(market)["digest"]
    told = qsim.compact(market)
    assert told["files"] < told["files_before"]
    assert answers(market) == before
    assert qsim.status(market)["digest"] == told["digest"] == digest


def test_a_compacted_market_runs_on_as_one_that_was_not(market: Path, many_files: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(many_files, tmp_path / "whole")
    for _ in range(2):
        qsim.compact(market)
        qsim.vacuum(market, grace_seconds=0)
        assert qsim.run(market, ticks=11)["digest"] == qsim.run(whole, ticks=11)["digest"]
    assert answers(market) == answers(whole)


def test_compacting_twice_does_nothing_the_second_time(market: Path) -> None:
    qsim.compact(market)
    before = tree(market)
    qsim.compact(market)
    assert tree(market) == before


def test_one_file_of_each_table_and_block_is_left_of_small_ones(market: Path) -> None:
    qsim.compact(market)
    history = log.read(market)
    for table in ("events", "discounts", "metrics"):
        assert [(file.first, file.last) for file in history.of_table(table)] == [
            (1 if table != "discounts" else 0, history.tick)
        ]


def test_merged_files_hold_no_more_rows_than_a_file_may_and_every_row_that_was_there(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "ROWS_A_FILE", 400)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 150)
    before, largest = answers(market), max(file.rows for file in log.read(market).of_table("events"))
    qsim.compact(market)
    merged = [file.rows for file in log.read(market).of_table("events")]
    assert len(merged) > 1 and max(merged) <= max(400, largest)
    assert answers(market) == before
    assert qsim.verify(market)["passed"]


def test_readers_of_an_older_commit_find_its_files_until_they_are_vacuumed(market: Path) -> None:
    connection = qsim.connect(market)
    rows = connection.sql("SELECT count(*) FROM price_history").fetchall()
    qsim.compact(market)
    left = qsim.vacuum(market)
    assert (left["removed"], left["removed_bytes"], left["kept"] > 0) == (0, 0, True)
    assert connection.sql("SELECT count(*) FROM price_history").fetchall() == rows
    assert qsim.vacuum(market, grace_seconds=0)["removed"] > 0
    with pytest.raises(duckdb.IOException):
        connection.sql("SELECT count(*) FROM price_history").fetchall()
    qsim.refresh(connection)
    assert connection.sql("SELECT count(*) FROM price_history").fetchall() == rows


def test_a_run_does_not_remove_files_that_readers_may_still_use(market: Path) -> None:
    connection = qsim.connect(market)
    qsim.compact(market)
    qsim.run(market, ticks=2)
    assert connection.sql("SELECT count(*) FROM price_history").fetchall()


def test_vacuum_keeps_what_was_replaced_within_the_grace_by_the_age_of_the_commit(market: Path) -> None:
    qsim.compact(market)
    number = log.read(market).number
    old = log.commit_path(market, number).stat().st_mtime_ns - 100 * 10**9
    os.utime(log.commit_path(market, number), ns=(old, old))
    assert qsim.vacuum(market, grace_seconds=150)["removed"] == 0
    assert qsim.vacuum(market, grace_seconds=50)["removed"] > 0
    assert log.read(market).retired == ()


@pytest.mark.parametrize("seconds", [-0.5, 1_000_000_001])
def test_a_grace_of_no_sensible_length_is_refused_and_nothing_is_removed(market: Path, seconds: float) -> None:
    qsim.compact(market)
    with pytest.raises(UsageError, match=f"found {seconds}; allowed are 0 to 1,000,000,000 seconds"):
        qsim.vacuum(market, grace_seconds=seconds)
    assert log.read(market).retired


def test_vacuum_removes_what_was_replaced_by_a_commit_of_the_future_where_no_grace_is_asked_for(market: Path) -> None:
    qsim.compact(market)
    later = time.time_ns() + 20_000 * 10**9
    os.utime(log.commit_path(market, log.read(market).number), ns=(later, later))
    assert qsim.vacuum(market, grace_seconds=50)["removed"] == 0
    assert qsim.vacuum(market, grace_seconds=0)["removed"] > 0


def test_vacuum_keeps_none_of_the_files_that_one_before_it_removed_and_was_killed(market: Path) -> None:
    qsim.compact(market)
    for name, _ in log.read(market).retired:
        (market / name).unlink()
    told = qsim.vacuum(market, grace_seconds=0)
    assert (told["removed"], told["kept"]) == (0, 0)


def test_vacuum_leaves_just_the_files_that_the_log_names(market: Path) -> None:
    qsim.compact(market)
    told = qsim.vacuum(market, grace_seconds=0)
    assert told["kept"] == 0
    on_disk = {str(path.relative_to(market)) for path in market.rglob("*.parquet")} | {"market.toml"}
    assert on_disk == {file.path for file in log.read(market).files}


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf"), 1e300])
def test_a_grace_that_is_none_is_refused(market: Path, grace: float) -> None:
    with pytest.raises(UsageError, match=r"^grace_seconds: found"):
        qsim.vacuum(market, grace_seconds=grace)


def test_a_market_whose_empty_folders_a_copy_left_out_is_run_on(
    market: Path, many_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHECKPOINT_EVERY", 16)
    for folder in [path for path in market.iterdir() if path.is_dir() and not any(path.iterdir())]:
        folder.rmdir()
    assert not (market / "_checkpoints").exists()
    whole = shutil.copytree(many_files, tmp_path / "whole")
    for _ in range(8):
        assert qsim.run(market, ticks=1)["digest"] == qsim.run(whole, ticks=1)["digest"]
    qsim.compact(market)
    assert qsim.verify(market, regenerate="all")["passed"]
    assert qsim.verify(market)["checkpoints"] == 1
