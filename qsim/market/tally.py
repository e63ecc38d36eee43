"""Counts of what ticks did, by cell: one platform's listings of one category in a block.

Made of the rows that a tile filled, all its ticks at once. It alters nothing that a market is made of.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from qsim.arrays import F64, I32, I64, Mask, edges
from qsim.market.state import NO_CEILING, Block, EventRows, State, WatchedRows
from qsim.schema import METRICS_EVERY, SIZE_EDGES_BPS, SIZES

Cells = npt.NDArray[np.unsignedinteger[Any]]
# Ticks that take up more listings of a block than this have but an even share of their changes measured.
_MOST_SIZED = 1_024
# The class of each whole size from just below the lowest edge to the highest.
_CLASS = np.searchsorted(SIZE_EDGES_BPS, np.arange(SIZE_EDGES_BPS[0] - 1, SIZE_EDGES_BPS[-1] + 1), side="right")


@dataclass
class Tally:
    """A block's cells, and how many listings of each are in a state now.

    `category_id` and `platform_id` tell what a cell is; they and the counts are columns of cells. `cell` and `ceiling` are
    columns of all the block's listings, `of_active` the cells of the active ones, `by_cell` the places of these, cell by cell.
    At the tick `whole_at` every cell has a row.
    """

    category_id: I64
    platform_id: I64
    cell: Cells
    ceiling: I32
    of_active: Cells
    by_cell: I32
    active: I64
    inactive: I64
    whole_at: int = 1
    discounted: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    surging: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    out_of_stock: I64 = field(default_factory=lambda: np.zeros(0, np.int64))


def tally(block: Block, category_id: I64, platform_id: I64, cell: Cells) -> Tally:
    """Set up a block's counts, of cells that these ids tell; `cell` unsigned[all listings of the block], 0 to cells - 1."""
    cells = len(category_id)
    ceiling = np.full(len(cell), NO_CEILING, np.int32)
    ceiling[block.lanes] = block.ceiling
    of_active = cell[block.lanes]
    active = np.bincount(of_active, minlength=cells)
    by_cell = np.argsort(of_active, kind="stable").astype(np.int32)
    inactive = np.bincount(cell, minlength=cells) - active
    return Tally(category_id, platform_id, cell, ceiling, of_active, by_cell, active, inactive)


def _by_cell(tally: Tally, on: Mask) -> I64:
    """Count the active listings of a mask by cell."""
    counts, some = np.zeros(len(tally.active), np.int64), tally.active > 0
    if 8 * np.count_nonzero(on) < len(on):
        return np.bincount(tally.of_active.take(np.flatnonzero(on)), minlength=len(counts))
    if some.any():
        starts = tally.active[some].cumsum() - tally.active[some]
        counts[some] = np.add.reduceat(on.take(tally.by_cell).view(np.uint8), starts, dtype=np.int64)
    return counts


def look(tally: Tally, state: State) -> None:
    """Count the listings that are discounted, surging and out of stock now, in place of what was known."""
    tally.discounted, tally.out_of_stock = _by_cell(tally, state.discount > 0), _by_cell(tally, state.stock == 0)
    tally.surging = _by_cell(tally, (state.surge | state.fee) > 0)


@dataclass(frozen=True)
class _Tile:
    """The rows of a tile of ticks: how many of these took up any, where rows lie of each that took up every listing of the
    block, and of the others.
    """

    tally: Tally
    block: Block
    rows: EventRows
    watched: WatchedRows
    ticks: range
    ticks_taken: int
    whole: list[tuple[int, slice]]
    partial: I64
    every_key: I64 | None = None

    @property
    def size(self) -> int:
        """Count the keys: ticks times cells."""
        return len(self.ticks) * len(self.tally.active)

    def key(self, at: I64 | slice) -> I64:
        """Give the keys of rows: the tick's place in the tile times the cells, plus the listing's cell."""
        return self.keys(at) if self.every_key is None else self.every_key[at]

    def keys(self, at: I64 | slice) -> I64:
        """Work out the keys of rows."""
        offset = self.rows.listing_id[at] - np.uint32(self.block.first_listing)
        tick = self.rows.tick[at].astype(np.int64) - self.ticks.start
        return np.asarray(tick * len(self.tally.active) + self.tally.cell[offset])

    def of(self, mask: Mask) -> I64:
        """Count the rows of a mask by key."""
        return np.bincount(self.key(np.flatnonzero(mask)), minlength=self.size)


