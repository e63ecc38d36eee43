"""Counts by tick, platform and category as tests look them up: markets that are counted, their rows, and sums of these."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest import mock

import duckdb

from qsim.market import state

KEY = ["tick", "platform", "category"]
LIVELY: dict[str, dict[str, Any]] = {
    "classic": {"products": 60, "batch_size": 25, "update_interval_seconds": 900, "inactive_percent": 10},
    "three blocks": {"products": 60, "batch_size": 7, "update_interval_seconds": 900, "inactive_percent": 10},
    "all": {"products": 60, "batch_size": "all", "update_interval_seconds": 600, "category_volatility": {"fruits": 5}},
    "two ticks for all": {"products": 60, "batch_size": 30, "inactive_percent": 0, "update_interval_seconds": 900},
    "realistic": {"products": 60, "preset": "realistic", "update_interval_seconds": 1800},
    "both": {"products": 30, "preset": "realistic", "update_interval_seconds": 1800, "batch_size": 12,
             "surge_probability": 0.3, "discount_probability": 0.3},
}  # fmt: skip


def blocks_of(kind: str) -> AbstractContextManager[Any]:
    """Make blocks small within, where the kind of market is to have several."""
    return mock.patch.object(state, "BLOCK_LISTINGS", 100) if kind == "three blocks" else nullcontext()


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The rows of a query by their first three columns."""
    return {row[:3]: row[3:] for row in connection.sql(query).fetchall()}


def counted(connection: duckdb.DuckDBPyConnection, columns: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    return rows(connection, f"SELECT {', '.join(KEY)}, {columns} FROM platform_metrics WHERE attempted > 0")
