"""Files that are written and put on disk while workers go on: no core waits for the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

from qsim.runs.pacing import Laps
from qsim.runs.windows import Written
from qsim.storage.tables import Writing


class Finishing:
    """Writes files in threads of its own; a worker goes ahead by one window, so that few are held in memory."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        # Of each worker, what it has given last.
        self._before: dict[int, Future[Written]] = {}

    def after(self, take: Callable[[], Written], files: Writing) -> Future[Written]:
        """Take a block through a window, and give what is written of it as it will be when all of that is on disk; what goes wrong
        there is told to who asks for it.
        """
        written = take()
        worker = threading.get_ident()
        if before := self._before.get(worker):
            wait([before])
        future = self._before[worker] = self._pool.submit(_finished, written, files)
        return future


def _finished(written: Written, files: Writing) -> Written:
    laps = Laps()
    files.finish()
    laps.lap("write")
    return replace(written, seconds={**written.seconds, "write": written.seconds["write"] + laps.seconds["write"]})
