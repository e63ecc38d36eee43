"""What every view, column and macro means, in words: the view `dictionary`, which any query may ask.

A column that comes out of a table of the view's name has that table's meaning, with rupees for paise and percent for basis
points; the others are told here. Texts only; a test holds them to the columns that the views have.
"""

from __future__ import annotations

import json
from functools import cache

from qsim.queries.texts import quoted
from qsim.schema import CAMPAIGN_KINDS, TABLES, Cause

_TRADE = "tick ts listing_id product_id product category platform store_id"
_NAMED = "listing_id product_id product category platform store_id"
_CELL = "day platform category"

# What one row of each view is, and its columns in their order.
VIEWS = {
    "products": (
        "one product in one pack",
        "product_id product brand category subcategory pack unit pack_units volatility_group base_price mrp is_loose is_active",
    ),
    "listings": (
        "one product at one dark store",
        "listing_id product_id platform store_id city pincode anchor_price unit_cost mrp",
    ),
    "prices": (
        "one listing as it is now, those off sale (is_active) and of closed platforms (platforms.is_open) too",
        "listing_id product_id product brand category subcategory pack platform store_id city pincode mrp regular_price price"
        " discount_pct off_mrp_pct unit_price unit surge_fee stock in_stock is_loose is_active updated_at order_fee",
    ),
    "price_history": (
        "one change to one listing at one tick; its price may stay (price_before = price_after), as it does at most stock_outs"
        " and restocks",
        "tick ts listing_id product_id product category subcategory pack platform store_id cause price_before price_after"
        " regular_price discount_pct surge_pct surge_fee",
    ),
    "discounts": (
        "one running, past or coming discount of one listing; campaign lines are told up to 14 days ahead",
        "listing_id campaign_id discount_pct starts_at ends_at",
    ),
    "inventory": (
        "the stock of one listing now",
        "listing_id product_id platform store_id stock reserved reorder_level target_stock status",
    ),
    "orders": (
        "what was sold or wanted of one listing in one tick; no row where nothing was",
        f"{_TRADE} units wanted_units lost_units price cost revenue margin",
    ),
    "deliveries": ("one delivery to one listing", f"{_TRADE} units stock"),
    "fees": (
        "one change of the fee of an order, or of whether it rains, at one dark store, in force until the next",
        "tick ts store_id platform city fee load is_raining",
    ),
    "truth": (
        "why one change ended in its price: the anchor and the parts add up to it",
        "tick ts listing_id cause anchor_price regular_price cost_part noise_part discount_part campaign_part surge_part"
        " time_of_day_part zone_part rounding_part rival_part price shock_id hazard_a_day source_listing_id",
    ),
    "platforms": (
        "one quick-commerce service",
        "platform_id platform name low_percent high_percent average_discount_percent delivery_fee handling_fee"
        " free_delivery_from minimum_order is_open",
    ),
    "stores": ("one dark store", "store_id platform city pincode area"),
    "categories": ("one subcategory", "category_id category subcategory volatility_group"),
    "brands": ("one brand", "brand_id brand"),
    "campaigns": (
        "one campaign",
        "campaign_id campaign kind platform category starts_at ends_at duration_seconds repeat_seconds status units_per_listing",
    ),
    "calendar": (
        "one festival, sale or match; those that overlap multiply, and the deepest counts",
        "entry_id name date days from_hour to_hour city demand sales deeper_pct",
    ),
    "epochs": (
        "one stretch of ticks that ran under the same parameters",
        "epoch first_tick last_tick starts_at ends_at interval_seconds scenario closed changes",
    ),
    "snapshots": (
        "one listing at one of the ticks at which all are kept",
        "tick ts listing_id price regular_price discount_pct surge_pct surge_fee stock",
    ),
    "metrics": (
        "what one tick did in one block of products; no row where nothing happened in a market without batches",
        "tick ts block attempted changed",
    ),
    "platform_metrics": (
        "what one tick did on one platform in one category; no row where nothing happened in a market without batches, but of"
        " every 1,024th tick",
        "tick ts platform category attempted changed clipped failed skipped_waiting skipped_inactive sized down_20 down_10"
        " down_5 down_2 down_0 up_0 up_2 up_5 up_10 up_20 discounted surging out_of_stock mean_change_pct sd_change_pct",
    ),
    "daily_prices": (
        "one listing on sale at noon of one day",
        f"day {_NAMED} price regular_price discount_pct stock in_stock",
    ),
    "price_index": ("one day, platform and category", f"{_CELL} listings jevons fisher"),
    "volatility": ("one platform and category over all days", "platform category listings days volatility"),
    "lowest_price_share": ("one day, platform and category", f"{_CELL} products_lowest products share"),
    "out_of_stock_rate": ("one day, platform and category", f"{_CELL} listings out_of_stock_rate"),
    "discount_calendar": (
        "one day, platform and category",
        f"{_CELL} listings discounted_share mean_discount_pct started",
    ),
    "market_share": (
        "one day, platform and category with customers",
        f"{_CELL} units revenue margin unit_share revenue_share",
    ),
    "demand_truth": (
        "one day and listing with customers; no row where it had none",
        f"day {_NAMED} wanted_units units lost_units gained_units",
    ),
    "dictionary": ("one view, column or macro, and what it means", "name column_name meaning"),
}
MACROS = {
    "prices_at(ts)": "rows of prices as of a time; of one that a query finds: FROM (SELECT max(ts) AS t FROM orders) AS a,"
    " prices_at(a.t)",
    "price_of(name, ts)": "those of the product of exactly this name",
    "inventory_at(ts)": "rows of inventory as of a time",
    "active_at(ts)": "rows of discounts that run at the tick of a time, tick_at(ts)",
    "listing_volatility(since, until)": "the volatility of each listing on the days after since, up to until",
    "market_time()": "the market's time now (IST), that of its newest tick; now() and current_date are the machine's",
    "tick_time(tick)": "the time of a tick",
    "second_time(seconds)": "the time so many seconds of market time after the opening",
    "tick_at(ts)": "the last tick at or before a time; after the newest that one, before the start 0",
}
# What a column means wherever no view says otherwise.
_COMMON = {
    "ts": "time in India (IST) at which the tick ends",
    "day": "date in India (IST)",
    "listing_id": "one product at one dark store",
    "product_id": "the product",
    "product": "full name with brand, without pack",
    "brand": "brand; empty for unbranded",
    "category": "category",
    "subcategory": "subcategory; tells fruits from vegetables",
    "pack": "pack size as printed",
    "unit": TABLES["products"].columns["unit"][1],
    "platform": "id of the platform",
    "store_id": "the dark store",
    "city": "city of the dark store",
    "pincode": "postal code of the dark store",
    "mrp": "printed maximum retail price, rupees; null for loose produce without one",
    "price": "what a unit sells for, rupees",
    "regular_price": "price without discount, surge and the other overlays, rupees",
    "discount_pct": "running discount, percent of the regular price; 0 for none",
    "surge_pct": "surge on the price, percent",
    "surge_fee": "surge fee of the item, rupees",
    "stock": "units on hand",
    "in_stock": "whether there are any",
    "is_loose": TABLES["products"].columns["is_loose"][1],
    "is_active": TABLES["products"].columns["is_active"][1],
    "units": "units sold",
    "wanted_units": "units of customers whose first choice it was, in stock or not",
    "lost_units": "wanted units that it could not sell, at the least: max(0, wanted - sold) in each tick",
    "revenue": "units x price, rupees",
    "margin": "units x (price - cost), rupees",
    "listings": "listings counted",
    "days": "daily changes counted",
    "volatility": "standard deviation of daily log changes of noon prices; null for fewer than two",
}
_CAUSES = {
    Cause.SURGE_START: "a surge begins",
    Cause.SURGE_END: "a surge ends",
    Cause.DISCOUNT_START: "a sale of its own begins",
    Cause.DISCOUNT_END: "a sale of its own ends",
    Cause.UPDATE: "its turn came and moved the regular price",
    Cause.CAMPAIGN_START: "a campaign's line begins or goes deeper",
    Cause.CAMPAIGN_END: "a campaign's line ends or goes less deep",
    Cause.TIME_OF_DAY: "an hour began or ended at which prices differ",
    Cause.REPRICE: "the regular price was set anew",
    Cause.CLEARANCE: "a sale of its own ends and the regular price is set anew, so that the price mostly rises",
    Cause.RIVAL_MATCH: "the price of a cheaper rival is answered, or an answer follows it down or up",
    Cause.RIVAL_RELEASE: "an answer to a rival is withdrawn",
    Cause.STOCK_OUT: "the last unit was sold",
    Cause.RESTOCK: "a delivery came to an empty shelf",
}
# What `prices` shows of it moves with the price.
_MRP = "printed maximum retail price, rupees; of loose produce that of your own list, null where there is none"
_TOTAL = {"platform": "id of the platform; all is the total", "category": "category; all is the total"}
# What columns mean that neither the table nor the words above tell, or not well: of all views, or of one.
_OWN = {
    "tick": "number of the step of simulated time; 0 is the opening",
    "cause": "why it changed, of several causes at once one, while the parts in truth tell each: "
    + "; ".join(f"{cause.name.lower()} ({_CAUSES[cause]})" for cause in Cause),
    "prices.mrp": "printed MRP, rupees; of loose produce one that moves with its price, null where none is shown",
    "prices.discount_pct": "running discount, percent of the regular price; 0 for none; a deal has surge_fee = order_fee and price <"
    " regular_price too: an item's surge fee suspends its discount",
    "prices.off_mrp_pct": "100 (1 - price/mrp), percent; null without an mrp",
    "prices.unit_price": "rupees for one unit: kg, l or piece; null where the pack is unknown",
    "prices.surge_fee": "the item's surge fee and, on top, the order's (order_fee), rupees",
    "prices.order_fee": "the dark store's surge fee, paid once an order, rupees",
    "prices.updated_at": "time of its last change (IST)",
    "products.mrp": _MRP,
    "listings.mrp": _MRP,
    "discounts.campaign_id": "the campaign; null for a plain discount",
    "discounts.discount_pct": "depth, percent of the regular price",
    "discounts.starts_at": "from this time on (IST)",
    "discounts.ends_at": "until this time (IST); null while open",
    "inventory.reserved": "units of these promised to open orders",
    "inventory.reorder_level": "stock at which it is ordered again",
    "inventory.target_stock": "stock that a delivery fills up to",
    "inventory.status": "in_stock, low_stock (at most the reorder level) or out_of_stock",
    "calendar.deeper_pct": "added to the depth of sales that start, percentage points",
    "truth.regular_price": "price without overlays, after, rupees",
    "truth.price": "price after, rupees",
    "truth.anchor_price": "the level that the regular price reverts to, rupees",
    "fees.load": "demand over the mean demand in the hour of the change",
    "fees.fee": "surge fee of an order, rupees",
    "platforms.platform": "id used everywhere",
    "platforms.is_open": "whether it takes orders now",
    "campaigns.kind": ", ".join(CAMPAIGN_KINDS),
    "campaigns.starts_at": "when it first starts (IST)",
    "campaigns.ends_at": "when it is over (IST); null where it repeats as long as the market lasts",
    "campaigns.status": "now: past, running or coming",
    "epochs.epoch": "its number, from 0",
    "epochs.first_tick": "the first tick that ran under them; the first stretch has the opening",
    "epochs.last_tick": "the last one; null while they hold",
    "epochs.starts_at": "when they begin to hold (IST): the next tick is the first under them",
    "epochs.ends_at": "when the last tick ends (IST); null while they hold",
    "epochs.interval_seconds": "market seconds a tick",
    "epochs.scenario": "the scenario; null for none",
    "epochs.closed": "platforms that take no orders, a list",
    "epochs.changes": "JSON: each parameter that is not as in the stretch before, as [before, after]",
    "platform_metrics.mean_change_pct": "mean size of a change of price, percent of the price before; null without one",
    "platform_metrics.sd_change_pct": "standard deviation of these sizes, percentage points; null without one",
    "daily_prices.price": "price at noon, rupees; that of sold-out goods too",
    "daily_prices.stock": "units on hand at noon",
    "price_index.listings": "listings compared with the day before",
    "price_index.jevons": "geometric mean of changes of prices last seen in stock at noon, chained; the first day is 100",
    "price_index.fisher": "units and unit values by listing against those of the market's first 28 days of sales; the first day is"
    " 100; a day without sales keeps the level before; null without orders in these 28",
    "lowest_price_share.products_lowest": "products on which the platform is cheapest at noon, ties shared",
    "lowest_price_share.products": "products that two open platforms or more have in stock, in each area",
    "lowest_price_share.share": "products_lowest / products, a fraction; null without products",
    "out_of_stock_rate.out_of_stock_rate": "share of listing-time without stock, a fraction",
    "discount_calendar.discounted_share": "share of listings on discount at noon, a fraction",
    "discount_calendar.mean_discount_pct": "mean depth of those, percent; null without any",
    "discount_calendar.started": "discounts that started in the day's ticks, and campaign lines by the day of their start; none of"
    " tick 0",
    "market_share.unit_share": "share of the category's units of the day, a fraction",
    "market_share.revenue_share": "share of the category's revenue of the day, a fraction",
    "demand_truth.gained_units": "units sold to customers who wanted it elsewhere: wanted - lost + gained = sold",
    "dictionary.name": "the view, or the macro with what it takes",
    "dictionary.column_name": "the column; null where the view or macro itself is told: what one row is",
    "dictionary.meaning": "what it means, with its unit",
    **{f"{view}.category": _TOTAL["category"] for view in ("lowest_price_share", "market_share")},
    **{
        f"{view}.{column}": what
        for view in ("price_index", "volatility", "out_of_stock_rate", "discount_calendar")
        for column, what in _TOTAL.items()
    },
}


