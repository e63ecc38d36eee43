"""Listings updated in their turn: who is in a tick's batch, and what an update makes of regular price, discount and surge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from qsim import streams
from qsim.arrays import F64, I64, U8, U64, Mask, edges
from qsim.market import pricing, promotion
from qsim.market.rules import Rules
from qsim.market.state import Block, State
from qsim.schema import Cause
from qsim.streams import Purpose


@dataclass(frozen=True)
class Factors:
    """Columns of a block that follow from the rules: noise factor = slope x n + base for n in 0..2^24-1, and anchor^k."""

    slope: F64
    base: F64
    pull: F64


def factors_of(block: Block, rules: Rules) -> Factors:
    """Work out what the rules make of a block's unchanging columns."""
    swing = rules.swing[block.group]
    slope = swing * 2.0**-23
    return Factors(slope, 1.0 - swing + 0.5 * slope, block.anchor / rules.powers.of(block.anchor))


def _cursor(rules: Rules, tick: int | I64) -> Any:
    """Give the place, among active products, at which a tick's batch begins."""
    return tick * rules.batch_size % rules.active_products


def in_a_row(rules: Rules, ticks: range) -> Mask:
    """Tell of each tick whether its batch goes on where that of the tick before ends, bool[ticks]: the listings of ticks in a row
    are all different, in the order of the block, so that they can be updated together.
    """
    active, size = rules.active_products, rules.batch_size
    if not 0 < size < active:
        return np.zeros(len(ticks), np.bool_)
    cursor = _cursor(rules, np.array(ticks))
    ends = cursor + size
    # One that begins again at the first product has its listings in two places.
    return np.concatenate([[False], (cursor[1:] == ends[:-1]) & (ends[1:] <= active)])


def batch(block: Block, rules: Rules, ticks: range) -> list[slice]:
    """Tell which listings of the block are in the batches of some ticks in a row: at most two slices, ascending.

    A tick's batch is `batch_size` active products in product order from cursor = tick x batch_size mod active products.
    """
    active, size = rules.active_products, rules.batch_size
    first, last = block.first_rank, block.first_rank + block.products
    if size < 0:
        spans = []
    elif size == 0 or size >= active:
        spans = [(first, last)]
    else:
        cursor = _cursor(rules, ticks[0])
        end = cursor + size * len(ticks)
        spans = [(0, end - active), (cursor, min(end, active))]
    cuts = [(max(begin, first) - first, min(end, last) - first) for begin, end in spans]
    return [
        slice(begin * block.listings_per_product, end * block.listings_per_product)
        for begin, end in cuts
        if begin < end
    ]


def ticks_of(block: Block, rules: Rules, ticks: range, part: slice) -> int | I64:
    """Give the tick at which each listing of a slice is updated: int64[listings], or a number where it is one for all."""
    if len(ticks) == 1:
        return ticks[0]
    rank = block.first_rank + np.arange(part.start, part.stop) // block.listings_per_product
    return np.asarray(ticks[0] + (rank - _cursor(rules, ticks[0])) // rules.batch_size)


def _draw(block: Block, rules: Rules, tick: int | I64, part: slice) -> U64:
    if isinstance(tick, np.ndarray):
        begins = edges(tick)
        parts = [slice(part.start + first, part.start + stop) for first, stop in pairwise(begins.tolist())]
        return np.concatenate(
            [_draw(block, rules, int(tick[at]), one) for at, one in zip(begins[:-1], parts, strict=True)]
        )
    lanes = block.lanes[part]
    first, last = int(lanes[0]), int(lanes[-1])
    words = streams.bits(rules.seed, Purpose.CLASSIC_UPDATE, block.number, tick, first, last - first + 1)
    if len(words) == len(lanes):
        return words
    return words.take(lanes - first if first else lanes, mode="clip")


def update(
    block: Block,
    factors: Factors,
    state: State,
    rules: Rules,
    tick: int | I64,
    part: slice,
    clipped: Mask | None = None,
) -> U8:
    """Update the listings of a slice in place at a tick, or at a tick each; give the cause of each. `clipped` is told whose step
    was held at its bound.
    """
    words = _draw(block, rules, tick, part)
    chain, chance = streams.chance_bits(words)
    factor = streams.noise_bits(words) * factors.slope[part]
    factor += factors.base[part]
    state.regular[part] = pricing.regular_price(
        state.regular[part], factor, factors.pull[part], rules.powers, rules.bound, clipped
    )

    own, surge, fee = state.own[part], state.surge[part], state.fee[part]
    starts, ends = promotion.switch(own, chain, rules.discount_start, rules.discount_end)
    own *= ~ends
    before = (surge | fee) > 0
    now = chance < np.uint32(rules.surge)
    loose = now & block.is_loose[part]
    surge[:] = 0
    np.multiply(now & ~loose, np.uint16(rules.surge_fee), out=fee)
    _draw_sizes(block, state, rules, tick, part, np.flatnonzero(starts), np.flatnonzero(loose))
    return _first_cause(
        {
            Cause.SURGE_START: now & ~before,
            Cause.SURGE_END: before & ~now,
            Cause.DISCOUNT_START: starts,
            Cause.DISCOUNT_END: ends,
        }
    )


def _draw_sizes(
    block: Block, state: State, rules: Rules, tick: int | I64, part: slice, started: I64, sized: I64
) -> None:
    """Draw the depths of discounts that start and the sizes of surges, by their places in a slice, into the state."""

    def words(purpose: Purpose, places: I64) -> U64:
        at = tick[places] if isinstance(tick, np.ndarray) else tick
        return streams.hashed(rules.seed, purpose, at, block.listing_id[part][places])

    platform = block.platform[part][started].astype(np.int64)
    depths = promotion.draw_depths(rules.depth_laws, platform, words(Purpose.DISCOUNT_DEPTH, started))
    state.own[part][started] = depths
    state.surge[part][sized] = streams.whole_numbers(words(Purpose.SURGE_SIZE, sized), *rules.surge_bps)


def _first_cause(happened: dict[Cause, Mask]) -> U8:
    """Give the cause of each update: the least that happened, which is the first in order, or UPDATE."""
    # Arithmetic on bytes is many times faster than masked assignment.
    ahead = np.zeros(len(next(iter(happened.values()))), np.uint8)
    for cause, mask in happened.items():
        np.maximum(ahead, mask.view(np.uint8) * np.uint8(Cause.UPDATE - cause), out=ahead)
    return np.asarray(np.uint8(Cause.UPDATE) - ahead)
