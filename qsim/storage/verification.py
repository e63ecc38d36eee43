"""The whole of a market's directory against its log: every commit, checkpoint and file, and what lies beside them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from qsim.errors import CorruptError
from qsim.storage import files, integrity, leftovers, lock, log
from qsim.storage.pieces import DataFile, Piece
from qsim.storage.places import Place

# What runs cost lies in it, outside commits and digests.
PROCESS = "process"
_LEFT = "was left by a writer that was stopped; the next writer removes it"
_UNDER_WAY = "is not committed yet; where its writer was stopped, the next one removes it"


@dataclass
class Verified:
    """What was looked at and found: faults are what must not be; notes tell of what is no part of the market."""

    commits: int = 0
    checkpoints: int = 0
    files: int = 0
    bytes: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _chain(market: Place, found: Verified) -> dict[str, DataFile]:
    """Follow the commits from the first as far as they hold; give the files that they name."""
    named: dict[str, DataFile] = {}
    try:
        for piece in log.commits(market):
            _take(piece, named)
            found.commits += 1
    except CorruptError as fault:
        found.faults.append(str(fault))
    return named


def _take(piece: Piece, named: dict[str, DataFile]) -> None:
    for name, _ in piece.removed:
        if named.pop(name, None) is None:
            raise CorruptError(f"{piece.path}: replaces {name}, which no commit before it names; restore the log")
    named.update((file.path, file) for file in piece.files)


def _faults(market: Place, named: dict[str, DataFile]) -> list[CorruptError]:
    """Check files, and give the faults of those that are still named: vacuum may remove what was replaced meanwhile."""
    wrong = list(integrity.faults(market, named.values(), afresh=True))
    if not wrong:
        return []
    still = {file.path for file in log.read(market).files}
    return [fault for path, fault in wrong if path in still]


def _checkpoints(market: Place, found: Verified) -> None:
    for number, path in log.checkpoints(market):
        try:
            if files.read(path) != log.checkpoint(market, number):
                raise CorruptError(
                    f"{path}: is not what its commits fold into; remove it, the commits hold all it tells"
                )
            found.checkpoints += 1
        except CorruptError as fault:
            found.faults.append(str(fault))


def _beside(market: Place, directories: Collection[str], catalog: Collection[str], found: Verified) -> None:
    """Note what the log does not name: in the market's directories, and beside them."""
    # The log comes last, so that it names what a writer at work had committed of what is listed; vacuum may have been there too.
    listed, tops = leftovers.listed(market, directories), files.names(market)
    left = _LEFT if lock.is_free(market) else _UNDER_WAY
    history = log.read(market)
    known = leftovers.known(history)
    for path in (market / name for name in listed if name not in known):
        if (entry := files.look(path)) is None:
            continue
        if path.parent.name in (log.COMMITS, log.CHECKPOINTS) and path.stem.isdecimal() and path.suffix == ".json":
            if path.parent.name == log.COMMITS and int(path.stem) > history.number:
                found.notes.append(f"{path}: was never finished; the next writer removes it")
        elif (entry.is_file and files.is_temporary(path.name)) or leftovers.first_tick(path, catalog) is not None:
            found.notes.append(f"{path}: {left}")
        else:
            found.notes.append(f"{path}: is no part of the market, and is never read")
    ours = {Path(file.path).parts[0] for file in history.files} | {*directories, lock.LOCK, PROCESS}
    found.notes += [
        f"{market / name}: is no part of the market, and is never read" for name in tops if name not in ours
    ]


def verify(market: Place, directories: Collection[str], catalog: Collection[str]) -> Verified:
    """Read every commit, checkpoint and file of a market and hold each against the log; nothing is changed.

    `catalog` are the tables that lie in its catalog. ConflictError where no market is there; all else that is wrong is told
    among the faults.
    """
    found = Verified()
    named = _chain(market, found)
    found.files, found.bytes = len(named), sum(file.bytes for file in named.values())
    found.faults += map(str, _faults(market, named))
    if not found.faults:
        _checkpoints(market, found)
        _beside(market, directories, catalog, found)
    return found
