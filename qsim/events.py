"""Event rows as tables: what a window of a block changed, in the columns that are kept.

Turns the kernel's rows into Arrow tables in the order (tick, listing_id); writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from qsim.arrays import I64, U32
from qsim.market.state import EventRows, WholeTicks
from qsim.schema import DELIVERIES, DISCOUNTS, EVENTS, METRICS, ORDERS, PLATFORM_METRICS, TRUTH, Table


@dataclass(frozen=True)
class Tile:
    """What one block gave in some ticks: its tables in the order (tick, listing_id)."""

    events: pa.Table
    discounts: pa.Table
    metrics: pa.Table
    orders: pa.Table
    deliveries: pa.Table
    truth: pa.Table
    platform_metrics: pa.Table


def tile(block: int, rows: EventRows, counted: Mapping[str, I64] | None = None) -> Tile:
    """Make the tables of some ticks' rows: events (only what changed), discounts (own ones that started or ended), and so on.

    `counted` are the columns of their platform metrics, as `market.tally` gives them; None for none.
    """
    events = _events(rows)
    return Tile(
        events=events,
        discounts=_by_tick(DISCOUNTS, rows.transitions),
        metrics=_metrics(block, rows, events),
        orders=_by_tick(ORDERS, rows.orders),
        deliveries=_by_tick(DELIVERIES, rows.deliveries),
        truth=_by_tick(TRUTH, rows.truth),
        platform_metrics=_counted(counted),
    )


def whole_tile(block: int, whole: WholeTicks, counted: Mapping[str, I64] | None = None) -> Tile:
    """Make the tables of ticks that each took up all listings; their columns are taken as they are, a piece a tick."""
    starts = [place * whole.attempted for place in range(len(whole.ticks))]
    pieces = [slice(start, start + kept) for start, kept in zip(starts, whole.kept.tolist(), strict=True)]
    columns = [pa.chunked_array([pa.array(column[piece]) for piece in pieces]) for column in whole.columns.values()]
    metrics = (np.array(whole.ticks), np.full(len(starts), block), np.full(len(starts), whole.attempted), whole.kept)
    return Tile(
        events=pa.Table.from_arrays(columns, schema=EVENTS.arrow()),
        discounts=_by_tick(DISCOUNTS, whole.transitions),
        metrics=_table(METRICS, metrics),
        orders=_empty(ORDERS),
        deliveries=_empty(DELIVERIES),
        truth=_empty(TRUTH),
        platform_metrics=_counted(counted),
    )


def _table(table: Table, columns: Sequence[np.ndarray]) -> pa.Table:
    schema = table.arrow()
    # The types' names are numpy's too; Arrow's own casts would keep tens of MB, and `to_pandas_dtype` would look for pandas.
    cast = [pa.array(column.astype(str(field.type))) for field, column in zip(schema, columns, strict=True)]
    return pa.Table.from_arrays(cast, schema=schema)


def _events(rows: EventRows) -> pa.Table:
    columns = (
        rows.listing_id,
        rows.cause,
        rows.before,
        rows.after,
        rows.regular,
        rows.discount,
        rows.surge,
        rows.fee,
    )
    mask = rows.changed[: rows.count]
    bits = pa.py_buffer(np.packbits(mask, bitorder="little"))
    kept = pa.BooleanArray.from_buffers(pa.bool_(), rows.count, [None, bits])
    # Column by column, since a table's filter turns the mask into indices first; it copies, so the tile shares no
    # memory with the rows.
    return pa.Table.from_arrays(
        [pa.array(column[: rows.count]).filter(kept) for column in (rows.tick, *columns)], schema=EVENTS.arrow()
    )


@cache
def _empty(table: Table) -> pa.Table:
    return table.arrow().empty_table()


def _by_tick(table: Table, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Put rows that were kept part by part end to end."""
    if not rows:
        return _empty(table)
    columns = [pa.array(np.concatenate(column)) for column in zip(*rows, strict=True)]
    return pa.Table.from_arrays(columns, schema=table.arrow())


def _counted(counted: Mapping[str, I64] | None) -> pa.Table:
    if counted is None:
        return _empty(PLATFORM_METRICS)
    return _table(PLATFORM_METRICS, [counted[name] for name in PLATFORM_METRICS.columns])


def _metrics(block: int, rows: EventRows, events: pa.Table) -> pa.Table:
    if not rows.count:
        return _empty(METRICS)
    ticks = np.arange(rows.tick[0], rows.tick[rows.count - 1] + 1, dtype=np.uint32)
    attempted, changed = (_rows_at(ticks, of) for of in (rows.tick[: rows.count], events.column("tick").to_numpy()))
    taken = attempted > 0
    columns = (ticks, np.full(len(ticks), block), attempted, changed)
    return _table(METRICS, [column[taken] for column in columns])


def _rows_at(ticks: U32, of_rows: U32) -> I64:
    """Count the rows of each tick, where rows are in the order of ticks: a few steps a tick instead of one a row."""
    return np.searchsorted(of_rows, ticks, "right") - np.searchsorted(of_rows, ticks, "left")
