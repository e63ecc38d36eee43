"""The writer's lock: one writer a market, refused at once, freed by the system when the writer ends in any way.

In an object store it is a lease (`lease`), which lapses by itself.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qsim import interrupts
from qsim.errors import ConflictError
from qsim.storage import files, lease, system
from qsim.storage.files import disk
from qsim.storage.places import ObjectPath, Place

LOCK = "LOCK"
# The locks that this process holds: each market, and the handle of the file that is locked.
_held: set[tuple[Path, int]] = set()


@contextmanager
def writer_lock(directory: Place) -> Iterator[None]:
    """Hold the market's lock while a block is run; ConflictError names the process that holds it."""
    holding = lease.held(directory / LOCK) if isinstance(directory, ObjectPath) else _file_lock(directory)
    with interrupts.held_back(), holding, interrupts.let_through():
        yield


def is_free(directory: Place) -> bool:
    """Tell whether it is sure that nobody holds the market's lock; it is not touched, for a writer may be about to take it."""
    if isinstance(directory, ObjectPath):
        return not lease.is_taken(directory / LOCK)
    with disk("look at", directory / LOCK):
        found, locked = system.look(directory / LOCK), system.locked_files()
    return found is None or (locked is not None and found.inode not in locked)


def is_elsewhere(directory: Place) -> bool:
    """Tell whether the lock was last taken under the name of another machine, or in a container, whose locks may not be seen here."""
    if isinstance(directory, ObjectPath) or files.look(directory / LOCK) is None:
        return False
    machine = files.read(directory / LOCK).decode("utf-8", "replace").strip().rpartition(" on ")[2]
    return machine not in ("", socket.gethostname())


def last_holder(directory: Path) -> int | None:
    """Give the number of the process that took the market's lock last; None where nobody did."""
    if files.look(directory / LOCK) is None:
        return None
    found = re.match(rb"process (\d+) on ", files.read(directory / LOCK))
    return int(found[1]) if found else None


def check_held(directory: Place) -> None:
    """Make sure that the market whose lock this process holds is still the one in its place; ConflictError where it is not.

    A folder can be removed and another one put there while it is written, and nothing of the one is to get into the other.
    """
    for held, handle in tuple(_held):
        if held == directory:
            with disk("look at", held / LOCK):
                same = system.is_open_at(handle, held / LOCK)
            if not same:
                raise replaced(directory)


def replaced(directory: Place) -> ConflictError:
    """Give the fault that a market is another one than that which was being written."""
    return ConflictError(
        f"{directory}: the market was replaced while it was being written; what was not committed before is lost; look at"
        " it, then run again"
    )


@contextmanager
def _file_lock(directory: Path) -> Iterator[None]:
    """Hold the market's lock, or raise ConflictError naming the process that does. The file is never removed:
    a second file of the same name would let a second writer in.
    """
    path = directory / LOCK
    with disk("open", path):
        handle = system.open_lock(path)
    try:
        with disk("lock", path):
            free = system.take_lock(handle)
            holder = "" if free else system.read_open(handle).decode("utf-8", "replace").strip()
            moved = free and not system.is_open_at(handle, path)
        if not free:
            raise ConflictError(
                f"{directory}: is being written by {holder or 'an unknown process'}; one writer a market; wait for it or"
                " stop it"
            )
        if moved:
            raise ConflictError(f"{path}: was replaced while it was being locked; run the command again")
        with disk("write", path):
            system.overwrite(handle, f"{lease.this_process()}\n".encode())
        _held.add((directory, handle))
        yield
    finally:
        _held.discard((directory, handle))
        # Nothing is written through it, so that nothing is lost where the system cannot close it.
        with suppress(OSError):
            system.close(handle)
