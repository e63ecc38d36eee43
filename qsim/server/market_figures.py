"""What Prometheus is told of the market: what its newest ticks did by platform and category, and what the newest run cost.

The figures are those of the last look at the market's health, so that to read them costs nothing.
"""

from __future__ import annotations

from functools import partial

from qsim.monitoring.health import LOOKED_AT
from qsim.server.following import Following
from qsim.server.measures import Measures, Values

_CELL = ("platform", "category")
_RECENT = {
    "attempted": "Updates tried",
    "changed": "Changes of prices",
    "clipped": "Updates that a bound or an MRP held",
    "failed": "Updates that gave no price",
    "skipped_waiting": "Listings that waited for their turn",
    "mean_change_pct": "Mean of the changes of prices, percent",
    "sd_change_pct": "Volatility: standard deviation of the changes of prices, percent",
}
_NOW = {
    "skipped_inactive": "Listings off sale",
    "discounted": "Listings with a discount",
    "surging": "Listings in surge",
    "out_of_stock": "Listings without stock",
}
_RUN = {
    "lag_seconds": "Seconds by which its newest tick was committed late",
    "late_ticks": "Ticks that were committed after the next one was due",
    "cpu_percent": "Processor time lately, percent of one core",
    "memory_bytes": "Memory taken",
    "disk_free_bytes": "Disk free beside the market",
}


def tell(measures: Measures, state: Following) -> None:
    """Add the figures; there are none of what was not counted, nor of a market that never ran."""
    for column, text in _RECENT.items():
        told = f"{text}, of the last {LOOKED_AT:,} ticks."
        measures.figures(f"qsim_recent_{column}", told, _CELL, partial(_counted, state, column))
    for column, text in _NOW.items():
        measures.figures(f"qsim_now_{column}", f"{text} at the newest tick.", _CELL, partial(_counted, state, column))
    for name, text in _RUN.items():
        measures.figures(f"qsim_run_{name}", f"{text}, of the newest run.", (), partial(_cost, state, name))
    text = "Seconds spent on a stage, of the newest run."
    measures.figures("qsim_run_stage_seconds", text, ("stage",), partial(_stages, state))


def _counted(state: Following, column: str) -> Values:
    return (((row["platform"], row["category"]), row[column]) for row in state.counts)


def _cost(state: Following, name: str) -> Values:
    value = state.run.get(name)
    if value is not None:
        yield (), value


def _stages(state: Following) -> Values:
    return (((stage,), seconds) for stage, seconds in state.run.get("stage_seconds", {}).items())
