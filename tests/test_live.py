"""Runs that keep to the clock: the same market as without it, a commit a tick, stopped at once with all of it committed."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import qsim
from qsim.errors import DiskError, UsageError
from qsim.runs import forecast, recording
from qsim.runs.epochs import course_of
from qsim.runs.recording import Progress
from qsim.storage import log
from tests.stored import history


@pytest.mark.parametrize("preset", ["classic", "realistic"])
def test_a_paced_run_makes_the_market_that_an_unpaced_one_makes(tmp_path: Path, preset: str) -> None:
    for name, manner in (("plain", {}), ("ticks", {"speed": 1e6}), ("flushed", {"speed": 1e6, "flush": 0.002})):
        qsim.generate(tmp_path / name, products=30, preset=preset, update_interval_seconds=600)
        qsim.run(tmp_path / name, ticks=40, **manner)
    digests = {name: qsim.status(tmp_path / name)["digest"] for name in ("plain", "ticks", "flushed")}
    assert digests["ticks"] == digests["flushed"] == digests["plain"]
    assert history(tmp_path / "ticks", "metrics").equals(history(tmp_path / "plain", "metrics"))


def test_each_tick_that_is_on_time_is_a_commit(market: Path) -> None:
    seen: list[Progress] = []
    qsim.run(market, ticks=5, speed=50, progress=seen.append)
    assert [now.tick for now in seen] == list(range(11, 16)) or seen[-1].late_ticks
    files = [file for file in log.read(market).of_table("events") if file.first > 10]
    assert len(files) == len(seen)


def test_a_late_run_catches_up_and_tells_its_lag(market: Path) -> None:
    seen: list[Progress] = []
    qsim.run(market, ticks=3_000, speed=1e9, progress=seen.append)
    assert seen[-1].tick == 3_010
    assert len(seen) < 20
    assert seen[-1].lag_seconds > 0
    assert seen[-1].late_ticks > 2_900


@pytest.mark.parametrize(("told_from", "told"), [(0.0, True), (1e6, False)])
def test_a_large_lag_is_logged(
    market: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, told_from: float, told: bool
) -> None:
    monkeypatch.setattr(recording, "_COUNTS_SECONDS", 0.0)
    monkeypatch.setattr(recording, "_LAG_TOLD", told_from)
    qsim.run(market, ticks=3_000, speed=1e9)
    assert ("behind the clock at tick 3010" in caplog.text) == told


def test_a_stop_from_another_thread_ends_a_wait_with_everything_committed(market: Path) -> None:
    stop, seen = threading.Event(), []

    def told(now: Progress) -> None:
        seen.append(now.tick)
        threading.Timer(0.05, stop.set).start()

    status = qsim.run(
        market, realtime=True, speed=500, update_interval_seconds=5, until=10**6, progress=told, stop=stop
    )
    assert 10 < status["tick"] < 10**6
    assert seen[-1] == status["tick"] == qsim.status(market)["tick"]


def test_a_stop_while_nothing_is_due_runs_nothing(market: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    assert qsim.run(market, realtime=True, update_interval_seconds=3600, stop=stop)["tick"] == 10


def test_a_stop_before_the_flush_runs_what_is_due(market: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert qsim.run(market, speed=100, flush=3600, stop=stop)["tick"] > 10


def test_a_run_that_was_paced_and_stopped_goes_on_as_if_never_stopped(market: Path, tmp_path: Path) -> None:
    whole, stop = Path(shutil.copytree(market, tmp_path / "whole")), threading.Event()
    threading.Timer(0.2, stop.set).start()
    reached = qsim.run(market, speed=500, until=5_000, stop=stop)["tick"]
    assert reached < 5_000
    qsim.run(market, until=reached + 20)
    assert qsim.run(whole, until=reached + 20)["digest"] == qsim.status(market)["digest"]


def test_events_are_given_as_they_are_kept(market: Path) -> None:
    given: list[pa.Table] = []
    qsim.run(market, ticks=8, speed=1e6, on_events=given.append)
    kept = history(market, "events")
    assert pa.concat_tables(given).to_pylist() == kept.filter(kept["tick"] > 10).to_dicts()


@pytest.mark.parametrize(
    ("manner", "name"),
    [
        ({"speed": 0}, "speed"),
        ({"speed": 1e-320}, "speed"),
        ({"speed": 1e300}, "speed"),
        ({"speed": 60, "flush": 1e308}, "flush"),
        ({"speed": float("nan")}, "speed"),
        ({"realtime": True, "flush": -1}, "flush"),
        ({"flush": 1}, "realtime"),
    ],
)
def test_a_pace_that_is_none_is_refused(market: Path, manner: dict[str, Any], name: str) -> None:
    with pytest.raises(UsageError, match=name):
        qsim.run(market, ticks=1, **manner)


def test_a_paced_run_needs_room_for_a_day_and_any_other_for_all_its_ticks(market: Path) -> None:
    history, years = log.read(market), 50_000_000
    parameters = course_of(history).parameters[-1].model_copy(update={"stores": 1000})
    forecast.check(market, history, parameters, years, paced=True)
    with pytest.raises(DiskError, match=r"50,000,000 ticks take"):
        forecast.check(market, history, parameters, years)
