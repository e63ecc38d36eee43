"""One tick of a block, in the one written order of the rules.

1. Clock: campaign lines and the time-of-day shift of this tick.
2. Batch: regular price, own discount, surge of the listings whose turn it is (addressed draws).
3. Prices of the batch, or of every listing where the clock moved; rows for what was taken up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim import streams
from qsim.arrays import F64, I64, U8, U16, U32, U64, Mask
from qsim.market import pricing, promotion
from qsim.market.state import Block, EventRows, State
from qsim.schema import Cause
from qsim.streams import Purpose


@dataclass(frozen=True)
class Rules:
    """Run parameters as the kernel needs them; thresholds are counts of 20-bit numbers."""

    seed: int
    batch_size: int
    active_products: int
    bound: float
    swing: F64
    powers: pricing.Reversion
    discount_start: int
    discount_end: int
    depth_laws: U16
    surge: int
    surge_bps: tuple[int, int]
    surge_fee: int


@dataclass(frozen=True)
class Span:
    """The clock of T consecutive ticks, each against the tick before it.

    `shift_bps` int64[T]; `running` bool[T, campaigns]; `moved` bool[T] tells where either differs from the tick before.
    """

    ticks: range
    shift_bps: I64
    running: Mask
    moved: Mask


@dataclass(frozen=True)
class Prepared:
    """Columns of a block that follow from the rules: noise factor = slope x n + base for n in 0..2^24-1."""

    slope: F64
    base: F64
    pull: F64


def prepare(block: Block, rules: Rules) -> Prepared:
    """Work out what the rules make of a block's unchanging columns."""
    swing = rules.swing[block.group]
    slope = swing * 2.0**-23
    return Prepared(slope, 1.0 - swing + 0.5 * slope, block.anchor / rules.powers.of(block.anchor))


def batch(block: Block, rules: Rules, tick: int) -> list[slice]:
    """Tell which listings of the block are in the tick's batch: at most two slices, ascending.

    The batch is `batch_size` active products in product order from cursor = tick x batch_size mod active products.
    """
    active, size = rules.active_products, rules.batch_size
    first, last = block.first_rank, block.first_rank + block.products
    if size == 0 or size >= active:
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


def rows_needed(block: Block, rules: Rules, span: Span) -> list[int]:
    """Count the rows that each tick of a window of the block will fill."""
    listings = len(block.lanes)
    return [
        listings if moved else sum(part.stop - part.start for part in batch(block, rules, tick))
        for tick, moved in zip(span.ticks, span.moved.tolist(), strict=True)
    ]


def _draw(block: Block, rules: Rules, tick: int, part: slice) -> U64:
    lanes = block.lanes[part]
    first, last = int(lanes[0]), int(lanes[-1])
    words = streams.bits(rules.seed, Purpose.CLASSIC_UPDATE, block.number, tick, first, last - first + 1)
    return words if len(words) == len(lanes) else words[lanes - first]


def _update(block: Block, prepared: Prepared, state: State, rules: Rules, tick: int, part: slice) -> U8:
    """Update the listings of a slice in place; give the cause of each."""
    words = _draw(block, rules, tick, part)
    chain, chance = streams.chance_bits(words)
    factor = streams.noise_bits(words) * prepared.slope[part]
    factor += prepared.base[part]
    state.regular[part] = pricing.regular_price(
        state.regular[part], factor, prepared.pull[part], rules.powers, rules.bound
    )

    own, surge, fee = state.own[part], state.surge[part], state.fee[part]
    ids = block.listing_id[part]
    starts, ends = promotion.switch(own, chain, rules.discount_start, rules.discount_end)
    started = np.flatnonzero(starts)
    own[ends] = 0
    own[started] = promotion.draw_depths(
        rules.depth_laws,
        block.platform[part][started].astype(np.int64),
        streams.hashed(rules.seed, Purpose.DISCOUNT_DEPTH, tick, ids[started]),
    )

    before = (surge | fee) > 0
    now = chance < np.uint32(rules.surge)
    surging = np.flatnonzero(now)
    loose = block.is_loose[part][surging]
    sizes = streams.whole_numbers(streams.hashed(rules.seed, Purpose.SURGE_SIZE, tick, ids[surging]), *rules.surge_bps)
    surge[:] = 0
    fee[:] = 0
    surge[surging] = np.where(loose, sizes, 0)
    fee[surging] = np.where(loose, 0, rules.surge_fee)

    cause = np.full(len(own), Cause.UPDATE, np.uint8)
    cause[ends] = Cause.DISCOUNT_END
    cause[started] = Cause.DISCOUNT_START
    cause[before & ~now] = Cause.SURGE_END
    cause[surging[~before[surging]]] = Cause.SURGE_START
    return cause


