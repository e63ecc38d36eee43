"""MRPs of a generated catalog by the parameters' laws, and base prices that lie the permanent discount below them.

One MRP a product. The reference platform sells at exactly MRP x (1 - discount); the others' anchors follow from where
they stand in their bands against it. Without such laws nothing here changes a product.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

import numpy as np
import polars as pl

from qsim import money, streams
from qsim.arrays import F64, I64, Mask
from qsim.behaviour import GROUPS
from qsim.catalog.listings import standings
from qsim.money import BPS, PAISE_PER_RUPEE
from qsim.params import LOOSE_GROUPS, Parameters
from qsim.streams import Purpose

# What the draws of one purpose are told apart by, in the place of a tick.
_DISCOUNT, _ENDING = range(2)
# An ending that would move an MRP by more of it is left: the whole rupee is kept.
_MOST_MOVED = 0.1
# Small packs have an MRP of a coin: of BigBasket's groceries under 12 rupees 18 have one of 5 and 99 of 10, and none has another.
_COIN_BELOW, _FIVE_BELOW = 11, 6


def level(prices: F64, law: Mapping[str, float]) -> F64:
    """Take prices of the goods list to MRPs, both in rupees: straight lines between logarithms, the end ratios beyond."""
    knots, values = (money.log(np.array([float(x) for x in side])) for side in (law, law.values()))
    logs = np.clip(money.log(prices), knots[0], knots[-1])
    after = np.clip(np.searchsorted(knots, logs), 1, len(knots) - 1)
    share = (logs - knots[after - 1]) / (knots[after] - knots[after - 1])
    return np.asarray(prices * money.exp(values[after - 1] + share * (values[after] - values[after - 1]) - logs))


def _family(products: pl.DataFrame) -> I64:
    """Number the families, which are all packs of a good of one brand, int64[products]."""
    first = products.select(pl.int_range(pl.len()).min().over("brand", "product"))
    return np.asarray(np.unique(first.to_series().to_numpy(), return_inverse=True)[1])


def _level_of_family(prices: F64, family: I64, law: Mapping[str, float]) -> F64:
    """Take prices to MRPs by where their families' means lie, so that packs keep the ratios that their sizes gave them."""
    _, family = np.unique(family, return_inverse=True)
    mean = money.exp(np.bincount(family, money.log(prices)) / np.bincount(family))
    return np.asarray(prices * (level(mean, law) / mean)[family])


def _nearest(rupees: F64, digits: I64, step: int) -> F64:
    return np.asarray(np.floor((rupees - digits) / step + 0.5) * step + digits)


def ended(rupees: F64, digits: I64) -> I64:
    """Move amounts to the nearest whole rupees that end in these digits, where that is at most a tenth away; else to the
    nearest five rupees by the same rule, else to the nearest rupee. The smallest become 5 or 10.
    """
    whole = money.round_half_up(rupees)
    for moved in (_nearest(rupees, np.zeros_like(digits), 5), _nearest(rupees, digits, 10)):
        whole = np.where(np.abs(moved - rupees) <= _MOST_MOVED * rupees, moved, whole)
    coin = np.where(rupees < _FIVE_BELOW, 5, 10)
    return np.where(rupees < _COIN_BELOW, coin, whole).astype(np.int64)


def _at(shares: F64, law: Mapping[str, float]) -> F64:
    """Give the key of the law at each share of its weights."""
    edges = np.cumsum(list(law.values())) / fsum(law.values())
    keys = np.array([float(key) for key in law])
    return np.asarray(keys[np.minimum(np.searchsorted(edges, shares), len(keys) - 1)])


def _by_family(seed: int, products: pl.DataFrame, law: Mapping[str, float]) -> F64:
    """Give products (brand, product, row) a key of the law, one a family: all packs of a good of one brand.

    The families lie in a drawn order, each over as much of the weights as it has packs, so that shares of products are the law's.
    """
    families = products.group_by("brand", "product").agg(pl.len(), pl.col("row").min()).sort("row")
    words = streams.hashed(seed, Purpose.MRP_DISCOUNT, _DISCOUNT, families["row"].to_numpy())
    families = families[np.argsort(words, kind="stable")]
    ends, sizes = families["len"].cum_sum().to_numpy(), families["len"].to_numpy()
    percent = pl.Series("percent", _at((ends - sizes / 2) / len(products), law))
    of = products.join(families.with_columns(percent), ["brand", "product"], how="left", maintain_order="left")
    return np.asarray(of["percent"].to_numpy())


def _laid_down(parameters: Parameters, products: pl.DataFrame) -> tuple[F64, I64]:
    """Give each product's MRP in paise (loose goods: the MRP shown, not rounded) and its discount in basis points."""
    laws, seed = parameters.assortment.mrp, parameters.seed
    group = products["volatility_group"].to_numpy()
    loose = products["is_loose"].to_numpy()
    mrp = products["base_price_paise"].to_numpy() / PAISE_PER_RUPEE
    discount = np.zeros(len(products), np.int64)
    rows, family = products.select("brand", "product").with_row_index("row"), _family(products)
    for name in GROUPS:
        of = np.flatnonzero(group == name)
        if name in laws.levels:
            mrp[of] = _level_of_family(mrp[of], family[of], laws.levels[name])
        words = streams.hashed(seed, Purpose.MRP_DISCOUNT, _ENDING, of)
        ending = _at(streams.uniforms(words), laws.endings.get(name, {"0": 1.0, "5": 1.0})).astype(np.int64)
        mrp[of] = np.where(loose[of], mrp[of], ended(mrp[of], ending))
        # Loose goods show an MRP where they are produce; a loose dal shows none.
        shows = of if name in LOOSE_GROUPS else of[~loose[of]]
        percent = _by_family(seed, rows[shows], laws.discounts.get(name, {"0": 1.0}))
        discount[shows] = money.round_half_up(percent * 100)
    return mrp * PAISE_PER_RUPEE, discount


def _base(parameters: Parameters, ids: I64, mrp: F64, discount: I64, loose: Mask) -> F64:
    """Give base prices in paise: where the reference platform stands at its multiple, it sells at MRP x (1 - discount)."""
    _, reference = standings(parameters, ids, discount, loose)
    # What sells at its MRP has the MRP for its base: the other platforms are at it too, or below it by their own bands.
    at_mrp = (discount == 0) & ~loose
    return np.where(at_mrp, mrp, mrp * (BPS - discount) / BPS / reference)


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
