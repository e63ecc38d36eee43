"""Products and their prices of now, as rows ready for JSON, out of columns in memory: what `browse` and SQL give, without either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from qsim.arrays import Mask
from qsim.errors import UsageError
from qsim.queries import priced
from qsim.queries.dictionary import VIEWS
from qsim.queries.goods import NONE, Goods, Ints
from qsim.queries.known import check_platform, known_shelf
from qsim.queries.names import stems_of
from qsim.queries.now import Now
from qsim.queries.wording import words

# What all listings of a product share.
FACTS = (
    "product_id", "product", "brand", "category", "subcategory", "pack", "unit", "is_loose", "is_active", "volatility_group",
)  # fmt: skip
_PRICES = tuple(VIEWS["prices"][1].split())
_OFFERS = tuple(name for name in _PRICES if name not in FACTS)
_PRODUCTS = (*FACTS[:7], "mrp", *FACTS[7:])

Rows = list[dict[str, Any]]


def rows_of(columns: Mapping[str, Iterable[Any]], names: Iterable[str]) -> Rows:
    """Put columns together to rows that hold those of these names, in this order."""
    chosen = tuple(names)
    return [dict(zip(chosen, row, strict=True)) for row in zip(*(columns[name] for name in chosen), strict=True)]


def amounts(hundredths: Ints) -> list[float | None]:
    """Write paise as rupees, or hundredths of a percent as percent; NONE is none."""
    return [None if value == NONE else value / 100 for value in hundredths.tolist()]


def facts(goods: Goods, products: Ints) -> dict[str, list[Any]]:
    """Give what is known of some products, by column."""
    texts = {name: column.of(products) for name, column in goods.texts.items()}
    flags = {name: getattr(goods, name)[products].tolist() for name in ("is_loose", "is_active")}
    return {"product_id": products.tolist(), **texts, **flags}


def places(goods: Goods, stores: Ints) -> dict[str, list[Any]]:
    """Give where some dark stores are and whose, by column."""
    found = [goods.known.stores[store] for store in stores.tolist()]
    return {name: [getattr(store, name) for store in found] for name in ("platform", "store_id", "city", "pincode")}


def offers(now: Now, listings: Ints, state: Mapping[str, Ints], order_fees: Ints) -> dict[str, list[Any]]:
    """Give what is asked for some listings in a state of them, with the fees of orders at all dark stores, by column."""
    goods, stores, products = now.goods, listings % now.goods.per, listings // now.goods.per
    price, regular_price, ticks = state["price_paise"], state["regular_price_paise"], state["updated_tick"].tolist()
    times = {tick: now.moment.time_of(tick) for tick in set(ticks)}
    mrp = priced.mrp(goods, products, regular_price, price)
    return {
        "listing_id": listings.tolist(),
        **places(goods, stores),
        "mrp": amounts(mrp),
        "regular_price": amounts(regular_price),
        "price": amounts(price),
        "discount_pct": amounts(state["discount_bps"]),
        "off_mrp_pct": amounts(priced.off_mrp_pct(price, mrp)),
        "unit_price": amounts(priced.unit_price(goods, products, price)),
        "surge_fee": amounts(state["surge_fee_paise"] + order_fees[stores]),
        "stock": state["stock"].tolist(),
        "in_stock": (state["stock"] > 0).tolist(),
        "updated_at": [times[tick] for tick in ticks],
        "order_fee": amounts(order_fees[stores]),
    }


def shelf(goods: Goods, category: str | None) -> Mask:
    """Tell for each product whether it is of a category, a subcategory or a volatility group; all are where none is named."""
    if category is None:
        return np.ones(goods.count, np.bool_)
    return goods.shelf(*known_shelf(goods.known, category))


def listings_of(now: Now, number: int) -> Ints:
    """Give the numbers of a product's listings; UsageError for the number of a product that the market has not."""
    count, per = now.goods.count, now.goods.per
    if number >= count:
        raise UsageError(f"product {number}: this market has none; allowed are 0 to {count - 1}; correct the number")
    return np.arange(number * per, number * per + per)


def products(now: Now, search: str | None, category: str | None, after: int, limit: int) -> Rows:
    """Give the products after one by number, at most `limit`, that are of a category and whose name and brand have the words of a
    text, in singular or plural.

    `category` is a category, a subcategory or a volatility group.
    """
    goods, asked = now.goods, words(search or "")
    having = shelf(goods, category)
    if search is not None:
        # A text without a word is in no name.
        having = having & goods.having(asked, _has) if stems_of(asked) else np.zeros_like(having)
    found = after + 1 + np.flatnonzero(having[after + 1 :])[:limit]
    return rows_of(facts(goods, found) | {"mrp": amounts(goods.mrp[found])}, _PRODUCTS)


def _has(word: str, text: str) -> bool:
    return word in words(text)


def product(now: Now, number: int) -> dict[str, Any]:
    """Give a product and all its listings' prices now; UsageError where there is none of that number."""
    listings = listings_of(now, number)
    return product_in(now, number, None, now.of(listings), now.order_fees)


def product_in(now: Now, number: int, tick: int | None, state: Mapping[str, Ints], order_fees: Ints) -> dict[str, Any]:
    """Give a product and its listings' prices in their state as of a tick (None is now)."""
    [known] = rows_of(facts(now.goods, np.array([number])), FACTS)
    prices = rows_of(offers(now, listings_of(now, number), state, order_fees), _OFFERS)
    return {**now.moment.place(tick), "product": known, "prices": prices}


def prices(now: Now, category: str | None, platform: str | None, after: int, limit: int) -> Rows:
    """Give the prices now of the listings after one by number, at most `limit`."""
    goods = now.goods
    stores = goods.stores_of(None if platform is None else check_platform(goods.known, platform))
    # The listings of a product come one after another, and some of the first one's may be at or before `after`.
    first, most = max(0, after) // goods.per, 2 + limit // max(1, len(stores))
    found = first + np.flatnonzero(shelf(goods, category)[first:])[:most]
    listings = (found[:, None] * goods.per + stores).ravel()
    listings = listings[listings > after][:limit]
    return rows_of(
        facts(goods, listings // goods.per) | offers(now, listings, now.of(listings), now.order_fees), _PRICES
    )


def status(now: Now) -> dict[str, Any]:
    """Tell where a market stands and what it is made of."""
    moment = now.moment
    return {
        **moment.place(),
        "start": moment.start.isoformat(),
        "interval_seconds": moment.epochs[-1].interval,
        "head": moment.log.head,
        "digest": f"{moment.log.digest:032x}",
        **{name: moment.rows(name) for name in ("products", "stores", "listings", "campaigns", "events")},
        "platforms": [{"platform": platform, "name": name} for platform, name in now.goods.known.platforms],
        "categories": now.goods.contents,
    }
