"""Writers who meet at a market in an object store: leases, writers taken for dead, and what killed ones left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.errors import ConflictError
from qsim.storage import lease, lock, log, objects
from qsim.storage.places import ObjectPath
from tests.buckets import Network, Store, between
from tests.commands import program
from tests.object_markets import TICKS, is_sound, made

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_second_writer_is_refused_and_told_who_is_first(place: ObjectPath) -> None:
    made(place)
    with lease.held(place / "LOCK"), pytest.raises(ConflictError, match="is being written by process"):
        qsim.run(place, ticks=1)
    assert qsim.run(place, ticks=1)["tick"] == TICKS + 1


def test_a_lease_whose_renewal_fails_is_renewed_the_next_time(store: Store, place: ObjectPath) -> None:
    path = place / "LOCK"
    with between(network := Network(store, "refuse")), lease.held(path):
        network.first, network.last = len(network.asked) + 1, len(network.asked) + 2
        until = time.monotonic() + 30
        while len(network.asked) < network.last + 1 and time.monotonic() < until:
            time.sleep(0.01)
        before = objects.read(path)
        while objects.read(path) == before and time.monotonic() < until:
            time.sleep(0.01)
        assert objects.read(path) != before
    assert not lease.is_taken(path)


def test_a_lease_that_cannot_be_given_back_lapses_and_fails_nothing(store: Store, place: ObjectPath) -> None:
    path = place / "LOCK"
    with between(network := Network(store, "refuse")), lease.held(path):
        network.first, network.last = len(network.asked) + 1, 10**9
    assert lease.is_taken(path)
    with lease.held(path):
        pass
    assert not lease.is_taken(path)


@pytest.mark.parametrize("before", [0, 1])
def test_a_lease_is_given_back_however_often_it_is_interrupted(
    place: ObjectPath, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    real, reached = objects.store_of, list[bool]()

    def interrupting(bucket: str) -> Any:
        signal.raise_signal(signal.SIGINT)
        reached.append(True)
        return real(bucket)

    with pytest.raises(KeyboardInterrupt), lock.writer_lock(place):
        monkeypatch.setattr(objects, "store_of", interrupting)
        if before:
            signal.raise_signal(signal.SIGINT)
    monkeypatch.undo()
    assert reached
    assert not lease.is_taken(place / lock.LOCK)


def test_a_killed_writer_needs_nobody(place: ObjectPath) -> None:
    qsim.generate(place, products=12)
    script = f"import qsim; qsim.run({str(place)!r}, ticks=10**5, batch_size=1)"
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as writer:
        while log.read(place).number < 1:
            time.sleep(0.1)
            assert writer.poll() is None
        writer.kill()
    reached = qsim.status(place)["tick"]
    assert qsim.run(place, ticks=1)["tick"] > reached
    assert is_sound(place)


def test_a_writer_taken_for_dead_loses_its_commit_and_is_told_who_won(
    place: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are at the same commit, with their files put; the one that lost leaves nothing that is ever named."""
    made(place)
    quick = log.append

    def slow(*given: object, **named: object) -> object:
        monkeypatch.setattr(log, "append", quick)
        monkeypatch.setattr(lease, "_wait_for_dead", lambda path: None)
        qsim.run(place, ticks=1)
        return quick(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "append", slow)
    with pytest.raises(ConflictError, match="is a commit of another writer, process"):
        qsim.run(place, ticks=1, discount_probability=0.5)
    assert qsim.status(place)["tick"] == TICKS + 1
    assert qsim.run(place, ticks=1)["tick"] == TICKS + 2
    assert is_sound(place)


def test_nothing_is_cleared_that_a_writer_taken_for_dead_could_still_commit(
    place: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(place)
    qsim.compact(place)
    quick = log.append

    def slow(*given: object, **named: object) -> object:
        monkeypatch.setattr(log, "append", quick)
        monkeypatch.setattr(lease, "_wait_for_dead", lambda path: None)
        qsim.compact(place)
        return quick(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "append", slow)
    with pytest.raises(ConflictError, match="is a commit of another writer"):
        qsim.run(place, ticks=1)
    assert is_sound(place)


def test_what_a_killed_generation_left_is_cleared_by_the_next(place: ObjectPath, twin: Path) -> None:
    objects.put_over(place / "LOCK", b"process 1 on elsewhere, 0123abcd, 7\n")
    for name in ("market-0123abcd.toml", "catalog/products-0123abcd.parquet"):
        objects.put_over(place / name, b"other")
    assert made(place)["digest"] == qsim.status(twin)["digest"]
    assert is_sound(place)


@pytest.mark.nightly
def test_the_command_line_as_a_program_reaches_a_store_by_its_environment(place: ObjectPath) -> None:
    assert program("generate", place, "--products", "12", **os.environ).code == 0
    done = program("sql", place, "SELECT count(*) AS n FROM listings", "--json", **os.environ)
    assert json.loads(done.out) == [{"n": 60}]
