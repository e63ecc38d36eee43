"""The questions that a market is asked by name: cheapest, deals, compare and, from `basket`, the basket.

It holds what each question means and gives rows or a dictionary of plain values: money in rupees with two
decimals, times as text in India, ready for JSON. It refuses to hold printing, and changes nothing in a market.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb

from qsim.errors import UsageError
from qsim.queries import connection as connections
from qsim.queries import names
from qsim.queries.connection import rows_of

NOW = "tick_time(tick_at(TIMESTAMP '9999-12-31'))"
_GROUP_WORDS = {"price", "cost", "rate"}


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
    """List every listing on sale now of the products that a name means, cheapest first; prices in rupees.

    The order is by `unit_price` (rupees per `unit`) where all packs have the same unit, else by `price`;
    `ranked_by` tells which. Equal ones share a `rank` (1, 1, 3), and `is_cheapest` marks rank 1. The surge fee of
    an order is shown and does not count. Where the nearest products are all sold out the next nearest answer.
    Raises UsageError for a name, city or pincode that the market has not.
    """
    check_place(connection, "city", city)
    check_place(connection, "pincode", pincode)
    for group in names.known_products(connection, product_name):
        rows = rows_of(
            connection,
            """SELECT product, brand, pack, platform, store_id, city, pincode, price, unit_price, unit, discount_pct,
                surge_fee FROM prices WHERE product_id IN (SELECT unnest($1::UINTEGER[])) AND in_stock AND is_active
                AND ($2::VARCHAR IS NULL OR lower(city) = lower($2)) AND ($3::VARCHAR IS NULL OR pincode = $3)""",
            [group, city, pincode],
        )
        if rows:
            return _ranked(rows, one_store=not _has_many_stores(connection))
    return []


def _ranked(rows: list[dict[str, Any]], one_store: bool) -> list[dict[str, Any]]:
    units = {row["unit"] for row in rows}
    basis = "unit_price" if len(units) == 1 and all(row["unit_price"] is not None for row in rows) else "price"
    rows.sort(
        key=lambda r: (r[basis], r["price"], r["surge_fee"], r["product"], r["pack"], r["platform"], r["store_id"])
    )
    place, before = 0, None
    for count, row in enumerate(rows, start=1):
        place = place if row[basis] == before else count
        before = row[basis]
        row.update(rank=place, is_cheapest=place == 1, ranked_by=basis)
    hidden = {"store_id", "city", "pincode"} if one_store else set()
    return [plain({name: value for name, value in row.items() if name not in hidden}) for row in rows]


def _has_many_stores(connection: duckdb.DuckDBPyConnection) -> bool:
    counted = "SELECT count(*) > count(DISTINCT platform) AS many FROM stores"
    return bool(rows_of(connection, counted)[0]["many"])


def check_place(connection: duckdb.DuckDBPyConnection, column: str, value: str | None) -> None:
    """Refuse a city or pincode (`column`) in which the market has no store."""
    if value is None:
        return
    rows = rows_of(connection, f"SELECT {column} AS place FROM stores GROUP BY 1 ORDER BY min(store_id)")
    known = [str(row["place"]) for row in rows]
    if str(value).lower() not in {place.lower() for place in known}:
        raise UsageError(
            f"{column} '{value!s:.60}': no store there; allowed: {names.nearest_of(str(value), known)}; choose one"
        )


def check_platform(connection: duckdb.DuckDBPyConnection, platform: str) -> str:
    """Give the id of a platform from its id or display name, in any case; UsageError for one that is not there."""
    rows = rows_of(connection, "SELECT platform, name FROM platforms ORDER BY platform_id")
    for row in rows:
        if platform.lower() in (str(row["platform"]).lower(), str(row["name"]).lower()):
            return str(row["platform"])
    known = [str(row["platform"]) for row in rows]
    raise UsageError(
        f"platform '{platform:.60}': not in this market; allowed: {names.nearest_of(platform, known)}; choose one"
    )


def shelf(connection: duckdb.DuckDBPyConnection, text: str, *, loosely: bool = False) -> tuple[str, list[str]] | None:
    """Find what a user calls a category: the column of `products` that has it, with its values, or None.

    In this order, singular or plural, with or without `price` behind: a subcategory, a category, a volatility
    group (`fruits`, `dairy`). `loosely` also takes a name that has all the words, as `Fresh Fruits` has `fruit`.
    """
    asked = tuple(word for word in names.words(text) if word not in _GROUP_WORDS)
    columns = ("subcategory", "category", "volatility_group")
    known = {
        column: [
            str(row["value"])
            for row in rows_of(connection, f"SELECT DISTINCT {column} AS value FROM categories ORDER BY 1")
        ]
        for column in columns
    }
    for column in columns:
        values = [value for value in known[column] if names.words(value) == asked]
        if values:
            return column, values
    for column in columns[: 2 if loosely and asked else 0]:
        values = [value for value in known[column] if set(asked) <= set(names.words(value))]
        if values:
            return column, values
    return None


def known_shelf(connection: duckdb.DuckDBPyConnection, category: str) -> tuple[str, list[str]]:
    """Find what a user calls a category as `shelf` does, loosely; UsageError where there is none."""
    where = shelf(connection, category, loosely=True)
    if where is None:
        known = [
            str(row["c"]) for row in rows_of(connection, "SELECT DISTINCT category AS c FROM categories ORDER BY 1")
        ]
        raise UsageError(
            f"category '{category:.60}': not in this market; allowed: {names.nearest_of(category, known)}; choose one"
        )
    return where


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
    campaign's, null where its end is not known. A discount that an item's surge fee suspends is no deal. `category` is a
    category, a subcategory or a volatility group; at most `limit` rows.
    """
    if not 0 <= min_discount <= 100:
        raise UsageError(f"min_discount {min_discount}: allowed is 0 to 100 percent; choose a number in it")
    if limit < 1:
        raise UsageError(f"limit {limit}: allowed is 1 or more rows; choose a number in it")
    chosen = None if platform is None else check_platform(connection, platform)
    column, values = ("category", None) if category is None else known_shelf(connection, category)
    rows = rows_of(connection, _DEALS.format(column=column, now=NOW), [chosen, min_discount, values, limit])
    hidden = set() if _has_many_stores(connection) else {"store_id", "city", "pincode"}
    return [plain({name: value for name, value in row.items() if name not in hidden}) for row in rows]


