"""Quiet time: the same realistic day in short ticks and in long ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bench.figures import Figure
from tests.bench.plan import Plan, generated, run, steady

LONG_SECONDS, SHORT_SECONDS = 300, 5


def quiet(plan: Plan) -> Iterator[Figure]:
    """Alternate a day in 5-minute ticks with the same day in 5-second ticks, in a fifth of the large market and in all of it."""
    for products in (max(1, plan.products // 5), plan.products):
        market = generated(plan, f"quiet-{products}", preset="realistic", products=products)
        long: list[dict[str, Any]] = []
        short: list[dict[str, Any]] = []
        for _ in range(plan.repeat):
            long.append(run(market, plan.day_ticks, update_interval_seconds=LONG_SECONDS))
            ticks = plan.day_ticks * LONG_SECONDS // SHORT_SECONDS
            short.append(run(market, ticks, update_interval_seconds=SHORT_SECONDS))
        name = f"quiet, {5 * products:,} listings"
        for what, told in (("seconds", ""), ("cpu", ", CPU")):
            yield Figure(f"{name}, 5-minute ticks{told}", [steady(done, what) for done in long], "s")
            yield Figure(f"{name}, 5-second ticks{told}", [steady(done, what) for done in short], "s")
            ratios = [steady(b, what) / steady(a, what) for a, b in zip(long, short, strict=True)]
            yield Figure(f"{name}, 5-second / 5-minute{told}", ratios, "", at_most=1.5)
