"""What follows from the parameters hour by hour and day by day: weekdays, weather and calendar, the families' supply shocks, and
the products' popularity and costs.

The draws behind them are the market's own, made again from its seed; nothing that it stored is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from qsim import hours, rulebook, streams
from qsim.arrays import I64
from qsim.behaviour import GROUPS
from qsim.clock import DAY, HOUR
from qsim.festivals import Entry
from qsim.market import cost
from qsim.simulation import Course
from qsim.streams import Purpose
from qsim.validation.laws import long_table


def cost_path(course: Course, head: int) -> cost.CostPath:
    """Work out what the families' costs share, and their shocks, up to the day after the newest; empty where nothing happens."""
    path = cost.CostPath()
    if any(map(rulebook.lives, course.parameters)):
        days = course.epochs[-1].second_of(head) // DAY + 1
        cost.extend(path, lambda day: rulebook.cost_rules(course.parameters_of_day(day)), days)
    return path


def of_shocks(course: Course, head: int, path: cost.CostPath) -> list[str]:
    """Write the statements of the newest shock of each family on each day: 1 + the day on which it began, 0 for none."""
    told = any(rulebook.lives(p) and p.truth for p in course.parameters)
    days = course.epochs[-1].second_of(head) // DAY + 1 if told else 0
    by_day = enumerate(path.shock_ids[:days])
    rows = [(day, nth, shock) for day, ids in by_day for nth, shock in enumerate(ids.tolist())]
    return long_table("shocks", {"day": "BIGINT", "family": "BIGINT", "shock_id": "BIGINT"}, rows)


def of_products(course: Course, path: cost.CostPath, products: Sequence[tuple[int, str, int]]) -> list[str]:
    """Write the statements of the draws behind each product's popularity and behind its customers on each day of a path in each
    area, of its family, and of its log cost at the start of each day; none where nothing happens. `products` are numbers and groups
    of those wanted, and the first products of their names.
    """
    if not path.shared:
        products = []
    ids, goods = (np.array([row[at] for row in products], np.int64) for at in (0, 2))
    groups = np.array([GROUPS.index(group) for _, group, _ in products], np.uint8)
    family = cost.family(course.parameters[0].seed, course.parameters[0].assortment.families, groups, goods)
    normals = streams.normals(streams.hashed(course.parameters[0].seed, Purpose.POPULARITY, 0, ids))
    start = np.zeros(len(ids))
    own = chain([start], cost.own_path(path.rules, groups, goods, range(len(path.rules)), start))
    costs: list[tuple[int, int, float]] = []
    for day, (shared, knot) in enumerate(zip(path.shared, own, strict=True) if products else []):
        levels = (shared[family] + knot).tolist()
        costs += [(number, day, level) for number, level in zip(ids.tolist(), levels, strict=True)]
    numbered = {"product_id": "BIGINT"}
    drawn = [*zip(ids.tolist(), normals.tolist(), strict=True)]
    families = [*zip(ids.tolist(), family.tolist(), strict=True)]
    return [
        *long_table("families", numbered | {"family": "BIGINT"}, families),
        *long_table("popularity", numbered | {"normal": "DOUBLE"}, drawn),
        *long_table("costs", numbered | {"day": "BIGINT", "cost": "DOUBLE"}, costs),
        *_of_customers(course, ids, len(path.shared)),
    ]


def _of_customers(course: Course, products: I64, days: int) -> list[str]:
    opening = course.parameters[0]
    areas = opening.stores if any(p.demand.day_spread for p in course.parameters) else 0
    day, product, area = (axis.ravel() for axis in np.indices((days, len(products), areas)))
    ids = products[product] * areas + area
    normals = streams.normals(streams.hashed(opening.seed, Purpose.DEMAND, day, ids))
    rows = zip(*(column.tolist() for column in (day, products[product], area, normals)), strict=True)
    columns = {"day": "BIGINT", "product_id": "BIGINT", "area": "BIGINT", "normal": "DOUBLE"}
    return long_table("demand_days", columns, [*rows])


def of_hours(course: Course, head: int, calendar: Sequence[Entry], cities: Sequence[str]) -> list[str]:
    """Write the statements of what weekdays, weather and calendar make of each hour of the epochs in which things happen
    by rates, by city; orders' fees and the riders over their mean in the order of the platforms.
    """
    columns = {"epoch": "BIGINT", "hour": "BIGINT", "city": "VARCHAR", "sale": "DOUBLE", "deeper": "BIGINT"}
    columns |= {"load": "DOUBLE", "fees": "BIGINT[]", "riders": "DOUBLE[]", "rain": "BOOLEAN", "reprice": "DOUBLE"}
    ends = [*(epoch.tick for epoch in course.epochs[1:]), head]
    rows: list[Sequence[Any]] = []
    for number, (epoch, p) in enumerate(zip(course.epochs, course.parameters, strict=True)):
        first, last = max(0, (epoch.second - 1) // HOUR), (epoch.second_of(ends[number]) - 1) // HOUR
        made = hours.hours(p, calendar, cities, first, last) if rulebook.lives(p) and last >= first else {}
        riders = hours.riders(p, np.array([*made], np.int64), len(cities)).tolist()
        rows += [
            (
                number,
                at,
                city,
                hour.sale,
                hour.deeper_bps,
                float(hour.demand[n]),
                hour.fee_paise[n].tolist(),
                riders[nth][n],
                bool(hour.rain[n]),
                hour.reprice,
            )
            for nth, (at, hour) in enumerate(made.items())
            for n, city in enumerate(cities)
        ]
    return long_table("hours", columns, rows)
