"""`qsim vacuum`."""

from __future__ import annotations

import click

from qsim.cli import options, output


@click.command()
@options.directory
@click.option(
    "--grace",
    type=float,
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Keep what was replaced less than so long ago.",
)
@options.as_json
def vacuum(directory: str | None, grace: float, as_json: bool) -> None:
    """Remove files of the market in DIR that compact or a live run has replaced, once readers of older commits have had their time.

    Example: qsim vacuum shop --grace 600
    """
    from qsim.runs import upkeep

    output.facts(upkeep.vacuum(directory, grace_seconds=grace), as_json)
