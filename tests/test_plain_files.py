"""A market's files read without qsim, as the README tells it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import qsim

README = Path(__file__).parent.parent / "README.md"


def _read(since: int) -> dict[str, Any]:
    """Run the README's code that reads the events after tick 4,000 by the log, for another tick; give what it names."""
    (code,) = re.findall(r"```python\n(import json[^`]*)```", README.read_text("utf-8"))
    names: dict[str, Any] = {}
    exec(code.replace("4000", str(since)), names)
    return names


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A market of a few commits in the folder of this name, as the README has it, where the test works."""
    monkeypatch.chdir(tmp_path)
    qsim.generate("shop", products=12)
    for _ in range(3):
        qsim.run("shop", ticks=5)
    return Path("shop")


def test_the_readmes_way_by_the_log_reads_each_event_once_after_a_compaction(shop: Path) -> None:
    qsim.compact(shop)
    qsim.run(shop, ticks=5)
    assert len(list(Path("shop/events").iterdir())) == 5
    read = _read(8)
    rows = read["events"].select("tick", "listing_id").sort("tick", "listing_id").collect().rows()
    asked = "SELECT tick, listing_id FROM price_history WHERE tick > 8 ORDER BY ALL"
    assert rows == qsim.connect("shop").sql(asked).fetchall() != []
    assert read["body"]["tick"] == 20


def test_the_readmes_way_by_the_log_gives_nothing_where_nothing_is_new(shop: Path) -> None:
    read = _read(15)
    assert (read["events"], read["body"]["tick"]) == (None, 15)


def test_the_readmes_way_by_the_log_loses_no_commit_that_a_listing_beside_a_writer_leaves_out(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.glob

    def listed(path: Path, pattern: str) -> Iterator[Path]:
        return (found for found in whole(path, pattern) if found.name != "0000000003.json")

    monkeypatch.setattr(Path, "glob", listed)
    assert set(_read(0)["events"].collect()["tick"]) == set(range(1, 16))


def test_the_epochs_of_the_log_give_the_time_of_each_tick(tmp_path: Path) -> None:
    market = tmp_path / "shop"
    qsim.generate(market, products=12, start="2026-03-01")
    qsim.run(market, ticks=3)
    qsim.run(market, ticks=4, update_interval_seconds=60)
    epochs = [json.loads(path.read_text())["body"]["epoch"] for path in sorted((market / "_commits").iterdir())]
    times: dict[int, datetime] = {}
    for epoch in filter(None, epochs):
        for tick in range(epoch["tick"], 8):
            second = epoch["second"] + (tick - epoch["tick"]) * epoch["interval"]
            times[tick] = datetime(2026, 3, 1) + timedelta(seconds=second)
    told = qsim.connect(market).sql("SELECT i, tick_time(i) FROM range(8) t(i) ORDER BY i").fetchall()
    assert list(times.items()) == told


def test_integers_are_split_by_bytes_in_every_file_as_the_readme_tells_of_readers(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "shop", preset="realistic", products=12)
    qsim.run(tmp_path / "shop", ticks=300, update_interval_seconds=300)
    encodings = {
        (path.parent.name, column.path_in_schema): column.encodings
        for path in (tmp_path / "shop").rglob("*.parquet")
        for column in map(pq.read_metadata(path).row_group(0).column, range(pq.read_metadata(path).num_columns))
        if column.physical_type in ("INT32", "INT64")
    }
    assert {table for table, _ in encodings} >= {"catalog", "events", "orders", "snapshots", "truth"}
    assert all("BYTE_STREAM_SPLIT" in found for found in encodings.values())


def test_each_call_of_run_leaves_a_snapshot_that_compact_and_vacuum_keep_and_a_live_run_one(tmp_path: Path) -> None:
    def snapshots(market: Path) -> list[int]:
        return sorted(int(path.name[:10]) for path in (market / "snapshots").iterdir())

    for name in ("called", "live"):
        qsim.generate(tmp_path / name, products=12)
    for _ in range(3):
        qsim.run(tmp_path / "called", ticks=1)
    qsim.run(tmp_path / "live", ticks=3, realtime=True, speed=60)
    for name in ("called", "live"):
        qsim.compact(tmp_path / name)
        qsim.vacuum(tmp_path / name, grace_seconds=0)
    assert (snapshots(tmp_path / "called"), snapshots(tmp_path / "live")) == ([0, 1, 2, 3], [0, 3])


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_readmes_export_writes_the_whole_history_into_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    (call,) = re.findall(r"`(qsim\.connect\(\"m\"\)\.execute\([^`]*)`", README.read_text("utf-8"))
    monkeypatch.chdir(tmp_path)
    qsim.generate("m", products=12)
    qsim.run("m", ticks=5)
    exec(call.replace("parquet", ending))
    connection = qsim.connect("m")
    written, history = (
        connection.sql(f"FROM 'history.{ending}' ORDER BY ALL"),
        connection.sql("FROM price_history ORDER BY ALL"),
    )
    assert written.columns == history.columns
    assert len(written.fetchall()) == len(history.fetchall()) > 0
    assert connection.sql(f"FROM 'history.{ending}' EXCEPT FROM price_history").fetchall() == []
