"""`qsim report`."""

from __future__ import annotations

import click

from qsim.cli import options, output


@click.command()
@options.directory
@click.option("--out", "file", metavar="FILE", help="Write it here: .json, .md or .html; else Markdown is printed.")
@options.as_json
def report(directory: str | None, file: str | None, as_json: bool) -> None:
    """Report on a market: what it is, its health, what its ticks did and cost, with charts in HTML.

    Example: qsim report shop --out shop.html
    """
    from qsim.monitoring import page
    from qsim.monitoring import report as reports

    found = reports.report(directory, out=file)
    if file is not None:
        output.note(f"{file} written")
    if as_json:
        output.print_json(found)
    elif file is None:
        output.data(page.markdown(found), nl=False)
