"""Counts of what ticks did, by cell: one platform's listings of one category in a block.

Made of the rows that a tile filled, all its ticks at once. It alters nothing that a market is made of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd

import numpy as np

from qsim import compiled
from qsim.arrays import F64, I32, I64, U32, Mask
from qsim.compiled import Loops
from qsim.market.state import NO_CEILING, Block, EventRows, State, WatchedRows
from qsim.schema import METRICS_EVERY, SIZE_EDGES_BPS, SIZES

# What is counted of each key: rows, and those of them that did or are what the names say.
COUNTED = (
    "attempted", "unchanged", "clipped", "failed", "discounted", "was_discounted", "surging", "was_surging",
)  # fmt: skip
# The columns of rows that the compiled loops count by.
_COUNTED_BY = (
    "tick", "listing_id", "after", "discount", "surge", "fee", "changed", "clipped", "was_discounted", "was_surging",
)  # fmt: skip
_MEASURED_BY = ("tick", "listing_id", "before", "after")
# Ticks that take up more listings of a block than this have but an even share of their changes measured.
_MOST_SIZED = 1_024
_EDGE = SIZE_EDGES_BPS[-1]
# The class of each whole size from just below the lowest edge to the highest.
_CLASS = np.searchsorted(SIZE_EDGES_BPS, np.arange(SIZE_EDGES_BPS[0] - 1, SIZE_EDGES_BPS[-1] + 1), side="right")


@dataclass
class Tally:
    """A block's cells, and how many listings of each are in a state now.

    `category_id` and `platform_id` tell what a cell is; they and the counts are columns of cells. `cell` and `ceiling` are
    columns of all the block's listings, `of_active` the cells of the active ones. At the tick `whole_at` every cell has a row.
    """

    category_id: I64
    platform_id: I64
    cell: U32
    ceiling: I32
    of_active: U32
    active: I64
    inactive: I64
    whole_at: int = 1
    discounted: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    surging: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    out_of_stock: I64 = field(default_factory=lambda: np.zeros(0, np.int64))


def tally(block: Block, category_id: I64, platform_id: I64, cell: U32) -> Tally:
    """Set up a block's counts, of cells that these ids tell; `cell` uint32[all listings of the block], 0 to cells - 1."""
    cells = len(category_id)
    ceiling = np.full(len(cell), NO_CEILING, np.int32)
    ceiling[block.lanes] = block.ceiling
    of_active = cell[block.lanes]
    active = np.bincount(of_active, minlength=cells)
    inactive = np.bincount(cell, minlength=cells) - active
    return Tally(category_id, platform_id, cell, ceiling, of_active, active, inactive)


def look(tally: Tally, state: State) -> None:
    """Count the listings that are discounted, surging and out of stock now, in place of what was known."""

    def counted(on: Mask) -> I64:
        return np.bincount(tally.of_active[on], minlength=len(tally.active))

    tally.discounted, tally.out_of_stock = counted(state.discount > 0), counted(state.stock == 0)
    tally.surging = counted((state.surge | state.fee) > 0)


@dataclass(frozen=True)
class _Tile:
    """The rows of a tile of ticks. A key is a tick's place in the tile times the cells, plus a listing's cell."""

    tally: Tally
    block: Block
    rows: EventRows
    watched: WatchedRows
    ticks: range

    @property
    def size(self) -> int:
        """Count the keys."""
        return len(self.ticks) * len(self.tally.active)

    def offsets(self, at: slice) -> U32:
        """Give the places of rows' listings among all of the block."""
        return np.asarray(self.rows.listing_id[at] - np.uint32(self.block.first_listing))

    def keys(self, at: slice) -> I64:
        """Work out the keys of rows."""
        tick = self.rows.tick[at].astype(np.int64) - self.ticks.start
        return np.asarray(tick * len(self.tally.active) + self.tally.cell[self.offsets(at)])

    def places(self, names: tuple[str, ...], first: int) -> dict[str, int]:
        """Tell where columns of rows lie in memory, from a row on, as the loops call them."""
        columns = {name: getattr(owner, name) for owner, name in self.rows.columns()}
        return {f"row_{name}": compiled.at(columns[name], first) for name in names}


@dataclass(frozen=True)
class _Counts:
    """What was counted: rows of each key, and those of each of COUNTED; how many of the rows that were measured changed their price
    by how much, int64[keys, SIZES + 1], the last without a change; sums of these changes and of their squares.
    """

    rows: dict[str, I64]
    histogram: I64
    changes: F64
    squares: F64


def _by_key(tile: _Tile) -> _Counts:
    """Count the rows of each key, and measure the changes of some."""
    rows, every, size = tile.rows, slice(0, tile.rows.count), tile.size
    after, watched, key = rows.after[every], tile.watched, tile.keys(every)
    masks = (
        ~rows.changed[every],
        watched.clipped[every],
        (after < 1) | (after > tile.tally.ceiling[tile.offsets(every)]),
        rows.discount[every] > 0,
        watched.was_discounted[every],
        (rows.surge[every] | rows.fee[every]) > 0,
        watched.was_surging[every],
    )
    counts = [np.bincount(key if mask is None else key[mask], minlength=size) for mask in (None, *masks)]
    part = slice(0, rows.count, _step(tile, counts[0]))
    before, key = rows.before[part].astype(np.float64), key[part]
    change = (rows.after[part] - before) / before * 10_000
    classes = _CLASS[np.clip(np.floor(change), -_EDGE - 1, _EDGE).astype(np.int64) + _EDGE + 1]
    classes[change == 0] = len(SIZES)
    change, kinds = np.rint(change), len(SIZES) + 1
    histogram = np.bincount(key * kinds + classes, minlength=size * kinds).reshape(-1, kinds)
    sums = [np.bincount(key, weights, minlength=size).astype(np.float64) for weights in (change, change * change)]
    return _Counts(dict(zip(COUNTED, counts, strict=True)), histogram, *sums)


