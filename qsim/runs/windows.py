"""A block taken through a window of ticks and written: the piece of work that a thread does, or another machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from qsim import blocks, simulation
from qsim.market.rules import Rules, Span
from qsim.market.state import Block, State
from qsim.market.tally import Tally
from qsim.runs.pacing import Laps
from qsim.schema import DELIVERIES, DISCOUNTS, EVENTS, ORDERS, SNAPSHOTS, TRUTH
from qsim.storage import digests, parquet, tables
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place
from qsim.storage.tables import AT_ONCE, Writing

# What blocks give tile by tile, each in a file of its own a window.
TILED = (EVENTS, DISCOUNTS, ORDERS, DELIVERIES, TRUTH)


@dataclass(frozen=True)
class Written:
    """What a block gave in a window: files to be committed, their digest, its rows of both tables of metrics, its events where
    they are wanted, and the seconds that each stage took.
    """

    files: list[DataFile]
    digest: int
    metrics: pa.Table
    counts: list[pa.Table]
    events: list[pa.Table]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Wanted:
    """What a window is to give: counts by a tally, the events themselves; and how its files are written."""

    tally: Tally | None = None
    events: bool = False
    writing: Writing = AT_ONCE


def take(
    market: Place, block: Block, state: State, rules: Rules, snapshot_every: int, window: Span, wanted: Wanted
) -> Written:
    """Take one block through a window, changing its state in place, and write what it gave."""
    encoders: dict[str, parquet.Encoder] = {}
    metrics, counts, events, digest, laps = [], [], [], 0, Laps()
    for tile in simulation.tiles(block, state, rules, window, wanted.tally):
        laps.lap("simulate")
        metrics.append(tile.metrics)
        counts.append(tile.platform_metrics)
        events += [tile.events] if wanted.events else []
        for table in TILED:
            rows: pa.Table = getattr(tile, table.name)
            if rows.num_rows:
                digest += digests.of_ticks(table.name, block.number, rows)
                laps.lap("digest")
                if table.name not in encoders:
                    encoders[table.name] = parquet.Encoder(rows.schema)
                encoders[table.name].add(rows)
                laps.lap("encode")
    ticks = (window.ticks[0], window.ticks[-1])
    written = [
        tables.put_history(market, name, encoder.finish(), encoder.rows, ticks, block.number, wanted.writing)
        for name, encoder in encoders.items()
    ]
    if ticks[1] % snapshot_every == 0:
        written.append(write_snapshot(market, block, state, ticks[1], wanted.writing))
    laps.lap("write")
    return Written(written, digest, pa.concat_tables(metrics), counts, events, laps.seconds)


def write_snapshot(market: Place, block: Block, state: State, tick: int, writing: Writing = AT_ONCE) -> DataFile:
    """Write the state of a block at a tick."""
    rows = blocks.snapshot_table(block, state, tick)
    return tables.write_history(market, SNAPSHOTS.name, rows, (tick, tick), block.number, writing)
