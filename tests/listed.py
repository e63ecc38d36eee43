"""The public views laid out by hand: a connection to a few listings of the test's choosing."""

from __future__ import annotations

from typing import Any

import duckdb

Connection = duckdb.DuckDBPyConnection

LISTED: dict[str, Any] = {
    "product": "Onion", "brand": "", "category": "Food", "subcategory": "Vegetables", "volatility_group": "vegetables",
    "pack": "1 kg", "pack_units": 1.0, "unit": "kg", "platform": "zepto", "price": 20, "regular_price": 40, "discount_pct": 0,
    "surge_fee": 0, "order_fee": 0, "stock": 90, "in_stock": True, "is_active": True,
}  # fmt: skip


def by_hand(*changes: dict[str, Any], fees: tuple[float, float, float, float] = (0, 0, 0, 0)) -> Connection:
    """Lay out the public views as tables, one listing a change, all in one pincode; fees of every platform in rupees."""
    rows = [LISTED | change for change in changes]
    names = list(dict.fromkeys(row["platform"] for row in rows))
    goods = list(dict.fromkeys((row["product"], row["brand"], row["pack"]) for row in rows))
    connection = duckdb.connect(":memory:")
    for statement in (
        """CREATE TABLE prices (listing_id UINTEGER, product_id UINTEGER, product VARCHAR, brand VARCHAR, pack VARCHAR,
            unit VARCHAR, unit_price DECIMAL(12, 2), platform VARCHAR, store_id UINTEGER, city VARCHAR, pincode VARCHAR,
            price DECIMAL(12, 2), regular_price DECIMAL(12, 2), discount_pct DECIMAL(5, 2), surge_fee DECIMAL(12, 2),
            order_fee DECIMAL(12, 2), stock INTEGER, in_stock BOOLEAN, is_active BOOLEAN, category VARCHAR, subcategory VARCHAR)""",
        """CREATE TABLE products (product_id UINTEGER, product VARCHAR, brand VARCHAR, category VARCHAR, subcategory VARCHAR,
            volatility_group VARCHAR, pack VARCHAR, pack_units DOUBLE, unit VARCHAR)""",
        "CREATE TABLE stores (store_id UINTEGER, platform VARCHAR, city VARCHAR, pincode VARCHAR)",
        """CREATE TABLE platforms (platform_id INTEGER, platform VARCHAR, name VARCHAR, delivery_fee DECIMAL(12, 2),
            handling_fee DECIMAL(12, 2), free_delivery_from DECIMAL(12, 2), minimum_order DECIMAL(12, 2),
            is_open BOOLEAN)""",
        """CREATE TABLE discounts (listing_id UINTEGER, campaign_id INTEGER, discount_pct DECIMAL(5, 2), starts_at TIMESTAMP,
            ends_at TIMESTAMP)""",
        "CREATE TABLE campaigns (campaign_id INTEGER, campaign VARCHAR, starts_at TIMESTAMP, ends_at TIMESTAMP)",
        "CREATE SCHEMA raw",
        "CREATE VIEW raw.line_times AS SELECT * FROM discounts WHERE campaign_id IS NOT NULL",
        "CREATE VIEW raw.searchable AS SELECT product_id, lower(product || ' ' || brand) AS words FROM products",
        "CREATE VIEW categories AS SELECT DISTINCT category, subcategory, volatility_group FROM products",
        "CREATE MACRO market_time() AS TIMESTAMP '2026-01-01 12:00:00'",
    ):  # fmt: skip
        connection.execute(statement)
    for at, name in enumerate(names):
        connection.execute("INSERT INTO platforms VALUES (?, ?, ?, ?, ?, ?, ?, true)", [at, name, name.title(), *fees])
        connection.execute("INSERT INTO stores VALUES (?, ?, 'Delhi', '110024')", [at, name])
    seen = set()
    for at, row in enumerate(rows):
        good = goods.index((row["product"], row["brand"], row["pack"]))
        unit_price = row["price"] / row["pack_units"] if row["pack_units"] else None
        connection.execute(
            "INSERT INTO prices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'Delhi', '110024', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [at, good, row["product"], row["brand"], row["pack"], row["unit"], unit_price, row["platform"],
             names.index(row["platform"]), row["price"], row["regular_price"], row["discount_pct"], row["surge_fee"],
             row["order_fee"], row["stock"], row["in_stock"], row["is_active"], row["category"], row["subcategory"]],
        )  # fmt: skip
        if good not in seen:
            seen.add(good)
            keys = ("product", "brand", "category", "subcategory", "volatility_group", "pack", "pack_units", "unit")
            connection.execute(
                "INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [good, *[row[key] for key in keys]]
            )
    return connection
