"""The only door to the disk for a market's files: new files, whole or not at all, and synced directories.

A file is written under a temporary name that no reader's pattern matches, synced, renamed, and is on disk for
good once its directory is synced too. Faults of the disk become DiskError; nothing is retried.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qsim.errors import ConflictError, CorruptError, DiskError

_TEMPORARY = ".tmp"


@contextmanager
def disk(action: str, path: Path) -> Iterator[None]:
    """Turn an operating system's error into a DiskError that says what was tried, where, and why it failed."""
    try:
        yield
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise DiskError(
            f"{path}: cannot {action}: {reason}; free space or mend the disk, then run the command again"
        ) from fault


def make_directory(path: Path) -> None:
    """Make a directory and its parents; nothing happens where it is there."""
    with disk("make the directory", path):
        path.mkdir(parents=True, exist_ok=True)


def sync_directory(path: Path) -> None:
    """Put a directory's entries on disk."""
    with disk("sync the directory", path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_temporary(name: str) -> bool:
    """Tell whether a file is one that a write left unfinished."""
    return name.startswith(".") and name.endswith(_TEMPORARY)


def _write_temporary(path: Path, data: memoryview | bytes) -> Path:
    # Hidden and with an ending of its own, so that neither a shell's nor Python's pattern finds it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{_TEMPORARY}")
    try:
        with disk("write", path), temporary.open("wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
    except DiskError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return temporary


def put(path: Path, data: memoryview | bytes) -> str:
    """Put a file in place whole, and give its sha256; the caller syncs the directory before naming the file."""
    temporary = _write_temporary(path, data)
    with disk("rename into", path):
        temporary.replace(path)
    return hashlib.sha256(data).hexdigest()


def put_if_absent(path: Path, data: bytes) -> None:
    """Put a file in place whole and durably, or raise ConflictError where one of that name is there."""
    temporary = _write_temporary(path, data)
    try:
        with disk("link", path):
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise ConflictError(
                    f"{path}: is there already: another writer was quicker; look at it, then run again"
                ) from None
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def read(path: Path) -> bytes:
    """Read a file of the market whole; CorruptError when it is missing."""
    try:
        with disk("read", path):
            return path.read_bytes()
    except DiskError as fault:
        if isinstance(fault.__cause__, FileNotFoundError):
            raise CorruptError(f"{path}: is missing; the log names it; restore it from a copy of the market") from None
        raise


def remove_temporary(directory: Path) -> None:
    """Remove what writes that were killed left unfinished in a directory."""
    with disk("clean", directory):
        for entry in sorted(directory.iterdir()) if directory.is_dir() else []:
            if is_temporary(entry.name):
                entry.unlink()


def remove_unnamed(directory: Path, named: set[str]) -> list[str]:
    """Remove the files of a directory that the log does not name (left by a killed run); give their names."""
    removed = []
    with disk("clean", directory):
        for entry in sorted(directory.iterdir()) if directory.is_dir() else []:
            if entry.name not in named and entry.is_file():
                entry.unlink()
                removed.append(entry.name)
    return removed
