"""Health of markets: each trouble of products, updates, disk and volatility is told with its mend."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import qsim
from qsim.errors import DiskError
from qsim.monitoring import health as healths
from qsim.monitoring import metrics
from qsim.monitoring.health import health
from qsim.runs import recording
from tests.commands import Shell
from tests.run_lines import about


def test_a_market_that_ran_is_well(market: Path, shell: Shell) -> None:
    assert health(market)["reasons"] == []
    assert shell("health", market) == (0, f"{market}: ok, tick 10\n", "")


def test_ticks_without_monitoring_are_not_taken_for_ticks_without_updates(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5)
    qsim.run(tmp_path / "m", ticks=healths.LOOKED_AT)
    qsim.run(tmp_path / "m", ticks=healths.LOOKED_AT, monitoring=False)
    assert health(tmp_path / "m")["reasons"] == []


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
