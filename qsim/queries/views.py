"""The SQL of every view and macro that a connection has: rupees as DECIMAL, times in India, one commit throughout.

Texts only. Views over files list the files that the log names, never a pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qsim import clock
from qsim.schema import CATALOG, HISTORY, SNAPSHOTS, Cause, Table
from qsim.simulation import Course
from qsim.storage.log import DataFile, Log

_DUCKDB_TYPES = {
    "string": "VARCHAR", "bool": "BOOLEAN", "float32": "FLOAT", "float64": "DOUBLE", "int32": "INTEGER", "int64": "BIGINT",
    "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER",
}  # fmt: skip
# Campaigns are told this far ahead of the market's time.
_AHEAD_SECONDS = 14 * clock.DAY


def quoted(text: str) -> str:
    """Write a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _files(market: Path, table: Table, named: Sequence[DataFile]) -> str:
    if not named:
        empty = ", ".join(f"NULL::{_DUCKDB_TYPES[kind]} AS {name}" for name, (kind, _) in table.columns.items())
        return f"SELECT {empty} WHERE false"
    paths = ", ".join(quoted(str((market / file.path).absolute())) for file in named)
    return f"SELECT * FROM read_parquet([{paths}])"


def _by_epoch(course: Course, key: str, edge: str, value: str) -> str:
    """Write a CASE that finds the epoch of `key` by its first tick or second and works out `value` in it."""
    whens = [f"WHEN {key} {'>' if edge == 'tick' else '>='} {getattr(e, edge)} THEN " + value.format(e=e)
             for e in reversed(course.epochs[1:])]  # fmt: skip
    first = value.format(e=course.epochs[0])
    return f"CASE {' '.join(whens)} ELSE {first} END" if whens else f"({first})"


def _rupees(column: str) -> str:
    return f"({column} * 0.01)::DECIMAL(12, 2)"


def clock_macros(course: Course, head: int) -> list[str]:
    """Macros between ticks and times: `tick_time(tick)`, and `tick_at(ts)`, the last tick at or before a time."""
    start = f"TIMESTAMP {quoted(course.parameters[0].start + ' 00:00:00')}"
    second = _by_epoch(course, "t::BIGINT", "tick", "{e.second} + (t::BIGINT - {e.tick}) * {e.interval}")
    tick = _by_epoch(course, "s", "second", "{e.tick} + (s - {e.second}) // {e.interval}")
    return [
        f"CREATE OR REPLACE MACRO second_time(s) AS {start} + to_seconds(s::BIGINT)",
        f"CREATE OR REPLACE MACRO tick_time(t) AS {start} + to_seconds({second})",
        f"CREATE OR REPLACE MACRO raw.tick_of_second(s) AS least({head}, greatest(0, {tick}))",
        f"CREATE OR REPLACE MACRO tick_at(ts) AS raw.tick_of_second(date_diff('second', {start}, ts::TIMESTAMP))",
    ]


def raw_views(market: Path, log: Log) -> list[str]:
    """Views of the tables as their files hold them, in the schema `raw`; and of the newest state alone."""
    views = [f"CREATE OR REPLACE VIEW raw.{table.name} AS {_files(market, table, log.of_table(table.name))}"
             for table in (*CATALOG, *HISTORY)]  # fmt: skip
    ticks = sorted({file.last for file in log.of_table(SNAPSHOTS.name)})
    newest = [file for file in log.of_table(SNAPSHOTS.name) if file.last == ticks[-1]]
    later = [file for file in log.of_table("events") if file.last > ticks[-1]]
    known = f"list_max(list_filter({ticks}, lambda tick: tick <= t))"
    return [
        *views,
        f"CREATE OR REPLACE VIEW raw.newest_snapshot AS {_files(market, SNAPSHOTS, newest)}",
        f"CREATE OR REPLACE VIEW raw.newest_events AS {_files(market, HISTORY[0], later)}",
        f"CREATE OR REPLACE MACRO raw.snapshot_before(t) AS {known}",
        "CREATE OR REPLACE VIEW raw.state AS " + _state("raw.newest_snapshot", "raw.newest_events", f"tick > {ticks[-1]}"),
        "CREATE OR REPLACE MACRO raw.state_at(t) AS TABLE "
        + _state("raw.snapshots WHERE tick = raw.snapshot_before(t)", "raw.events", "tick > raw.snapshot_before(t) AND tick <= t"),
    ]  # fmt: skip


def _state(snapshot: str, events: str, during: str) -> str:
    """The last snapshot overlaid with the last event of each listing since."""
    columns = {
        "price_paise": "price_after_paise", "regular_price_paise": "regular_price_paise", "discount_bps": "discount_bps",
        "surge_bps": "surge_bps", "surge_fee_paise": "surge_fee_paise", "updated_tick": "tick",
    }  # fmt: skip
    packed = ", ".join(f"{name} := {source}" for name, source in columns.items())
    chosen = ", ".join(f"coalesce(change.last.{name}, base.{name}) AS {name}" for name in columns)
    return f"""
        SELECT base.listing_id, {chosen}
        FROM (SELECT * FROM {snapshot}) AS base
        LEFT JOIN (SELECT listing_id, max_by(struct_pack({packed}), tick) AS last
                   FROM {events} WHERE {during} GROUP BY listing_id) AS change USING (listing_id)"""


