"""The ticks of a block, in the one written order of the rules.

1. Clock: campaign lines and the time-of-day shift of this tick.
2. Batch: regular price, own discount, surge of the listings whose turn it is (`turns`).
3. What lives by rates: repricings, sales, answers to rivals, customers, stock (`live`).
4. Prices of what was taken up, or of every listing where the clock moved; a row for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from qsim import compiled
from qsim.arrays import I64
from qsim.compiled import Keys, Loops
from qsim.market import live, loops, pricing, promotion, rounds, turns
from qsim.market.live import Diaries, Taken
from qsim.market.rules import Rules, Span
from qsim.market.state import TILE_ROWS, Block, EventRows, State, WholeTicks, fill
from qsim.market.turns import Factors
from qsim.market.units import Units, units

# Ticks of fewer rows cost less one behind the other in one table than each as a piece of it.
_MANY_LISTINGS = 8_192


@dataclass(frozen=True)
class Prepared:
    """What the rules make of a block: for updates in turn, and for units that live by rates; None for what they have not."""

    factors: Factors | None
    units: Units | None
    diaries: Diaries


def prepared_for(block: Block, state: State, rules: Rules) -> Prepared:
    """Give what the rules make of a block, kept with its state for as long as they hold."""
    if state.prepared is None or state.prepared[0] is not rules:
        state.prepared = rules, prepare(block, rules)
    return state.prepared[1]


def prepare(block: Block, rules: Rules) -> Prepared:
    """Work out what the rules make of a block's unchanging columns."""
    factors = turns.factors_of(block, rules) if rules.batch_size >= 0 else None
    return Prepared(factors, units(block, rules.live, rules.stores) if rules.live else None, live.diaries())


def rows_needed(block: Block, rules: Rules, span: Span, part: range) -> int:
    """Count the rows that a stretch of ticks of a block will fill for sure."""
    if span.moved[part[0]]:
        return len(block.lanes)
    taken = turns.lying(block, rules, span.ticks[part.start : part.stop])
    ticks = len(part) if turns.all_at_once(rules) else 1
    return ticks * int(sum(one.stop - one.start for one in taken))


