"""`qsim verify`."""

from __future__ import annotations

import click

from qsim.cli import options, output


@click.command()
@options.directory
@click.option(
    "--regenerate",
    metavar="all|FIRST:LAST",
    help="Simulate these ticks again from the seed, and compare digests too.",
)
@options.as_json
def verify(directory: str | None, regenerate: str | None, as_json: bool) -> int:
    """Hold every commit and file of the market in DIR against its log: hash chain, sha256, kinds. Nothing is changed.

    The exit code is 5 where anything is not what was committed.

    Example: qsim verify shop --regenerate all
    """
    from qsim.runs import upkeep

    result = upkeep.verify(directory, regenerate=regenerate)
    with output.verdict():
        if as_json:
            output.print_json(result)
        else:
            lines = [f"{kind}: {line}" for kind in ("fault", "note") for line in result.pop(f"{kind}s")]
            output.facts(result, as_json)
            click.echo("\n".join(lines), nl=bool(lines))
    return 0 if result["passed"] else 5
