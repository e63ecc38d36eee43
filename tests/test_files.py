"""Files of a market: whole or absent, one winner a name, and faults of the disk told in one line."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import duckdb
import polars as pl
import pytest

from qsim.errors import ConflictError, CorruptError, DiskError
from qsim.schema import SNAPSHOTS
from qsim.storage import files, parquet, system
from tests.commands import in_process

CUT_SHORT = """
    import resource, sys
    from pathlib import Path
    from qsim.storage import files
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        files.put(Path(sys.argv[1]), bytes(5000))
    except files.DiskError as fault:
        print(fault)
"""


def refusing(code: int) -> Callable[..., None]:
    """A call that the system refuses."""

    def refuse(*given: object) -> None:
        raise OSError(code, os.strerror(code))

    return refuse


def test_put_leaves_the_bytes_given_under_the_name_given_and_nothing_else(tmp_path: Path) -> None:
    data = os.urandom(300_001)
    files.put(tmp_path / "part.parquet", memoryview(data))
    assert [entry.name for entry in tmp_path.iterdir()] == ["part.parquet"]
    assert (tmp_path / "part.parquet").read_bytes() == data


def test_put_gives_the_sha256_of_what_it_wrote(tmp_path: Path) -> None:
    assert files.put(tmp_path / "a", b"abc") == hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()


def test_put_replaces_a_file_of_the_same_name(tmp_path: Path) -> None:
    files.put(tmp_path / "a", b"long old content")
    files.put(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_an_open_reader_keeps_the_file_it_opened_when_that_is_replaced(tmp_path: Path) -> None:
    files.put(tmp_path / "a", b"old")
    with (tmp_path / "a").open("rb") as reader:
        files.put(tmp_path / "a", b"new and longer")
        assert reader.read() == b"old"


@pytest.mark.parametrize("name", ["0000000001-0000000040-00000.parquet", "0000000001.json"])
def test_a_write_cut_short_leaves_no_name_that_a_pattern_of_readers_matches(tmp_path: Path, name: str) -> None:
    done = in_process(CUT_SHORT, tmp_path / name)
    assert "File too large" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []
    assert not list(tmp_path.glob("*.parquet")) + list(tmp_path.glob("*.json"))


def test_a_write_cut_short_does_not_blind_readers_of_a_pattern(tmp_path: Path) -> None:
    files.put(tmp_path / "a.parquet", parquet.encode(SNAPSHOTS.arrow().empty_table()))
    assert "File too large" in in_process(CUT_SHORT, tmp_path / "b.parquet").stdout
    assert duckdb.connect().sql(f"SELECT count(*) FROM '{tmp_path}/*.parquet'").fetchall() == [(0,)]
    assert pl.read_parquet(tmp_path / "*.parquet").is_empty()


def test_a_process_killed_during_a_write_leaves_nothing_that_readers_of_a_pattern_find(tmp_path: Path) -> None:
    code = """
        import os, signal, sys
        from pathlib import Path
        from qsim.storage import files
        os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
        files.put(Path(sys.argv[1]), bytes(5000))
    """
    files.put(tmp_path / "a.parquet", parquet.encode(SNAPSHOTS.arrow().empty_table()))
    for name in ("b.parquet", "1.json"):
        assert in_process(code, tmp_path / name).returncode == -9
    left = [entry.name for entry in tmp_path.iterdir() if entry.name != "a.parquet"]
    assert len(left) == 2 and all(map(files.is_temporary, left))
    assert [entry.name for entry in (*tmp_path.glob("*.parquet"), *tmp_path.glob("*.json"))] == ["a.parquet"]
    assert duckdb.connect().sql(f"SELECT count(*) FROM '{tmp_path}/*.parquet'").fetchall() == [(0,)]
    assert pl.read_parquet(tmp_path / "*.parquet").is_empty()


def test_put_if_absent_leaves_the_first_file_as_it_was(tmp_path: Path) -> None:
    files.put_if_absent(tmp_path / "1.json", b"first")
    with pytest.raises(ConflictError, match=r"1\.json: is there already"):
        files.put_if_absent(tmp_path / "1.json", b"second")
    assert (tmp_path / "1.json").read_bytes() == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["1.json"]


CONTENDER = """
    import sys
    from pathlib import Path
    from qsim.errors import ConflictError
    from qsim.storage import files
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(100):
        try:
            files.put_if_absent(Path(sys.argv[1]) / f"{number}.json", sys.argv[2].encode() * 1000)
            print(number, flush=True)
        except ConflictError:
            pass
