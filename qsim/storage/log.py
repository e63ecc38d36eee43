"""The commit log: numbered files that make files of data visible together, each bound to the one before by its hash.

A commit names files with rows, bytes and sha256, the tick it reaches, an epoch where parameters changed, and the
content digest so far. Every so many commits the log is folded into a checkpoint, so opening a market stays cheap.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qsim.errors import ConflictError, CorruptError
from qsim.storage import files
from qsim.streams import FORMAT_VERSION

COMMITS = "_commits"
CHECKPOINTS = "_checkpoints"
CHECKPOINT_EVERY = 64


@dataclass(frozen=True)
class DataFile:
    """A committed file: its path in the market, table, rows, bytes and hash, and the ticks and block that it covers."""

    path: str
    table: str
    rows: int
    bytes: int
    sha256: str
    first: int
    last: int
    block: int


@dataclass(frozen=True)
class Log:
    """The log folded up to one commit: its number and hash, the tick reached, all files, epochs and the digest."""

    number: int
    head: str
    tick: int
    digest: int
    epochs: tuple[dict[str, Any], ...]
    files: tuple[DataFile, ...]

    def of_table(self, table: str) -> list[DataFile]:
        """Give the files of a table, in the order of their ticks and blocks."""
        return [file for file in self.files if file.table == table]


EMPTY = Log(-1, "", 0, 0, (), ())


def _sealed(body: dict[str, Any]) -> tuple[bytes, str]:
    # Keys keep their order: that of the platforms in an epoch's parameters is their numbers.
    text = json.dumps(body, separators=(",", ":"))
    seal = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"body": body, "sha256": seal}, indent=1).encode() + b"\n", seal


class _UnfinishedError(CorruptError):
    """A commit file that is not whole, as a crash of a disk may leave the newest one."""


def _opened(path: Path) -> tuple[dict[str, Any], str]:
    try:
        sealed = json.loads(files.read(path))
        body, seal = sealed["body"], sealed["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _UnfinishedError(f"{path}: is not a whole commit; restore it from a copy of the market") from None
    if _sealed(body)[1] != seal:
        raise CorruptError(f"{path}: its checksum is not that of its content; restore it from a copy of the market")
    if body.get("format") != FORMAT_VERSION:
        raise CorruptError(
            f"{path}: has format {body.get('format')}; this qsim reads format {FORMAT_VERSION}; use the qsim that made it"
        )
    return body, seal


def _folded(log: Log, body: dict[str, Any], seal: str, path: Path) -> Log:
    if body["number"] != log.number + 1 or body["previous"] != log.head:
        raise CorruptError(
            f"{path}: does not follow commit {log.number} ({log.head[:12]}); restore the log from one copy of the market"
        )
    epochs = (*log.epochs, body["epoch"]) if body["epoch"] else log.epochs
    added = tuple(DataFile(**entry) for entry in body["files"])
    return Log(body["number"], seal, body["tick"], int(body["digest"], 16), epochs, log.files + added)


def _numbers(directory: Path) -> list[int]:
    return (
        sorted(int(entry.stem) for entry in directory.glob("*.json") if entry.stem.isdecimal())
        if directory.is_dir()
        else []
    )


def _last_checkpoint(market: Path) -> Log:
    for number in reversed(_numbers(market / CHECKPOINTS)):
        try:
            body, _ = _opened(market / CHECKPOINTS / f"{number:010d}.json")
        except CorruptError:
            continue
        return Log(
            number,
            body["head"],
            body["tick"],
            int(body["digest"], 16),
            tuple(body["epochs"]),
            tuple(DataFile(**entry) for entry in body["files"]),
        )
    return EMPTY


def exists(market: Path) -> bool:
    """Tell whether a market is there: whether anything was ever committed."""
    return bool(_numbers(market / COMMITS))


def read(market: Path) -> Log:
    """Read the log; ConflictError where there is no market, CorruptError where the log is broken.

    A newest commit that is not whole was never acknowledged and is left out; a broken one in the middle is refused.
    """
    numbers = _numbers(market / COMMITS)
    if not numbers:
        raise ConflictError(f"{market}: holds no market; make one with: qsim generate {market}")
    log = _last_checkpoint(market)
    for number in range(log.number + 1, numbers[-1] + 1):
        path = market / COMMITS / f"{number:010d}.json"
        try:
            body, seal = _opened(path)
        except _UnfinishedError:
            if number == numbers[-1] and number > 0:
                break
            raise
        log = _folded(log, body, seal, path)
    return log


def append(
    market: Path, log: Log, *, tick: int, digest: int, added: list[DataFile], epoch: dict[str, Any] | None
) -> Log:
    """Commit files that are on disk under their final names: sync their directories, then the commit; give the new log."""
    for directory in sorted({(market / file.path).parent for file in added}):
        files.sync_directory(directory)
    body = {
        "format": FORMAT_VERSION,
        "number": log.number + 1,
        "previous": log.head,
        "tick": tick,
        "digest": f"{digest:032x}",
        "epoch": epoch,
        "files": [asdict(file) for file in added],
    }
    path = market / COMMITS / f"{log.number + 1:010d}.json"
    data, seal = _sealed(body)
    files.put_if_absent(path, data)
    folded = _folded(log, body, seal, path)
    if folded.number % CHECKPOINT_EVERY == 0 and folded.number:
        _write_checkpoint(market, folded)
    return folded


def _write_checkpoint(market: Path, log: Log) -> None:
    body = {
        "format": FORMAT_VERSION,
        "head": log.head,
        "tick": log.tick,
        "digest": f"{log.digest:032x}",
        "epochs": list(log.epochs),
        "files": [asdict(file) for file in log.files],
    }
    files.put(market / CHECKPOINTS / f"{log.number:010d}.json", _sealed(body)[0])
    files.sync_directory(market / CHECKPOINTS)


def drop_unfinished(market: Path, log: Log) -> None:
    """Remove a newest commit file that is not whole, so that its number can be given again."""
    numbers = _numbers(market / COMMITS)
    if numbers and numbers[-1] > log.number:
        with files.disk("remove", market / COMMITS):
            (market / COMMITS / f"{numbers[-1]:010d}.json").unlink()
