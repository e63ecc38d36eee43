"""The writer's lock: one writer a market, told apart at once, freed however the writer ends, in no reader's way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.errors import ConflictError, DiskError
from qsim.monitoring.metrics import runs
from qsim.storage import lock, log, system
from qsim.storage.lock import writer_lock
from qsim.storage.pieces import Tip
from tests.stored import tree

# Nobody who writes may wait for a lock.
pytestmark = pytest.mark.usefixtures("ended_after_a_minute")
HOLDER = """
import sys
from pathlib import Path
from qsim.storage.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


# A system without flock, pread and pwrite, whose locks are of byte ranges, which others cannot read: what Windows has of them.
WINDOWS = """
import fcntl, os, sys, types
def locking(handle, mode, count):
    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, count, 0, os.SEEK_CUR)
    # Of another release of qsim it has to be the same one.
    assert (os.lseek(handle, 0, os.SEEK_CUR), count) == (1_073_741_824, 1)
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
del os.pread, os.pwrite, fcntl.flock
import qsim.storage.system
sys.platform = "win32"
"""


@contextmanager
def holder(directory: Path, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of a directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", before + HOLDER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    words = [sys.executable, "-m", "qsim", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("lock") / "m"
    qsim.generate(place, products=10)
    qsim.run(place, ticks=5)
    return place


def test_a_second_writer_is_refused_with_the_process_and_host_of_the_first(tmp_path: Path) -> None:
    with holder(tmp_path) as first, pytest.raises(ConflictError) as refusal, writer_lock(tmp_path):
        pytest.fail("two writers")
    assert f"process {first.pid} on {socket.gethostname()}" in str(refusal.value)


def test_a_second_writer_of_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with writer_lock(tmp_path), pytest.raises(ConflictError, match=str(os.getpid())), writer_lock(tmp_path):
        pytest.fail("two writers")


def test_a_run_of_a_locked_market_is_exit_4_in_one_line_and_changes_no_byte(market: Path) -> None:
    before = tree(market)
    with holder(market) as first:
        refused = command("run", market, "--ticks", 1)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (4, "", 1)
    assert f"process {first.pid} on " in refused.stderr
    assert tree(market) == before


def test_a_refused_writer_does_not_take_the_holders_name_off_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        for _ in range(3):
            with pytest.raises(ConflictError, match=f"process {first.pid} "), writer_lock(tmp_path):
                pytest.fail("two writers")


def test_a_second_writer_is_refused_on_windows_with_the_process_of_the_first(tmp_path: Path) -> None:
    words = [sys.executable, "-c", WINDOWS + HOLDER, str(tmp_path)]
    with holder(tmp_path, WINDOWS) as first:
        second = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert f"ConflictError: {tmp_path}: is being written by process {first.pid} on " in second.stderr
    third = subprocess.run(words, input="", capture_output=True, text=True, timeout=60, check=False)
    assert (third.returncode, third.stdout) == (0, "held\n"), third.stderr


def test_the_lock_is_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        os.kill(first.pid, signal.SIGKILL)
        assert first.wait(30) == -signal.SIGKILL
        with writer_lock(tmp_path):
            pass


def test_a_stopped_holder_keeps_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        os.kill(first.pid, signal.SIGSTOP)
        with pytest.raises(ConflictError), writer_lock(tmp_path):
            pytest.fail("two writers")


def test_the_lock_is_free_after_the_block_ends_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path):
        raise ZeroDivisionError
    with writer_lock(tmp_path):
        pass


def test_the_lock_file_stays_and_stays_the_same_file(tmp_path: Path) -> None:
    with writer_lock(tmp_path):
        first = (tmp_path / "LOCK").stat().st_ino
    with writer_lock(tmp_path):
        assert (tmp_path / "LOCK").stat().st_ino == first
    assert (tmp_path / "LOCK").stat().st_ino == first


def test_the_lock_names_its_holder_alone_when_the_holder_before_had_a_longer_name(tmp_path: Path) -> None:
    (tmp_path / "LOCK").write_text("process 123456789 on a.very.long.host.name.example" * 3)
    with writer_lock(tmp_path):
        assert (tmp_path / "LOCK").read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"


@pytest.mark.parametrize("replaced", [True, False])
def test_a_lock_file_replaced_or_removed_while_it_is_being_locked_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    really_lock = system.take_lock

    def replace_and_lock(handle: int) -> bool:
        (tmp_path / "LOCK").unlink()
        if replaced:
            (tmp_path / "LOCK").write_text("another file")
        return really_lock(handle)

    monkeypatch.setattr(system, "take_lock", replace_and_lock)
    with pytest.raises(ConflictError, match="was replaced"), writer_lock(tmp_path):
        pytest.fail("a lock on a file that is not there")


@pytest.mark.parametrize("ticks", [2, 40])
def test_a_writer_leaves_a_market_that_takes_the_place_of_its_own_as_it_is(tmp_path: Path, ticks: int) -> None:
    mine, other = tmp_path / "m", tmp_path / "other"
    qsim.generate(mine, products=10)
    shutil.copytree(mine, other)
    qsim.run(other, ticks=ticks)
    kept = tree(other)

    def replace(now: object) -> None:
        shutil.rmtree(mine)
        shutil.copytree(other, mine)

    with pytest.raises(ConflictError, match="the market was replaced"):
        qsim.run(mine, ticks=20, speed=1e5, progress=replace)
    assert tree(mine) == kept and runs(mine) == runs(other)


def test_a_market_replaced_while_a_commit_is_being_written_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other, append = tmp_path / "m", tmp_path / "other", log.append
    qsim.generate(mine, products=10)
    shutil.copytree(mine, other)

    def late(*given: Any, **more: Any) -> Tip:
        mine.rename(tmp_path / "away")
        other.rename(mine)
        return append(*given, **more)

    monkeypatch.setattr(log, "append", late)
    with pytest.raises(ConflictError, match="the market was replaced"):
        qsim.run(mine, ticks=1)
    assert qsim.verify(mine)["passed"] and qsim.status(mine)["tick"] == 0


def test_a_writer_does_not_commit_behind_a_commit_that_is_gone(tmp_path: Path) -> None:
    place = tmp_path / "m"
    qsim.generate(place, products=10)

    def take_back(now: object) -> None:
        for number in (1, 2):
            (place / "_commits" / f"{number:010d}.json").unlink(missing_ok=True)

    with pytest.raises(ConflictError, match="the market was replaced"):
        qsim.run(place, ticks=20, speed=1e5, progress=take_back)
    assert qsim.status(place)["tick"] == 0


def test_a_lock_that_cannot_be_made_is_a_fault_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="LOCK: cannot open"), writer_lock(tmp_path / "gone"):
        pytest.fail("a lock in no directory")


def test_readers_need_no_lock(market: Path) -> None:
    with holder(market):
        assert qsim.status(market)["tick"] >= 5
        assert qsim.connect(market).sql("SELECT count(*) FROM prices").fetchall() == [(50,)]
        assert command("status", market).returncode == 0


def test_a_reader_leaves_the_market_without_a_lock_to_write_and_changes_nothing(market: Path) -> None:
    before = {entry: entry.stat().st_mtime_ns for entry in market.rglob("*")}
    qsim.status(market)
    qsim.connect(market).sql("SELECT * FROM price_history").fetchall()
    assert {entry: entry.stat().st_mtime_ns for entry in market.rglob("*")} == before


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