"""


def test_put_if_absent_has_exactly_one_winner_among_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(CONTENDER), str(tmp_path)]
    running = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in "abc"
    ]
    for one in running:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    won = {name: one.communicate(timeout=60)[0].split() for name, one in zip("abc", running, strict=True)}
    assert all(one.returncode == 0 for one in running)
    assert sorted(int(number) for numbers in won.values() for number in numbers) == list(range(100))
    for name, numbers in won.items():
        assert all((tmp_path / f"{number}.json").read_text() == name * 1000 for number in numbers)


def test_put_if_absent_has_exactly_one_winner_among_threads(tmp_path: Path) -> None:
    def attempt(number: int) -> bool:
        try:
            files.put_if_absent(tmp_path / f"{number // 4}.json", b"%04d" % number)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(attempt, range(200)))
    assert [sum(won[first : first + 4]) for first in range(0, 200, 4)] == [1] * 50
    winners = [number for number, first in enumerate(won) if first]
    assert [(tmp_path / f"{number // 4}.json").read_bytes() for number in winners] == [b"%04d" % n for n in winners]


def test_a_missing_file_is_named_as_corruption_of_the_market(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match=r"gone\.parquet: is missing"):
        files.read(tmp_path / "gone.parquet")


def test_a_file_that_cannot_be_read_is_a_fault_of_the_disk_not_corruption(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot read: Is a directory"):
        files.read(tmp_path)


def test_a_directory_that_cannot_be_made_is_a_fault_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot make the directory: Not a directory"):
        files.make_path(tmp_path / "file" / "inner")


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.EACCES])
def test_a_directory_above_the_market_that_cannot_be_synced_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    synced, really = [], system.sync_directory

    def refuse_above(path: Path) -> None:
        if path == tmp_path.parent:
            raise OSError(code, os.strerror(code))
        really(path)
        synced.append(path)

    monkeypatch.setattr(system, "sync_directory", refuse_above)
    files.make_path(tmp_path / "m")
    assert (tmp_path / "m").is_dir() and tmp_path in synced


@pytest.mark.parametrize("code", [errno.EIO, errno.EINVAL])
def test_a_new_directory_whose_name_cannot_be_synced_is_a_fault_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(system, "sync_directory", refusing(code))
    with pytest.raises(DiskError, match=f"cannot make the directory: {os.strerror(code)}"):
        files.make_directory(tmp_path / "m")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fcntl")
@pytest.mark.parametrize("code", [0, errno.ENOTSUP, errno.EIO])
def test_on_macos_the_drives_own_memory_is_emptied_too_where_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The call is told by its number alone: other systems have none."""
    import fcntl

    asked, synced, really = list[int](), list[int](), os.fsync

    def full_sync(handle: int, request: int) -> int:
        asked.append(request)
        return refusing(code)() if code else 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", full_sync)
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), really(handle)))
    with pytest.raises(DiskError) if code == errno.EIO else nullcontext():
        files.put(tmp_path / "a", b"content")
    assert set(asked) == {51}
    assert bool(synced) is (code == errno.ENOTSUP)


def test_a_disk_that_fails_above_the_market_is_a_fault_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "sync_directory", refusing(errno.EIO))
    with pytest.raises(DiskError, match="cannot sync the directory: Input/output error"):
        files.make_path(tmp_path)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_hard_links_is_told_in_one_line_and_left_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(system, "link", refusing(code))
    with pytest.raises(
        DiskError, match=r"1\.json: cannot link: its file system has no hard links.*; put the market on"
    ):
        files.put_if_absent(tmp_path / "1.json", b"first")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_would_be_waited_for_in_place_of_a_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    made = "import os, socket, sys; from qsim.storage import files; from pathlib import Path; path = sys.argv[1]"
    make = "os.mkfifo(path)" if kind == "pipe" else "socket.socket(socket.AF_UNIX).bind(path)"
    done = in_process(f"{made}; {make}; files.read(Path(path))", tmp_path / "1.json", seconds=20)
    assert "CorruptError" in done.stderr
    assert "1.json: is a pipe, a socket or a device; allowed is the file itself" in done.stderr


def test_a_directory_that_is_gone_cannot_be_synced_in_silence(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot sync the directory: No such file"):
        files.sync_directory(tmp_path / "gone")


def test_what_is_removed_twice_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    files.remove([tmp_path / "a", tmp_path / "b"])
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_place_of_a_file_is_corruption_of_the_market(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(CorruptError, match="link: is a link; allowed is the file itself"):
        files.read(tmp_path / "link")


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"content")
    (tmp_path / "name").symlink_to(tmp_path / "real")
    files.put(tmp_path / "name", b"new")
    assert (tmp_path / "real").read_bytes() == b"content"
    assert not (tmp_path / "name").is_symlink()
