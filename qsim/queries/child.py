"""The process that runs SQL from outside: reads requests as lines of JSON, answers each in a line, knows nothing else.

It is started by `guard` as a program of its own. What it needs is imported, and DuckDB opened, before the kernel's limits
close in; from then on it can read the files of one market. Every request has a DuckDB of its own.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import duckdb

from qsim.errors import UsageError
from qsim.queries import locked, sandbox, scans, statement, values
from qsim.queries.texts import ZONE
from qsim.startup import leave_out_pandas

# Read once before files are closed off: what Python and DuckDB load at the first value of a kind.
_WARM = """SELECT 1.5::DECIMAL(5, 2), now(), DATE '2026-01-01', now()::TIMESTAMP, TIME '10:00', INTERVAL 1 DAY, uuid(),
    1::HUGEINT, 'a'::BLOB, [1], {'a': 1}, MAP {1: 2}, '1'::JSON"""
# Where DuckDB points at what it put around a query, of which nobody else knows.
_AROUND = re.compile(r" LINE \d+: .*\bunnamed_relation_.*")


def instance() -> duckdb.DuckDBPyConnection:
    """Open DuckDB without a thread of its own: one that is there before the kernel's limits would stay free of them."""
    return duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0})


def laid_out(connection: duckdb.DuckDBPyConnection, request: Mapping[str, Any], layers: frozenset[str]) -> None:
    """Make the views of a market on a connection, and lock it down where that layer is on."""
    if "locked" in layers:
        scans.register(connection, request["scans"])
    for text in (ZONE, *request["statements"]):
        connection.execute(text)
    if "locked" in layers:
        locked.lock(connection, request["memory_mb"], request["seconds"])


def ran(connection: duckdb.DuckDBPyConnection, query: str, rows: int, size: int) -> dict[str, Any]:
    """Run a query and give at most so many rows and bytes of JSON, in which each row names its columns, saying whether that was
    all.
    """
    relation = connection.sql(query)
    if relation is None:
        return {"columns": [], "types": [], "rows": [], "truncated": False}
    columns, types = relation.columns, [str(kind) for kind in relation.types]
    found = relation.limit(rows + 1).fetchall()
    names = sum(len(json.dumps(name)) + 1 for name in columns)
    texts: list[str] = []
    for row in found[:rows]:
        texts.append(values.dumped(row, types))
        size -= len(texts[-1]) + 1 + names
        if size < 0:
            texts.pop()
            break
    return {"columns": columns, "types": types, "rows": texts, "truncated": len(texts) < len(found)}


def answered(
    connection: duckdb.DuckDBPyConnection, request: Mapping[str, Any], *, laid: bool = False
) -> dict[str, Any]:
    """Answer a request; what went wrong becomes one line without the market's path, under `refused` or `failed`.

    The connection is made ready first, unless it was (`laid`).
    """
    layers = frozenset(request["layers"])
    try:
        if not laid:
            laid_out(connection, request, layers)
        query = request["query"]
        if "statement" in layers:
            query = statement.check(connection, query, statement.known_of(request["statements"]))
        return ran(connection, query, request["rows"], request["bytes"])
    except UsageError as fault:
        return {"refused": str(fault)}
    except (MemoryError, duckdb.OutOfMemoryException):
        return {"failed": f"sql: the query needs more memory than the {request['memory_mb']} MB allowed; narrow it"}
    except RecursionError:
        return {"failed": statement.TOO_DEEP}
    except (duckdb.Error, OSError, ValueError, RuntimeError) as fault:
        told = _AROUND.sub("", " ".join(str(fault).split())).replace(request["market"], "the market")
        return {"failed": statement.failure(told)}


def written(answer: dict[str, Any]) -> bytes:
    """Write an answer as a line, in which rows stand between tabs, which nothing within them has."""
    # Rows are JSON already; they are put together by hand so that no second copy of them is made.
    rows = answer.pop("rows", None)
    head = json.dumps(answer)
    between = ",\t"
    return (head if rows is None else f'{head[:-1]}, "rows": [\t{between.join(rows)}\t]}}').encode() + b"\n"


def close_off(request: Mapping[str, Any]) -> None:
    """Put the kernel's limits on this process."""
    if "locked" in request["layers"]:
        import pyarrow.dataset  # noqa: F401  (cannot be found afterwards)
    with instance() as connection:
        connection.execute(ZONE)
        connection.execute(_WARM).fetchall()
    sandbox.limit(request["memory_mb"] + request["spare_mb"], request["cpu_seconds"])
    sandbox.confine(request["files"])


def main() -> None:
    """Answer the requests of standard input, all over one market, in order."""
    leave_out_pandas()
    requests = [json.loads(line) for line in sys.stdin.buffer]
    each = [(instance(), request) for request in requests]
    fault = None
    if "process" in requests[0]["layers"]:
        try:
            close_off(requests[0])
        except OSError as error:
            told = (
                f"sql: the query's process cannot be closed off ({error.strerror}); check the market with: qsim verify"
            )
            fault = {"failed": told}
    for connection, request in each:
        with connection:
            sys.stdout.buffer.write(written(fault or answered(connection, request)))
        sys.stdout.buffer.flush()
    # Nothing is left to be saved, and taking DuckDB and Arrow down in order costs time.
    os._exit(0)


if __name__ == "__main__":
    main()
