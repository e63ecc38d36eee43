"""`qsim status`."""

from __future__ import annotations

import click

from qsim.cli import options, output


@click.command()
@options.directory
@options.as_json
def status(directory: str | None, as_json: bool) -> None:
    """Tell what the market in DIR holds: tick, market time, size, digest.

    Example: qsim status shop --json
    """
    from qsim import standing

    output.facts(standing.status(directory), as_json)
