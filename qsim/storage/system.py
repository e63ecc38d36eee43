"""The operating system's calls on a market's files, one function each: the seam through which all storage goes.

`files`, `lock` and `uncached` call these by way of their module's name `system`, so a model of a disk can stand in their place.
Nothing here decides or retries; OSError rises as it is.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

# Windows has no flag against symbolic links, and opens files as text unless told otherwise.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
# To open a pipe would wait for a writer.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)
# Where Windows locks a file nobody can read it: so far behind a lock file's content.
_LOCKED_BYTE = 1 << 30

# What file systems answer that cannot do what not all can: write past the page cache, empty the drive's own memory.
UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY})


@dataclass(frozen=True, slots=True)
class Entry:
    """What the system tells of a file without opening it: kind, size, names (hard links), and marks that a write moves."""

    is_file: bool
    is_directory: bool
    bytes: int
    names: int
    inode: int
    modified_ns: int
    changed_ns: int


def look(path: Path | str) -> Entry | None:
    """Tell what lies at a path, a symbolic link as itself (neither file nor directory); None where nothing does."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    kind = found.st_mode
    return Entry(
        stat.S_ISREG(kind),
        stat.S_ISDIR(kind),
        found.st_size,
        found.st_nlink,
        found.st_ino,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def is_directory(path: Path) -> bool:
    """Tell whether a directory is at a path, or at the end of the links there."""
    return path.is_dir()


def names(directory: Path) -> list[str]:
    """Give the names in a directory, in order; none where there is no directory."""
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 -- names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []


def read(path: Path) -> bytes:
    """Read a file whole, never through a symbolic link; OSError ENXIO where a pipe, a socket or a device is at its place."""
    handle = os.open(path, os.O_RDONLY | _NO_LINK | _BINARY | _AT_ONCE)
    try:
        # A directory is refused here, and what is refused is not closed with the file.
        with open(handle, "rb", buffering=0, closefd=False) as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
            return file.read()
    finally:
        os.close(handle)


def create(path: Path) -> int:
    """Open a new or emptied file for writing; give its handle."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_LINK | _BINARY, 0o644)


def write(handle: int, data: memoryview) -> int:
    """Write from the start of `data`, and tell how many bytes were taken: maybe fewer than there are."""
    return os.write(handle, data)


def bypass_cache(handle: int, *, on: bool) -> bool:
    """Have what is written go to disk past the system's page cache, or through it again; tell whether it does so now.

    Past it only whole blocks can be written, from memory that begins at one. Of the systems Linux can, and of its file systems most.
    """
    if not hasattr(os, "O_DIRECT"):
        return False
    import fcntl

    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    try:
        fcntl.fcntl(handle, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
    except OSError as fault:
        if fault.errno in UNSUPPORTED:
            return False
        raise
    return on


def sync(handle: int) -> None:
    """Put a file's content on disk."""
    _flush(handle)


def _flush(handle: int) -> None:
    if sys.platform == "darwin":
        # There fsync leaves what it wrote in the drive's own memory.
        import fcntl

        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
        except OSError as fault:
            if fault.errno not in UNSUPPORTED:
                raise
    os.fsync(handle)


def close(handle: int) -> None:
    """Close a handle, which frees a lock on it."""
    os.close(handle)


def replace(source: Path, target: Path) -> None:
    """Give a file another name, in place of what had it."""
    source.replace(target)


def link(source: Path, target: Path) -> None:
    """Give a file a second name; FileExistsError where it is taken."""
    os.link(source, target)


def unlink(path: Path) -> None:
    """Take a file's name away; FileNotFoundError where there is none."""
    path.unlink()


def make_directory(path: Path) -> None:
    """Make one directory; FileExistsError where the name is taken."""
    path.mkdir()


def sync_directory(path: Path) -> None:
    """Put a directory's names on disk."""
    if sys.platform == "win32":
        return  # Windows keeps names in its journal and cannot open directories.
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _flush(handle)
    finally:
        os.close(handle)


def free_bytes(path: Path) -> int:
    """Tell how many bytes a file system has room for."""
    return shutil.disk_usage(path).free


def open_lock(path: Path) -> int:
    """Open the file that is locked, made where it is not there; give its handle, which no program started inherits."""
    return os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK | _BINARY, 0o644)


def take_lock(handle: int) -> bool:
    """Take the lock on a handle, and tell at once whether it was free. The system frees it however the process ends."""
    # Windows has no flock; msvcrt locks a byte range instead.
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def locked_files() -> frozenset[int] | None:
    """Give the inodes of all files that somebody on this machine holds a lock on as `take_lock` does; None where none can tell."""
    try:
        lines = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return None
    # number: FLOCK ADVISORY WRITE process major:minor:inode first last
    return frozenset(int(words[-3].rpartition(":")[2]) for line in lines if "FLOCK" in (words := line.split()))


def is_open_at(handle: int, path: Path) -> bool:
    """Tell whether the open file is the one that has this name."""
    found = look(path)
    return found is not None and found.inode == os.fstat(handle).st_ino


def read_open(handle: int) -> bytes:
    """Read the beginning of an open file."""
    # Windows has neither pread nor pwrite.
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 200)


def overwrite(handle: int, data: bytes) -> None:
    """Make `data` the whole content of an open file."""
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, data)
