"""Costs of products one at a time: knots at the starts of days, straight between them; shocks of families of goods.

The rules of a day, by which the knot at its start becomes that of the next, are those of the last epoch that began before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from qsim.streams import Purpose
from tests.reference import DAY
from tests.reference_goods import Product
from tests.reference_terms import GROUPS, exp, floor_half_up, normal, uniform_of, word

SMALLEST_SHOCK = 0.05
Tables = Mapping[str, Any]


class Costs:
    """The log costs of a market: `course` are its epochs as (market second, tables of parameters)."""

    def __init__(self, course: Sequence[tuple[int, Tables]]) -> None:
        self.course, self.seed = course, course[0][1]["seed"]
        self.families = course[0][1]["assortment"]["families"]
        self.shared: dict[int, list[float]] = {}
        self.own: dict[int, list[float]] = {}

    def of_day(self, day: int) -> Tables:
        earlier = [tables for second, tables in self.course if second < day * DAY]
        return earlier[-1] if earlier else self.course[0][1]

    def stays(self, day: int) -> float:
        return exp(-1 / self.of_day(day)["cost"]["reversion_days"])

    def sd(self, group: int, day: int) -> float:
        """The sd of a day's innovation: sigma sqrt((1 - a^2) / (2 kappa))."""
        cost, stays = self.of_day(day)["cost"], self.stays(day)
        return float(cost["volatility"][GROUPS[group]] * math.sqrt((1 - stays * stays) * cost["reversion_days"] / 2))

    def family(self, product: Product) -> int:
        """The family of a product's good, numbered over all groups."""
        drawn = word(self.seed, Purpose.FAMILY, 0, product.good) >> 32
        return product.group * self.families + (drawn * self.families >> 32)

    def shock(self, family: int, day: int) -> float:
        """The log size of the family's shock that begins on a day, 0 for none."""
        shocks = self.of_day(day)["shocks"]
        a_day = shocks["a_year"][GROUPS[family // self.families]] / 365
        if not uniform_of(word(self.seed, Purpose.SHOCK, day, family)) < a_day / (1 + a_day / 2):
            return 0.0
        size = shocks["size"] + shocks["size_sd"] * normal(self.seed, Purpose.SHOCK_SIZE, day, family)
        return float(max(SMALLEST_SHOCK, size))

    def shared_knot(self, family: int, day: int) -> float:
        if day >= len(self.shared.get(family, [])):
            self.shared[family] = self._shared_path(family, day + 8)
        return self.shared[family][day]

    def _shared_path(self, family: int, days: int) -> list[float]:
        path, factor, pipe, spike = [0.0], 0.0, 0.0, 0.0
        for day in range(days):
            tables = self.of_day(day)
            out, fade = (exp(-1 / tables["shocks"][name]) for name in ("ramp_days", "decay_days"))
            out = 1 - out
            sd = self.sd(family // self.families, day) * math.sqrt(tables["cost"]["shared"])
            factor = self.stays(day) * factor + sd * normal(self.seed, Purpose.SHARED_COST, day, family)
            pipe = pipe + self.shock(family, day)
            spike, pipe = fade * spike + out * pipe, pipe - out * pipe
            path.append(factor + spike)
        return path

    def own_knot(self, product: Product, day: int) -> float:
        path = self.own.setdefault(product.good, [0.0])
        while len(path) <= day:
            last = len(path) - 1
            sd = self.sd(product.group, last) * math.sqrt(1 - self.of_day(last)["cost"]["shared"])
            path.append(self.stays(last) * path[-1] + sd * normal(self.seed, Purpose.COST, last, product.good))
        return path[day]

    def log_cost(self, product: Product, second: int) -> float:
        day, through = second // DAY, second % DAY / DAY
        family = self.family(product)
        now, then = (self.shared_knot(family, day + ahead) + self.own_knot(product, day + ahead) for ahead in range(2))
        return (1 - through) * now + through * then

    def drift(self, tables: Tables, product: Product, second: int) -> float:
        """How far inflation has taken the log costs and prices of loose goods; those with a printed MRP have none."""
        a_day = tables["cost"]["drift_percent_a_year"] / 100 / 365 if product.mrp is None else 0.0
        return float(a_day * (second / DAY))

    def aim(self, tables: Tables, log_anchor: float, product: Product, second: int) -> float:
        """The log of the price aimed at: anchor, what costs pass on, and inflation."""
        passed = tables["cost"]["pass_through"] * self.log_cost(product, second)
        return float(log_anchor + passed + self.drift(tables, product, second))

    def paid(self, tables: Tables, product: Product, unit_cost: int, second: int) -> int:
        """What a unit costs in paise: what it cost at the opening, with its cost and inflation since."""
        log_cost = self.log_cost(product, second) + self.drift(tables, product, second)
        return min(max(1, floor_half_up(unit_cost * exp(log_cost))), 2**31 - 1)

    def shock_id(self, product: Product, second: int) -> int:
        """1 + the day of the newest shock of the product's family that began on a day before this one; 0 for none."""
        family = self.family(product)
        return next((day + 1 for day in range(second // DAY - 1, -1, -1) if self.shock(family, day)), 0)
