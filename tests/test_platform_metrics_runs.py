"""Counts by tick, platform and category are the same however a run is split, paced, killed or merged; which changes are clipped."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qsim
from qsim.errors import UsageError
from qsim.market import pricing
from qsim.monitoring.metrics import metrics
from qsim.runs import merging
from qsim.schema import MOST_SQUARES, SIZES
from qsim.storage import log
from qsim.storage.pieces import DataFile
from tests.counts import LIVELY, blocks_of
from tests.stored import history


def test_counts_taken_up_midway_begin_from_all_that_is(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", seed=5, **LIVELY["classic"])
    qsim.run(tmp_path / "m", ticks=40, monitoring=False)
    qsim.run(tmp_path / "m", ticks=9)
    found = metrics(tmp_path / "m")
    wanted = qsim.connect(tmp_path / "m").sql(
        "SELECT count(*) FILTER (is_active AND discount_pct > 0), count(*) FILTER (NOT is_active) FROM prices"
    )
    assert wanted.fetchall() == [(found["total"]["discounted"], found["total"]["skipped_inactive"])]
    assert (found["counted_to"], found["ticks_counted"]) == (49, 9)


def test_a_change_is_clipped_where_the_bound_held_it() -> None:
    prices = np.array([1_000, 2_000, 333], np.int32)
    clipped = np.zeros(3, np.bool_)
    powers = pricing.reversion(0.0, 4_000)
    stepped = pricing.regular_price(prices, np.array([1.2, 0.9, 0.5]), np.ones(3), powers, 0.1, clipped)
    assert (stepped.tolist(), clipped.tolist()) == ([1_100, 1_800, 300], [True, False, True])


def test_a_price_is_clipped_where_the_mrp_held_it() -> None:
    none, held = np.zeros(3, np.uint16), np.zeros(3, np.bool_)
    regular, mrp = np.array([1_000, 1_000, 1_000], np.int32), np.array([1_019, 1_020, 2_000], np.int32)
    price = pricing.overlaid_price(regular, none, none, none, 200, mrp, held)
    assert (price.tolist(), held.tolist()) == ([1_019, 1_020, 1_020], [True, False, False])


def test_no_price_is_clipped_for_what_a_time_of_day_that_it_does_not_follow_would_add(tmp_path: Path) -> None:
    clipped = []
    for share in (0.0, 1.0):
        market = tmp_path / str(share)
        qsim.generate(market, preset="realistic", products=30, update_interval_seconds=1800, time_of_day_share=share)
        qsim.run(market, until=15)
        with qsim.connect(market) as connection:
            clipped += connection.sql("SELECT sum(clipped) FROM platform_metrics").fetchall()
    assert clipped[0] == (0,) and clipped[1] > (0,)


def test_where_every_change_is_beyond_the_bound_nearly_all_are_clipped(tmp_path: Path) -> None:
    volatility = dict.fromkeys(("fruits", "vegetables", "dairy", "snacks", "staples"), 5.0)
    qsim.generate(tmp_path / "m", products=40, category_volatility=volatility)
    qsim.run(tmp_path / "m", ticks=20)
    [(clipped, attempted)] = (
        qsim.connect(tmp_path / "m").sql("SELECT sum(clipped), sum(attempted) FROM platform_metrics").fetchall()
    )
    assert 0.75 < clipped / attempted < 0.9


def test_of_a_very_large_tick_an_even_share_of_changes_is_measured(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=4_000, batch_size="all")
    qsim.run(tmp_path / "m", ticks=3)
    columns = f"sum(changed), sum(sized), sum({' + '.join(SIZES)})"
    query = f"SELECT {columns} FROM platform_metrics GROUP BY platform"
    by_platform = qsim.connect(tmp_path / "m").sql(query).fetchall()
    assert len(by_platform) == 5
    assert all(sized == classes and 0.05 < sized / changed < 0.2 for changed, sized, classes in by_platform)


@pytest.mark.usefixtures("loops_or_arrays")
def test_the_share_that_is_measured_is_the_same_however_a_run_is_split(tmp_path: Path) -> None:
    found = []
    for name, stops in (("whole", [30]), ("parts", [7, 8, 30])):
        qsim.generate(tmp_path / name, products=2_000, batch_size="all", update_interval_seconds=600)
        for until in stops:
            qsim.run(tmp_path / name, until=until)
        with qsim.connect(tmp_path / name) as con:
            found.append(con.sql("FROM raw.platform_metrics ORDER BY ALL").fetchall())
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["classic", "realistic", "three blocks"])
def test_splits_workers_and_paces_count_the_same(tmp_path: Path, kind: str) -> None:
    with blocks_of(kind):
        _count_in_several_ways(tmp_path, kind)


def _count_in_several_ways(tmp_path: Path, kind: str) -> None:
    qsim.generate(tmp_path / "0", seed=5, **LIVELY[kind])
    ways: list[list[dict[str, Any]]] = [
        [{"ticks": 60}], [{"ticks": 23}, {"ticks": 37, "max_workers": 1}], [{"ticks": 60, "speed": 1e6}],
    ]  # fmt: skip
    found = []
    for number, calls in enumerate(ways, 1):
        market = Path(shutil.copytree(tmp_path / "0", tmp_path / str(number)))
        for call in calls:
            qsim.run(market, **call)
        found.append(history(market, "platform_metrics"))
    assert found[0].equals(found[1]) and found[0].equals(found[2])
    assert found[0].height > 300


def test_quiet_ticks_count_as_watched_however_a_run_is_split(tmp_path: Path) -> None:
    found = []
    for name, calls in (("whole", [12]), ("by tick", [1] * 12)):
        qsim.generate(tmp_path / name, preset="realistic", products=12, update_interval_seconds=300)
        for ticks in calls:
            qsim.run(tmp_path / name, ticks=ticks)
        counted = {key: metrics(tmp_path / name)[key] for key in ("counted_to", "ticks_counted", "total", "rows")}
        rows = qsim.connect(tmp_path / name).sql("SELECT * FROM platform_metrics ORDER BY ALL").fetchall()
        found.append((counted, metrics(tmp_path / name, last=3)["total"], rows))
    assert found[0][0]["ticks_counted"] == 12
    assert found[0] == found[1]
    by_tick = log.read(tmp_path / "by tick").of_table("platform_metrics")
    assert any(file.rows == 0 for file in by_tick), "there is no quiet tick"
    qsim.compact(tmp_path / "by tick")
    assert metrics(tmp_path / "by tick")["rows"] == found[0][0]["rows"]
    assert qsim.verify(tmp_path / "by tick")["passed"]


def test_a_killed_live_run_lacks_no_counts_once_it_is_gone_on_with(market: Path, tmp_path: Path) -> None:
    whole = Path(shutil.copytree(market, tmp_path / "whole"))
    words = [sys.executable, "-m", "qsim", "run", str(market), "--speed", "200", "--stdout", "--sample", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        for _ in range(5):
            run.stdout.readline()
        run.send_signal(signal.SIGKILL)
    until = qsim.status(market)["tick"] + 7
    assert max(file.last for file in log.read(market).of_table("platform_metrics")) == 10
    qsim.run(market, until=until)
    qsim.run(whole, until=until)
    assert history(market, "platform_metrics").equals(history(whole, "platform_metrics"))


def test_metrics_leave_the_content_as_it_is_and_can_be_switched_off(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    markets = {name: Path(shutil.copytree(market, tmp_path / name)) for name in ("on", "off", "by variable")}
    qsim.run(markets["on"], ticks=20, monitoring=True)
    qsim.run(markets["off"], ticks=20, monitoring=False)
    monkeypatch.setenv("ENABLE_MONITORING", "false")
    qsim.run(markets["by variable"], ticks=20)
    assert len({qsim.status(place)["digest"] for place in markets.values()}) == 1
    last = {
        name: max(file.last for file in log.read(place).of_table("platform_metrics")) for name, place in markets.items()
    }
    assert last == {"on": 30, "off": 10, "by variable": 10}


def test_a_switch_that_is_none_is_refused(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_MONITORING", "perhaps")
    with pytest.raises(UsageError, match="ENABLE_MONITORING"):
        qsim.run(market, ticks=1)


def test_compaction_keeps_the_counts(market: Path) -> None:
    def rows() -> list[tuple[Any, ...]]:
        return qsim.connect(market).sql("SELECT * FROM platform_metrics ORDER BY ALL").fetchall()

    for _ in range(3):
        qsim.run(market, ticks=5)
    before = rows()
    qsim.compact(market)
    assert rows() == before
    assert len(log.read(market).of_table("platform_metrics")) == 1


@pytest.mark.usefixtures("loops_or_arrays")
def test_sizes_whose_squares_are_beyond_all_bounds_are_counted_and_checked(tmp_path: Path) -> None:
    rows = [f"Thing {number},Maker,Snacks,40000,40000" for number in range(30)]
    (tmp_path / "dear.csv").write_text("\n".join(["product,brand,category,mrp,price", *rows]))
    # At 02:00 all is to be had for one paisa, and an hour later no more.
    half_off = {"01:00-03:00": -50, "02:00-04:00": -50}
    qsim.generate(tmp_path / "m", catalog=tmp_path / "dear.csv", batch_size=0, time_of_day=half_off)
    qsim.run(tmp_path / "m", ticks=10, update_interval_seconds=1800)
    most = qsim.connect(tmp_path / "m").sql("SELECT max(change_squares) FROM raw.platform_metrics").fetchall()
    assert most == [(MOST_SQUARES,)]
    assert qsim.validate(tmp_path / "m", only=["6.28"])["passed"]


def test_a_run_that_merges_as_it_goes_merges_no_counts_over_a_gap() -> None:
    spans = [(1, 4), (5, 5), (9, 9), (10, 10)]
    named = [DataFile(f"platform_metrics/{a}-{b}", "platform_metrics", 9, 9, "", a, b, 0) for a, b in spans]
    tiers = merging.Tiers()
    merging.add(tiers, named)
    assert list(tiers.files.values()) == [named[2:]]
