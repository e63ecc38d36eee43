"""`qsim metrics`."""

from __future__ import annotations

from typing import Any

import click

from qsim.cli import options, output
from qsim.errors import counted

# Headings that leave room for all columns on eighty.
_SHOWN = {
    "platform": "platform", "category": "category", "attempted": "tried", "changed": "changed", "clipped": "clipped",
    "failed": "failed", "mean_change_pct": "mean %", "sd_change_pct": "sd %", "discounted": "deals", "surging": "surging",
    "out_of_stock": "out",
}  # fmt: skip
_UNCOUNTED = {
    "run": "as a live run counts once a minute", "killed": "as the newest run was killed before it counted the others",
}  # fmt: skip


def _cost(run: dict[str, Any]) -> dict[str, Any]:
    stages = ", ".join(f"{name} {spent:.2f}" for name, spent in run["stage_seconds"].items())
    return {
        # A run without monitoring leaves no line: the newest that did may have ended long before the market's tick.
        "newest run": f"{run['done']:,} of {run['wanted']:,} ticks up to {run['tick']:,}, {run['events']:,} events"
        f" in {run['seconds']:,.1f} s"
        + {"end": "", "run": ", going on", "stopped": ", stopped", "killed": ", killed"}.get(
            run["kind"], f", failed: {run.get('error')}"
        ),
        "seconds by stage": stages,
        "processor": f"{run['cpu_seconds']:,.1f} s, {run['cpu_percent']:.0f} % lately",
        "memory": f"{run['memory_bytes'] / 1e6:,.0f} MB",
        "disk free": f"{run['disk_free_bytes'] / 1e9:,.1f} GB",
    } | (
        {"behind the clock": f"{run['lag_seconds']:.2f} s, {run['late_ticks']:,} ticks late"}
        if run["tick_seconds"]
        else {}
    )


@click.command()
@options.directory
@click.option("--last", type=int, metavar="TICKS", help="Of the last so many ticks (default all).")
@options.as_json
def metrics(directory: str | None, last: int | None, as_json: bool) -> None:
    """Show what ticks did, by platform and category, and what the newest run cost.

    Example: qsim metrics shop --last 720
    """
    from qsim.monitoring.metrics import metrics as count

    found = count(directory, last=last)
    if as_json:
        output.print_json(found)
        return
    rows = found["rows"]
    title = f"{counted(found['ticks_counted'], 'tick')} up to {found['counted_to']:,}"
    if found["tick"] > found["counted_to"]:
        kind = found["run"]["kind"] if found["run"] else ""
        title += f" of {found['tick']:,}, {_UNCOUNTED.get(kind, 'as the others ran without monitoring')}"
    output.table([{heading: row[name] for name, heading in _SHOWN.items()} for row in rows], title)
    if found["run"]:
        output.facts(_cost(found["run"]), False)