def meaning(view: str, column: str) -> str:
    """Tell what a column of a view means, with its unit; KeyError for one that nothing tells."""
    if told := _OWN.get(f"{view}.{column}") or _OWN.get(column):
        return told
    table = "events" if view == "price_history" else view
    columns = TABLES[table].columns if table in TABLES else {}
    base = column.removesuffix("_pct").removesuffix("_part")
    if bps := columns.get(f"{base}_bps"):
        return bps[1].replace("basis points", "percent")
    if paise := columns.get(f"{base}_paise"):
        return f"{paise[1]}, rupees"
    return columns[column][1] if column in columns else _COMMON[column]


# The same for every market, and asked for at each commit that a connection moves on to.
@cache
def dictionary_view() -> str:
    """Write the view `dictionary`: name, column_name, meaning, in the order of views and columns, macros last."""
    rows: list[tuple[str, str | None, str]] = []
    for view, (row, columns) in VIEWS.items():
        rows += [(view, None, row), *((view, column, meaning(view, column)) for column in columns.split())]
    rows += [(macro, None, what) for macro, what in MACROS.items()]
    # DuckDB takes one text in a sixth of the time that it takes to plan a thousand constants.
    told = f"""unnest(from_json({quoted(json.dumps(rows))}, '[["VARCHAR"]]'))"""
    return f"""CREATE OR REPLACE VIEW dictionary AS
        SELECT told[1] AS name, told[2] AS column_name, told[3] AS meaning FROM (SELECT {told} AS told)"""
