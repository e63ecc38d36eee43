"""The questions that a market is asked by name: cheapest, deals, compare and, from `basket`, the basket.

It holds what each question means and gives rows or a dictionary of plain values: money in rupees with two
decimals, times as text in India, ready for JSON. It refuses to hold printing, and changes nothing in a market.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
import numpy as np

from qsim.errors import UsageError
from qsim.given import shown
from qsim.queries import connection as connections
from qsim.queries import names, priced
from qsim.queries.connection import rows_of
from qsim.queries.known import (
    Known,
    asked_of,
    check_open,
    check_place,
    check_platform,
    closed_of,
    known_of,
    known_shelf,
    meant,
    near_shelves,
    shelf,
    two_platforms,
)
from qsim.queries.sides import Sides
from qsim.queries.wording import words
from qsim.scalars import number, whole_number

_MOST_ROWS = 1_000_000_000
_TEXTS = {"product_name", "what", "platform_a", "platform_b", "platform", "category", "city", "pincode"}


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Turn a row's amounts into floats and its times into text, for JSON."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value


def cheapest(
    connection: duckdb.DuckDBPyConnection, product_name: str, *, city: str | None = None, pincode: str | None = None
) -> list[dict[str, Any]]:
    """List every listing on sale now, at platforms that are open, of the products that a name means, cheapest first; prices in rupees.

    The order is by `unit_price` (rupees per `unit`, before it is rounded) where all packs have the same unit, else by `price`;
    `ranked_by` tells which. Equal ones share a `rank` (1, 1, 3), and `is_cheapest` marks rank 1. Surge fees, an
    item's with an order's, and the latter as `order_fee`, are shown and do not count; `basket` counts them. Where the
    nearest products are all sold out the next nearest answer.
    Raises UsageError for a name, city or pincode that the market has not.
    """
    known = known_of(connection)
    check_place(known, "city", city)
    check_place(known, "pincode", pincode)
    for group in _products(connection, known, product_name):
        rows = rows_of(
            connection,
            """SELECT product, brand, pack, platform, store_id, city, pincode, price, unit_price, unit, discount_pct,
                surge_fee, order_fee, pack_units FROM prices JOIN (SELECT product_id, pack_units FROM products) USING (product_id)
                WHERE product_id IN (SELECT unnest($1::UINTEGER[])) AND in_stock AND is_active
                AND platform IN (SELECT platform FROM platforms WHERE is_open)
                AND ($2::VARCHAR IS NULL OR lower(city) = lower($2)) AND ($3::VARCHAR IS NULL OR pincode = $3)
                ORDER BY listing_id""",
            [group, city, pincode],
        )
        if rows:
            return _ranked(rows, one_store=not known.has_many_stores)
    return []


def _products(connection: duckdb.DuckDBPyConnection, known: Known, name: str) -> list[list[int]]:
    if not words(name):
        raise UsageError(f"product: found {name[:60]!r}; allowed is a product's name, as onions; name one")
    if found := names.products_named(connection, name):
        return found
    if where := shelf(known, name, loosely=True):
        raise UsageError(
            f"product '{name:.60}': this market has none, but the {_shelf_called(where)}, which compare and deals take;"
            " name a product of it"
        )
    return names.known_products(connection, name)


def _shelf_called(where: tuple[str, list[str]]) -> str:
    return f"{where[0].replace('_', ' ')} {', '.join(where[1])}"


def shelf_beside(connection: duckdb.DuckDBPyConnection, product_name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Say in a line that a name is a shelf's too, as `fruits` is, where most that lies there is not in the rows of `cheapest`;
    nothing where it is none.
    """
    where = shelf(known_of(connection), product_name)
    if where is None:
        return ""
    column, values = where
    there = connection.execute(
        f"SELECT DISTINCT product, pack FROM products WHERE is_active AND list_contains($1::VARCHAR[], {column})",
        [values],
    ).fetchall()
    above = len({(row["product"], row["pack"]) for row in rows} & set(there))
    if 2 * above >= len(there):
        return ""
    return (
        f"{product_name} is also the {_shelf_called(where)}, of which this shows {above} of"
        f" {len(there):,} products; compare takes all of it, and so does deals --category"
    )


