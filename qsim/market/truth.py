"""The parts that a price is made of, worked out beside it: they add up to the price on every row.

Amounts in whole paise. What rounding the parts leaves over stands with price points and the ceiling.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsim import money
from qsim.arrays import F64, I64
from qsim.market import happenings
from qsim.market.happenings import Happened
from qsim.market.posting import Posted, shifts
from qsim.market.rounds import Round
from qsim.market.state import Block, State
from qsim.market.units import LiveRules, Units
from qsim.money import BPS
from qsim.schema import TRUTH


def _rounded(amounts: F64) -> I64:
    return money.round_half_up(amounts).astype(np.int64)


def _laid_on(state: State, at: I64, regular: I64, shift: I64 | int) -> list[I64]:
    """Give what own discount, campaign line, surge and time of day add to regular prices, one after the other."""
    off = -_rounded(regular * np.where(state.fee[at] > 0, 0, state.discount[at]) / BPS)
    by_line = (state.line[at] > 0) & (state.line[at] >= state.own[at])
    surge = _rounded((regular + off) * state.surge[at].astype(np.int64) / BPS)
    of_day = _rounded((regular + off + surge) * shift / BPS)
    return [np.where(by_line, 0, off), np.where(by_line, off, 0), surge, of_day]


def parts(
    block: Block, of: Units, state: State, rules: LiveRules, now: Round, happened: Happened, at: I64, post: Posted
) -> tuple[Any, ...]:
    """Give the columns of `schema.TRUTH` for the listings at places `at` with their posted prices."""
    unit = at // of.stores
    anchor, regular = block.anchor[at].astype(np.int64), state.regular[at].astype(np.int64)
    # An aim can be anything, and how far it is from the anchor and from the price has to fit into 32 bits.
    most = np.minimum(anchor, regular) + money.MAX_PAISE
    aims = _rounded(np.minimum(money.exp(happenings.log_aims(of, state, rules, now, unit)), most))
    overlays = _laid_on(state, at, regular, shifts(of, at, now.shift))
    unmatched, price = post.unmatched.astype(np.int64), post.price.astype(np.int64)
    # What is more than any price can be is taken for the most, which the ceiling makes of it.
    zone = _rounded(np.minimum(post.zoned, money.MAX_PAISE)) - post.overlaid
    hazard, source = _origin(of, happened, block.listing_id[at], unit)
    product = unit // of.platforms
    columns = (
        now.ticks[product],
        block.listing_id[at],
        anchor,
        aims - anchor,
        regular - aims,
        *overlays,
        zone,
        unmatched - zone - (regular + sum(overlays)),
        price - unmatched,
        now.costs.shock_ids[now.day][of.family[product]],
        hazard,
        source,
    )
    kinds = [kind for kind, _ in TRUTH.columns.values()]
    return tuple(column.astype(kind) for column, kind in zip(columns, kinds, strict=True))


def _origin(of: Units, happened: Happened, ids: np.ndarray, unit: I64) -> tuple[F64, np.ndarray]:
    """Give the rate a day of what happened to listings and the listing that it came from: their own unless a unit's."""
    hazard, source = np.zeros(len(ids)), ids.copy()
    if len(happened.units):
        place = np.minimum(np.searchsorted(happened.units, unit), len(happened.units) - 1)
        touched = happened.units[place] == unit
        hazard[touched] = happened.hazard[place[touched]]
        from_other = happened.source[place] != of.listing_id[unit]
        source[touched & from_other] = happened.source[place[touched & from_other]]
    return hazard, source
