"""The only door to the disk for a market's files: new files, whole or not at all, and synced directories.

A file is written under a temporary name that no reader's pattern matches, synced, renamed, and is on disk for
good once its directory is synced too; Ctrl-C comes before that or behind it. Faults of the disk become DiskError; nothing is
retried. In an object store there are no directories to make and sync, and an object is whole and lasts as soon as it is put.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from qsim import interrupts
from qsim.errors import ConflictError, CorruptError, DiskError
from qsim.storage import objects, system, uncached
from qsim.storage.places import ObjectPath, Place

_TEMPORARY = re.compile(r"\..+\.\d+-\d+\.tmp", re.ASCII | re.DOTALL)
_NOT_OURS_TO_SYNC = frozenset({errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EROFS})
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


@contextmanager
def disk(action: str, path: Place) -> Iterator[None]:
    """Turn an operating system's error into a DiskError that says what was tried, where, and why it failed."""
    try:
        yield
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        mend = "free space or mend the disk"
        if fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            mend = "name a place that you may write, or have it allowed"
        elif fault.errno in (errno.ENOTDIR, errno.ENAMETOOLONG):
            mend = "name another place"
        raise DiskError(f"{path}: cannot {action}: {reason}; {mend}, then run the command again") from fault


@contextmanager
def _passed_over(codes: frozenset[int]) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        if fault.errno not in codes:
            raise


@interrupts.held_back()
def make_directory(path: Place) -> None:
    """Make a directory whose parent is there, its name on disk for good even where a killed process made it."""
    if isinstance(path, ObjectPath):
        return
    _make(path)
    with disk("make the directory", path):
        system.sync_directory(path.parent)


def _make(path: Path) -> None:
    with disk("make the directory", path):
        if system.look(path) is None:
            with suppress(FileExistsError):
                system.make_directory(path)
        found = system.look(path)
        if found is None or found.is_file:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


@interrupts.held_back()
def make_path(path: Place) -> None:
    """Make a directory and its parents, all names on disk for good."""
    if isinstance(path, ObjectPath):
        return
    for place in reversed((path, *path.parents)):
        if system.look(place) is None:
            make_directory(place)
        elif place != place.parent:
            # A name that a killed process gave may not be on disk yet; what others own may not be ours to sync, or cannot be.
            with disk("sync the directory", place.parent), _passed_over(_NOT_OURS_TO_SYNC):
                system.sync_directory(place.parent)


@interrupts.held_back()
def make_missing(market: Place, directories: Iterable[str]) -> None:
    """Make those directories of a market that are missing, as in a new one, or a copy of files alone; the names of all are then on
    disk for good.
    """
    if isinstance(market, ObjectPath):
        return
    empty = [market / name for name in directories if not names(market / name)]
    for path in empty:
        _make(path)
    if empty:
        # A process that made one may have been killed before its name was on disk for good.
        sync_directory(market)


@interrupts.held_back()
def sync_directory(path: Place) -> None:
    """Put a directory's entries on disk."""
    if isinstance(path, ObjectPath):
        return
    with disk("sync the directory", path):
        system.sync_directory(path)


def names(directory: Place) -> list[str]:
    """Give the names in a directory, in order; none where there is no directory."""
    if isinstance(directory, ObjectPath):
        return list(objects.entries(directory))
    with disk("list", directory):
        return system.names(directory)


def look(path: Place) -> system.Entry | None:
    """Tell what lies at a path; None where nothing does."""
    if isinstance(path, ObjectPath):
        return objects.look(path)
    with disk("look at", path):
        return system.look(path)


def leads_to_directory(path: Place) -> bool:
    """Tell whether a path is a directory or a link to one: a market may lie behind a link, none may be inside of it."""
    if isinstance(path, ObjectPath):
        return False
    with disk("look at", path):
        return system.is_directory(path)


def looks(market: Path, names: Sequence[str]) -> list[system.Entry | None]:
    """Tell what lies at many paths below a directory, as `look` does for each."""
    with disk("look at the files of", market):
        return [system.look(f"{market}/{name}") for name in names]


def free_bytes(path: Place) -> int:
    """Tell how many bytes the disk of a market has room for."""
    if isinstance(path, ObjectPath):
        return sys.maxsize
    with disk("tell the free space of the disk of", path):
        return system.free_bytes(path)


def is_temporary(name: str) -> bool:
    """Tell whether a file is one that a write left unfinished."""
    return bool(_TEMPORARY.fullmatch(name))


