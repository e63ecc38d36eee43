"""What the network between a market and its object store loses: nothing is lost or doubled when requests or answers fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

import qsim
from qsim.errors import DiskError, QsimError, UsageError
from qsim.storage import files, integrity, lease, log, objects, tables
from qsim.storage.places import ObjectPath, place_of
from tests import gcs
from tests.buckets import Network, Store, between
from tests.object_markets import TICKS, finished, is_sound, made

pytestmark = pytest.mark.usefixtures("impatient")

PAUSES = objects._PAUSES


@pytest.mark.parametrize("fault", ["refuse", "lose"])
def test_a_put_that_fails_once_or_loses_its_answer_is_one_put(store: Store, place: ObjectPath, fault: str) -> None:
    network = Network(store, fault, 1, 1)
    with between(network):
        assert objects.put(place / "a", b"mine")
    assert len(network.asked) >= 2
    assert objects.read(place / "a") == b"mine"


def test_a_put_whose_every_answer_is_lost_fails_and_can_be_put_again(store: Store, place: ObjectPath) -> None:
    with between(Network(store, "lose", 1, 1000)), pytest.raises(DiskError, match=r"cannot (look at|write)"):
        objects.put(place / "a", b"mine")
    assert objects.put(place / "a", b"mine")


def test_a_put_that_the_store_refuses_each_time_is_told_as_a_write(store: Store, place: ObjectPath) -> None:
    everything = Network(store, "refuse", 1, 1000)
    with between(everything), pytest.raises(DiskError):
        objects.put(place / "a", b"mine")
    puts = next(at for at, line in enumerate(everything.asked) if not line.startswith("PUT"))
    with between(Network(store, "refuse", 1, puts)), pytest.raises(DiskError, match="cannot write"):
        objects.put(place / "a", b"mine")
    assert objects.look(place / "a") is None


@pytest.mark.parametrize(("content", "put"), [(b"mine", True), (b"theirs", False)])
def test_a_put_whose_answers_are_lost_each_time_is_told_by_what_is_there_then(
    store: Store, place: ObjectPath, content: bytes, put: bool
) -> None:
    objects.put_over(place / "a", content)
    with between(Network(store, "lose", 1, len(objects._PAUSES))):
        assert objects.put(place / "a", b"mine") is put


def test_a_put_that_fails_is_tried_again_after_pauses_that_grow(
    store: Store, place: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(objects, "_PAUSES", PAUSES)
    monkeypatch.setattr(objects, "time", SimpleNamespace(sleep=slept.append))
    with between(network := Network(store, "refuse", 1, 1000)), pytest.raises(DiskError):
        objects.put(place / "a", b"mine")
    assert slept == [0.1, 0.4, 1.6]
    assert [line.split()[0] for line in network.asked][: len(slept)] == ["PUT"] * len(slept)


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (objects.look, "cannot look at"),
        (objects.read, "cannot read"),
        (lease.is_taken, "cannot read"),
        (lambda path: objects.put_over(path, b""), "cannot write"),
        (lambda path: files.remove([path]), "cannot remove"),
    ],
    ids=["look", "read", "lease", "write", "remove"],
)
def test_what_a_store_does_not_answer_is_a_fault_and_not_an_object_that_is_not_there(
    store: Store, place: ObjectPath, ask: Callable[[ObjectPath], object], line: str
) -> None:
    with between(Network(store, "refuse", 1, 1000)), pytest.raises(DiskError, match=f"{place}/a: {line}: .*503"):
        ask(place / "a")


def test_without_obstore_a_url_is_refused_with_what_to_install(
    place: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)
    with pytest.raises(UsageError, match=r"pip install 'quickcommerce-sim\[s3\]'"):
        objects.look(place / "a")


def test_a_put_never_goes_over_another(place: ObjectPath) -> None:
    assert objects.put(place / "a", b"first")
    assert not objects.put(place / "a", b"second")
    assert objects.read(place / "a") == b"first"


def committed(place: ObjectPath) -> None:
    """Commit two files at a tick each, going on from what is there, as a writer does."""
    rows = pa.table({"tick": pa.array([1, 2], pa.uint32())})
    tip = log.tip_of(log.read(place)) if log.exists(place) else log.EMPTY
    for tick in range(tip.tick + 1, TICKS + 1):
        added = [tables.write_history(place, name, rows, (tick, tick), 0) for name in ("events", "discounts")]
        tip = log.append(place, tip, tick=tick, digest=tip.digest + 1, added=added)


NIGHTLY = [
    pytest.param(*one, marks=pytest.mark.nightly) for one in (("refuse", False), ("lose", True), ("refuse", True))
]


@pytest.mark.parametrize(("fault", "persists"), [("lose", False), *NIGHTLY])
def test_a_failure_of_any_request_of_a_commit_loses_and_doubles_nothing(
    store: Store, place: ObjectPath, fault: str, persists: bool
) -> None:
    network = Network(store)
    with between(network):
        committed(place / "counted")
    for n in range(1, 1 + len(network.asked)):
        market = place / f"m{n}"
        with between(Network(store, fault, n, 10**9 if persists else n)), suppress(DiskError):
            committed(market)
        committed(market)
        history = log.read(market)
        assert (history.tick, history.digest, len(history.files)) == (TICKS, TICKS, 2 * TICKS), n
        integrity.checked(market, history)


@pytest.fixture(scope="module")
def requests(store: Store) -> int:
    """How many requests it takes to make the market."""
    network = Network(store)
    with between(network):
        made(ObjectPath(f"{store.scheme}://bucket/counted/market"))
    return len(network.asked)


def survives(store: Store, place: ObjectPath, fault: str, first: int, last: int, twin: Path) -> None:
    """Make a market while some requests fail, finish it, and hold it against its twin."""
    with between(Network(store, fault, first, last)):
        try:
            made(place)
        except QsimError as told:
            assert "\n" not in str(told), (fault, first, last)
    there = finished(place)
    assert there["digest"] == qsim.status(twin)["digest"], (fault, first, last)
    assert is_sound(place), (fault, first, last)


@pytest.mark.parametrize(("fault", "at"), [("lose", 0.93), pytest.param("refuse", 0.4, marks=pytest.mark.nightly)])
def test_a_request_that_fails_loses_and_doubles_nothing(
    store: Store, place: ObjectPath, requests: int, fault: str, at: float, twin: Path
) -> None:
    survives(store, place, fault, round(at * requests), round(at * requests), twin)


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["refuse", "lose"])
@pytest.mark.parametrize("persists", [False, True])
def test_a_failure_of_any_request_loses_and_doubles_nothing(
    store: Store, place: ObjectPath, requests: int, fault: str, persists: bool, twin: Path
) -> None:
    for n in range(1, 1 + requests):
        survives(store, place / f"m{n}", fault, n, 10**9 if persists else n, twin)


def test_all_objects_are_deleted_where_a_store_stops_at_one_that_is_not_there() -> None:
    with gcs.served() as bucket:
        paths = [ObjectPath(f"gs://bucket/m/{number}") for number in range(60)]
        bucket.objects |= dict.fromkeys((path.key for path in paths[1:]), b"")
        objects.delete(paths)
        assert bucket.objects == {}


@pytest.mark.parametrize("lost", [0, 1])
def test_a_vacuum_goes_on_where_a_store_refuses_to_delete_what_is_gone(lost: int) -> None:
    with gcs.served() as bucket:
        place = place_of("gs://bucket/m")
        qsim.generate(place, products=12)
        for _ in range(2):
            qsim.run(place, ticks=TICKS)
        qsim.compact(place)
        retired = {f"m/{path}" for path, _ in log.read(place).retired}
        if not lost:
            # As a kill amid the removals leaves it.
            del bucket.objects[min(retired)]
        bucket.lost = lost
        with suppress(DiskError):
            qsim.vacuum(place, grace_seconds=0)
        qsim.vacuum(place, grace_seconds=0)
        assert not retired & bucket.objects.keys()
        assert log.read(place).retired == ()
