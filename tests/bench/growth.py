"""Growth: the time of one more event as the market has more listings, and as its history has more ticks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bench.figures import Figure
from tests.bench.plan import Plan, copied, generated, run, steady
from tests.bench.tasks import in_child

LONG_PRODUCTS = 2000
# A commit of a market whose listings are all touched holds so many ticks: fewer would be small files.
LEAST_TICKS = 16


def _ticks(plan: Plan, products: int) -> int:
    """Give the ticks in which markets of all sizes make about as many events."""
    return max(min(plan.ticks, LEAST_TICKS), plan.ticks * min(plan.growth) // products)


def _over_listings(plan: Plan) -> Iterator[Figure]:
    taken: dict[int, list[dict[str, Any]]] = {products: [] for products in plan.growth}
    for _ in range(plan.repeat):
        for products, done in taken.items():
            market = generated(plan, f"growth-{products}", products=products, batch_size=0)
            done.append(run(market, _ticks(plan, products)))
    least = min(plan.growth)
    for products, done in taken.items():
        name = f"growth, {5 * products:,} listings"
        for what, told in (("seconds", ""), ("cpu", ", CPU")):
            costs = [1e9 * steady(one, what) / one["events"] for one in done]
            yield Figure(f"{name}{told}", costs, "ns/event")
            if products > least:
                base = [1e9 * steady(one, what) / one["events"] for one in taken[least]]
                ratios = [cost / first for cost, first in zip(costs, base, strict=True)]
                yield Figure(f"{name} / {5 * least:,}{told}", ratios, "", at_most=1.15)


def _parts(marks: list[tuple[int, float, int, float]], ticks: int) -> dict[str, float]:
    """Give the nanoseconds an event in the first hundredth of the ticks and in the last tenth, and peak memory at both ends."""
    early = max(1, *(number for number, (tick, *_) in enumerate(marks) if number < 2 or tick <= ticks // 100))
    late = max(number for number, (tick, *_) in enumerate(marks) if number == 0 or tick <= 0.9 * ticks)

    def cost(first: int, last: int) -> float:
        (_, began, before, _), (_, ended, after, _) = marks[first], marks[last]
        return 1e9 * (ended - began) / (after - before)

    return {
        "early": cost(0, early),
        "late": cost(late, len(marks) - 1),
        "early_mb": marks[early][3],
        "late_mb": marks[-1][3],
    }


def _over_ticks(plan: Plan) -> Iterator[Figure]:
    market = generated(plan, "long", products=LONG_PRODUCTS, batch_size=0)
    done = []
    # A run tells of both its ends, and takes long.
    for _ in range(1 + plan.repeat // 2):
        with copied(market) as copy:
            marks = in_child("marks", market=copy, ticks=plan.long_ticks)["marks"]
        done.append(_parts(marks, plan.long_ticks))
    early, late = f"first {plan.long_ticks // 100:,} ticks", f"last tenth of {plan.long_ticks:,}"
    yield Figure(f"growth, {early}", [parts["early"] for parts in done], "ns/event")
    yield Figure(f"growth, {late}", [parts["late"] for parts in done], "ns/event")
    yield Figure("growth, last ticks / first", [parts["late"] / parts["early"] for parts in done], "", at_most=1.15)
    memory = [parts["late_mb"] / parts["early_mb"] for parts in done]
    yield Figure("growth, memory, last / first", memory, "", at_most=1.15)
    yield Figure("growth, peak memory", [parts["late_mb"] for parts in done], "MB")


def growth(plan: Plan) -> Iterator[Figure]:
    """Compare the time of an event between markets of several sizes, and between the ends of a long run."""
    yield from _over_listings(plan)
    yield from _over_ticks(plan)
