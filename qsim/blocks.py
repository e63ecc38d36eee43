"""Between tables and blocks: catalog columns to blocks, opening prices to states, states to snapshot rows and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from qsim.arrays import I32, I64, U8, U16, U32, Mask, rows_of, set_rows_of
from qsim.market.happenings import open_units
from qsim.market.posting import posted
from qsim.market.pricing import overlaid_price
from qsim.market.promotion import set_lines
from qsim.market.state import NO_CEILING, Block, State
from qsim.market.stock import open_orders
from qsim.market.units import LiveRules, units
from qsim.schema import SNAPSHOTS


@dataclass(frozen=True)
class Columns:
    """What blocks are made of: columns of products and of their listings (product-major), and all campaign lines.

    A block holds `block_products` of them; they may be a run of a market's whole blocks, from `first_product` on.
    """

    is_active: Mask
    is_loose: Mask
    mrp: I32
    goods: I64
    group: U8
    anchor: I32
    unit_cost: I32
    reorder_level: U16
    target_stock: U16
    platform_of_listing: U8
    city_of_area: I64
    line_campaign: I64
    line_listing: I64
    line_bps: U16
    block_products: int
    first_product: int = 0

    @property
    def listings_per_product(self) -> int:
        """Count the listings of one product."""
        return len(self.platform_of_listing)


def make_blocks(columns: Columns) -> list[Block]:
    """Cut a market into blocks of whole products; the last may be smaller. Lines of inactive products are left out."""
    size = columns.block_products
    ranks = np.concatenate([[0], np.cumsum(columns.is_active)])
    by_listing = np.argsort(columns.line_listing, kind="stable")
    lines = {name: getattr(columns, name)[by_listing] for name in ("line_campaign", "line_listing", "line_bps")}
    columns = replace(columns, **lines)
    return [
        _block(columns, first, min(first + size, len(columns.is_active)), int(ranks[first]))
        for first in range(0, len(columns.is_active), size)
    ]


def _block(columns: Columns, first: int, last: int, first_rank: int) -> Block:
    """Make the block of the products first..last-1, whose campaign lines are found by their order in listings."""
    per = columns.listings_per_product
    active = columns.is_active[first:last]
    lanes = np.flatnonzero(np.repeat(active, per))
    first_listing = (columns.first_product + first) * per
    ends = [first_listing, first_listing + (last - first) * per]
    of_block = slice(*np.searchsorted(columns.line_listing, ends))
    product, store = np.divmod(columns.line_listing[of_block] - first_listing, per)
    on = active[product]
    rank = np.cumsum(active) - 1
    loose, mrp, group = (column[first:last][active] for column in (columns.is_loose, columns.mrp, columns.group))

    def of_listings(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return rows_of(column[first * per : last * per], active)

    return Block(
        number=(columns.first_product + first) // columns.block_products,
        first_listing=first_listing,
        first_rank=first_rank,
        listings_per_product=per,
        is_active=active,
        goods=columns.goods[first:last][active],
        lanes=lanes,
        listing_id=(first_listing + lanes).astype(np.uint32),
        resting=columns.anchor[first * per : last * per],
        anchor=of_listings(columns.anchor),
        ceiling=np.repeat(np.where(loose, NO_CEILING, mrp).astype(np.int32), per),
        is_loose=np.repeat(loose, per),
        group=np.repeat(group, per),
        platform=np.tile(columns.platform_of_listing, len(group)),
        unit_cost=of_listings(columns.unit_cost),
        reorder_level=of_listings(columns.reorder_level),
        target_stock=of_listings(columns.target_stock),
        city_of_area=columns.city_of_area,
        line_position=rank[product[on]] * per + store[on],
        line_campaign=columns.line_campaign[of_block][on],
        line_bps=columns.line_bps[of_block][on],
    )


def opening_state(
    block: Block, own: U16, stock: U16, running: Mask, shift: int, stores: int = 1, live: LiveRules | None = None
) -> State:
    """Make the state at tick 0: regular price at the anchor, own discounts in basis points and stock (uint16[all
    listings of the block]), the running campaigns' lines, the time-of-day shift in basis points, and price points where there are any.
    """
    count = len(block.lanes)
    none = np.zeros(count, np.uint16)
    state = State(
        block.anchor.copy(),
        block.anchor.copy(),
        rows_of(own, block.is_active),
        none.copy(),
        none.copy(),
        none.copy(),
        none.copy(),
        np.zeros(count, np.uint32),
        np.zeros(count, np.uint32),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        rows_of(stock, block.is_active),
        np.zeros(count, np.uint32),
    )
    set_lines(block, state, running)
    everything = slice(0, count)
    if live is None:
        state.discount = np.maximum(state.own, state.line)
        overlays = state.discount, state.surge, state.fee
        state.price[:] = overlaid_price(state.regular, *overlays, shift, block.ceiling)
        return state
    of = units(block, live, stores)
    open_units(block, of, state, live)
    open_orders(block, state, live.seed, live.supply)
    state.discount = np.maximum(state.own, state.line)
    state.price[:] = posted(block, of, state, live, everything, state.discount, shift).price
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
        (state.repriced, None),
        (state.match, None),
        (state.stock, None),
        (state.restock, None),
    ):
        column = np.zeros(count, values.dtype) if rest is None else rest.copy()
        # Of many columns none is set at a time, or ever.
        if rest is not None or values.any():
            set_rows_of(column, block.is_active, values)
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
        "repriced_second",
        "match_paise",
        "stock",
        "restock_second",
    )
    columns: list[Any] = [rows_of(snapshot.column(name).to_numpy(), block.is_active) for name in names]
    state = State(*columns)
    set_lines(block, state, running)
    return state
