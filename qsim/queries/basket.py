"""The question of the basket: a shopping list against a market, on one app and split over several, exactly.

It holds the choice of one product per item, and the answer's shape. It refuses to hold the
optimisation, which is `optimum`'s, and the reading of names, which is `names`', and of lists, which is `lists`'.

The rules. An order goes to one address: a pincode, the market's first unless one is given, and there each
platform's first dark store. Each item is bought as one and the same product and pack everywhere, so that like is
compared with like: of the nearest products on sale (`Potato` before `Potato - Wedges`) the ones on most platforms;
of these the pack in which most of them are sold, of equals one that is known and the smallest; of these the cheapest.
An amount that no pack on sale holds is bought in the fewest whole packs of one size that are on sale.
The surge fee of a listing is added to its price, for each unit bought, and counts with the goods towards the minimum
order and free delivery; that of an order is paid once, like the handling fee.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import duckdb

from qsim.errors import UsageError
from qsim.queries import lists, names, ranked
from qsim.queries.asked import pack_in
from qsim.queries.connection import rows_of
from qsim.queries.known import Known, Store, check_open, check_place, check_platform, closed_of, known_of
from qsim.queries.now import Now
from qsim.queries.optimum import Fees, Line, Offer, Plan, best_split, one_app
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
    wanted = lists.staples() if items is None else lists.checked(items)
    budget = None if budget is None else number("budget", budget)
    cap = _budget_paise(budget)
    closed = closed_of(connection) if now is None else now.moment.closed
    place, stores = _stores(known_of(connection) if now is None else now.goods.known, platforms, pincode, closed)
    wanted, choices = _on_sale(connection, now, wanted, list(stores.values()))
    fees = _fees(connection, stores, _order_fees(choices))
    lines = [
        Line(str(at), quantity, tuple(Offer(o["platform"], o["listing_id"], o["paise"] + o["fee"]) for o in offers))
        for at, ((quantity, _), offers) in enumerate(zip(wanted, choices, strict=True))
    ]
    split = best_split(lines, fees, cap)
    alone = one_app(lines, fees) if cap is None else _one_app_within(lines, fees, cap)
    return {
        "lines": _lines(wanted, choices, split),
        "one_app": None if alone is None else _answer(alone, wanted, choices),
        "split": _answer(split, wanted, choices),
        "saving_rupees": _saving(alone, split),
        "budget": budget,
        **place,
        "not_found": [_not_found(connection, wanted[at][1]) for at, offers in enumerate(choices) if not offers],
        "left_out": [wanted[int(at)][1] for at in split.left_out],
    }


def _on_sale(
    connection: duckdb.DuckDBPyConnection, now: Now | None, wanted: Sequence[tuple[int, str]], stores: list[int]
) -> tuple[list[tuple[int, str]], list[list[dict[str, Any]]]]:
    """Choose the product of each item; what is not on sale as it is asked for, as 2 kg of onions, is made up of packs that are."""
    choices = _choices(connection, now, wanted, stores)
    found = [
        (item, offers) if offers else _made_up(connection, now, item, stores)
        for item, offers in zip(wanted, choices, strict=True)
    ]
    return [item for item, _ in found], [offers for _, offers in found]


def _made_up(
    connection: duckdb.DuckDBPyConnection, now: Now | None, item: tuple[int, str], stores: list[int]
) -> tuple[tuple[int, str], list[dict[str, Any]]]:
    """Write an amount as so many of a pack that is on sale, with its offers; without any where there is none."""
    quantity, name = item
    found = pack_in(name)
    if found is None:
        return item, []
    _, size, rest = found
    made = [
        (count, f"{rest} {pack}") for count, pack in lists.in_packs(quantity, size, names.packs_of(connection, rest))
    ]
    for several, offers in zip(made, _choices(connection, now, made, stores), strict=True):
        if offers:
            return several, offers
    return (item if not made or names.products_named(connection, name) else made[0]), []


def _budget_paise(budget: float | None) -> int | None:
    if budget is None:
        return None
    if not 0 < budget < 1e7:
        raise UsageError(
            f"budget: found {budget}; allowed is more than 0 and less than 1,00,00,000 rupees; mend the number"
        )
    return int(round(float(budget) * 100, 4))


def _stores(
    known: Known, platforms: Iterable[str] | None, pincode: str | None, closed: Collection[str]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Give the place of delivery and who is open and closed there, and each open platform's store by the platform's id."""
    check_place(known, "pincode", pincode)
    if isinstance(platforms, str):
        platforms = [platforms]
    asked = None if platforms is None else [check_platform(known, platform) for platform in platforms]
    if asked is not None and not asked:
        raise UsageError("basket: no platforms; allowed is one or more; name one, or leave them out for all")
    there = known.stores[0].pincode if pincode is None else pincode
    found: dict[str, Store] = {}
    for store in known.stores:
        if store.pincode == there and (asked is None or store.platform in asked):
            found.setdefault(store.platform, store)
    if not found:
        raise UsageError(f"basket: no store of {', '.join(asked or [])} in pincode {pincode}; choose another pincode")
    stores = {platform: store.store_id for platform, store in found.items() if platform not in closed}
    if not stores:
        check_open(closed, *found)
    shut = [platform for platform in found if platform in closed]
    city = next(iter(found.values())).city
    return {"city": city, "pincode": there, "platforms": list(stores), "closed": shut}, stores


