"""`qsim demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qsim.cli import answers, options, output

_NEXT = (
    'qsim sql {market} "SELECT platform, round(avg(discount_pct), 2) AS discount FROM prices GROUP BY ALL ORDER BY ALL"',
    "qsim ask cheapest tomatoes --dir {market}",
    "qsim run {market} --ticks 720 --set category_volatility.vegetables=1.0",
    "qsim validate {market}",
)


def _fresh_folder() -> Path:
    number = 1
    while (folder := Path(f"qsim-demo{f'-{number}' if number > 1 else ''}")).exists():
        number += 1
    return folder


def _answers(market: Path) -> dict[str, Any]:
    from qsim.queries import basket, connect, questions

    connection = connect(market)
    return {
        "cheapest": questions.cheapest(connection, "onions"),
        "deals": questions.deals(connection, platform="blinkit", limit=8),
        "compare": questions.compare(connection, "fruits", "zepto", "instamart"),
        "basket": basket.basket(connection, budget=1000),
    }


def _print(status: dict[str, Any], asked: dict[str, Any]) -> None:
    output.summary(status, as_json=False)
    click.echo()
    answers.cheapest(asked["cheapest"], "Which app has the cheapest onions right now?")
    answers.deals(asked["deals"], "What is at 30 % off or more on Blinkit?")
    answers.comparison(asked["compare"], "Fruit prices: Zepto or Instamart?")
    answers.basket(asked["basket"], "The best way to buy twelve staples for ₹1,000")
    click.echo("\nTry next:")
    for line in _NEXT:
        click.echo(f"  {line.format(market=status['directory'])}")


@click.command()
@options.directory
@click.option("--seed", type=int, help="Root of all randomness (default 42).")
@options.as_json
def demo(directory: str | None, seed: int | None, as_json: bool) -> None:
    """Generate a market in a fresh folder (or DIR), run a simulated day of 5-second ticks, answer the four questions.

    Example: qsim demo
    """
    from qsim.runs import verbs

    market = Path(directory) if directory else _fresh_folder()
    verbs.generate(market, seed=seed)
    with output.progress_bar("one day") as progress:
        status = verbs.run(market, progress=progress)
    if as_json:
        output.print_json({"status": status, **_answers(market)})
    else:
        _print(status, _answers(market))
