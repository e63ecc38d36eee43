"""The tables of what happened in a market."""

from __future__ import annotations

from qsim.schema.table import Table

# States that listings are counted in tick by tick, and how often every cell has a row of them, whatever happened.
STATES = ("discounted", "surging", "out_of_stock")
METRICS_EVERY = 1_024
# Sizes of price changes in classes, from the lowest, and their edges in basis points: each class begins at its edge.
SIZE_EDGES_BPS = (-2000, -1000, -500, -200, 0, 200, 500, 1000, 2000)
# Of greater numbers float64 does not have all, and more of them could be more than int64 has.
MOST_SQUARES = 1 << 53
SIZES = {
    "down_20": "falls by more than 20 %",
    "down_10": "falls by more than 10 and up to 20 %",
    "down_5": "falls by more than 5 and up to 10 %",
    "down_2": "falls by more than 2 and up to 5 %",
    "down_0": "falls by up to 2 %",
    "up_0": "rises by less than 2 %",
    "up_2": "rises by 2 and less than 5 %",
    "up_5": "rises by 5 and less than 10 %",
    "up_10": "rises by 10 and less than 20 %",
    "up_20": "rises by 20 % and more",
}
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
        "surge_fee_paise": ("uint16", "surge fee of the item after"),
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
        "surge_fee_paise": ("uint16", "surge fee of the item"),
        "updated_tick": ("uint32", "tick of its last event"),
        "own_ends_second": ("uint32", "market second at which the own discount is over; 0 where it has no set end"),
        "repriced_second": ("int32", "market second at which the regular price was last set; before tick 0 negative"),
        "match_paise": ("int32", "price that answers a rival's, in force where it is below the others; 0 for none"),
        "stock": ("uint16", "units on hand"),
        "restock_second": ("uint32", "market second at which what is on order arrives; 0 for nothing on order"),
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
PLATFORM_METRICS = Table(
    "platform_metrics",
    {
        "tick": ("uint32", "the tick"),
        "block": ("uint32", "0: the counts are of all blocks of products"),
        "category_id": ("uint16", "least number of the category in categories"),
        "platform_id": ("uint8", "the platform"),
        "attempted": ("uint32", "listings that the tick took up"),
        "changed": ("uint32", "of these, listings with an event"),
        "clipped": (
            "uint32",
            "of these, listings whose change was held at max_price_change_percent or price at the MRP",
        ),
        "failed": ("uint32", "of these, listings whose price is not within 1 paisa and the MRP"),
        "skipped_waiting": ("uint32", "active listings that the tick did not take up"),
        "skipped_inactive": ("uint32", "listings of products taken off sale"),
        "sized": (
            "uint32",
            "changes of price whose size was measured: all, or an even share of those of a very large tick",
        ),
        "change_bps": ("int64", "sum of these sizes, basis points of the price before"),
        "change_squares": ("int64", "sum of the squares of these sizes; of a block at most 2^53"),
        **{name: ("uint32", f"of these, {what}") for name, what in SIZES.items()},
        "discounted": ("uint32", "active listings with a running discount"),
        "surging": ("uint32", "active listings with a surge on the price or a surge fee"),
        "out_of_stock": ("uint32", "active listings without stock"),
    },
    ("tick", "block", "category_id", "platform_id"),
    {"counts are within one another": "changed <= attempted AND clipped <= attempted AND sized <= changed"},
)
ORDERS = Table(
    "orders",
    {
        "tick": ("uint32", "the tick"),
        "listing_id": ("uint32", "the listing"),
        "units": ("uint16", "units sold"),
        "wanted_units": ("uint16", "units of customers whose first choice it was, in stock or not: the true demand"),
        "price_paise": ("int32", "price paid a unit: that shown since the tick before"),
        "cost_paise": ("int32", "what a unit cost the platform"),
    },
    ("tick", "listing_id"),
    {"something was sold or wanted": "units > 0 OR wanted_units > 0", "price is positive": "price > 0"},
)
DELIVERIES = Table(
    "deliveries",
    {
        "tick": ("uint32", "the tick"),
        "listing_id": ("uint32", "the listing"),
        "units": ("uint16", "units that arrived"),
        "stock": ("uint16", "units on hand after"),
    },
    ("tick", "listing_id"),
    {"arrivals are within stock": "units <= stock"},
)
FEES = Table(
    "fees",
    {
        "tick": ("uint32", "the tick from which on it holds"),
        "store_id": ("uint32", "the dark store"),
        "fee_paise": ("int32", "surge fee of an order"),
        "load_bps": ("uint32", "demand over the mean demand in the hour of the change, times 10,000"),
        "is_raining": ("bool", "whether it rains in its city"),
    },
    ("tick", "store_id"),
    {"fee is not negative": "fee >= 0"},
)
TRUTH = Table(
    "truth",
    {
        "tick": ("uint32", "the tick"),
        "listing_id": ("uint32", "the listing"),
        "anchor_paise": ("int32", "the listing's anchor"),
        "cost_paise": ("int32", "what costs and inflation add to the anchor in the price aimed at"),
        "noise_paise": ("int32", "regular price less the price aimed at: what is late, random or rounded in it"),
        "discount_paise": ("int32", "an own discount's part, negative"),
        "campaign_paise": ("int32", "a campaign line's part, negative"),
        "surge_paise": ("int32", "an item surge's part"),
        "time_of_day_paise": ("int32", "the time of day's part"),
        "zone_paise": ("int32", "the dark store's zone's part"),
        "rounding_paise": ("int32", "price points, the MRP as a ceiling, and rounding of the parts"),
        "rival_paise": ("int32", "what answering a rival takes off"),
        "shock_id": (
            "uint32",
            "1 + the market day, counted from 0, of the newest supply shock of its family that began on an earlier day; 0 for none",
        ),
        "hazard_a_day": ("float32", "rate a day at which what happened could happen; 0 where clock or stock decided"),
        "source_listing_id": ("uint32", "the listing whose sale is shared or whose price is answered; else its own"),
    },
    ("tick", "listing_id"),
)
PRICE_RULES = {
    "price is positive": "price > 0 AND regular_price > 0",
    "packaged goods cost at most the MRP": "is_loose OR price <= mrp",
    "discount is 0-100 %": "discount_pct BETWEEN 0 AND 100",
    "in stock follows stock": "in_stock = (stock > 0)",
}

HISTORY = (EVENTS, DISCOUNTS, SNAPSHOTS, METRICS, PLATFORM_METRICS, ORDERS, DELIVERIES, FEES, TRUTH)
