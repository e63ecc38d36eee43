"""`qsim top`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qsim.cli import options, output

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLOURS = {"ok": "green", "warning": "yellow", "failing": "red"}
_EVENTS, _TICKS = 10, 720


def _glance(directory: str | None) -> dict[str, Any]:
    """Look at a market: its status, health, what the last ticks did by platform, and the newest events."""
    from qsim import standing
    from qsim.monitoring import feed, health, metrics

    return {
        "status": standing.status(directory),
        "health": health.health(directory),
        "metrics": metrics.metrics(directory, last=_TICKS, by=("platform",)),
        "events": feed.recent(directory, _EVENTS),
    }


def _head(seen: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    status, run, health = seen["status"], seen["metrics"]["run"], seen["health"]
    text = Text(
        f"{status['directory']}  tick {status['tick']:,}  {status['market_time']}  {status['events']:,} events  "
    )
    text.append(health["status"], style=f"bold {_COLOURS[health['status']]}")
    if run:
        going = {"run": "running", "end": "at rest", "failed": "failed"}[run["kind"]]
        rate = run.get("events", 0) / max(run["seconds"], 1e-9)
        text.append(f"\n{going}  {run.get('done', 0):,} of {run.get('wanted', 0):,} ticks  {rate:,.0f} events/s  ")
        text.append(f"{run.get('lag_seconds', 0):.1f} s behind  " if run["tick_seconds"] else "")
        text.append(f"CPU {run['cpu_percent']:.0f} %  memory {run['memory_bytes'] / 1e6:,.0f} MB  ")
        text.append(f"disk free {run['disk_free_bytes'] / 1e9:,.0f} GB")
    for reason in health["reasons"]:
        line = f"\n{reason['about']}: {reason['found']}; {reason['mend']}"
        text.append(line, style=_COLOURS[reason["level"]])
    return text


def _screen(seen: dict[str, Any]) -> RenderableType:
    from rich.console import Group

    counts = ("attempted", "changed", "clipped", "failed", "mean_change_pct", "sd_change_pct")
    names = ("platform", *counts, "discounted", "surging", "out_of_stock")
    rows = [{name: row[name] for name in names} for row in seen["metrics"]["rows"]]
    shown = ("tick", "platform", "product", "pack", "cause", "price_before", "price_after", "discount_pct")
    events = [{name: row[name] for name in shown} for row in reversed(seen["events"])]
    tables = [output.drawn(part) for part in (rows, events) if part]
    return Group(_head(seen), *tables)


@click.command()
@options.directory
@click.option("--every", type=click.FloatRange(min=0.2), default=1.0, show_default=True, help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Look once, print it, and end.")
@options.as_json
def top(directory: str | None, every: float, once: bool, as_json: bool) -> None:
    """Watch a market live in the terminal: health, throughput, what ticks do by platform, the newest events. Ctrl-C ends it.

    Example: qsim top shop
    """
    from time import sleep

    from rich.console import Console
    from rich.live import Live

    seen, console = _glance(directory), Console()
    if as_json:
        click.echo(output.to_json(seen))
    elif once or not console.is_terminal:
        console.print(_screen(seen))
    else:
        with Live(_screen(seen), console=console, screen=True, auto_refresh=False) as live:
            while True:
                sleep(every)
                live.update(_screen(_glance(directory)), refresh=True)
