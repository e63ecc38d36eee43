"""Prices: the regular price's step towards its anchor, and the overlays that lie on it.

The rules of the classic preset. Amounts are paise, shares basis points; columns of n listings throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qsim.arrays import F64, I32, I64, U16, Mask
from qsim.market.state import NO_CEILING
from qsim.money import BPS, MAX_PAISE, power

_TABLE_LIMIT = 1 << 20
# Keeps a long run with no reversion inside int32.
_HIGHEST_PAISE = float(MAX_PAISE)
_CHUNK = 8192
# Halves are rounded up, also where the last bit of a product of floats falls short of one.
HALF_UP = 0.5 + 1e-7


@dataclass(frozen=True)
class Reversion:
    """Powers regular^(1-k) of whole paise: a table for common prices, computed one by one beyond it."""

    exponent: float
    table: F64

    def of(self, prices: I32) -> F64:
        """Raise prices to 1-k, float64[n]."""
        powers = self.table.take(prices, mode="clip")
        if prices.size and prices.max() >= len(self.table):
            beyond = np.flatnonzero(prices >= len(self.table))
            powers[beyond] = power(prices[beyond].astype(np.float64), self.exponent)
        return powers


# A process that runs a market tick by tick asks for the same table each time.
@lru_cache(maxsize=2)
def reversion(weight: float, highest_price: int) -> Reversion:
    """Tabulate the powers for reversion weight k, for prices up to about the highest one expected."""
    size = min(_TABLE_LIMIT, highest_price + 1)
    table = np.ones(size)
    for first in range(1, size, _CHUNK):
        last = min(size, first + _CHUNK)
        table[first:last] = power(np.arange(first, last, dtype=np.float64), 1 - weight)
    return Reversion(1 - weight, table)


def regular_price(
    regular: I32, factor: F64, pull: F64, powers: Reversion, bound: float, clipped: Mask | None = None
) -> I32:
    """Step the regular price: clip(round(regular x factor x (anchor/regular)^k), ceil((1-M) regular), floor((1+M) regular)).

    `factor` is 1 + v M u, `pull` is anchor^k, `bound` is M. `clipped` is told which steps were held at it.
    Source: README, "The classic market".
    """
    aim = powers.of(regular)
    aim *= pull
    aim *= factor
    aim += HALF_UP
    # Wide swings aim below 0, which is beyond the bound of every step; so the difference below stays inside int32.
    np.clip(aim, 0.0, _HIGHEST_PAISE, out=aim)
    # A millionth keeps the floor whole where M x regular is: multiples of 1/10000 lie further apart.
    room = regular * bound
    room += 1e-6
    whole = room.astype(np.int32)
    # Rounded before it is bounded, which is the same since the bounds are whole.
    step = aim.astype(np.int32)
    step -= regular
    if clipped is not None:
        np.greater(np.abs(step), whole, out=clipped)
    np.minimum(step, whole, out=step)
    np.maximum(step, -whole, out=step)
    step += regular
    return step


def overlaid_price(
    regular: I32, discount: U16, surge: U16, fee: U16, shift: int, ceiling: I32, held: Mask | None = None
) -> I32:
    """Lay the overlays on the regular price: round(regular x (1-discount) x (1+surge) x (1+shift)), halves up, within
    [1 paisa, ceiling]. A surge fee suspends the discount. `shift` is the time of day's, in basis points. `held` is told
    which prices were held at the ceiling.

    The products of whole numbers stay exact in float64 up to the one division, so halves are found exactly.
    """
    # Windows add up, and below nothing a price is out of int32 before it is held at 1 paisa.
    shift = max(shift, -BPS)
    left = np.subtract(np.uint16(BPS), discount * (fee == 0))
    price: F64 = np.multiply(left, regular, dtype=np.float64)
    surging: I64 = np.flatnonzero(surge != 0)
    surged = price[surging] * (BPS + surge[surging].astype(np.float64)) * (BPS + shift) / BPS**3
    if shift:
        price *= BPS + shift
    price /= BPS**2 if shift else BPS
    price[surging] = surged
    price += 0.5
    np.minimum(price, NO_CEILING, out=price)
    whole = price.astype(np.int32)
    if held is not None:
        np.greater(whole, ceiling, out=held)
    np.minimum(whole, ceiling, out=whole)
    return np.maximum(whole, np.int32(1), out=whole)