def stretches(block: Block, prepared: Prepared, rules: Rules, span: Span) -> list[range]:
    """Cut a window of a block into the stretches of ticks that one step makes, by their places in the window.

    A tick is alone where the clock acts on every listing, and where something is done in turn beside what lives by rates. Ticks
    whose updates in turn are those of different listings are made together, and those that update all, as many as a tile holds.
    """
    if rules.live is not None and prepared.factors is None:
        alone = span.moved.copy()
        alone[0] |= span.live[0].begins or not prepared.diaries.shelves.seen
        return list(rounds.stretches(span.live, alone, live.longest_stretch(rules.live)))
    most = max(1, TILE_ROWS // max(1, len(block.lanes)))
    still = ~span.moved & ~np.roll(span.moved, 1) & (rules.live is None)
    cuts = np.flatnonzero(~(turns.together(rules, span.ticks, most) & still)).tolist()
    return [range(first, stop) for first, stop in pairwise([*cuts, len(span.ticks)])]


def _compose(
    block: Block,
    state: State,
    tick: int | I64,
    part: slice | I64,
    shift: int,
    rows: EventRows,
) -> slice:
    """Set the discounts and prices of a part of the block and fill rows for it; give the rows' place."""
    discount = np.maximum(state.own[part], state.line[part])
    regular, ceiling = state.regular[part], block.ceiling[part]
    held = np.empty(len(regular), np.bool_) if rows.watched else None
    price = pricing.overlaid_price(regular, discount, state.surge[part], state.fee[part], shift, ceiling, held)
    return fill(block, state, part, discount, price, tick, rows, held)


def _take_turns(
    block: Block, factors: Factors | None, state: State, rules: Rules, ticks: range, watched: bool
) -> list[Taken]:
    """Update the listings whose turn it is at some ticks in a row, in place."""
    taken: list[Taken] = []
    if factors is None:
        return taken
    for part, tick in turns.batch(block, rules, ticks):
        before = state.regular[part].copy(), state.own[part].copy(), state.surge[part].copy(), state.fee[part].copy()
        clipped = np.empty(len(before[0]), np.bool_) if watched else None
        cause = turns.update(block, factors, state, rules, tick, part, clipped)
        taken.append(Taken(part, tick, cause, *before, clipped))
    return taken


def _looped(prepared: Prepared, rules: Rules, span: Span, part: range) -> tuple[Loops, Factors] | None:
    """Give the compiled loops for a stretch of ticks, and what they need; None where it is made in numpy."""
    found = compiled.library()
    if found is None or prepared.factors is None or rules.live is not None or span.moved[part[0]]:
        return None
    return found, prepared.factors


def is_whole(block: Block, prepared: Prepared, rules: Rules, span: Span, part: range) -> bool:
    """Tell whether `whole` makes a stretch of ticks, instead of `step`: by the loops, all of many listings at each tick."""
    is_large = turns.all_at_once(rules) and len(block.lanes) >= _MANY_LISTINGS
    return is_large and _looped(prepared, rules, span, part) is not None


def whole(
    block: Block, prepared: Prepared, state: State, rules: Rules, span: Span, part: range, keys: Keys | None
) -> WholeTicks:
    """Make a stretch of ticks that `is_whole`: change the block's state in place, count all rows and give those that changed."""
    looped = _looped(prepared, rules, span, part)
    assert looped is not None
    found, factors = looped
    ticks, shift = span.ticks[part.start : part.stop], int(span.shift_bps[part[0]])
    return loops.whole(found, block, factors, state, rules, ticks, shift, keys)


def _loop(
    found: Loops,
    factors: Factors,
    block: Block,
    state: State,
    rules: Rules,
    ticks: range,
    shift: int,
    rows: EventRows,
) -> None:
    """Make the updates in turn of some ticks in a row by the compiled loops."""
    if not len(block.lanes):
        return
    if turns.all_at_once(rules):
        loops.update(found, block, factors, state, rules, ticks, slice(0, len(block.lanes)), shift, rows)
        return
    for part, tick in turns.batch(block, rules, ticks):
        of_part = tick if isinstance(tick, np.ndarray) else range(tick, tick + 1)
        loops.update(found, block, factors, state, rules, of_part, part, shift, rows)


def step(
    block: Block, prepared: Prepared, state: State, rules: Rules, span: Span, part: range, rows: EventRows
) -> None:
    """Make a stretch of the ticks of a span: change the block's state in place and fill the rows of what was taken up."""
    looped = _looped(prepared, rules, span, part)
    if looped is not None:
        ticks, shift = span.ticks[part.start : part.stop], int(span.shift_bps[part[0]])
        _loop(*looped, block, state, rules, ticks, shift, rows)
    elif turns.all_at_once(rules):
        for at in part:
            _step(block, prepared, state, rules, span, range(at, at + 1), rows)
    else:
        _step(block, prepared, state, rules, span, part, rows)


def _step(
    block: Block, prepared: Prepared, state: State, rules: Rules, span: Span, part: range, rows: EventRows
) -> None:
    """Make a stretch of ticks in numpy."""
    at, ticks = part[0], span.ticks[part.start : part.stop]
    tick, moved, shift = ticks[0], bool(span.moved[at]), int(span.shift_bps[at])
    if moved:
        promotion.set_lines(block, state, span.running[at])
    taken = _take_turns(block, prepared.factors, state, rules, ticks, rows.watched is not None)
    if rules.live and prepared.units:
        for one in taken:
            # A discount that starts in turn has no set end.
            state.own_ends[one.span][state.own[one.span] != one.own] = 0
        clocks = span.live[part.start : part.stop]
        live.step(block, prepared.units, state, rules.live, prepared.diaries, clocks, taken, moved, rows)
        return
    if moved:
        everything, discounts = slice(0, len(block.lanes)), state.discount.copy()
        whole = _compose(block, state, tick, everything, shift, rows)
        rows.cause[whole] = live.clock_causes(rows.discount[whole], discounts)
        places = [slice(whole.start + one.span.start, whole.start + one.span.stop) for one in taken]
        filled: list[tuple[slice | I64, slice]] = [(everything, whole)]
    else:
        places = [_compose(block, state, one.tick, one.part, shift, rows) for one in taken]
        filled = [(one.part, place) for one, place in zip(taken, places, strict=True)]
    for one, place in zip(taken, places, strict=True):
        _mark(block, state, one, place, rows)
    for listings, place in filled:
        state.updated[listings] = np.maximum(state.updated[listings], rows.changed[place] * rows.tick[place])


def _mark(block: Block, state: State, one: Taken, place: slice, rows: EventRows) -> None:
    """Set the causes of rows, find which changed in what the price does not show, and keep own discounts' switches."""
    rows.cause[place] = one.cause
    rows.changed[place] |= (
        (one.regular != state.regular[one.part])
        | (one.surge != state.surge[one.part])
        | (one.fee != state.fee[one.part])
    )
    one.watch(rows.watched, place)
    switched = np.flatnonzero(state.own[one.part] != one.own)
    if len(switched):
        rows.transitions.append(
            (rows.tick[place][switched], block.listing_id[one.part][switched], state.own[one.part][switched])
        )
