"""Every table of a market: columns with types and meaning, key, and named rules.

A rule is a SQL expression that holds for each row of the view of the table's name; validation and the tests
evaluate the same texts. Columns are never null. Holds no data and opens no file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class Cause(IntEnum):
    """Why a listing changed at a tick; where several things happen at once, the first of them in this order."""

    SURGE_START = 1
    SURGE_END = 2
    DISCOUNT_START = 3
    DISCOUNT_END = 4
    UPDATE = 5
    CAMPAIGN_START = 6
    CAMPAIGN_END = 7
    TIME_OF_DAY = 8
    REPRICE = 9
    CLEARANCE = 10


CAMPAIGN_KINDS = ("flash", "weekday", "category", "time_of_day", "bulk")


@dataclass(frozen=True)
class Table:
    """A table: its columns as name -> (type, meaning), the columns of its key, and its rules as name -> SQL."""

    name: str
    columns: dict[str, tuple[str, str]]
    key: tuple[str, ...]
    rules: dict[str, str] = field(default_factory=dict)

    def arrow(self) -> pa.Schema:
        """Give the pyarrow schema of the table's files; every field is non-null."""
        import pyarrow as pa

        types = {"string": pa.string(), "bool": pa.bool_()}
        return pa.schema(
            [
                pa.field(name, types.get(kind) or getattr(pa, kind)(), nullable=False)
                for name, (kind, _) in self.columns.items()
            ]
        )


