"""An object store by itself, in memory: objects put, listed, read by ranges and deleted, and a market's files in it."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from qsim.errors import ConflictError, CorruptError, DiskError
from qsim.storage import files, integrity, log, objects, pieces
from qsim.storage.places import ObjectPath
from qsim.streams import FORMAT_VERSION
from tests.buckets import in_memory
from tests.files_of_commits import data_file


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> ObjectPath:
    return in_memory(monkeypatch)


def test_an_object_is_put_once_and_found_with_its_size_in_the_order_of_names(memory: ObjectPath) -> None:
    assert objects.put(memory / "b", b"12345") and objects.put(memory / "b", b"12345")
    assert not objects.put(memory / "b", b"54321") and not objects.put(memory / "b", b"1234")
    assert objects.put(memory / "a" / "x", memoryview(np.arange(2, dtype=np.int32)))
    found = objects.look(memory / "b")
    assert found is not None and (found.is_file, found.is_directory, found.bytes, found.names) == (True, False, 5, 1)
    assert objects.entries(memory) == {"a": None, "b": found} and list(objects.entries(memory)) == ["a", "b"]
    assert (objects.look(memory / "c"), objects.entries(memory / "c")) == (None, {})
    assert (objects.read(memory / "b"), len(objects.read(memory / "a/x"))) == (b"12345", 8)
    objects.put_over(memory / "b", b"1")
    assert objects.read(memory / "b") == b"1"
    with pytest.raises(DiskError, match="cannot read"):
        objects.read(memory / "c")


def test_an_object_was_changed_when_it_was_put(memory: ObjectPath) -> None:
    begun = time.time_ns()
    objects.put(memory / "a", b"1")
    found = objects.look(memory / "a")
    assert found is not None and found.modified_ns == found.changed_ns and found.inode == 0
    # A store's clock may tell whole seconds alone.
    assert begun - 2 * 10**9 < found.modified_ns < time.time_ns() + 2 * 10**9


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("no such bucket", "no such bucket"),
        ("no answer: \n\nDebug source:\nGeneric { inner: 7 }", "no answer"),
        ('status 403 Forbidden: <?xml version="1.0"?><Error/>', "status 403 Forbidden"),
        ("two\nlines", "two lines"),
        ("x" * 400, "x" * 300),
    ],
)
def test_of_what_a_store_tells_the_first_sentence_is_told(told: str, reason: str) -> None:
    assert objects._reason(ValueError(told)) == reason


def test_so_many_objects_are_deleted_by_one_request_as_s3_takes_and_each_once(
    memory: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked = objects.store_of(memory.bucket), []

    class Counting:
        def delete(self, keys: list[str]) -> None:
            asked.append(len(keys))
            store.delete(keys)

    monkeypatch.setattr(objects, "store_of", lambda bucket: Counting())
    objects.delete([memory / f"{number}" for number in range(2003)])
    assert asked == [1000, 1000, 3]


def test_a_large_object_is_put_whole_where_none_is(memory: ObjectPath) -> None:
    data = os.urandom(12_000_000)
    assert objects.put(memory / "a", data) and objects.read(memory / "a") == data
    assert not objects.put(memory / "a", data[:-1])


def test_a_commit_that_lost_is_told_the_first_200_characters_of_who_won(memory: ObjectPath) -> None:
    body = {"format": FORMAT_VERSION, "number": 0, "writer": "w" * 300}
    objects.put(log.commit_path(memory, 0), pieces.sealed(body)[0])
    with pytest.raises(ConflictError, match=r"0000000000.json: is a commit of another writer, w{200}; one writer"):
        log.append(memory, log.EMPTY, tick=0, digest=0)


def test_objects_that_are_there_and_those_that_are_not_are_deleted_alike(memory: ObjectPath) -> None:
    some = [memory / f"{number}" for number in range(1003)]
    for one in (some[0], some[999], some[1000], some[1002]):
        objects.put(one, b"x")
    files.remove(some)
    assert objects.entries(memory) == {}
    files.remove([])


def test_a_market_in_an_object_store_needs_no_directories(memory: ObjectPath) -> None:
    files.make_path(memory)
    files.make_directory(memory / "events")
    files.make_missing(memory, ["events"])
    files.sync_directory(memory)
    assert (files.names(memory), files.leads_to_directory(memory), files.look(memory)) == ([], False, None)
    assert files.free_bytes(memory) > 2**60
    files.put_if_absent(memory / "events/1.parquet", b"x")
    with pytest.raises(ConflictError, match="is there already"):
        files.put(memory / "events/1.parquet", b"y")
    assert (files.names(memory), files.read(memory / "events/1.parquet")) == (["events"], b"x")
    with pytest.raises(CorruptError, match="is missing"):
        files.read(memory / "none")


def test_objects_are_held_against_what_a_listing_tells_of_them(memory: ObjectPath) -> None:
    for name, content in (("events/1.parquet", b"12345"), ("market.toml", b"1")):
        objects.put(memory / name, content)
    good = [data_file(bytes=5), data_file("market.toml", bytes=1)]
    assert list(integrity.faults(memory, good)) == []
    wrong = [data_file(bytes=4), data_file("market.toml", bytes=1), data_file("events/2.parquet")]
    assert [(path, str(fault).partition("; ")[0]) for path, fault in integrity.faults(memory, wrong)] == [
        ("events/1.parquet", "s3://bucket/market/events/1.parquet: has 5 bytes, the log says 4"),
        ("events/2.parquet", "s3://bucket/market/events/2.parquet: is missing"),
    ]
    assert [path for path, _ in integrity.faults(memory, good, afresh=True)] == ["events/1.parquet", "market.toml"]


def test_an_object_is_read_by_ranges_as_any_file_is(memory: ObjectPath) -> None:
    objects.put(memory / "x", b"0123456789")
    reader = objects.RangeReader(memory / "x", 10)
    assert (reader.readable(), reader.seekable(), reader.writable(), reader.size(), reader.tell()) == (
        True,
        True,
        False,
        10,
        0,
    )
    assert (reader.read(3), reader.tell(), reader.read(0), reader.read(4)) == (b"012", 3, b"", b"3456")
    assert (reader.seek(1), reader.read(1), reader.seek(2, 1), reader.read(), reader.tell()) == (
        1,
        b"1",
        4,
        b"456789",
        10,
    )
    assert (reader.read(5), reader.seek(-2, 2), reader.read(9), reader.read()) == (b"", 8, b"89", b"")
    reader.close()
    assert not reader.closed
