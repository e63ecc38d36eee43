"""Category 1: keys, references, completeness, named rules of the catalog, and the log's count of every table."""

from __future__ import annotations

from qsim import schema
from qsim.schema import CATALOG, HISTORY, Table
from qsim.validation.checks import Check, bounds, broken_rules, faults, rows_of_table

_LINES = "(SELECT *, discount_bps * 0.01 AS discount_pct FROM raw.campaign_lines)"
_RULED = (
    (schema.PLATFORMS, "platforms"),
    (schema.CATEGORIES, "categories"),
    (schema.PRODUCTS, "products"),
    (schema.STORES, "stores"),
    (schema.LISTINGS, "listings"),
    (schema.CAMPAIGNS, "campaigns"),
    (schema.CAMPAIGN_LINES, _LINES),
    (schema.CALENDAR, "calendar"),
    (schema.ORDERS, "orders"),
    (schema.DELIVERIES, "deliveries"),
    (schema.FEES, "fees"),
    (schema.METRICS, "raw.metrics"),
    (schema.PLATFORM_METRICS, "raw.platform_metrics"),
)


def _repeated_keys(tables: tuple[Table, ...]) -> str:
    def one(table: Table) -> str:
        key = ", ".join(table.key)
        shown = " || ', ' || ".join(f"'{name} ' || {name}" for name in table.key)
        return (
            f"SELECT '{table.name}' AS of_table, {shown} AS key, count(*) AS times FROM {rows_of_table(table)}"
            f" GROUP BY {key} HAVING count(*) > 1"
        )

    return " UNION ALL ".join(map(one, tables))


def _nulls(tables: tuple[Table, ...]) -> str:
    def one(table: Table) -> str:
        whens = " ".join(f"WHEN {name} IS NULL THEN '{name}'" for name in table.columns)
        any_null = " OR ".join(f"{name} IS NULL" for name in table.columns)
        return f"SELECT '{table.name}' AS of_table, CASE {whens} END AS null_column FROM {rows_of_table(table)} WHERE {any_null}"

    return " UNION ALL ".join(map(one, tables))


def _unresolved(table: str, key: str, target: str) -> str:
    return (
        f"SELECT '{table}' AS of_table, '{key}' AS reference, {key}::BIGINT AS value FROM {table}"
        f" WHERE {key} NOT IN (SELECT {key} FROM {target})"
    )


def _rule_check(number: int, table: Table, source: str) -> Check:
    query = broken_rules(table.rules, source, table.key if table is not schema.PLATFORMS else ("platform",))
    return faults(f"1.{number}", f"Every rule of the table {table.name} holds.", query)


_COUNTED = " UNION ALL ".join(
    f"SELECT '{name}' AS name, count(*)::BIGINT AS rows FROM raw.{name}" for name in schema.TABLES
)
_FIRST_RULED = 18

