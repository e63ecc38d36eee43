"""`qsim generate`."""

from __future__ import annotations

from typing import Any

import click

from qsim.cli import options, output


@click.command()
@options.directory
@click.option("--products", type=int, help="Products to generate, up to a million (default 280).")
@click.option("--stores", type=int, help="Dark stores of each platform (default 1).")
@click.option("--preset", help="classic, realistic or supermarket (default classic).")
@click.option("--seed", type=int, help="Root of all randomness (default 42): same seed, same market.")
@click.option("--start", metavar="DATE", help="First day, from 00:00 IST (default 2026-01-01).")
@click.option("--catalog", metavar="FILE", help="Your own product list, CSV or Parquet.")
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Which column of it is product, brand, category, subcategory, pack, mrp, price.",
)
@click.option("--groups", metavar="FILE", help="CSV of category,subcategory,group: which volatility a category has.")
@click.option("--calendar", metavar="FILE", help="CSV of festivals (see qsim config calendar), india or none.")
@click.option("--strict", is_flag=True, help="Refuse a list with faulty rows instead of skipping them.")
@options.scenario
@options.config
@options.settings
@options.as_json
def generate(
    directory: str | None,
    columns: tuple[str, ...],
    config_files: tuple[str, ...],
    assignments: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Generate a market in an empty or new directory DIR (default QSIM_DIR, else data/market).

    Example: qsim generate shop --products 5000 --seed 42

    Example: qsim generate mine --catalog goods.csv --map Name=product --map Price=mrp
    """
    from qsim.runs import verbs

    values = options.layers(config_files, assignments)
    output.summary(
        verbs.generate(directory, config=values, columns=options.mapping(columns), warn=output.note, **given), as_json
    )
