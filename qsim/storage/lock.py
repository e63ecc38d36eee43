"""The writer's lock: one writer a market, refused at once, freed by the system when the writer ends in any way."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qsim.errors import ConflictError
from qsim.storage.files import disk


def _take(handle: int) -> bool:
    # Windows has no flock; msvcrt locks a byte range instead.
    if sys.platform == "win32":
        import msvcrt

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


@contextmanager
def writer_lock(directory: Path) -> Iterator[None]:
    """Hold the market's lock, or raise ConflictError naming the process that does. The file is never removed:
    a second file of the same name would let a second writer in.
    """
    path = directory / "LOCK"
    with disk("open", path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _take(handle):
            holder = os.read(handle, 200).decode("utf-8", "replace").strip() or "an unknown process"
            raise ConflictError(
                f"{directory}: is being written by {holder}; one writer a market; wait for it or stop it"
            )
        on_disk = path.stat() if path.exists() else None
        if on_disk is None or on_disk.st_ino != os.fstat(handle).st_ino:
            raise ConflictError(f"{path}: was replaced while it was being locked; run the command again")
        with disk("write", path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
