"""How much each product is asked for, and on which platform: laws that the catalog stocks by and that customers follow."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

import numpy as np

from qsim import money, streams
from qsim.arrays import F64, I64, U64
from qsim.behaviour import Demand
from qsim.streams import Purpose


def popularity(seed: int, spread: float, products: I64) -> F64:
    """Draw how much products are asked for over the mean, float64[products]."""
    return of_mean_one(spread, streams.hashed(seed, Purpose.POPULARITY, 0, products))


def of_mean_one(spread: float, words: U64) -> F64:
    """Turn raw words into factors of mean 1, exp(spread z - spread^2 / 2), float64 of the same shape."""
    return money.exp(spread * streams.normals(words) - spread * spread / 2)


def shares_of(demand: Demand, platforms: Iterable[str]) -> F64:
    """Give the share of customers that each of a market's platforms has at equal prices, float64[platforms], sum 1.

    A platform that `demand.shares` does not name has as much as the least of the market's that have any; all have the same
    where none has. A share of 0 stays 0.
    """
    given = [demand.shares.get(platform) for platform in platforms]
    least = min((share for share in given if share), default=1.0)
    shares = np.array([least if share is None else share for share in given])
    return np.asarray(shares / max(shares.sum(), 1e-300))


def units_a_day(demand: Demand, platforms: Iterable[str]) -> F64:
    """Give the units that one customer a day for a product stands for at each of a market's platforms, at equal prices."""
    units = fsum(int(units) * weight for units, weight in demand.units.items()) / fsum(demand.units.values())
    return np.asarray(shares_of(demand, platforms) * (1 - demand.outside) * units * demand.level)