def _write(path: Path, data: memoryview | bytes) -> Path:
    """Write a file under a temporary name, its content on disk for good; give the name."""
    # Hidden and with an ending of its own, so that neither a shell's nor Python's pattern finds it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    with _dropped_on_fault(temporary), disk("write", path):
        handle = system.create(temporary)
        try:
            uncached.write(handle, memoryview(data).cast("B"))
            system.sync(handle)
        finally:
            system.close(handle)
    return temporary


@contextmanager
def _dropped_on_fault(temporary: Path) -> Iterator[None]:
    try:
        yield
    except DiskError:
        _drop(temporary)
        raise


def _drop(temporary: Path) -> None:
    # What cannot be removed now is by its name known as unfinished, and cleared by the next writer.
    with suppress(OSError):
        system.unlink(temporary)


def _taken(path: Place) -> ConflictError:
    return ConflictError(f"{path}: is there already: another writer was quicker; look at it, then run again")


def own_name(market: Place, name: str, *, shared: bool = False) -> str:
    """Give a new file the name that it gets in a market: as it is on a disk, where the lock keeps other writers out.

    In an object store nothing does, and with several machines at work one that was taken for dead may write once more, so
    there the name is one that nobody else gives.
    """
    if not shared and not isinstance(market, ObjectPath):
        return name
    stem, _, ending = name.rpartition(".")
    return f"{stem}-{secrets.token_hex(4)}.{ending}"


@interrupts.held_back()
def put(path: Place, data: memoryview | bytes) -> str:
    """Put a file in place whole, and give its sha256; the caller syncs the directory before naming the file."""
    digest, finish = begin(path, data)
    finish()
    return digest


def begin(path: Place, data: memoryview | bytes) -> tuple[str, Callable[[], None]]:
    """Give a file's sha256, and what writes it, waits until its content is on disk and puts it in place whole: to be called once, by
    any thread.
    """
    digest = hashlib.sha256(data).hexdigest()
    if isinstance(path, ObjectPath):
        return digest, partial(_put_object, path, data)
    return digest, partial(_put_over, path, data)


def _put_object(path: ObjectPath, data: memoryview | bytes) -> None:
    if not objects.put(path, data):
        raise _taken(path)


def _put_over(path: Path, data: memoryview | bytes) -> None:
    temporary = _write(path, data)
    with _dropped_on_fault(temporary), disk("rename into", path):
        system.replace(temporary, path)


@interrupts.held_back()
def put_if_absent(path: Place, data: bytes) -> None:
    """Put a file in place whole and durably, or raise ConflictError where one of that name is there."""
    if isinstance(path, ObjectPath):
        _put_object(path, data)
        return
    temporary = _write(path, data)
    try:
        with disk("link", path):
            system.link(temporary, path)
    except DiskError as fault:
        if isinstance(fault.__cause__, FileExistsError):
            raise _taken(path) from None
        if isinstance(fault.__cause__, OSError) and fault.__cause__.errno in _NO_LINKS:
            raise DiskError(
                f"{path}: cannot link: its file system has no hard links; a market needs one that has them, for no commit"
                " may go over another; put the market on another file system"
            ) from fault
        raise
    finally:
        _drop(temporary)
    sync_directory(path.parent)


def missing(path: Place) -> CorruptError:
    """Give the error for a file that the log names and that is not there."""
    return CorruptError(f"{path}: is missing; the log names it; restore it from a copy of the market")


def read(path: Place) -> bytes:
    """Read a file of the market whole; CorruptError when it is missing or something else in its place."""
    try:
        with disk("read", path):
            return objects.read(path) if isinstance(path, ObjectPath) else system.read(path)
    except DiskError as fault:
        if isinstance(fault.__cause__, FileNotFoundError):
            raise missing(path) from None
        found = look(path)
        if found is not None and not found.is_file and not found.is_directory:
            refused = isinstance(fault.__cause__, OSError) and fault.__cause__.errno == errno.ENXIO
            kind = "a pipe, a socket or a device" if refused else "a link"
            raise CorruptError(f"{path}: is {kind}; allowed is the file itself; put the file in its place") from None
        raise


def remove(paths: Sequence[Place]) -> None:
    """Remove files, those that are not there passed over, and put the directories' names on disk."""
    objects.delete([path for path in paths if isinstance(path, ObjectPath)])
    local = [path for path in paths if isinstance(path, Path)]
    for path in local:
        with disk("remove", path), suppress(FileNotFoundError):
            system.unlink(path)
    for directory in sorted({path.parent for path in local}):
        sync_directory(directory)


def remove_temporary(directory: Place) -> None:
    """Remove what writes that were killed left unfinished in a directory."""
    left = [directory / name for name in names(directory) if is_temporary(name)]
    left = [path for path in left if (found := look(path)) is not None and found.is_file]
    if left:
        remove(left)