PLATFORMS = Table(
    "platforms",
    {
        "platform_id": ("uint8", "number, in the order of the parameters"),
        "platform": ("string", "id used everywhere: blinkit, zepto ..."),
        "name": ("string", "display name"),
        "low_percent": ("float64", "lowest anchor, percent of the base price"),
        "high_percent": ("float64", "highest anchor, percent of the base price"),
        "average_discount_percent": ("float64", "mean depth of its discounts"),
        "delivery_fee_paise": ("int32", "delivery fee of an order"),
        "handling_fee_paise": ("int32", "handling fee of an order"),
        "free_delivery_from_paise": ("int32", "goods from this sum on are delivered free"),
        "minimum_order_paise": ("int32", "least sum of goods in an order"),
    },
    ("platform_id",),
    {
        "band is ordered": "low_percent <= high_percent",
        "fees are not negative": "delivery_fee >= 0 AND handling_fee >= 0",
    },
)
CATEGORIES = Table(
    "categories",
    {
        "category_id": ("uint16", "number"),
        "category": ("string", "category"),
        "subcategory": ("string", "subcategory; tells fruits from vegetables"),
        "volatility_group": ("string", "key of category_volatility"),
    },
    ("category_id",),
    {"group is known": "volatility_group IN ('fruits', 'vegetables', 'dairy', 'snacks', 'staples', 'other')"},
)
BRANDS = Table(
    "brands", {"brand_id": ("uint32", "number"), "brand": ("string", "name; empty for unbranded")}, ("brand_id",)
)
PRODUCTS = Table(
    "products",
    {
        "product_id": ("uint32", "number, from 0, in product order"),
        "product": ("string", "full name with brand, without pack"),
        "brand": ("string", "brand; empty for unbranded"),
        "category": ("string", "category"),
        "subcategory": ("string", "subcategory"),
        "volatility_group": ("string", "key of category_volatility"),
        "pack": ("string", "pack size as printed"),
        "unit": ("string", "unit of the unit price: kg, l or piece; empty where the pack is unknown"),
        "pack_units": ("float64", "units in a pack; 0 where the pack is unknown"),
        "base_price_paise": ("int32", "price level that the platforms' bands are percents of"),
        "mrp_paise": ("int32", "printed or shown maximum retail price; 0 for none"),
        "is_loose": ("bool", "without a printed MRP"),
        "is_active": ("bool", "false: taken off sale, skipped by ticks"),
        "mrp_discount_bps": ("uint16", "permanent discount to the MRP, which loose goods show by it; 0 for none"),
    },
    ("product_id",),
    {
        "name is given": "length(product) > 0",
        "packaged goods have an MRP": "is_loose OR mrp > 0",
        "base price is positive and at most the MRP": "base_price > 0 AND (mrp IS NULL OR base_price <= mrp)",
    },
)
STORES = Table(
    "stores",
    {
        "store_id": ("uint32", "number over all platforms"),
        "platform_id": ("uint8", "its platform"),
        "city": ("string", "city"),
        "pincode": ("string", "postal code, six digits"),
        "area": ("string", "locality"),
    },
    ("store_id",),
    {"pincode has six digits": "regexp_full_match(pincode, '[1-9][0-9]{5}')"},
)
LISTINGS = Table(
    "listings",
    {
        "listing_id": ("uint32", "product_id x listings per product + store_id"),
        "product_id": ("uint32", "its product"),
        "store_id": ("uint32", "its dark store"),
        "platform_id": ("uint8", "its platform"),
        "anchor_price_paise": ("int32", "level that the regular price reverts to"),
        "unit_cost_paise": ("int32", "what the unit cost the platform"),
        "stock": ("uint16", "units on hand at tick 0"),
        "reserved": ("uint16", "units of these promised to open orders"),
        "reorder_level": ("uint16", "stock at which it is ordered again"),
        "target_stock": ("uint16", "stock after a delivery"),
    },
    ("listing_id",),
    {
        "anchor is positive": "anchor_price > 0",
        "anchor is at most the MRP": "mrp IS NULL OR anchor_price <= mrp",
        "cost is positive and below the anchor": "unit_cost > 0 AND (unit_cost < anchor_price OR anchor_price < 0.02)",
    },
)
INVENTORY_RULES = {
    "reserved is within stock": "reserved <= stock",
    "stock is within its target": "stock <= target_stock",
    "reorder level is within the target": "reorder_level < target_stock",
    "status follows stock": "status = CASE WHEN stock = 0 THEN 'out_of_stock' WHEN stock <= reorder_level "
    "THEN 'low_stock' ELSE 'in_stock' END",
}
CAMPAIGNS = Table(
    "campaigns",
    {
        "campaign_id": ("uint16", "number, from 1"),
        "campaign": ("string", "name"),
        "kind": ("string", "flash, weekday, category, time_of_day or bulk"),
        "platform_id": ("uint8", "its platform"),
        "category": ("string", "its category; empty for all"),
        "starts_second": ("int64", "market second at which it first starts; negative before tick 0"),
        "duration_seconds": ("int64", "how long it runs each time"),
        "repeat_seconds": ("int64", "it starts again after so long; 0 for once"),
        "ends_second": ("int64", "market second after which it starts no more"),
        "units_per_listing": ("uint16", "stock set aside for each listing"),
    },
    ("campaign_id",),
    {"kind is known": f"kind IN {CAMPAIGN_KINDS}", "ends after its start": "ends_at > starts_at"},
)
CAMPAIGN_LINES = Table(
    "campaign_lines",
    {
        "campaign_id": ("uint16", "its campaign"),
        "listing_id": ("uint32", "the listing it prices"),
        "discount_bps": ("uint16", "depth, basis points of the regular price"),
    },
    ("campaign_id", "listing_id"),
    {"depth is 20-50 %": "discount_pct BETWEEN 20 AND 50"},
)
EVENTS = Table(
    "events",
    {
        "tick": ("uint32", "the tick"),
        "listing_id": ("uint32", "the listing"),
        "cause": ("uint8", "number of the cause"),
        "price_before_paise": ("int32", "price before"),
        "price_after_paise": ("int32", "price after"),
        "regular_price_paise": ("int32", "price without overlays, after"),
        "discount_bps": ("uint16", "running discount after, basis points of the regular price"),
        "surge_bps": ("uint16", "surge on the price after, basis points"),
        "surge_fee_paise": ("uint16", "surge fee after"),
    },
    ("tick", "listing_id"),
    {
        "prices are positive": "price_before > 0 AND price_after > 0 AND regular_price > 0",
        "discount is 0-100 %": "discount_pct BETWEEN 0 AND 100",
    },
)
DISCOUNTS = Table(
    "discounts",
    {
        "tick": ("uint32", "the tick of the change"),
        "listing_id": ("uint32", "the listing"),
        "discount_bps": ("uint16", "depth from this tick on; 0: it ended"),
    },
    ("tick", "listing_id"),
    {
        "depth is positive": "discount_pct > 0 AND discount_pct <= 90",
        "ends after its start": "ends_at IS NULL OR ends_at > starts_at",
    },
)
SNAPSHOTS = Table(
    "snapshots",
    {
        "tick": ("uint32", "the tick"),
        "listing_id": ("uint32", "the listing"),
        "price_paise": ("int32", "price"),
        "regular_price_paise": ("int32", "price without overlays"),
        "discount_bps": ("uint16", "running discount, basis points of the regular price"),
        "own_discount_bps": ("uint16", "the part of it that is no campaign's; 0 for none"),
        "surge_bps": ("uint16", "surge on the price, basis points"),
        "surge_fee_paise": ("uint16", "surge fee"),
        "updated_tick": ("uint32", "tick of its last event"),
        "own_ends_second": ("uint32", "market second at which the own discount is over; 0 where it has no set end"),
    },
    ("tick", "listing_id"),
)
METRICS = Table(
    "metrics",
    {
        "tick": ("uint32", "the tick"),
        "block": ("uint32", "the block of products"),
        "attempted": ("uint32", "listings that the tick took up"),
        "changed": ("uint32", "of these, listings with an event"),
    },
    ("tick", "block"),
    {"changed is within attempted": "changed <= attempted"},
)
ORDERS = Table(
    "orders",
    {
        "tick": ("uint32", "the tick"),
        "listing_id": ("uint32", "the listing"),
        "units": ("uint16", "units sold"),
        "price_paise": ("int32", "price paid a unit"),
    },
    ("tick", "listing_id"),
)
PRICE_RULES = {
    "price is positive": "price > 0 AND regular_price > 0",
    "packaged goods cost at most the MRP": "is_loose OR price <= mrp",
    "discount is 0-100 %": "discount_pct BETWEEN 0 AND 100",
    "in stock follows stock": "in_stock = (stock > 0)",
}

CATALOG = (PLATFORMS, CATEGORIES, BRANDS, PRODUCTS, STORES, LISTINGS, CAMPAIGNS, CAMPAIGN_LINES)
HISTORY = (EVENTS, DISCOUNTS, SNAPSHOTS, METRICS, ORDERS)
TABLES = {table.name: table for table in (*CATALOG, *HISTORY)}
