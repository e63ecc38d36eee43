"""How much each product is asked for: one law that the catalog stocks by and that customers follow."""

from __future__ import annotations

from qsim import money, streams
from qsim.arrays import F64, I64
from qsim.behaviour import Demand
from qsim.streams import Purpose


def popularity(seed: int, spread: float, products: I64) -> F64:
    """Draw how much products are asked for over the mean: exp(spread z - spread^2 / 2), float64[products]."""
    normal = streams.normals(streams.hashed(seed, Purpose.POPULARITY, 0, products))
    return money.exp(spread * normal - spread**2 / 2)


def units_a_day(demand: Demand, platform: str) -> float:
    """Give the units that one customer a day for a product stands for at a platform, at equal prices."""
    total = sum(demand.shares.values())
    share = demand.shares.get(platform, 0.0) / total if total else 1.0
    units = sum(int(units) * weight for units, weight in demand.units.items()) / sum(demand.units.values())
    return share * (1 - demand.outside) * units * demand.level
