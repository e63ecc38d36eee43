"""Blocks go on while what they wrote is put on disk: a commit still waits for it, and no fault is lost."""

from __future__ import annotations

import errno
import inspect
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from time import sleep
from types import FrameType
from typing import Any

import pytest

import qsim
from qsim import interrupts, simulation, threads
from qsim.errors import ConflictError, DiskError
from qsim.runs import finishing
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


@pytest.mark.parametrize("workers", [1, 2])
def test_no_file_is_written_into_another_market_that_was_put_in_the_place_of_the_one_that_runs(
    market: Path, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    other = tmp_path / "other"
    qsim.generate(other, products=14_000, batch_size=0, seed=2)
    qsim.run(other, ticks=TICKS)
    really, turn, replaced = finishing._finished, threading.Lock(), []

    def late(*given: Any) -> Any:
        with turn:
            if not replaced:
                shutil.move(market, tmp_path / "moved")
                replaced.append(shutil.copytree(other, market))
        return really(*given)

    with monkeypatch.context() as patch:
        patch.setattr(finishing, "_finished", late)
        with pytest.raises(ConflictError, match="was replaced while it was being written"):
            qsim.run(market, until=TICKS, max_workers=workers)
    assert replaced and qsim.verify(market)["faults"] == []
    assert qsim.status(market)["digest"] == qsim.status(other)["digest"]


@contextmanager
def interrupted_within(run: Callable[..., Any]) -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt within a function, and do nothing elsewhere."""
    code, before = inspect.unwrap(run).__code__, signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code is code:
                raise KeyboardInterrupt
            frame = frame.f_back

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
        # What was sent last is told before the handler goes.
        sleep(0.01)
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt_again_and_again() -> None:
    for _ in range(5):
        os.kill(os.getpid(), signal.SIGINT)
        sleep(0.02)


def test_a_run_that_is_interrupted_again_and_again_ends_when_nothing_writes_any_more(
    market: Path, monkeypatch: pytest.MonkeyPatch, whole: str
) -> None:
    real_sync, calls, turn = system.sync, count(1), threading.Lock()
    syncing: set[int] = set()

    def interrupting(handle: int) -> None:
        # Those of the main thread are interrupted themselves.
        if threading.current_thread() is threading.main_thread():
            return real_sync(handle)
        syncing.add(handle)
        if next(calls) > 8 and turn.acquire(blocking=False):
            interrupt_again_and_again()
            turn.release()
        real_sync(handle)
        syncing.remove(handle)
        return None

    with monkeypatch.context() as patch, interrupted_within(qsim.run):
        patch.setattr(system, "sync", interrupting)
        with pytest.raises(KeyboardInterrupt):
            qsim.run(market, until=TICKS, max_workers=2)
        assert not syncing
    assert lock.is_free(market)
    assert qsim.verify(market)["faults"] == []
    assert qsim.run(market, until=TICKS, max_workers=2)["digest"] == whole


def test_a_run_that_is_interrupted_at_any_time_leaves_no_lock_and_no_unfinished_file(
    generated: Path, tmp_path: Path, whole: str
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng, threads = random.Random(seed), threading.active_count()

    def send(wait: float, gaps: list[float]) -> None:
        sleep(wait)
        for gap in gaps:
            os.kill(os.getpid(), signal.SIGINT)
            sleep(gap)

    def interrupted(market: Path) -> None:
        gaps = [rng.random() ** 3 * 0.01 for _ in range(rng.randint(1, 30))]
        sender = threading.Thread(target=send, args=(rng.random() * 0.3, gaps))
        with interrupted_within(qsim.run):
            sender.start()
            with suppress(KeyboardInterrupt):
                qsim.run(market, until=TICKS, max_workers=2)
            sender.join()

    for number in range(10):
        market = shutil.copytree(generated, tmp_path / str(number))
        interrupted(market)
        assert lock.is_free(market)
        assert list(market.rglob(".*")) == []
        # Those of others may end meanwhile.
        assert threading.active_count() <= threads
    assert qsim.verify(market)["faults"] == []
    assert qsim.run(market, until=TICKS, max_workers=2)["digest"] == whole


@interrupts.held_back()
def in_windows(work: Callable[[int, Any], None]) -> None:
    windows: Any = range(3)
    for _ in simulation.run_windows(2, windows, work, 2):
        pass


def one_by_one(work: Callable[[int, Any], None]) -> None:
    threads.for_each(work, range(4), range(4), workers=2)


@pytest.mark.parametrize("run", [in_windows, one_by_one])
def test_what_is_interrupted_again_and_again_ends_when_nothing_is_under_way(run: Callable[[Any], None]) -> None:
    working: set[int] = set()
    turn = threading.Lock()

    def work(block: int, window: Any) -> None:
        working.add(block)
        # By then the main thread waits.
        sleep(0.1)
        if turn.acquire(blocking=False):
            interrupt_again_and_again()
        sleep(0.1)
        working.remove(block)

    with interrupted_within(run):
        with pytest.raises(KeyboardInterrupt):
            run(work)
        assert not working