def _ranked(rows: list[dict[str, Any]], one_store: bool) -> list[dict[str, Any]]:
    units = {row["unit"] for row in rows}
    basis = "unit_price" if len(units) == 1 and all(row["unit_price"] is not None for row in rows) else "price"
    packs = [row["pack_units"] if basis == "unit_price" else 1.0 for row in rows]
    costs = priced.exactly_a_unit([int(100 * row["price"]) for row in rows], packs).tolist()
    for row, cost in zip(rows, costs, strict=True):
        row["cost"] = cost
    order = ("cost", "price", "surge_fee", "product", "pack", "platform", "store_id")
    rows.sort(key=lambda row: [row[name] for name in order])
    place, before = 0, None
    for count, row in enumerate(rows, start=1):
        place = place if row["cost"] == before else count
        before = row["cost"]
        row.update(rank=place, is_cheapest=place == 1, ranked_by=basis)
    hidden = {"cost", "pack_units", *(("store_id", "city", "pincode") if one_store else ())}
    return _without(rows, hidden)


def _without(rows: Iterable[Mapping[str, Any]], hidden: Collection[str]) -> list[dict[str, Any]]:
    """Give rows ready for JSON, without the columns that are not for showing."""
    return [plain({name: value for name, value in row.items() if name not in hidden}) for row in rows]