_DEALS = """
    WITH good AS (
        SELECT listing_id, product, brand, subcategory, pack, platform, store_id, city, pincode, regular_price, price, discount_pct
        FROM prices AS p
        WHERE ($1::VARCHAR IS NULL OR p.platform = $1) AND p.discount_pct >= $2 AND p.discount_pct > 0
            AND ($3::VARCHAR[] IS NULL OR list_contains($3::VARCHAR[], p.{column}))
            AND p.in_stock AND p.is_active AND p.surge_fee = p.order_fee),
    lasting AS (
        SELECT listing_id, discount_pct, max(l.ends_at) AS ends_at, max_by(campaign, l.ends_at) AS campaign
        FROM raw.line_times AS l JOIN campaigns USING (campaign_id)
        WHERE l.starts_at <= {now} AND l.ends_at > {now} GROUP BY 1, 2)
    SELECT product, brand, subcategory, pack, platform, store_id, city, pincode, regular_price, price,
        good.discount_pct, regular_price - price AS saved, lasting.campaign, lasting.ends_at
    FROM good LEFT JOIN lasting ON good.listing_id = lasting.listing_id AND good.discount_pct = lasting.discount_pct
    ORDER BY good.discount_pct DESC, saved DESC, product, pack, platform, store_id LIMIT $4"""


def compare(connection: duckdb.DuckDBPyConnection, what: str, platform_a: str, platform_b: str) -> dict[str, Any]:
    """Set two platforms' prices side by side for a subcategory, a category or a product; rupees.

    `rows` are products on sale on both now, at dark stores in the same pincode: `gap` is price_b - price_a,
    `gap_pct` its percent of price_a, `winner` the cheaper platform or `tie`. `summary` counts who wins, and gives
    the mean of gap_pct and what one of each would cost. `what` may carry `prices` behind it.
    """
    first, second = check_platform(connection, platform_a), check_platform(connection, platform_b)
    if first == second:
        raise UsageError(f"compare: '{first:.60}' with itself; allowed are two different platforms; name another")
    kind, matched, attempts = _meant(connection, what)
    rows: list[dict[str, Any]] = []
    for column, values in attempts:
        rows = rows_of(connection, _COMPARE.format(column=column), [first, second, values])
        if rows:
            break
    for row in rows:
        row["gap"] = row["price_b"] - row["price_a"]
        row["gap_pct"] = round(100 * row["gap"] / row["price_a"], 2)
        row["winner"] = "tie" if row["gap"] == 0 else first if row["gap"] > 0 else second
    head = {"what": what, "matched": kind, "names": matched, "platform_a": first, "platform_b": second}
    summary = head | _summary(rows, first, second)
    hidden = set() if _has_many_stores(connection) else {"city", "pincode"}
    return {
        "rows": [plain({k: v for k, v in row.items() if k not in hidden}) for row in rows],
        "summary": plain(summary),
    }


