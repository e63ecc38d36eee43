"""A market's files as Arrow datasets: where DuckDB may not open files, or where they lie in an object store.

A dataset reads the columns and row groups that a query needs and can do nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb

from qsim.queries.texts import files
from qsim.schema import TABLES, Table
from qsim.storage.objects import RangeReader
from qsim.storage.places import ObjectPath, Place

if TYPE_CHECKING:
    from qsim.queries.texts import SelectHere
    from qsim.storage.pieces import DataFile


class Scans:
    """The files that views read, as named scans: collected where the log is read, opened where DuckDB runs."""

    def __init__(self) -> None:
        self.named: dict[str, dict[str, Any]] = {}

    def select(self, market: Place, table: Table, named: Sequence[DataFile]) -> str:
        """Write the SELECT of the named files of a table, as `texts.files` does, over a scan instead of their paths."""
        if not named:
            return files(market, table, named)
        name = f"scan_{len(self.named)}"
        paths = [str((market / file.path).absolute()) for file in named]
        self.named[name] = {"table": table.name, "paths": paths}
        return f"SELECT * FROM {name}"


def register(connection: duckdb.DuckDBPyConnection, scans: Mapping[str, Mapping[str, Any]]) -> None:
    """Give a connection the scans as tables that are read while a query runs; no file is opened before."""
    from pyarrow import dataset, fs

    for name, scan in scans.items():
        schema = TABLES[scan["table"]].arrow()
        found = dataset.FileSystemDataset.from_paths(
            scan["paths"], schema=schema, format=dataset.ParquetFileFormat(), filesystem=fs.LocalFileSystem()
        )
        connection.register(name, found)


def register_objects(
    connection: duckdb.DuckDBPyConnection, scans: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]
) -> None:
    """Do as `register` with objects in a store, whose sizes are known by their paths: no request is made before a query.

    What is registered only one cursor has; these are views as any, which all cursors see and a transaction takes back.
    """
    import pyarrow as pa
    from pyarrow import dataset

    form = dataset.ParquetFileFormat()
    for name, scan in scans.items():
        opened = [pa.PythonFile(RangeReader(ObjectPath(path), sizes[path]), mode="r") for path in scan["paths"]]
        fragments = [form.make_fragment(file) for file in opened]
        found = dataset.FileSystemDataset(fragments, TABLES[scan["table"]].arrow(), form)
        connection.from_arrow(found).create_view(name)


def select_for(connection: duckdb.DuckDBPyConnection, market: Place) -> SelectHere:
    """Give what writes the SELECT of named files of a table for a connection; files in an object store it can read from then on."""
    if not isinstance(market, ObjectPath):
        return partial(files, market)
    scans = Scans()

    def select(table: Table, named: Sequence[DataFile]) -> str:
        known = set(scans.named)
        text = scans.select(market, table, named)
        sizes = {str((market / file.path).absolute()): file.bytes for file in named}
        register_objects(connection, {name: scan for name, scan in scans.named.items() if name not in known}, sizes)
        return text

    return select
