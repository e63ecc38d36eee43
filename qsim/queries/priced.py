"""What the view `prices` works out of the state of listings, in whole numbers: paise, and hundredths of a percent; NONE for null.

The same formulas as SQL's in `state_views`, for rows in memory, where to plan a query would cost a hundred times what it does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsim.arrays import F64
from qsim.queries.goods import NONE, Goods, Ints
from qsim.queries.texts import HALF

# Decimals of a paisa to which prices of a unit are told apart: far fewer than a double has, far more than packs make.
_DECIMALS = 6


def _divided(amount: Ints, by: Ints) -> Ints:
    """Divide whole numbers, halves up."""
    return np.asarray((2 * amount + by) // (2 * by))


def mrp(goods: Goods, products: Ints, regular_price: Ints, price: Ints) -> Ints:
    """Give the MRPs: the printed one; of loose goods the one shown, a permanent discount above the regular price, and at
    least the price.
    """
    discount = goods.mrp_discount_bps[products].astype(np.int64)
    shown = _divided(10_000 * regular_price.astype(np.int64), 10_000 - discount)
    given = goods.mrp[products]
    moving = np.where((given != NONE) | (discount > 0), np.maximum(shown, price), NONE)
    return np.where(goods.is_loose[products], moving, given)


def off_mrp_pct(price: Ints, mrp: Ints) -> Ints:
    """Give how far prices are below the MRP, in hundredths of a percent."""
    given = np.where(mrp == NONE, 1, mrp).astype(np.int64)
    return np.where(mrp == NONE, NONE, _divided(10_000 * (given - price), given))


def unit_price(goods: Goods, products: Ints, price: Ints) -> Ints:
    """Give the prices of a unit."""
    units = goods.pack_units[products]
    return np.where(units == 0, NONE, np.floor(price / np.where(units == 0, 1, units) + HALF).astype(np.int64))


def exactly_a_unit(price: Ints | Sequence[int], units: F64 | Sequence[float]) -> F64:
    """Give the prices of a unit in paise as they are compared: not rounded to the paisa, which would make ties of prices that
    differ; `units` are those in a pack, above 0.
    """
    return np.asarray(np.round(np.asarray(price) / np.asarray(units), _DECIMALS))
