"""What a shopping list may be bought as: one product for each thing, what each platform asks for it, and each platform's fees.

It holds the choice of one product per item by the rules of `basket`. It refuses to hold the optimisation, which is
`optimum`'s, and the reading of names, which is `names`', and of lists, which is `lists`'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from qsim.errors import UsageError
from qsim.queries import lists, names, ranked
from qsim.queries.asked import pack_in
from qsim.queries.connection import rows_of
from qsim.queries.known import Known, Store, check_open, check_place, check_platform, closed_of, known_of
from qsim.queries.now import Now
from qsim.queries.optimum import Fees, Line, Offer


@dataclass(frozen=True)
class Offered:
    """A list as it may be bought at a `place`: things `wanted` (quantity, name), the offers of each (`choices`), and of both
    the `lines` and `fees` of an optimum; a line is named by its number in the list."""

    place: dict[str, Any]
    wanted: list[tuple[int, str]]
    choices: list[list[dict[str, Any]]]
    lines: list[Line]
    fees: dict[str, Fees]


def offered(
    connection: duckdb.DuckDBPyConnection,
    items: Sequence[tuple[int, str]] | None = None,
    platforms: Iterable[str] | None = None,
    pincode: str | None = None,
    now: Now | None = None,
) -> Offered:
    """Find what the platforms that take orders at a place ask for the things of a list; UsageError where none takes any.

    `items` are (quantity, name), default the built-in staples; `now` is where prices are at hand in memory.
    """
    wanted = lists.staples() if items is None else list(items)
    closed = closed_of(connection) if now is None else now.moment.closed
    place, stores = _stores(known_of(connection) if now is None else now.goods.known, platforms, pincode, closed)
    wanted, choices = _on_sale(connection, now, wanted, list(stores.values()))
    lines = [
        Line(str(at), quantity, tuple(Offer(o["platform"], o["listing_id"], o["paise"] + o["fee"]) for o in offers))
        for at, ((quantity, _), offers) in enumerate(zip(wanted, choices, strict=True))
    ]
    return Offered(place, wanted, choices, lines, _fees(connection, stores, order_fees(choices)))


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


def order_fees(choices: Sequence[list[dict[str, Any]]]) -> dict[str, int]:
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
            (100 * p.order_fee)::BIGINT AS order_fee, p.stock
            FROM prices AS p JOIN products AS g USING (product_id)
            WHERE list_contains($1::UINTEGER[], p.store_id) AND p.in_stock AND p.is_active
                AND p.product_id IN (SELECT unnest($2::UINTEGER[]))""",
        [stores, [product for found in meant for group in found for product in group]],
    )
    by_product: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_product.setdefault(row["product_id"], []).append(row)
    return [_chosen(by_product, found, quantity) for found, (quantity, _) in zip(meant, wanted, strict=True)]


def _chosen(
    by_product: dict[int, list[dict[str, Any]]], meant: Iterable[Iterable[int]], quantity: int
) -> list[dict[str, Any]]:
    """Choose of the nearest products that are there in such a number, as offers by product; none where there is none."""
    for group in meant:
        enough = [[offer for offer in by_product.get(at, ()) if offer["stock"] >= quantity] for at in group]
        if any(enough):
            return _comparable([offers for offers in enough if offers])
    return []


def _comparable(products: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Choose one product by the rule of `basket`: most platforms, usual pack, lowest price."""
    widest = max(len(offers) for offers in products)
    wide = [offers for offers in products if len(offers) == widest]
    packs = Counter((offers[0]["unit"], offers[0]["pack_units"]) for offers in wide)
    usual = min(packs, key=lambda pack: (-packs[pack], pack[0] == "", pack))

    def cost(offers: list[dict[str, Any]]) -> tuple[Any, ...]:
        return min(offer["paise"] for offer in offers), offers[0]["product"], offers[0]["product_id"]

    return min((offers for offers in wide if (offers[0]["unit"], offers[0]["pack_units"]) == usual), key=cost)