def deals(
    connection: duckdb.DuckDBPyConnection,
    *,
    platform: str | None = None,
    min_discount: float = 30,
    category: str | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """List what is on sale now at `min_discount` percent or more off its regular price, deepest first.

    `saved` is in rupees against the regular price; `ends_at` and `campaign` are told where the discount is a
    campaign's, null where its end is not known. A discount that an item's surge fee suspends is no deal, nor one that surge, time
    of day or a price point take back whole: a deal costs less than the regular price. `category` is a category, a subcategory
    or a volatility group; at most `limit` rows.
    """
    min_discount, limit = number("min_discount", min_discount), whole_number("limit", limit)
    if not 0 <= min_discount <= 100:
        raise UsageError(f"min_discount: found {min_discount}; allowed are 0 to 100 percent; mend the number")
    if not 1 <= limit <= _MOST_ROWS:
        raise UsageError(f"limit: found {shown(limit)}; allowed are 1 to {_MOST_ROWS:,} rows; mend the number")
    known = known_of(connection)
    chosen = None if platform is None else check_platform(known, platform)
    check_open(closed_of(connection), chosen)
    column, values = ("category", None) if category is None else known_shelf(known, category)
    rows = rows_of(connection, _DEALS.format(column=column), [chosen, min_discount, values, limit])
    hidden = set() if known.has_many_stores else {"store_id", "city", "pincode"}
    return _without(rows, hidden)


_DEALS = """
    WITH good AS (
        SELECT listing_id, product, brand, subcategory, pack, platform, store_id, city, pincode, regular_price, price, discount_pct
        FROM prices AS p
        WHERE ($1::VARCHAR IS NULL OR p.platform = $1) AND p.discount_pct >= $2 AND p.discount_pct > 0
            AND ($3::VARCHAR[] IS NULL OR p.product_id IN
                (SELECT product_id FROM products WHERE list_contains($3::VARCHAR[], {column})))
            AND p.in_stock AND p.is_active AND p.surge_fee = p.order_fee AND p.price < p.regular_price
            AND p.platform IN (SELECT platform FROM platforms WHERE is_open)),
    lasting AS (
        SELECT listing_id, discount_pct, max(l.ends_at) AS ends_at,
            max_by(campaign, (l.ends_at, -(l.campaign_id::INTEGER))) AS campaign
        FROM raw.line_times AS l JOIN campaigns USING (campaign_id)
        WHERE l.starts_at <= market_time() AND l.ends_at > market_time() GROUP BY 1, 2)
    SELECT product, brand, subcategory, pack, platform, store_id, city, pincode, regular_price, price,
        good.discount_pct, regular_price - price AS saved, lasting.campaign, lasting.ends_at
    FROM good LEFT JOIN lasting ON good.listing_id = lasting.listing_id AND good.discount_pct = lasting.discount_pct
    ORDER BY good.discount_pct DESC, saved DESC, product, pack, platform, store_id, good.listing_id
    LIMIT $4"""


def compare(connection: duckdb.DuckDBPyConnection, what: str, platform_a: str, platform_b: str) -> dict[str, Any]:
    """Set two platforms' prices side by side for a subcategory, a category or a product; rupees.

    `rows` are products on sale on both now, at dark stores in the same pincode: `gap` is price_b - price_a,
    `gap_pct` its percent of price_a, `winner` the cheaper platform or `tie`. `summary` counts who wins, and gives
    the mean of gap_pct and what one of each would cost. `what` may carry `prices` behind it.
    """
    known = known_of(connection)
    first, second = two_platforms(known, platform_a, platform_b)
    check_open(closed_of(connection), first, second)
    found = meant(known, partial(names.meaning_of, connection), what)
    if found is None:
        raise _nothing_meant(connection, known, what)
    rows: list[dict[str, Any]] = []
    for column, values in found.attempts:
        rows = rows_of(connection, _COMPARE.format(column=column), [first, second, values])
        if rows:
            break
    sides = Sides(
        first, second, *(np.array([100 * row[name] for row in rows], np.int64) for name in ("price_a", "price_b"))
    )
    hidden = set() if known.has_many_stores else {"city", "pincode"}
    shown = _without(rows, hidden)
    return {
        "rows": [row | gap for row, gap in zip(shown, sides.rows(slice(None)), strict=True)],
        "summary": {"what": what, "matched": found.kind, "names": found.names, **sides.summary},
    }


def _nothing_meant(connection: duckdb.DuckDBPyConnection, known: Known, what: str) -> UsageError:
    asked = asked_of(what) or what
    shelves, products = near_shelves(known, asked), names.nearest(connection, asked)
    if shelves:
        nearest = ", ".join(dict.fromkeys([*shelves, *products]))
        return UsageError(f"compare: '{what:.60}' names nothing; nearest: {nearest}; name one of them")
    if products:
        names.known_products(connection, asked)
    return UsageError(
        f"compare: '{what:.60}' names nothing; allowed is a category, a subcategory or a product; name one"
    )


_COMPARE = """
    WITH here AS (
        SELECT p.product_id, p.product, p.brand, p.pack, p.platform, p.store_id, p.city, p.pincode, p.price, s.nth FROM prices AS p
        JOIN (SELECT store_id, row_number() OVER (PARTITION BY platform, pincode ORDER BY store_id) AS nth FROM stores)
            AS s ON s.store_id = p.store_id
        WHERE p.platform IN ($1, $2) AND p.in_stock AND p.is_active
            AND p.product_id IN (SELECT product_id FROM products WHERE list_contains($3, {column})))
    SELECT a.product, a.brand, a.pack, a.city, a.pincode, a.price AS price_a, b.price AS price_b
    FROM here AS a JOIN here AS b ON a.product_id = b.product_id AND a.pincode = b.pincode AND a.nth = b.nth
    WHERE a.platform = $1 AND b.platform = $2
    ORDER BY a.product, a.pack, a.pincode, a.store_id, a.product_id"""


def _wrong_kind(name: str, value: object, default: object) -> str:
    """Tell what is allowed where an argument is of another kind; nothing where it is not."""
    if name == "platforms":
        return "" if value is None or isinstance(value, Iterable) else "a list of platforms, as ['blinkit', 'zepto']"
    if name not in _TEXTS or isinstance(value, str) or (value is None and default is None):
        return ""
    return "text"


def ask(
    question: str, *args: Any, directory: str | os.PathLike[str] | None = None, **options: Any
) -> list[dict[str, Any]] | dict[str, Any]:
    """Put a question to a market: `ask("cheapest", "onions", directory="m")`, and so `deals`, `compare`, `basket`.

    What the question's own function takes after the connection goes here; what it gives comes back, amounts in rupees:

    * `cheapest`: product_name, city, pincode: a list of rows, cheapest first.
    * `deals`: platform, min_discount (percent), category, limit: a list of rows, deepest first.
    * `compare`: what, platform_a, platform_b: `rows` and `summary`.
    * `basket`: budget (rupees), items (a list of (quantity, name)), platforms (a list of ids), pincode: `lines`, `one_app`,
      `split` and more.

    UsageError for a question, name or value that the market does not have, ConflictError where no market is.
    """
    from qsim.queries.basket import basket

    known: dict[str, Callable[..., Any]] = {"cheapest": cheapest, "deals": deals, "compare": compare, "basket": basket}
    if not isinstance(question, str) or question not in known:
        raise UsageError(
            f"ask: '{question!s:.60}'; allowed: {names.nearest_of(str(question), list(known))}; choose one"
        )
    try:
        bound = inspect.signature(known[question]).bind(None, *args, **options)
    except TypeError as fault:
        takes = ", ".join(list(inspect.signature(known[question]).parameters)[1:])
        raise UsageError(f"ask {question}: {fault}; it takes: {takes}, and directory=; correct the call") from None
    for name, value in bound.arguments.items():
        kind = _wrong_kind(name, value, bound.signature.parameters[name].default)
        if kind:
            raise UsageError(f"ask {question}: {name}: found {shown(value)}; allowed is {kind}; mend it")
    answer: list[dict[str, Any]] | dict[str, Any] = connections.asked(
        directory, lambda connection: known[question](connection, *args, **options)
    )
    return answer
