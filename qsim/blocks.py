"""Between tables and blocks: catalog columns to blocks, opening prices to states, states to snapshot rows and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from qsim.arrays import I32, I64, U8, U16, U32, Mask
from qsim.market.happenings import LiveRules, open_units, units
from qsim.market.pricing import overlaid_price
from qsim.market.promotion import set_lines
from qsim.market.repricing import posted
from qsim.market.state import NO_CEILING, Block, State, products_per_block
from qsim.schema import SNAPSHOTS


@dataclass(frozen=True)
class Columns:
    """What blocks are made of: columns of products and of their listings (product-major), and all campaign lines.

    The products may be a run of a market's whole blocks, from `first_product` on.
    """

    is_active: Mask
    is_loose: Mask
    mrp: I32
    group: U8
    anchor: I32
    platform_of_listing: U8
    line_campaign: I64
    line_listing: I64
    line_bps: U16
    first_product: int = 0

    @property
    def listings_per_product(self) -> int:
        """Count the listings of one product."""
        return len(self.platform_of_listing)


def block_count(products: int, listings_per_product: int) -> int:
    """Count the blocks of a market."""
    return -(-products // products_per_block(listings_per_product))


def make_blocks(columns: Columns) -> list[Block]:
    """Cut a market into blocks of whole products; the last may be smaller. Lines of inactive products are left out."""
    size = products_per_block(columns.listings_per_product)
    ranks = np.concatenate([[0], np.cumsum(columns.is_active)])
    by_listing = np.argsort(columns.line_listing, kind="stable")
    return [
        _block(columns, first, min(first + size, len(columns.is_active)), int(ranks[first]), by_listing)
        for first in range(0, len(columns.is_active), size)
    ]


def _block(columns: Columns, first: int, last: int, first_rank: int, by_listing: I64) -> Block:
    per = columns.listings_per_product
    active = np.flatnonzero(columns.is_active[first:last])
    lanes = (active[:, None] * per + np.arange(per)).ravel()
    product = first + np.repeat(active, per)
    loose = columns.is_loose[product]
    first_listing = (columns.first_product + first) * per
    ends = [first_listing, first_listing + (last - first) * per]
    lines = by_listing[slice(*np.searchsorted(columns.line_listing[by_listing], ends))]
    lines = lines[columns.is_active[first + (columns.line_listing[lines] - first_listing) // per]]
    return Block(
        number=(columns.first_product + first) // products_per_block(per),
        first_listing=first_listing,
        first_rank=first_rank,
        listings_per_product=per,
        lanes=lanes,
        listing_id=(first_listing + lanes).astype(np.uint32),
        resting=columns.anchor[first * per : last * per],
        anchor=columns.anchor[first * per + lanes],
        ceiling=np.where(loose, NO_CEILING, columns.mrp[product]).astype(np.int32),
        is_loose=loose,
        group=columns.group[product],
        platform=np.tile(columns.platform_of_listing, len(active)),
        line_position=np.searchsorted(lanes, columns.line_listing[lines] - first_listing),
        line_campaign=columns.line_campaign[lines],
        line_bps=columns.line_bps[lines],
    )


def opening_state(
    block: Block, own: U16, running: Mask, shift: int, stores: int = 1, live: LiveRules | None = None
) -> State:
    """Make the state at tick 0: regular price at the anchor, own discounts in basis points (uint16[all listings of the
    block]), the running campaigns' lines, the time-of-day shift in basis points, and price points where there are any.
    """
    count = len(block.lanes)
    none = np.zeros(count, np.uint16)
    state = State(
        block.anchor.copy(),
        block.anchor.copy(),
        own[block.lanes],
        none.copy(),
        none.copy(),
        none.copy(),
        none.copy(),
        np.zeros(count, np.uint32),
        np.zeros(count, np.uint32),
    )
    set_lines(block, state, running)
    of = units(block, live, stores) if live else None
    if live and of:
        open_units(block, of, state, live)
    state.discount = np.maximum(state.own, state.line)
    regular = state.regular.astype(np.float64)
    price = overlaid_price(regular, state.discount, state.surge, state.fee, shift, block.ceiling)
    if live and of:
        price = posted(price, regular, np.repeat(of.sale_style, stores), live.reach, block.ceiling)
    state.price[:] = price
    return state


def snapshot_table(block: Block, state: State, tick: int) -> pa.Table:
    """Give all listings of a block at a tick; those of inactive products rest at their anchor."""
    count = len(block.resting)
    columns: list[I32 | U16 | U32] = [
        np.full(count, tick, np.uint32),
        (block.first_listing + np.arange(count)).astype(np.uint32),
    ]
    for values, rest in (
        (state.price, block.resting),
        (state.regular, block.resting),
        (state.discount, None),
        (state.own, None),
        (state.surge, None),
        (state.fee, None),
        (state.updated, None),
        (state.own_ends, None),
    ):
        column = np.zeros(count, values.dtype) if rest is None else rest.copy()
        column[block.lanes] = values
        columns.append(column)
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=SNAPSHOTS.arrow())


def state_of(block: Block, snapshot: pa.Table, running: Mask) -> State:
    """Make the state again from a block's snapshot rows and the campaigns that run at its tick."""
    names = (
        "price_paise",
        "regular_price_paise",
        "own_discount_bps",
        "discount_bps",
        "discount_bps",
        "surge_bps",
        "surge_fee_paise",
        "updated_tick",
        "own_ends_second",
    )
    state = State(*(snapshot.column(name).to_numpy()[block.lanes] for name in names))
    set_lines(block, state, running)
    return state
