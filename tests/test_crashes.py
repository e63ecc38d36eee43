"""Runs that are killed or stopped: nothing half-done stays, and the market that comes of them is the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

import qsim
from qsim.errors import ConflictError
from qsim.storage import files
from tests.stored import history, logged, unnamed

ROOT = Path(__file__).parent.parent
UNTIL = 6_000
PATIENCE = 60


def started(market: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command line at work on a market, in a process of its own."""
    command = [sys.executable, "-m", "qsim", "run", str(market), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def commits(market: Path) -> int:
    return len(list((market / "_commits").glob("0*.json")))


def wait_for_a_commit(process: subprocess.Popen[str], market: Path, before: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and commits(market) == before:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def killed(market: Path, delay: float, after_a_commit: bool) -> None:
    """Run a market on to its end and kill the run, a while after it started or after it committed."""
    before = commits(market)
    process = started(market, "--until", str(UNTIL))
    if after_a_commit:
        wait_for_a_commit(process, market, before)
    time.sleep(delay)
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    market = tmp_path_factory.mktemp("crashes") / "whole"
    qsim.generate(market, seed=21, products=90, batch_size=30)
    qsim.run(market, until=UNTIL)
    return market


@pytest.fixture
def market(tmp_path: Path) -> Path:
    qsim.generate(tmp_path / "market", seed=21, products=90, batch_size=30)
    return tmp_path / "market"


def test_a_run_killed_again_and_again_comes_to_the_same_market(uninterrupted: Path, market: Path) -> None:
    chance = random.Random(1)
    for after_a_commit in (False, True, True, True):
        killed(market, chance.uniform(0, 0.05) if after_a_commit else chance.uniform(0.2, 0.9), after_a_commit)
        assert qsim.status(market)["tick"] <= UNTIL
    status = qsim.run(market, until=UNTIL)
    assert status["digest"] == qsim.status(uninterrupted)["digest"]
    assert status["events"] == qsim.status(uninterrupted)["events"]
    assert unnamed(market) == []
    assert history(market, "events").equals(history(uninterrupted, "events"))


def test_runs_killed_before_they_kept_their_end_are_made_good_across_changes_of_parameters(
    market: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    qsim.generate(whole, seed=21, products=90, batch_size=30)
    stretches = ({"surge_probability": 0.4}, {"batch_size": 20, "reversion": 0.5}, {"update_interval_seconds": 7_200})
    for changes in stretches:
        qsim.run(whole, ticks=70, **changes)
        qsim.run(market, ticks=70, **changes)
        newest = max((market / "_commits").glob("0*.json"))
        assert {file["table"] for file in logged(market)[-1].files} == {"snapshots"}
        newest.unlink()
    assert qsim.run(market, ticks=30)["digest"] == qsim.run(whole, ticks=30)["digest"]
    assert history(market, "events").equals(history(whole, "events"))
    assert unnamed(market) == []


def test_what_a_killed_run_leaves_anywhere_is_cleared_by_the_next(market: Path, uninterrupted: Path) -> None:
    qsim.run(market, ticks=40)
    for folder in (market, *(path for path in market.rglob("*") if path.is_dir())):
        (folder / ".0000000041.4711-0815.tmp").write_bytes(b"half")
    for table in ("events", "discounts", "snapshots", "metrics"):
        (market / table / "0000000041-0000000099-00000.parquet").write_bytes(b"half")
    assert files.is_temporary(".0000000041.4711-0815.tmp")
    assert qsim.run(market, until=UNTIL)["digest"] == qsim.status(uninterrupted)["digest"]
    assert unnamed(market) == []


def test_an_interrupt_commits_what_is_done_and_a_second_run_goes_on(
    uninterrupted: Path, market: Path, tmp_path: Path
) -> None:
    process = started(market, "--until", str(10**6), "--json")
    wait_for_a_commit(process, market, commits(market))
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    stopped = json.loads(output)
    assert process.returncode == 0
    assert 0 < stopped["tick"] < 10**6
    assert qsim.status(market) == {**stopped, "directory": str(market)}
    assert history(market, "snapshots")["tick"].max() == stopped["tick"]
    assert unnamed(market) == []
    longer, whole = max(UNTIL, stopped["tick"]), shutil.copytree(uninterrupted, tmp_path / "whole")
    assert qsim.run(market, until=longer)["digest"] == qsim.run(whole, until=longer)["digest"]


def test_a_market_at_rest_is_read_by_a_plain_select(ready_market: Path) -> None:
    for table in ("events", "metrics"):
        query = f"SELECT count(*), min(tick), max(tick), count(DISTINCT tick) FROM '{ready_market}/{table}/*.parquet'"
        rows, first, last, ticks = duckdb.sql(query).fetchall()[0]
        assert (first, last, ticks) == (1, 120, 120)
        assert rows == history(ready_market, table).height
    assert logged(ready_market)[-1].tick == 120


@pytest.mark.parametrize(
    "left", ["market.toml", "catalog/products.parquet", "snapshots/0000000000-0000000000-00009.parquet"]
)
def test_a_generation_that_was_killed_can_be_given_again(tmp_path: Path, market: Path, left: str) -> None:
    half = tmp_path / "half"
    for name in ("catalog", "events", "discounts", "snapshots", "metrics", "_commits", "_checkpoints"):
        (half / name).mkdir(parents=True)
    (half / left).write_bytes(b"half")
    (half / "LOCK").write_text("process 4711 on this host")
    qsim.generate(half, seed=21, products=90, batch_size=30)
    assert qsim.status(half)["digest"] == qsim.status(market)["digest"]
    qsim.run(half, ticks=5)
    assert unnamed(half) == []


def test_a_folder_that_looks_like_a_market_but_never_was_one_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "products.parquet").write_bytes(b"someone's own")
    with pytest.raises(ConflictError, match="holds 'catalog', which is no market's"):
        qsim.generate(tmp_path, seed=21, products=90)
    assert [path.name for path in tmp_path.rglob("*")] == ["catalog", "products.parquet"]


def test_the_digest_of_a_run_does_not_depend_on_the_process(market: Path, uninterrupted: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "America/Los_Angeles"}
    command = [sys.executable, "-m", "qsim", "run", str(market), "--until", str(UNTIL), "--max-workers", "1"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert qsim.status(market)["digest"] == qsim.status(uninterrupted)["digest"]
