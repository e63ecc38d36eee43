"""Updates in turn by the compiled loops: what `turns`, `pricing` and `state.fill` say, for several ticks in one pass.

A few hundred listings are taken through all the ticks before the next, so that what is known of them stays in a core's
nearest cache. Every bit is that of the modules named.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsim import compiled, streams
from qsim.arrays import I64
from qsim.compiled import Loops
from qsim.depths import LAW_SIZE
from qsim.market import pricing
from qsim.market.rules import Rules
from qsim.market.state import WATCHED, Block, EventRows, State, room_for
from qsim.market.turns import Factors
from qsim.streams import Purpose

_STATE = ("price", "regular", "own", "line", "discount", "surge", "fee", "updated")
_SWITCHED = {"tick": np.uint32, "listing_id": np.uint32, "own": np.uint16}
_FACTORS = ("slope", "base", "pull")
# Fewer are counted sooner with those of other ticks.
_MANY_ROWS = 4_096
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
    """Update the listings of a part at each of some ticks in a row, or at a tick each, set their prices and fill their rows; where
    there are many, count them as well.
    """
    count, begin = len(block.lanes[part]), rows.count
    span, first = (1, 0) if isinstance(ticks, np.ndarray) else (len(ticks), ticks[0])
    room_for(rows, span * count)
    switched = {name: np.empty(span * count, kind) for name, kind in _SWITCHED.items()}
    switches = np.zeros(span, np.int64)
    columns: dict[str, Any] = _columns(block, factors, state, rows)
    if isinstance(ticks, range) and span * count >= _MANY_ROWS:
        columns |= _counting(block, rows, ticks, count)
    terms = compiled.Update(
        count=count,
        tick=first,
        span=span,
        ticks=compiled.at(ticks) if isinstance(ticks, np.ndarray) else None,
        block=block.number,
        shift_bps=shift,
        switches=compiled.at(switches),
        **{f"switched_{name}": compiled.at(column) for name, column in switched.items()},
        **({"start": part.start} if isinstance(part, slice) else {"places": compiled.at(part)}),
        **_rules(rules),
        **columns,
    )
    compiled.update(loops, terms)
    rows.count = begin + span * count
    _note_switched(rows, switched, switches, count)


def _counting(block: Block, rows: EventRows, ticks: range, count: int) -> dict[str, Any]:
    """Have so many rows of each tick counted as they are filled; nothing more is noted of them for the metrics."""
    if rows.watched is None:
        return {}
    keys, counts = compiled.counting(rows.watched.cell, rows.watched.cells, block.first_listing, ticks)
    rows.watched.counted.append((slice(rows.count, rows.count + len(ticks) * count), ticks, counts))
    return {"keys": compiled.pointer(keys), **{f"row_{name}": None for name in WATCHED}}


def _note_switched(rows: EventRows, switched: dict[str, Any], switches: I64, count: int) -> None:
    """Keep the own discounts that started or ended, tick by tick."""
    for place, some in enumerate(switches.tolist()):
        tick, listing_id, own = (column[place * count :][:some].copy() for column in switched.values())
        rows.transitions += [(tick, listing_id, own)] if some else []


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


def _columns(block: Block, factors: Factors, state: State, rows: EventRows) -> dict[str, int]:
    """Tell where the columns are: those of listings, and of rows from the first empty one on."""
    of_listings = ((factors, _FACTORS), (block, _BLOCK), (state, _STATE))
    found = {name: compiled.at(getattr(owner, name)) for owner, names in of_listings for name in names}
    return found | {f"row_{name}": compiled.at(getattr(owner, name), rows.count) for owner, name in rows.columns()}
