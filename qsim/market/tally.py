"""Counts of what ticks did, by cell: one platform's listings of one category in a block.

Made of the rows of a tile, all its ticks at once, in numpy or by the compiled loops. It alters nothing that a market is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import gcd

import numpy as np

from qsim import compiled
from qsim.arrays import F64, I32, I64, U32, Mask, edges
from qsim.compiled import Keys, Loops
from qsim.market.state import NO_CEILING, Block, EventRows, State, WatchedRows
from qsim.schema import METRICS_EVERY, MOST_SQUARES, SIZE_EDGES_BPS, SIZES

# What is counted of each key: rows, and those of them that did or are what the names say.
COUNTED = (
    "attempted", "unchanged", "clipped", "failed", "discounted", "was_discounted", "surging", "was_surging",
)  # fmt: skip
# The columns of rows that the compiled loops count by.
_LOOKED_AT = (
    "tick", "listing_id", "before", "after", "discount", "surge", "fee", "changed", "clipped", "was_discounted", "was_surging",
)  # fmt: skip
# Ticks that take up more listings of a block than this have but an even share of their changes measured, about so many.
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


@dataclass(frozen=True)
class Counts:
    """What was counted: rows of each key, and those of each of COUNTED; how many of the rows that were measured changed their price
    by how much, int64[keys, SIZES + 1], the last without a change; sums of these changes and of their squares.
    """

    rows: dict[str, I64]
    histogram: I64
    changes: F64
    squares: F64


def _by_key(tile: _Tile) -> Counts:
    """Count the rows of each key, and measure the changes of some."""
    tally, rows, every, size = tile.tally, tile.rows, slice(0, tile.rows.count), tile.size
    after, watched, place = (
        rows.after[every],
        tile.watched,
        rows.listing_id[every] - np.uint32(tile.block.first_listing),
    )
    key = (rows.tick[every].astype(np.int64) - tile.ticks.start) * len(tally.active) + tally.cell[place]
    masks = (
        ~rows.changed[every],
        watched.clipped[every],
        (after < 1) | (after > tally.ceiling[place]),
        rows.discount[every] > 0,
        watched.was_discounted[every],
        (rows.surge[every] | rows.fee[every]) > 0,
        watched.was_surging[every],
    )
    counts = [np.bincount(key if mask is None else key[mask], minlength=size) for mask in (None, *masks)]
    part = _measured(tile)
    before, key = rows.before[part].astype(np.float64), key[part]
    change = (rows.after[part] - before) / before * 10_000
    classes = _CLASS[np.clip(np.floor(change), -_EDGE - 1, _EDGE).astype(np.int64) + _EDGE + 1]
    classes[change == 0] = len(SIZES)
    change, kinds = np.rint(change), len(SIZES) + 1
    histogram = np.bincount(key * kinds + classes, minlength=size * kinds).reshape(-1, kinds)
    sums = [np.bincount(key, weights, minlength=size).astype(np.float64) for weights in (change, change * change)]
    return Counts(dict(zip(COUNTED, counts, strict=True)), histogram, *sums)


def room_to_count(tally: Tally, block: Block, ticks: range) -> tuple[Keys, Counts]:
    """Make room for what the compiled loops count and measure of some ticks; give it as they take it, and as they leave it."""
    cells = len(tally.active)
    size = len(ticks) * cells
    few, counts = np.zeros(2 * size, np.uint64), np.zeros((len(COUNTED), size), np.int64)
    histogram, (changes, squares) = np.zeros((size, len(SIZES) + 1), np.int64), np.zeros((2, size))
    keys = Keys(
        count=size,
        cells=cells,
        tick=ticks.start,
        listing=block.first_listing,
        most=_MOST_SIZED,
        per=block.listings_per_product,
        edge=_EDGE,
        sizes=len(SIZES),
        cell=compiled.at(tally.cell),
        classes=compiled.at(_CLASS),
        few=compiled.at(few),
        counts=compiled.at(counts),
        histogram=compiled.at(histogram),
        changes=compiled.at(changes),
        squares=compiled.at(squares),
    )
    # Only its place is known there.
    keys.few_kept = few
    return keys, Counts(dict(zip(COUNTED, counts, strict=True)), histogram, changes, squares)


def _looped(loops: Loops, tile: _Tile) -> Counts:
    """Count and measure by the loops in C."""
    keys, counts = room_to_count(tile.tally, tile.block, tile.ticks)
    columns = {name: getattr(owner, name) for owner, name in tile.rows.columns()}
    terms = compiled.Count(
        count=tile.rows.count,
        ceiling=compiled.at(tile.tally.ceiling),
        keys=compiled.pointer(keys),
        **{f"row_{name}": compiled.at(columns[name]) for name in _LOOKED_AT},
    )
    compiled.count(loops, terms)
    return counts


def counted(tally: Tally, block: Block, rows: EventRows, ticks: range) -> dict[str, I64]:
    """Count what the rows of these ticks did: the columns of `schema.PLATFORM_METRICS`, as `told` gives them."""
    assert rows.watched is not None
    tile = _Tile(tally, block, rows, rows.watched, ticks)
    loops = compiled.library()
    return told(tally, block, ticks, _by_key(tile) if loops is None else _looped(loops, tile), rows.watched.shelves)


def told(
    tally: Tally, block: Block, ticks: range, counts: Counts, shelves: Sequence[tuple[I64, I64, Mask]] = ()
) -> dict[str, I64]:
    """Tell what was counted of these ticks, and of shelves: the columns of `schema.PLATFORM_METRICS`.

    A tick has a row of each cell in which anything happened, and of all cells where `whole_at` or METRICS_EVERY says so.
    """
    cells, attempted = len(tally.active), counts.rows["attempted"]
    levels = _levels(tally, counts.rows, _stock_outs(tally, block, ticks, shelves))
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


def _stock_outs(tally: Tally, block: Block, ticks: range, shelves: Sequence[tuple[I64, I64, Mask]]) -> I64:
    """Count how many more shelves of each key are empty than a tick before."""
    cells = len(tally.active)
    size = len(ticks) * cells
    found = np.zeros(size, np.int64)
    for tick, places, out in shelves:
        key = tally.cell[block.lanes[places]] + (tick - ticks.start) * cells
        found += np.bincount(key[out], minlength=size) - np.bincount(key[~out], minlength=size)
    return found


def _levels(tally: Tally, counts: dict[str, I64], stock_outs: I64) -> dict[str, I64]:
    """Count the listings in each state after each tick, int64[ticks, cells] each."""
    cells = len(tally.active)
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


def _measured(tile: _Tile) -> slice | I64:
    """Tell which rows are measured: of a tick's one in so many, others at each tick, that come to all listings of products in turn."""
    tick = tile.rows.tick[: tile.rows.count]
    begins = edges(tick)
    sizes = np.diff(begins)
    if not len(sizes) or sizes.max() < 2 * _MOST_SIZED:
        return slice(0, tile.rows.count)
    steps = np.repeat([_step(tile.block, size) for size in sizes.tolist()], sizes)
    place = np.arange(tile.rows.count) - np.repeat(begins[:-1], sizes)
    return np.flatnonzero((place + tick) % steps == 0)


def _step(block: Block, rows: int) -> int:
    step = max(1, rows // _MOST_SIZED)
    while gcd(step, block.listings_per_product) > 1:
        step += 1
    return step


def _sizes(counts: Counts, kept: I64) -> dict[str, I64]:
    """Give the kept rows of what was measured: how many changes, their sum and that of their squares in basis points, each class."""
    histogram = counts.histogram[kept, :-1]
    sums = {
        "change_bps": counts.changes[kept].astype(np.int64),
        "change_squares": np.minimum(counts.squares[kept], MOST_SQUARES).astype(np.int64),
    }
    return {"sized": histogram.sum(axis=1)} | sums | {name: histogram[:, number] for number, name in enumerate(SIZES)}
