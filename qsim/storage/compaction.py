"""Fewer and larger files for the same history: small ones merged, the replaced ones kept a while for readers, then removed.

Neither changes a row, a tick or a digest. Who reads by an older commit finds its files until they are vacuumed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from typing import TYPE_CHECKING

from qsim.storage import files, integrity, log, parquet, tables
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile, Tip
from qsim.storage.places import Place

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_A_FILE = 1 << 20


def adjoin(before: DataFile, after: DataFile) -> bool:
    """Tell whether a file's ticks begin where those of another end."""
    return after.first <= before.last + 1


def _groups(named: Iterable[DataFile], unbroken: Collection[str]) -> Iterator[list[DataFile]]:
    """Gather neighbours of one table and block, in the order of their ticks, into groups that one file can hold; those of
    `unbroken` tables without a tick missing between them.
    """
    in_order = sorted(named, key=lambda file: (file.table, file.block, file.first))
    for (table, _), of_block in groupby(in_order, key=lambda file: (file.table, file.block)):
        group: list[DataFile] = []
        rows = 0
        for file in of_block:
            apart = table in unbroken and group and not adjoin(group[-1], file)
            if group and (apart or rows + file.rows > ROWS_A_FILE):
                yield group
                group, rows = [], 0
            group.append(file)
            rows += file.rows
        yield group


def merged(market: Place, group: Sequence[DataFile], schemas: Mapping[str, pa.Schema]) -> DataFile:
    """Write neighbours of one table and block, in the order of their ticks, as one file; it is on disk but not committed."""
    oldest, newest = group[0], group[-1]
    encoder = parquet.Encoder(schemas[oldest.table])
    for file in group:
        encoder.add(parquet.decode(integrity.read(market, file), market / file.path))
    ticks = oldest.first, newest.last
    return tables.put_history(market, oldest.table, encoder.finish(), encoder.rows, ticks, oldest.block)


def compact(market: Place, history: Log, schemas: Mapping[str, pa.Schema], unbroken: Collection[str] = ()) -> Tip:
    """Merge the small files of these tables and commit the merged ones in their place; give the new tip.

    Files of the tables `unbroken` are merged only where no tick is missing between them. The lock is the caller's. Nothing is
    committed where nothing is small; a second call finds nothing to do.
    """
    merged_of = (file for file in history.files if file.table in schemas)
    small = [group for group in _groups(merged_of, unbroken) if len(group) > 1]
    if not small:
        return log.tip_of(history)
    added = [merged(market, group, schemas) for group in small]
    removed = [file.path for group in small for file in group]
    return log.append(market, history, tick=history.tick, digest=history.digest, added=added, removed=removed)


def vacuum(market: Place, history: Log, grace_seconds: float) -> tuple[Tip, int, int]:
    """Remove files that others stand in for since `grace_seconds` or longer; give the new tip, how many and their bytes.

    The lock is the caller's. The age is that of the commit that replaced them, by the file system's clock; none is below 0.
    """
    now = time.time_ns()
    latest = now - int(grace_seconds * 1e9)
    old = list(
        takewhile(lambda at: min(now, _age_mark(market, at)) <= latest, sorted({at for _, at in history.retired}))
    )
    if not old:
        return log.tip_of(history), 0, 0
    gone = [market / path for path, at in history.retired if at <= old[-1]]
    sizes = [found.bytes for path in gone if (found := files.look(path)) is not None]
    files.remove(gone)
    tip = log.append(market, history, tick=history.tick, digest=history.digest, vacuumed=old[-1])
    return tip, len(sizes), sum(sizes)


def _age_mark(market: Place, number: int) -> int:
    found = files.look(log.commit_path(market, number))
    return time.time_ns() if found is None else found.modified_ns
