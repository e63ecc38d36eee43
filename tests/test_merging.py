"""Small files merged by the run that leaves them: few files, the same answers, all of it between two commits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

import qsim
from qsim.runs import merging, pacing, recording, writing
from qsim.runs.merging import Tiers
from qsim.runs.writing import Writer
from qsim.storage import compaction, log
from qsim.storage.pieces import DataFile
from tests.files_of_commits import data_file
from tests.stored import named

FAN = 4


@pytest.fixture(autouse=True)
def _small_tiers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "FAN", FAN)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    qsim.generate(tmp_path / "m", seed=5, products=30, batch_size=10)
    return tmp_path / "m"


@pytest.fixture
def writer(market: Path) -> Iterator[Writer]:
    with writing.locked(market):
        yield writing.open_writer(market, 1)


def tick_by_tick(writer: Writer, tiers: Tiers, ticks: int, until: float = math.inf) -> None:
    """Commit so many ticks one by one, as a paced run does, and merge after each what there is time for."""
    for _ in range(ticks):
        before = {file.path for file in log.read(writer.market).files}
        recording.run_on(writer, 1, None)
        merging.add(tiers, [file for file in log.read(writer.market).files if file.path not in before])
        merging.tidy(writer, tiers, until, 0.0)


def spans_of(market: Path, table: str) -> list[tuple[int, int]]:
    return [(file.first, file.last) for file in log.read(market).of_table(table)]


def test_what_is_merged_keeps_every_row_and_the_digest(writer: Writer, tmp_path: Path) -> None:
    tick_by_tick(writer, Tiers(), 10)
    qsim.generate(tmp_path / "plain", seed=5, products=30, batch_size=10)
    qsim.run(tmp_path / "plain", ticks=10, monitoring=False)
    assert spans_of(writer.market, "events") == [(1, 4), (5, 8), (9, 9), (10, 10)]
    with qsim.connect(writer.market) as merged, qsim.connect(tmp_path / "plain") as plain:
        for table in ("events", "discounts", "metrics"):
            query = f"SELECT * FROM raw.{table}"
            assert merged.sql(query).fetchall() == plain.sql(query).fetchall()
    assert qsim.status(writer.market)["digest"] == qsim.status(tmp_path / "plain")["digest"]
    assert qsim.verify(writer.market)["passed"]


def test_what_was_merged_is_merged_again(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "FAN", 2)
    tick_by_tick(writer, Tiers(), 15)
    assert spans_of(writer.market, "events") == [(1, 8), (9, 12), (13, 14), (15, 15)]


def test_files_that_were_merged_stay_for_who_reads_by_an_older_commit(writer: Writer) -> None:
    tick_by_tick(writer, Tiers(), FAN - 1)
    with qsim.connect(writer.market) as connection:
        before = connection.sql("SELECT * FROM price_history ORDER BY ALL").fetchall()
        tick_by_tick(writer, Tiers(), 2 * FAN)
        assert connection.sql("SELECT * FROM price_history ORDER BY ALL").fetchall() == before
        assert qsim.refresh(connection) == 3 * FAN - 1


def test_without_time_nothing_is_merged(writer: Writer) -> None:
    tiers = Tiers()
    tick_by_tick(writer, tiers, FAN, until=monotonic())
    assert len(spans_of(writer.market, "events")) == FAN
    merging.tidy(writer, tiers, monotonic() + 1e6, 2e6)
    assert len(spans_of(writer.market, "events")) == FAN


def test_a_run_that_never_has_time_merges_what_is_overdue(writer: Writer) -> None:
    tick_by_tick(writer, Tiers(), 4 * FAN, until=monotonic())
    assert spans_of(writer.market, "events") == [(1, FAN), *((tick, tick) for tick in range(FAN + 1, 4 * FAN + 1))]


def test_merging_that_once_took_very_long_is_tried_again(writer: Writer) -> None:
    tiers = Tiers(slowness=1e9)
    tick_by_tick(writer, tiers, 5 * FAN, until=monotonic() + 600.0)
    assert tiers.slowness < 1e9


def test_a_stop_is_not_kept_waiting_by_merging(writer: Writer) -> None:
    tiers = Tiers()
    tick_by_tick(writer, tiers, FAN, until=monotonic())
    writer.stop.set()
    merging.tidy(writer, tiers, math.inf, 0.0)
    assert len(spans_of(writer.market, "events")) == FAN


def test_merging_that_takes_longer_than_expected_is_given_more_time(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "_MERGED_SECONDS", 1e-6)
    monkeypatch.setattr(merging, "_FILE_SECONDS", 1e-6)
    tiers = Tiers()
    tick_by_tick(writer, tiers, FAN)
    assert tiers.slowness > 5


def test_files_with_a_large_one_between_them_are_no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(tick: int, rows: int, block: int = 0) -> DataFile:
        return DataFile(f"events/{tick}-{block}", "events", rows, 1, "", tick, tick, block)

    monkeypatch.setattr(compaction, "ROWS_A_FILE", 100 * FAN)
    tiers = Tiers()
    merging.add(tiers, [of(1, 10), of(1, 10, block=1), of(2, 100)], tier=1)
    merging.add(tiers, [of(3, 10), of(4, 101), of(5, 10)])
    assert tiers.files == {("events", 1, 1): [of(1, 10, block=1)], ("events", 0, 0): [of(5, 10)]}


def test_a_merged_file_too_large_to_be_merged_again_ends_the_full_tier_above_it(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiers = Tiers()
    tick_by_tick(writer, tiers, FAN, until=monotonic())
    small = tiers.files["events", 0, 0]
    tiers.files["events", 0, 1] = [*small]
    monkeypatch.setattr(compaction, "ROWS_A_FILE", FAN * (sum(file.rows for file in small) - 1))
    merging.tidy(writer, tiers, math.inf, 0.0)
    assert spans_of(writer.market, "events") == [(1, FAN)]
    assert ("events", 0, 1) not in tiers.files


def test_counts_with_ticks_between_them_that_nobody_counted_are_no_neighbours() -> None:
    def of(table: str, tick: int) -> DataFile:
        return DataFile(f"{table}/{tick}", table, 1, 1, "", tick, tick, 0)

    tiers = Tiers()
    for table in ("platform_metrics", "events"):
        merging.add(tiers, [of(table, tick) for tick in (1, 2, 4, 5)])
    assert tiers.files == {
        ("platform_metrics", 0, 0): [of("platform_metrics", 4), of("platform_metrics", 5)],
        ("events", 0, 0): [of("events", tick) for tick in (1, 2, 4, 5)],
    }


def test_files_that_earlier_runs_left_are_merged_too(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "free_until", lambda *given: math.inf)
    for _ in range(FAN):
        qsim.run(market, ticks=1, speed=50)
    assert spans_of(market, "events") == [(1, FAN)]


def test_a_kill_between_merging_and_its_commit_leaves_nothing(
    writer: Writer, market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiers = Tiers()
    tick_by_tick(writer, tiers, FAN, until=monotonic())
    with monkeypatch.context() as killed:
        killed.setattr(log, "append", lambda *given, **more: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            merging.tidy(writer, tiers, math.inf, 0.0)
    assert any(path.name.startswith("0000000001-0000000004") for path in (market / "events").iterdir())
    writing.open_writer(market, 1)
    assert {f"events/{path.name}" for path in (market / "events").iterdir()} <= named(market)
    assert spans_of(market, "events") == [(tick, tick) for tick in range(1, FAN + 1)]


def test_files_merged_more_than_a_day_ago_are_removed_by_the_run(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiers = Tiers()
    tick_by_tick(writer, tiers, FAN)
    tiers.vacuumed = -math.inf
    merging.tidy(writer, tiers, math.inf, 0.0)
    assert log.read(writer.market).retired
    monkeypatch.setattr(merging, "_GRACE_SECONDS", 0.0)
    tiers.vacuumed = -math.inf
    merging.tidy(writer, tiers, math.inf, 0.0)
    assert not log.read(writer.market).retired
    assert len(list((writer.market / "events").iterdir())) == 1
    assert qsim.verify(writer.market)["passed"]


def test_a_run_that_never_has_time_removes_what_was_replaced_some_hours_later(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "_GRACE_SECONDS", 0.0)
    tiers = Tiers()
    tick_by_tick(writer, tiers, FAN)
    tiers.vacuumed = monotonic() - 2 * 3600
    merging.tidy(writer, tiers, monotonic(), 0.0)
    assert log.read(writer.market).retired
    tiers.vacuumed = monotonic() - 5 * 3600
    merging.tidy(writer, tiers, monotonic(), 0.0)
    assert not log.read(writer.market).retired


def test_a_paced_run_merges_while_it_waits(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "FAN", 2)
    monkeypatch.setattr(pacing, "free_until", lambda *given: math.inf)
    commits: list[int] = []
    qsim.run(market, ticks=8, speed=50, progress=lambda now: commits.append(now.tick))
    assert len(spans_of(market, "events")) < len(commits)
    assert qsim.verify(market, regenerate="all")["passed"]


# Rows of files that follow one another, and how those are gathered that one file can hold: 1,048,576.
@pytest.mark.parametrize(
    "groups",
    [
        [[1_048_575, 1], [1]],
        [[1_048_576], [1]],
        [[1], [1_048_576], [5, 1_048_570], [2]],
        [[1_048_577], [1, 1, 1_048_574]],
    ],
)
def test_as_many_small_files_are_merged_as_one_file_may_hold(groups: list[list[int]]) -> None:
    counts = [count for group in groups for count in group]
    named = [data_file(f"events/{n}.parquet", rows=count, first=n, last=n) for n, count in enumerate(counts)]
    assert [[file.rows for file in group] for group in compaction._groups(reversed(named), ())] == groups


def test_to_gather_many_small_files_takes_no_longer_for_each_of_them_than_for_few() -> None:
    asked: list[str] = []

    class Asked(DataFile):
        def __getattribute__(self, name: str) -> Any:
            asked.append(name)
            return super().__getattribute__(name)

    named = [Asked(f"events/{n}.parquet", "events", 1, 0, "", n, n, 0) for n in range(1_000)]
    [group] = compaction._groups(named, ())
    # Where the rows of those before are added up again for each of them they are asked for half a million times.
    assert asked.count("rows") <= 3 * len(named) and len(group) == len(named)


def test_files_are_merged_with_those_of_their_table_and_block_and_of_some_tables_with_the_next_ticks_alone() -> None:
    ticks = [(0, 4), (5, 9), (11, 12), (13, 13)]
    named = [
        data_file(f"{table}/{block}{first}.parquet", table=table, block=block, first=first, last=last)
        for first, last in ticks
        for table in ("events", "orders")
        for block in (0, 1)
    ]
    found = [
        [(file.table, file.block, file.first) for file in group] for group in compaction._groups(named, ("events",))
    ]
    assert found == [
        [(table, block, first) for first in firsts]
        for table, gathered in (("events", ((0, 5), (11, 13))), ("orders", ((0, 5, 11, 13),)))
        for block in (0, 1)
        for firsts in gathered
    ]


@pytest.mark.parametrize(("first", "adjoins"), [(9, True), (10, True), (11, False)])
def test_files_adjoin_where_no_tick_is_missing_between_them(first: int, adjoins: bool) -> None:
    assert compaction.adjoin(data_file(first=5, last=9), data_file(first=first, last=20)) is adjoins