CHECKS = (
    faults("1.1", "Keys of the catalog tables are unique.", _repeated_keys(CATALOG)),
    faults("1.2", "Keys of the history tables are unique.", _repeated_keys(HISTORY), sampled=True),
    faults("1.3", "No column of a catalog table is null.", _nulls(CATALOG)),
    faults("1.4", "No column of a history table is null.", _nulls(HISTORY), sampled=True),
    faults(
        "1.5",
        "Every product is of a known category.",
        """SELECT product_id, category, subcategory FROM raw.products
        ANTI JOIN raw.categories USING (category, subcategory, volatility_group)""",
    ),
    faults(
        "1.6",
        "Every product is of a known brand.",
        "SELECT product_id, brand FROM raw.products ANTI JOIN raw.brands USING (brand)",
    ),
    faults(
        "1.7",
        "Every dark store and campaign is of a known platform.",
        f"{_unresolved('raw.stores', 'platform_id', 'raw.platforms')}"
        f" UNION ALL {_unresolved('raw.campaigns', 'platform_id', 'raw.platforms')}",
    ),
    faults(
        "1.8",
        "Every listing is of a known product and dark store, on the store's platform.",
        """SELECT listing_id, product_id, store_id FROM raw.listings
        ANTI JOIN raw.products USING (product_id) UNION ALL
        SELECT listing_id, product_id, store_id FROM raw.listings ANTI JOIN raw.stores USING (store_id, platform_id)""",
    ),
    faults(
        "1.9",
        "Every campaign line is of a known campaign and listing.",
        f"{_unresolved('raw.campaign_lines', 'campaign_id', 'raw.campaigns')}"
        f" UNION ALL {_unresolved('raw.campaign_lines', 'listing_id', 'raw.listings')}",
    ),
    faults(
        "1.10",
        "Every event, discount, snapshot row, order, delivery and truth is of a known listing, every fee of a known dark store.",
        " UNION ALL ".join(
            _unresolved(f"raw.{name}", "listing_id", "raw.listings")
            for name in ("events", "discounts", "snapshots", "orders", "deliveries", "truth")
        )
        + f" UNION ALL {_unresolved('raw.fees', 'store_id', 'raw.stores')}",
    ),
    faults(
        "1.11",
        "Every product is listed at every dark store.",
        """SELECT product_id, count(DISTINCT store_id) AS stores FROM raw.products LEFT JOIN raw.listings USING (product_id)
        GROUP BY product_id HAVING count(DISTINCT store_id) <> (SELECT count(*) FROM raw.stores)""",
    ),
    faults(
        "1.12",
        "A listing's number follows from its product and dark store.",
        """SELECT listing_id, product_id, store_id FROM raw.listings
        WHERE listing_id <> product_id::BIGINT * (SELECT count(*) FROM raw.stores) + store_id""",
    ),
    faults(
        "1.13",
        "Every table has as many rows as the log counts.",
        f"""SELECT name AS of_table, l.rows AS in_log, c.rows AS in_files FROM ({_COUNTED}) AS c
        FULL JOIN checked.log AS l USING (name) WHERE c.rows IS DISTINCT FROM l.rows""",
    ),
    bounds(
        "1.14",
        "There are as many products, dark stores and listings as the parameters say.",
        "the parameters' counts",
        """SELECT what, measured, wanted AS low, wanted AS high FROM (
            SELECT 'products' AS what, (SELECT count(*) FROM raw.products) AS measured, products AS wanted FROM checked.market
            UNION ALL SELECT 'dark stores', (SELECT count(*) FROM raw.stores), stores * (SELECT count(*) FROM checked.platforms)
            FROM checked.market
            UNION ALL SELECT 'listings', (SELECT count(*) FROM raw.listings),
            products * stores * (SELECT count(*) FROM checked.platforms) FROM checked.market)""",
    ),
    faults(
        "1.15",
        "No two products of a generated market have the same name and pack.",
        """SELECT product, pack, count(*) AS times FROM raw.products WHERE (SELECT generated FROM checked.market)
        GROUP BY product, pack HAVING count(*) > 1""",
    ),
    bounds(
        "1.16",
        "Some products are on sale, and no more are off sale than the parameters say.",
        "inactive_percent of the products at most, never all",
        """SELECT 'inactive products' AS what, count(*) FILTER (NOT is_active) AS measured, 0 AS low,
            least(round_even(count(*) * (SELECT inactive_percent FROM checked.market) / 100, 0), count(*) - 1) AS high
        FROM raw.products""",
    ),
    faults(
        "1.17",
        "The platforms are those of the parameters, with their names, bands, mean discounts and fees.",
        """SELECT platform FROM checked.platforms ANTI JOIN (SELECT *, low_percent AS low, high_percent AS high,
            average_discount_percent AS depth FROM raw.platforms) USING (platform, name, low, high, depth,
            delivery_fee_paise, handling_fee_paise, free_delivery_from_paise, minimum_order_paise)
        UNION ALL SELECT platform FROM raw.platforms ANTI JOIN checked.platforms USING (platform)""",
    ),
    *(_rule_check(_FIRST_RULED + nth, table, source) for nth, (table, source) in enumerate(_RULED)),
)
