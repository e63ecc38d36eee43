"""The parts of storage by themselves: places and names, what a commit may hold, locks, rows of few listings, an object store."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qsim.errors import ConflictError, CorruptError, DiskError, UsageError
from qsim.storage import (
    compaction,
    files,
    integrity,
    leftovers,
    lock,
    log,
    objects,
    pieces,
    rows,
    system,
    tables,
    verification,
)
from qsim.storage.pieces import DataFile, Piece, Tip
from qsim.storage.places import ObjectPath, place_of
from qsim.streams import FORMAT_VERSION
from tests.buckets import in_memory


def data_file(path: str = "events/1.parquet", **changes: Any) -> DataFile:
    plain = {"table": "events", "rows": 0, "bytes": 0, "sha256": "", "first": 0, "last": 0, "block": 0}
    return DataFile(**{"path": path, **plain, **changes})


def within(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize(
    ("text", "bucket", "key", "shown"),
    [
        ("s3://bucket/market", "s3://bucket", "market", "s3://bucket/market"),
        ("gs:/bucket/a/b", "gs://bucket", "a/b", "gs://bucket/a/b"),
        ("az://bucket/a:/b", "az://bucket", "a:/b", "az://bucket/a:/b"),
    ],
)
def test_a_url_of_an_object_store_is_a_bucket_and_a_key(text: str, bucket: str, key: str, shown: str) -> None:
    place = place_of(text)
    assert isinstance(place, ObjectPath) and place.absolute() is place
    assert (place.bucket, place.key, str(place)) == (bucket, key, shown)
    assert str(place.parent / "x") == f"{bucket}/{'/'.join([*key.split('/')[:-1], 'x'])}"


@pytest.mark.parametrize(
    "text", ["s3://bucket", "s3://bucket/", "s3://bucket/a/../../b", "http://host/m", "s4://bucket/m"]
)
def test_a_url_that_is_no_folder_in_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="allowed"):
        place_of(text)


def test_who_names_a_bucket_alone_is_told_a_folder_in_it() -> None:
    with pytest.raises(
        UsageError, match=r"gs://mine/: allowed is a folder in a bucket, such as gs://mine/market; name"
    ):
        place_of("gs://mine/")


def test_another_text_is_a_local_path_if_it_can_be_told() -> None:
    assert place_of("a/s3:") == Path("a/s3:")
    with pytest.raises(UsageError, match="is not UTF-8"):
        place_of(os.fsdecode(b"/tmp/\xff"))


@pytest.mark.parametrize(
    ("path", "tick"),
    [
        ("events/0000000012-0000000015-00003.parquet", 12),
        ("events/0000000012-0000000015-00003-0a1b2c3d.parquet", 12),
        ("events/0000000012-0000000015-0003.parquet", None),
        ("events/more.parquet", None),
        ("events/products.parquet", None),
        ("catalog/products.parquet", 0),
        ("catalog/products-00002.parquet", 0),
        ("catalog/products-00002-0a1b2c3d.parquet", 0),
        ("catalog/mine.parquet", None),
        ("market-0a1b2c3d.toml", 0),
        ("market.toml", None),
    ],
)
def test_a_file_is_a_writers_by_its_name_alone(path: str, tick: int | None) -> None:
    assert leftovers.first_tick(Path("m") / path, {"products"}) == tick


def test_files_that_begin_farther_after_the_log_than_a_writer_comes_are_refused(tmp_path: Path) -> None:
    history = replace(
        log.EMPTY,
        tick=5,
        files=(data_file("events/0000000000-0000000005-00000.parquet"),),
        retired=(("events/old", 3),),
    )
    near, far = (f"{tick:010d}-0000000099-00000.parquet" for tick in (9, 10))
    (tmp_path / "events").mkdir()
    for name in (near, "0000000000-0000000005-00000.parquet", "old", "mine.parquet", ".x.1-1.tmp"):
        (tmp_path / "events" / name).touch()
    left = leftovers.found(tmp_path, ["events", "missing"], (), history, 4)
    assert left == [tmp_path / "events" / near]
    (tmp_path / "events" / far).touch()
    with pytest.raises(CorruptError, match=f"{far}: covers ticks long after 5"):
        leftovers.found(tmp_path, ["events"], (), history, 4)
    leftovers.clear(tmp_path, ["events", "missing"], left)
    assert within(tmp_path / "events") == sorted(["0000000000-0000000005-00000.parquet", "old", "mine.parquet", far])


def test_in_an_object_store_and_among_machines_no_two_files_get_one_name(tmp_path: Path) -> None:
    assert files.own_name(tmp_path, "events/1.parquet") == "events/1.parquet"
    for given in ((tmp_path, True), (place_of("s3://bucket/m"), False)):
        names = {files.own_name(given[0], "events/1.parquet", shared=given[1]) for _ in range(3)}
        assert len(names) == 3 and all(len(name) == len("events/1-01234567.parquet") for name in names)


def test_names_and_looks_are_of_what_is_there_and_nothing_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path)
    os.link(tmp_path / "file", tmp_path / "again")
    assert files.names(tmp_path) == ["again", "file", "link"]
    assert (files.names(tmp_path / "none"), files.names(tmp_path / "file")) == ([], [])
    found = files.look(tmp_path / "file")
    assert found is not None and (found.is_file, found.is_directory, found.bytes, found.names) == (True, False, 5, 2)
    link, folder = files.look(tmp_path / "link"), files.look(tmp_path)
    assert link is not None and (link.is_file, link.is_directory) == (False, False)
    assert folder is not None and (folder.is_file, folder.is_directory) == (False, True)
    assert (files.look(tmp_path / "none"), files.look(tmp_path / "file" / "inner")) == (None, None)
    assert files.looks(tmp_path, ["file", "none"]) == [found, None]
    assert [files.leads_to_directory(tmp_path / name) for name in ("link", "file", "none")] == [True, False, False]
    assert files.free_bytes(tmp_path) > 0


def test_directories_are_made_where_they_are_missing(tmp_path: Path) -> None:
    files.make_path(tmp_path / "a" / "b")
    files.make_directory(tmp_path / "a" / "b")
    files.make_missing(tmp_path / "a", ["b", "c"])
    assert within(tmp_path / "a") == ["b", "c"]
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for name, told in (("file", "Not a directory"), ("none/inner", "No such file")):
        with pytest.raises(DiskError, match=f"{name}: cannot make the directory: {told}"):
            files.make_directory(tmp_path / name)


def test_a_link_to_a_directory_is_one_already(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    files.make_directory(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The directories whose names are to be put on disk, in order."""
    found, really = [], system.sync_directory

    def sync_directory(path: Path) -> None:
        found.append(path)
        really(path)

    monkeypatch.setattr(system, "sync_directory", sync_directory)
    return found


