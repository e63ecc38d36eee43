"""Posted prices: overlays, the dark store's zone, price points, and the answer to a rival, in this order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim.arrays import F64, I32, I64, U16, Mask
from qsim.market import pricing, repricing
from qsim.market.state import Block, State
from qsim.market.units import LiveRules, Units


@dataclass(frozen=True)
class Posted:
    """Prices of listings in paise, columns of n: overlaid, then with the zone, then at price points, then with the match."""

    overlaid: I32
    zoned: F64
    unmatched: F64
    price: F64

    def rows(self, kept: I64) -> Posted:
        """Take some of the listings."""
        return Posted(self.overlaid[kept], self.zoned[kept], self.unmatched[kept], self.price[kept])


def shifts(of: Units, part: slice | I64, shift: int) -> I64 | int:
    """Give the time-of-day shift of listings in basis points: that of the clock, or none for those that do not follow it."""
    return shift if of.dynamic is None or shift == 0 else np.where(of.at(of.dynamic, part), shift, 0)


def posted(
    block: Block,
    of: Units,
    state: State,
    rules: LiveRules,
    part: slice | I64,
    discount: U16,
    shift: int,
    held: Mask | None = None,
) -> Posted:
    """Post the prices of a part of the block, at the given discounts and time-of-day shift in basis points.

    A price that is the regular price is at its point already; taken to it again it might move to the next. `held` is told
    which overlaid prices were held at the MRP.
    """
    regular, ceiling = state.regular[part], block.ceiling[part]
    overlays = discount, state.surge[part], state.fee[part]
    overlaid = pricing.overlaid_price(regular, *overlays, shift, ceiling, held)
    if shift and of.dynamic is not None:
        held_still = None if held is None else np.empty(len(regular), np.bool_)
        still = pricing.overlaid_price(regular, *overlays, 0, ceiling, held_still)
        dynamic = of.at(of.dynamic, part)
        overlaid = np.where(dynamic, overlaid, still)
        if held is not None and held_still is not None:
            np.copyto(held, held_still, where=~dynamic)
    zoned = overlaid.astype(np.float64) if of.zone is None else overlaid * of.zone[part]
    points = repricing.snap(zoned, of.at(of.sale_style, part), rules.reach, ceiling)
    unmatched = np.where(zoned == regular, zoned, points)
    match = state.match[part]
    return Posted(overlaid, zoned, unmatched, np.where(match > 0, np.minimum(unmatched, match), unmatched))
