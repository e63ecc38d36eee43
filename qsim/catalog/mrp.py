"""MRPs of a generated catalog by the parameters' laws, and base prices that lie the permanent discount below them.

One MRP a product. The reference platform sells at exactly MRP x (1 - discount); the others' anchors follow from where
they stand in their bands against it. Without such laws nothing here changes a product.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from qsim import money, streams
from qsim.arrays import F64, I64, Mask
from qsim.behaviour import GROUPS
from qsim.catalog.listings import standings
from qsim.money import BPS, PAISE_PER_RUPEE
from qsim.params import LOOSE_GROUPS, Parameters
from qsim.streams import Purpose

_DISCOUNT, _ENDING = range(2)


def level(prices: F64, law: Mapping[str, float]) -> F64:
    """Take prices of the goods list to MRPs, both in rupees: straight lines between logarithms, the end ratios beyond."""
    knots, values = (money.log(np.array([float(x) for x in side])) for side in (law, law.values()))
    logs = np.clip(money.log(prices), knots[0], knots[-1])
    after = np.clip(np.searchsorted(knots, logs), 1, len(knots) - 1)
    share = (logs - knots[after - 1]) / (knots[after] - knots[after - 1])
    return np.asarray(prices * money.exp(values[after - 1] + share * (values[after] - values[after - 1]) - logs))


def ended(rupees: F64, digits: I64) -> I64:
    """Move amounts to the nearest whole rupees that end in these digits; more than 0."""
    moved = (np.floor((rupees - digits) / 10 + 0.5) * 10 + digits).astype(np.int64)
    return np.where(moved > 0, moved, moved + 10)


def _drawn(seed: int, what: int, ids: I64, law: Mapping[str, float]) -> F64:
    """Draw a key of the law for each id, by the weights."""
    edges = np.cumsum(list(law.values())) / sum(law.values())
    uniforms = streams.uniforms(streams.hashed(seed, Purpose.MRP_DISCOUNT, what, ids))
    keys = np.array([float(key) for key in law])
    return np.asarray(keys[np.minimum(np.searchsorted(edges, uniforms), len(keys) - 1)])


def _laid_down(parameters: Parameters, products: pl.DataFrame) -> tuple[F64, I64]:
    """Give each product's MRP in paise (loose goods: the MRP shown, not rounded) and its discount in basis points."""
    laws, seed = parameters.assortment.mrp, parameters.seed
    group = products["volatility_group"].to_numpy()
    loose = products["is_loose"].to_numpy()
    mrp = products["base_price_paise"].to_numpy() / PAISE_PER_RUPEE
    discount = np.zeros(len(products), np.int64)
    for name in GROUPS:
        of = np.flatnonzero(group == name)
        if name in laws.levels:
            mrp[of] = level(mrp[of], laws.levels[name])
        ending = _drawn(seed, _ENDING, of, laws.endings.get(name, {"0": 1.0, "5": 1.0})).astype(np.int64)
        mrp[of] = np.where(loose[of], mrp[of], ended(mrp[of], ending))
        percent = _drawn(seed, _DISCOUNT, of, laws.discounts.get(name, {"0": 1.0}))
        # Loose goods show an MRP where they are produce; a loose dal shows none.
        discount[of] = np.where(loose[of] & (name not in LOOSE_GROUPS), 0, money.round_half_up(percent * 100))
    return mrp * PAISE_PER_RUPEE, discount


def _base(parameters: Parameters, ids: I64, mrp: F64, discount: I64, loose: Mask) -> F64:
    """Give base prices in paise: where the reference platform stands at its multiple, it sells at MRP x (1 - discount)."""
    multiples, reference = standings(parameters, ids, discount, loose)
    # What sells at its MRP has the MRP for its base: the other platforms are at it too, or below it by their own bands.
    at_mrp = (discount == 0) & ~loose
    return np.where(at_mrp, mrp, mrp * (BPS - discount) / BPS / reference(multiples))


def with_mrps(parameters: Parameters, products: pl.DataFrame) -> pl.DataFrame:
    """Lay MRPs, permanent discounts and base prices over a generated catalog, where the parameters have laws for them."""
    if not parameters.assortment.mrp.discounts:
        return products
    mrp, discount = _laid_down(parameters, products)
    loose = products["is_loose"].to_numpy()
    base = money.round_half_up(_base(parameters, np.arange(len(products)), mrp, discount, loose))
    printed = np.where(loose, 0, money.round_half_up(mrp)).astype(np.int64)
    return products.with_columns(
        base_price_paise=np.clip(base, 1, np.where(loose, base, printed)).astype(np.int64),
        mrp_paise=printed,
        mrp_discount_bps=discount.astype(np.uint16),
    )
