"""What lies in a market's directory beside what its log names: what killed writers left, and what is not the market's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from qsim.errors import CorruptError
from qsim.storage import files
from qsim.storage.log import Log
from qsim.storage.places import Place

_HISTORY = re.compile(r"(\d{10})-\d{10}-\d{5}(-[0-9a-f]{8})?\.parquet", re.ASCII)
_CATALOG = re.compile(r"([a-z_]+)(-\d{5})?(-[0-9a-f]{8})?\.parquet", re.ASCII)
_SETTINGS = re.compile(r"market-[0-9a-f]{8}\.toml", re.ASCII)


def first_tick(path: Place, catalog: Collection[str]) -> int | None:
    """Give the first tick that a file of this name covers; None where a writer of these catalog tables gives no such name."""
    if found := _HISTORY.fullmatch(path.name):
        return int(found[1])
    table = _CATALOG.fullmatch(path.name) if path.parent.name == "catalog" else None
    return 0 if is_settings(path.name) or (table and table[1] in catalog) else None


def is_settings(name: str) -> bool:
    """Tell whether a file is the settings of a market in an object store, where generations do not share a name."""
    return bool(_SETTINGS.fullmatch(name))


def listed(market: Place, directories: Iterable[str]) -> list[str]:
    """Give all that lies in directories of the market, and what lies beside them and may be its settings, as paths in the market."""
    beside = [name for name in files.names(market) if is_settings(name)]
    return beside + [f"{directory}/{name}" for directory in directories for name in files.names(market / directory)]


def known(log: Log) -> set[str]:
    """Give what the log names or keeps for readers of older commits, as paths in the market."""
    return {file.path for file in log.files} | {path for path, _ in log.retired}


def unnamed(market: Place, directories: Iterable[str], log: Log) -> Iterator[Place]:
    """Find, in directories of the market, what the log neither names nor keeps for readers of older commits."""
    named = known(log)
    yield from (market / path for path in listed(market, directories) if path not in named)


def found(market: Place, directories: Iterable[str], catalog: Collection[str], log: Log, ahead: int) -> list[Place]:
    """Find the whole files that killed writers left in directories of a market and never committed; `catalog` are its tables.

    What has no name that a writer gives is left alone. CorruptError where a file begins more than `ahead` ticks after the
    log: no killed writer came as far, so the log is older than its files.
    """
    left: list[Place] = []
    for path in unnamed(market, directories, log):
        first = first_tick(path, catalog)
        if first is None:
            continue
        if first > log.tick + ahead:
            raise CorruptError(
                f"{path}: covers ticks long after {log.tick}, where the log ends: the log is older than its files; restore"
                " the log from the copy that they came from, or move them away"
            )
        left.append(path)
    return left


def clear(market: Place, directories: Iterable[str], left: Sequence[Place]) -> None:
    """Remove what killed writers left in directories of a market: whole files that were found, and unfinished ones."""
    if left:
        files.remove(left)
    if isinstance(market, Path):
        for place in (market, *(market / directory for directory in directories)):
            files.remove_temporary(place)
