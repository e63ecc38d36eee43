"""The questions cheapest, deals and compare, and what a basket chooses from, out of columns in memory.

They mean what `questions` and `basket` say and answer alike; a list is put in order whole and written as it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

import numpy as np

from qsim.queries import priced
from qsim.queries.goods import NONE, Goods, Ints, Lines
from qsim.queries.known import Meant, check_open, check_place, check_platform, meant, two_platforms
from qsim.queries.names import UnknownNameError
from qsim.queries.now import Now
from qsim.queries.shown import Rows, amounts, facts, places, rows_of, shelf
from qsim.queries.sides import Sides

_PLACE = ("store_id", "city", "pincode")
_CHEAPEST = ("product", "brand", "pack", "platform", *_PLACE, "price", "unit_price", "unit", "discount_pct", "surge_fee",
             "order_fee", "rank", "is_cheapest", "ranked_by")  # fmt: skip
_DEALS = ("product", "brand", "subcategory", "pack", "platform", *_PLACE, "regular_price", "price", "discount_pct", "saved",
          "campaign", "ends_at")  # fmt: skip
_COMPARE = ("product", "brand", "pack", "city", "pincode", "price_a", "price_b")


@dataclass(frozen=True, eq=False)
class Listed:
    """A list in order that is written part by part: how many rows, about how many bytes it takes, and what writes a part."""

    count: int
    bytes: int
    rows: Callable[[slice], Rows]


def _listed(columns: dict[str, Ints], rows: Callable[[dict[str, Ints]], Rows]) -> Listed:
    count = len(next(iter(columns.values())))
    kept = sum(values.nbytes for values in columns.values())
    return Listed(count, kept, lambda part: rows({name: values[part] for name, values in columns.items()}))


def _shown(goods: Goods, names: Sequence[str]) -> list[str]:
    """Leave out where a dark store is where a platform has but one."""
    return [name for name in names if goods.known.has_many_stores or name not in _PLACE]


def _named(goods: Goods, listings: Ints) -> dict[str, list[Any]]:
    """Give what is known of the products of some listings and of their dark stores, by column."""
    return facts(goods, listings // goods.per) | places(goods, listings % goods.per)


def cheapest(now: Now, product_name: str, city: str | None, pincode: str | None) -> Listed:
    """List what `questions.cheapest` does; UnknownNameError where the market has nothing of the name."""
    goods = now.goods
    check_place(goods.known, "city", city)
    check_place(goods.known, "pincode", pincode)
    stores = [
        store.store_id
        for store in goods.known.stores
        if (city is None or store.city.lower() == city.lower()) and (pincode is None or store.pincode == pincode)
    ]
    groups = goods.meaning(product_name).groups
    for group in groups:
        listings = (np.asarray(group, np.int64)[:, None] * goods.per + np.array(stores, np.int64)).ravel()
        listings = listings[now.is_on_sale(listings)]
        if len(listings):
            return _by_price(now, listings)
    if not groups:
        raise UnknownNameError(f"product '{product_name:.60}': this market has none; correct the name")
    return _by_price(now, np.empty(0, np.int64))


def _by_price(now: Now, listings: Ints) -> Listed:
    goods = now.goods
    state, products, stores = now.of(listings), listings // goods.per, listings % goods.per
    price, order_fees = state["price_paise"], now.order_fees[stores]
    fees = state["surge_fee_paise"] + order_fees
    unit_price = priced.unit_price(goods, products, price)
    units = goods.texts["unit"].codes[products]
    basis = "price" if len(listings) and ((units != units[0]).any() or (unit_price == NONE).any()) else "unit_price"
    by = price if basis == "price" else priced.exactly_a_unit(price, goods.pack_units[products])
    order = np.lexsort((listings, stores, goods.platform_order[stores], goods.place[products], fees, price, by))
    cost = by[order]
    begins = np.append(True, cost[1:] != cost[:-1])[: len(cost)]
    columns = {
        "listing": listings[order], "price": price[order], "unit_price": unit_price[order], "surge_fee": fees[order],
        "discount_pct": state["discount_bps"][order], "order_fee": order_fees[order],
        "rank": np.maximum.accumulate(np.where(begins, np.arange(1, 1 + len(cost)), 0)),
    }  # fmt: skip

    def rows(part: dict[str, Ints]) -> Rows:
        known = _named(goods, part["listing"])
        amount = ("price", "unit_price", "discount_pct", "surge_fee", "order_fee")
        prices = {name: amounts(part[name]) for name in amount}
        ranks = part["rank"].tolist()
        told = {"rank": ranks, "is_cheapest": [rank == 1 for rank in ranks], "ranked_by": [basis] * len(ranks)}
        return rows_of(known | prices | told, _shown(goods, _CHEAPEST))

    return _listed(columns, rows)


def deals(now: Now, platform: str | None, least: float, category: str | None, most: int) -> Listed:
    """List what `questions.deals` does, at most so many."""
    goods = now.goods
    chosen = None if platform is None else check_platform(goods.known, platform)
    check_open(now.moment.closed, chosen)
    stores = goods.stores_of(chosen)
    products = np.flatnonzero(shelf(goods, category) & goods.is_active)
    depth = now.columns["discount_bps"].reshape(-1, goods.per)[products][:, stores]
    row, column = np.nonzero(depth >= max(1, _hundredths(least)))
    listings = products[row] * goods.per + stores[column]
    listings = listings[now.is_on_sale(listings) & (now.columns["surge_fee_paise"][listings] == 0)]
    listings = listings[now.columns["price_paise"][listings] < now.columns["regular_price_paise"][listings]]
    named = {"regular_price": "regular_price_paise", "price": "price_paise", "discount_pct": "discount_bps"}
    columns = {name: now.columns[column][listings] for name, column in named.items()}
    columns |= {"listing": listings, "saved": columns["regular_price"] - columns["price"]}
    order = _deepest(goods, columns, most)
    # A list that is kept is not to hold all prices of its commit.
    endings = now.ends

    def rows(part: dict[str, Ints]) -> Rows:
        known = _named(goods, part["listing"])
        prices = {name: amounts(part[name]) for name in ("regular_price", "price", "discount_pct", "saved")}
        depths = zip(part["listing"].tolist(), part["discount_pct"].tolist(), strict=True)
        ends = [_lasting(goods.lines, endings, listing, depth) for listing, depth in depths]
        told = {"campaign": [name for name, _ in ends], "ends_at": [end for _, end in ends]}
        return rows_of(known | prices | told, _shown(goods, _DEALS))

    return _listed({name: values[order] for name, values in columns.items()}, rows)


def _hundredths(least: float) -> int:
    """Give the least whole number of which a hundredth is at least a number."""
    whole = ceil(100 * least)
    # The product is rounded, and may have come out on the other side of a whole number.
    if (whole - 1) / 100 >= least:
        return whole - 1
    return whole + 1 if whole / 100 < least else whole


def _deepest(goods: Goods, columns: dict[str, Ints], most: int) -> Ints:
    """Give the order of deals, of the first so many."""
    worth = (columns["discount_pct"].astype(np.int64) << 33) + columns["saved"]
    chosen = np.arange(len(worth))
    if len(worth) > most:
        chosen = np.flatnonzero(worth >= np.partition(worth, -most)[-most])
    listings = columns["listing"][chosen]
    stores = listings % goods.per
    keys = (listings, stores, goods.platform_order[stores], goods.place[listings // goods.per], -worth[chosen])
    return np.asarray(chosen[np.lexsort(keys)][:most])


def _lasting(
    lines: Lines, endings: Mapping[int, datetime], listing: int, discount: int
) -> tuple[str | None, str | None]:
    """Tell which campaign gives a listing its discount now, the one that goes on longest, and until when."""
    first, last = np.searchsorted(lines.listing, (listing, listing + 1))
    found = [
        (endings[campaign], -campaign)
        for campaign, depth in zip(
            lines.campaign[first:last].tolist(), lines.discount[first:last].tolist(), strict=True
        )
        if depth == discount and campaign in endings
    ]
    if not found:
        return None, None
    end, campaign = max(found)
    return lines.names[-campaign], end.isoformat(" ")


def compare(now: Now, what: str, platform_a: str, platform_b: str) -> tuple[dict[str, Any], Listed]:
    """Set side by side what `questions.compare` does, as its summary and its rows; UnknownNameError where `what` is nothing here."""
    goods = now.goods
    first, second = two_platforms(goods.known, platform_a, platform_b)
    check_open(now.moment.closed, first, second)
    found = meant(goods.known, goods.meaning, what)
    if found is None:
        raise UnknownNameError(f"compare: '{what:.60}' names nothing; name a category, a subcategory or a product")
    pairs = _pairs(goods, first, second)
    for column, values in found.attempts:
        products = (
            np.asarray(values, np.int64) if column == "product_id" else np.flatnonzero(goods.shelf(column, values))
        )
        listings = _on_both(now, products, pairs)
        if listings.shape[1]:
            break
    price_a, price_b = (now.columns["price_paise"][side].astype(np.int64) for side in listings)
    return _side_by_side(now.goods, found, what, Sides(first, second, price_a, price_b), listings[0])


def _pairs(goods: Goods, first: str, second: str) -> Ints:
    """Give the pairs of dark stores that are compared, by pincode: in each the nth of one platform and the nth of the other."""
    stores: dict[str, tuple[list[int], list[int]]] = {}
    for store in goods.known.stores:
        both = stores.setdefault(store.pincode, ([], []))
        if store.platform in (first, second):
            both[store.platform == second].append(store.store_id)
    pairs = [pair for _, both in sorted(stores.items()) for pair in zip(*both, strict=False)]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _on_both(now: Now, products: Ints, pairs: Ints) -> Ints:
    """Give the listings of products that are on sale at both stores of a pair, two rows of them, in the order of their names."""
    goods = now.goods
    products = np.sort(products)
    listings = products[:, None, None] * goods.per + pairs
    on_sale = now.is_on_sale(listings).all(axis=2)
    order = goods.place[products].astype(np.int64)[:, None] * len(pairs) + np.arange(len(pairs))
    return np.asarray(listings[on_sale][np.argsort(order[on_sale], kind="stable")].T)


def _side_by_side(goods: Goods, found: Meant, what: str, sides: Sides, listings: Ints) -> tuple[dict[str, Any], Listed]:
    shown = _shown(goods, _COMPARE)

    def rows(part: slice) -> Rows:
        known = _named(goods, listings[part])
        prices = {"price_a": amounts(sides.price_a[part]), "price_b": amounts(sides.price_b[part])}
        return [row | gap for row, gap in zip(rows_of(known | prices, shown), sides.rows(part), strict=True)]

    head = {"what": what, "matched": found.kind, "names": found.names, **sides.summary}
    return {"summary": head}, Listed(len(listings), 4 * listings.nbytes, rows)


def choices(now: Now, wanted: Iterable[tuple[int, str]], stores: Sequence[int]) -> list[list[dict[str, Any]]]:
    """Choose for a basket the product of each item (quantity, name) and give its offers at these dark stores,
    by the rule of `basket`; an empty list where no such number of it is on sale there.
    """
    return [_chosen(now, name, quantity, np.array(stores, np.int64)) for quantity, name in wanted]


def _chosen(now: Now, name: str, quantity: int, stores: Ints) -> list[dict[str, Any]]:
    for group in now.goods.meaning(name).groups:
        products = np.asarray(group, np.int64)
        listings = products[:, None] * now.goods.per + stores
        on_sale = now.is_on_sale(listings) & (now.columns["stock"][listings] >= quantity)
        count = on_sale.sum(axis=1)
        if count.any():
            wide = count == count.max()
            prices = now.columns["price_paise"][listings].astype(np.int64)
            prices[~on_sale] = np.iinfo(np.int64).max
            best = _usual(now, products[wide], prices[wide])
            return _offers(now, best, listings[products == best][0][on_sale[products == best][0]])
    return []


def _usual(now: Now, products: Ints, prices: Ints) -> int:
    """Choose of the products on most platforms one of the usual pack: the cheapest, then the first by name."""
    texts = now.goods.texts
    packs = list(zip(texts["unit"].of(products), now.goods.pack_units[products].tolist(), strict=True))
    counted = Counter(packs)
    usual = min(counted, key=lambda pack: (-counted[pack], pack[0] == "", pack))
    alike = [pack == usual for pack in packs]
    least, chosen = prices[alike].min(axis=1), products[alike]
    return int(chosen[np.lexsort((chosen, texts["product"].codes[chosen], least))[0]])


def _offers(now: Now, product: int, listings: Ints) -> list[dict[str, Any]]:
    [known] = rows_of(facts(now.goods, np.array([product])), ("product", "brand", "pack"))
    stores = listings % now.goods.per
    columns = {
        "listing_id": listings.tolist(), "platform": places(now.goods, stores)["platform"],
        "paise": now.columns["price_paise"][listings].tolist(), "fee": now.columns["surge_fee_paise"][listings].tolist(),
        "order_fee": now.order_fees[stores].tolist(),
    }  # fmt: skip
    return [known | row for row in rows_of(columns, columns)]
