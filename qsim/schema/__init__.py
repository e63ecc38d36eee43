"""Every table of a market: columns with types and meaning, key, and named rules.

A rule is a SQL expression that holds for each row of the view of the table's name; validation and the tests
evaluate the same texts. Columns are never null. Holds no data and opens no file.
"""

from qsim.schema.catalog import (
    BRANDS,
    CALENDAR,
    CAMPAIGN_LINES,
    CAMPAIGNS,
    CATALOG,
    CATEGORIES,
    INVENTORY_RULES,
    LISTINGS,
    PLATFORMS,
    PRODUCTS,
    STORES,
)
from qsim.schema.history import (
    DELIVERIES,
    DISCOUNTS,
    EVENTS,
    FEES,
    HISTORY,
    METRICS,
    METRICS_EVERY,
    MOST_SQUARES,
    ORDERS,
    PLATFORM_METRICS,
    PRICE_RULES,
    SIZE_EDGES_BPS,
    SIZES,
    SNAPSHOTS,
    STATES,
    TRUTH,
)
from qsim.schema.table import CAMPAIGN_KINDS, Cause, Table

TABLES = {table.name: table for table in (*CATALOG, *HISTORY)}

__all__ = [
    "BRANDS",
    "CALENDAR",
    "CAMPAIGNS",
    "CAMPAIGN_KINDS",
    "CAMPAIGN_LINES",
    "CATALOG",
    "CATEGORIES",
    "DELIVERIES",
    "DISCOUNTS",
    "EVENTS",
    "FEES",
    "HISTORY",
    "INVENTORY_RULES",
    "LISTINGS",
    "METRICS",
    "METRICS_EVERY",
    "MOST_SQUARES",
    "ORDERS",
    "PLATFORMS",
    "PLATFORM_METRICS",
    "PRICE_RULES",
    "PRODUCTS",
    "SIZES",
    "SIZE_EDGES_BPS",
    "SNAPSHOTS",
    "STATES",
    "STORES",
    "TABLES",
    "TRUTH",
    "Cause",
    "Table",
]
