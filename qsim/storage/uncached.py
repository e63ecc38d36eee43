"""Large files, written past the system's page cache: to copy them into fresh pages of it takes several times the processor time
of all else that a write does, and a history is mostly larger than what a cache could keep of it.
"""

from __future__ import annotations

import threading

import numpy as np

from qsim.arrays import U8
from qsim.storage import system
from qsim.storage.system import UNSUPPORTED

# What disks write at once, or a multiple of it; one of larger blocks refuses these and is written to through the cache.
_BLOCK = 4096
_LARGE = _AT_A_TIME = 1 << 20
_local = threading.local()


def write(handle: int, data: memoryview) -> None:
    """Write all of the data, bytes; of a large file whole blocks past the cache, where its file system can."""
    if data.nbytes >= _LARGE and system.bypass_cache(handle, on=True):
        data = data[_write_blocks(handle, data) :]
        system.bypass_cache(handle, on=False)
    while data:
        data = data[system.write(handle, data) :]


def _write_blocks(handle: int, data: memoryview) -> int:
    """Write whole blocks, as many as the file system takes so, and tell how many bytes these are."""
    given, room = np.frombuffer(data, np.uint8), _room()
    done, whole = 0, len(given) // _BLOCK * _BLOCK
    # After a short write it would go on within a block.
    while done < whole and done % _BLOCK == 0:
        part = room[: min(_AT_A_TIME, whole - done)]
        # By numpy, since others can go on meanwhile.
        part[:] = given[done : done + len(part)]
        try:
            done += system.write(handle, part.data)
        except OSError as fault:
            # Some file systems only say here that they cannot.
            if fault.errno in UNSUPPORTED:
                break
            raise
    return done


def _room() -> U8:
    """Give this thread's memory for blocks, uint8[_AT_A_TIME], which begins with one as what is written from has to."""
    if not hasattr(_local, "room"):
        room = np.empty(_AT_A_TIME + _BLOCK, np.uint8)
        _local.room = room[-room.ctypes.data % _BLOCK :][:_AT_A_TIME]
    room_of_thread: U8 = _local.room
    return room_of_thread