def _prices(state: str) -> str:
    # Loose goods have no printed MRP: the one shown lies their permanent discount above the regular price, and moves with it.
    shown = "s.regular_price_paise * 100 / (10000 - nullif(n.mrp_discount_bps, 0)::INTEGER)"
    mrp = f"coalesce(n.mrp, ({shown})::DECIMAL(12, 2))"
    return f"""
        SELECT s.listing_id, n.product_id, n.product, n.brand, n.category, n.subcategory, n.pack, n.platform, n.store_id,
            n.city, n.pincode, {mrp} AS mrp, {_rupees("s.regular_price_paise")} AS regular_price, {_rupees("s.price_paise")} AS price,
            (s.discount_bps * 0.01)::DECIMAL(5, 2) AS discount_pct,
            (100 - 100 * (s.price_paise * 0.01) / {mrp})::DECIMAL(5, 2) AS off_mrp_pct,
            (s.price_paise * 0.01 / nullif(n.pack_units, 0))::DECIMAL(12, 2) AS unit_price, n.unit,
            {_rupees("s.surge_fee_paise")} AS surge_fee, n.stock, n.stock > 0 AS in_stock, n.is_loose, n.is_active,
            tick_time(s.updated_tick) AS updated_at
        FROM {state} AS s JOIN raw.named AS n USING (listing_id)"""


def catalog_views(head_second: int) -> list[str]:
    """Views of what a market is made of."""
    return [
        f"""CREATE OR REPLACE VIEW platforms AS SELECT platform_id, platform, name, low_percent, high_percent,
            average_discount_percent, {_rupees("delivery_fee_paise")} AS delivery_fee, {_rupees("handling_fee_paise")} AS handling_fee,
            {_rupees("free_delivery_from_paise")} AS free_delivery_from, {_rupees("minimum_order_paise")} AS minimum_order
            FROM raw.platforms""",
        "CREATE OR REPLACE VIEW categories AS SELECT * FROM raw.categories",
        "CREATE OR REPLACE VIEW brands AS SELECT * FROM raw.brands",
        f"""CREATE OR REPLACE VIEW products AS SELECT product_id, product, brand, category, subcategory, pack, unit, pack_units,
            volatility_group, {_rupees("base_price_paise")} AS base_price, {_rupees("nullif(mrp_paise, 0)")} AS mrp, is_loose,
            is_active FROM raw.products""",
        """CREATE OR REPLACE VIEW stores AS SELECT store_id, platform, city, pincode, area
            FROM raw.stores JOIN raw.platforms USING (platform_id)""",
        f"""CREATE OR REPLACE VIEW raw.named AS SELECT l.listing_id, l.product_id, l.store_id, p.platform, s.city, s.pincode,
            l.anchor_price_paise, l.unit_cost_paise, l.stock, l.reserved, l.reorder_level, l.target_stock,
            g.product, g.brand, g.category, g.subcategory, g.volatility_group, g.pack, g.unit, g.pack_units,
            {_rupees("nullif(g.mrp_paise, 0)")} AS mrp, g.is_loose, g.is_active, g.mrp_discount_bps
            FROM raw.listings AS l JOIN raw.products AS g USING (product_id) JOIN raw.stores AS s USING (store_id)
            JOIN raw.platforms AS p ON p.platform_id = l.platform_id""",
        f"""CREATE OR REPLACE VIEW listings AS SELECT listing_id, product_id, platform, store_id, city, pincode,
            {_rupees("anchor_price_paise")} AS anchor_price, {_rupees("unit_cost_paise")} AS unit_cost, mrp FROM raw.named""",
        """CREATE OR REPLACE VIEW inventory AS SELECT listing_id, product_id, platform, store_id, stock, reserved, reorder_level,
            target_stock, CASE WHEN stock = 0 THEN 'out_of_stock' WHEN stock <= reorder_level THEN 'low_stock'
            ELSE 'in_stock' END AS status FROM raw.named""",
        f"""CREATE OR REPLACE VIEW campaigns AS SELECT campaign_id, campaign, kind, platform, category,
            second_time(starts_second) AS starts_at, second_time(ends_second) AS ends_at, duration_seconds, repeat_seconds,
            CASE WHEN {head_second} >= ends_second THEN 'past'
                 WHEN {head_second} >= starts_second AND duration_seconds > CASE WHEN repeat_seconds > 0
                      THEN ({head_second} - starts_second) % repeat_seconds ELSE {head_second} - starts_second END THEN 'running'
                 ELSE 'coming' END AS status, units_per_listing
            FROM raw.campaigns JOIN raw.platforms USING (platform_id)""",
    ]


