"""Random numbers: functions of their address, frozen for good, uniform, and independent of each other."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsim import streams
from qsim.streams import Purpose

ADDRESSES = [(42, 1, 0, 0), (43, 1, 0, 0), (42, 2, 0, 0), (42, 1, 1, 0), (42, 1, 0, 1), (1, 42, 0, 0), (42, 0, 1, 0)]
WIDE = st.integers(0, 2**63 - 1)
# The purposes of the first format, in their order; later ones come after and take other numbers.
FROZEN = [1, 2, 3, 8, *range(16, 29)]
# The 0.9999 quantiles of chi-square with 255 and 99 degrees of freedom; the seeds are fixed, so this is no chance.
CHI_255, CHI_99 = 346.0, 159.0


def chi_square(numbers: np.ndarray, cells: int) -> float:
    counts = np.bincount(numbers, minlength=cells)
    assert len(counts) == cells
    return float(((counts - len(numbers) / cells) ** 2).sum() * cells / len(numbers))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(streams.uniforms(one), streams.uniforms(other))[0, 1])


def test_known_answers_of_dense_draws_never_change() -> None:
    assert streams.bits(42, 1, 0, 0, 0, 3).tolist() == [0xCC7E7331BC8DCB32, 0xB74DC6B450D904CA, 0x4E18E0D823B756B7]
    assert streams.bits(2**63 - 1, 28, 457, 2**31 - 1, 65_533, 3).tolist() == [
        0xA7C21E877CB8B46A,
        0xF26D3AAC671F2A6C,
        0xCC50192C9474F2D6,
    ]
    words = np.concatenate([streams.bits(7, purpose, 3, 5, 1, 1000) for purpose in FROZEN])
    assert (
        hashlib.sha256(words.astype("<u8").tobytes()).hexdigest()
        == "ffb913ab137906a2a1fd068b96a2fe59e50894c657e8c90501d2b458376b34de"
    )


def test_known_answers_of_sparse_draws_never_change() -> None:
    assert streams.hashed(42, 2, 0, np.arange(3)).tolist() == [
        0x590D2616CCEB90CC,
        0x5674B12DB8BB030B,
        0x066008DE767DD9CC,
    ]
    assert streams.hashed(2**63 - 1, 28, 2**31 - 1, np.array([0, 2**40])).tolist() == [
        0x4786EDF3B90DAB84,
        0x458E1EA21C164F5B,
    ]


def test_known_answers_of_scaling_never_change() -> None:
    words = np.array([0, 1, 2**63, 0x123456789ABCDEF0, 2**64 - 1], np.uint64)
    assert [value.hex() for value in streams.uniforms(words).tolist()] == [
        "0x1.0000000000000p-53",
        "0x1.0000000000000p-53",
        "0x1.0000000000001p-1",
        "0x1.23456789abcd8p-4",
        "0x1.fffffffffffffp-1",
    ]
    assert streams.whole_numbers(words, 7_000, 9_200).tolist() == [7000, 7000, 8100, 7156, 9200]
    assert streams.noise_bits(words).tolist() == [0, 0, 2**23, 0x123456, 2**24 - 1]
    chain, chance = streams.chance_bits(words)
    assert chain.tolist() == [0, 0, 0, 0x789AB, 2**20 - 1]
    assert chance.tolist() == [0, 1, 0, 0xCDEF0, 2**20 - 1]


def test_the_numbers_of_purposes_never_change_and_none_is_given_twice() -> None:
    numbers = {
        "CLASSIC_UPDATE": 1,
        "DISCOUNT_DEPTH": 2,
        "SURGE_SIZE": 3,
        "DIGEST_KEY": 8,
        "PLATFORM_MULTIPLIER": 16,
        "PRODUCT_PRICE": 17,
        "PRODUCT_ACTIVE": 18,
        "PRODUCT_CHOICE": 19,
        "PRODUCT_ORDER": 20,
        "STOCK": 21,
        "UNIT_COST": 22,
        "OPENING_DISCOUNT": 23,
        "OPENING_DEPTH": 24,
        "CAMPAIGN_PLAN": 25,
        "CAMPAIGN_LINE": 26,
        "CAMPAIGN_DEPTH": 27,
        "STORE_PLACE": 28,
    }
    assert {name: Purpose[name].value for name in numbers} == numbers
    assert len(set(Purpose)) == len(Purpose.__members__)
    assert streams.FORMAT_VERSION == 1
    assert streams.CHANCE_BITS == 20


@settings(deadline=None)
@given(WIDE, st.integers(0, 2**31), st.integers(0, 2**31), st.integers(0, 300), st.integers(1, 100))
def test_any_slice_of_a_dense_draw_is_that_slice_of_the_whole(
    seed: int, block: int, tick: int, first: int, count: int
) -> None:
    whole = streams.bits(seed, 1, block, tick, 0, 400)
    assert streams.bits(seed, 1, block, tick, first, count).tolist() == whole[first : first + count].tolist()


@given(WIDE, st.integers(0, 2**31), st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_a_sparse_draw_depends_on_its_id_alone(seed: int, tick: int, ids: list[int]) -> None:
    together = streams.hashed(seed, 2, tick, np.array(ids))
    assert together.tolist() == [int(streams.hashed(seed, 2, tick, np.array([one]))[0]) for one in ids]
    assert together[::-1].tolist() == streams.hashed(seed, 2, tick, np.array(ids[::-1])).tolist()


def test_ids_of_any_whole_type_and_shape_draw_the_same() -> None:
    ids = np.arange(12)
    wanted = streams.hashed(9, 5, 3, ids)
    for kind in (np.uint8, np.int32, np.uint32, np.uint64):
        assert streams.hashed(9, 5, 3, ids.astype(kind)).tolist() == wanted.tolist()
    assert streams.hashed(9, 5, 3, ids.reshape(3, 4)).tolist() == wanted.reshape(3, 4).tolist()


def test_draws_of_threads_are_those_of_one_thread() -> None:
    addresses = [(seed, purpose, block, tick, 3, 500) for seed in (1, 2) for purpose in (1, 2) for block in range(4)
                 for tick in range(8)]  # fmt: skip
    alone = [streams.bits(*address).tolist() for address in addresses]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda address: streams.bits(*address).tolist(), addresses)) == alone


def test_a_draw_is_the_same_whatever_was_drawn_before() -> None:
    first = streams.bits(5, 1, 2, 3, 0, 9).tolist()
    streams.bits(6, 2, 3, 4, 5, 7)
    assert streams.bits(5, 1, 2, 3, 0, 9).tolist() == first


def test_draws_of_different_addresses_differ_and_are_uncorrelated() -> None:
    dense = [streams.bits(*address, 0, 40_000) for address in ADDRESSES]
    sparse = [
        streams.hashed(seed, purpose + block, tick, np.arange(40_000)) for seed, purpose, block, tick in ADDRESSES
    ]
    for draws in (dense, sparse[:3] + sparse[4:6]):
        for one, other in combinations(draws, 2):
            assert not np.intersect1d(one, other).size
            assert abs(correlation(one, other)) < 0.025


def test_neighbouring_lanes_are_uncorrelated() -> None:
    for words in (streams.bits(3, 1, 0, 0, 0, 80_000), streams.hashed(3, 2, 0, np.arange(80_000))):
        for lag in (1, 2, 4, 5):
            assert abs(correlation(words[:-lag], words[lag:])) < 0.015


@pytest.mark.parametrize("seed", [0, 42, 2**63 - 1])
def test_every_byte_of_a_word_is_uniform(seed: int) -> None:
    for words in (streams.bits(seed, 1, 0, 0, 0, 50_000), streams.hashed(seed, 2, 1, np.arange(50_000))):
        for byte in range(8):
            assert chi_square((words >> np.uint64(8 * byte)).astype(np.uint8), 256) < CHI_255


def test_uniforms_lie_inside_zero_and_one_and_are_uniform() -> None:
    ends = streams.uniforms(np.array([0, 2**64 - 1], np.uint64))
    assert ends[0] > 0
    assert ends[1] < 1
    draws = streams.uniforms(streams.bits(8, 3, 0, 0, 0, 100_000))
    assert chi_square((draws * 100).astype(np.int64), 100) < CHI_99
    assert abs(draws.mean() - 0.5) < 0.004


def test_whole_numbers_fill_their_range_evenly_ends_included() -> None:
    draws = streams.whole_numbers(streams.bits(8, 4, 0, 0, 0, 100_000), -20, 79)
    assert chi_square(draws + 20, 100) < CHI_99
    assert streams.whole_numbers(np.array([0, 2**64 - 1], np.uint64), 5, 5).tolist() == [5, 5]


def test_noise_and_the_two_chances_of_a_word_are_uniform_and_uncorrelated() -> None:
    words = streams.bits(11, 1, 0, 0, 0, 100_000)
    chain, chance = streams.chance_bits(words)
    parts = [streams.noise_bits(words) / 2**24, chain / 2**20, chance / 2**20]
    for part in parts:
        assert chi_square((part * 100).astype(np.int64), 100) < CHI_99
    for one, other in combinations(parts, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.015


@pytest.mark.parametrize("probability", [0.0, 2.0**-20, 0.05, 0.15, 0.5, 1.0])
def test_a_threshold_counts_the_numbers_for_which_the_event_happens(probability: float) -> None:
    happens = np.arange(1 << 20, dtype=np.uint32) < np.uint32(streams.threshold(probability))
    assert abs(happens.mean() - probability) <= 2.0**-21
