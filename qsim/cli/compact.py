"""`qsim compact`."""

from __future__ import annotations

import click

from qsim.cli import options, output


@click.command()
@options.directory
@options.as_json
def compact(directory: str | None, as_json: bool) -> None:
    """Merge the small files of the market in DIR into large ones, for faster queries. History and digest stay the same.

    Replaced files stay for readers that are at work, until: qsim vacuum

    Example: qsim compact shop
    """
    from qsim.runs import upkeep

    output.facts(upkeep.compact(directory), as_json)
