"""The only maker of random numbers: every draw is a pure function of its address.

Dense draws come from Philox4x64 (Salmon et al. 2011) with key (seed, format version) and counter words
(draw quad, block, tick, purpose): lane i of a block is its i-th listing. Sparse draws hash (seed, purpose,
tick, id) with the finaliser of SplitMix64 (Steele, Lea and Flood 2014). Only raw bits and uniforms made of
them by scaling; no library distribution, whose stream may change between versions.
"""

from __future__ import annotations

import threading
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from qsim.arrays import F64, I64, U32, U64

FORMAT_VERSION = 1
CHANCE_BITS = 20
MASK = (1 << 64) - 1


class Purpose(IntEnum):
    """What a draw decides. The numbers are part of the format: never changed, never reused."""

    CLASSIC_UPDATE = 1
    DISCOUNT_DEPTH = 2
    SURGE_SIZE = 3
    DIGEST_KEY = 8
    PLATFORM_MULTIPLIER = 16
    PRODUCT_PRICE = 17
    PRODUCT_ACTIVE = 18
    PRODUCT_CHOICE = 19
    PRODUCT_ORDER = 20
    STOCK = 21
    UNIT_COST = 22
    OPENING_DISCOUNT = 23
    OPENING_DEPTH = 24
    CAMPAIGN_PLAN = 25
    CAMPAIGN_LINE = 26
    CAMPAIGN_DEPTH = 27
    STORE_PLACE = 28


_local = threading.local()


def bits(seed: int, purpose: int, block: int, tick: int, first: int, count: int) -> U64:
    """Draw the raw 64-bit words of lanes first..first+count-1 of one block at one tick, uint64[count]."""
    if not hasattr(_local, "philox"):
        _local.philox = np.random.Philox(key=np.zeros(2, np.uint64))
        _local.state = _local.philox.state
    quad, skip = divmod(first, 4)
    state = _local.state
    state["state"]["counter"][:] = (quad, block, tick, purpose)
    state["state"]["key"][:] = (seed, FORMAT_VERSION)
    state["buffer_pos"] = 4
    _local.philox.state = state
    words: U64 = _local.philox.random_raw(count + skip)
    return words[skip:]


def _mix_int(word: int) -> int:
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def hashed(seed: int, purpose: int, tick: int, ids: npt.NDArray[np.integer]) -> U64:
    """Draw one raw 64-bit word for each id at one tick, uint64 of the shape of `ids`."""
    root = _mix_int((_mix_int((_mix_int((seed + 0x9E3779B97F4A7C15) & MASK) + purpose) & MASK) + tick) & MASK)
    words: U64 = ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(root)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def uniforms(words: U64) -> F64:
    """Scale raw words to float64 in (0, 1), by their high 52 bits; the shape is kept."""
    return (words >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53


def whole_numbers(words: U64, low: int, high: int) -> I64:
    """Scale raw words to whole numbers low..high, both included; high - low below 2^32; the shape is kept."""
    span = np.uint64(high - low + 1)
    return ((words >> np.uint64(32)) * span >> np.uint64(32)).astype(np.int64) + low


def threshold(probability: float) -> int:
    """Turn a probability into the count of 20-bit numbers for which the event happens."""
    return round(probability * (1 << CHANCE_BITS))


def noise_bits(words: U64) -> I64:
    """Take the high 24 bits of each word, 0..2^24-1; n stands for the uniform (n + 0.5) / 2^23 - 1 in (-1, 1)."""
    return (words >> np.uint64(40)).view(np.int64)


def chance_bits(words: U64) -> tuple[U32, U32]:
    """Take bits 20..39 and 0..19 of each word as two independent 20-bit numbers, to hold against a threshold."""
    mask = np.uint32((1 << CHANCE_BITS) - 1)
    return (words >> np.uint64(CHANCE_BITS)).astype(np.uint32) & mask, words.astype(np.uint32) & mask
