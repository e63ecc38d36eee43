"""Tables of a market as committed files: one new file for each piece, named by its ticks and block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qsim.storage import files, integrity, lock, parquet
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place

if TYPE_CHECKING:
    import pyarrow as pa


def write_catalog(market: Place, table: str, rows: pa.Table, block: int) -> DataFile:
    """Write a catalog table, or the part of it from a block on; the file is on disk but not committed."""
    name = files.own_name(market, f"catalog/{table}{f'-{block:05d}' if block else ''}.parquet")
    data = parquet.encode(rows)
    lock.check_held(market)
    return DataFile(name, table, rows.num_rows, len(data), files.put(market / name, data), 0, 0, block)


def write_history(
    market: Place, table: str, rows: pa.Table, ticks: tuple[int, int], block: int, *, shared: bool = False
) -> DataFile:
    """Write what a table gained in the ticks first..last from one block; the file is on disk but not committed."""
    return put_history(market, table, parquet.encode(rows), rows.num_rows, ticks, block, shared=shared)


def put_history(
    market: Place, table: str, data: memoryview, rows: int, ticks: tuple[int, int], block: int, *, shared: bool = False
) -> DataFile:
    """Write an encoded history file, `shared` where several machines may write it; it is on disk but not committed."""
    name = files.own_name(market, f"{table}/{ticks[0]:010d}-{ticks[1]:010d}-{block:05d}.parquet", shared=shared)
    # In another market that stands there now, a committed file may have this name.
    lock.check_held(market)
    return DataFile(name, table, rows, len(data), files.put(market / name, data), *ticks, block)


def read(market: Place, named: Sequence[DataFile], columns: list[str] | None = None) -> pa.Table:
    """Read the named files of one table end to end; CorruptError names one whose content is not what was committed."""
    import pyarrow as pa

    return pa.concat_tables(
        [parquet.decode(integrity.read(market, file), market / file.path, columns) for file in named]
    )
