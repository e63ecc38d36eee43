"""What follows from the parameters hour by hour and day by day: weekdays, weather and calendar, and the groups' supply shocks.

The draws behind rain and shocks are the market's own, made again from its seed; nothing that it stored is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qsim import hours, rulebook
from qsim.behaviour import GROUPS
from qsim.clock import DAY, HOUR
from qsim.festivals import Entry
from qsim.market import cost
from qsim.simulation import Course
from qsim.validation.laws import long_table


def of_shocks(course: Course, head: int) -> list[str]:
    """Write the statements of the newest shock of each group on each day: 1 + the day on which it began, 0 for none."""
    path = cost.CostPath()
    if any(rulebook.lives(p) and p.truth for p in course.parameters):
        last = course.epochs[-1].second_of(head) // DAY
        cost.extend(path, lambda day: rulebook.cost_rules(course.parameters_of_day(day)), last)
    rows = [(day, *pair) for day, ids in enumerate(path.shock_ids) for pair in zip(GROUPS, ids.tolist(), strict=True)]
    return long_table("shocks", {"day": "BIGINT", "volatility_group": "VARCHAR", "shock_id": "BIGINT"}, rows)


def of_hours(course: Course, head: int, calendar: Sequence[Entry], cities: Sequence[str]) -> list[str]:
    """Write the statements of what weekdays, weather and calendar make of each hour of the epochs in which things happen
    by rates, by city.
    """
    columns = {"epoch": "BIGINT", "hour": "BIGINT", "city": "VARCHAR", "sale": "DOUBLE", "deeper": "BIGINT"}
    columns |= {"load": "DOUBLE", "fee": "BIGINT", "rain": "BOOLEAN", "reprice": "DOUBLE"}
    ends = [*(epoch.tick for epoch in course.epochs[1:]), head]
    rows: list[Sequence[Any]] = []
    for number, (epoch, p) in enumerate(zip(course.epochs, course.parameters, strict=True)):
        first, last = max(0, epoch.second - 1) // HOUR, (epoch.second_of(ends[number]) - 1) // HOUR
        made = hours.hours(p, calendar, cities, first, last) if rulebook.lives(p) and last >= first else {}
        rows += [
            (
                number,
                at,
                city,
                hour.sale,
                hour.deeper_bps,
                float(hour.demand[n]),
                int(hour.fee_paise[n]),
                bool(hour.rain[n]),
                hour.reprice,
            )
            for at, hour in made.items()
            for n, city in enumerate(cities)
        ]
    return long_table("hours", columns, rows)
