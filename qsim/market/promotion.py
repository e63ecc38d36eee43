"""Discounts: their drawn depth, the chain that switches them on and off, and campaign lines.

The chain has two states and is stepped when a listing is in the batch; a depth is drawn at the start and held.
"""

from __future__ import annotations

import numpy as np

from qsim.arrays import I64, U16, U32, U64, Mask
from qsim.depths import LAW_SIZE
from qsim.market.state import Block, State


def draw_depths(laws: U16, platform: I64, words: U64) -> U16:
    """Draw a depth in basis points for each word from its platform's row of `laws`, uint16[platforms, LAW_SIZE]."""
    places = (words >> np.uint64(52)).astype(np.int64)
    return np.asarray(laws.ravel()[platform * LAW_SIZE + places])


def switch(own: U16, chance: U32, start: int, end: int) -> tuple[Mask, Mask]:
    """Tell which discounts start and which end at this update, by one 20-bit number a listing."""
    on = own > 0
    return (chance < np.uint32(start)) & ~on, (chance < np.uint32(end)) & on


def set_lines(block: Block, state: State, running: Mask) -> None:
    """Set each listing's line to the deepest line of the campaigns that are running, bool[campaigns]."""
    state.line[:] = 0
    on = running[block.line_campaign]
    np.maximum.at(state.line, block.line_position[on], block.line_bps[on])
