"""`qsim fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from qsim.cli import options, output


def _print(result: Mapping[str, Any]) -> None:
    """Print what a fit estimated and from what, what it left, and how near the fitted market comes."""
    for line in result["notes"]:
        output.note(line)
    click.echo(f"{result['file']}: {result['kind']}; held out: {result['held_out']}")
    output.table([{**row, "value": str(row["value"])} for row in result["estimated"]])
    click.echo(f"left as in the base: {', '.join(result['left'])}")
    if result["off"]:
        click.echo(f"off, for prices do not show them: {', '.join(result['off'])}")
    if result["catalog"]:
        output.table(result["catalog"], "Prices against MRP")
    if result["moments"]:
        shown = [{key: _precise(value) for key, value in row.items()} for row in result["moments"]]
        output.table(shown, "How near the fitted market comes")
    for name, found in (result["auc"] or {}).items():
        other = name.removeprefix("held out against ")
        click.echo(
            f"AUC of held out against {other:<11}  boosted {found['boosted']:.3f}  logistic {found['logistic']:.3f}"
        )
    if not result["auc"]:
        click.echo(f"no classifier: {result['auc_missing']}")
    if "out" in result:
        click.echo(f"{result['out']} written; use it with: qsim generate --config {result['out']}")


def _precise(value: Any) -> Any:
    return f"{value:.4f}" if isinstance(value, float) else value


@click.command()
@click.argument("file")
@click.option("--out", metavar="PRESET.TOML", help="Write the preset here; `qsim generate --config` takes it.")
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Which column is item, seller, time, price, mrp, regular, on_sale, in_stock, group, subcategory.",
)
@click.option("--base", default="realistic", help="Preset that gives what the file does not tell (default realistic).")
@click.option("--catalog", metavar="FILE", help="A product list beside the prices: its discounts are told too.")
@click.option("--goods", metavar="CSV", help="Write the fitted goods as a product list; with --hold-out 0 all.")
@click.option("--hold-out", default=0.3, help="Share of items and of days that the fit does not see (default 0.3).")
@click.option("--log/--no-log", "carry", default=None, help="Rows are changes only, or every day; default: found out.")
@click.option("--seed", default=1, help="Of the split, the simulated markets and the classifier (default 1).")
@options.as_json
def fit(columns: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Estimate parameters from your own prices in FILE (CSV or Parquet) and tell how near a market under them comes.

    FILE is a panel, a row for each item, seller and time, or a catalog, a row for each product.

    Example: qsim fit prices.csv --map shop=seller --out mine.toml && qsim generate --config mine.toml
    """
    from qsim.fitting import fit as run_fit

    result = run_fit(columns=options.mapping(columns), **given)
    if as_json:
        output.print_json(result)
    else:
        _print(result)
