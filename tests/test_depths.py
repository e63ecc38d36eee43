"""The law of discount depths: its mean met, a tail on every platform, round depths, sums exact."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsim import depths

MEANS = [4.5 + step / 10 for step in range(136)]


def test_shares_make_a_law_that_meets_its_mean() -> None:
    for mean in MEANS:
        shares = depths.depth_shares(mean)
        assert sum(shares.values()) == pytest.approx(1, abs=1e-12)
        assert min(shares.values()) >= 0
        # The lightest law there is, all shallow with its tail, means 4.6874.
        wanted = max(mean, 4.6874)
        assert sum(depth * share for depth, share in shares.items()) == pytest.approx(wanted, abs=1e-9)


def test_as_many_discounts_as_wanted_are_of_thirty_percent_and_more_or_what_the_mean_leaves_room_for() -> None:
    for deep in (2.0, 5.0, 10.0):
        for mean in MEANS:
            wanted = min(deep / 100, max(0.02, (mean - 4.7) / 40))
            shares = depths.depth_shares(mean, deep)
            assert min(shares.values()) >= 0
            assert sum(share for depth, share in shares.items() if depth >= 30) == pytest.approx(wanted, abs=1e-12)
            assert sum(depth * share for depth, share in shares.items()) == pytest.approx(max(mean, 4.6874), abs=1e-9)
            law = depths.depth_law(mean, deep)
            assert abs((law >= 3000).mean() - wanted) < 0.005
            assert law.max() <= 5000


def test_a_law_that_is_told_no_share_of_deep_discounts_is_that_of_markets_made_before_there_was_one() -> None:
    assert depths.depth_shares(8) == depths.depth_shares(8, 2)
    assert Counter(depths.depth_law(8).tolist())[3000] == 41


def test_tabulated_laws_meet_every_mean_that_a_platform_may_have_to_a_hundredth_of_a_point() -> None:
    for mean, deep in product(np.arange(4, 25.1, 0.25).tolist(), (2, 10)):
        law = depths.depth_law(mean, deep)
        assert law.dtype == np.uint16
        assert len(law) == depths.LAW_SIZE
        assert law.min() >= 100
        assert abs(int(law.sum()) / depths.LAW_SIZE - mean * 100) < 1


def test_the_depths_of_the_five_platforms_are_mostly_round_ones() -> None:
    for mean, deep in product((8, 9, 10, 12, 15), (2, 10)):
        law = depths.depth_law(mean, deep) // 100
        assert np.isin(law, [2, 3, 4, 5, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 50]).mean() > 0.95


@settings(deadline=None)
@given(st.sampled_from([8.0, 9.0, 10.0, 12.0, 15.0]) | st.floats(4.5, 18), st.integers(30, 3_000))
def test_stratified_depths_sum_to_the_mean_exactly_and_have_a_tail(mean: float, count: int) -> None:
    chosen = depths.stratified_depths(mean, count)
    assert len(chosen) == count
    assert int(chosen.sum()) == round(mean * count)
    assert (np.diff(chosen) >= 0).all()
    assert chosen[0] >= 1
    assert 30 <= chosen[-1] <= 50


@given(st.floats(8, 18), st.integers(8, 30))
def test_few_depths_have_a_tail_and_the_sum_too(mean: float, count: int) -> None:
    chosen = depths.stratified_depths(mean, count)
    assert chosen[-1] >= 30
    assert int(chosen.sum()) == round(mean * count)


@given(st.floats(4.5, 18), st.integers(1, 7))
def test_less_than_eight_depths_still_meet_their_sum(mean: float, count: int) -> None:
    chosen = depths.stratified_depths(mean, count)
    assert len(chosen) == count
    assert int(chosen.sum()) == round(mean * count)
    assert chosen.min() >= 1


def test_no_depths_are_none() -> None:
    assert depths.stratified_depths(10, 0).tolist() == []


@pytest.mark.parametrize("mean", [-5.0, 0.0, 1.0, 60.0])
def test_a_mean_that_no_law_meets_gives_depths_within_one_and_fifty(mean: float) -> None:
    chosen = depths.stratified_depths(mean, 100)
    assert len(chosen) == 100
    assert chosen.min() >= 1
    assert chosen.max() <= 50


@given(st.floats(4.5, 18))
def test_a_deeper_mean_gives_no_shallower_depths_on_the_whole(mean: float) -> None:
    assert depths.stratified_depths(mean, 500).sum() <= depths.stratified_depths(mean + 0.5, 500).sum()
