"""The parts of a price, in whole paise, one event at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tests.reference_goods import Listing
from tests.reference_terms import exp, floor_half_up
from tests.reference_units import Priced


@dataclass(frozen=True)
class Parts:
    """What a price is made of; all parts add up to it."""

    anchor: int
    cost: int
    noise: int
    discount: int
    campaign: int
    surge: int
    time_of_day: int
    zone: int
    rounding: int
    rival: int


def share_of(amount: int, bps: int) -> int:
    """A share of an amount, halves up; floor also below 0."""
    return math.floor(amount * bps / 1e4 + 0.5)


def parts_of(listing: Listing, made: Priced, log_aim: float) -> Parts:
    state = listing.state
    cost = floor_half_up(exp(log_aim)) - listing.anchor
    off = -share_of(state.regular, 0 if state.fee > 0 else state.discount)
    by_campaign = state.line >= state.own and state.line > 0
    surge = share_of(state.regular + off, state.surge)
    time_of_day = share_of(state.regular + off + surge, made.shift)
    zone = floor_half_up(made.zoned) - made.raw
    return Parts(
        anchor=listing.anchor,
        cost=cost,
        noise=state.regular - listing.anchor - cost,
        discount=0 if by_campaign else off,
        campaign=off if by_campaign else 0,
        surge=surge,
        time_of_day=time_of_day,
        zone=zone,
        rounding=made.unmatched - zone - (state.regular + off + surge + time_of_day),
        rival=made.price - made.unmatched,
    )
