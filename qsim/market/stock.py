"""Stock: what was sold goes off, a shelf that has run low is ordered again, and deliveries come, some of them late."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from qsim import money, streams
from qsim.arrays import I64, U16, U32, Mask, distinct
from qsim.clock import DAY
from qsim.market import agenda
from qsim.market.agenda import Agenda
from qsim.market.state import Block, State
from qsim.streams import Purpose

if TYPE_CHECKING:
    from qsim.market.rounds import Round

_WAITS = 4


@dataclass(frozen=True)
class SupplyRules:
    """Days that a delivery takes: the least, two exponential waits, and for a share another long one."""

    least_days: float
    wait_days: float
    late: float
    late_days: float


def due(seed: int, rules: SupplyRules, ids: U32, tick: I64 | int, second: I64 | int) -> U32:
    """Draw when what is ordered now arrives, market seconds uint32[n]: least + wait (E1 + E2) + late E3 days from now."""
    numbers = ids.astype(np.uint64) * np.uint64(_WAITS) + np.arange(1, _WAITS, dtype=np.uint64)[:, None]
    first, again, long = -money.log(streams.uniforms(streams.hashed(seed, Purpose.LEAD, tick, numbers)))
    late = streams.uniforms(streams.hashed(seed, Purpose.LATE, tick, ids)) < rules.late
    days = rules.least_days + rules.wait_days * (first + again) + np.where(late, rules.late_days * long, 0.0)
    return np.asarray(second + 1 + np.floor(DAY * days)).astype(np.uint32)


def open_orders(block: Block, state: State, seed: int, rules: SupplyRules) -> None:
    """Have the shelves that are low at tick 0 on order."""
    low = np.flatnonzero(state.stock <= block.reorder_level)
    state.restock[low] = due(seed, rules, block.listing_id[low], 0, 0)


@dataclass(frozen=True)
class Moved:
    """Listings whose stock ran out or came back, as a mask each over `places`, and deliveries: places and units."""

    places: I64
    out: Mask
    back: Mask
    delivered: I64
    units: U16


@dataclass
class Shelves:
    """What is on order at a block's shelves, and whether all of them have been looked at since the rules began to hold."""

    orders: Agenda = field(default_factory=Agenda)
    seen: bool = False


def move(
    block: Block, state: State, seed: int, rules: SupplyRules, shelves: Shelves, sold: tuple[I64, I64], now: Round
) -> Moved:
    """Take what was sold off the stock, let arrive what is due, and order again what has run low; in place.

    `sold` are places in the block, ascending, and units within the stock.
    """
    of_product = block.listings_per_product
    arrived = agenda.due(now.deliveries, state.restock, now.seconds[now.deliveries // of_product])
    places = distinct(np.concatenate([sold[0], arrived]))
    before = state.stock[places].astype(np.int64)
    received = np.maximum(block.target_stock[arrived].astype(np.int64) - state.stock[arrived], 0)
    left = before.copy()
    left[np.searchsorted(places, sold[0])] -= sold[1]
    left[np.searchsorted(places, arrived)] += received
    state.stock[places] = left
    state.restock[arrived] = 0
    # At first all shelves, since one may have run low before the market had any supply.
    looked = places if shelves.seen else np.arange(len(state.stock))
    shelves.seen = True
    low = looked[(state.stock[looked] <= block.reorder_level[looked]) & (state.restock[looked] == 0)]
    if len(low):
        product = low // of_product
        seconds = due(seed, rules, block.listing_id[low], now.ticks[product], now.seconds[product])
        state.restock[low] = seconds
        agenda.note(shelves.orders, low, seconds)
    return Moved(places, (before > 0) & (left == 0), (before == 0) & (left > 0), arrived, received.astype(np.uint16))
