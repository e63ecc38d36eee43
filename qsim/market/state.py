"""What a block of listings is and what changes about it: frozen columns and the state that ticks act on.

A block holds whole products with all their listings side by side; only listings of active products are kept,
so position i of every column here is the i-th active listing and `lanes[i]` its place in the block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qsim.arrays import F64, I32, I64, U8, U16, U32, Mask

BLOCK_LISTINGS = 65_536
# Where few listings are taken up in a tick, more of them pay for its fixed costs.
LIVE_BLOCK_LISTINGS = 262_144
# The rows that are made together: each tile has its fixed costs, and twice as many take 30 MB more of two workers.
TILE_ROWS = 393_216
NO_CEILING = 2**31 - 1


def products_per_block(listings_per_product: int, lives: bool) -> int:
    """Count the products of a full block of a market that lives by rates from the start, or not; part of the format, never
    of the machine.
    """
    return max(1, (LIVE_BLOCK_LISTINGS if lives else BLOCK_LISTINGS) // listings_per_product)


@dataclass(frozen=True)
class Block:
    """The unchanging columns of a block's n active listings, and its k campaign lines.

    `resting` alone has all listings of the block: the prices of those that are not for sale. `first_listing` is their first id,
    `is_active` bool[products of the block] tells whose listings the others have, `goods` int64[active products] the first product
    of the same name in the market, and `lanes` the listings' places among all.
    The k-th dark stores of all platforms serve area k, which lies in city `city_of_area[k]`.
    """

    number: int
    first_listing: int
    first_rank: int
    listings_per_product: int
    is_active: Mask
    goods: I64
    lanes: I64
    listing_id: U32
    resting: I32
    anchor: I32
    ceiling: I32
    is_loose: Mask
    group: U8
    platform: U8
    unit_cost: I32
    reorder_level: U16
    target_stock: U16
    city_of_area: I64
    line_position: I64
    line_campaign: I64
    line_bps: U16

    @property
    def products(self) -> int:
        """Count the active products of the block."""
        return len(self.lanes) // self.listings_per_product


@dataclass
class OwnCosts:
    """The products' own log costs at the knots of a day and of the next, each float64[active products]."""

    day: int
    knots: tuple[F64, F64]


@dataclass
class State:
    """What ticks change: prices and surge fees in paise, discounts and surges in basis points; columns of n listings.

    `own` is a listing's own discount, `line` the deepest running campaign line, `discount` the deeper of the two.
    `own_ends` is the market second at which an own discount that has a set end is over, `repriced` that of the last
    repricing, `restock` that at which what is on order arrives (0 for nothing); `match` is the price that answers a
    rival's, 0 for none. Own costs follow from the seed and are worked out when first needed; `prepared` keeps what rules
    make of the block, beside the rules.
    """

    price: I32
    regular: I32
    own: U16
    line: U16
    discount: U16
    surge: U16
    fee: U16
    updated: U32
    own_ends: U32
    repriced: I32
    match: I32
    stock: U16
    restock: U32
    costs: OwnCosts | None = None
    prepared: tuple[object, Any] | None = None


# The columns of an event, and their types.
EVENT: dict[str, type[np.generic]] = {
    "tick": np.uint32,
    "listing_id": np.uint32,
    "cause": np.uint8,
    "before": np.int32,
    "after": np.int32,
    "regular": np.int32,
    "discount": np.uint16,
    "surge": np.uint16,
    "fee": np.uint16,
}
COLUMNS = (*EVENT, "changed")


# Own discounts that started or ended: tick, listing_id and discount_bps, part by part.
Transitions = list[tuple[U32, U32, U16]]


@dataclass
class WatchedRows:
    """What is noted beside the rows for the metrics: whose change or price was held at its bound, who had a discount and who a
    surge before, and the shelves that ran out and came back, as (ticks, places, whether it ran out).
    """

    clipped: Mask
    was_discounted: Mask
    was_surging: Mask
    shelves: list[tuple[I64, I64, Mask]] = field(default_factory=list)


WATCHED = ("clipped", "was_discounted", "was_surging")


