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
    ("2.6", "a price before that is above MRP", "events", "SET price_before_paise = 9999999 WHERE tick % 7 = 0"),
    ("2.7", "a snapshot's price of nothing", "snapshots", "SET price_paise = 0 WHERE tick = " + LAST),
    *(("2.11", f"a snapshot's {name} that no event left", "snapshots", f"SET {name} = {name} + 1 WHERE tick = {LAST}")
      for name in ("regular_price_paise", "discount_bps", "surge_bps", "surge_fee_paise")),
    ("2.11", "a snapshot's tick of a change that was none", "snapshots",
     "SET updated_tick = updated_tick - 1 WHERE updated_tick > 0 AND tick = " + LAST),
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
