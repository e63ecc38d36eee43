"""`qsim ask`: the four questions."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from qsim.cli import answers, options, output


@click.group(cls=options.Few)
def ask() -> None:
    """Ask one of the four questions of a market.

    Example: qsim ask cheapest onions
    """


def _answer(question: str, *words: str, directory: str | None, **values: Any) -> Any:
    from qsim.queries import ask as put

    named = {name: value for name, value in values.items() if value is not None}
    return put(question, *words, directory=directory, **named)


def _check_words(words: tuple[str, ...]) -> None:
    """Refuse a market's folder that stands behind the product, as it does behind the other commands."""
    from qsim.storage.log import COMMITS

    if len(words) > 1 and (Path(words[-1]) / COMMITS).is_dir():
        raise click.UsageError(
            f"found the market {words[-1]!r} behind the product; allowed is a product; give it as --dir {shlex.quote(words[-1])}"
        )


def _show(draw: Callable[[Any, str], None], answer: Any, as_json: bool, title: str) -> None:
    if as_json:
        output.print_json(answer)
    else:
        draw(answer, title)


@ask.command()
@click.argument("words", nargs=-1, required=True, metavar="PRODUCT")
@click.option("--city", help="Only dark stores of this city.")
@click.option("--pincode", help="Only dark stores of this pincode.")
@options.directory_option
@options.as_json
def cheapest(words: tuple[str, ...], directory: str | None, as_json: bool, **given: Any) -> None:
    """Which app has PRODUCT cheapest right now? Only what is in stock; by price a unit where packs can be compared. Surge fees are
    shown and do not count: ask basket counts them.

    Example: qsim ask cheapest onions --dir shop
    """
    from qsim.queries import questions
    from qsim.queries.connection import asked

    product = " ".join(words)
    if directory is None:
        _check_words(words)

    def found(connection: Any) -> tuple[Any, str]:
        rows = questions.cheapest(connection, product, **given)
        return rows, questions.shelf_beside(connection, product, rows)

    rows, beside = asked(directory, found)
    _show(answers.cheapest, rows, as_json, f"Cheapest {product}")
    if beside:
        output.note(beside)


@ask.command()
@click.option("--platform", help="Only this platform.")
@click.option(
    "--min-discount", type=options.PERCENT, default=30, show_default=True, help="Percent off the regular price."
)
@click.option("--category", help="Only this category or subcategory.")
@click.option("--limit", type=int, default=20, show_default=True, help="Rows to show.")
@options.directory_option
@options.as_json
def deals(as_json: bool, **given: Any) -> None:
    """Show what is at so much off or more, deepest first.

    Example: qsim ask deals --platform blinkit --min-discount 30
    """
    found = _answer("deals", **given)
    _show(answers.deals, found, as_json, f"{given['min_discount']:g} % off and more")
    if not found and not as_json:
        output.note(answers.deepest(_answer("deals", **given | {"min_discount": 0, "limit": 1})))


@ask.command()
@click.argument("what")
@click.argument("platform_a")
@click.argument("platform_b")
@options.directory_option
@options.as_json
def compare(what: str, platform_a: str, platform_b: str, directory: str | None, as_json: bool) -> None:
    """Compare two platforms' prices for WHAT: a category, a subcategory or a product.

    Example: qsim ask compare fruits zepto instamart
    """
    result = _answer("compare", what, platform_a, platform_b, directory=directory)
    _show(
        answers.comparison, result["rows"] if as_json else result, as_json, f"{platform_a} against {platform_b}: {what}"
    )
    if as_json and (taken := answers.taken_as(result["summary"])):
        output.note(taken)


@ask.command()
@click.option("--budget", type=options.RUPEES, help="The most to spend, fees included.")
@click.option("--list", "items", metavar="FILE", help="Lines as `2 toned milk` or `1 kg atta`; default twelve staples.")
@click.option("--platform", "platforms", multiple=True, help="Only these platforms.")
@click.option("--pincode", help="Where it is delivered (default the market's first pincode).")
@options.directory_option
@options.as_json
def basket(items: str | None, platforms: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Find the cheapest way to buy a list, fees and minimum orders included: one app beside several, both exact.

    Example: qsim ask basket --budget 1000
    """
    from qsim.queries.lists import items_file

    chosen: dict[str, Any] = {"items": items_file(items) if items else None, "platforms": platforms or None}
    answer, budget = _answer("basket", **chosen, **given), given["budget"]
    within = "" if budget is None else f" within {answers.money(budget)}"
    _show(answers.basket, answer, as_json, f"Basket{within}, to {answer['city']} {answer['pincode']}")