def _truth_view(causes: str) -> str:
    """The parts that each price is made of; they add up to it."""
    return f"""CREATE OR REPLACE VIEW truth AS
            SELECT tick, tick_time(tick) AS ts, listing_id, {causes} AS cause, {_rupees("anchor_price_paise")} AS anchor_price,
                {_rupees("regular_price_paise")} AS regular_price, discount_part, surge_part,
                price_after_paise * 0.01 - regular_price_paise * 0.01 - discount_part - surge_part AS time_of_day_part,
                {_rupees("price_after_paise")} AS price
            FROM (SELECT *, (regular_price_paise * 0.01 + discount_part) * surge_bps * 0.0001 AS surge_part
                  FROM (SELECT *, CASE WHEN surge_fee_paise > 0 THEN 0 ELSE -regular_price_paise * 0.01 * discount_bps * 0.0001
                        END AS discount_part FROM raw.events JOIN raw.listings USING (listing_id)))"""


def history_views(head_second: int) -> list[str]:
    """Views of prices now and then, discounts, snapshots, metrics, orders and truth, and the as-of macros."""
    causes = "CASE cause " + " ".join(f"WHEN {cause.value} THEN '{cause.name.lower()}'" for cause in Cause) + " END"
    return [
        f"CREATE OR REPLACE VIEW prices AS {_prices('raw.state')}",
        f"CREATE OR REPLACE MACRO prices_at(ts) AS TABLE {_prices('raw.state_at(tick_at(ts))')}",
        "CREATE OR REPLACE MACRO price_of(name, ts) AS TABLE SELECT * FROM prices_at(ts) WHERE product = name",
        f"""CREATE OR REPLACE VIEW price_history AS SELECT e.tick, tick_time(e.tick) AS ts, e.listing_id, n.product_id, n.product,
            n.category, n.subcategory, n.pack, n.platform, n.store_id, {causes} AS cause,
            {_rupees("price_before_paise")} AS price_before, {_rupees("price_after_paise")} AS price_after,
            {_rupees("regular_price_paise")} AS regular_price, (discount_bps * 0.01)::DECIMAL(5, 2) AS discount_pct,
            (surge_bps * 0.01)::DECIMAL(5, 2) AS surge_pct, {_rupees("surge_fee_paise")} AS surge_fee
            FROM raw.events AS e JOIN raw.named AS n USING (listing_id)""",
        f"""CREATE OR REPLACE VIEW discounts AS
            SELECT listing_id, NULL::USMALLINT AS campaign_id, (discount_bps * 0.01)::DECIMAL(5, 2) AS discount_pct,
                tick_time(tick) AS starts_at, tick_time(next_tick) AS ends_at
            FROM (SELECT *, lead(tick) OVER (PARTITION BY listing_id ORDER BY tick) AS next_tick FROM raw.discounts)
            WHERE discount_bps > 0
            UNION ALL
            SELECT l.listing_id, l.campaign_id, (l.discount_bps * 0.01)::DECIMAL(5, 2), second_time(c.second),
                second_time(least(c.second + c.duration_seconds, c.ends_second))
            FROM raw.campaign_lines AS l JOIN (
                SELECT *, unnest(CASE WHEN repeat_seconds = 0 THEN [starts_second] ELSE range(starts_second,
                    least(ends_second, {head_second + _AHEAD_SECONDS}), repeat_seconds) END) AS second
                FROM raw.campaigns) AS c USING (campaign_id)""",
        """CREATE OR REPLACE MACRO active_at(ts) AS TABLE SELECT * FROM discounts
            WHERE starts_at <= ts::TIMESTAMP AND (ends_at IS NULL OR ends_at > ts::TIMESTAMP)""",
        f"""CREATE OR REPLACE VIEW snapshots AS SELECT tick, tick_time(tick) AS ts, listing_id, {_rupees("price_paise")} AS price,
            {_rupees("regular_price_paise")} AS regular_price, (discount_bps * 0.01)::DECIMAL(5, 2) AS discount_pct,
            (surge_bps * 0.01)::DECIMAL(5, 2) AS surge_pct, {_rupees("surge_fee_paise")} AS surge_fee FROM raw.snapshots""",
        "CREATE OR REPLACE VIEW metrics AS SELECT tick, tick_time(tick) AS ts, block, attempted, changed FROM raw.metrics",
        f"""CREATE OR REPLACE VIEW orders AS SELECT tick, tick_time(tick) AS ts, listing_id, units, {_rupees("price_paise")} AS price
            FROM raw.orders""",
        _truth_view(causes),
    ]  # fmt: skip


def all_statements(market: Path, log: Log, course: Course) -> list[str]:
    """Every statement that sets a connection up for a commit, in order."""
    head_second = course.epochs[-1].second_of(log.tick)
    return ["CREATE SCHEMA IF NOT EXISTS raw", *clock_macros(course, log.tick), *raw_views(market, log),
            *catalog_views(head_second), *history_views(head_second)]  # fmt: skip
