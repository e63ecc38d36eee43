"""Large files past the system's page cache: the same bytes, whatever the file system can."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qsim.errors import DiskError
from qsim.storage import files, system

MIB = 1 << 20
SIZES = [MIB - 1, MIB, MIB + 1, 3 * MIB + 4096 + 17]

# A pattern of no period that divides a block, so that a block at a wrong place shows.
CONTENT = bytes(range(251)) * (SIZES[-1] // 251 + 1)


def put(folder: Path, size: int) -> bytes:
    files.put(folder / "part.parquet", memoryview(CONTENT)[:size])
    assert [entry.name for entry in folder.iterdir()] == ["part.parquet"]
    return (folder / "part.parquet").read_bytes()


def faulty(code: int, times: int) -> Callable[..., int]:
    """Refuse the first writes of large parts with a code."""
    really, left = system.write, [times]

    def write(handle: int, data: memoryview) -> int:
        if data.nbytes >= MIB and left[0]:
            left[0] -= 1
            raise OSError(code, os.strerror(code))
        return really(handle, data)

    return write


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_written_whole_whatever_its_size(tmp_path: Path, size: int) -> None:
    assert put(tmp_path, size) == CONTENT[:size]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_written_whole_where_all_goes_through_the_cache(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "bypass_cache", lambda handle, *, on: False)
    assert put(tmp_path, size) == CONTENT[:size]


@pytest.mark.parametrize("taken", [4095, 4096, 500_000])
def test_a_file_is_written_whole_by_a_system_that_takes_less_than_it_is_given(
    tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = system.write

    def short(handle: int, data: memoryview) -> int:
        return really(handle, data[:taken] if data.nbytes > MIB - 5 else data)

    monkeypatch.setattr(system, "write", short)
    assert put(tmp_path, SIZES[-1]) == CONTENT[: SIZES[-1]]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_is_written_whole_where_the_first_write_tells_that_the_cache_cannot_be_passed(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = system.bypass_cache
    monkeypatch.setattr(system, "bypass_cache", lambda handle, *, on: really(handle, on=on) or on)
    monkeypatch.setattr(system, "write", faulty(code, 1))
    assert put(tmp_path, SIZES[-1]) == CONTENT[: SIZES[-1]]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_fault_of_the_disk_past_the_cache_is_told_and_not_tried_again(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "write", faulty(code, 1))
    with pytest.raises(DiskError, match=os.strerror(code)):
        files.put(tmp_path / "part.parquet", CONTENT)
    assert list(tmp_path.iterdir()) == []


def is_cached(path: Path) -> bool:
    """Tell whether the beginning of a file is in the page cache."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(handle, [bytearray(4096)], 0, os.RWF_NOWAIT) > 0  # type: ignore[attr-defined, unused-ignore]
    except BlockingIOError:
        return False
    finally:
        os.close(handle)


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="the system does not tell what is in its cache")
def test_large_files_alone_are_not_left_in_the_cache(tmp_path: Path) -> None:
    files.put(tmp_path / "small", CONTENT[: MIB // 2])
    handle = os.open(tmp_path / "small", os.O_WRONLY)
    try:
        possible = system.bypass_cache(handle, on=True)
        seen = is_cached(tmp_path / "small")
    except OSError as fault:
        pytest.skip(f"the file system does not tell what is in the cache: {fault}")
    finally:
        os.close(handle)
    if not possible:
        pytest.skip("the file system writes nothing past the cache")
    files.put(tmp_path / "large", CONTENT)
    assert seen and not is_cached(tmp_path / "large")