def test_the_names_on_a_path_are_put_on_disk_again_where_they_are_there(tmp_path: Path, synced: list[Path]) -> None:
    files.make_path(tmp_path)
    assert synced == [*reversed(tmp_path.parents)]


def test_that_files_are_gone_is_put_on_disk_once_for_each_of_their_directories(
    tmp_path: Path, synced: list[Path]
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").touch()
    files.remove([tmp_path / name for name in ("b/1", "a/1", "a/2")])
    assert synced == [tmp_path / "a", tmp_path / "b"]


def test_that_a_file_is_there_if_none_was_is_put_on_disk(tmp_path: Path, synced: list[Path]) -> None:
    files.put_if_absent(tmp_path / "1.json", b"1")
    assert synced == [tmp_path]


def test_content_and_names_reach_the_disk_by_the_systems_own_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inodes, really = [], os.fsync

    def fsync(handle: int) -> None:
        really(handle)
        inodes.append(os.fstat(handle).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    files.put(tmp_path / "a", b"1")
    files.sync_directory(tmp_path)
    assert inodes == [(tmp_path / "a").stat().st_ino, tmp_path.stat().st_ino]


def test_what_is_written_can_be_read_by_all_and_written_by_its_owner(tmp_path: Path) -> None:
    kept = os.umask(0)
    try:
        files.put(tmp_path / "a", b"1")
        with lock.writer_lock(tmp_path):
            assert [(tmp_path / name).stat().st_mode & 0o7777 for name in ("a", lock.LOCK)] == [0o644, 0o644]
    finally:
        os.umask(kept)


def test_a_write_over_a_directory_is_a_fault_of_the_disk_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(DiskError, match="a: cannot rename into: Is a directory"):
        files.put(tmp_path / "a", b"1")
    assert within(tmp_path) == ["a"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what Linux alone tells")
def test_no_file_stays_open_after_what_was_done_with_it_or_was_refused(tmp_path: Path) -> None:
    def acted() -> None:
        files.put(tmp_path / "a", b"1")
        files.read(tmp_path / "a")
        files.sync_directory(tmp_path)
        with lock.writer_lock(tmp_path):
            refused(ConflictError, lambda: lock.writer_lock(tmp_path).__enter__())
        for path in (tmp_path, tmp_path / "none", tmp_path / "link", tmp_path / "pipe"):
            refused((CorruptError, DiskError), lambda path=path: files.read(path))
        refused(DiskError, lambda: files.put(tmp_path / "folder", b"1"))

    def refused(kind: Any, act: Callable[[], object]) -> None:
        with pytest.raises(kind):
            act()

    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    acted()
    links = [str(handle.readlink()) for handle in Path("/proc/self/fd").iterdir() if handle.is_symlink()]
    assert [link for link in links if link.startswith(str(tmp_path))] == []


def test_a_name_that_the_disk_refuses_to_give_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(system, "link", refuse)
    with pytest.raises(DiskError, match=r"1.json: cannot link: Input/output error; free space"):
        files.put_if_absent(tmp_path / "1.json", b"1")
    assert within(tmp_path) == []


def test_only_what_a_write_left_unfinished_is_removed_as_such(tmp_path: Path) -> None:
    for name in (".x.parquet.12-34.tmp", ".x.12.tmp", "x.12-34.tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".folder.12-34.tmp").mkdir()
    (tmp_path / ".link.12-34.tmp").symlink_to(tmp_path / "x.12-34.tmp")
    files.remove_temporary(tmp_path)
    files.remove_temporary(tmp_path / "none")
    assert within(tmp_path) == [".folder.12-34.tmp", ".link.12-34.tmp", ".x.12.tmp", "x.12-34.tmp"]


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/b/c", "events/.x", "events/", "market.tom", "events/../x", "x"]
)
def test_a_commit_names_no_file_out_of_the_market(path: str) -> None:
    with pytest.raises(ValueError, match=re.escape(path)):
        data_file(path)


@pytest.mark.parametrize("name", ["rows", "bytes", "first", "last", "block"])
def test_the_numbers_of_a_file_are_whole_and_none_is_below_zero(name: str) -> None:
    assert asdict(data_file(**{name: 0}))[name] == 0
    for value in (-1, True, 1.0, "1", None):
        with pytest.raises(ValueError, match="events"):
            data_file(**{name: value})


@pytest.mark.parametrize(
    "record",
    [
        data_file(),
        log.EMPTY,
        Tip(0, "", 0, 0),
        system.look("/"),
        rows._Group(Path("a"), "", 0, (0, 0), (0, 0)),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_there_is_one_of_for_each_file_of_a_log_cannot_be_altered_and_carries_no_dict(record: Any) -> None:
    assert not hasattr(record, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, None)


def test_a_piece_that_was_read_cannot_be_altered() -> None:
    with pytest.raises(FrozenInstanceError):
        piece(3).since = 4  # type: ignore[misc]


def test_storage_is_imported_without_what_it_needs_for_some_of_its_work_alone() -> None:
    names = ", ".join(f"qsim.storage.{path.stem}" for path in Path(files.__file__).parent.glob("*.py"))
    program = f"import sys, {names}; print(*sorted({{'pyarrow', 'obstore', 'duckdb', 'polars'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"


def body(number: int = 5, **changes: Any) -> dict[str, Any]:
    common = {
        "format": FORMAT_VERSION,
        "number": number,
        "previous": "p",
        "tick": 9,
        "digest": "1f",
        "epoch": None,
        "files": [],
    }
    return common | changes


AT = Path("m/_commits/0000000005.json")


def test_a_commit_and_a_checkpoint_are_read_as_what_they_hold() -> None:
    plain = pieces.piece_of(AT, body(), "seal")
    assert plain == Piece(AT, 5, "p", Tip(5, "seal", 9, 31), [], [], [], -1)
    one = pieces.piece_of(AT, body(epoch={"tick": 3}, removed=["events/1.parquet"], vacuumed=2), "seal")
    assert (one.epochs, one.removed, one.vacuumed) == ([{"tick": 3}], [("events/1.parquet", 5)], 2)
    many = pieces.piece_of(
        AT, body(since=0, head="h", epochs=[{"tick": 1}, {"tick": 2}], removed=[["events/1.parquet", 4]]), "seal"
    )
    assert (many.since, many.tip.head, len(many.epochs), many.removed) == (0, "h", 2, [("events/1.parquet", 4)])
    assert pieces.piece_of(AT, body(since=5), "seal").since == 5


@pytest.mark.parametrize(
    ("changes", "line"),
    [({"number": 4}, "does not follow commit 4: it is commit 4"), ({"since": 6}, "does not follow"),
     ({"since": -1}, "does not follow"),
     ({"digest": "x"}, "does not hold"), ({"files": [{}]}, "does not hold"), ({"removed": [7]}, "does not hold"),
     ({"since": "a"}, "does not hold"), ({"epochs": None, "tick": None}, "does not hold")],
)  # fmt: skip
def test_a_commit_that_is_none_is_refused_under_its_name(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(CorruptError, match=f"{AT}: {line}"):
        pieces.piece_of(AT, body(**changes), "seal")


def piece(number: int, tick: int = 0, previous: str = "", since: int | None = None, **changes: Any) -> Piece:
    start = number if since is None else since
    whole = Piece(
        AT, start, previous or (f"h{start - 1}" if start else ""), Tip(number, f"h{number}", tick, 0), [], [], [], -1
    )
    return replace(whole, **changes)


def test_a_piece_follows_the_one_before_by_number_hash_and_tick() -> None:
    before = Tip(4, "h4", 7, 0)
    pieces.check_follows(before, piece(5, 7))
    for wrong in (piece(6, 7, "h4"), piece(5, 7, "h3"), piece(5, 6)):
        with pytest.raises(CorruptError, match=r"does not follow commit 4 \(h4\)"):
            pieces.check_follows(before, wrong)
    with pytest.raises(CorruptError, match=r"does not follow commit 4 \(0123456789ab\)"):
        pieces.check_follows(replace(before, head="0123456789abcdef"), piece(5, 7))


@pytest.mark.parametrize("held", ["[]", '"text"', "7"])
def test_a_commit_sealed_over_what_is_no_object_is_refused(tmp_path: Path, held: str) -> None:
    seal = hashlib.sha256(held.encode()).hexdigest()
    (tmp_path / "1.json").write_text(f'{{"body": {held},\n"sha256": "{seal}"}}\n')
    with pytest.raises(CorruptError, match=r"1.json: its checksum is not that of its content"):
        pieces.opened(tmp_path / "1.json")


def test_joined_pieces_hold_what_is_left_of_all_their_files() -> None:
    old, new, last = (data_file(f"events/{name}.parquet") for name in ("old", "new", "last"))
    first = piece(3, 1, files=[old], epochs=[{"tick": 1}])
    second = piece(
        4, 2, files=[new], removed=[("events/old.parquet", 4), ("events/outside.parquet", 4)], epochs=[{"tick": 2}]
    )
    third = piece(5, 3, files=[last], vacuumed=4)
    found = pieces.joined([first, second])
    assert found == Piece(AT, 3, "h2", second.tip, [{"tick": 1}, {"tick": 2}], [new], second.removed, -1)
    # What came before the pieces is told on, for who joins them to what named it.
    assert pieces.joined([first, second, third]).removed == [("events/outside.parquet", 4)]
    assert pieces.joined([first, second, replace(third, vacuumed=3)]).removed == second.removed
    with pytest.raises(CorruptError, match=r"names events/old.parquet a second time"):
        pieces.joined([first, piece(4, 2, files=[replace(old, rows=1)])])


def test_a_lock_is_free_unless_somebody_holds_it_or_that_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lock.is_free(tmp_path)
    with lock.writer_lock(tmp_path):
        assert not lock.is_free(tmp_path)
        (tmp_path / "other").mkdir()
        with lock.writer_lock(tmp_path / "other"):
            lock.check_held(tmp_path)
    assert lock.is_free(tmp_path)
    monkeypatch.setattr(system, "locked_files", lambda: None)
    assert not lock.is_free(tmp_path)


@pytest.mark.parametrize(
    ("content", "elsewhere"),
    [(None, False), ("", False), (f"process 5 on {socket.gethostname()}\n", False), ("process 5 on another\n", True)],
)
def test_a_lock_was_taken_elsewhere_where_it_names_another_machine(
    tmp_path: Path, content: str | None, elsewhere: bool
) -> None:
    if content is not None:
        (tmp_path / "LOCK").write_text(content)
    assert lock.is_elsewhere(tmp_path) is elsewhere


@pytest.mark.parametrize(
    ("content", "holder"),
    [(None, None), (b"", None), (b"process 4711 on here\n", 4711), (b"a process 4711 on here", None), (b"\xff", None)],
)
def test_the_last_holder_of_a_lock_is_the_process_that_it_names(
    tmp_path: Path, content: bytes | None, holder: int | None
) -> None:
    if content is not None:
        (tmp_path / "LOCK").write_bytes(content)
    assert lock.last_holder(tmp_path) == holder


def test_a_lock_that_names_nobody_is_told_as_held_by_an_unknown_process(tmp_path: Path) -> None:
    handle = system.open_lock(tmp_path / "LOCK")
    assert system.take_lock(handle)
    with pytest.raises(ConflictError, match="is being written by an unknown process"), lock.writer_lock(tmp_path):
        pass
    system.overwrite(handle, b"x" * 300)
    assert (system.read_open(handle), system.is_open_at(handle, tmp_path / "LOCK")) == (b"x" * 200, True)
    system.overwrite(handle, b"y")
    assert system.read_open(handle) == b"y" and not system.is_open_at(handle, tmp_path / "none")
    system.close(handle)


def committed(market: Path, name: str, content: bytes = b"12345") -> DataFile:
    (market / "events").mkdir(exist_ok=True)
    (market / "events" / name).write_bytes(content)
    return data_file(f"events/{name}", bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("count", [1, 16, 17, 40])
def test_each_file_that_is_not_what_was_committed_is_told_by_its_path_and_fault(tmp_path: Path, count: int) -> None:
    named = [committed(tmp_path, f"{number}.parquet") for number in range(count)]
    assert not list(integrity.faults(tmp_path, named))
    (tmp_path / named[-1].path).write_bytes(b"54321")
    [(path, fault)] = integrity.faults(tmp_path, named)
    assert path == named[-1].path and f"{path}: its sha256" in str(fault)


@pytest.mark.parametrize(("days", "reads"), [(-1, 1), (1, 1), (0, 2)])
def test_a_file_from_before_the_clock_was_put_back_is_read_once_as_one_of_yesterday_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, reads: int
) -> None:
    file, seen, really = committed(tmp_path, "1.parquet"), [], integrity.read
    monkeypatch.setattr(integrity, "read", lambda *given: (seen.append(1), really(*given))[1])
    found = system.look(tmp_path / file.path)
    assert found is not None
    monkeypatch.setattr(integrity.time, "time_ns", lambda: found.changed_ns - days * 86_400 * 10**9)
    for _ in range(2):
        assert not list(integrity.faults(tmp_path, [file]))
    assert len(seen) == reads


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a file but a link or a directory"),
        (
            lambda path: (path.rename(f"{path}x"), path.symlink_to(f"{path}x")),
            "is not a file but a link or a directory",
        ),
        (lambda path: os.link(path, f"{path}x"), "is a hard link"),
        (lambda path: path.write_bytes(b"123456"), "has 6 bytes, the log says 5"),
        (lambda path: path.write_bytes(b"12346"), "its sha256 is not the one in the log"),
    ],
    ids=["missing", "folder", "link", "hard link", "longer", "changed"],
)
def test_a_file_that_differs_from_the_log_is_refused_with_how_it_differs(tmp_path: Path, spoil: Any, line: str) -> None:
    file = committed(tmp_path, "1.parquet")
    integrity.check(tmp_path, file)
    spoil(tmp_path / file.path)
    with pytest.raises(CorruptError, match=f"{file.path}: {line}"):
        integrity.check(tmp_path, file)


@pytest.fixture
def _marks_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing move the marks of a file: what a disk does that forgets or alters bits."""
    really = system.look

    def look(path: Path | str) -> system.Entry | None:
        found = really(path)
        return found and replace(found, modified_ns=10**18, changed_ns=10**18)

    monkeypatch.setattr(system, "look", look)


@pytest.mark.usefixtures("_marks_stand_still")
def test_a_file_is_looked_at_once_by_a_process_and_again_where_that_is_asked_for(tmp_path: Path) -> None:
    file = committed(tmp_path, "1.parquet")
    assert list(integrity.faults(tmp_path, [file])) == []
    (tmp_path / file.path).write_bytes(b"54321")
    assert list(integrity.faults(tmp_path, [file])) == []
    [(path, fault)] = integrity.faults(tmp_path, [file], afresh=True)
    assert path == file.path and "its sha256" in str(fault)
    [(path, _)] = integrity.faults(tmp_path, [replace(file, sha256="00")])
    assert path == file.path


@pytest.mark.usefixtures("_marks_stand_still")
def test_verifying_looks_at_files_that_this_process_has_looked_at_before(tmp_path: Path) -> None:
    for name in (log.COMMITS, log.CHECKPOINTS):
        (tmp_path / name).mkdir()
    file = committed(tmp_path, "1.parquet")
    log.append(tmp_path, log.EMPTY, tick=0, digest=0, added=[file])
    integrity.read_log(tmp_path)
    (tmp_path / file.path).write_bytes(b"54321")
    integrity.read_log(tmp_path)
    [fault] = verification.verify(tmp_path, ["events"], ()).faults
    assert f"{file.path}: its sha256" in fault


@pytest.mark.usefixtures("_marks_stand_still")
def test_a_process_that_follows_a_market_keeps_nothing_of_files_that_others_stand_in_for(tmp_path: Path) -> None:
    for name in (log.COMMITS, log.CHECKPOINTS):
        (tmp_path / name).mkdir()
    small = [committed(tmp_path, f"{number}.parquet") for number in range(3)]
    tip = log.append(tmp_path, log.EMPTY, tick=2, digest=0, added=small)
    history = integrity.read_log(tmp_path)
    assert set(integrity._known[tmp_path]) == {file.path for file in small}
    merged = committed(tmp_path, "merged.parquet")
    log.append(tmp_path, tip, tick=2, digest=0, added=[merged], removed=[file.path for file in small])
    integrity.read_log(tmp_path, history)
    assert set(integrity._known[tmp_path]) == {merged.path}


def test_a_file_read_as_committed_has_the_bytes_and_the_hash_of_the_log(tmp_path: Path) -> None:
    file = committed(tmp_path, "1.parquet")
    assert integrity.read(tmp_path, file) == b"12345"
    for wrong in (replace(file, bytes=6), replace(file, sha256="00")):
        with pytest.raises(CorruptError, match="its sha256"):
            integrity.read(tmp_path, wrong)


def test_a_sound_market_is_verified_with_what_was_looked_at(ran: Path) -> None:
    history = log.read(ran)
    found = verification.verify(ran, ["catalog", "events"], ())
    assert (found.commits, found.checkpoints, found.files) == (history.number + 1, 0, len(history.files))
    assert found.bytes == sum(file.bytes for file in history.files) and found.faults == []


# Row groups of two files: the ticks and listings of each. The third has no row of an odd listing.
LAYOUT = [[((0, 9), (0, 4, 1)), ((0, 7), (5, 9, 1))], [((10, 19), (0, 8, 2)), ((12, 14), (6, 9, 1))]]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[DataFile]]:
    """A market's folder with two files of history, and one that lies after them and is not there."""
    market = tmp_path_factory.mktemp("rows")
    (market / "events").mkdir()
    named = []
    for number, groups in enumerate(LAYOUT):
        with pq.ParquetWriter(
            market / f"events/{number}.parquet",
            pa.schema({"tick": pa.uint32(), "listing_id": pa.uint32(), "price": pa.int32()}),
        ) as writer:
            for (first, last), (low, high, step) in groups:
                pairs = list(itertools.product(range(low, high + 1, step), range(first, last + 1)))
                columns = {"tick": [tick for _, tick in pairs], "listing_id": [one for one, _ in pairs]}
                writer.write_table(
                    pa.table({**columns, "price": [100 * one + tick for one, tick in pairs]}, writer.schema)
                )
        named.append(data_file(f"events/{number}.parquet", first=10 * number, last=10 * number + 9))
    return market, [*named, data_file("events/2.parquet", first=20, last=29)]


RANGES = [(0, 10), (4, 5), (5, 6), (4, 6), (7, 8), (8, 9), (9, 10), (0, 1), (3, 4), (10, 12)]
TICKS = [(0, 19), (0, 0), (7, 9), (8, 9), (9, 10), (10, 10), (14, 19), (15, 19), (19, 19), (3, 12)]


@pytest.mark.parametrize(("listings", "ticks"), [*itertools.product(RANGES, TICKS)])
def test_the_rows_of_few_listings_are_those_of_the_groups_that_may_hold_them_the_newest_first(
    stored: tuple[Path, list[DataFile]], listings: tuple[int, int], ticks: tuple[int, int]
) -> None:
    (start, stop), (first, last) = listings, ticks
    may = [
        (of_ticks, range(low, high + 1, step))
        for groups in LAYOUT
        for of_ticks, (low, high, step) in groups
        if low < stop and high >= start and of_ticks[0] <= last and of_ticks[1] >= first
    ]
    may.sort(key=lambda group: -group[0][1])
    wanted = []
    for at, ((low, high), of) in enumerate(may):
        pairs = [
            (tick, one) for one in of if start <= one < stop for tick in range(max(low, first), min(high, last) + 1)
        ]
        if pairs:
            wanted.append((pairs, min(may[at + 1][0][1], last) if at + 1 < len(may) else -1))
    market, named = stored
    found = [
        (list(zip(got["tick"].tolist(), got["listing_id"].tolist(), strict=True)), later)
        for got, later in rows.newest(market, named, range(start, stop), ticks, ("tick", "price"))
        if np.array_equal(got["price"], 100 * got["listing_id"].astype(np.int64) + got["tick"])
    ]
    assert found == wanted


def test_a_file_of_rows_that_is_no_parquet_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events/1.parquet").write_bytes(b"PAR1 no such PAR1")
    with pytest.raises(
        CorruptError, match=r"events/1.parquet: is not the Parquet file it was: [^\n]{1,120}; restore"
    ) as caught:
        list(rows.newest(tmp_path, [data_file()], range(1), (0, 0), ()))
    assert "\n" not in str(caught.value)


def test_of_what_is_wrong_with_a_file_of_rows_120_characters_are_told(tmp_path: Path) -> None:
    market = tmp_path / ("a" * 100) / ("b" * 100)
    with pytest.raises(CorruptError) as caught:
        list(rows.newest(market, [data_file()], range(1), (0, 0), ()))
    told = str(caught.value).partition("is not the Parquet file it was: ")[2]
    assert len(told.removesuffix("; restore it from a copy")) == 120


# Rows of files that follow one another, and how those are gathered that one file can hold: 1,048,576.
@pytest.mark.parametrize(
    "groups",
    [
        [[1_048_575, 1], [1]],
        [[1_048_576], [1]],
        [[1], [1_048_576], [5, 1_048_570], [2]],
        [[1_048_577], [1, 1, 1_048_574]],
    ],
)
def test_as_many_small_files_are_merged_as_one_file_may_hold(groups: list[list[int]]) -> None:
    counts = [count for group in groups for count in group]
    named = [data_file(f"events/{n}.parquet", rows=count, first=n, last=n) for n, count in enumerate(counts)]
    assert [[file.rows for file in group] for group in compaction._groups(reversed(named), ())] == groups


def test_to_gather_many_small_files_takes_no_longer_for_each_of_them_than_for_few() -> None:
    asked: list[str] = []

    class Asked(DataFile):
        def __getattribute__(self, name: str) -> Any:
            asked.append(name)
            return super().__getattribute__(name)

    named = [Asked(f"events/{n}.parquet", "events", 1, 0, "", n, n, 0) for n in range(1_000)]
    [group] = compaction._groups(named, ())
    # Where the rows of those before are added up again for each of them they are asked for half a million times.
    assert asked.count("rows") <= 3 * len(named) and len(group) == len(named)


def test_files_are_merged_with_those_of_their_table_and_block_and_of_some_tables_with_the_next_ticks_alone() -> None:
    ticks = [(0, 4), (5, 9), (11, 12), (13, 13)]
    named = [
        data_file(f"{table}/{block}{first}.parquet", table=table, block=block, first=first, last=last)
        for first, last in ticks
        for table in ("events", "orders")
        for block in (0, 1)
    ]
    found = [
        [(file.table, file.block, file.first) for file in group] for group in compaction._groups(named, ("events",))
    ]
    assert found == [
        [(table, block, first) for first in firsts]
        for table, gathered in (("events", ((0, 5), (11, 13))), ("orders", ((0, 5, 11, 13),)))
        for block in (0, 1)
        for firsts in gathered
    ]


@pytest.mark.parametrize(("first", "adjoins"), [(9, True), (10, True), (11, False)])
def test_files_adjoin_where_no_tick_is_missing_between_them(first: int, adjoins: bool) -> None:
    assert compaction.adjoin(data_file(first=5, last=9), data_file(first=first, last=20)) is adjoins


TABLE = pa.table({"tick": pa.array([1, 2, 3], pa.uint32())})


@pytest.mark.parametrize(
    ("write", "path", "covers"),
    [
        (lambda market: tables.write_catalog(market, "parts", TABLE, 0), "catalog/parts", (0, 0, 0)),
        (lambda market: tables.write_catalog(market, "parts", TABLE, 7), "catalog/parts-00007", (0, 0, 7)),
        (
            lambda market: tables.write_history(market, "events", TABLE, (4, 15), 6),
            "events/0000000004-0000000015-00006",
            (4, 15, 6),
        ),
    ],
    ids=["catalog", "later catalog", "history"],
)
def test_a_table_is_written_under_a_name_of_its_own_and_told_with_what_it_covers(
    tmp_path: Path, write: Callable[[Path], DataFile], path: str, covers: tuple[int, int, int]
) -> None:
    for name in ("catalog", "events"):
        (tmp_path / name).mkdir()
    file = write(tmp_path)
    assert (file.path, file.rows) == (f"{path}.parquet", 3)
    assert (file.table, file.first, file.last, file.block) == ("events" if "events" in path else "parts", *covers)
    data = (tmp_path / file.path).read_bytes()
    assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert tables.read(tmp_path, [file, file]).num_rows == 6


@pytest.mark.parametrize(
    "write",
    [
        lambda market: tables.write_catalog(market, "products", TABLE, 0),
        lambda market: tables.write_history(market, "catalog", TABLE, (4, 15), 6),
        lambda market: log.append(market, log.EMPTY, tick=0, digest=0),
    ],
    ids=["catalog", "history", "commit"],
)
def test_nothing_is_written_into_a_market_that_took_the_place_of_the_one_that_is_held(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    market = tmp_path / "m"
    for name in (log.COMMITS, "catalog"):
        (market / name).mkdir(parents=True)
    with lock.writer_lock(market):
        market.rename(tmp_path / "away")
        shutil.copytree(tmp_path / "away", market)
        with pytest.raises(ConflictError, match="m: the market was replaced while it was being written"):
            write(market)
    lock.check_held(market)
    assert sorted(path.name for path in market.rglob("*")) == sorted([lock.LOCK, log.COMMITS, "catalog"])


@pytest.fixture
def verified(tmp_path: Path) -> Path:
    """A market of three commits, each of a file of its own."""
    for name in (log.COMMITS, log.CHECKPOINTS):
        (tmp_path / name).mkdir()
    tip: Tip = log.EMPTY
    for number in range(3):
        tip = log.append(tmp_path, tip, tick=number, digest=0, added=[committed(tmp_path, f"{number}.parquet")])
    return tmp_path


DIRECTORIES = [log.COMMITS, log.CHECKPOINTS, "events"]


def test_a_commit_that_was_never_finished_is_noted_and_all_before_it_are_verified(verified: Path) -> None:
    newest = log.commit_path(verified, 2)
    newest.write_bytes(newest.read_bytes()[:-9])
    found = verification.verify(verified, DIRECTORIES, ())
    assert (found.commits, found.files, found.bytes, found.faults) == (2, 2, 10, [])
    [note] = [note for note in found.notes if "2.parquet" not in note]
    assert note == f"{newest}: was never finished; the next writer removes it"


def test_what_lies_beside_commits_and_checkpoints_is_no_part_of_the_market(verified: Path) -> None:
    others = [
        "_commits/0000000001.txt",
        "_commits/notes.json",
        "_commits/1.json.bak",
        "_checkpoints/7.txt",
        "events/7.json",
    ]
    for name in others:
        (verified / name).touch()
    found = verification.verify(verified, DIRECTORIES, ())
    assert sorted(found.notes) == sorted(
        f"{verified / name}: is no part of the market, and is never read" for name in others
    )
    assert (found.commits, found.checkpoints, found.faults) == (3, 0, [])


def test_what_goes_while_it_is_listed_is_noted_as_nothing(verified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger, listing = verified / "events" / "mine.txt", files.names
    stranger.touch()

    def names(directory: Path) -> list[str]:
        found = listing(directory)
        if directory == stranger.parent:
            stranger.unlink()
        return found

    monkeypatch.setattr(files, "names", names)
    found = verification.verify(verified, DIRECTORIES, ())
    assert (found.notes, found.faults, stranger.exists()) == ([], [], False)


def test_a_commit_of_another_history_ends_what_is_verified_and_is_told(verified: Path) -> None:
    body, _ = pieces.opened(log.commit_path(verified, 1))
    log.commit_path(verified, 1).write_bytes(pieces.sealed(body | {"tick": 2})[0])
    found = verification.verify(verified, DIRECTORIES, ())
    [fault] = found.faults
    assert "0000000002.json: does not follow commit 1" in fault and (found.commits, found.files) == (2, 2)


def test_of_a_market_whose_first_commit_is_broken_nothing_is_verified(verified: Path) -> None:
    log.commit_path(verified, 0).write_bytes(b"{")
    found = verification.verify(verified, DIRECTORIES, ())
    assert (found.commits, found.checkpoints, found.files, found.bytes) == (0, 0, 0, 0)
    assert "0000000000.json: is not a whole commit" in found.faults[0]


def test_a_wrong_file_with_nothing_beside_is_a_fault_at_once(verified: Path) -> None:
    tried: list[int] = []

    def act(history: log.Log) -> None:
        tried.append(history.number)
        raise CorruptError("wrong")

    with pytest.raises(CorruptError, match="wrong"):
        integrity.at_newest(verified, act)
    assert tried == [2]


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