def _tick_rows(rows: EventRows) -> list[tuple[int, slice]]:
    """Give the ticks that took up any listings, with the places of their rows."""
    tick = rows.tick[: rows.count]
    return [(int(tick[first]), slice(first, last)) for first, last in pairwise(edges(tick).tolist())]


def _tile(tally: Tally, block: Block, rows: EventRows, watched: WatchedRows, ticks: range) -> tuple[_Tile, I64]:
    """Put a tile together, with the listings taken up by key: worked out row by row only where a tick took up some."""
    attempted = np.zeros((len(ticks), len(tally.active)), np.int64)
    of_ticks, others = _tick_rows(rows), np.ones(rows.count, np.bool_)
    whole = [(tick, part) for tick, part in of_ticks if part.stop - part.start == len(block.lanes)]
    for tick, part in whole:
        attempted[tick - ticks.start] = tally.active
        others[part] = False
    tile = _Tile(tally, block, rows, watched, ticks, len(of_ticks), whole, np.flatnonzero(others))
    if not whole:
        tile = replace(tile, every_key=tile.keys(slice(0, rows.count)))
    if len(tile.partial):
        keys = tile.key(tile.partial) if tile.every_key is None else tile.every_key
        attempted += np.bincount(keys, minlength=tile.size).reshape(attempted.shape)
    return tile, attempted.ravel()


def counted(tally: Tally, block: Block, rows: EventRows, ticks: range) -> dict[str, I64]:
    """Count what the rows of these ticks did: the columns of `schema.PLATFORM_METRICS`.

    A tick has a row of each cell in which anything happened, and of all cells where `whole_at` or METRICS_EVERY says so.
    """
    assert rows.watched is not None
    tile, attempted = _tile(tally, block, rows, rows.watched, ticks)
    cells, count = len(tally.active), rows.count
    levels = _levels(tile)
    moved = np.logical_or.reduce([_changed(levels[name], getattr(tally, name)) for name in levels])
    dense = np.repeat([tick == tally.whole_at or tick % METRICS_EVERY == 0 for tick in ticks], cells)
    kept = np.flatnonzero((attempted > 0) | moved | dense)
    cell = kept % cells
    # Most rows are changes, so the others are counted.
    changed = attempted - tile.of(~rows.changed[:count])
    found = {
        "tick": kept // cells + ticks.start,
        "block": np.full(len(kept), block.number),
        "category_id": tally.category_id[cell],
        "platform_id": tally.platform_id[cell],
        "attempted": attempted[kept],
        "changed": changed[kept],
        "clipped": tile.of(rows.watched.clipped[:count])[kept],
        "failed": tile.of(_failed(tile))[kept],
        "skipped_waiting": tally.active[cell] - attempted[kept],
        "skipped_inactive": tally.inactive[cell],
    }
    return found | _sizes(tile, kept) | _kept(tally, levels, kept)


def _failed(tile: _Tile) -> Mask:
    """Tell whose price is none: below 1 paisa or above the MRP."""
    # Less than 1 paisa wraps round to more than any MRP.
    over = (tile.rows.after[: tile.rows.count] - np.int32(1)).view(np.uint32)
    if not len(tile.partial):
        most = tile.block.ceiling.view(np.uint32)
        return np.asarray(over.reshape(-1, max(1, len(most))) >= most).ravel()
    offset = tile.rows.listing_id[: tile.rows.count] - np.uint32(tile.block.first_listing)
    return np.asarray(over >= tile.tally.ceiling[offset].view(np.uint32))


