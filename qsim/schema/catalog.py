"""The tables of what a market is made of."""

from __future__ import annotations

from qsim.schema.table import CAMPAIGN_KINDS, Table

PLATFORMS = Table(
    "platforms",
    {
        "platform_id": ("uint8", "number, in the order of the parameters"),
        "platform": ("string", "id used everywhere: blinkit, zepto ..."),
        "name": ("string", "display name"),
        "low_percent": ("float64", "lowest anchor, percent of the base price"),
        "high_percent": ("float64", "highest anchor, percent of the base price"),
        "average_discount_percent": (
            "float64",
            "mean depth of its discounts where they come with turns, as in the classic market; sales by rates have laws of their own",
        ),
        "delivery_fee_paise": ("int32", "delivery fee of an order"),
        "handling_fee_paise": ("int32", "handling fee of an order"),
        "free_delivery_from_paise": ("int32", "goods, items' surge fees included, from this sum on are delivered free"),
        "minimum_order_paise": ("int32", "least sum of goods in an order, items' surge fees included"),
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
        "mrp_paise": ("int32", "printed maximum retail price, of loose goods that of the user's list; 0 for none"),
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
        "unit_cost_paise": ("int32", "what the unit cost the platform at tick 0"),
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
        "units_per_listing": ("uint16", "stock set aside for each listing, by which no sale is bounded"),
    },
    ("campaign_id",),
    {"kind is known": f"kind IN {CAMPAIGN_KINDS}", "ends after its start": "ends_at IS NULL OR ends_at > starts_at"},
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
CALENDAR = Table(
    "calendar",
    {
        "entry_id": ("uint16", "number, in the order of the file"),
        "name": ("string", "festival, sale or match"),
        "date": ("string", "its first day, YYYY-MM-DD with * for any year or month"),
        "days": ("uint16", "days from it on"),
        "from_hour": ("uint8", "first hour of each of these days"),
        "to_hour": ("uint8", "hour of the day at which it ends"),
        "city": ("string", "its city; empty for all"),
        "demand": ("float64", "customers are so many times as many"),
        "sales": ("float64", "sales start so many times as often"),
        "deeper_bps": ("uint16", "added to the depth of sales that start, basis points"),
    },
    ("entry_id",),
    {
        "hours are ordered": "from_hour < to_hour AND to_hour <= 24",
        "factors are not negative": "demand >= 0 AND sales >= 0",
        "sales are those of all cities": "city = '' OR (sales = 1 AND deeper_pct = 0)",
    },
)

CATALOG = (PLATFORMS, CATEGORIES, BRANDS, PRODUCTS, STORES, LISTINGS, CAMPAIGNS, CAMPAIGN_LINES, CALENDAR)
