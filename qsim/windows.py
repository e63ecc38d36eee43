"""A block taken through a window of ticks and written: the piece of work that a thread does, or another machine."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from qsim import blocks, simulation
from qsim.market.rules import Rules, Span
from qsim.market.state import Block, State
from qsim.schema import DELIVERIES, DISCOUNTS, EVENTS, ORDERS, SNAPSHOTS, TRUTH
from qsim.storage import digests, parquet, tables
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place

# What blocks give tile by tile, each in a file of its own a window.
TILED = (EVENTS, DISCOUNTS, ORDERS, DELIVERIES, TRUTH)


@dataclass(frozen=True)
class Written:
    """What a block gave in a window: its committed-to-be files, their digest, and its rows of metrics."""

    files: list[DataFile]
    digest: int
    metrics: pa.Table


def take(
    market: Place, block: Block, state: State, rules: Rules, snapshot_every: int, window: Span, *, shared: bool = False
) -> Written:
    """Take one block through a window, changing its state in place, and write what it gave.

    `shared` tells that another machine may be at the same piece of work.
    """
    encoders = {table.name: parquet.Encoder(table.arrow()) for table in TILED}
    counts, digest = [], 0
    for tile in simulation.tiles(block, state, rules, window):
        counts.append(tile.metrics)
        for table in TILED:
            rows: pa.Table = getattr(tile, table.name)
            if rows.num_rows:
                encoders[table.name].add(rows)
                digest += digests.of_ticks(table.name, block.number, rows)
    ticks = (window.ticks[0], window.ticks[-1])
    written = [
        tables.put_history(market, name, encoder.finish(), encoder.rows, ticks, block.number, shared=shared)
        for name, encoder in encoders.items()
        if encoder.rows
    ]
    if ticks[1] % snapshot_every == 0:
        written.append(write_snapshot(market, block, state, ticks[1], shared=shared))
    return Written(written, digest, pa.concat_tables(counts))


def write_snapshot(market: Place, block: Block, state: State, tick: int, *, shared: bool = False) -> DataFile:
    """Write the state of a block at a tick."""
    rows = blocks.snapshot_table(block, state, tick)
    return tables.write_history(market, SNAPSHOTS.name, rows, (tick, tick), block.number, shared=shared)