def _levels(tile: _Tile) -> dict[str, I64]:
    """Count the listings in each state after each tick, int64[ticks, cells] each."""
    rows, count, watched, cells = tile.rows, tile.rows.count, tile.watched, len(tile.tally.active)
    ran_out, came_back = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for tick, places, out in watched.shelves:
        key = tile.tally.cell[tile.block.lanes[places]] + (tick - tile.ticks.start) * cells
        ran_out.append(key[out])
        came_back.append(key[~out])
    surging = (rows.surge[:count] | rows.fee[:count]) > 0
    return {
        "discounted": _level(tile, tile.tally.discounted, rows.discount[:count] > 0, watched.was_discounted[:count]),
        "surging": _level(tile, tile.tally.surging, surging, watched.was_surging[:count]),
        "out_of_stock": _summed(tile, tile.tally.out_of_stock, np.concatenate(ran_out), np.concatenate(came_back)),
    }


def _level(tile: _Tile, before: I64, now: Mask, was: Mask) -> I64:
    """Count by the rows that switched, and anew after ticks that took up every listing, where `was` is not kept."""
    at = np.zeros(0, np.int64)
    if len(tile.partial):
        switched = now != was
        for _, part in tile.whole:
            switched[part] = False
        at = np.flatnonzero(switched)
    key, gained = tile.key(at), now[at]
    level = _summed(tile, before, key[gained], key[~gained])
    for tick, part in tile.whole:
        place = tick - tile.ticks.start
        level[place:] += _by_cell(tile.tally, now[part]) - level[place]
    return level


def _summed(tile: _Tile, before: I64, gained: I64, lost: I64) -> I64:
    change = np.bincount(gained, minlength=tile.size) - np.bincount(lost, minlength=tile.size)
    return change.reshape(-1, len(before)).cumsum(axis=0) + before


def _changed(level: I64, before: I64) -> Mask:
    """Tell at which ticks and cells a level is another than a tick before."""
    return np.asarray(np.diff(level, axis=0, prepend=before[None]) != 0).ravel()


def _kept(tally: Tally, levels: dict[str, I64], kept: I64) -> dict[str, I64]:
    """Keep what is known now, and give the kept rows."""
    for name, level in levels.items():
        setattr(tally, name, level[-1])
    return {name: level.ravel()[kept] for name, level in levels.items()}


def _step(tile: _Tile) -> int:
    """Tell which share of the rows to measure: one in so many, that comes to all listings of products in turn."""
    step = max(1, tile.rows.count // (max(1, tile.ticks_taken) * _MOST_SIZED))
    while gcd(step, tile.block.listings_per_product) > 1:
        step += 1
    return step


def _sizes(tile: _Tile, kept: I64) -> dict[str, I64]:
    """Measure changes of price: how many, their sum and the sum of their squares in basis points, and how many in each class."""
    part = slice(0, tile.rows.count, _step(tile))
    before = tile.rows.before[part].astype(np.float64)
    size = (tile.rows.after[part] - before) / before * 10_000
    place = np.zeros(tile.size, np.int64)
    place[kept] = np.arange(len(kept))
    key = place[tile.key(part)]
    edge = SIZE_EDGES_BPS[-1]
    classes = _CLASS[np.clip(np.floor(size), -edge - 1, edge).astype(np.int64) + edge + 1]
    # Rows without a change of price are most often few: counted apart rather than picked out.
    classes[size == 0] = len(SIZES)
    size = np.rint(size)

    def total(weights: F64) -> I64:
        return np.bincount(key, weights, minlength=len(kept)).astype(np.int64)

    histogram = np.bincount(key * (len(SIZES) + 1) + classes, minlength=len(kept) * (len(SIZES) + 1))
    histogram = histogram.reshape(-1, len(SIZES) + 1)[:, :-1]
    found = {"sized": histogram.sum(axis=1), "change_bps": total(size), "change_squares": total(size * size)}
    return found | {name: histogram[:, number] for number, name in enumerate(SIZES)}
