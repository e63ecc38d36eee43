"""Blocks go on while what they wrote is put on disk: a commit still waits for it, and no fault is lost."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any

import pytest

import qsim
from qsim import simulation
from qsim.errors import DiskError
from qsim.storage import lock, log, system

TICKS = 48


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    market = tmp_path_factory.mktemp("finishing") / "m"
    qsim.generate(market, products=14_000, batch_size=0)
    assert len({name.name.split("-")[-1] for name in (market / "snapshots").iterdir()}) == 2, "of two blocks"
    return market


@pytest.fixture(scope="module")
def whole(generated: Path) -> str:
    market = shutil.copytree(generated, generated.parent / "whole")
    return str(qsim.run(market, ticks=TICKS, max_workers=1)["digest"])


@pytest.fixture
def market(generated: Path, tmp_path: Path) -> Iterator[Path]:
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    yield shutil.copytree(generated, tmp_path / "m")
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) == before, "no file stays open"


def test_a_commit_names_files_that_are_on_disk(market: Path, monkeypatch: pytest.MonkeyPatch, whole: str) -> None:
    synced: set[int] = set()
    real_sync, real_append, named = system.sync, log.append, []

    def slow_sync(handle: int) -> None:
        sleep(0.02)
        real_sync(handle)
        synced.add(os.fstat(handle).st_ino)

    def looking(place: Path, *given: Any, added: list[Any], **more: Any) -> Any:
        named.extend(added)
        assert all((place / file.path).stat().st_ino in synced for file in added)
        return real_append(place, *given, added=added, **more)

    monkeypatch.setattr(system, "sync", slow_sync)
    monkeypatch.setattr(log, "append", looking)
    assert qsim.run(market, ticks=TICKS, max_workers=2)["digest"] == whole
    assert len(named) > 12


def failing(real: Callable[..., Any], at: int) -> Callable[..., Any]:
    calls = count(1)

    def call(*given: Any) -> Any:
        if next(calls) == at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*given)

    return call


@pytest.mark.parametrize("name", ["create", "write", "sync", "replace"])
@pytest.mark.parametrize("at", [3, 14])
def test_a_fault_of_the_disk_is_told_and_a_run_that_is_given_again_completes(
    market: Path, monkeypatch: pytest.MonkeyPatch, whole: str, name: str, at: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(system, name, failing(getattr(system, name), at))
        with pytest.raises(DiskError, match="Input/output error"):
            qsim.run(market, until=TICKS, max_workers=2)
    assert qsim.run(market, until=TICKS, max_workers=2)["digest"] == whole
    assert qsim.verify(market)["faults"] == []


def test_a_run_that_is_interrupted_again_and_again_ends_when_nothing_writes_any_more(
    market: Path, monkeypatch: pytest.MonkeyPatch, whole: str
) -> None:
    real_sync, real_handler = system.sync, signal.getsignal(signal.SIGINT)
    calls, turn, inside = count(1), threading.Lock(), True
    syncing: set[int] = set()

    def interrupting(handle: int) -> None:
        # Those of the main thread are interrupted themselves.
        if threading.current_thread() is threading.main_thread():
            return real_sync(handle)
        syncing.add(handle)
        if next(calls) > 8 and turn.acquire(blocking=False):
            for _ in range(5):
                os.kill(os.getpid(), signal.SIGINT)
                sleep(0.02)
            turn.release()
        real_sync(handle)
        syncing.remove(handle)
        return None

    def interrupt(number: int, frame: object) -> None:
        if inside:
            raise KeyboardInterrupt

    monkeypatch.setattr(system, "sync", interrupting)
    signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            qsim.run(market, until=TICKS, max_workers=2)
        inside = False
        left = len(syncing)
        while syncing:
            sleep(0.01)
        assert not left
    finally:
        inside = False
        signal.signal(signal.SIGINT, real_handler)
    monkeypatch.setattr(system, "sync", real_sync)
    assert lock.is_free(market)
    assert qsim.verify(market)["faults"] == []
    assert qsim.run(market, until=TICKS, max_workers=2)["digest"] == whole


def in_windows(work: Callable[[int, Any], None]) -> None:
    windows: Any = range(3)
    for _ in simulation.run_windows(2, windows, work, 2):
        pass


def one_by_one(work: Callable[[int, Any], None]) -> None:
    simulation.for_each(work, range(4), range(4), workers=2)


@pytest.mark.parametrize("run", [in_windows, one_by_one])
def test_what_is_interrupted_again_and_again_ends_when_nothing_is_under_way(run: Callable[[Any], None]) -> None:
    real_handler, turn, inside = signal.getsignal(signal.SIGINT), threading.Lock(), True
    working: set[int] = set()

    def work(block: int, window: Any) -> None:
        working.add(block)
        # By then the main thread waits.
        sleep(0.1)
        if turn.acquire(blocking=False):
            for _ in range(5):
                os.kill(os.getpid(), signal.SIGINT)
                sleep(0.02)
        sleep(0.1)
        working.remove(block)

    def interrupt(number: int, frame: object) -> None:
        if inside:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(work)
        inside = False
        left = len(working)
        while working:
            sleep(0.01)
        assert not left
    finally:
        inside = False
        signal.signal(signal.SIGINT, real_handler)
