"""MRPs of a generated catalog by the parameters' laws, and base prices that lie the permanent discount below them.

One MRP a product; packs of a good of one brand keep the ratios that their sizes give them. The reference platform sells
at exactly MRP x (1 - discount); the others' anchors follow from where they stand in their bands against it. Without such
laws nothing here changes a product.
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
_DISCOUNT, _ENDING, _HOUSE = range(3)
# Discounts go by brand and grow with the MRP: of BigBasket's differences between discounts to the MRP, brands with five
# products or more explain .24 in dairy, .46 in snacks and .59 in staples, and their ranks go with the MRP's by .17-.22.
# Shares of the variance of the score by which families stand in the law; what is left is a family's own.
_BY_BRAND = {"dairy": 0.3, "snacks": 0.52, "staples": 0.66}
_BY_MRP = 0.06
# Of BigBasket's packs with an MRP of at most 15 rupees 10 % sell below it, of all 46 %: these are so much lower in the score.
_COIN_PACKS, _LOWER = 15, 1.0
# An ending that would move an MRP by more of it is left: the whole rupee is kept.
_MOST_MOVED = 0.1
# Small packs have an MRP of coins: of BigBasket's groceries up to 22 rupees 277 of 304 have one of 5, 10, 15 or 20, and under 12 all
# have 5 or 10. Amounts below each of these become the coin at its place.
_COINS_BELOW, _COINS = (6, 12, 16.5, 22.5), (5, 10, 15, 20)


def level(prices: F64, law: Mapping[str, float]) -> F64:
    """Take prices of the goods list to MRPs, both in rupees: straight lines between logarithms, the end ratios beyond."""
    knots, values = (money.log(np.array([float(x) for x in side])) for side in (law, law.values()))
    logs = np.clip(money.log(prices), knots[0], knots[-1])
    after = np.clip(np.searchsorted(knots, logs), 1, len(knots) - 1)
    share = (logs - knots[after - 1]) / (knots[after] - knots[after - 1])
    return np.asarray(prices * money.exp(values[after - 1] + share * (values[after] - values[after - 1]) - logs))


def _first_rows(products: pl.DataFrame, *of: str) -> I64:
    """Tell what each product is one of by the first row of it, int64[products]: by brand and product its family, which is
    all packs of a good of one brand.
    """
    rows = products.select(of).with_row_index("row")
    return rows.select(pl.col("row").min().over(of)).to_series().to_numpy().astype(np.int64)


def _levels_of_families(prices: F64, families: I64, law: Mapping[str, float]) -> F64:
    """Take prices of the goods list to MRPs, both in rupees: all packs of a family by the ratio at the mean of its logarithms.

    By the ratios at their own prices larger packs would be dearer a unit, as MRPs rise more steeply than the list's prices.
    """
    _, at = np.unique(families, return_inverse=True)
    means = money.exp(np.bincount(at, money.log(prices)) / np.bincount(at))
    return np.asarray(prices * (level(means, law) / means)[at])


def _nearest(rupees: F64, digits: I64, step: int) -> F64:
    return np.asarray(np.floor((rupees - digits) / step + 0.5) * step + digits)


def ended(rupees: F64, digits: I64) -> I64:
    """Move amounts to the nearest whole rupees that end in these digits, where that is at most a tenth away; else to the
    nearest five rupees by the same rule, else to the nearest rupee, or the coin of a small amount. The smallest become 5 or 10.
    """
    place = np.searchsorted(_COINS_BELOW, rupees, side="right")
    coin = np.array([*_COINS, 0])[place]
    whole = np.where(coin > 0, coin, money.round_half_up(rupees))
    for moved in (_nearest(rupees, np.zeros_like(digits), 5), _nearest(rupees, digits, 10)):
        whole = np.where(np.abs(moved - rupees) <= _MOST_MOVED * rupees, moved, whole)
    return np.where(whole < _COINS_BELOW[1], np.where(place > 0, 10, 5), whole).astype(np.int64)


def _at(shares: F64, law: Mapping[str, float]) -> F64:
    """Give the key of the law at each share of its weights."""
    edges = np.cumsum(list(law.values())) / fsum(law.values())
    keys = np.array([float(key) for key in law])
    return np.asarray(keys[np.minimum(np.searchsorted(edges, shares), len(keys) - 1)])


def _scores(seed: int, families: I64, brands: I64, mrp: F64, by_brand: float) -> F64:
    """Score families by brand, MRP and a draw of their own, float64[families]: the highest sell furthest below the MRP."""
    own = streams.normals(streams.hashed(seed, Purpose.MRP_DISCOUNT, _DISCOUNT, families))
    if not by_brand:
        return own
    house = streams.normals(streams.hashed(seed, Purpose.MRP_DISCOUNT, _HOUSE, brands))
    # By rank, evenly spread and of variance 1.
    dear = np.empty(len(mrp))
    dear[np.argsort(mrp, kind="stable")] = np.sqrt(12.0) * ((np.arange(len(mrp)) + 0.5) / len(mrp) - 0.5)
    score = np.sqrt(by_brand) * house + np.sqrt(_BY_MRP) * dear + np.sqrt(1 - by_brand - _BY_MRP) * own
    return np.asarray(score - _LOWER * (mrp <= _COIN_PACKS))


def _by_family(seed: int, families: I64, brands: I64, mrp: F64, law: Mapping[str, float], by_brand: float) -> F64:
    """Give products, told by their families, a key of the law, one a family: float64[products].

    The families lie in the order of their scores, each over as much of the weights as it has packs, so that shares of
    products are the law's.
    """
    first, row, at, sizes = np.unique(families, return_index=True, return_inverse=True, return_counts=True)
    drawn = np.argsort(_scores(seed, first, brands[row], mrp[row], by_brand), kind="stable")
    keys = np.empty(len(first))
    keys[drawn] = _at((np.cumsum(sizes[drawn]) - sizes[drawn] / 2) / len(families), law)
    return keys[at]


def _laid_down(parameters: Parameters, products: pl.DataFrame) -> tuple[F64, I64]:
    """Give each product's MRP in paise (loose goods: the MRP shown, not rounded) and its discount in basis points."""
    laws, seed = parameters.assortment.mrp, parameters.seed
    group = products["volatility_group"].to_numpy()
    loose = products["is_loose"].to_numpy()
    mrp = products["base_price_paise"].to_numpy() / PAISE_PER_RUPEE
    discount = np.zeros(len(products), np.int64)
    families, brands = _first_rows(products, "brand", "product"), _first_rows(products, "brand")
    for name in GROUPS:
        of = np.flatnonzero(group == name)
        if name in laws.levels:
            mrp[of] = _levels_of_families(mrp[of], families[of], laws.levels[name])
        words = streams.hashed(seed, Purpose.MRP_DISCOUNT, _ENDING, of)
        ending = _at(streams.uniforms(words), laws.endings.get(name, {"0": 1.0, "5": 1.0})).astype(np.int64)
        mrp[of] = np.where(loose[of], mrp[of], ended(mrp[of], ending))
        # Loose goods show an MRP where they are produce; a loose dal shows none.
        shows = of if name in LOOSE_GROUPS else of[~loose[of]]
        law = laws.discounts.get(name, {"0": 1.0})
        percent = _by_family(seed, families[shows], brands[shows], mrp[shows], law, _BY_BRAND.get(name, 0.0))
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
