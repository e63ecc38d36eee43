"""`qsim events`."""

from __future__ import annotations

from typing import Any

import click

from qsim.cli import options, output
from qsim.cli.tables import harmless


def change_of(event: dict[str, Any]) -> tuple[str, str]:
    """Write how an event changed a price in rupees, and which product and pack it is of."""
    change = f"{event['price_before']:>9,.2f} -> {event['price_after']:>9,.2f}"
    # An event is one line, whatever the name.
    return change, harmless(" ".join(f"{event['product']} {event['pack']}".split()))


def _line(event: dict[str, Any]) -> str:
    change, names = change_of(event)
    return f"{event['ts']}  tick {event['tick']:<8}  {event['platform']:<10}  {event['cause']:<14}  {change}  {names}"


@click.command()
@options.directory
@click.option("--last", type=int, default=10, show_default=True, help="So many of the newest.")
@click.option("--follow", is_flag=True, help="Go on with those that come, until Ctrl-C.")
@options.as_json
def events(directory: str | None, last: int, follow: bool, as_json: bool) -> None:
    """Show the newest events of a market; with --json a line of JSON each.

    Example: qsim events shop --last 10 --follow
    """
    from qsim.monitoring import feed

    def show(rows: list[dict[str, Any]]) -> None:
        if as_json:
            output.json_lines(rows)
        for row in [] if as_json else rows:
            click.echo(_line(row))

    newest = feed.recent(directory, last)
    show(newest)
    if not newest and last:
        output.note("no events yet: " + ("waiting for the first" if follow else "qsim run makes them"))
    # Where there were none yet, the first may have come since it was looked.
    after = newest[-1]["tick"] if newest else 0 if last else None
    for rows in feed.follow(directory, after) if follow else ():
        show(rows)
