"""`qsim top`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qsim.cli import options, output, tables
from qsim.cli.events import change_of
from qsim.errors import QsimError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_COLOURS = {"ok": "green", "warning": "yellow", "failing": "red"}
# Events shown at least, lines that the rest takes above them, and ticks that are counted.
_EVENTS, _ABOVE, _TICKS = 10, 14, 720
_FEWEST_SECONDS, _MOST_SECONDS = 0.2, 86_400


def _glance(directory: str | None, events: int = _EVENTS) -> dict[str, Any]:
    """Look at a market: its status, health, what the last ticks did by platform, and so many of the newest events."""
    from qsim import standing
    from qsim.monitoring import feed, health, metrics

    return {
        "status": standing.status(directory),
        "health": health.health(directory),
        "metrics": metrics.metrics(directory, last=_TICKS, by=("platform",)),
        "events": feed.recent(directory, events),
    }


def _head(seen: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    status, run, health = seen["status"], seen["metrics"]["run"], seen["health"]
    name = status["directory"].rstrip("/").rpartition("/")[2]
    text = Text(f"{name}  tick {status['tick']:,}  {status['market_time']}  {status['events']:,} events  ")
    text.append(health["status"], style=f"bold {_COLOURS[health['status']]}")
    if run:
        going = {"run": "running", "end": "at rest"}.get(run["kind"], run["kind"])
        rate = run.get("events", 0) / max(run["seconds"], 1e-9)
        text.append(
            f"\n{going}  {run.get('done', 0):,} of {run.get('wanted', 0):,} ticks  {rate:,.{0 if rate >= 10 else 1}f} events/s  "
        )
        text.append(f"{run.get('lag_seconds', 0):.1f} s behind  " if run["tick_seconds"] else "")
        text.append(f"CPU {run['cpu_percent']:.0f} %  memory {run['memory_bytes'] / 1e6:,.0f} MB  ")
        text.append(f"{run['disk_free_bytes'] / 1e9:,.0f} GB free")
    for reason in health["reasons"]:
        line = f"\n{reason['about']}: {reason['found']}; {reason['mend']}"
        text.append(line, style=_COLOURS[reason["level"]])
    return text


# Headings that leave room for all columns on eighty.
_COUNTS = {
    "platform": "platform", "attempted": "tried", "changed": "changed", "mean_change_pct": "mean %",
    "sd_change_pct": "sd %", "discounted": "deals", "surging": "surging", "out_of_stock": "out",
}  # fmt: skip


# What goes first where the terminal is too narrow for all columns.
_SPARE = ("sd %", "tried", "mean %", "surging", "out")
# Letters that an event takes up to the name of its product.
_LINE = 62


def _line(event: dict[str, Any], wide: bool) -> str:
    change, names = change_of(event)
    if not wide:
        return f"{event['platform']:<9} {change.replace(' ', '', 1)}  {names}"
    return f"{event['tick']:>8}  {event['platform']:<10} {event['cause']:<14} {change}  {names}"


def _counts(rows: list[dict[str, Any]], console: Console) -> Table:
    """Draw what ticks did by platform, with as many columns as the terminal has room for."""
    from rich import box

    shown = [{heading: row[name] for name, heading in _COUNTS.items()} for row in rows]
    for left_out in range(len(_SPARE) + 1):
        kept = [{name: row[name] for name in row if name not in _SPARE[:left_out]} for row in shown]
        counts = tables.drawn(kept)
        counts.box, counts.title_justify = box.SIMPLE_HEAD, "left"
        if tables.fit(console, counts):
            break
    return counts


def _screen(seen: dict[str, Any], console: Console) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_head(seen)]
    if seen["metrics"]["rows"]:
        counts = _counts(seen["metrics"]["rows"], console)
        counts.title = f"  the last {seen['metrics']['ticks_counted']:,} ticks, up to {seen['metrics']['counted_to']:,}"
        parts.append(counts)
    elif seen["status"]["tick"]:
        run = seen["metrics"]["run"]
        going = run is not None and run["kind"] == "run"
        why = "come once a minute of a live run" if going else "are not there: the market ran without monitoring"
        parts.append(Text(f"counts by platform {why}\n", style="dim"))
    wide = console.width > _LINE
    newest = "\n".join(_line(event, wide) for event in reversed(seen["events"]))
    return Group(*parts, Text(newest, no_wrap=True, overflow="ellipsis"))


def _again(directory: str | None, console: Console) -> RenderableType:
    """Look again and draw it; a market that cannot be read for now, as one that is being moved, ends no watch."""
    from rich.text import Text

    try:
        # A tall terminal has room for more events below the rest.
        return _screen(_glance(directory, max(_EVENTS, console.height - _ABOVE)), console)
    except QsimError as fault:
        return Text(f"cannot be read now: {fault}\nlooking again; Ctrl-C ends this", style="red")


@click.command()
@options.directory
@click.option("--every", default=1.0, show_default=True, help="Seconds between looks, from 0.2 to 86,400.")
@click.option("--once", is_flag=True, help="Look once, print it, and end; so it is done into a pipe, too.")
@options.as_json
def top(directory: str | None, every: float, once: bool, as_json: bool) -> None:
    """Watch a market live in the terminal: health, throughput, what ticks do by platform, the newest events.

    Ctrl-C ends it, with exit code 130.

    Example: qsim top shop
    """
    from time import sleep

    from rich.console import Console
    from rich.live import Live

    # Among the bounds of a range click lets nan pass.
    if not _FEWEST_SECONDS <= every <= _MOST_SECONDS:
        allowed = f"{_FEWEST_SECONDS} to {_MOST_SECONDS:,} seconds"
        raise click.UsageError(f"--every: found {every:g}; allowed are {allowed}; mend the number")
    seen, console = _glance(directory), Console()
    if as_json:
        output.print_json(seen)
    elif once or not console.is_terminal or console.is_dumb_terminal:
        console.print(_screen(seen, console))
    else:
        with Live(_screen(seen, console), console=console, screen=True, auto_refresh=False) as live:
            while True:
                sleep(every)
                live.update(_again(directory, console), refresh=True)
