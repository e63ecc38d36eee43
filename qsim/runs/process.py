"""What runs cost, kept beside a market as lines of JSON: lag, time by stage, processor, memory, disk, and how each run ended.

It lies in process/ of a local market, outside commits and digests; a line is written at most once a second. What cannot be
written there is told in the log and stops no run.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import TYPE_CHECKING, Any

from qsim.errors import DiskError
from qsim.storage import files
from qsim.storage.places import Place
from qsim.storage.verification import PROCESS

if TYPE_CHECKING:
    from qsim.runs.recording import Progress

FILE, OLDER = "runs.jsonl", "runs.older.jsonl"
_MOST_BYTES = 8_000_000
# Some hundred lines.
_PIECE_BYTES = 1 << 18
_EVERY_SECONDS = 1.0

_logger = logging.getLogger("qsim")


@dataclass
class Recorder:
    """Keeps what a run costs: the sums so far, and when a line was last written."""

    market: Place
    tick_seconds: float | None
    flush_seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    begun: float = field(default_factory=perf_counter)
    cpu_begun: float = field(default_factory=process_time)
    written: float = 0.0
    cpu_written: float = 0.0
    last: dict[str, Any] = field(default_factory=dict)
    told_of_loss: bool = False

    def told(self, now: Progress, *spent: Mapping[str, float]) -> None:
        """Take up a commit and what its stages took, and write a line when a second has passed."""
        for stage, seconds in (pair for stages in spent for pair in stages.items()):
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds
        self.last = {**vars(now)}
        if perf_counter() - self.begun - self.written >= _EVERY_SECONDS:
            self.write("run")

    def write(self, kind: str, error: str = "") -> None:
        """Write a line of a kind: `run` for one that goes on, `end`, `stopped` by its user at once, `failed` with its error."""
        if isinstance(self.market, Path):
            import psutil

            try:
                line = json.dumps(self._line(kind, error), separators=(",", ":"))
                _append(self.market / PROCESS, line + "\n")
            except (OSError, DiskError, psutil.Error) as fault:
                # The next line may find room: without any, the run would be taken for one that stands still.
                if not self.told_of_loss:
                    _logger.warning("%s: what the run costs cannot be kept: %s", self.market / PROCESS, fault)
                self.told_of_loss = True

    def _line(self, kind: str, error: str) -> dict[str, Any]:
        import psutil

        seconds, cpu = perf_counter() - self.begun, process_time() - self.cpu_begun
        since = max(seconds - self.written, 1e-9)
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            # How long ago it was is told by this one, which a change of the time, or a sleep of the machine, does not move.
            "monotonic_seconds": round(monotonic(), 3),
            "kind": kind,
            "process": os.getpid(),
            **self.last,
            "seconds": round(seconds, 3),
            "tick_seconds": self.tick_seconds,
            "flush_seconds": self.flush_seconds,
            "cpu_seconds": round(cpu, 3),
            "cpu_percent": round(100 * (cpu - self.cpu_written) / since, 1),
            "memory_bytes": psutil.Process().memory_info().rss,
            "disk_free_bytes": files.free_bytes(self.market),
            "stage_seconds": {stage: round(spent, 4) for stage, spent in self.stages.items()},
            **({"error": error} if error else {}),
        }
        self.written, self.cpu_written = seconds, cpu
        return line


def _append(folder: Path, line: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / FILE
    if path.exists() and path.stat().st_size > _MOST_BYTES:
        path.replace(folder / OLDER)
    with path.open("a", encoding="utf-8") as file:
        file.write(line)


def lines(market: Place, most: int = 2_000) -> list[dict[str, Any]]:
    """Read the newest lines, at most so many, the oldest of them first; what is no line is passed over."""
    if not isinstance(market, Path):
        return []
    texts: list[bytes] = []
    # The newest first: a file that becomes the older one meanwhile is long enough for all of them.
    for name in (FILE, OLDER):
        if len(texts) < most:
            texts[:0] = _last_lines(market / PROCESS / name, most - len(texts))
    return [line for text in texts if (line := _read(text))]


def _last_lines(path: Path, most: int) -> list[bytes]:
    """Read the last lines of a file, at most so many, from its end on; none where there is no file."""
    if not path.is_file():
        return []
    end = b""
    with suppress(FileNotFoundError), path.open("rb") as file:
        place = file.seek(0, os.SEEK_END)
        while place and end.count(b"\n") <= most:
            begin = max(0, place - _PIECE_BYTES)
            file.seek(begin)
            end = file.read(place - begin) + end
            place = begin
    return end.splitlines()[-most:]


def _read(text: bytes) -> dict[str, Any]:
    """Read a line; nothing where it is none: a kill or a full disk may cut one short, and the next one begins behind it."""
    try:
        line = json.loads(text.decode("utf-8", "replace"))
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
