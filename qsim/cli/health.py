"""`qsim health`."""

from __future__ import annotations

import click

from qsim.cli import options, output


@click.command()
@options.directory
@options.as_json
def health(directory: str | None, as_json: bool) -> int:
    """Tell whether a market is well, and what to do where it is not; exit code 0 well, 1 warnings, 2 failing.

    Example: qsim health shop
    """
    from qsim.monitoring.health import health as look

    found = look(directory)
    with output.verdict():
        if as_json:
            output.print_json(found)
        else:
            tick = "" if found["tick"] is None else f", tick {found['tick']:,}"
            click.echo(f"{found['directory']}: {found['status']}{tick}")
            for reason in found["reasons"]:
                click.echo(f"{reason['level']}: {reason['about']}: {reason['found']}\n  mend: {reason['mend']}")
    return int(found["exit_code"])
