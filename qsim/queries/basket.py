"""The question of the basket: a shopping list against a market, on one app and split over several, exactly.

It holds the answer's shape. It refuses to hold the optimisation, which is `optimum`'s, the choice of one product per
item, which is `offered`'s, and the reading of names, which is `names`', and of lists, which is `lists`'.

The rules. An order goes to one address: a pincode, the market's first unless one is given, and there each
platform's first dark store, which sells what it has in stock and each item as a whole. Each item is bought as one and
the same product and pack everywhere, so that like is compared with like: of the nearest products on sale (`Potato`
before `Potato - Wedges`) the ones on most platforms; of these the pack in which most of them are sold, of equals one
that is known and the smallest; of these the cheapest. An amount that no pack on sale holds is bought in the fewest
whole packs of one size that are on sale.
The surge fee of a listing is added to its price, for each unit bought, and counts with the goods towards the minimum
order and free delivery; that of an order is paid once, like the handling fee.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from qsim.errors import UsageError
from qsim.queries import lists, names
from qsim.queries.now import Now
from qsim.queries.offered import offered, order_fees
from qsim.queries.optimum import Fees, Line, Plan, best_split, bought, one_app, split_over, worth
from qsim.scalars import number


def basket(
    connection: duckdb.DuckDBPyConnection,
    *,
    budget: float | None = None,
    items: Sequence[tuple[int, str]] | None = None,
    platforms: Iterable[str] | None = None,
    pincode: str | None = None,
    now: Now | None = None,
) -> dict[str, Any]:
    """Buy a list for the least money, exactly, fees included: on one app, and split over any of the platforms; rupees.

    `items` are (quantity, name), default the built-in staples. Within a `budget` as many items as fit are bought,
    then for the least total. `saving_rupees` is one_app's total less split's, null unless both buy the same items.
    `left_out` is on sale, but the budget or a minimum order keeps the split from it; `not_found` is not on sale. Platforms that are
    `closed` take no orders. Prices are looked up in `now` where they are at hand in memory.
    """
    items = None if items is None else lists.checked(items)
    budget = None if budget is None else number("budget", budget)
    cap = _budget_paise(budget)
    found = offered(connection, items, platforms, pincode, now)
    wanted, choices, lines, fees = found.wanted, found.choices, found.lines, found.fees
    split = best_split(lines, fees, cap)
    alone = one_app(lines, fees) if cap is None else _one_app_within(lines, fees, cap)
    return {
        "lines": _lines(wanted, choices, split),
        "one_app": None if alone is None else _answer(alone, wanted, choices),
        "split": _answer(split, wanted, choices),
        "saving_rupees": _saving(alone, split),
        "budget": budget,
        **found.place,
        "not_found": [_not_found(connection, wanted[at][1]) for at, offers in enumerate(choices) if not offers],
        "left_out": [wanted[int(at)][1] for at in split.left_out],
    }


def _budget_paise(budget: float | None) -> int | None:
    if budget is None:
        return None
    if not 0 < budget < 1e7:
        raise UsageError(
            f"budget: found {budget}; allowed is more than 0 and less than 1,00,00,000 rupees; mend the number"
        )
    return int(round(float(budget) * 100, 4))


def _one_app_within(lines: Sequence[Line], fees: dict[str, Fees], cap: int) -> Plan | None:
    """Give the plan on one platform that buys most lines within the budget, then for the least, then by name."""
    best: Plan | None = None
    for name in sorted(fees):
        plan = split_over(lines, fees, {name}, cap)
        if plan.orders and (best is None or worth(plan) < worth(best)):
            best = plan
    return best


def _saving(alone: Plan | None, split: Plan) -> float | None:
    if alone is None or bought(alone) != bought(split):
        return None
    return _rupees(alone.total_paise - split.total_paise)


def _rupees(paise: int) -> float:
    return round(paise / 100, 2)


def _lines(
    wanted: Sequence[tuple[int, str]], choices: Sequence[list[dict[str, Any]]], split: Plan
) -> list[dict[str, Any]]:
    """Give each item that is on sale: its product, what every platform asks for a pack, and what the split buys."""
    buys = {int(item.name): (order.platform, item) for order in split.orders for item in order.items}
    lines = []
    for at, ((quantity, name), offers) in enumerate(zip(wanted, choices, strict=True)):
        if not offers:
            continue
        platform, item = buys.get(at, (None, None))
        taken = next((offer for offer in offers if offer["platform"] == platform), None)
        lines.append(
            {"item": name, "quantity": quantity, "product": offers[0]["product"], "brand": offers[0]["brand"],
             "pack": offers[0]["pack"], "platform": platform, "listing_id": taken and taken["listing_id"],
             "price": taken and _rupees(taken["paise"]), "surge_fee": taken and _rupees(taken["fee"]),
             "cost": item and _rupees(item.cost_paise),
             "offers": {o["platform"]: _rupees(o["paise"] + o["fee"]) for o in sorted(offers, key=lambda o: o["platform"])}}
        )  # fmt: skip
    return lines


def _answer(plan: Plan, wanted: Sequence[tuple[int, str]], choices: Sequence[list[dict[str, Any]]]) -> dict[str, Any]:
    """Write a plan in rupees, surge fees apart from the goods."""
    keys = ("goods", "surge_fees", "delivery", "handling", "total")
    orders, of_order = [], order_fees(choices)
    for order in plan.orders:
        fee_of = {offer["listing_id"]: offer["fee"] for item in order.items for offer in choices[int(item.name)]}
        surge = sum(item.quantity * fee_of[item.offer.listing_id] for item in order.items)
        once = of_order[order.platform]
        total = order.goods_paise + order.delivery_paise + order.handling_paise
        paise = (order.goods_paise - surge, surge + once, order.delivery_paise, order.handling_paise - once, total)
        parts = dict(zip(keys, paise, strict=True))
        orders.append((order.platform, [wanted[int(item.name)][1] for item in order.items], parts))
    return {
        "orders": [
            {"platform": platform, "items": items, **{key: _rupees(parts[key]) for key in keys}}
            for platform, items, parts in orders
        ],
        **{key: _rupees(sum(parts[key] for *_, parts in orders)) for key in keys},
        "bought": len(bought(plan)),
        "unavailable": [wanted[int(at)][1] for at in plan.unavailable],
        "left_out": [wanted[int(at)][1] for at in plan.left_out],
    }


def _not_found(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    """Say why an item is not bought: nothing of it on sale, or no such product, with the nearest names."""
    if names.products_named(connection, name):
        return {"item": name, "reason": "not on sale now on the platforms compared, or not as many", "nearest": []}
    return {"item": name, "reason": "no such product", "nearest": names.nearest(connection, name)}
