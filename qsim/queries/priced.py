"""What the view `prices` works out of the state of listings, in whole numbers: paise, and hundredths of a percent; NONE for null.

The same formulas as SQL's in `state_views`, for rows in memory, where to plan a query would cost a hundred times what it does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsim.queries.goods import NONE, Goods, Ints


def _hundredths(values: NDArray[np.floating[Any]]) -> Ints:
    """Round to hundredths as DuckDB's cast to DECIMAL does, halves away from zero."""
    scaled = np.abs(100 * values)
    whole = np.trunc(scaled)
    whole += scaled - whole >= 0.5
    return np.asarray(np.copysign(whole, values).astype(np.int64))


def mrp(goods: Goods, products: Ints, regular_price: Ints, price: Ints) -> Ints:
    """Give the MRPs: the printed one; of loose goods the one shown, a permanent discount above the regular price, and at
    least the price.
    """
    discount = goods.mrp_discount_bps[products].astype(np.int64)
    shown = _hundredths(100 * regular_price.astype(np.int64) / (10_000 - discount))
    given = goods.mrp[products]
    moving = np.where((given != NONE) | (discount > 0), np.maximum(shown, price), NONE)
    return np.where(goods.is_loose[products], moving, given)


def off_mrp_pct(price: Ints, mrp: Ints) -> Ints:
    """Give how far prices are below the MRP, in hundredths of a percent."""
    with np.errstate(divide="ignore"):
        return np.where(mrp == NONE, NONE, _hundredths(100 - price / (mrp / 100)))


def unit_price(goods: Goods, products: Ints, price: Ints) -> Ints:
    """Give the prices of a unit."""
    units = goods.pack_units[products]
    return np.where(units == 0, NONE, _hundredths(price / 100 / np.where(units == 0, 1, units)))
