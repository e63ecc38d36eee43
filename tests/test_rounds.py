"""Stretches hold ticks of one clock, and rounds bring each product what comes to it, tick by tick in order."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from qsim.market import rounds
from qsim.market.arrivals import NONE, Arrivals
from qsim.market.cost import CostPath
from qsim.market.rounds import Coming
from qsim.market.units import Hour, LiveClock

_NOTHING = np.zeros(0)
HOURS = {n: Hour(n, 1.0, 1.0, 0, _NOTHING, _NOTHING.astype(int), _NOTHING.astype(int), _NOTHING > 0) for n in range(99)}


def clocks(seconds: list[int], tick: int = 1) -> list[LiveClock]:
    return [
        LiveClock(tick + n, now, before, 0, 0, HOURS, CostPath(), False)
        for n, (before, now) in enumerate(pairwise(seconds))
    ]


def cut(seconds: list[int], alone: tuple[int, ...] = (), longest: float = np.inf) -> list[list[int]]:
    mask = np.isin(np.arange(len(seconds) - 1), alone)
    return [list(part) for part in rounds.stretches(clocks(seconds), mask, longest)]


def test_a_stretch_ends_with_its_hour() -> None:
    assert cut([3000, 3300, 3600, 3900, 4200]) == [[0, 1], [2, 3]]


def test_a_tick_that_touches_two_hours_is_alone() -> None:
    assert cut([3000, 3500, 3700, 3900]) == [[0], [1], [2]]


def test_a_tick_at_midnight_is_apart_from_the_hour_before() -> None:
    assert cut([86_000, 86_200, 86_400, 86_600]) == [[0], [1], [2]]


def test_ticks_that_are_alone_make_stretches_of_their_own() -> None:
    assert cut([0, 10, 20, 30, 40, 50], alone=(0, 2)) == [[0], [1], [2], [3, 4]]


def test_a_stretch_is_at_most_as_long_as_it_may_be() -> None:
    assert cut([0, 10, 20, 30, 40, 50], longest=20) == [[0, 1], [2, 3], [4]]
    assert cut([0, 10, 20], longest=0) == [[0], [1]]


def _arrivals(chance: random.Random, lanes: int, count: int) -> Arrivals:
    second = np.sort([chance.randrange(1, 601) for _ in range(count)]).astype(np.int64)
    lane = np.array([chance.randrange(lanes) for _ in range(count)], np.int64)
    return Arrivals(lane, second, np.arange(count) + 0.5, np.arange(count).astype(np.uint64))


@pytest.mark.parametrize("seed", range(10))
def test_rounds_bring_each_product_its_own_in_the_order_of_ticks(seed: int) -> None:
    chance = random.Random(seed)
    of_ticks, products, lanes = clocks(list(range(0, 601, 5)), tick=7), 6, (5, 3, 5, 15)
    due = [(came.lane, came.second) for came in (_arrivals(chance, products * of, 20) for of in lanes[2:])]
    coming = Coming(_arrivals(chance, 30, 60), _arrivals(chance, 18, 80), *due)
    seen: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    last = [0] * products
    for now in rounds.rounds(of_ticks, products, lanes, coming):
        took = set()
        found = (now.units.lane, now.customers.lane, now.ends, now.deliveries)
        marks = (now.units.draw, now.customers.draw, now.ends, now.deliveries)
        for kind, (places, mark) in enumerate(zip(found, marks, strict=True)):
            for place, which in zip(places.tolist(), mark.tolist(), strict=True):
                product = place // lanes[kind]
                took.add(product)
                assert now.seconds[product] == 5 * (now.ticks[product] - 6)
                seen[kind, product, int(now.ticks[product])].append(which)
        for product in took:
            assert now.ticks[product] > last[product], f"seed {seed}"
            last[product] = int(now.ticks[product])
    expected: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    arrivals = [(came.lane, came.second, came.draw) for came in (coming.units, coming.customers)]
    for kind, (places, seconds, mark) in enumerate([*arrivals, *((lane, second, lane) for lane, second in due)]):
        for place, second, which in zip(places.tolist(), seconds.tolist(), mark.tolist(), strict=True):
            expected[kind, place // lanes[kind], 7 + (second - 1) // 5].append(which)
    assert {key: sorted(one) for key, one in seen.items()} == {key: sorted(one) for key, one in expected.items()}, (
        f"seed {seed}"
    )


def test_a_stretch_in_which_nothing_comes_has_no_rounds() -> None:
    none = np.zeros(0, np.int64)
    coming = Coming(NONE, NONE, (none, none), (none, none))
    assert list(rounds.rounds(clocks([0, 5, 10]), 3, (5, 3, 5, 15), coming)) == []
    assert len(list(rounds.rounds(clocks([0, 5]), 3, (5, 3, 5, 15), coming))) == 1
