"""One tick of a block, in the one written order of the rules.

1. Clock: campaign lines and the time-of-day shift of this tick.
2. Batch: regular price, own discount, surge of the listings whose turn it is (addressed draws).
3. Happenings: repricings and sales of units, by chance and by the clock (addressed draws).
4. Prices of what was taken up, or of every listing where the clock moved; a row for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim import streams
from qsim.arrays import F64, I32, I64, U8, U16, U64, Mask
from qsim.market import happenings, pricing, promotion, repricing
from qsim.market.happenings import LiveClock, LiveRules, Units
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
    stores: int
    live: LiveRules | None


@dataclass(frozen=True)
class Span:
    """The clock of T consecutive ticks, each against the tick before it.

    `shift_bps` int64[T]; `running` bool[T, campaigns]; `moved` bool[T] tells where either differs from the tick before;
    `live` has the clocks of happenings, and `shared_costs` float64[days, groups] the shared costs at all knots needed.
    """

    ticks: range
    shift_bps: I64
    running: Mask
    moved: Mask
    live: list[LiveClock]
    shared_costs: F64


@dataclass(frozen=True)
class Prepared:
    """Columns of a block that follow from the rules: noise factor = slope x n + base for n in 0..2^24-1."""

    slope: F64
    base: F64
    pull: F64
    units: Units | None


def prepare(block: Block, rules: Rules) -> Prepared:
    """Work out what the rules make of a block's unchanging columns."""
    swing = rules.swing[block.group]
    slope = swing * 2.0**-23
    pull = block.anchor / rules.powers.of(block.anchor)
    units = happenings.units(block, rules.live, rules.stores) if rules.live else None
    return Prepared(slope, 1.0 - swing + 0.5 * slope, pull, units)


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


def rows_needed(block: Block, rules: Rules, span: Span) -> list[int]:
    """Count the rows that each tick of a window of the block will fill at the most."""
    listings = len(block.lanes)
    return [
        listings if moved or rules.live else sum(part.stop - part.start for part in batch(block, rules, tick))
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


def _compose(
    block: Block,
    prepared: Prepared,
    state: State,
    rules: Rules,
    tick: int,
    part: slice | I64,
    shift: int,
    rows: EventRows,
) -> slice:
    """Set the discounts and prices of a part of the block and fill rows for it; give the rows' place."""
    discount = np.maximum(state.own[part], state.line[part])
    regular, ceiling = state.regular[part].astype(np.float64), block.ceiling[part]
    price = pricing.overlaid_price(regular, discount, state.surge[part], state.fee[part], shift, ceiling)
    if rules.live and prepared.units:
        style = np.repeat(prepared.units.sale_style, rules.stores)[part]
        price = repricing.posted(price, regular, style, rules.live.reach, ceiling)
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
    state.discount[part] = discount
    state.price[part] = rows.after[place]
    rows.count = place.stop
    return place


@dataclass(frozen=True)
class _Taken:
    """What a rule took up: a part of the block, the causes, and what was there before."""

    part: slice | I64
    cause: U8
    regular: I32
    own: U16
    surge: U16
    fee: U16


def _take_batch(block: Block, prepared: Prepared, state: State, rules: Rules, tick: int, part: slice) -> _Taken:
    regular, own, surge, fee = (column[part].copy() for column in (state.regular, state.own, state.surge, state.fee))
    return _Taken(part, _update(block, prepared, state, rules, tick, part), regular, own, surge, fee)  # type: ignore[arg-type]  # mixed kinds


def _take_happenings(block: Block, of: Units, state: State, live: LiveRules, span: Span, at: int) -> _Taken:
    now, stores = span.live[at], of.stores
    costs = happenings.costs_now(live.cost, of, state, span.shared_costs, now)
    regular, own = state.regular[of.first].copy(), state.own[of.first].copy()
    touched, cause = happenings.happen(block, of, state, live, costs, now)
    part = (of.first[touched][:, None] + np.arange(stores)).ravel()
    regular, own = np.repeat(regular[touched], stores), np.repeat(own[touched], stores)
    return _Taken(part, np.repeat(cause, stores), regular, own, state.surge[part], state.fee[part])


def step(block: Block, prepared: Prepared, state: State, rules: Rules, span: Span, at: int, rows: EventRows) -> None:
    """Make tick `span.ticks[at]` of the block: change the state in place and fill the rows of what was taken up."""
    tick, moved, shift = span.ticks[at], bool(span.moved[at]), int(span.shift_bps[at])
    if moved:
        promotion.set_lines(block, state, span.running[at])
    first_row = rows.count
    taken = [_take_batch(block, prepared, state, rules, tick, part) for part in batch(block, rules, tick)]
    if rules.live and prepared.units:
        taken.append(_take_happenings(block, prepared.units, state, rules.live, span, at))
    if moved:
        earlier = state.discount.copy()
        _compose(block, prepared, state, rules, tick, slice(0, len(block.lanes)), shift, rows)
        _clock_causes(rows, first_row, earlier)
        places: list[slice | I64] = [_moved(first_row, one.part) for one in taken]
    else:
        places = [_compose(block, prepared, state, rules, tick, one.part, shift, rows) for one in taken]
    for one, place in zip(taken, places, strict=True):
        _mark(block, state, tick, one, place, rows)
    _mark_updated(state, rows, tick, first_row, [slice(0, len(block.lanes))] if moved else [one.part for one in taken])
    if rows.count > first_row:
        rows.tick_rows.append((tick, rows.count - first_row))


def _moved(first_row: int, part: slice | I64) -> slice | I64:
    return slice(first_row + part.start, first_row + part.stop) if isinstance(part, slice) else first_row + part


def _mark(block: Block, state: State, tick: int, one: _Taken, place: slice | I64, rows: EventRows) -> None:
    """Set the causes of rows, find which changed in what the price does not show, and keep own discounts' switches."""
    rows.cause[place] = one.cause
    rows.changed[place] |= (
        (one.regular != state.regular[one.part])
        | (one.surge != state.surge[one.part])
        | (one.fee != state.fee[one.part])
    )
    switched = np.flatnonzero(state.own[one.part] != one.own)
    if len(switched):
        rows.transitions.append((tick, block.listing_id[one.part][switched], state.own[one.part][switched]))


def _clock_causes(rows: EventRows, first_row: int, earlier: U16) -> None:
    discount = rows.discount[first_row : rows.count]
    cause = rows.cause[first_row : rows.count]
    cause[:] = Cause.TIME_OF_DAY
    cause[discount > earlier] = Cause.CAMPAIGN_START
    cause[discount < earlier] = Cause.CAMPAIGN_END


def _mark_updated(state: State, rows: EventRows, tick: int, first_row: int, parts: list[slice | I64]) -> None:
    for part in parts:
        size = part.stop - part.start if isinstance(part, slice) else len(part)
        changed = rows.changed[first_row : first_row + size]
        if isinstance(part, slice):
            np.copyto(state.updated[part], np.uint32(tick), where=changed)
        else:
            state.updated[part[changed]] = tick
        first_row += size
