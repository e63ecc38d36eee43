"""Money as integers: paise and basis points, rounding, and powers that are equal on every processor.

Holds arithmetic on amounts only; knows no table, no rule and no text of a market.
"""

from __future__ import annotations

from functools import cache
from math import factorial

import numpy as np

from qsim.arrays import F64, I32

PAISE_PER_RUPEE = 100
BPS = 10_000
MAX_PAISE = 2**31 - 1
_TABLED_PAISE = 1 << 17

_SQRT_HALF = 0.7071067811865476
# ln 2 in two parts, so that k * LN2_HIGH is exact for every exponent k of a double (Cody and Waite).
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# Exponents beyond which exponentials are 0, and up to which amounts that are made of them are finite.
_NOTHING, _MOST = -10_000.0, 600.0

# 1/n!: after reduction |x| <= ln(2)/2, where the terms left out are below 2^-56.
_TAYLOR = tuple(1 / factorial(n) for n in range(14))


def rupees(paise: int) -> str:
    """Write an amount in paise as rupees in the Indian grouping: 12345678 is `₹1,23,456.78`."""
    sign, (whole, rest) = "-" * (paise < 0), divmod(abs(paise), PAISE_PER_RUPEE)
    head, tail = str(whole)[:-3], str(whole)[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return f"{sign}₹{','.join([*pairs, tail])}.{rest:02d}"


def round_half_up(amounts: F64) -> F64:
    """Round to whole numbers with halves going up; any shape."""
    return np.floor(amounts + 0.5)


def log(x: F64) -> F64:
    """Take natural logarithms of positive numbers, the same on every processor; see `power`."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _SQRT_HALF
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    exponent = (exponent - low).astype(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    series = np.full_like(s, 1.0 / 23)
    for odd in range(21, 0, -2):
        series *= square
        series += 1.0 / odd
    return exponent * _LN2_HIGH + (exponent * _LN2_LOW + 2.0 * s * series)


@cache
def _log_table() -> F64:
    return np.concatenate([[0.0], log(np.arange(1, _TABLED_PAISE, dtype=np.float64))])


def log_of_paise(prices: I32) -> F64:
    """Take natural logarithms of whole amounts from 1 up, any shape: those of `log`, the common ones from a table."""
    logs = _log_table().take(prices, mode="clip")
    dear = prices >= _TABLED_PAISE
    if dear.any():
        logs[dear] = log(prices[dear].astype(np.float64))
    return logs


def exp(x: F64) -> F64:
    """Take exponentials, the same on every processor; see `power`. Below -745 they are 0, and above 600 what they are there."""
    # Far out neither do powers of 2 fit whole numbers, nor is there a rest to take.
    x = np.clip(x, _NOTHING, _MOST)
    whole = np.floor(x / (_LN2_HIGH + _LN2_LOW) + 0.5)
    rest = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    series = np.full_like(x, _TAYLOR[-1])
    for coefficient in _TAYLOR[-2::-1]:
        series *= rest
        series += coefficient
    return np.ldexp(series, whole.astype(np.int32))


def power(base: F64, exponent: float) -> F64:
    """Raise positive numbers to a power; any shape, relative error below 1e-14 for results in [1e-9, 1e9].

    Only IEEE 754 additions, multiplications and divisions are used, in a written order, so the result is
    the same to the last bit on every processor; library powers are not. The logarithm is the series of
    2 artanh((m-1)/(m+1)), the exponential that of Taylor after reduction by ln 2.
    """
    return exp(exponent * log(base))
