"""Demand: customers of a product in an area come by chance, choose a platform by price and fee, and buy what is there.

A multinomial logit among the platforms' dark stores of the area and buying nothing. Who finds the first choice sold out
chooses again among the others, so what was wanted (true demand) and what was sold (observed) are both known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim import money, streams
from qsim.arrays import F64, I32, I64, U8, U16, U64, Mask
from qsim.popularity import of_mean_one, popularity
from qsim.streams import Purpose

_MOST_UNITS = 65_535


@dataclass(frozen=True)
class DemandRules:
    """Customers a day by group, how uneven products are, and how they choose: `pull` float64[platforms] sums to 1 where
    all are open, 0 where a platform is closed or has no share; `is_open` bool[platforms].
    """

    a_day: F64
    spread: float
    day_spread: float
    pull: F64
    is_open: Mask
    outside: float
    elasticity: float
    basket_paise: float
    units: I64
    unit_shares: F64

    def customers(self, seed: int, products: I64, group: U8) -> F64:
        """Give the mean customers a day of each product in an area, float64[products]."""
        return np.asarray(self.a_day[group] * popularity(seed, self.spread, products))

    def of_day(self, seed: int, day: int, customer_ids: I64) -> F64:
        """Give what a day makes of the customers of products in areas, float64 of mean 1, a number each."""
        return of_mean_one(self.day_spread, streams.hashed(seed, Purpose.DEMAND, day, customer_ids))


@dataclass(frozen=True)
class Sold:
    """Listings that were bought or wanted in a tick: places in the block, ascending, units sold and units wanted."""

    places: I64
    units: I64
    wanted: I64


NOTHING = Sold(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))


def pulls(rules: DemandRules, price: I32, log_reference: F64, fee_paise: I64) -> F64:
    """Give the pull of each offer, share x exp(-elasticity (log(price/reference) + fee/basket)), float64[customers, platforms]."""
    dearer = money.log_of_paise(price) - log_reference[:, None]
    burden = rules.elasticity * fee_paise / rules.basket_paise
    return np.asarray(rules.pull * money.exp(-rules.elasticity * dearer - burden))


def _chosen(pull: F64, draw: F64, outside: float) -> I64:
    """Choose by one uniform a customer among offers, in the order of platforms, and nothing: that is the count of platforms."""
    reach = np.cumsum(pull, axis=1)
    return np.asarray(((draw * (outside + reach[:, -1]))[:, None] >= reach).sum(axis=1))


def shop(seed: int, rules: DemandRules, draw: F64, words: U64, offers: I64, stock: U16, pull: F64) -> Sold:
    """Let a tick's customers choose and buy, each with a uniform and a word for further draws.

    `offers` int64[customers, platforms] are the listings' places in the block, with their stock and pull before the tick.
    A listing sells at most its stock.
    """
    platforms = offers.shape[1]
    units = streams.from_law(streams.hashed(seed, Purpose.CUSTOMER_UNITS, 0, words), rules.units, rules.unit_shares)
    wanted = _chosen(pull, draw, rules.outside)
    keen = np.flatnonzero(wanted < platforms)
    bought = wanted.copy()
    missed = keen[stock[keen, wanted[keen]] == 0]
    again = streams.uniforms(streams.hashed(seed, Purpose.CUSTOMER_SECOND, 0, words[missed]))
    bought[missed] = _chosen(np.where(stock[missed] > 0, pull[missed], 0.0), again, rules.outside)
    buyers = np.flatnonzero(bought < platforms)
    rows = np.concatenate([keen, buyers])
    cells = rows * platforms + np.concatenate([wanted[keen], bought[buyers]])
    places, first, back = np.unique(offers.ravel()[cells], return_index=True, return_inverse=True)
    asked = np.bincount(back[len(keen) :], units[buyers], len(places)).astype(np.int64)
    want = np.bincount(back[: len(keen)], units[keen], len(places)).astype(np.int64)
    held = stock.ravel()[cells[first]].astype(np.int64)
    return Sold(places, np.minimum(asked, held), np.minimum(want, _MOST_UNITS))
