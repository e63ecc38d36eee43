"""Rounds: products that are taken through a tick together, each at the next one that brings it anything.

Products do not act on each other. So of ticks that share their clock (a stretch) each product needs those alone at which
something comes to it, in order; and what a stretch of quiet ticks costs is what happens in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qsim.arrays import F64, I64, Mask, distinct
from qsim.clock import DAY, HOUR
from qsim.market.arrivals import Arrivals
from qsim.market.cost import CostPath
from qsim.market.units import Hour, LiveClock


@dataclass(frozen=True)
class Coming:
    """What comes to a block: arrivals at its units, its customers, and units and listings at which something falls due, by
    `due` places and market seconds.
    """

    units: Arrivals
    customers: Arrivals
    ends: tuple[I64, I64]
    deliveries: tuple[I64, I64]


@dataclass(frozen=True)
class Round:
    """Products of a block, each at one tick, with what comes to them then.

    `ticks` and `seconds` int64[products of the block] hold where a product takes part, until the next round is taken; the rest
    holds for all: the hours that the ticks touch, the day, the time-of-day shift and that before, costs, whether an epoch begins.
    """

    ticks: I64
    seconds: I64
    hours: Sequence[Hour]
    day: int
    shift: int
    shift_before: int
    costs: CostPath
    begins: bool
    units: Arrivals
    customers: Arrivals
    ends: I64
    deliveries: I64

    @property
    def hour(self) -> Hour:
        """Give the hour that ends the ticks."""
        return self.hours[-1]

    def days(self, products: I64) -> F64:
        """Give the days since the market's start at products."""
        return np.asarray(self.seconds[products] / DAY)


def stretches(clocks: Sequence[LiveClock], alone: Mask, longest: float) -> Iterator[range]:
    """Cut ticks into stretches that lie within an hour and a day of market time, at most so many seconds long; some ticks are
    `alone`.
    """
    before, second = np.array([(clock.before, clock.second) for clock in clocks]).T
    hour, day = (second - 1) // HOUR, second // DAY
    alone = alone | (before // HOUR != hour)
    apart = alone[1:] | alone[:-1] | (hour[1:] != hour[:-1]) | (day[1:] != day[:-1])
    cuts = (1 + np.flatnonzero(apart)).tolist()
    for first, stop in zip([0, *cuts], [*cuts, len(clocks)], strict=True):
        while first < stop:
            last = max(first + 1, min(stop, int(np.searchsorted(second, before[first] + longest, side="right"))))
            yield range(first, last)
            first = last


def _ranks(keys: I64, products: I64) -> I64:
    """Number the keys of each product from 0; keys ascend, product by product."""
    place = np.arange(len(keys))
    begins = np.concatenate([[True], products[1:] != products[:-1]])
    return np.asarray(place - np.maximum.accumulate(np.where(begins, place, 0)))


def _parts(ranks: I64, rounds: int) -> list[I64]:
    """Give the places of what has rank 0, 1, ..."""
    order = np.argsort(ranks, kind="stable")
    return np.split(order, np.searchsorted(ranks[order], np.arange(1, rounds)))


def _some(came: Arrivals, at: I64) -> Arrivals:
    return Arrivals(came.lane[at], came.second[at], came.draw[at], came.word[at])


def rounds(clocks: Sequence[LiveClock], products: int, lanes: tuple[int, ...], coming: Coming) -> Iterator[Round]:
    """Give the rounds of a stretch; `lanes` are the lanes of a product among units, customers, units and listings."""
    last, ticks = clocks[-1], np.full(products, clocks[0].tick)
    seconds = np.full(products, clocks[0].second)
    hours = last.hours_since(clocks[0].before)
    shared = hours, last.day, last.shift, clocks[0].shift_before, last.costs, clocks[0].begins
    if len(clocks) == 1:
        yield Round(ticks, seconds, *shared, coming.units, coming.customers, coming.ends[0], coming.deliveries[0])
        return
    of_ticks = np.array([clock.second for clock in clocks])
    arrivals = [(came.lane, came.second) for came in (coming.units, coming.customers)]
    keys = [
        lane // of * len(clocks) + np.searchsorted(of_ticks, second)
        for of, (lane, second) in zip(lanes, (*arrivals, coming.ends, coming.deliveries), strict=True)
    ]
    known = distinct(np.concatenate(keys))
    if not len(known):
        return
    ranks = _ranks(known, known // len(clocks))
    count = int(ranks.max()) + 1
    parts = [_parts(ranks, count), *(_parts(ranks[np.searchsorted(known, key)], count) for key in keys)]
    for of_all, units, customers, ends, deliveries in zip(*parts, strict=True):
        product, at = np.divmod(known[of_all], len(clocks))
        ticks[product], seconds[product] = clocks[0].tick + at, of_ticks[at]
        came = _some(coming.units, units), _some(coming.customers, customers)
        yield Round(ticks, seconds, *shared, *came, coming.ends[0][ends], coming.deliveries[0][deliveries])