def _order_fees(choices: Sequence[list[dict[str, Any]]]) -> dict[str, int]:
    """Give the surge fee of an order on each platform that has an offer, in paise."""
    return {offer["platform"]: offer["order_fee"] for offers in choices for offer in offers}


def _fees(connection: duckdb.DuckDBPyConnection, chosen: Iterable[str], order_fees: dict[str, int]) -> dict[str, Fees]:
    """Give the fees of an order on each chosen platform; its surge fee goes with the handling fee."""
    rows = rows_of(
        connection,
        """SELECT platform, (100 * delivery_fee)::BIGINT AS delivery, (100 * handling_fee)::BIGINT AS handling,
            (100 * free_delivery_from)::BIGINT AS free, (100 * minimum_order)::BIGINT AS least FROM platforms""",
    )
    kept = set(chosen)
    return {
        r["platform"]: Fees(r["delivery"], r["handling"] + order_fees.get(r["platform"], 0), r["free"], r["least"])
        for r in rows
        if r["platform"] in kept
    }


def _choices(
    connection: duckdb.DuckDBPyConnection, now: Now | None, wanted: Sequence[tuple[int, str]], stores: list[int]
) -> list[list[dict[str, Any]]]:
    """Choose the product of each item and give its offers, one a platform; none where nothing of it is on sale."""
    return _by_sql(connection, wanted, stores) if now is None else ranked.choices(now, wanted, stores)


def _by_sql(
    connection: duckdb.DuckDBPyConnection, wanted: Sequence[tuple[int, str]], stores: list[int]
) -> list[list[dict[str, Any]]]:
    meant = [names.products_named(connection, name) for _, name in wanted]
    rows = rows_of(
        connection,
        """SELECT p.listing_id, p.product_id, p.product, p.brand, p.pack, p.unit, g.pack_units, p.platform,
            (100 * p.price)::BIGINT AS paise, (100 * (p.surge_fee - p.order_fee))::BIGINT AS fee,
            (100 * p.order_fee)::BIGINT AS order_fee
            FROM prices AS p JOIN products AS g USING (product_id)
            WHERE list_contains($1::UINTEGER[], p.store_id) AND p.in_stock AND p.is_active
                AND p.product_id IN (SELECT unnest($2::UINTEGER[]))""",
        [stores, [product for found in meant for group in found for product in group]],
    )
    by_product: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_product.setdefault(row["product_id"], []).append(row)
    on_sale = [[[by_product[at] for at in group if at in by_product] for group in found] for found in meant]
    return [next((_comparable(group) for group in found if group), []) for found in on_sale]


def _comparable(products: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Choose one product by the rule at the top: most platforms, usual pack, lowest price."""
    widest = max(len(offers) for offers in products)
    wide = [offers for offers in products if len(offers) == widest]
    packs = Counter((offers[0]["unit"], offers[0]["pack_units"]) for offers in wide)
    usual = min(packs, key=lambda pack: (-packs[pack], pack[0] == "", pack))

    def cost(offers: list[dict[str, Any]]) -> tuple[Any, ...]:
        return min(offer["paise"] for offer in offers), offers[0]["product"], offers[0]["product_id"]

    return min((offers for offers in wide if (offers[0]["unit"], offers[0]["pack_units"]) == usual), key=cost)


def _one_app_within(lines: Sequence[Line], fees: dict[str, Fees], cap: int) -> Plan | None:
    """Give the plan on one platform that buys most lines within the budget, then for the least, then by name."""
    best: Plan | None = None
    for name in sorted(fees):
        own = [Line(line.name, line.quantity, tuple(o for o in line.offers if o.platform == name)) for line in lines]
        plan = best_split(own, fees, cap)
        if plan.orders and (best is None or _worth(plan) < _worth(best)):
            best = plan
    return best


def _worth(plan: Plan) -> tuple[int, int]:
    return -sum(len(order.items) for order in plan.orders), plan.total_paise


def _bought(plan: Plan) -> set[str]:
    return {item.name for order in plan.orders for item in order.items}


def _saving(alone: Plan | None, split: Plan) -> float | None:
    if alone is None or _bought(alone) != _bought(split):
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
    orders, of_order = [], _order_fees(choices)
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
        "bought": len(_bought(plan)),
        "unavailable": [wanted[int(at)][1] for at in plan.unavailable],
        "left_out": [wanted[int(at)][1] for at in plan.left_out],
    }


def _not_found(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    """Say why an item is not bought: nothing of it on sale, or no such product, with the nearest names."""
    if names.products_named(connection, name):
        return {"item": name, "reason": "not on sale now on the platforms compared", "nearest": []}
    return {"item": name, "reason": "no such product", "nearest": names.nearest(connection, name)}
