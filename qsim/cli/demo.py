"""`qsim demo`."""

from __future__ import annotations

from pathlib import Path

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


@click.command()
@options.directory
@click.option("--seed", type=int, help="Root of all randomness (default 42).")
def demo(directory: str | None, seed: int | None) -> None:
    """Generate a market in a fresh folder (or DIR), run a simulated day of 5-second ticks, answer the four questions.

    Example: qsim demo
    """
    from qsim import runs
    from qsim.queries import basket, connect, questions

    market = Path(directory) if directory else _fresh_folder()
    output.summary(runs.generate(market, seed=seed), as_json=False)
    with output.progress_bar("one day") as progress:
        status = runs.run(market, progress=progress)
    output.summary(status, as_json=False)
    click.echo()
    connection = connect(market)
    answers.cheapest(questions.cheapest(connection, "onions"), "Which app has the cheapest onions right now?")
    answers.deals(questions.deals(connection, platform="blinkit", limit=8), "What is at 30 % off or more on Blinkit?")
    title = "Fruit prices: Zepto or Instamart?"
    answers.comparison(questions.compare(connection, "fruits", "zepto", "instamart"), title)
    answers.basket(basket.basket(connection, budget=1000), "The best way to buy twelve staples for ₹1,000")
    click.echo("\nTry next:")
    for line in _NEXT:
        click.echo(f"  {line.format(market=market)}")
