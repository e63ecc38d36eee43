"""DuckDB locked down, for SQL from outside: it is given a market's rows, never the name of a file.

Paths that DuckDB may read it may also write (`COPY ... TO` a file that it was allowed, `ATTACH` of it), so it is allowed
none: the files are opened outside of it (`scans`). No path is there to be told, either.
"""

from __future__ import annotations

import duckdb

from qsim.queries.texts import quoted

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


def lock(connection: duckdb.DuckDBPyConnection, memory_mb: int, seconds: float) -> None:
    """Switch off all that reaches outside the connection, and then the switches."""
    wanted = {"memory_limit": quoted(f"{memory_mb}MB"), "max_execution_time": str(int(seconds * 1000)), **SETTINGS}
    known = {name for (name,) in connection.execute("SELECT name FROM duckdb_settings()").fetchall()}
    for name, value in wanted.items():
        if name in known or name in NEEDED:
            connection.execute(f"SET {name} = {value}")
