"""The answers to the four questions as a shopper reads them: in rupees, the winner marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from qsim.cli import output
from qsim.money import PAISE_PER_RUPEE, rupees


def _money(amount: float | None) -> str:
    return "" if amount is None else rupees(round(amount * PAISE_PER_RUPEE))


def cheapest(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Print the listings of a product, cheapest first; ties for the first place are all marked."""
    shown = [
        {
            "": "*" if row["is_cheapest"] else "",
            "rank": row["rank"],
            "product": row["product"],
            "pack": row["pack"],
            "platform": row["platform"],
            **{key: row[key] for key in ("store_id", "city") if key in row},
            "price": _money(row["price"]),
            "unit price": f"{_money(row['unit_price'])}/{row['unit']}" if row["unit_price"] is not None else "",
            "off": f"{row['discount_pct']:g} %",
            "surge fee": _money(row["surge_fee"]),
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
            "off": f"{row['discount_pct']:g} %",
            "price": _money(row["price"]),
            "regular": _money(row["regular_price"]),
            "saved": _money(row["saved"]),
            "campaign": row["campaign"] or "",
            "until": str(row["ends_at"] or "")[:16],
        }
        for row in rows
    ]
    output.table(shown, title)


def comparison(result: Mapping[str, Any], title: str) -> None:
    """Print two platforms side by side, and who wins."""
    summary = result["summary"]
    first, second = summary["platform_a"], summary["platform_b"]
    shown = [
        {
            "product": row["product"],
            "pack": row["pack"],
            first: _money(row["price_a"]),
            second: _money(row["price_b"]),
            "gap": _money(row["gap"]),
            "gap %": f"{row['gap_pct']:+.1f}",
            "winner": row["winner"],
        }
        for row in result["rows"]
    ]
    output.table(shown, title)
    click.echo(
        f"{first} is cheaper for {summary['wins_a']}, {second} for {summary['wins_b']}, {summary['ties']} tie; one of each"
        f" costs {_money(summary['total_a'])} at {first}, {_money(summary['total_b'])} at {second}"
        f" ({_money(abs(summary['total_gap']))} apart)"
    )


def _orders(name: str, plan: Mapping[str, Any] | None) -> None:
    if plan is None:
        click.echo(f"{name}: no app can deliver this")
        return
    click.echo(f"{name}: {_money(plan['total'])} for {plan['bought']} things")
    for order in plan["orders"]:
        fees = f"delivery {_money(order['delivery'])}, handling {_money(order['handling'])}"
        click.echo(f"  {order['platform']:<10} {_money(order['total']):>10}  {', '.join(order['items'])} ({fees})")
    for key, text in (("unavailable", "not there"), ("left_out", "left out")):
        if plan[key]:
            click.echo(f"  {text}: {', '.join(plan[key])}")


def basket(result: Mapping[str, Any], title: str) -> None:
    """Print the cheapest way to buy a list: every line's offers, then the best single app beside the best split."""
    shown = [
        {
            "": line["quantity"],
            "product": line["product"],
            "pack": line["pack"],
            **{platform: _money(line["offers"].get(platform)) for platform in result["platforms"]},
            "buy at": line["platform"] or "",
        }
        for line in result["lines"]
        if line.get("product")
    ]
    output.table(shown, title)
    if result["closed"]:
        click.echo(f"closed now: {', '.join(result['closed'])}")
    for name in result["not_found"]:
        click.echo(f"not found: {name if isinstance(name, str) else name.get('item', name)}")
    _orders("best single app", result["one_app"])
    _orders("best over all apps", result["split"])
    if result["saving_rupees"]:
        click.echo(f"splitting saves {_money(result['saving_rupees'])}")