def _meant(connection: duckdb.DuckDBPyConnection, what: str) -> tuple[str, list[str], list[tuple[str, list[Any]]]]:
    """Tell what kind of thing `what` is, its names, and the conditions to try in turn as (column, values)."""
    where = shelf(connection, what)
    asked = " ".join(word for word in what.split() if names.singular(word.lower()) not in _GROUP_WORDS)
    if not where:
        kins = names.kins_of(connection, asked)
        loose = shelf(connection, what, loosely=True)
        if kins and (loose is None or any(degree < names.Kin.MENTION for _, degree, _ in kins)):
            return "product", [asked], [("product_id", group) for group in names.groups(kins)]
        where = loose
    if where:
        column, values = where
        return column, values, [(column, values)]
    names.known_products(connection, asked or what)
    raise UsageError(
        f"compare: '{what:.60}' names nothing; allowed is a category, a subcategory or a product; name one"
    )


def _summary(rows: list[dict[str, Any]], first: str, second: str) -> dict[str, Any]:
    winners = [row["winner"] for row in rows]
    total_a, total_b = (sum((row[column] for row in rows), Decimal(0)) for column in ("price_a", "price_b"))
    mean = round(float(sum(row["gap_pct"] for row in rows)) / len(rows), 2) if rows else None
    cheaper = "tie" if total_a == total_b else first if total_a < total_b else second
    return {
        "compared": len(rows), "wins_a": winners.count(first), "wins_b": winners.count(second), "ties": winners.count("tie"),
        "mean_gap_pct": mean, "total_a": total_a, "total_b": total_b, "total_gap": total_b - total_a,
        "cheaper": cheaper if rows else None,
    }  # fmt: skip


_COMPARE = """
    WITH here AS (
        SELECT p.product_id, p.product, p.brand, p.pack, p.platform, p.store_id, p.city, p.pincode, p.price, s.nth FROM prices AS p
        JOIN (SELECT store_id, row_number() OVER (PARTITION BY platform, pincode ORDER BY store_id) AS nth FROM stores)
            AS s ON s.store_id = p.store_id
        WHERE p.platform IN ($1, $2) AND list_contains($3, p.{column}) AND p.in_stock AND p.is_active)
    SELECT a.product, a.brand, a.pack, a.city, a.pincode, a.price AS price_a, b.price AS price_b
    FROM here AS a JOIN here AS b ON a.product_id = b.product_id AND a.pincode = b.pincode AND a.nth = b.nth
    WHERE a.platform = $1 AND b.platform = $2
    ORDER BY a.product, a.pack, a.pincode, a.store_id"""


def ask(
    question: str, *args: Any, directory: str | os.PathLike[str] | None = None, **options: Any
) -> list[dict[str, Any]] | dict[str, Any]:
    """Put a question to a market: `ask("cheapest", "onions", directory="m")`, and so `deals`, `compare`, `basket`.

    What the question's own function takes after the connection goes here; what it gives comes back.
    """
    from qsim.queries.basket import basket

    known: dict[str, Callable[..., Any]] = {"cheapest": cheapest, "deals": deals, "compare": compare, "basket": basket}
    if question not in known:
        raise UsageError(f"ask: '{question:.60}'; allowed: {names.nearest_of(question, list(known))}; choose one")
    try:
        inspect.signature(known[question]).bind(None, *args, **options)
    except TypeError as fault:
        takes = ", ".join(list(inspect.signature(known[question]).parameters)[1:])
        raise UsageError(f"ask {question}: {fault}; it takes: {takes}; correct the call") from None
    connection = connections.connect(directory)
    try:
        answer: list[dict[str, Any]] | dict[str, Any] = known[question](connection, *args, **options)
    finally:
        connection.close()
    return answer
