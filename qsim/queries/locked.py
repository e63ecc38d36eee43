"""DuckDB locked down, for SQL from outside: it is given a market's rows, never the name of a file.

Paths that DuckDB may read it may also write (`COPY ... TO` a file that it was allowed, `ATTACH` of it), so it is allowed
none: the files are opened here, as Arrow datasets, which read the columns and row groups that a query needs and can do
nothing else. No path is there to be told, either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from qsim.queries.texts import files, quoted
from qsim.schema import TABLES, Table
from qsim.storage.places import Place

if TYPE_CHECKING:
    from qsim.storage.pieces import DataFile

# In order; the last makes them final. Those that a version of DuckDB does not know are left out, `NEEDED` ones never.
SETTINGS = {
    "python_enable_replacements": "false",
    "enable_progress_bar": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "enable_external_file_cache": "false",
    "temp_directory": "''",
    "max_temp_directory_size": "'0B'",
    "home_directory": "''",
    "secret_directory": "''",
    "extension_directory": "''",
    "enable_external_access": "false",
    "lock_configuration": "true",
}
NEEDED = frozenset(
    ("python_enable_replacements", "enable_external_access", "temp_directory", "lock_configuration", "memory_limit")
)


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


def lock(connection: duckdb.DuckDBPyConnection, memory_mb: int, seconds: float) -> None:
    """Switch off all that reaches outside the connection, and then the switches."""
    wanted = {"memory_limit": quoted(f"{memory_mb}MB"), "max_execution_time": str(int(seconds * 1000)), **SETTINGS}
    known = {name for (name,) in connection.execute("SELECT name FROM duckdb_settings()").fetchall()}
    for name, value in wanted.items():
        if name in known or name in NEEDED:
            connection.execute(f"SET {name} = {value}")
