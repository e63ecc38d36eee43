"""Directories and names on a disk: what is looked at, what is made, written and removed, and what is put on disk by a sync."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qsim.errors import ConflictError, CorruptError, DiskError
from qsim.storage import files, lock, system
from tests.files_of_commits import within


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
