"""What becomes of memory that is freed: kept for what comes next, or given back to the system; and what is looked through for it.

glibc can be told; on other systems their own ways stay. Arrow's columns come from it then too: two allocators that each keep what
the other could use take 40-80 MB more.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

# mallopt's numbers: how much at the end of a heap is kept, and before that whole heaps of threads, from which size on a block is the
# system's own, and how many heaps there may be.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _HEAPS = -1, -2, -3, -8
# The most that it allows for the third.
_LARGEST = 1 << 25
_COLUMN = 1 << 20


def keep_freed_memory() -> None:
    """Have what is freed kept, as other allocators do: else each tick's columns are given back to the system and faulted in
    again, which takes a fifth of a run's time. Two heaps for all threads keep 10-20 MB less than one for each.
    """
    _set({_TRIM_THRESHOLD: 4 * _LARGEST, _TOP_PAD: 2 * _LARGEST, _MMAP_THRESHOLD: _LARGEST, _HEAPS: 2})


def give_back_freed_memory() -> None:
    """Have columns that are freed given back: prices move on with each commit, and each thread would keep some that are gone by.

    Else the first that is freed lets all that come after it, up to 32 MB, into heaps that smaller things keep from shrinking.
    """
    _set({_TRIM_THRESHOLD: 4 * _COLUMN, _TOP_PAD: _COLUMN // 8, _MMAP_THRESHOLD: _COLUMN})


@contextmanager
def objects_frozen() -> Iterator[None]:
    """Have garbage collection leave out the objects that are there already, as it would find them again and again for nothing; where
    somebody has frozen objects it stays as it is.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _set(options: dict[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        import pyarrow as pa

        for option, value in options.items():
            mallopt(option, value)
        pa.set_memory_pool(pa.system_memory_pool())
