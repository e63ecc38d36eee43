"""A market's platform metrics while it is written: its blocks' counts, and the rows that no commit holds yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qsim.arrays import U8
from qsim.market import tally
from qsim.market.state import Block, State
from qsim.market.tally import Tally
from qsim.schema import CATEGORIES, PLATFORM_METRICS, PRODUCTS
from qsim.storage import tables
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place


@dataclass
class Counts:
    """The tallies of a market's blocks, the tick up to which a commit has their rows, and the rows of later ticks."""

    tallies: list[Tally]
    committed: int
    waiting: list[pa.Table] = field(default_factory=list)

    def add(self, rows: Sequence[pa.Table]) -> None:
        """Take up rows that blocks gave; those of ticks that a commit has are left out."""
        for table in rows:
            if table.num_rows and table["tick"][0].as_py() <= self.committed:
                table = table.filter(pc.greater(table["tick"], self.committed))
            if table.num_rows:
                self.waiting.append(table)

    def write(self, market: Place, tick: int) -> list[DataFile]:
        """Write what waits, up to a tick, to be committed; nothing where nothing waits."""
        if not self.waiting:
            return []
        rows = pa.concat_tables(self.waiting)
        if len(self.tallies) > 1:
            rows = rows.sort_by([(name, "ascending") for name in PLATFORM_METRICS.key])
        ticks, self.committed, self.waiting = (self.committed + 1, tick), tick, []
        return [tables.write_history(market, PLATFORM_METRICS.name, rows, ticks, 0)]


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
    smallest = np.min_scalar_type(len(cells[0]))
    tallies = []
    for block, state in zip(blocks, states, strict=True):
        first = block.first_listing // block.listings_per_product
        of_product = category[first : first + len(block.resting) // block.listings_per_product]
        cell = np.add.outer(of_product * platforms, platform_of_listing).ravel().astype(smallest)
        tallies.append(tally.tally(block, *cells, cell))
        tally.look(tallies[-1], state)
    return Counts(tallies, max([kept, *(file.last for file in history.of_table(PLATFORM_METRICS.name))]))