def _transitions(state: State, block: Block, before: U16, part: slice) -> tuple[U32, U16]:
    switched = np.flatnonzero((state.own[part] == 0) != (before == 0))
    return block.listing_id[part][switched], state.own[part][switched]


def _compose(block: Block, state: State, tick: int, part: slice, shift: int, rows: EventRows) -> slice:
    """Set the discounts and prices of a slice and fill rows for it; give the rows' place."""
    place = slice(rows.count, rows.count + part.stop - part.start)
    discount = np.maximum(state.own[part], state.line[part])
    price = rows.after[place]
    price[:] = pricing.overlaid_price(
        state.regular[part].astype(np.float64), discount, state.surge[part], state.fee[part], shift, block.ceiling[part]
    )
    rows.tick[place] = tick
    rows.listing_id[place] = block.listing_id[part]
    rows.before[place] = state.price[part]
    rows.regular[place] = state.regular[part]
    rows.discount[place] = discount
    rows.surge[place] = state.surge[part]
    rows.fee[place] = state.fee[part]
    changed = rows.changed[place]
    np.not_equal(price, state.price[part], out=changed)
    changed |= discount != state.discount[part]
    state.discount[part] = discount
    state.price[part] = price
    rows.count = place.stop
    return place


def step(block: Block, prepared: Prepared, state: State, rules: Rules, span: Span, at: int, rows: EventRows) -> None:
    """Make tick `span.ticks[at]` of the block: change the state in place and fill the rows of what was taken up."""
    tick, moved = span.ticks[at], bool(span.moved[at])
    if moved:
        promotion.set_lines(block, state, span.running[at])
    whole = slice(0, len(block.lanes))
    parts = batch(block, rules, tick)
    first_row = rows.count
    olds = [
        (part, state.regular[part].copy(), state.own[part].copy(), state.surge[part].copy(), state.fee[part].copy())
        for part in parts
    ]
    causes = [_update(block, prepared, state, rules, tick, part) for part in parts]
    if moved:
        earlier = state.discount.copy()
        _compose(block, state, tick, whole, int(span.shift_bps[at]), rows)
        _clock_causes(rows, first_row, earlier)
    for (part, regular, own, surge, fee), cause in zip(olds, causes, strict=True):
        place = (
            slice(first_row + part.start, first_row + part.stop)
            if moved
            else _compose(block, state, tick, part, int(span.shift_bps[at]), rows)
        )
        rows.cause[place] = cause
        changed = rows.changed[place]
        changed |= regular != state.regular[part]
        changed |= surge != state.surge[part]
        changed |= fee != state.fee[part]
        ids, depths = _transitions(state, block, own, part)
        if len(ids):
            rows.transitions.append((tick, ids, depths))
    _mark_updated(state, rows, tick, first_row, [whole] if moved else parts)
    if rows.count > first_row:
        rows.tick_rows.append((tick, rows.count - first_row))


def _clock_causes(rows: EventRows, first_row: int, earlier: U16) -> None:
    discount = rows.discount[first_row : rows.count]
    cause = rows.cause[first_row : rows.count]
    cause[:] = Cause.TIME_OF_DAY
    cause[discount > earlier] = Cause.CAMPAIGN_START
    cause[discount < earlier] = Cause.CAMPAIGN_END


def _mark_updated(state: State, rows: EventRows, tick: int, first_row: int, parts: list[slice]) -> None:
    for part in parts:
        size = part.stop - part.start
        np.copyto(state.updated[part], np.uint32(tick), where=rows.changed[first_row : first_row + size])
        first_row += size
