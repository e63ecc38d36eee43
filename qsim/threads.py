"""Work of threads that is waited for so that Ctrl-C is felt, and leaves none of them behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from qsim import interrupts

_LOOK_SECONDS = 1.0
T = TypeVar("T")


def result(future: Future[T]) -> T:
    """Wait for a result in steps, since a signal that comes just as a wait begins is seen only when that wait ends.

    And by a lock of its own: who is interrupted may leave one taken, and of the future's own a worker would wait for ever.
    """
    ready, done = False, threading.Lock()
    done.acquire()
    future.add_done_callback(lambda _: done.release())
    while not ready:
        with interrupts.let_through():
            ready = done.acquire(timeout=_LOOK_SECONDS)
    return future.result()


@interrupts.held_back()
def for_each(work: Callable[..., T], *columns: Iterable[Any], workers: int) -> list[T]:
    """Do `work(*row)` for each row of some columns, and give the results in order; nothing is under way any more at the end."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, *row) for row in zip(*columns, strict=True)]
        try:
            return [result(future) for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)
