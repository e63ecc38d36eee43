"""Storage on a disk that forgets: whatever a crash leaves, a reader sees whole commits and the next writer goes on."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from qsim.storage import files, log
from tests import crash_script, crashes
from tests.crash_model import DIRECTORY, Disk, mounted


@pytest.fixture(autouse=True)
def _small_checkpoints() -> Iterator[None]:
    with mock.patch.object(log, "CHECKPOINT_EVERY", 3):
        yield


def one_in(push: int) -> pytest.MarkDecorator:
    """Go on with one state in so many on each push, with every one on the nightly tier; all are judged on both."""
    return pytest.mark.parametrize("stride", [push, pytest.param(1, marks=pytest.mark.nightly)])


@one_in(6)
def test_no_kill_or_power_cut_of_a_writer_loses_or_tears_a_commit(stride: int) -> None:
    found = crashes.explore(1, stride=stride)
    assert found.violations == []
    assert found.states > 1_000


@one_in(8)
def test_no_power_cut_while_a_killed_writer_is_gone_on_from_loses_or_tears_a_commit(stride: int) -> None:
    found = crashes.explore(2, only_read=True, kills_first=True, stride=stride)
    assert found.violations == []
    assert found.states > 5_000


@pytest.mark.nightly
def test_a_million_states_of_crashes_after_crashes_after_crashes_hold() -> None:
    found = crashes.explore(3, most=1_000_000)
    print(f"{found.states:,} states, {found.distinct:,} of them distinct")
    assert found.violations == []
    assert found.states == 1_000_000


def test_no_kill_and_power_cut_of_writers_that_make_a_missing_folder_loses_a_commit() -> None:
    disk, witness, found = Disk(), crash_script.Witness(done=1), set()
    right = crashes.histories()
    with mounted(disk):
        crash_script.generate(witness)
    # As a copy leaves an empty folder out.
    del disk.visible["/market/events"], disk.durable["/market/events"]
    killed = [(disk, witness)]

    def keep(left: Disk, then: crash_script.Witness) -> None:
        if ("/market/events", DIRECTORY) in [change for _, changes in left.pending for change in changes]:
            killed.append((left, then))

    with mock.patch.object(crashes, "SCRIPT", crash_script.SCRIPT[:2]):
        crashes.crash(disk, witness, False, keep)
        assert len(killed) > 1
        for state in killed:
            crashes.crash(*state, True, lambda left, then: found.add(crashes.judged(left, then, right)))
    assert found == {""}


def test_names_of_the_market_and_of_commits_that_a_killed_writer_gave_are_on_disk_before_others_build_on_them() -> None:
    killed: dict[str, crashes.State] = {}

    def keep(left: Disk, then: crash_script.Witness) -> None:
        for path, _ in [change for _, changes in left.pending for change in changes]:
            if path == "/market" or path.endswith(("_commits/0000000000.json", "_commits/0000000002.json")):
                # The last one before it is synced: who goes on finds nothing to clear there, which would sync it.
                killed[path] = left, then

    found, right = set(), crashes.histories()
    crashes.crash(Disk(), crash_script.Witness(), False, keep)
    assert len(killed) == 3
    for state in killed.values():
        crashes.crash(*state, True, lambda left, then: found.add(crashes.judged(left, then, right)))
    assert found == {""}


def test_a_generation_that_a_power_cut_left_without_its_lock_can_be_given_again() -> None:
    left: dict[object, crashes.State] = {}

    def keep(disk: Disk, then: crash_script.Witness) -> None:
        if "/market/LOCK" not in disk.visible:
            left.setdefault(disk.key(), (disk, then))

    with mock.patch.object(crashes, "SCRIPT", crash_script.SCRIPT[:1]):
        crashes.crash(Disk(), crash_script.Witness(), True, keep)
        for disk, then in left.values():
            crashes.go_on(disk, then)
            assert then.done == 1
    assert len(left) > 1


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_refuses_a_call_stops_the_command_and_the_next_one_goes_on(code: int, lasting: bool) -> None:
    number = 0
    while (fault := crashes.stumble(number, code, lasting)) is not None:
        assert fault == "", (number, fault)
        number += 17 if lasting else 7
    assert number > 100


def test_writes_that_take_a_byte_at_a_time_make_the_same_files() -> None:
    disk = Disk()
    disk.largest_write = 1
    crashes.go_on(disk, crash_script.Witness())
    assert disk.files() == crashes.expected().files()


@pytest.mark.parametrize("dropped", ["sync", "sync_directory"])
def test_the_model_finds_a_sync_that_is_left_out(dropped: str) -> None:
    assert crashes.explore(1, dropped=frozenset({dropped}), only_read=True).violations


def test_the_model_finds_a_commit_that_is_put_before_the_names_of_its_files_are_on_disk() -> None:
    def late(market: Path, *given: object, **more: object) -> object:
        with mock.patch.object(files, "sync_directory", lambda path: None):
            return really(market, *given, **more)  # type: ignore[arg-type]

    really = log.append
    with mock.patch.object(log, "append", late):
        assert crashes.explore(1, only_read=True).violations


def test_the_model_finds_files_written_in_place() -> None:
    def in_place(path: Path, data: bytes | memoryview) -> tuple[str, Callable[[], None]]:
        handle = files.system.create(path)
        files.system.write(handle, memoryview(data))
        files.system.sync(handle)
        files.system.close(handle)
        return really(path, data)

    really = files.begin
    with mock.patch.object(files, "begin", in_place):
        assert crashes.explore(1, only_read=True).violations


def test_the_model_finds_replaced_files_that_are_removed_before_the_commit_that_replaces_them() -> None:
    def early(market: Path, tip: object, **more: object) -> object:
        files.remove([market / path for path in more.get("removed", ())])  # type: ignore[attr-defined]
        return append(market, tip, **more)  # type: ignore[arg-type]

    append = log.append
    with mock.patch.object(log, "append", early):
        assert crashes.explore(1, only_read=True).violations


def test_the_disk_in_memory_keeps_what_was_synced_through_a_crash() -> None:
    disk = Disk()
    with mounted(disk):
        files.make_directory(Path("/m"))
        files.put(Path("/m/a"), b"kept")
        files.sync_directory(Path("/m"))
        files.put(Path("/m/b"), b"not kept for sure")
    left = [state.files() for state in disk.after_power_cut()]
    assert all(state["/m/a"] == b"kept" for state in left)
    assert {"/m/b" in state for state in left} == {True, False}
