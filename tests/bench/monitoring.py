"""What it costs to count and time a run: processor, memory and disk."""

from __future__ import annotations

from collections.abc import Iterator

import qsim
from qsim.runs import process
from tests.bench.figures import Figure
from tests.bench.plan import Plan, copied, generated, large, run

# At the tick of five seconds of the default market.
_MINUTES_AN_HOUR, _TICKS_A_MINUTE = 60, 12


def _live_megabytes(plan: Plan) -> float:
    """Give what monitoring keeps of an hour at the clock: counts written once a minute, a line of the process a tick."""
    with copied(generated(plan, "small")) as market:
        for _ in range(_MINUTES_AN_HOUR):
            qsim.run(market, ticks=_TICKS_A_MINUTE)
        counts = sum(file.stat().st_size for file in (market / "platform_metrics").iterdir())
        line = (market / process.PROCESS / process.FILE).stat().st_size / len(process.lines(market))
    return (counts + _MINUTES_AN_HOUR * _TICKS_A_MINUTE * line) / 1e6


def monitoring(plan: Plan) -> Iterator[Figure]:
    """Alternate runs that are monitored with runs that are not: the default market, the large and the realistic one."""
    real = generated(plan, "realistic", preset="realistic", products=plan.products)
    markets = {
        "": (generated(plan, "small"), plan.small_ticks),
        ", large": (large(plan), plan.ticks),
        ", realistic": (real, min(plan.ticks, 288)),
    }
    for name, (market, ticks) in markets.items():
        pairs = [(run(market, ticks), run(market, ticks, monitoring=False)) for _ in range(plan.repeat)]
        ratios = [on["cpu"] / off["cpu"] for on, off in pairs]
        yield Figure(f"monitoring{name}, CPU time", ratios, "x without", at_most=1.05)
        # Runs of the same ticks differ by some MB either way.
        more = [max(0.1, on["peak_mb"] - off["peak_mb"]) for on, off in pairs]
        yield Figure(f"monitoring{name}, memory", more, "MB", at_most=50)
    yield Figure("monitoring, disk an hour live", [_live_megabytes(plan)], "MB", at_most=1)
