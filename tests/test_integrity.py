"""Files held against the log: each that differs is told or refused, those looked at once are known, and what verifying finds."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qsim.errors import CorruptError
from qsim.storage import files, integrity, log, pieces, system, verification
from qsim.storage.pieces import Tip
from tests.files_of_commits import committed


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
