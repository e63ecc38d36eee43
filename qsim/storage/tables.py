"""Tables of a market as committed files: one new file for each piece, named by its ticks and block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qsim import interrupts
from qsim.schema import LISTINGS, SNAPSHOTS
from qsim.storage import files, integrity, lock, parquet
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Writing:
    """How files are written: `shared` where several machines may write them; what is to be called to write them goes into
    `unfinished`, or where that is None is done at once.
    """

    shared: bool = False
    unfinished: list[Callable[[], None]] | None = None

    def finish(self) -> None:
        """Do what is left to do for the files, up to the first fault."""
        for one in self.unfinished or []:
            one()


AT_ONCE = Writing()
# What else they tell is spread over all pages: its least and its greatest let readers leave out none.
_LOOKED_FOR = {SNAPSHOTS.name: SNAPSHOTS.key, LISTINGS.name: (*LISTINGS.key, "product_id")}


def write_catalog(market: Place, table: str, rows: pa.Table, block: int) -> DataFile:
    """Write a catalog table, or the part of it from a block on; the file is on disk but not committed."""
    name = files.own_name(market, f"catalog/{table}{f'-{block:05d}' if block else ''}.parquet")
    data = parquet.encode(rows, _LOOKED_FOR.get(table))
    lock.check_held(market)
    return DataFile(name, table, rows.num_rows, len(data), files.put(market / name, data), 0, 0, block)


def write_history(
    market: Place, table: str, rows: pa.Table, ticks: tuple[int, int], block: int, writing: Writing = AT_ONCE
) -> DataFile:
    """Write what a table gained in the ticks first..last from one block; the file is on disk but not committed."""
    data = parquet.encode(rows, _LOOKED_FOR.get(table))
    return put_history(market, table, data, rows.num_rows, ticks, block, writing)


@interrupts.held_back()
def put_history(
    market: Place,
    table: str,
    data: memoryview,
    rows: int,
    ticks: tuple[int, int],
    block: int,
    writing: Writing = AT_ONCE,
) -> DataFile:
    """Write an encoded history file; it is on disk, at the latest when `writing` is finished, but not committed."""
    name = f"{table}/{ticks[0]:010d}-{ticks[1]:010d}-{block:05d}.parquet"
    name = files.own_name(market, name, shared=writing.shared)
    digest, write = files.begin(market / name, data)

    def finish() -> None:
        # In another market that stands there now, a committed file may have this name.
        lock.check_held(market)
        write()

    if writing.unfinished is None:
        finish()
    else:
        writing.unfinished.append(finish)
    return DataFile(name, table, rows, len(data), digest, *ticks, block)


def read(market: Place, named: Sequence[DataFile], columns: list[str] | None = None) -> pa.Table:
    """Read the named files of one table end to end; CorruptError names one whose content is not what was committed."""
    import pyarrow as pa

    return pa.concat_tables(
        [parquet.decode(integrity.read(market, file), market / file.path, columns) for file in named]
    )
