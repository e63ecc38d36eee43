"""A market's platform metrics while it is written: its blocks' counts, and the rows that no commit holds yet.

A cell of a market is a platform's listings of a category in all blocks. A block gives rows of a cell for ticks at which
anything happened in it; what is written is of all blocks, those that gave no row counted as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qsim.arrays import I64, U8, edges
from qsim.market import tally
from qsim.market.state import Block, State
from qsim.market.tally import Tally
from qsim.schema import CATEGORIES, PLATFORM_METRICS, PRODUCTS, STATES
from qsim.storage import tables
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place


@dataclass
class Counts:
    """The tallies of a market's blocks, the tick up to which a commit has their rows, and the rows of later ticks.

    `levels` are how many listings of each cell were in a state after the last rows that were merged, int64[blocks, cells].
    """

    tallies: list[Tally]
    committed: int
    levels: dict[str, I64]
    waiting: list[pa.Table] = field(default_factory=list)

    def add(self, rows: Sequence[pa.Table]) -> None:
        """Take up the rows that all blocks gave for a window; those of ticks a commit has already only bring levels up to date."""
        if any(table.num_rows and table["tick"][0].as_py() <= self.committed for table in rows):
            self._merged(
                pa.concat_tables([table.filter(pc.less_equal(table["tick"], self.committed)) for table in rows])
            )
            rows = [table.filter(pc.greater(table["tick"], self.committed)) for table in rows]
        self.waiting += [table for table in rows if table.num_rows]

    def write(self, market: Place, tick: int) -> list[DataFile]:
        """Write the rows that wait, up to a tick, for a commit to name; where nothing happened a file without rows says so."""
        if tick <= self.committed:
            return []
        rows = self._merged(pa.concat_tables(self.waiting)) if self.waiting else PLATFORM_METRICS.arrow().empty_table()
        ticks, self.committed, self.waiting = (self.committed + 1, tick), tick, []
        return [tables.write_history(market, PLATFORM_METRICS.name, rows, ticks, 0)]

    def _merged(self, rows: pa.Table) -> pa.Table:
        """Make one row of a tick and cell of those that blocks gave, in the order of the table's key."""
        if len(self.tallies) == 1:
            return rows
        column = {name: rows[name].to_numpy().astype(np.int64) for name in rows.column_names}
        first, cells = self.tallies[0], len(self.tallies[0].active)
        ids = column["category_id"] << 8 | column["platform_id"]
        cell = np.searchsorted(first.category_id << 8 | first.platform_id, ids)
        before = {name: level.sum(axis=0) for name, level in self.levels.items()}
        for name in STATES:
            column[name] = _changes(column[name], column["block"] * cells + cell, column["tick"], self.levels[name])
        key = (column["tick"] - column["tick"].min()) * cells + cell
        order = np.argsort(key, kind="stable")
        starts = edges(key[order])[:-1]
        one, cell = order[starts], cell[order[starts]]
        made = {name: np.add.reduceat(values[order], starts) for name, values in column.items()}
        made |= {name: column[name][one] for name in PLATFORM_METRICS.key if name != "block"}
        made["block"] = np.zeros(len(one), np.int64)
        for name in STATES:
            made[name] = before[name][cell] + _summed_up(made[name], cell)
        active, inactive = np.sum([(tally.active, tally.inactive) for tally in self.tallies], axis=0)
        made["skipped_inactive"], made["skipped_waiting"] = inactive[cell], active[cell] - made["attempted"]
        schema = PLATFORM_METRICS.arrow()
        return pa.Table.from_arrays([pa.array(made[field.name]).cast(field.type) for field in schema], schema=schema)


def _changes(level: I64, place: I64, tick: I64, known: I64) -> I64:
    """Tell how each row's level changed since the row before of its block and cell, `known` at first; the last becomes known."""
    order = np.lexsort((tick, place))
    starts = edges(place[order])
    change = np.diff(level[order], prepend=0)
    at = place[order[starts[:-1]]]
    change[starts[:-1]] = level[order[starts[:-1]]] - known.ravel()[at]
    known.ravel()[at] = level[order[starts[1:] - 1]]
    changes = np.empty_like(change)
    changes[order] = change
    return changes


def _summed_up(change: I64, cell: I64) -> I64:
    """Add up the changes of each cell, whose rows are in the order of ticks."""
    order = np.argsort(cell, kind="stable")
    sums, starts = change[order].cumsum(), edges(cell[order])
    sums -= np.repeat(sums[starts[:-1]] - change[order[starts[:-1]]], np.diff(starts))
    summed = np.empty_like(change)
    summed[order] = sums
    return summed


def counts_of(
    market: Place, history: Log, kept: int, platform_of_listing: U8, blocks: Sequence[Block], states: Sequence[State]
) -> Counts:
    """Set up the counts of a market whose blocks stand at the tick `kept`; what commits after it lack is counted again."""
    text = tables.read(market, history.of_table(PRODUCTS.name), ["category"])["category"]
    names = text.combine_chunks().dictionary_encode()
    known = tables.read(market, history.of_table(CATEGORIES.name), ["category", "category_id"]).to_pydict()
    least: dict[str, int] = {}
    for name, number in sorted(zip(known["category"], known["category_id"], strict=True), key=lambda pair: pair[1]):
        least.setdefault(name, number)
    of_name = np.array([least[name] for name in names.dictionary.to_pylist()], np.int64)
    # Cells in the order of the table's key, so that a block's rows are in it too.
    category_id, code = np.unique(of_name, return_inverse=True)
    category = code[names.indices.to_numpy()]
    platforms = int(platform_of_listing.max()) + 1
    cells = np.repeat(category_id, platforms), np.tile(np.arange(platforms), len(category_id))
    tallies = []
    for block, state in zip(blocks, states, strict=True):
        first = block.first_listing // block.listings_per_product
        of_product = category[first : first + len(block.resting) // block.listings_per_product]
        cell = np.add.outer(of_product * platforms, platform_of_listing).ravel().astype(np.uint32)
        tallies.append(tally.tally(block, *cells, cell))
        tally.look(tallies[-1], state)
    counted = max((file.last for file in history.of_table(PLATFORM_METRICS.name)), default=0)
    if counted < kept:
        # Ticks between were not watched: who reads on begins from rows of every cell.
        tallies = [replace(one, whole_at=kept + 1) for one in tallies]
    levels = {name: np.stack([getattr(one, name) for one in tallies]) for name in STATES}
    return Counts(tallies, max(kept, counted), levels)
