"""Bounds: a writer's memory does not grow with the length of a run, nor the files to open a market with that of its log."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from unittest import mock

import psutil
import pytest

import qsim
from qsim.runs import recording, writing
from qsim.storage import files, log
from qsim.storage.log import EMPTY
from qsim.storage.pieces import DataFile, Tip
from tests.crash_model import Disk, mounted


def run_in_commits_of_a_tick(writer: writing.Writer, ticks: int) -> int:
    """Run on, a commit and a snapshot a tick; give the bytes that Python then holds."""
    for _ in range(ticks):
        recording.run_on(writer, 1, None)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_a_writer_holds_no_more_after_many_commits_than_after_few(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", seed=3, products=12, batch_size=4)
    with writing.locked(tmp_path / "m"):
        writer = writing.open_writer(tmp_path / "m", 1)
        tracemalloc.start()
        try:
            few = run_in_commits_of_a_tick(writer, 40)
            many = run_in_commits_of_a_tick(writer, 120)
        finally:
            tracemalloc.stop()
    # The names of 120 commits' files alone would take 250 kB.
    assert many - few < 40_000


@pytest.mark.nightly
def test_the_memory_of_a_run_of_100000_ticks_is_that_of_one_of_10000(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", seed=3, products=200)
    resident = []
    for until in (10_000, 100_000):
        qsim.run(tmp_path / "m", until=until)
        resident.append(psutil.Process().memory_info().rss / 1e6)
    print(f"resident after 10,000 ticks {resident[0]:.0f} MB, after 100,000 {resident[1]:.0f} MB")
    assert resident[1] < resident[0] * 1.1


def test_a_long_log_is_opened_from_few_files() -> None:
    place = Path("/m")
    disk = Disk()
    with mounted(disk), mock.patch.object(log, "CHECKPOINT_EVERY", 8):
        for name in ("", log.COMMITS, log.CHECKPOINTS, "events"):
            files.make_directory(place / name if name else place)
        tip: Tip = EMPTY
        for number in range(600):
            added = [DataFile(f"events/{number}.parquet", "events", 1, 1, "0" * 64, number, number, 0)]
            tip = log.append(place, tip, tick=number, digest=number, added=added)
        with mock.patch.object(disk, "read", wraps=disk.read) as read:
            assert len(log.read(place).files) == 600
    # The newest commit once more, to see whether it is whole; at most 7 commits and 7 checkpoints of each size after that.
    assert read.call_count <= 1 + 4 * 7


@pytest.mark.parametrize("before", [0, 1])
def test_a_run_leaves_garbage_collection_as_it_found_it(tmp_path: Path, before: int) -> None:
    qsim.generate(tmp_path / "m", products=60)
    try:
        if before:
            gc.freeze()
        frozen, seen = gc.get_freeze_count(), []
        qsim.run(tmp_path / "m", ticks=5, progress=lambda now: seen.append(gc.get_freeze_count()))
        assert gc.get_freeze_count() == frozen
        assert min(seen) > 0
    finally:
        gc.unfreeze()
