"""Days: what another day costs, and to check one, as a realistic market without customers has a longer past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qsim.clock import DAY
from tests.bench.figures import Figure
from tests.bench.plan import Plan, generated, run, steady
from tests.bench.tasks import in_child

PRODUCTS = 100
# In ticks of a day customers would find little, and dates of festivals are known for three years.
OPTIONS = {"update_interval_seconds": DAY, "config": {"demand": {"level": 0}}, "calendar": "none"}


def _aged(plan: Plan, days: int) -> Path:
    """Give a market with so many days behind it, in ticks of a day."""
    market = generated(plan, f"days-{days}", preset="realistic", products=PRODUCTS, **OPTIONS)
    in_child("run", market=market, ticks=days, options={})
    return market


def days(plan: Plan) -> Iterator[Figure]:
    """Compare CPU time between a market with many days behind it and one with half of them."""
    more = max(1, plan.days // 10)
    # Against a half: against a tenth, what a check costs at least would hide that it grows with the square.
    ages = (max(1, plan.days // 2), plan.days)
    markets = [_aged(plan, age) for age in ages]
    ran: list[list[dict[str, Any]]] = [[], []]
    checked: list[list[float]] = [[], []]
    for _ in range(plan.repeat):
        for number, market in enumerate(markets):
            ran[number].append(run(market, more))
            checked[number].append(in_child("validate", market=market)["cpu"] / ages[number])
    for age, done in zip(ages, ran, strict=True):
        yield Figure(f"days, opening after {age:,}", [one["opening_cpu"] for one in done], "s")
    costs = {
        "another day": [[steady(one, "cpu") / more for one in done] for done in ran],
        "validate, a day": checked,
    }
    for what, (few, many) in costs.items():
        yield Figure(f"days, {what} of {ages[0]:,}", [1e3 * cost for cost in few], "ms")
        yield Figure(f"days, {what} of {ages[1]:,}", [1e3 * cost for cost in many], "ms")
        ratios = [long / short for short, long in zip(few, many, strict=True)]
        yield Figure(f"days, {what}, {ages[1]:,} / {ages[0]:,}", ratios, "", at_most=1.15)
