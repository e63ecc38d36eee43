"""Markets in an object store: real servers of S3 and of Azure on loopback, what the network loses, and writers who meet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import qsim
from qsim.errors import ConflictError, CorruptError, DiskError, QsimError, UsageError
from qsim.monitoring import report
from qsim.standing import market_directory
from qsim.storage import files, integrity, lease, lock, log, objects, tables
from qsim.storage.places import ObjectPath, place_of
from tests import gcs
from tests.buckets import AZURITE, Network, Store, between, reached_at, served
from tests.commands import Shell, program

TICKS = 3
PAUSES = objects._PAUSES
WITHOUT_AZURITE = pytest.mark.skipif(not AZURITE, reason="needs azurite-blob: npm install --global azurite")


@pytest.fixture(scope="module", params=["s3", pytest.param("az", marks=WITHOUT_AZURITE)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store with the bucket `bucket`; object stores of its kind are reached there."""
    with served(request.param) as found:
        yield found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: a lease lapses soon, and what fails is asked once more, at once."""
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(objects, "_RETRIES", 0)
    monkeypatch.setattr(objects, "_PAUSES", (0.0, 0.0))


@pytest.fixture
def place(store: Store, request: pytest.FixtureRequest) -> ObjectPath:
    """A folder of objects of the test's own."""
    found = place_of(f"{store.scheme}://bucket/{abs(hash(request.node.name)):x}/market")
    assert isinstance(found, ObjectPath)
    return found


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The market that the tests make, on a disk; to be read."""
    directory = tmp_path_factory.mktemp("twin") / "m"
    qsim.generate(directory, products=12)
    qsim.run(directory, ticks=TICKS)
    return directory


def made(place: ObjectPath) -> dict[str, object]:
    qsim.generate(place, products=12)
    return qsim.run(place, ticks=TICKS)


def finished(place: ObjectPath) -> dict[str, object]:
    """Go on with a market from wherever a fault left it, as a user would, and give its status."""
    if not log.exists(place):
        qsim.generate(place, products=12)
    return qsim.run(place, until=TICKS)


def is_sound(place: ObjectPath) -> bool:
    found = qsim.verify(place)
    assert (found["faults"], found["notes"]) == ([], [])
    return bool(found["passed"])


def test_a_market_in_an_object_store_has_the_digest_of_one_on_a_disk(place: ObjectPath, twin: Path) -> None:
    same = ("digest", "tick", "events", "listings", "bytes", "files", "commits")
    stored, local = made(place), qsim.status(twin)
    assert {name: stored[name] for name in same} == {name: local[name] for name in same}


def test_every_command_works_on_a_url(place: ObjectPath, shell: Shell) -> None:
    url = str(place)
    for words in (
        ("generate", url, "--products", "12"), ("run", url, "--ticks", "6"), ("status", url), ("validate", url),
        ("sql", url, "SELECT count(*) FROM prices"), ("ask", "cheapest", "lemon", "--dir", url), ("compact", url),
        ("vacuum", url, "--grace", "0"), ("verify", url, "--regenerate", "all"), ("config", "show", url),
    ):  # fmt: skip
        done = shell(*words)
        assert done.code == 0, (words, done.err)
    assert json.loads(shell("status", url, "--json").out)["directory"] == url


def test_every_view_has_the_rows_of_its_twin(place: ObjectPath, twin: Path) -> None:
    made(place)
    with qsim.connect(place) as stored, qsim.connect(twin) as local:
        names = ("prices", "price_history", "discounts", "products", "snapshots", "metrics")
        for name in names:
            query = f"SELECT * FROM {name} ORDER BY ALL"
            assert stored.execute(query).fetchall() == local.execute(query).fetchall(), name


def test_a_report_tells_of_the_market_what_it_tells_of_its_twin(place: ObjectPath, twin: Path, shell: Shell) -> None:
    made(place)
    stored, local = (report.report(at)["market"] for at in (place, twin))
    assert stored == local
    assert stored["depths"]["running"]
    assert shell("report", str(place)).code == 0


def test_a_query_reads_ranges_of_the_files_it_needs_and_no_others(store: Store, place: ObjectPath) -> None:
    made(place)
    network = Network(store)
    with between(network), qsim.connect(place) as connection:
        before = len(network.asked)
        connection.execute("SELECT count(*) FROM raw.events").fetchall()
        assert {line.split("/")[-2] for line in network.asked[before:]} == {"events"}


def test_a_connection_is_refreshed_to_the_newest_commit(place: ObjectPath) -> None:
    made(place)
    with qsim.connect(place) as connection:
        before = connection.execute("SELECT count(*) FROM price_history").fetchone()
        qsim.run(place, ticks=2)
        assert connection.execute("SELECT count(*) FROM price_history").fetchone() == before
        assert qsim.refresh(connection) == TICKS + 2
        assert connection.execute("SELECT count(*) FROM price_history").fetchone() != before


def test_who_goes_to_the_end_of_an_object_leaves_another_thread_where_it_reads() -> None:
    reader = objects.RangeReader(ObjectPath("s3://bucket/key"), 100)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(reader.seek, 40).result() == 40
        assert reader.seek(0, 2) == reader.size() == 100
        assert other.submit(reader.tell).result() == 40


def test_cursors_see_what_their_connection_sees_and_one_in_a_transaction_keeps_its_commit(place: ObjectPath) -> None:
    made(place)
    counts = "SELECT raw.head_tick(), (SELECT max(tick) FROM raw.metrics), (SELECT count(*) FROM price_history) > 0"
    with qsim.connect(place) as connection, connection.cursor() as moved, connection.cursor() as held:
        held.execute("BEGIN")
        before = held.execute(counts).fetchall()
        assert before == moved.execute(counts).fetchall() == [(TICKS, TICKS, True)]
        qsim.run(place, ticks=2)
        qsim.compact(place)
        qsim.refresh(connection)
        assert moved.execute(counts).fetchall() == [(TICKS + 2, TICKS + 2, True)]
        assert held.execute(counts).fetchall() == before


@pytest.mark.parametrize("text", ["http://host/m", "s3://bucket", "s3://bucket/../m", "ftp://a/b"])
def test_other_urls_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="allowed"):
        market_directory(text)


def test_a_guarded_query_of_an_object_store_is_refused_in_one_line(place: ObjectPath, shell: Shell) -> None:
    made(place)
    assert "local folder" in shell.refused(2, "sql", "--guarded", place, "SELECT 1")


def test_a_store_that_cannot_be_reached_is_told_in_one_line(store: Store, shell: Shell) -> None:
    with reached_at(store._replace(address="127.0.0.1:9")):
        assert "cannot list" in shell.refused(6, "status", f"{store.scheme}://bucket/m")


def test_a_bucket_that_is_not_there_is_told_in_one_line(store: Store, shell: Shell) -> None:
    url = f"{store.scheme}://nobucket/m"
    assert url in shell.refused(6, "generate", url, "--products", "12")


def test_a_market_that_is_not_there_is_told_in_one_line(store: Store, shell: Shell) -> None:
    assert "holds no market" in shell.refused(4, "status", f"{store.scheme}://bucket/nothing/here")


def test_a_second_generation_is_refused(place: ObjectPath) -> None:
    qsim.generate(place, products=12)
    with pytest.raises(ConflictError, match="holds a market already"):
        qsim.generate(place, products=12)


def test_a_folder_of_other_objects_is_refused(place: ObjectPath) -> None:
    objects.put_over(place / "photos" / "cat.jpg", b"cat")
    with pytest.raises(ConflictError, match="photos"):
        qsim.generate(place, products=12)


def test_a_changed_object_is_found_by_verify(place: ObjectPath) -> None:
    made(place)
    file = log.read(place).of_table("events")[0]
    content = bytearray(objects.read(place / file.path))
    content[100] ^= 1
    objects.put_over(place / file.path, bytes(content))
    assert "sha256" in qsim.verify(place)["faults"][0]


@pytest.mark.parametrize("cut", [True, False])
def test_a_missing_or_shortened_object_is_refused_at_opening(place: ObjectPath, cut: bool) -> None:
    made(place)
    path = place / log.read(place).of_table("events")[0].path
    short = objects.read(path)[:-1]
    files.remove([path])
    if cut:
        objects.put_over(path, short)
    with pytest.raises(CorruptError, match="bytes, the log says" if cut else "is missing"):
        qsim.connect(place)


# The network.


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


# Writers who meet.


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


def test_duckdb_is_the_same_object_as_over_a_disk(place: ObjectPath) -> None:
    qsim.generate(place, products=12)
    with qsim.connect(place) as connection:
        assert isinstance(connection, duckdb.DuckDBPyConnection)
