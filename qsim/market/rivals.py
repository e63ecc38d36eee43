"""Rivals: a platform that looks at the others' prices answers one that is far below its own, down to a floor.

Looks come by chance, so an answer lags; one that no longer has a cause is withdrawn at the next look, and where the rules
of a new epoch have a unit look no more, at its first tick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim import money
from qsim.arrays import F64, I32, I64, U32
from qsim.market import repricing
from qsim.market.posting import posted
from qsim.market.rounds import Round
from qsim.market.state import Block, State
from qsim.market.units import LiveRules, Units


@dataclass(frozen=True)
class Answers:
    """Units whose answer to a rival changes, ascending: the new match in paise, 0 where it is withdrawn, and the rival's listing."""

    units: I64
    match: I32
    rival: U32


def abandoned(of: Units, state: State, now: Round) -> I64:
    """Give the units whose answer to a rival would outlive its cause, since they look no more from this tick on; ascending."""
    if not now.begins:
        return np.zeros(0, np.int64)
    return np.flatnonzero((state.match[:: of.stores] > 0) & (of.look_rate == 0))


def answer(block: Block, of: Units, state: State, rules: LiveRules, now: Round, looking: I64, log_aim: F64) -> Answers:
    """Let units look at the rivals that have stock, on the prices before the tick at every platform's first store.

    A rival below (1 - tolerance) of what the unit would sell for is met at (1 - undercut) of its price, but not below
    `floor` of the price aimed at.
    """
    stores, platforms, follow = of.stores, of.platforms, rules.rivals
    if not len(looking):
        return Answers(looking, np.zeros(0, np.int32), of.listing_id[:0])
    unmatched = posted(
        block, of, state, rules, looking * stores, state.discount[looking * stores], now.shift_before
    ).unmatched
    others = looking[:, None] // platforms * platforms + np.arange(platforms)
    held = state.stock.reshape(-1, stores)[others].any(axis=2) & rules.demand.is_open
    held &= others != looking[:, None]
    prices = np.where(held, state.price[::stores][others], np.inf)
    nearest = prices.argmin(axis=1)
    cheapest = prices[np.arange(len(looking)), nearest]
    near = cheapest < (1 - follow.tolerance) * unmatched
    aim = np.maximum(follow.floor * money.exp(log_aim), (1 - follow.undercut) * np.where(near, cheapest, 0.0))
    match = repricing.snap(aim, of.style[looking], rules.reach, of.ceiling[looking])
    match = np.where(near & (match < unmatched), match, 0.0).astype(np.int32)
    changed = match != state.match[::stores][looking]
    return Answers(looking[changed], match[changed], of.listing_id[others[np.arange(len(looking)), nearest]][changed])
