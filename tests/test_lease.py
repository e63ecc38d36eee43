"""A writer's lease of a market in an object store: marked, renewed, given back, waited for and taken over."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable

import pytest

from qsim.errors import ConflictError
from qsim.storage import lease, lock, objects
from qsim.storage.places import ObjectPath
from tests.buckets import in_memory

pytestmark = pytest.mark.usefixtures("ended_after_a_minute")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> ObjectPath:
    return in_memory(monkeypatch)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)


@pytest.mark.usefixtures("hurried")
def test_a_lease_is_taken_while_a_block_runs_and_given_back(memory: ObjectPath) -> None:
    assert lock.is_free(memory) and not lock.is_elsewhere(memory)
    with lock.writer_lock(memory):
        assert not lock.is_free(memory)
        held = objects.read(memory / "LOCK").decode()
        assert held.startswith(f"process {os.getpid()} on {socket.gethostname()}, ") and held.endswith("\n")
        done = threading.Event()
        for _ in range(200):
            if objects.read(memory / "LOCK").decode() != held:
                break
            done.wait(0.02)
        renewed = objects.read(memory / "LOCK").decode()
        assert renewed.rpartition(",")[0] == held.rpartition(",")[0] and int(renewed.rpartition(",")[2]) > 0
    assert lock.is_free(memory) and objects.read(memory / "LOCK") == b""


@pytest.mark.usefixtures("hurried")
def test_a_lease_is_renewed_with_a_new_number_each_time_under_a_mark_of_its_own(
    memory: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, really, renewed = [], objects.put_over, threading.Event()

    def put_over(path: ObjectPath, data: bytes) -> None:
        really(path, data)
        put.append(data.decode())
        if len(put) == 4:
            renewed.set()

    monkeypatch.setattr(objects, "put_over", put_over)
    with lock.writer_lock(memory):
        assert renewed.wait(30)
    this = re.escape(f"process {os.getpid()} on {socket.gethostname()}")
    mark = re.fullmatch(rf"({this}, [0-9a-f]{{8}}), 0\n", put[0])
    assert mark is not None
    assert put == [*(f"{mark[1]}, {number}\n" for number in range(len(put) - 1)), ""]


def test_a_process_that_ends_amid_a_lease_is_not_kept_alive_by_it() -> None:
    program = """
        from obstore.store import MemoryStore
        from qsim.storage import lease, objects
        from qsim.storage.places import place_of
        objects.store_of = lambda bucket, store=MemoryStore(): store
        held = lease.held(place_of("s3://bucket/m") / "LOCK")
        held.__enter__()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=60, check=True)


class Clock:
    """A clock that sleeping moves; what happens at a second of it."""

    def __init__(self, **happens: Callable[[], None]) -> None:
        self.now, self.slept, self.looked = 1000.0, [], 0  # type: tuple[float, list[float], int]
        self.happens = happens

    def monotonic(self) -> float:
        self.looked += 1
        assert self.looked < 100, "looked at for ever"
        return self.now

    def sleep(self, seconds: float) -> None:
        assert len(self.slept) < 100, "waited for ever"
        self.now += seconds
        self.slept.append(seconds)
        self.happens.get(f"at_{self.now - 1000:g}", lambda: None)()


def clocked(monkeypatch: pytest.MonkeyPatch, **happens: Callable[[], None]) -> Clock:
    clock = Clock(**happens)
    monkeypatch.setattr(lease, "time", clock)
    return clock


def test_a_lease_that_is_not_renewed_in_15_seconds_is_looked_at_each_second_and_taken_over(
    memory: ObjectPath, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = clocked(monkeypatch)
    objects.put_over(memory / "LOCK", b"process 5 on another" + b"x" * 300 + b", 0a, 7\n")
    with lock.writer_lock(memory):
        assert clock.slept == [1.0] * 15
    [line] = caplog.messages
    named = ("process 5 on another" + "x" * 300)[:200]
    assert line == f"{memory}/LOCK: of {named}: waiting up to 15 s to see if it lives"


def test_a_lease_that_is_renewed_while_it_is_looked_at_is_not_taken(
    memory: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = clocked(monkeypatch, at_15=lambda: objects.put_over(memory / "LOCK", b"process 5 on another, 0a, 8\n"))
    objects.put_over(memory / "LOCK", b"process 5 on another, 0a, 7\n")
    with pytest.raises(ConflictError, match="market: is being written by process 5 on another; one writer"):
        lock.writer_lock(memory).__enter__()
    assert clock.slept == [1.0] * 15


def test_a_lease_that_is_given_back_while_it_is_looked_at_is_taken_at_once_and_so_is_a_free_one(
    memory: ObjectPath, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = clocked(monkeypatch, at_2=lambda: objects.put_over(memory / "LOCK", b""))
    for content, slept in ((b"process 5 on another, 0a, 7\n", 2), (b"", 0)):
        objects.put_over(memory / "LOCK", content)
        clock.slept.clear()
        with lock.writer_lock(memory):
            assert clock.slept == [1.0] * slept
    assert len(caplog.messages) == 1


def test_the_lease_of_another_machine_is_no_lock_that_cannot_be_seen_here(memory: ObjectPath) -> None:
    objects.put_over(memory / "LOCK", b"process 5 on another, 0a, 7\n")
    assert not lock.is_elsewhere(memory) and not lock.is_free(memory)


@pytest.mark.usefixtures("hurried")
def test_a_lease_that_nobody_renews_is_taken_over(memory: ObjectPath) -> None:
    objects.put_over(memory / "LOCK", b"process 5 on another, 0a, 7\n")
    with lock.writer_lock(memory):
        assert objects.read(memory / "LOCK").startswith(f"process {os.getpid()}".encode())
