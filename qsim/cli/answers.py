"""The answers to the four questions as a shopper reads them: in rupees, the winner marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from qsim.cli import output
from qsim.errors import counted
from qsim.money import PAISE_PER_RUPEE, rupees


def money(amount: float | None) -> str:
    """Write rupees in the Indian grouping; nothing where there are none."""
    return "" if amount is None else rupees(round(amount * PAISE_PER_RUPEE))


def _place(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Give where a row's dark stores are; a market in which a platform has but one has no such columns."""
    return {name: row[name] for name in names if name in row}


def cheapest(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Print the listings of a product, cheapest first; ties for the first place are all marked."""
    if not rows:
        click.echo(f"{title}: not on sale")
        return
    shown = [
        {
            "": "*" if row["is_cheapest"] else "",
            "rank": row["rank"],
            "product": row["product"],
            "pack": row["pack"],
            "platform": row["platform"],
            **_place(row, "store_id", "city"),
            "price": money(row["price"]),
            "unit price": f"{money(row['unit_price'])}/{row['unit']}" if row["unit_price"] is not None else "",
            "off": f"{row['discount_pct']:g} %",
            "surge fee": money(row["surge_fee"]),
        }
        for row in rows
    ]
    output.table(shown, title)


def deals(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Print what is at so much off."""
    shown = [
        {
            "product": row["product"],
            "pack": row["pack"],
            "platform": row["platform"],
            **_place(row, "store_id", "city"),
            "off": f"{row['discount_pct']:g} %",
            "price": money(row["price"]),
            "regular": money(row["regular_price"]),
            "saved": money(row["saved"]),
            "campaign": row["campaign"] or "",
            "until": str(row["ends_at"] or "")[:16],
        }
        for row in rows
    ]
    output.table(shown, title)


def deepest(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say in a line what the deepest deal is where none is as deep as was asked for; `rows` are that deal, or none."""
    if not rows:
        return "nothing is on a deal now"
    depth = f"{rows[0]['discount_pct']:g}"
    return f"the deepest now is {depth} % off, on {rows[0]['platform']}; --min-discount {depth} shows it"


def comparison(result: Mapping[str, Any], title: str) -> None:
    """Print two platforms side by side, and who wins."""
    summary = result["summary"]
    first, second = summary["platform_a"], summary["platform_b"]
    shown = [
        {
            "product": row["product"],
            "pack": row["pack"],
            **_place(row, "city", "pincode"),
            first: money(row["price_a"]),
            second: money(row["price_b"]),
            "gap": money(row["gap"]),
            "gap %": f"{row['gap_pct']:+.1f}",
            "winner": row["winner"],
        }
        for row in result["rows"]
    ]
    output.table(shown, title)
    if taken := taken_as(summary):
        click.echo(taken)
    click.echo(
        f"{first} is cheaper for {summary['wins_a']}, {second} for {summary['wins_b']}, {summary['ties']} tie; one of each"
        f" costs {money(summary['total_a'])} at {first}, {money(summary['total_b'])} at {second}"
        f" ({money(abs(summary['total_gap']))} apart)"
    )


def taken_as(summary: Mapping[str, Any]) -> str:
    """Tell what was compared where that is called otherwise than what was asked for: all of Snacks & Beverages for beverages."""
    from qsim.queries.known import asked_of
    from qsim.queries.wording import words

    kind, names = summary["matched"], summary["names"]
    called = kind != "volatility_group" and {words(name) for name in names} == {words(asked_of(summary["what"]))}
    if kind == "product" or called:
        return ""
    return f"{summary['what']} is taken as the {kind.replace('_', ' ')} {', '.join(names)}"


def _orders(name: str, plan: Mapping[str, Any] | None, result: Mapping[str, Any]) -> None:
    bounded = result["budget"] is not None
    if plan is None:
        limits = "the budget or a minimum order does not allow it" if bounded else "it is below every minimum order"
        click.echo(f"{name}: no app can deliver this: {limits if result['lines'] else 'nothing of it is on sale'}")
        return
    click.echo(f"{name}: {money(plan['total'])} for {counted(plan['bought'], 'thing')}")
    for order in plan["orders"]:
        fees = f"delivery {money(order['delivery'])}, handling {money(order['handling'])}"
        # An item's and the order's: without them the amounts do not come to the total.
        fees += f", surge {money(order['surge_fees'])}" if order["surge_fees"] else ""
        click.echo(f"  {order['platform']:<10} {money(order['total']):>10}  {', '.join(order['items'])} ({fees})")
    for key, text in (
        ("unavailable", "not there"),
        ("left_out", "left out" if bounded else "left out, below the minimum order"),
    ):
        if plan[key]:
            click.echo(f"  {text}: {', '.join(plan[key])}")


def basket(result: Mapping[str, Any], title: str) -> None:
    """Print the cheapest way to buy a list: every line's offers, then the best single app beside the best split."""
    shown = [
        {
            "": line["quantity"],
            "product": line["product"],
            "pack": line["pack"],
            **{platform: money(line["offers"].get(platform)) for platform in result["platforms"]},
            "buy at": line["platform"] or "",
        }
        for line in result["lines"]
        if line.get("product")
    ]
    output.table(shown, title)
    if result["closed"]:
        click.echo(f"closed now: {', '.join(result['closed'])}")
    for missed in result["not_found"]:
        near = f"; nearest: {', '.join(missed['nearest'])}" if missed["nearest"] else ""
        click.echo(f"not found: {missed['item']} ({missed['reason']}{near})")
    _orders("best single app", result["one_app"], result)
    _orders("best over all apps", result["split"], result)
    if result["saving_rupees"]:
        click.echo(f"splitting saves {money(result['saving_rupees'])}")
