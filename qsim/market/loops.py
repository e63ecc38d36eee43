"""Updates in turn by the compiled loops: what `turns`, `pricing` and `state.fill` say, for several ticks in one pass.

A few hundred listings are taken through all the ticks before the next, so that what is known of them stays in a core's
nearest cache. Every bit is that of the modules named.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsim import compiled, streams
from qsim.arrays import I64
from qsim.compiled import Keys, Loops
from qsim.depths import LAW_SIZE
from qsim.market import pricing
from qsim.market.rules import Rules
from qsim.market.state import EVENT, Block, EventRows, State, Transitions, WholeTicks, room_for
from qsim.market.turns import Factors
from qsim.streams import Purpose

_STATE = ("price", "regular", "own", "line", "discount", "surge", "fee", "updated")
_SWITCHED = {"tick": np.uint32, "listing_id": np.uint32, "own": np.uint16}
_FACTORS = ("slope", "base", "pull")
_BLOCK = ("lanes", "ceiling", "listing_id", "is_loose", "platform")


def update(
    loops: Loops,
    block: Block,
    factors: Factors,
    state: State,
    rules: Rules,
    ticks: range | I64,
    part: slice | I64,
    shift: int,
    rows: EventRows,
) -> None:
    """Update the listings of a part at each of some ticks in a row, or at a tick each, set their prices and fill their rows."""
    count = len(block.lanes[part])
    span, first = (1, 0) if isinstance(ticks, np.ndarray) else (len(ticks), ticks[0])
    room_for(rows, span * count)
    terms = {
        "tick": first,
        "ticks": compiled.at(ticks) if isinstance(ticks, np.ndarray) else None,
        **({"start": part.start} if isinstance(part, slice) else {"places": compiled.at(part)}),
        **{f"row_{name}": compiled.at(getattr(owner, name), rows.count) for owner, name in rows.columns()},
    }
    rows.transitions += _update(loops, block, factors, state, rules, count, span, shift, terms)
    rows.count += span * count


def whole(
    loops: Loops,
    block: Block,
    factors: Factors,
    state: State,
    rules: Rules,
    ticks: range,
    shift: int,
    keys: Keys | None,
) -> WholeTicks:
    """Update all listings at each of some ticks in a row, set their prices and give the rows of those that changed; all rows are
    counted by keys, if there are any.
    """
    count, span = len(block.lanes), len(ticks)
    columns: dict[str, Any] = {name: np.empty(span * count, kind) for name, kind in EVENT.items()}
    kept = np.zeros(span, np.int64)
    terms = {
        "tick": ticks[0],
        "kept": compiled.at(kept),
        "keys": None if keys is None else compiled.pointer(keys),
        **{f"row_{name}": compiled.at(column) for name, column in columns.items()},
    }
    transitions = _update(loops, block, factors, state, rules, count, span, shift, terms)
    return WholeTicks(ticks, count, kept, columns, transitions)


def _update(
    loops: Loops,
    block: Block,
    factors: Factors,
    state: State,
    rules: Rules,
    count: int,
    span: int,
    shift: int,
    more: dict[str, Any],
) -> Transitions:
    """Update so many listings at so many ticks; give the own discounts that started or ended, tick by tick."""
    switched = {name: np.empty(span * count, kind) for name, kind in _SWITCHED.items()}
    switches = np.zeros(span, np.int64)
    terms = compiled.Update(
        count=count,
        span=span,
        block=block.number,
        shift_bps=shift,
        switches=compiled.at(switches),
        **{f"switched_{name}": compiled.at(column) for name, column in switched.items()},
        **_rules(rules),
        **_listings(block, factors, state),
        **more,
    )
    compiled.update(loops, terms)
    found: Transitions = []
    for place, some in enumerate(switches.tolist()):
        tick, listing_id, own = (column[place * count :][:some].copy() for column in switched.values())
        found += [(tick, listing_id, own)] if some else []
    return found


def _rules(rules: Rules) -> dict[str, Any]:
    low, high = rules.surge_bps
    return {
        "seed": rules.seed,
        "format_version": streams.FORMAT_VERSION,
        "purpose": Purpose.CLASSIC_UPDATE,
        "bound": rules.bound,
        "half_up": pricing.HALF_UP,
        "discount_start": rules.discount_start,
        "discount_end": rules.discount_end,
        "surging": rules.surge,
        "surge_low": low,
        "surge_span": high - low + 1,
        "fee_paise": rules.surge_fee,
        "law_size": LAW_SIZE,
        "depth_stem": streams.stem(rules.seed, Purpose.DISCOUNT_DEPTH),
        "surge_stem": streams.stem(rules.seed, Purpose.SURGE_SIZE),
        "exponent": rules.powers.exponent,
        "prices": len(rules.powers.table),
        "powers": compiled.at(rules.powers.table),
        "depth_laws": compiled.at(rules.depth_laws),
    }


def _listings(block: Block, factors: Factors, state: State) -> dict[str, int]:
    """Tell where the columns of listings are."""
    of_listings = ((factors, _FACTORS), (block, _BLOCK), (state, _STATE))
    return {name: compiled.at(getattr(owner, name)) for owner, names in of_listings for name in names}