def _looped(loops: Loops, tile: _Tile) -> _Counts:
    """Count and measure by the loops in C; some rows were counted as they were filled."""
    cells, begin = len(tile.tally.active), 0
    keys, counts = compiled.counting(tile.tally.cell, cells, tile.block.first_listing, tile.ticks)
    for place, ticks, found in tile.watched.counted:
        _count(loops, tile, keys, slice(begin, place.start))
        first = (ticks.start - tile.ticks.start) * cells
        counts[:, first : first + len(ticks) * cells] += found
        begin = place.stop
    _count(loops, tile, keys, slice(begin, tile.rows.count))
    histogram, (changes, squares) = np.zeros((tile.size, len(SIZES) + 1), np.int64), np.zeros((2, tile.size))
    terms = compiled.Measure(
        count=tile.rows.count,
        step=_step(tile, counts[0]),
        edge=_EDGE,
        sizes=len(SIZES),
        classes=compiled.at(_CLASS),
        keys=compiled.pointer(keys),
        histogram=compiled.at(histogram),
        changes=compiled.at(changes),
        squares=compiled.at(squares),
        **tile.places(_MEASURED_BY, 0),
    )
    compiled.measure(loops, terms)
    return _Counts(dict(zip(COUNTED, counts, strict=True)), histogram, changes, squares)


def _count(loops: Loops, tile: _Tile, keys: compiled.Keys, at: slice) -> None:
    if at.start == at.stop:
        return
    terms = compiled.Count(
        count=at.stop - at.start,
        ceiling=compiled.at(tile.tally.ceiling),
        keys=compiled.pointer(keys),
        **tile.places(_COUNTED_BY, at.start),
    )
    compiled.count(loops, terms)


def counted(tally: Tally, block: Block, rows: EventRows, ticks: range) -> dict[str, I64]:
    """Count what the rows of these ticks did: the columns of `schema.PLATFORM_METRICS`.

    A tick has a row of each cell in which anything happened, and of all cells where `whole_at` or METRICS_EVERY says so.
    """
    assert rows.watched is not None
    tile, cells = _Tile(tally, block, rows, rows.watched, ticks), len(tally.active)
    loops = compiled.library()
    counts = _by_key(tile) if loops is None else _looped(loops, tile)
    levels, attempted = _levels(tile, counts.rows), counts.rows["attempted"]
    moved = np.logical_or.reduce([_changed(levels[name], getattr(tally, name)) for name in levels])
    dense = np.repeat([tick == tally.whole_at or tick % METRICS_EVERY == 0 for tick in ticks], cells)
    kept = np.flatnonzero((attempted > 0) | moved | dense)
    cell = kept % cells
    found = {
        "tick": kept // cells + ticks.start,
        "block": np.full(len(kept), block.number),
        "category_id": tally.category_id[cell],
        "platform_id": tally.platform_id[cell],
        "attempted": attempted[kept],
        "changed": attempted[kept] - counts.rows["unchanged"][kept],
        "clipped": counts.rows["clipped"][kept],
        "failed": counts.rows["failed"][kept],
        "skipped_waiting": tally.active[cell] - attempted[kept],
        "skipped_inactive": tally.inactive[cell],
    }
    return found | _sizes(counts, kept) | _kept(tally, levels, kept)


def _levels(tile: _Tile, counts: dict[str, I64]) -> dict[str, I64]:
    """Count the listings in each state after each tick, int64[ticks, cells] each."""
    tally, cells = tile.tally, len(tile.tally.active)
    stock_outs = np.zeros(tile.size, np.int64)
    for tick, places, out in tile.watched.shelves:
        key = tally.cell[tile.block.lanes[places]] + (tick - tile.ticks.start) * cells
        stock_outs += np.bincount(key[out], minlength=tile.size) - np.bincount(key[~out], minlength=tile.size)
    changes = {
        "discounted": counts["discounted"] - counts["was_discounted"],
        "surging": counts["surging"] - counts["was_surging"],
        "out_of_stock": stock_outs,
    }
    return {name: getattr(tally, name) + of.reshape(-1, cells).cumsum(axis=0) for name, of in changes.items()}


def _changed(level: I64, before: I64) -> Mask:
    """Tell at which ticks and cells a level is another than a tick before."""
    return np.asarray(np.diff(level, axis=0, prepend=before[None]) != 0).ravel()


def _kept(tally: Tally, levels: dict[str, I64], kept: I64) -> dict[str, I64]:
    """Keep what is known now, and give the kept rows."""
    for name, level in levels.items():
        setattr(tally, name, level[-1])
    return {name: level.ravel()[kept] for name, level in levels.items()}


def _step(tile: _Tile, attempted: I64) -> int:
    """Tell which share of the rows to measure: one in so many, that comes to all listings of products in turn."""
    taken = int(attempted.reshape(len(tile.ticks), -1).any(axis=1).sum())
    step = max(1, tile.rows.count // (max(1, taken) * _MOST_SIZED))
    while gcd(step, tile.block.listings_per_product) > 1:
        step += 1
    return step


def _sizes(counts: _Counts, kept: I64) -> dict[str, I64]:
    """Give the kept rows of what was measured: how many changes, their sum and that of their squares in basis points, each class."""
    histogram = counts.histogram[kept, :-1]
    sums = {
        "change_bps": counts.changes[kept].astype(np.int64),
        "change_squares": counts.squares[kept].astype(np.int64),
    }
    return {"sized": histogram.sum(axis=1)} | sums | {name: histogram[:, number] for number, name in enumerate(SIZES)}
