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

from qsim import money
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
    # No version has drawn by it; its number stays taken.
    STORE_PLACE = 28
    COST = 32
    SHARED_COST = 33
    SHOCK = 34
    SHOCK_SIZE = 35
    HAZARD = 36
    HAZARD_KIND = 37
    REPRICE_NOISE = 38
    SALE_DAYS = 39
    SALE_DEPTH = 40
    CLEARANCE = 41
    PRICE_STYLE = 42
    PROPENSITY = 43
    MRP_DISCOUNT = 44
    SALE_SHARED = 45
    SALE_JOINED = 46
    SALE_LEFT = 47
    KNOWN = 48
    REACTIVE = 49
    DYNAMIC = 50
    ZONE = 51
    AGE = 52
    CUSTOMERS = 53
    CUSTOMER = 54
    CUSTOMER_UNITS = 55
    CUSTOMER_SECOND = 56
    POPULARITY = 57
    LEAD = 58
    LATE = 59
    RAIN = 60
    RAIN_HOUR = 61
    RAIN_LENGTH = 62
    COVER = 63
    HEADROOM = 64
    CITY_DEMAND = 65
    DEMAND = 66
    RIDERS = 67
    FAMILY = 68


_local = threading.local()

# Coefficients of AS 241, highest power first.
_A = (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
      13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608)  # fmt: skip
_B = (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
      5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0)  # fmt: skip
_C = (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
      3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734)  # fmt: skip
_D = (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
      0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0)  # fmt: skip
_E = (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
      0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772)  # fmt: skip
_F = (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
      0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0)  # fmt: skip


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


def _mix(words: U64) -> U64:
    """Mix words in place: columns of their own for each step cost as much as the steps."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words ^= words >> np.uint64(shift)
        words *= np.uint64(factor)
    words ^= words >> np.uint64(31)
    return words


def stem(seed: int, purpose: int) -> int:
    """Mix a seed and a purpose into what the words of `hashed` are mixed from."""
    return _mix_int((_mix_int((seed + 0x9E3779B97F4A7C15) & MASK) + purpose) & MASK)


def hashed(seed: int, purpose: int, tick: int | I64, ids: npt.NDArray[np.integer]) -> U64:
    """Draw one raw 64-bit word for each id at one tick, or at a tick each, uint64 of the shape of `ids`."""
    of_purpose = stem(seed, purpose)
    if isinstance(tick, np.ndarray):
        root: U64 | np.uint64 = _mix(tick.astype(np.uint64) + np.uint64(of_purpose))
    else:
        root = np.uint64(_mix_int((of_purpose + tick) & MASK))
    return _mix(ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + root)


def uniforms(words: U64) -> F64:
    """Scale raw words to float64 in (0, 1), by their high 52 bits; the shape is kept."""
    scaled = (words >> np.uint64(12)).astype(np.float64)
    scaled *= 2.0**-52
    scaled += 2.0**-53
    return scaled


def _horner(x: F64, coefficients: tuple[float, ...]) -> F64:
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


def normals(words: U64) -> F64:
    """Turn raw words into standard normals by the inverse CDF, float64 of the same shape.

    The rational approximations of Wichura (1988), algorithm AS 241 (PPND16), relative error about 1e-16.
    """
    p = uniforms(words)
    q = p - 0.5
    r = 0.180625 - q * q
    middle = q * _horner(r, _A) / _horner(r, _B)
    t = np.sqrt(-money.log(np.where(q < 0, p, 1 - p)))
    near, far = t - 1.6, t - 5
    tail = np.where(t <= 5, _horner(near, _C) / _horner(near, _D), _horner(far, _E) / _horner(far, _F))
    return np.where(np.abs(q) <= 0.425, middle, np.where(q < 0, -tail, tail))


def whole_numbers(words: U64, low: int, high: int) -> I64:
    """Scale raw words to whole numbers low..high, both included; high - low below 2^32; the shape is kept."""
    span = np.uint64(high - low + 1)
    return ((words >> np.uint64(32)) * span >> np.uint64(32)).astype(np.int64) + low


def from_law(words: U64, values: np.ndarray, shares: F64) -> np.ndarray:
    """Draw a value for each word from a law given as cumulative shares; the shape of `words`."""
    return np.asarray(values[np.minimum(np.searchsorted(shares, uniforms(words)), len(values) - 1)])


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
