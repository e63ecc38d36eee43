"""What tests of views look up: rows of a query, and ticks as times."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import duckdb

from tests.replay import RUNS, START, Replayed


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    relation = connection.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def at(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.isoformat(sep=' ')}'"


def moments(replayed: Replayed) -> list[datetime]:
    """Random times, those of every change of epoch and just before and after, before the start and after the head."""
    chance = random.Random(7)
    length = (replayed.times[-1] - START).total_seconds()
    edges = [replayed.times[sum(ticks for ticks, _ in RUNS[:n])] for n in range(len(RUNS) + 1)]
    near = [edge + timedelta(seconds=gap) for edge in edges for gap in (-1, 0, 1, 6, 7)]
    far = [START - timedelta(days=400), replayed.times[-1] + timedelta(days=3), START + timedelta(seconds=899.999)]
    return [*near, *far, *(START + timedelta(seconds=round(chance.uniform(0, length), 3)) for _ in range(8))]
