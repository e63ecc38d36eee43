"""Event rows as tables: what a window of a block changed, in the columns that are kept.

Turns the kernel's rows into Arrow tables in the order (tick, listing_id); writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from qsim.market.state import EventRows
from qsim.schema import DISCOUNTS, EVENTS, METRICS


@dataclass(frozen=True)
class Tile:
    """What one block gave in one window: its tables, and for events and discounts the rows of each tick."""

    block: int
    first: int
    last: int
    events: pa.Table
    discounts: pa.Table
    metrics: pa.Table


def tile(block: int, ticks: range, rows: EventRows) -> Tile:
    """Make the tables of a window's rows: events (only what changed), discounts (own ones that started or ended), metrics."""
    return Tile(block, ticks[0], ticks[-1], _events(rows), _discounts(rows), _metrics(block, rows))


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


def _discounts(rows: EventRows) -> pa.Table:
    if not rows.transitions:
        return DISCOUNTS.arrow().empty_table()
    ticks = np.repeat(
        np.array([tick for tick, _, _ in rows.transitions], np.uint32), [len(ids) for _, ids, _ in rows.transitions]
    )
    ids = np.concatenate([ids for _, ids, _ in rows.transitions])
    depths = np.concatenate([depths for _, _, depths in rows.transitions])
    return pa.Table.from_arrays([pa.array(ticks), pa.array(ids), pa.array(depths)], schema=DISCOUNTS.arrow())


def _metrics(block: int, rows: EventRows) -> pa.Table:
    if not rows.tick_rows:
        return METRICS.arrow().empty_table()
    ticks, attempted = np.array(rows.tick_rows, np.int64).T
    edges = [0, *np.cumsum(attempted).tolist()]
    changed = np.array([np.count_nonzero(rows.changed[first:last]) for first, last in pairwise(edges)])
    columns = (ticks, np.full(len(ticks), block), attempted, changed)
    return pa.Table.from_arrays([pa.array(column.astype(np.uint32)) for column in columns], schema=METRICS.arrow())
