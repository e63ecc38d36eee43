"""Listings updated in their turn: who is in a tick's batch, and what an update makes of regular price, discount and surge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim import streams
from qsim.arrays import F64, U8, U64, Mask
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


def batch(block: Block, rules: Rules, tick: int) -> list[slice]:
    """Tell which listings of the block are in the tick's batch: at most two slices, ascending.

    The batch is `batch_size` active products in product order from cursor = tick x batch_size mod active products.
    """
    active, size = rules.active_products, rules.batch_size
    first, last = block.first_rank, block.first_rank + block.products
    if size < 0:
        spans = []
    elif size == 0 or size >= active:
        spans = [(first, last)]
    else:
        cursor = tick * size % active
        spans = [(0, cursor + size - active), (cursor, min(cursor + size, active))]
    cuts = [(max(begin, first) - first, min(end, last) - first) for begin, end in spans]
    return [
        slice(begin * block.listings_per_product, end * block.listings_per_product)
        for begin, end in cuts
        if begin < end
    ]


def _draw(block: Block, rules: Rules, tick: int, part: slice) -> U64:
    lanes = block.lanes[part]
    first, last = int(lanes[0]), int(lanes[-1])
    words = streams.bits(rules.seed, Purpose.CLASSIC_UPDATE, block.number, tick, first, last - first + 1)
    if len(words) == len(lanes):
        return words
    return words.take(lanes - first if first else lanes, mode="clip")


def update(
    block: Block, factors: Factors, state: State, rules: Rules, tick: int, part: slice, clipped: Mask | None = None
) -> U8:
    """Update the listings of a slice in place; give the cause of each. `clipped` is told whose step was held at its bound."""
    words = _draw(block, rules, tick, part)
    chain, chance = streams.chance_bits(words)
    factor = streams.noise_bits(words) * factors.slope[part]
    factor += factors.base[part]
    state.regular[part] = pricing.regular_price(
        state.regular[part], factor, factors.pull[part], rules.powers, rules.bound, clipped
    )

    own, surge, fee = state.own[part], state.surge[part], state.fee[part]
    ids = block.listing_id[part]
    starts, ends = promotion.switch(own, chain, rules.discount_start, rules.discount_end)
    started = np.flatnonzero(starts)
    own *= ~ends
    own[started] = promotion.draw_depths(
        rules.depth_laws,
        block.platform[part][started].astype(np.int64),
        streams.hashed(rules.seed, Purpose.DISCOUNT_DEPTH, tick, ids[started]),
    )

    before = (surge | fee) > 0
    now = chance < np.uint32(rules.surge)
    loose = now & block.is_loose[part]
    sized = np.flatnonzero(loose)
    words = streams.hashed(rules.seed, Purpose.SURGE_SIZE, tick, ids[sized])
    surge[:] = 0
    surge[sized] = streams.whole_numbers(words, *rules.surge_bps)
    np.multiply(now & ~loose, np.uint16(rules.surge_fee), out=fee)
    return _first_cause(
        {
            Cause.SURGE_START: now & ~before,
            Cause.SURGE_END: before & ~now,
            Cause.DISCOUNT_START: starts,
            Cause.DISCOUNT_END: ends,
        }
    )


def _first_cause(happened: dict[Cause, Mask]) -> U8:
    """Give the cause of each update: the least that happened, which is the first in order, or UPDATE."""
    # Arithmetic on bytes is many times faster than masked assignment.
    ahead = np.zeros(len(next(iter(happened.values()))), np.uint8)
    for cause, mask in happened.items():
        np.maximum(ahead, mask.view(np.uint8) * np.uint8(Cause.UPDATE - cause), out=ahead)
    return np.asarray(np.uint8(Cause.UPDATE) - ahead)
