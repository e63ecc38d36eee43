"""Products and their prices of now, as rows ready for JSON, out of columns in memory: what `browse` and SQL give, without either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from qsim.errors import UsageError
from qsim.queries.goods import NONE, Bools, Goods, Ints
from qsim.queries.known import check_platform, known_shelf
from qsim.queries.names import stems_of
from qsim.queries.now import Now

# What all listings of a product share.
FACTS = (
    "product_id", "product", "brand", "category", "subcategory", "pack", "unit", "is_loose", "is_active", "volatility_group",
)  # fmt: skip
# The view `prices`, in its order.
_PRICES = (
    "listing_id", "product_id", "product", "brand", "category", "subcategory", "pack", "platform", "store_id", "city", "pincode",
    "mrp", "regular_price", "price", "discount_pct", "off_mrp_pct", "unit_price", "unit", "surge_fee", "stock", "in_stock",
    "is_loose", "is_active", "updated_at", "order_fee",
)  # fmt: skip
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


def times(seconds: Ints) -> list[str]:
    """Write seconds since 1970 on a clock in India as times."""
    return [time.replace("T", " ") for time in np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()]


def facts(goods: Goods, products: Ints) -> dict[str, list[Any]]:
    """Give what is known of some products, by column."""
    texts = {name: column.of(products) for name, column in goods.texts.items()}
    flags = {name: getattr(goods, name)[products].tolist() for name in ("is_loose", "is_active")}
    return {"product_id": products.tolist(), **texts, **flags}


def places(goods: Goods, stores: Ints) -> dict[str, list[Any]]:
    """Give where some dark stores are and whose, by column."""
    found = [goods.known.stores[store] for store in stores.tolist()]
    return {name: [getattr(store, name) for store in found] for name in ("platform", "store_id", "city", "pincode")}


def offers(now: Now, listings: Ints) -> dict[str, list[Any]]:
    """Give what is asked for some listings now, by column."""
    stores = listings % now.goods.per
    names = ("mrp", "regular_price", "price", "discount_pct", "off_mrp_pct", "unit_price")
    stock = now.columns["stock"][listings]
    return {
        "listing_id": listings.tolist(),
        **places(now.goods, stores),
        **{name: amounts(now.columns[name][listings]) for name in names},
        "surge_fee": amounts(now.surge_fees(listings)),
        "stock": stock.tolist(),
        "in_stock": (stock > 0).tolist(),
        "updated_at": times(now.columns["updated_at"][listings]),
        "order_fee": amounts(now.order_fees[stores]),
    }


def shelf(goods: Goods, category: str | None) -> Bools:
    """Tell for each product whether it is of a category, a subcategory or a volatility group; all are where none is named."""
    if category is None:
        return np.ones(goods.count, np.bool_)
    return goods.shelf(*known_shelf(goods.known, category))


def check_product(now: Now, number: int) -> None:
    """Refuse the number of a product that the market has not."""
    count = now.goods.count
    if number >= count:
        raise UsageError(f"product {number}: this market has none; allowed are 0 to {count - 1}; correct the number")


def products(now: Now, search: str | None, category: str | None, after: int, limit: int) -> Rows:
    """Give the products after one by number, at most `limit`, that have the words of a text and are of a category.

    `category` is a category, a subcategory or a volatility group.
    """
    goods, stems = now.goods, stems_of(search or "")
    having = shelf(goods, category)
    if stems:
        having &= goods.having(stems)
    found = after + 1 + np.flatnonzero(having[after + 1 :])[:limit]
    return rows_of(facts(goods, found) | {"mrp": amounts(goods.mrp[found])}, _PRODUCTS)


def product(now: Now, number: int) -> dict[str, Any]:
    """Give a product and all its listings' prices now; UsageError where there is none of that number."""
    check_product(now, number)
    per = now.goods.per
    [known] = rows_of(facts(now.goods, np.array([number])), FACTS)
    prices = rows_of(offers(now, np.arange(number * per, number * per + per)), _OFFERS)
    return {**now.moment.place(), "product": known, "prices": prices}


def prices(now: Now, category: str | None, platform: str | None, after: int, limit: int) -> Rows:
    """Give the prices now of the listings after one by number, at most `limit`."""
    goods = now.goods
    stores = goods.stores_of(None if platform is None else check_platform(goods.known, platform))
    # The listings of a product come one after another, and some of the first one's may be at or before `after`.
    first, most = max(0, after) // goods.per, 2 + limit // max(1, len(stores))
    found = first + np.flatnonzero(shelf(goods, category)[first:])[:most]
    listings = (found[:, None] * goods.per + stores).ravel()
    listings = listings[listings > after][:limit]
    return rows_of(facts(goods, listings // goods.per) | offers(now, listings), _PRICES)
