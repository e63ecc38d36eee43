"""The engine's classic tick against the row-at-a-time reference, on random small markets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsim import simulation
from qsim.market import kernel, turns
from tests.kernel_cases import COMPARED, Case, assert_same, cases, examples
from tests.markets import Referred, Simulated, differences


@examples(100, 1_000)
def test_every_tick_of_a_small_market_equals_the_reference_event_for_event(examples: int) -> None:
    @settings(COMPARED, max_examples=examples)
    @given(cases())
    def each(case: Case) -> None:
        simulated = Simulated(case.plan, case.course, case.first, case.highest_price)
        referred = Referred(case.plan, case.course, case.first).to(case.cuts[-1])
        for cut in case.cuts:
            simulated.to(cut)
        assert differences(simulated, referred) == []

    each()


@examples(30, 200)
def test_ticks_in_one_call_equal_the_same_ticks_in_several(examples: int) -> None:
    @settings(COMPARED, max_examples=examples)
    @given(cases())
    def each(case: Case) -> None:
        at_once = Simulated(case.plan, case.course, case.first).to(case.cuts[-1])
        in_turn = Simulated(case.plan, case.course, case.first)
        for tick in range(case.first + 1, case.cuts[-1] + 1):
            in_turn.to(tick)
        assert_same(at_once, in_turn)

    each()


@examples(30, 200)
def test_the_size_of_tiles_changes_nothing(examples: int) -> None:
    @settings(COMPARED, max_examples=examples)
    @given(cases(), st.integers(1, 100))
    def each(case: Case, tile_rows: int) -> None:
        at_once = Simulated(case.plan, case.course, case.first).to(case.cuts[-1])
        with pytest.MonkeyPatch.context() as patch:
            for module in (simulation, kernel):
                patch.setattr(module, "TILE_ROWS", tile_rows)
            in_pieces = Simulated(case.plan, case.course, case.first).to(case.cuts[-1])
        assert_same(at_once, in_pieces)

    each()


@examples(10, 1000)
def test_where_rounds_are_long_ticks_give_the_same(examples: int) -> None:
    @settings(COMPARED, max_examples=examples)
    @given(cases())
    def each(case: Case) -> None:
        short = Simulated(case.plan, case.course, case.first).to(case.cuts[-1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(turns, "_SHORT_ROUND", 0)
            long = Simulated(case.plan, case.course, case.first).to(case.cuts[-1])
        assert_same(short, long)

    each()


@pytest.mark.parametrize(
    ("active", "size", "longest"),
    [(274, 50, 5), (12, 5, 2), (9, 4, 2), (9, 5, 1), (7, 7, 1), (7, 0, 1), (100, 1, 100), (5_003, 50, 100)],
)
def test_ticks_that_are_made_together_update_different_listings(active: int, size: int, longest: int) -> None:
    rules: Any = SimpleNamespace(active_products=active, batch_size=size)
    ticks = range(3, 3 + 4 * active)
    joined = turns.together(rules, ticks, 1).tolist()
    together: list[list[int]] = []
    for tick, goes_on in zip(ticks, joined, strict=True):
        if goes_on:
            together[-1].append(tick)
        else:
            together.append([tick])
    for group in together:
        taken = [(tick * size + place) % active for tick in group for place in range(size)]
        assert len(taken) == len(set(taken))
        assert taken == sorted(taken) or len(group) == 1 or active < 2_048, "long rounds begin again with a group"
    assert max(map(len, together)) == longest
