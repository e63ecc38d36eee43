"""Merge the small files that a paced run leaves, while it waits for its next tick: a day of them would be tens of thousands.

Neighbours are merged so many at a time, and what came of that again (tiers, as in log-structured merge trees: O'Neil et al.
1996), so that a row is written a few times however long the run, and the number of files grows as its logarithm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING

from qsim.runs.writing import Writer
from qsim.schema import HISTORY, PLATFORM_METRICS, SNAPSHOTS
from qsim.storage import compaction, log
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place

if TYPE_CHECKING:
    import pyarrow as pa

FAN = 16
# Of a run that never has the time so many times as many wait, and no more: each reader opens every file, and disks fill up.
_OVERDUE = 4
# Of these the ticks of a file tell what was counted: merged with one after a gap it would tell of ticks that nobody counted.
UNBROKEN = frozenset((PLATFORM_METRICS.name,))
# What to read a small file takes, to write a merged one and to pass a row on; told otherwise by what merging took.
_FILE_SECONDS, _MERGED_SECONDS, _ROW_SECONDS = 0.0005, 0.005, 2e-7
# Readers of older commits have a day for their answers.
_GRACE_SECONDS, _VACUUM_EVERY_SECONDS, _VACUUM_SECONDS = 86_400.0, 3600.0, 1.0


@cache
def schemas() -> dict[str, pa.Schema]:
    """Give the schemas of the tables whose files are merged: a snapshot stays one of its own, since as-of queries take one
    and no other.
    """
    return {table.name: table.arrow() for table in HISTORY if table is not SNAPSHOTS}


@dataclass
class Tiers:
    """Files of a run that are still to be merged, in the order of their ticks, by table, block and how often they were; how much
    longer than expected merging takes; when replaced files were last removed, a reading of the monotonic clock.
    """

    files: dict[tuple[str, int, int], list[DataFile]] = field(default_factory=dict)
    slowness: float = 1.0
    vacuumed: float = field(default_factory=monotonic)


def tiers_of(market: Place) -> Tiers:
    """Note the files of a market that are to be merged: those of earlier runs, which ended before there were enough of them."""
    tiers = Tiers()
    add(tiers, sorted(log.read(market).files, key=lambda file: file.first))
    return tiers


def add(tiers: Tiers, files: Iterable[DataFile], tier: int = 0) -> None:
    """Note files that are to be merged with others: neighbours, of which one file can hold so many."""
    for file in files:
        if file.table not in schemas():
            continue
        if file.rows * FAN <= compaction.ROWS_A_FILE:
            named = tiers.files.setdefault((file.table, file.block, tier), [])
            if named and file.table in UNBROKEN and not compaction.adjoin(named[-1], file):
                named.clear()
            named.append(file)
        else:
            # It stays between those before it and those to come, which are no neighbours then.
            for key in [key for key in tiers.files if key[:2] == (file.table, file.block) and key[2] >= tier]:
                del tiers.files[key]


def tidy(writer: Writer, tiers: Tiers, until: float, commit_seconds: float) -> None:
    """Merge what there is time for up to a reading of the monotonic clock, a commit of so many seconds included, and what is
    overdue whatever the time; commit it.
    """
    added: list[DataFile] = []
    removed: list[str] = []
    for table, block, tier in [key for key, named in tiers.files.items() if len(named) >= FAN]:
        waiting = tiers.files.get((table, block, tier))
        if not waiting:
            # What came of a lower tier is too large, and they are no neighbours any more.
            continue
        group, overdue = waiting[:FAN], len(waiting) >= _OVERDUE * FAN
        expected = FAN * _FILE_SECONDS + _MERGED_SECONDS + sum(file.rows for file in group) * _ROW_SECONDS
        began = monotonic()
        if writer.stop.is_set():
            break
        if not overdue and began + expected * tiers.slowness + commit_seconds > until:
            continue
        file = compaction.merged(writer.market, group, schemas())
        tiers.slowness += ((monotonic() - began) / expected - tiers.slowness) / 4
        del tiers.files[table, block, tier][:FAN]
        add(tiers, [file], tier + 1)
        added.append(file)
        removed += [one.path for one in group]
    if added:
        tip = writer.tip
        writer.tip = log.append(writer.market, tip, tick=tip.tick, digest=tip.digest, added=added, removed=removed)
    since = monotonic() - tiers.vacuumed
    wait = _VACUUM_EVERY_SECONDS * (1 if monotonic() + _VACUUM_SECONDS < until else _OVERDUE)
    if since > wait and not writer.stop.is_set():
        tiers.vacuumed = monotonic()
        writer.tip = compaction.vacuum(writer.market, log.read(writer.market), _GRACE_SECONDS)[0]
