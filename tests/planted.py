"""Faults to plant in a market's tables, each for the check meant for it, and how they are planted and looked for.

A fault is (check, what is planted, table, what is done to its copy {t}: a statement, or the SET of an update).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from qsim.runs.epochs import course_of
from qsim.schema import SIZES
from qsim.simulation import Course
from qsim.storage import log
from qsim.validation import run_checks

LAST = "(SELECT max(tick) FROM {t})"
# The last row, the first one, and the first own discount that starts after tick 0.
EVENT = "(tick, listing_id) = (SELECT (tick, listing_id) FROM {t} ORDER BY tick DESC, listing_id LIMIT 1)"
FIRST = "(tick, listing_id) = (SELECT (tick, listing_id) FROM {t} ORDER BY tick, listing_id LIMIT 1)"
_FIRST = "FROM {t} WHERE tick > 0 AND discount_bps > 0 ORDER BY tick, listing_id LIMIT 1"
STARTED = f"(tick, listing_id) = (SELECT (tick, listing_id) {_FIRST})"
# The newest snapshot of goods that are off sale.
_IDLE = "SELECT listing_id FROM raw.listings JOIN raw.products USING (product_id) WHERE NOT is_active"
OFF_SALE = f"tick = {LAST} AND listing_id IN ({_IDLE})"


def chosen(source: str) -> str:
    """Write that a row is the first of a source of ticks and listings."""
    return f"(tick, listing_id) = (SELECT (tick, listing_id) {source} ORDER BY tick, listing_id LIMIT 1)"


def of_cause(cause: int) -> str:
    """Write that an event is the first of a cause."""
    return chosen(f"FROM {{t}} WHERE cause = {cause}")


def causes(*those: int) -> str:
    """Write that a row is the truth of an event of these causes."""
    listed = ", ".join(map(str, those))
    return f"(tick, listing_id) IN (SELECT (tick, listing_id) FROM raw.events WHERE cause IN ({listed}))"


def told(cause: int, store: int) -> str:
    """Write that a row is the truth of the first event of a cause at one of ten dark stores."""
    return chosen(f"FROM raw.events WHERE cause = {cause} AND listing_id % 10 = {store}")


CLASSIC = [
    ("1.1", "a product's row twice", "products", "INSERT INTO {t} SELECT * FROM {t} LIMIT 1"),
    ("1.2", "an event's row twice", "events", "INSERT INTO {t} SELECT * FROM {t} LIMIT 1"),
    ("1.3", "a product without a pack", "products", "SET pack = NULL WHERE product_id = 3"),
    ("1.4", "an event without a price", "events", "SET price_after_paise = NULL WHERE " + EVENT),
    ("1.5", "a product of an unknown category", "products", "SET category = 'Toys' WHERE product_id = 3"),
    ("1.6", "a product of an unknown brand", "products", "SET brand = 'Nobody' WHERE product_id = 3"),
    ("1.7", "a campaign of an unknown platform", "campaigns", "SET platform_id = 77 WHERE campaign_id = 1"),
    ("1.8", "a listing of an unknown product", "listings", "SET product_id = 99999 WHERE listing_id = 7"),
    ("1.8", "a listing on another platform", "listings", "SET platform_id = 3 WHERE listing_id = 5"),
    ("1.9", "a line of an unknown campaign", "campaign_lines", "SET campaign_id = 999 WHERE listing_id % 2 = 0"),
    ("1.10", "an event of an unknown listing", "events", "SET listing_id = 999999 WHERE " + EVENT),
    ("1.11", "a product not listed at a store", "listings", "DELETE FROM {t} WHERE listing_id = 7"),
    ("1.12", "a listing with another's number", "listings", "SET listing_id = 999999 WHERE listing_id = 7"),
    ("1.13", "a dropped event", "events", "DELETE FROM {t} WHERE " + EVENT),
    ("1.14", "a dropped product", "products", "DELETE FROM {t} WHERE product_id = 3"),
    ("1.15", "two products of one name", "products", "SET product = 'Onion', pack = '1 kg' WHERE product_id < 2"),
    ("1.16", "too many products off sale", "products", "SET is_active = product_id % 2 = 0"),
    ("1.17", "a platform with another band", "platforms", "SET low_percent = 1 WHERE platform_id = 2"),
    ("1.17", "a platform under another's name", "platforms", "SET name = 'Zepto' WHERE platform_id = 2"),
    ("1.17", "platforms that deliver free", "platforms", "SET delivery_fee_paise = 0"),
    ("1.18", "a platform whose band is upside down", "platforms", "SET low_percent = 200 WHERE platform_id = 2"),
    ("1.20", "a packaged good without MRP", "products", "SET mrp_paise = 0 WHERE NOT is_loose"),
    ("1.21", "a pincode of five digits", "stores", "SET pincode = '56000' WHERE store_id = 0"),
    ("1.22", "an anchor above the MRP", "listings", "SET anchor_price_paise = anchor_price_paise * 9"),
    ("1.23", "a campaign of an unknown kind", "campaigns", "SET kind = 'lottery' WHERE campaign_id = 1"),
    ("1.29", "more changes than listings taken up", "metrics", "SET changed = attempted + 1 WHERE tick = 5"),
    ("1.30", "more prices held than listings taken up", "platform_metrics", "SET clipped = attempted + 1 WHERE tick = 5"),
    ("1.31", "packs that hold twice as much", "products", "SET pack_units = pack_units * 2 WHERE product_id < 9"),
    ("1.31", "kilos that are litres", "products", "SET unit = 'l' WHERE unit = 'kg'"),
    ("1.31", "one pack for all", "products", "SET pack = '7 kg'"),
    ("1.32", "a dark store elsewhere", "stores", "SET city = 'Pune', pincode = '411001' WHERE store_id = 2"),
    ("1.33", "an MRP shown of loose goods", "products", "SET mrp_discount_bps = 5000 WHERE is_loose"),
    ("2.1", "a price of nothing now", "newest_snapshot", "SET price_paise = 0 WHERE listing_id = 7"),
    ("2.2", "an event with a price of nothing", "events", "SET price_after_paise = 0 WHERE " + EVENT),
    ("2.3", "an anchor below its band", "listings", "SET anchor_price_paise = 1 WHERE listing_id = 7"),
    (
        "2.4",
        "platforms too far apart",
        "listings",
        "SET anchor_price_paise = anchor_price_paise // 2 WHERE platform_id = 1 AND product_id % 10 = 0",
    ),
    ("2.5", "prices above MRP now", "newest_snapshot", "SET price_paise = price_paise * 3"),
    ("2.34", "prices above MRP shown", "newest_snapshot", "SET price_paise = price_paise * 3"),
    ("2.6", "an event above MRP", "events", "SET price_after_paise = 9999999 WHERE tick % 7 = 0"),
    ("2.7", "a snapshot above MRP", "snapshots", "SET price_paise = 9999999 WHERE tick = " + LAST),
    (
        "2.8",
        "a regular price that jumps",
        "events",
        "SET regular_price_paise = regular_price_paise * 13 // 10 WHERE " + EVENT,
    ),
    (
        "2.9",
        "a regular price that moves out of turn",
        "events",
        "SET regular_price_paise = regular_price_paise + 1 WHERE cause = 8",
    ),
    ("2.10", "an event dropped in between", "events", "DELETE FROM {t} WHERE tick = 100"),
    ("2.10", "a price before that is off by a paisa", "events", "SET price_before_paise = price_before_paise + 1 WHERE " + EVENT),
    ("2.11", "the last event dropped", "events", "DELETE FROM {t} WHERE " + EVENT),
    ("2.11", "a snapshot that is off by a paisa", "snapshots", "SET price_paise = price_paise - 1 WHERE tick = " + LAST),
    ("2.12", "a price that its parts do not add up to", "events", "SET price_after_paise = price_after_paise - 2 WHERE " + EVENT),
    (
        "2.13",
        "goods of all groups mixed up",
        "products",
        """SET volatility_group = CASE volatility_group WHEN 'staples' THEN 'fruits' WHEN 'fruits' THEN 'staples'
        WHEN 'vegetables' THEN 'snacks' WHEN 'snacks' THEN 'vegetables' ELSE volatility_group END""",
    ),
    ("2.14", "swings of the wrong size", "products", "SET volatility_group = 'dairy'"),
    ("2.15", "an event of an inactive product", "products", "SET is_active = false WHERE product_id = 3"),
    ("2.16", "an opening off the anchor", "snapshots",
     "SET regular_price_paise = regular_price_paise + 1 WHERE tick = 0 AND listing_id = 7"),
    (
        "2.17",
        "an event that changes nothing",
        "events",
        f"INSERT INTO {{t}} SELECT * REPLACE ({LAST} + 1 AS tick, price_after_paise AS price_before_paise)"
        " FROM {t} WHERE " + EVENT,
    ),
    ("2.18", "a snapshot without a listing", "snapshots", "DELETE FROM {t} WHERE tick > 0 AND listing_id = 7"),
    ("3.1", "one more discount at tick 0", "snapshots",
     "SET discount_bps = 500 WHERE tick = 0 AND listing_id = (SELECT min(listing_id) FROM {t} WHERE discount_bps = 0)"),
    ("3.2", "deeper discounts at tick 0", "snapshots", "SET discount_bps = discount_bps + 100 WHERE tick = 0 AND discount_bps > 0"),
    ("3.3", "no deep discounts at tick 0", "snapshots", "SET own_discount_bps = least(own_discount_bps, 2900) WHERE tick = 0"),
    ("3.4", "own discounts of half the listings", "discounts", "DELETE FROM {t} WHERE listing_id % 2 = 0"),
    ("3.5", "no bulk campaigns", "campaigns", "SET kind = 'flash' WHERE kind = 'bulk'"),
    ("3.6", "no campaign running at tick 0", "campaigns",
     "SET starts_second = 9999, ends_second = 99999 WHERE starts_second <= 0 AND ends_second > 0"),
    ("3.7", "a line of 60 %", "campaign_lines", "SET discount_bps = 6000 WHERE campaign_id = 2"),
    ("3.8", "a line on another platform", "campaigns", "SET platform_id = 4 WHERE campaign_id = 2"),
    ("3.9", "a line that prices no event", "campaign_lines", "SET discount_bps = 9000"),
    ("3.10", "a line that prices no snapshot", "campaign_lines", "SET discount_bps = 9000"),
    ("3.11", "a discount lengthened past its end", "discounts", "DELETE FROM {t} WHERE discount_bps = 0 AND tick BETWEEN 50 AND 90"),
    ("3.12", "a snapshot with another own discount", "snapshots",
     "SET own_discount_bps = own_discount_bps + 100 WHERE tick = " + LAST),
    ("3.13", "a discount that starts while another runs", "discounts",
     "INSERT INTO {t} SELECT * REPLACE (tick + 1 AS tick) FROM {t} WHERE " + STARTED),
    ("3.14", "discounts twice as deep", "discounts", "SET discount_bps = discount_bps * 2 WHERE tick > 0"),
    ("3.15", "surges in half the snapshot", "snapshots", "SET surge_bps = 1000 WHERE listing_id % 2 = 0"),
    ("3.16", "a surge of 90 %", "events", "SET surge_bps = 9000 WHERE surge_bps > 0"),
    ("3.17", "a surge that starts out of turn", "events", "SET surge_bps = 1000 WHERE cause = 8"),
    ("3.18", "a discount of 95 %", "discounts", "SET discount_bps = 9500 WHERE " + STARTED),
    ("3.29", "campaigns without a name", "campaigns", "SET campaign = ''"),
    ("3.29", "a campaign with nothing set aside", "campaigns", "SET units_per_listing = 0 WHERE campaign_id = 3"),
    ("3.30", "campaigns' ends that listings sleep through", "events", "DELETE FROM {t} WHERE cause = 7"),
    ("3.31", "a campaign to come without its lines", "campaign_lines", "DELETE FROM {t} WHERE campaign_id = 7"),
    ("3.31", "a past campaign on one product more", "campaign_lines", "INSERT INTO {t} SELECT * REPLACE ("
     "(SELECT min(listing_id) FROM raw.listings WHERE platform_id = 0) AS listing_id) FROM {t} WHERE campaign_id = 1 LIMIT 1"),
    ("4.1", "a listing twice", "listings", "INSERT INTO {t} SELECT * FROM {t} WHERE listing_id = 7"),
    ("4.2", "no stock-outs", "listings", "SET stock = target_stock"),
    ("4.3", "stock of an inactive product", "listings", "SET stock = 1"),
    ("4.4", "a cost far below the anchor", "listings", "SET unit_cost_paise = 2 WHERE listing_id = 7"),
    ("4.5", "a cost above the anchor", "listings", "SET unit_cost_paise = anchor_price_paise WHERE listing_id = 7"),
    ("4.7", "a target of 500", "listings", "SET target_stock = 500 WHERE listing_id = 7"),
    ("4.8", "a reorder level at the target", "listings", "SET reorder_level = target_stock - 1 WHERE listing_id = 7"),
    ("4.9", "full shelves everywhere", "listings", "SET stock = target_stock WHERE stock > 0"),
    ("4.10", "four units promised", "listings", "SET reserved = 4 WHERE listing_id = 7"),
    ("4.12", "more stock than the target", "newest_snapshot", "SET stock = 60000 WHERE listing_id = 7"),
    ("4.13", "a reorder level at the target", "listings", "SET reorder_level = target_stock WHERE listing_id = 7"),
    ("5.1", "nothing in stock to be cheapest", "newest_snapshot", "SET stock = 0"),
    ("5.3", "nothing on sale to compare", "products", "SET is_active = false"),
    ("5.4", "nothing in stock to be bought", "newest_snapshot", "SET stock = 0"),
    ("5.9", "a newest state that is off by a paisa", "newest_snapshot", "SET price_paise = price_paise + 1 WHERE listing_id = 7"),
    ("5.10", "a discount that is told and not priced", "discounts", "DELETE FROM {t} WHERE discount_bps = 0"),
    ("5.11", "a product's row twice, doubling its prices", "products", "INSERT INTO {t} SELECT * FROM {t} LIMIT 1"),
    ("6.1", "a price shifted by a paisa at a boundary", "events", "SET price_after_paise = price_after_paise + 1 WHERE cause = 8"),
    ("6.2", "a snapshot's price shifted by a paisa", "snapshots", "SET price_paise = price_paise + 1 WHERE tick = " + LAST),
    ("6.3", "a boundary that some listings slept through", "events", "DELETE FROM {t} WHERE cause = 8 AND listing_id % 3 = 0"),
    ("6.4", "a level shift with a regular price moved", "events", "SET regular_price_paise = regular_price_paise + 1 WHERE cause = 8"),
    ("6.5", "a campaign's start where none starts", "events", "SET cause = 6 WHERE cause = 8"),
    ("6.6", "an update out of turn", "events", "SET cause = 5 WHERE cause = 8"),
    ("6.7", "a surge's end that is called an update", "events", "SET cause = 5 WHERE cause = 2"),
    ("6.8", "a discount's start that is called an update", "events", "SET cause = 5 WHERE cause = 3"),
    ("6.9", "a discount that starts out of turn", "discounts", "SET tick = tick + 1 WHERE " + STARTED),
    ("6.10", "an event after the newest tick", "events", "SET tick = 5000 WHERE " + EVENT),
    ("6.11", "two events of a listing at a tick", "events", "INSERT INTO {t} SELECT * FROM {t} WHERE " + EVENT),
    ("6.14", "a dropped event", "events", "DELETE FROM {t} WHERE " + EVENT),
    ("6.14", "a tick without counts", "metrics", "DELETE FROM {t} WHERE tick = 5"),
    ("6.15", "a level shift of twice the size", "events",
     "SET price_after_paise = 2 * price_after_paise - price_before_paise WHERE cause = 8"),
    ("6.25", "changes that are not counted", "platform_metrics", "SET changed = 0 WHERE tick = 5"),
    ("6.25", "more taken up than the blocks tell", "metrics", "SET attempted = attempted + 1 WHERE tick = 5"),
    ("6.25", "counts that are missing altogether", "platform_metrics", "DELETE FROM {t}"),
    ("6.26", "counts that are missing altogether", "platform_metrics", "DELETE FROM {t}"),
    ("6.26", "a platform that is not counted", "platform_metrics", "DELETE FROM {t} WHERE platform_id = 1"),
    ("6.29", "counts that are missing altogether", "platform_metrics", "DELETE FROM {t}"),
    ("6.26", "more discounted than there are", "platform_metrics", "SET discounted = discounted + 1"),
    ("6.26", "nothing counted as surging", "platform_metrics", "SET surging = 0"),
    ("6.26", "nothing counted as sold out", "platform_metrics", "SET out_of_stock = 0"),
    ("6.27", "a price that failed", "platform_metrics", "SET failed = 1 WHERE tick = 5"),
    ("6.27", "fewer that wait than there are", "platform_metrics", "SET skipped_waiting = 0 WHERE tick = 5"),
    ("6.27", "nothing counted as off sale", "platform_metrics", "SET skipped_inactive = 0"),
    ("6.28", "no changes measured", "platform_metrics",
     f"SET sized = 0, {', '.join(f'{name} = 0' for name in SIZES)}"),
    ("6.28", "falls counted as rises", "platform_metrics", "SET up_2 = up_2 + down_2, down_2 = 0"),
    ("6.28", "fewer changes measured than are in classes", "platform_metrics", "SET sized = sized - 1 WHERE sized > 0"),
    ("6.28", "sizes that add up to more", "platform_metrics", "SET change_bps = change_bps + 1 WHERE tick = 5"),
    ("6.28", "squares of sizes that are not theirs", "platform_metrics", "SET change_squares = 0"),
    ("6.29", "more discounted for a while", "platform_metrics", "SET discounted = discounted + 1 WHERE tick BETWEEN 10 AND 200"),
    ("6.29", "more surging for a while", "platform_metrics", "SET surging = surging + 1 WHERE tick BETWEEN 10 AND 200"),
    ("2.3", "an anchor above its band", "listings", "SET anchor_price_paise = anchor_price_paise * 9 WHERE listing_id = 7"),
    ("2.5", "packaged goods without an MRP now", "products", "SET mrp_paise = 0 WHERE NOT is_loose"),
    ("2.15", "a price that moves off sale", "snapshots", "SET price_paise = price_paise + 1 WHERE " + OFF_SALE),
    ("2.15", "a regular price that moves off sale", "snapshots",
     "SET regular_price_paise = regular_price_paise + 1 WHERE " + OFF_SALE),
    ("2.15", "a discount of goods off sale", "snapshots", "SET discount_bps = 100 WHERE " + OFF_SALE),
    ("2.15", "a surge of goods off sale", "snapshots", "SET surge_bps = 100 WHERE " + OFF_SALE),
    ("2.15", "a surge fee of goods off sale", "snapshots", "SET surge_fee_paise = 100 WHERE " + OFF_SALE),
    ("3.8", "lines of goods that are off sale", "products", "SET is_active = false WHERE product_id IN (SELECT product_id FROM"
     " raw.listings SEMI JOIN raw.campaign_lines USING (listing_id))"),
    ("3.8", "lines of another category", "campaigns", "SET category = 'Toys' WHERE category <> ''"),
    ("6.5", "campaigns of goods that have their turn", "products", "SET is_active = product_id > 7"),
    ("6.5", "a campaign's start that leaves the discount", "events", "SET discount_bps = 0 WHERE " + of_cause(6)),
    ("6.5", "a campaign's end that leaves the discount", "events", "SET discount_bps = (SELECT max(discount_bps)"
     " FROM raw.campaign_lines AS l WHERE l.listing_id = {t}.listing_id) WHERE " + of_cause(7)),
    ("6.5", "a campaign's start a tick late", "events", "SET tick = tick + 1 WHERE " + of_cause(6)),
    ("6.5", "a campaign's start at a listing that has none", "campaign_lines",
     "DELETE FROM {t} WHERE listing_id = (SELECT min(listing_id) FROM raw.events WHERE cause = 6)"),
]  # fmt: skip

# The faults of a market whose prices move between turns.
REALISTIC = [
    ("2.19", "a regular price that a campaign moves", "events", "SET cause = 6 WHERE cause = 9"),
    ("2.20", "produce that is called other goods", "products", "SET volatility_group = 'other' WHERE is_loose"),
    ("2.20", "regular prices that move once", "events", "SET regular_price_paise = 10000"),
    ("2.21", "regular prices off whole rupees", "events",
     "SET regular_price_paise = regular_price_paise + 37 WHERE listing_id % 4 < 2"),
    ("2.22", "regular prices that all end in 9", "events",
     "SET regular_price_paise = regular_price_paise // 1000 * 1000 + 900"),
    ("2.23", "an opening far off the anchor", "snapshots",
     "SET regular_price_paise = regular_price_paise * 2 WHERE tick = 0 AND listing_id = 7"),
    ("2.24", "a dark store with a regular price of its own", "snapshots",
     "SET regular_price_paise = regular_price_paise + 100 WHERE tick = " + LAST + " AND listing_id = 8"),
    ("2.24", "a dark store with a price of its own", "snapshots",
     "SET price_paise = price_paise + 100 WHERE tick = " + LAST + " AND listing_id = 8"),
    ("3.13", "a sale that ends twice", "discounts",
     "INSERT INTO {t} SELECT * REPLACE (tick + 1 AS tick) FROM {t} WHERE discount_bps = 0 ORDER BY tick LIMIT 1"),
    ("3.20", "sales lengthened past their end", "discounts",
     "DELETE FROM {t} WHERE discount_bps = 0 AND tick BETWEEN 300 AND 330"),
    ("3.20", "a sale an hour too short", "discounts", "SET tick = tick - 1 WHERE (tick, listing_id) ="
     " (SELECT (tick, listing_id) FROM {t} WHERE tick > 480 AND discount_bps = 0 ORDER BY tick, listing_id LIMIT 1)"),
    ("3.20", "sales that never end", "discounts", "DELETE FROM {t} WHERE discount_bps = 0 AND (listing_id, tick) IN"
     " (SELECT (listing_id, max(tick)) FROM {t} GROUP BY listing_id)"),
    ("3.28", "ends of sales that are not told", "snapshots", "SET own_ends_second = 0"),
    ("3.28", "sales told to end a day late", "snapshots", "SET own_ends_second = own_ends_second + 86400"),
    ("3.30", "campaigns' starts that listings sleep through", "events", "DELETE FROM {t} WHERE cause = 6"),
    ("3.21", "sales two days longer", "discounts", "SET tick = tick + 48 WHERE discount_bps = 0"),
    ("3.22", "depths that no law has", "discounts", "SET discount_bps = discount_bps + 100 WHERE " + STARTED),
    ("3.23", "the deepest sales only", "discounts", "SET discount_bps = 5000 WHERE discount_bps > 0"),
    ("3.24", "every sale cleared", "events", "SET cause = 10 WHERE cause = 4"),
    ("3.24", "no sale cleared", "events", "SET cause = 4 WHERE cause = 10"),
    ("3.25", "sales that no brand shares", "discounts", "SET tick = tick + listing_id // 2 % 5 WHERE discount_bps > 0"),
    ("3.26", "a sale at one dark store alone", "discounts", "DELETE FROM {t} WHERE " + STARTED),
    ("6.8", "a repricing that is called a sale's start", "events", "SET cause = 3 WHERE cause = 9"),
    ("6.9", "a sale after the newest tick", "discounts", "SET tick = 5000 WHERE " + STARTED),
    ("6.14", "a dropped event", "events", "DELETE FROM {t} WHERE " + EVENT),
    ("6.16", "a sale a tenth cheaper than it should be", "events",
     "SET price_after_paise = price_after_paise * 9 // 10 WHERE discount_bps > 0"),
    ("6.16", "a price a rupee off the regular price", "events",
     "SET price_after_paise = price_after_paise + 100 WHERE discount_bps = 0 AND cause = 9"),
    ("6.17", "an opening price a tenth too low", "snapshots",
     "SET price_paise = price_paise * 9 // 10 WHERE tick = 0 AND listing_id = 8"),
    ("6.18", "an update where there are no turns", "events", "SET cause = 5 WHERE cause = 9"),
    ("6.19", "a clearance without a sale", "events", "SET cause = 10 WHERE cause = 9"),
    ("1.25", "a calendar entry that ends before it starts", "calendar", "SET from_hour = 24"),
    ("1.26", "an order of nothing", "orders", "SET units = 0, wanted_units = 0 WHERE " + FIRST),
    ("1.27", "a delivery larger than the shelf's stock", "deliveries", "SET units = stock + 1 WHERE " + FIRST),
    ("1.28", "a fee below nothing", "fees", "SET fee_paise = -100 WHERE store_id = 1"),
    ("1.10", "a delivery to an unknown listing", "deliveries", "SET listing_id = 999999 WHERE " + FIRST),
    ("1.10", "a fee of an unknown dark store", "fees", "SET store_id = 999 WHERE store_id = 1"),
    ("2.12", "a part that is off by a paisa", "truth", "SET rounding_paise = rounding_paise + 1 WHERE " + EVENT),
    ("2.25", "a price without its truth", "truth", "DELETE FROM {t} WHERE " + EVENT),
    ("2.25", "a truth of no price", "truth", f"INSERT INTO {{t}} SELECT * REPLACE ({LAST} + 1 AS tick) FROM {{t}} WHERE " + EVENT),
    ("2.26", "a cost that is off by a paisa", "truth", "SET cost_paise = cost_paise + 1 WHERE " + EVENT),
    ("2.26", "campaigns told as discounts", "truth",
     "SET discount_paise = campaign_paise, campaign_paise = 0 WHERE campaign_paise < 0"),
    ("2.26", "a zone at a first dark store", "truth",
     "SET zone_paise = 1, rounding_paise = rounding_paise - 1 WHERE listing_id = (SELECT min(listing_id) FROM {t})"),
    ("2.27", "costs of one platform alone", "truth",
     "SET cost_paise = cost_paise + 500, noise_paise = noise_paise - 500 WHERE listing_id % 10 < 2"),
    ("2.28", "a shock that is yet to come", "truth", "SET shock_id = 9999"),
    ("2.28", "a shock of one platform alone", "truth", "SET shock_id = shock_id + 1 WHERE listing_id % 10 < 2"),
    ("2.29", "a rate of what the clock decides", "truth", "SET hazard_a_day = 1 WHERE hazard_a_day = 0"),
    ("2.29", "rates twice as high", "truth", "SET hazard_a_day = 2 * hazard_a_day"),
    ("2.28", "no shocks at all", "truth", "SET shock_id = 0"),
    ("2.29", "rates of repricing fifty times as high", "truth", "SET hazard_a_day = 50 * hazard_a_day WHERE source_listing_id ="
     " listing_id AND hazard_a_day > 0 AND (tick, listing_id) IN (SELECT (tick, listing_id) FROM raw.events WHERE cause = 9)"),
    ("2.29", "repricings that could not happen", "truth", "SET hazard_a_day = 0"
     " WHERE (tick, listing_id) IN (SELECT (tick, listing_id) FROM raw.events WHERE cause = 9)"),
    ("2.35", "a time of day that is told as rounding now and then", "truth",
     "SET rounding_paise = rounding_paise + time_of_day_paise, time_of_day_paise = 0 WHERE tick % 2 = 0"),
    ("2.36", "a time of day that is told as rounding", "truth",
     "SET rounding_paise = rounding_paise + time_of_day_paise, time_of_day_paise = 0"),
    ("2.30", "a change that comes from another product", "truth", "SET source_listing_id = 999 WHERE " + EVENT),
    ("2.31", "answers far below rivals", "events", "SET price_after_paise = price_after_paise * 6 // 10 WHERE cause = 11"),
    ("2.31", "answers to nobody", "truth", "SET source_listing_id = listing_id"),
    ("2.37", "costs that move prices twice as far", "truth",
     "SET noise_paise = noise_paise - cost_paise, cost_paise = 2 * cost_paise"),
    ("2.37", "a cost that is off by a paisa", "truth",
     "SET cost_paise = cost_paise + 1, noise_paise = noise_paise - 1 WHERE " + EVENT),
    ("2.38", "regular prices never set anew", "snapshots", "SET repriced_second = 0 WHERE tick > 0"),
    ("2.38", "regular prices yet to be set", "snapshots", "SET repriced_second = repriced_second + 30 * 86400"),
    ("2.38", "regular prices set between ticks", "snapshots", "SET repriced_second = repriced_second + 1 WHERE repriced_second > 0"),
    ("2.38", "regular prices set long before", "snapshots", "SET repriced_second = repriced_second - 100 * 86400"),
    ("2.32", "answers on every product", "events", "SET cause = 12 WHERE cause IN (8, 9)"),
    ("2.33", "answers that stay for good", "snapshots", "SET match_paise = price_paise WHERE tick > 0"),
    ("3.27", "opening depths that no law has", "snapshots",
     "SET own_discount_bps = own_discount_bps + 100 WHERE tick = 0 AND own_discount_bps > 0"),
    ("4.10", "a unit promised", "listings", "SET reserved = 1 WHERE listing_id = 7"),
    ("4.15", "a shelf for a month", "listings", "SET target_stock = target_stock * 20 WHERE listing_id = 7"),
    ("4.16", "a reorder level at the target", "listings", "SET reorder_level = target_stock - 1 WHERE listing_id = 7"),
    ("4.17", "more sold than there was", "orders", "SET units = 60000 WHERE " + FIRST),
    ("4.17", "a delivery that leaves room on the shelf", "deliveries", "SET units = units - 1 WHERE " + FIRST),
    ("4.18", "a unit from nowhere", "snapshots", "SET stock = stock + 1 WHERE tick = " + LAST + " AND listing_id = 7"),
    ("4.18", "an order that is forgotten", "orders", "DELETE FROM {t} WHERE (tick, listing_id) ="
     " (SELECT (tick, listing_id) FROM {t} WHERE units > 0 ORDER BY tick, listing_id LIMIT 1)"),
    ("4.19", "a delivery that comes twice", "deliveries",
     "INSERT INTO {t} SELECT * REPLACE (tick + 1 AS tick) FROM {t} WHERE " + FIRST),
    ("4.20", "low shelves that are not on order", "snapshots", "SET restock_second = 0 WHERE tick = " + LAST),
    ("4.20", "a delivery a tick late", "deliveries", "SET tick = tick + 1"),
    ("4.21", "deliveries a day late", "deliveries", "SET tick = tick + 24"),
    ("4.22", "an order at another price", "orders", "SET price_paise = price_paise + 1 WHERE " + FIRST),
    ("4.23", "costs of one platform alone", "orders", "SET cost_paise = cost_paise * 2 WHERE listing_id % 10 < 2"),
    ("4.24", "orders that nobody wanted", "orders", "SET wanted_units = 0 WHERE units > 0"),
    ("4.24", "an order not filled with the shelf full", "orders", "SET units = 0 WHERE listing_id % 7 = 0"),
    ("4.26", "ten times the customers", "orders", "SET wanted_units = wanted_units * 10"),
    ("4.27", "lost sales that are left out", "orders", "DELETE FROM {t} WHERE units = 0"),
    ("4.27", "a third of the listings' orders left out", "orders", "DELETE FROM {t} WHERE listing_id % 3 = 0"),
    ("4.27", "a third of the products' orders left out", "orders", "DELETE FROM {t} WHERE listing_id // 10 % 3 = 0"),
    ("4.27", "a platform without orders", "orders", "DELETE FROM {t} WHERE listing_id % 10 // 2 = 3"),
    ("4.27", "a fifth more customers", "orders", "SET wanted_units = wanted_units + 1 WHERE (listing_id + tick) % 5 = 0"),
    ("4.28", "costs that stay as they were", "orders",
     "SET cost_paise = (SELECT unit_cost_paise FROM raw.listings AS l WHERE l.listing_id = {t}.listing_id)"),
    ("4.28", "a cost that is off by a paisa", "orders", "SET cost_paise = cost_paise + 1 WHERE " + FIRST),
    ("6.20", "prices a rupee off their points", "events",
     "SET price_after_paise = price_after_paise + 100 WHERE discount_bps > 0"),
    ("6.21", "a snapshot a rupee off its points", "snapshots", "SET price_paise = price_paise + 100 WHERE tick = " + LAST),
    ("6.22", "a sold-out shelf that is not told", "events", "DELETE FROM {t} WHERE cause = 13"),
    ("6.22", "repricings that are called stock-outs", "events", "SET cause = 13 WHERE cause = 9"),
    ("6.23", "fees five rupees higher", "fees", "SET fee_paise = fee_paise + 500"),
    ("6.24", "rain where the sun shines", "fees", "SET is_raining = NOT is_raining WHERE store_id = 1"),
    ("6.24", "a change of fees that is not told", "fees", "DELETE FROM {t} WHERE tick > 5"),
    ("6.29", "more sold out for a while", "platform_metrics", "SET out_of_stock = out_of_stock + 1 WHERE tick BETWEEN 10 AND 200"),
    ("6.29", "a count that is left out", "platform_metrics", "DELETE FROM {t} WHERE tick BETWEEN 10 AND 12"),
    ("6.31", "repricings called answers to rivals", "events", "SET cause = 12 WHERE cause = 9 AND tick % 5 = 0"),
    ("6.31", "ends of sales called repricings", "events", "SET cause = 9 WHERE cause = 4"),
    ("6.31", "starts of sales called repricings", "events", "SET cause = 9 WHERE cause = 3"),
    ("6.31", "clearances called repricings", "events", "SET cause = 9 WHERE cause = 10"),
    ("6.31", "stock-outs called the time of day", "events", "SET cause = 8 WHERE cause = 13"),
    ("6.30", "loads a little higher", "fees", "SET load_bps = load_bps + 1"),
    ("6.30", "a change of fees told twice", "fees",
     f"INSERT INTO {{t}} SELECT * REPLACE (tick + 1 AS tick, load_bps AS load_bps) FROM {{t}} WHERE tick = {LAST}"),
    ("2.12", "a part that is off by a paisa by night", "truth", "SET rounding_paise = rounding_paise + 1 WHERE "
     + chosen("FROM {t} WHERE tick % 24 = 3")),
    ("2.26", "an anchor that is off by a paisa", "truth",
     "SET anchor_paise = anchor_paise + 1, cost_paise = cost_paise - 1 WHERE " + EVENT),
    ("2.26", "discounts a paisa larger", "truth",
     "SET discount_paise = discount_paise - 1, rounding_paise = rounding_paise + 1 WHERE discount_paise < 0"),
    ("2.26", "campaigns a paisa larger", "truth",
     "SET campaign_paise = campaign_paise - 1, rounding_paise = rounding_paise + 1 WHERE campaign_paise < 0"),
    ("2.26", "a surge from nowhere", "truth", "SET surge_paise = surge_paise + 1, rounding_paise = rounding_paise - 1 WHERE " + EVENT),
    ("2.26", "a time of day a paisa larger", "truth",
     "SET time_of_day_paise = time_of_day_paise + 1, rounding_paise = rounding_paise - 1 WHERE time_of_day_paise <> 0"),
    ("2.26", "an answer that makes a price higher", "truth",
     "SET rival_paise = 1, rounding_paise = rounding_paise - 1 WHERE " + EVENT),
    ("2.28", "shocks of other platforms alone", "truth", "SET shock_id = shock_id - 1 WHERE listing_id % 10 < 2 AND shock_id > 0"),
    ("2.29", "rates of sales a hundredth higher", "truth", "SET hazard_a_day = 1.01 * hazard_a_day WHERE " + causes(3)),
    ("2.29", "rates of looks at rivals a hundredth higher", "truth", "SET hazard_a_day = 1.01 * hazard_a_day WHERE " + causes(11, 12)),
    ("2.30", "a repricing that comes from another platform", "truth", "SET source_listing_id = listing_id + 2 WHERE " + told(9, 0)),
    ("2.30", "an answer to another product", "truth", "SET source_listing_id = listing_id + 12 WHERE " + told(11, 0)),
    ("2.30", "an answer to the platform itself", "truth", "SET source_listing_id = listing_id - 1 WHERE " + told(11, 1)),
    ("2.30", "an answer to a rival's second dark store", "truth", "SET source_listing_id = listing_id + 3 WHERE " + told(11, 0)),
    ("2.30", "sales shared by platforms that have none", "truth",
     "SET source_listing_id = listing_id + 2 WHERE listing_id % 10 < 8 AND listing_id % 2 = 0 AND " + causes(3)),
    ("3.26", "sales that are deeper at every other dark store", "discounts",
     "SET discount_bps = discount_bps + 100 WHERE discount_bps > 0 AND listing_id % 2 = 1"),
    ("3.28", "sales told to end at once", "snapshots",
     "SET own_ends_second = 3600 * tick WHERE own_ends_second > 0 AND tick = " + LAST),
    ("3.28", "sales told to go on for a year", "snapshots",
     "SET own_ends_second = own_ends_second + 365 * 86400 WHERE own_ends_second > 0 AND tick = " + LAST),
    ("3.28", "sales told to end two hours early", "snapshots",
     "SET own_ends_second = own_ends_second - 7200 WHERE own_ends_second > 3600 * (tick + 3)"),
    ("4.15", "shelves of three units", "listings", "SET target_stock = 3"),
]  # fmt: skip


def checks_of(
    connection: duckdb.DuckDBPyConnection, market: Path, *only: str, course: Course | None = None
) -> dict[str, dict[str, Any]]:
    """Run the named checks, or all, over a connection: number to result."""
    history = log.read(market)
    found = run_checks(connection, history, course or course_of(history), only)
    return {check["number"]: check for check in found}


def plant(connection: duckdb.DuckDBPyConnection, table: str, statement: str) -> None:
    """Do a fault's statement to a copy of a raw table, which then stands in its place."""
    copy = f"planted_{table}"
    for line in (
        f"CREATE TABLE {copy} AS FROM raw.{table}",
        (f"UPDATE {copy} {statement}" if statement.startswith("SET ") else statement).replace("{t}", copy),
        f"CREATE OR REPLACE VIEW raw.{table} AS FROM {copy}",
    ):
        connection.execute(line).fetchall()


def check_catches(
    connection: duckdb.DuckDBPyConnection, market: Path, sound: Mapping[str, dict[str, Any]], fault: Sequence[str]
) -> None:
    """Plant a fault and see that the check meant for it, which passed before, tells of it."""
    number, what, table, statement = fault
    assert sound[number]["passed"] and sound[number]["applies"], f"{number} fails before {what}: {sound[number]}"
    plant(connection, table, statement)
    caught = checks_of(connection, market, number)[number]
    assert not caught["passed"], what
    assert caught["detail"] and not caught["detail"].startswith("sql:"), caught["detail"]
