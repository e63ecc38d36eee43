"""`qsim config`."""

from __future__ import annotations

import click

from qsim.cli import options, output


@click.group(cls=options.Few)
def config() -> None:
    """Show the parameters of a market or a preset, a scenario, the calendar.

    Example: qsim config show shop
    """


@config.command()
@options.directory
@click.option("--preset", help="classic, realistic or supermarket, instead of a market.")
@options.as_json
def show(directory: str | None, preset: str | None, as_json: bool) -> None:
    """Print the parameters that the market in DIR runs under now, as TOML.

    Example: qsim config show --preset classic
    """
    from qsim import params, standing
    from qsim.runs.epochs import course_of
    from qsim.storage import log

    if preset and directory:
        raise click.UsageError(
            f"found DIR {directory!r} and --preset {preset!r}; allowed is one of them; leave one out"
        )
    if preset:
        values = params.resolve(preset).model_dump()
    else:
        values = course_of(log.read(standing.market_directory(directory))).parameters[-1].model_dump()
    output.data(output.to_json(values) if as_json else params.to_toml(values), nl=as_json)


@config.command()
@options.as_json
def calendar(as_json: bool) -> None:
    """Print the calendar that qsim ships, to edit a copy of it and give that to generate.

    Example: qsim config calendar > mine.csv
    """
    from qsim import calendars

    rows = calendars.to_table(calendars.read_calendar(None)).rows(named=True) if as_json else []
    output.data(output.to_json(rows) if as_json else calendars.shipped_text(), nl=as_json)


@config.command()
@click.argument("name")
@options.as_json
def scenario(name: str, as_json: bool) -> None:
    """Print what the scenario NAME changes in a realistic market, as TOML that --config takes.

    Example: qsim config scenario monsoon > mine.toml
    """
    from qsim import params, scenarios

    values = scenarios.overlay(name, params.resolve("realistic"))
    output.data(output.to_json(values) if as_json else params.to_toml(values).lstrip(), nl=as_json)