@dataclass
class EventRows:
    """Room for the rows of a window: columns of `capacity` rows, of which the first `count` are filled.

    Every listing that a tick takes up has a row; `changed` tells which of them are events. `transitions` holds the tick,
    listing_id and discount_bps of own discounts, `orders`, `deliveries` and `truth` the columns of their tables, part by part,
    the tick first, and `trades` counts the rows of orders and deliveries. `watched` is None where there are no metrics.
    """

    tick: U32
    listing_id: U32
    cause: U8
    before: I32
    after: I32
    regular: I32
    discount: U16
    surge: U16
    fee: U16
    changed: Mask
    count: int
    transitions: Transitions = field(default_factory=list)
    orders: list[tuple[U32, U32, U16, U16, I32, I32]] = field(default_factory=list)
    deliveries: list[tuple[U32, U32, U16, U16]] = field(default_factory=list)
    truth: list[tuple[Any, ...]] = field(default_factory=list)
    trades: int = 0
    watched: WatchedRows | None = None

    def columns(self) -> list[tuple[Any, str]]:
        """Tell where the columns are: whose, and their names."""
        watched = [] if self.watched is None else [(self.watched, name) for name in WATCHED]
        return [(self, name) for name in COLUMNS] + watched


@dataclass(frozen=True)
class WholeTicks:
    """Ticks that each take up all of a block's listings, `attempted` of them, and the rows of those that changed.

    The rows of the i-th tick are the first kept[i] from row i * attempted on; the columns have the names of EVENT. Own discounts
    that started or ended are kept as in EventRows.
    """

    ticks: range
    attempted: int
    kept: I64
    columns: dict[str, Any]
    transitions: Transitions


def event_rows(capacity: int, old: EventRows | None = None, watched: bool = False) -> EventRows:
    """Make room for a window that takes up `capacity` listings in all, in the memory of old rows where that suffices."""
    if old is not None and len(old.tick) >= capacity and (old.watched is not None) == watched:
        if old.watched is not None:
            old.watched.shelves = []
        old.count, old.trades = 0, 0
        old.transitions, old.orders, old.deliveries, old.truth = [], [], [], []
        return old

    def room(kind: type[np.generic]) -> Any:
        return np.empty(capacity, kind)

    return EventRows(
        **{name: room(kind) for name, kind in EVENT.items()},
        changed=room(np.bool_),
        count=0,
        watched=WatchedRows(room(np.bool_), room(np.bool_), room(np.bool_)) if watched else None,
    )


def room_for(rows: EventRows, more: int) -> None:
    """Make room for more rows, at least half as many again as there was."""
    if rows.count + more <= len(rows.tick):
        return
    for owner, name in rows.columns():
        column = getattr(owner, name)
        setattr(owner, name, np.resize(column, max(rows.count + more, len(column) * 3 // 2)))


def put_in_order(rows: EventRows, count: int, orders: int, deliveries: int, truth: int, transitions: int) -> None:
    """Put what came since there was so much of each into the order of ticks and listings."""
    part = slice(count, rows.count)
    order = count + np.lexsort((rows.listing_id[part], rows.tick[part]))
    for owner, name in rows.columns():
        column = getattr(owner, name)
        column[part] = column[order]
    for parts, first in (
        (rows.orders, orders), (rows.deliveries, deliveries), (rows.truth, truth), (rows.transitions, transitions),
    ):  # fmt: skip
        if len(parts) > first:
            columns: list[Any] = [np.concatenate(column) for column in zip(*parts[first:], strict=True)]
            order = np.lexsort((columns[1], columns[0]))
            parts[first:] = [tuple(column[order] for column in columns)]


def fill(
    block: Block,
    state: State,
    part: slice | I64,
    discount: U16,
    price: I32 | F64,
    tick: int | U32 | I64,
    rows: EventRows,
    held: Mask | None = None,
) -> slice:
    """Fill rows for a part of the block but for their causes, and set its discounts and prices; give the rows' place.

    A row is marked as changed where its price or discount is another than before. `held` tells whose price was held at
    its MRP.
    """
    room_for(rows, len(price))
    place = slice(rows.count, rows.count + len(price))
    rows.tick[place] = tick
    rows.listing_id[place] = block.listing_id[part]
    rows.before[place] = state.price[part]
    rows.after[place] = price
    rows.regular[place] = state.regular[part]
    rows.discount[place] = discount
    rows.surge[place] = state.surge[part]
    rows.fee[place] = state.fee[part]
    changed = rows.changed[place]
    np.not_equal(rows.after[place], rows.before[place], out=changed)
    changed |= discount != state.discount[part]
    if rows.watched is not None:
        rows.watched.clipped[place] = False if held is None else held
        rows.watched.was_discounted[place] = state.discount[part] > 0
        rows.watched.was_surging[place] = (state.surge[part] | state.fee[part]) > 0
    state.discount[part] = discount
    state.price[part] = rows.after[place]
    rows.count = place.stop
    return place
