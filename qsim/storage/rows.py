"""Rows of a few listings out of history files, the newest first: only the row groups that may hold them are read.

Files of one content never change, so which listings and ticks their row groups hold is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsim.storage.parquet import damaged
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group: its file and the hash of that, its number in it, and the first and last tick and listing that it holds."""

    path: Place
    sha256: str
    number: int
    ticks: tuple[int, int]
    listings: tuple[int, int]


def newest(
    market: Place, files: Sequence[DataFile], listings: range, ticks: tuple[int, int], columns: Sequence[str]
) -> Iterator[tuple[dict[str, NDArray[np.integer[Any]]], int]]:
    """Give the rows of listings that are numbered one after another, of the ticks first..last, by row group, the newest first.

    Args:
        market: Where the files are.
        files: Files of one table that has `tick` and `listing_id`, which are given too.
        listings: The listings.
        ticks: The first and the last tick.
        columns: The other columns that are wanted.

    Yields:
        The columns by name, and the last tick of which there may be rows in what comes next (-1: nothing comes).

    Raises:
        CorruptError: a file is not the Parquet file that it was.
    """
    first, last = ticks
    groups = [
        group
        for file in files
        if file.first <= last and file.last >= first
        for group in _groups(market / file.path, file.sha256)
        if group.listings[0] < listings.stop and group.listings[1] >= listings.start
        if group.ticks[0] <= last and group.ticks[1] >= first
    ]
    groups.sort(key=lambda group: -group.ticks[1])
    for at, group in enumerate(groups):
        later = groups[at + 1].ticks[1] if at + 1 < len(groups) else -1
        found = _rows(group, listings, ticks, columns)
        if found is not None:
            yield found, min(later, last)


@lru_cache(maxsize=1 << 16)
def _groups(path: Place, sha256: str) -> tuple[_Group, ...]:
    metadata = _footer(path, sha256)
    names = metadata.schema.names
    at = (names.index("tick"), names.index("listing_id"))
    groups = []
    for number in range(metadata.num_row_groups):
        ranges = [metadata.row_group(number).column(column).statistics for column in at]
        groups.append(_Group(path, sha256, number, *((one.min, one.max) for one in ranges)))
    return tuple(groups)


# To read a footer is most of what it takes to read a few rows. The hash tells apart files of one name: of a market, and of the one
# that took its place.
@lru_cache(maxsize=256)
def _footer(path: Place, sha256: str) -> Any:
    return _opened(path, None).metadata


def _opened(path: Place, footer: Any) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(pa.OSFile(str(path)), metadata=footer)
    except (pa.ArrowException, OSError) as fault:
        raise damaged(path, fault) from None


def _rows(
    group: _Group, listings: range, ticks: tuple[int, int], columns: Sequence[str]
) -> dict[str, NDArray[np.integer[Any]]] | None:
    keys = _columns(group.path, group.sha256, group.number, ("tick", "listing_id"))
    # Below the first one the difference is very large. Each step over all rows may have to wait for its turn: there are few.
    chosen = (keys["listing_id"] - np.uint32(listings.start) < len(listings)).nonzero()[0]
    tick = keys["tick"][chosen]
    chosen = chosen[(tick >= ticks[0]) & (tick <= ticks[1])]
    if not len(chosen):
        return None
    wanted = tuple(name for name in columns if name != "tick")
    rest = _columns(group.path, group.sha256, group.number, wanted)
    return {name: values[chosen] for name, values in (keys | rest).items()}


# What is asked for most is the newest: about one row group of each of twelve blocks, at most 170 MB.
@lru_cache(maxsize=24)
def _columns(path: Place, sha256: str, number: int, names: tuple[str, ...]) -> dict[str, NDArray[np.integer[Any]]]:
    found = _opened(path, _footer(path, sha256)).read_row_group(number, columns=list(names), use_threads=False)
    return {name: found.column(name).to_numpy() for name in names}
