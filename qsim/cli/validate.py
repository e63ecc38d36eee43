"""`qsim validate`."""

from __future__ import annotations

import click

from qsim.cli import options, output


@click.command()
@options.directory
@options.as_json
def validate(directory: str | None, as_json: bool) -> int:
    """Check the market in DIR: six categories of numbered checks, measured values beside their targets.

    The exit code is 1 when any check fails.

    Example: qsim validate shop --json
    """
    from qsim.validation import validate as run_checks

    result = run_checks(directory)
    if as_json:
        click.echo(output.to_json(result))
    else:
        shown = ("number", "category", "name", "measured", "target")
        output.table(
            [
                {"": "ok" if check["passed"] else "FAIL", **{key: check[key] for key in shown}}
                for check in result["checks"]
            ]
        )
        failed = [check for check in result["checks"] if not check["passed"]]
        for check in failed:
            click.echo(
                f"FAIL {check['number']} {check['name']}: {check['measured']} against {check['target']}. {check['detail']}"
            )
        click.echo(f"{len(result['checks']) - len(failed)} checks passed, {len(failed)} failed")
    return 0 if result["passed"] else 1
