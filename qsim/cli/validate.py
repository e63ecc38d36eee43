"""`qsim validate`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from qsim.cli import options, output, verdict


def _only_with_realism(realism: bool, given: dict[str, Any]) -> None:
    # A score of 0 is one that was given.
    lone = [name for name, value in given.items() if value or isinstance(value, float)]
    if lone and not realism:
        raise click.UsageError(f"--{lone[0].replace('_', '-')}: allowed only with --realism; add --realism or drop it")
    of_reference = [name for name in ("carry", "since", "map") if given[name]]
    if of_reference and not given["reference"]:
        raise click.UsageError(f"--{of_reference[0]}: says how --reference is read; add --reference FILE or drop it")


def _judged(directory: str | None, realism: bool, only: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Run the checks, and before them the realism score where it is wanted; `passed` is of both."""
    from qsim.validation import validate as run_checks

    if not realism:
        return run_checks(directory, only)
    from qsim.realism import realism as score

    since: datetime | None = given["since"]
    scored = score(
        directory,
        given["reference"],
        min_score=given["min_score"],
        carry=given["carry"],
        since=since.date() if since else None,
        columns=options.mapping(given["map"]),
        charts_to=given["charts"],
    )
    checked = run_checks(directory, only)
    return {**scored, **checked, "passed": scored["passed"] and checked["passed"]}


@click.command()
@options.directory
@click.option(
    "--check", "only", multiple=True, metavar="NUMBER", help="Run this check, such as 2.6; several may be given."
)
@click.option("--realism", is_flag=True, help="Score how near prices come to those of real shops, too.")
@click.option(
    "--reference",
    metavar="FILE",
    help="Real prices, CSV or Parquet: item, ts, price, and if known seller, mrp, regular, on_sale, in_stock, group.",
)
@click.option("--map", "map", multiple=True, metavar="COLUMN=FIELD", help="Which column of it is which of these.")
@click.option("--carry", is_flag=True, help="It is a log of changes: each price holds until the next.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Its first day to use.")
@click.option("--min-score", type=click.FloatRange(0, 100), help="Fail below this score (0-100).")
@click.option("--charts", metavar="DIR", help="Write charts (HTML) into this folder.")
@options.as_json
def validate(directory: str | None, only: tuple[str, ...], realism: bool, as_json: bool, **given: Any) -> int:
    """Check the market in DIR: six categories of numbered checks, measured values beside their targets.

    With --realism, score its prices against measured moments too, and by a classifier against a reference. The exit code
    is 1 when a check fails, the score is below --min-score, or a price lies above an MRP.

    Example: qsim validate shop --realism --reference prices.parquet --min-score 80
    """
    _only_with_realism(realism, given)
    result = _judged(directory, realism, only, given)
    with output.verdict():
        if as_json:
            output.print_json(result)
        else:
            verdict.checks(result, whole=not realism)
            verdict.realism(result)
    return 0 if result["passed"] else 1
