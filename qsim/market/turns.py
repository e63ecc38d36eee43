"""Listings updated in their turn: who is in a tick's batch, and what an update makes of regular price, discount and surge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from qsim import streams
from qsim.arrays import F64, I64, U8, U16, U64, Mask, edges
from qsim.market import pricing, promotion
from qsim.market.rules import Rules
from qsim.market.state import Block, State
from qsim.schema import Cause
from qsim.streams import Purpose

# In rounds of up to so many products, to pick listings one by one costs less than the calls that it saves.
_SHORT_ROUND = 2_048


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


def all_at_once(rules: Rules) -> bool:
    """Tell whether a tick's batch is every active product."""
    return rules.batch_size == 0 or rules.batch_size >= rules.active_products


def together(rules: Rules, ticks: range, most: int) -> Mask:
    """Tell of each tick whether it goes with the one before, bool[ticks]: the listings of ticks that go together are all
    different, or all the same, in at most so many ticks.
    """
    active, size = rules.active_products, rules.batch_size
    if all_at_once(rules):
        return np.arange(len(ticks)) % most > 0
    if size < 0:
        return np.zeros(len(ticks), np.bool_)
    if active <= _SHORT_ROUND:
        return np.arange(len(ticks)) % (active // size) > 0
    cursor = _cursor(rules, np.array(ticks))
    ends = cursor + size
    # One that begins again at the first product has its listings in two places.
    return np.concatenate([[False], (cursor[1:] == ends[:-1]) & (ends[1:] <= active)])


def lying(block: Block, rules: Rules, ticks: range) -> list[slice]:
    """Tell where the batches of ticks that go together lie in the block: at most two slices, ascending.

    A tick's batch is `batch_size` active products in product order from cursor = tick x batch_size mod active products.
    """
    active, size = rules.active_products, rules.batch_size
    first, last = block.first_rank, block.first_rank + block.products
    if size < 0:
        spans = []
    elif all_at_once(rules):
        spans = [(first, last)]
    else:
        cursor = _cursor(rules, ticks[0])
        end = cursor + size * len(ticks)
        spans = [(0, end - active), (cursor, min(end, active))]
    cuts = [(max(begin, first) - first, min(end, last) - first) for begin, end in spans]
    lanes = block.listings_per_product
    return [slice(begin * lanes, end * lanes) for begin, end in cuts if begin < end]


def batch(block: Block, rules: Rules, ticks: range) -> list[tuple[slice | I64, int | I64]]:
    """Give the listings of the batches of ticks that go together, in the order of ticks and listings: slices, or places, and the
    tick of each listing, int64[listings], or one for all.
    """
    parts = lying(block, rules, ticks)
    if len(ticks) == 1 or not parts:
        return [(part, ticks[0]) for part in parts]
    lanes = block.listings_per_product
    products = np.concatenate([np.arange(part.start // lanes, part.stop // lanes) for part in parts])
    after = block.first_rank + products - _cursor(rules, ticks[0])
    tick = (ticks[0] + np.where(after < 0, after + rules.active_products, after) // rules.batch_size).repeat(lanes)
    if len(parts) == 1:
        return [(parts[0], tick)]
    places = np.concatenate([np.arange(part.start, part.stop) for part in parts])
    order = np.argsort(tick, kind="stable")
    return [(places[order], tick[order])]


def _draw(block: Block, rules: Rules, tick: int | I64, part: slice | I64) -> U64:
    """Draw the words of a part's listings, those of a tick that lie side by side at once."""
    if isinstance(tick, np.ndarray):
        places = np.arange(part.start, part.stop) if isinstance(part, slice) else part
        begins = edges(tick * len(block.lanes) + np.arange(len(places)) - places)
        runs = [slice(int(places[a]), int(places[b - 1]) + 1) for a, b in pairwise(begins.tolist())]
        return np.concatenate([_draw(block, rules, int(tick[at]), run) for at, run in zip(begins, runs, strict=False)])
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
    part: slice | I64,
    clipped: Mask | None = None,
) -> U8:
    """Update the listings of a part at a tick, or at a tick each; give the cause of each. `clipped` is told whose step was held at
    its bound.
    """
    words = _draw(block, rules, tick, part)
    chain, chance = streams.chance_bits(words)
    factor = streams.noise_bits(words) * factors.slope[part]
    factor += factors.base[part]
    state.regular[part] = pricing.regular_price(
        state.regular[part], factor, factors.pull[part], rules.powers, rules.bound, clipped
    )

    own = state.own[part]
    starts, ends = promotion.switch(own, chain, rules.discount_start, rules.discount_end)
    own = own * ~ends
    before = (state.surge[part] | state.fee[part]) > 0
    now = chance < np.uint32(rules.surge)
    loose = now & block.is_loose[part]
    surge = np.zeros(len(own), np.uint16)
    _draw_sizes(block, rules, tick, part, starts, loose, own, surge)
    state.own[part], state.surge[part] = own, surge
    state.fee[part] = (now & ~loose) * np.uint16(rules.surge_fee)
    return _first_cause(
        {
            Cause.SURGE_START: now & ~before,
            Cause.SURGE_END: before & ~now,
            Cause.DISCOUNT_START: starts,
            Cause.DISCOUNT_END: ends,
        }
    )


def _draw_sizes(
    block: Block,
    rules: Rules,
    tick: int | I64,
    part: slice | I64,
    starts: Mask,
    loose: Mask,
    own: U16,
    surge: U16,
) -> None:
    """Draw the depths of discounts that start, and the sizes of surges where prices follow them, into columns of a part."""

    def words(purpose: Purpose, places: I64) -> U64:
        at = tick[places] if isinstance(tick, np.ndarray) else tick
        return streams.hashed(rules.seed, purpose, at, block.listing_id[part][places])

    started, sized = np.flatnonzero(starts), np.flatnonzero(loose)
    platform = block.platform[part][started].astype(np.int64)
    own[started] = promotion.draw_depths(rules.depth_laws, platform, words(Purpose.DISCOUNT_DEPTH, started))
    surge[sized] = streams.whole_numbers(words(Purpose.SURGE_SIZE, sized), *rules.surge_bps)


def _first_cause(happened: dict[Cause, Mask]) -> U8:
    """Give the cause of each update: the least that happened, which is the first in order, or UPDATE."""
    # Arithmetic on bytes is many times faster than masked assignment.
    ahead = np.zeros(len(next(iter(happened.values()))), np.uint8)
    for cause, mask in happened.items():
        np.maximum(ahead, mask.view(np.uint8) * np.uint8(Cause.UPDATE - cause), out=ahead)
    return np.asarray(np.uint8(Cause.UPDATE) - ahead)
