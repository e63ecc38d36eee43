"""Regular prices that stay until they are set anew: the hazard of that, the price aimed at, and price points.

The hazard is a base rate plus one that grows with the square of the gap to the aim (a Calvo rule with an (S, s) part);
it works on units, a unit being one product on one platform, whose price is the same at all of its dark stores.
"""

from __future__ import annotations

import numpy as np

from qsim import money
from qsim.arrays import F64, I32, U8, Mask
from qsim.market.state import NO_CEILING
from qsim.money import PAISE_PER_RUPEE

WHOLE, NINE, FIVE, PAISE, PERCENT, X99, X49, X9 = range(8)


def hazard(base: F64, by_gap: F64, gap: F64, width: F64) -> F64:
    """Give the rate of repricing a day: base + by_gap x min(1, (gap / width)^2); gap in log units; columns of units.

    Where the width is 0 any gap is a wide one.
    """
    wide = np.divide(gap, width, out=(gap != 0).astype(np.float64), where=width > 0)
    return np.asarray(base + by_gap * np.minimum(1.0, wide**2))


def snap(prices: F64, style: U8, reach: float, ceiling: I32) -> F64:
    """Set prices in paise to price points of their style: whole rupees, rupees ending in 9 or in 0 or 5, any paisa,
    whole percents off the ceiling, which is the MRP (without one, whole rupees), or paise that end in 99, in 49 or 99, or in 9.

    A 9 or a five is taken where it lies within `reach` (a share of the price), else the nearest whole rupee, at least
    one; a 99 or a 49 likewise, else the nearest paise that end in 9. No price is below a paisa, and none above the
    ceiling: a price at it or above is the ceiling, since who sells at MRP shows the MRP.
    """
    rupees = prices / PAISE_PER_RUPEE
    whole = np.floor(rupees + 0.5)
    nine = np.floor(rupees / 10 + 0.1 + 0.5) * 10 - 1
    five = np.floor(rupees / 5 + 0.5) * 5
    point = np.where(style == NINE, nine, np.where(style == FIVE, five, whole))
    fits = (np.abs(point - rupees) <= reach * rupees) & (point > 0)
    rounded = np.maximum(np.where(fits, point, whole), 1.0) * PAISE_PER_RUPEE
    percents = np.floor(100.0 * prices / ceiling + 0.5)
    of_mrp = np.where(ceiling < NO_CEILING, np.maximum(np.floor(percents * ceiling / 100 + 0.5), 1.0), rounded)
    points = np.where(style == PERCENT, of_mrp, rounded)
    fine = np.flatnonzero(style > PERCENT)
    if len(fine):
        points[fine] = _nines(prices[fine], style[fine], reach)
    exact = np.maximum(np.floor(prices + 0.5), 1.0)
    return np.minimum(np.where((style == PAISE) | (prices >= ceiling), exact, points), ceiling)


def _nines(prices: F64, style: U8, reach: float) -> F64:
    step = np.where(style == X49, 50.0, np.where(style == X99, 100.0, 10.0))
    point, nine = (np.floor((prices + 1) / width + 0.5) * width - 1 for width in (step, 10.0))
    fits = (np.abs(point - prices) <= reach * prices) & (point > 0)
    return np.asarray(np.where(fits, point, np.maximum(nine, 9.0)))


def ends_in_nine(prices: I32) -> Mask:
    """Tell whose price is whole rupees ending in 9."""
    return np.asarray(prices % (10 * PAISE_PER_RUPEE) == 9 * PAISE_PER_RUPEE)


def aimed_price(log_aim: F64, noise: F64) -> F64:
    """Give the price aimed at, exp(log aim + noise), paise."""
    return money.exp(log_aim + noise)
