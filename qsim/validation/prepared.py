"""The tables that checks read, laid out in the schema `checked` of a connection: the market's parameters by epoch,
its clock, its listings, and every event beside the state before it, the running line and the own discount.

The clock, the turns and the lines are worked out here in SQL, apart from the code that made the market.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any

from qsim import depths, taxonomy
from qsim.behaviour import GROUPS, Platform
from qsim.clock import DAY, parse_hour
from qsim.festivals import Entry
from qsim.schema import TABLES
from qsim.simulation import Course
from qsim.storage.log import Log
from qsim.validation import counts, demand, drawn, laws, sampling
from qsim.validation.laws import table as _table

_FEES = ("delivery_fee", "handling_fee", "free_delivery_from", "minimum_order")
_NAMED = re.compile(r"checked\.(\w+)")
_MADE = re.compile(r"(?:CREATE OR REPLACE (?:TABLE|MACRO)|INSERT INTO) checked\.(\w+)")
_PRICE = """
    greatest(1, least(ceiling, ((regular::BIGINT * (10000 - CASE WHEN fee > 0 THEN 0 ELSE discount END)
        * (10000 + surge))::HUGEINT * (10000 + shift) * 2 + 1000000000000) // 2000000000000))"""
# Bernstein's bound at four standard deviations: right for rare events too, where the normal one is too narrow.
_SLACK = "CASE WHEN p <= 0 OR p >= 1 THEN 0 ELSE (16 / 6 + sqrt(256 / 36 + 16 * n * p * (1 - p))) / n END"
_RUNNING = """(second >= starts AND second < ends AND duration > CASE WHEN repeat > 0 THEN (second - starts) % repeat
    ELSE second - starts END)"""
# Whether a price is at the point that a style takes the amount x, in paise, to; README, "The realistic market".
_WHOLE, _NINE, _FIVE = "floor(x / 100 + 0.5)", "(floor(x / 1000 + 0.1 + 0.5) * 10 - 1)", "(floor(x / 500 + 0.5) * 5)"
# Paise that end in 99, in 49 or 99, or in 9; in 9 at the least where none of these is within reach.
_STEP = "CASE style WHEN 'x99' THEN 100 WHEN 'x49' THEN 50 ELSE 10 END"
_FINE = f"(floor((x + 1) / {_STEP} + 0.5) * {_STEP} - 1)"
_NINES = f"""CASE WHEN {_FINE} > 0 AND abs({_FINE} - x) <= reach * x THEN {_FINE}
    ELSE greatest(9, floor((x + 1) / 10 + 0.5) * 10 - 1) END"""
_NEAR = f"CASE style WHEN 'nine' THEN {_NINE} WHEN 'five' THEN {_FIVE} ELSE {_WHOLE} END"
_FITS = f"""price = least(ceiling, CASE WHEN style = 'paise' OR x >= ceiling THEN floor(x + 0.5)
    WHEN style = 'percent' AND ceiling < 2147483647
        THEN greatest(1, floor(floor(100::DOUBLE * x / ceiling + 0.5) * ceiling / 100 + 0.5))
    WHEN style IN ('x99', 'x49', 'x9') THEN {_NINES}
    WHEN {_NEAR} > 0 AND abs({_NEAR} - x / 100) <= reach * x / 100 THEN {_NEAR} * 100
    ELSE greatest(1, {_WHOLE}) * 100 END)"""
MACROS = (
    f"CREATE OR REPLACE MACRO checked.price(regular, discount, surge, fee, shift, ceiling) AS {_PRICE}",
    f"CREATE OR REPLACE MACRO checked.fits(style, price, x, reach, ceiling) AS {_FITS}",
    f"CREATE OR REPLACE MACRO checked.slack(n, p) AS {_SLACK}",
    f"CREATE OR REPLACE MACRO checked.running(second, starts, duration, repeat, ends) AS {_RUNNING}",
)
# The deepest running line of each listing and tick in `rows`, where one runs.
LINES = """
    SELECT s.listing_id, s.tick, max(l.discount_bps)::INTEGER AS line
    FROM (SELECT DISTINCT listing_id, tick FROM {rows} SEMI JOIN raw.campaign_lines USING (listing_id)) AS s
    JOIN checked.clock AS t USING (tick) JOIN raw.campaign_lines AS l USING (listing_id)
    JOIN raw.campaigns AS c USING (campaign_id)
    WHERE checked.running(t.second, c.starts_second, c.duration_seconds, c.repeat_seconds, c.ends_second)
    GROUP BY s.listing_id, s.tick"""


def _epochs(course: Course, head: int) -> list[str]:
    columns = dict.fromkeys(("epoch", "first", "last", "start_tick", "second", "interval", "batch_size"), "BIGINT")
    columns |= dict.fromkeys(("bound_bps", "surge_low", "surge_high", "surge_fee"), "BIGINT")
    columns |= dict.fromkeys(("start_p", "end_p", "surge_p", "reversion"), "DOUBLE")
    rows, groups, windows = [], [], []
    ends = [*(epoch.tick for epoch in course.epochs[1:]), head]
    for number, (epoch, p) in enumerate(zip(course.epochs, course.parameters, strict=True)):
        span = (number, epoch.tick + (number > 0), ends[number], epoch.tick, epoch.second, epoch.interval, p.batch_size)
        percents = (p.max_price_change_percent, p.surge_min_percent, p.surge_max_percent, p.surge_fee_rupees)
        hundredths = (round(percent * 100) for percent in percents)
        chances = (p.discount_probability, p.discount_end_probability, p.surge_probability, p.reversion)
        rows.append((*span, *hundredths, *chances))
        groups += [(number, group, float(v)) for group, v in p.category_volatility.items()]
        for window, percent in p.time_of_day.items():
            begin, _, end = window.partition("-")
            windows.append((number, parse_hour(begin), parse_hour(end), round(percent * 100)))
    return [
        *_table("epochs", columns, rows),
        *_table("volatility", {"epoch": "BIGINT", "volatility_group": "VARCHAR", "v": "DOUBLE"}, groups),
        *_table("windows", dict.fromkeys(("epoch", "opens", "closes", "bps"), "BIGINT"), windows),
    ]


def _platform(platform: str, of: Platform, depth_sd: float) -> tuple[Any, ...]:
    band = (float(of.low_percent), float(of.high_percent), float(of.average_discount_percent), depth_sd)
    return (platform, of.name, *band, *(round(getattr(of, fee) * 100) for fee in _FEES))


def _rows(history: Log, table: str) -> int:
    return sum(file.rows for file in history.of_table(table))


def _step(history: Log) -> int:
    return sampling.product_step(_rows(history, "events"), _rows(history, "listings"))


def _market(history: Log, course: Course, past: int) -> list[str]:
    p = course.parameters[0]
    rows = {name: _rows(history, name) for name in TABLES}
    columns = {"head": "BIGINT", "past": "BIGINT", "step": "BIGINT", "generated": "BOOLEAN", "products": "BIGINT"}
    columns |= {"stores": "BIGINT", "inactive_percent": "DOUBLE", "discounted_percent": "DOUBLE"}
    columns |= {"campaign_share": "DOUBLE"}
    shares = (float(p.inactive_percent), float(p.discounted_percent), float(p.sales.campaign_share))
    places = [(nth, *place) for nth, place in enumerate(taxonomy.places())]
    market = (history.tick, past, _step(history), not p.catalog, p.products, p.stores, *shares)
    deep = p.deep_discount_percent
    platforms = [
        _platform(name, q, depths.deviation(q.average_discount_percent, deep)) for name, q in p.platforms.items()
    ]
    named = {"platform": "VARCHAR", "name": "VARCHAR", "low": "DOUBLE", "high": "DOUBLE", "depth": "DOUBLE"}
    named |= {"depth_sd": "DOUBLE"}
    named |= {f"{fee}_paise": "BIGINT" for fee in _FEES}
    return [
        f"SET VARIABLE checked_past = {past}",
        f"SET VARIABLE checked_head = {history.tick}",
        *_table("market", columns, [market]),
        *_table("platforms", named, platforms),
        *_table("places", {"place": "BIGINT", **dict.fromkeys(("city", "pincode", "area"), "VARCHAR")}, places),
        *_table("mrp_discounts", {"volatility_group": "VARCHAR", "bps": "BIGINT"}, laws.mrp_discounts(p)),
        *_table("log", {"name": "VARCHAR", "rows": "BIGINT"}, list(rows.items())),
    ]


def spaced_snapshots(history: Log, course: Course, active_products: int) -> list[str]:
    """Write the table of the snapshots that are independent of one another, for the surge and for the discount chain."""
    ticks = {file.first for file in history.of_table("snapshots")}
    rows: list[tuple[str, int, int]] = []
    for number, p in enumerate(course.parameters):
        turn = sampling.round_ticks(p, active_products)
        for purpose, rounds in (("surge", 1), ("discount", sampling.forgetting_rounds(p))):
            chosen = sampling.spaced(ticks, course, number, rounds * turn) if rounds else []
            rows += [(purpose, number, tick) for tick in chosen]
    return _table("spaced", {"purpose": "VARCHAR", "epoch": "BIGINT", "tick": "BIGINT"}, rows)


_CLOCK = [
    """CREATE OR REPLACE TABLE checked.clock AS
        SELECT tick, epoch, second, second % 86400 AS of_day FROM (
            SELECT unnest(range(first, last + 1)) AS tick, epoch, second
                + (unnest(range(first, last + 1)) - start_tick) * interval AS second FROM checked.epochs)""",
    """CREATE OR REPLACE TABLE checked.clock AS
        SELECT c.tick, c.epoch, c.second, c.shift, lag(c.shift, 1, c.shift) OVER (ORDER BY c.tick) AS shift_before FROM (
            SELECT c.*, s.shift FROM checked.clock AS c JOIN (
                SELECT d.epoch, d.of_day, coalesce(sum(w.bps), 0)::INTEGER AS shift
                FROM (SELECT DISTINCT epoch, of_day FROM checked.clock) AS d LEFT JOIN checked.windows AS w
                    ON w.epoch = d.epoch AND CASE WHEN w.opens <= w.closes THEN d.of_day >= w.opens AND d.of_day < w.closes
                    ELSE d.of_day >= w.opens OR d.of_day < w.closes END
                GROUP BY d.epoch, d.of_day) AS s USING (epoch, of_day)) AS c""",
]
_LISTINGS = """CREATE OR REPLACE TABLE checked.listings AS
    SELECT l.listing_id::INTEGER AS listing_id, l.product_id::INTEGER AS product_id, l.store_id::INTEGER AS store_id,
        l.platform_id::INTEGER AS platform_id, p.platform, l.anchor_price_paise AS anchor, g.is_loose, g.is_active,
        l.stock::INTEGER AS stock, l.reorder_level::INTEGER AS reorder, l.target_stock::INTEGER AS target,
        l.unit_cost_paise AS unit_cost, s.city, l.store_id - min(l.store_id) OVER (PARTITION BY l.product_id, l.platform_id) AS area,
        g.volatility_group, g.base_price_paise AS base, g.mrp_paise AS mrp, g.place::BIGINT AS place,
        greatest(1, g.active)::BIGINT AS active,
        l.store_id = min(l.store_id) OVER (PARTITION BY l.product_id, l.platform_id) AS leads,
        CASE WHEN g.is_loose THEN 2147483647 ELSE g.mrp_paise END AS ceiling
    FROM raw.listings AS l JOIN raw.platforms AS p USING (platform_id) LEFT JOIN raw.stores AS s USING (store_id)
    JOIN (SELECT *, sum(is_active::INTEGER) OVER (ORDER BY product_id) - 1 AS place, sum(is_active::INTEGER) OVER () AS active
        FROM raw.products) AS g USING (product_id)
    WHERE product_id % (SELECT step FROM checked.market) = 0"""
_EVENTS = [
    """CREATE OR REPLACE TABLE checked.states AS
        SELECT listing_id::INTEGER AS listing_id, tick::INTEGER AS tick, cause::INTEGER AS cause,
            price_before_paise AS before, price_after_paise AS after, regular_price_paise AS regular,
            discount_bps::INTEGER AS discount, surge_bps::INTEGER AS surge, surge_fee_paise::INTEGER AS fee
        FROM raw.events SEMI JOIN checked.listings USING (listing_id)
        UNION ALL
        SELECT listing_id, tick, 0, price_paise, price_paise, regular_price_paise, discount_bps, surge_bps, surge_fee_paise
        FROM raw.snapshots SEMI JOIN checked.listings USING (listing_id) WHERE tick = 0""",
    f"CREATE OR REPLACE TABLE checked.state_lines AS {LINES.format(rows='checked.states')}",
    """CREATE OR REPLACE TABLE checked.own AS SELECT listing_id::INTEGER AS listing_id, tick::INTEGER AS tick,
        discount_bps::INTEGER AS depth FROM raw.discounts SEMI JOIN checked.listings USING (listing_id)""",
    """CREATE OR REPLACE TABLE checked.events AS
        SELECT e.*, coalesce(o.depth, 0) AS own, coalesce(l.line, 0) AS line, c.epoch, c.shift, c.shift_before,
            g.is_loose, g.is_active, g.ceiling, g.platform, g.leads, g.product_id, r.live, r.turned, r.timed, r.told,
            p.batch_size = 0 OR (g.place - e.tick * p.batch_size % g.active + g.active) % g.active < p.batch_size AS in_turn
        FROM (SELECT *, lag(tick) OVER w AS was_tick, lag(after) OVER w AS was_after, lag(regular) OVER w AS was_regular,
                lag(discount) OVER w AS was_discount, lag(surge) OVER w AS was_surge, lag(fee) OVER w AS was_fee
              FROM checked.states WINDOW w AS (PARTITION BY listing_id ORDER BY tick, cause)) AS e
        ASOF LEFT JOIN checked.own AS o ON o.listing_id = e.listing_id AND e.tick >= o.tick
        LEFT JOIN checked.state_lines AS l ON l.listing_id = e.listing_id AND l.tick = e.tick
        LEFT JOIN checked.clock AS c ON c.tick = e.tick LEFT JOIN checked.epochs AS p ON p.epoch = c.epoch
        LEFT JOIN checked.laws AS r ON r.epoch = c.epoch JOIN checked.listings AS g ON g.listing_id = e.listing_id
        WHERE e.cause > 0""",
]
# What was sold and delivered at each tick at which something moved or was wanted, with the stock before and after.
_SHELF = """CREATE OR REPLACE TABLE checked.shelf AS
    SELECT *, after + sold - coalesce(received, 0) AS before FROM (
        SELECT m.*, g.product_id, g.platform, g.area, g.reorder, g.target, s.stock + sum(coalesce(received, 0) - sold)
            OVER (PARTITION BY m.listing_id ORDER BY tick)::BIGINT AS after
        FROM (SELECT listing_id::INTEGER AS listing_id, tick::INTEGER AS tick, coalesce(o.units, 0)::BIGINT AS sold,
                coalesce(wanted_units, 0)::BIGINT AS wanted, d.units::BIGINT AS received, d.stock::BIGINT AS shelf
              FROM raw.orders AS o FULL JOIN raw.deliveries AS d USING (listing_id, tick)) AS m
        JOIN checked.listings AS g USING (listing_id)
        JOIN (SELECT listing_id, stock::BIGINT AS stock FROM raw.snapshots WHERE tick = 0) AS s USING (listing_id))"""
_SNAPSHOTS = [
    f"CREATE OR REPLACE TABLE checked.snapshot_lines AS {LINES.format(rows='raw.snapshots')}",
    """CREATE OR REPLACE TABLE checked.snapshots AS
        SELECT s.listing_id, s.tick, s.price_paise AS price, s.regular_price_paise AS regular,
            s.discount_bps::INTEGER AS discount, s.own_discount_bps::INTEGER AS own_discount, s.surge_bps::INTEGER AS surge,
            s.surge_fee_paise::INTEGER AS fee, s.updated_tick::INTEGER AS updated, coalesce(o.depth, 0) AS own,
            s.own_ends_second::BIGINT AS own_ends, s.repriced_second::BIGINT AS repriced,
            s.match_paise AS match, s.stock::INTEGER AS stock, s.restock_second::BIGINT AS restock,
            coalesce(l.line, 0) AS line, c.epoch, c.second, c.shift, r.live, g.leads, g.platform, g.platform_id,
            g.product_id, g.anchor, g.is_loose, g.is_active, g.ceiling, e.tick AS event_tick, e.after, e.regular AS event_regular,
            e.discount AS event_discount, e.surge AS event_surge, e.fee AS event_fee
        FROM raw.snapshots AS s JOIN checked.listings AS g ON g.listing_id = s.listing_id
        LEFT JOIN checked.clock AS c ON c.tick = s.tick LEFT JOIN checked.laws AS r ON r.epoch = c.epoch
        LEFT JOIN checked.snapshot_lines AS l ON l.listing_id = s.listing_id AND l.tick = s.tick
        ASOF LEFT JOIN checked.own AS o ON o.listing_id = s.listing_id AND s.tick >= o.tick
        ASOF LEFT JOIN checked.states AS e ON e.listing_id = s.listing_id AND s.tick >= e.tick""",
    # The opening is counted to the listing, so it is looked at whole however long the history.
    """CREATE OR REPLACE TABLE checked.opening AS
        SELECT l.platform_id::INTEGER AS platform_id, p.platform, g.is_active, s.discount_bps::INTEGER AS discount,
            s.own_discount_bps::INTEGER AS own, coalesce(c.line, 0) AS line,
            l.store_id = min(l.store_id) OVER (PARTITION BY l.product_id, l.platform_id) AS leads
        FROM raw.listings AS l JOIN raw.products AS g USING (product_id) JOIN raw.platforms AS p
            ON p.platform_id = l.platform_id JOIN (FROM raw.snapshots WHERE tick = 0) AS s USING (listing_id)
        LEFT JOIN (SELECT listing_id, max(discount_bps)::INTEGER AS line FROM raw.campaign_lines JOIN raw.campaigns
            USING (campaign_id) WHERE checked.running(0, starts_second, duration_seconds, repeat_seconds, ends_second)
            GROUP BY listing_id) AS c USING (listing_id)""",
]


def statements(history: Log, course: Course) -> list[str]:
    """Every statement that lays the tables out, in order, but for those that need the market's own rows."""
    past = int(history.digest % (history.tick + 1))
    return [
        *MACROS,
        *_epochs(course, history.tick),
        *laws.tables(course),
        *_market(history, course, past),
        *counts.counted(history),
        *_CLOCK,
        _LISTINGS,
        *_EVENTS,
        *_SNAPSHOTS,
        _SHELF,
    ]


def _read_by(statements: Sequence[str], texts: Iterable[str]) -> tuple[list[str], set[str]]:
    """Leave out the statements that make what neither these texts nor any statement that is left reads; name what is read."""
    names, kept = set(_NAMED.findall(" ".join(texts))), []
    for statement in reversed(statements):
        made = _MADE.match(statement)
        if made is None or made[1] in names:
            kept.append(statement)
            names |= set(_NAMED.findall(statement))
    return kept[::-1], names


def lay_out(run: Callable[[str], list[dict[str, Any]]], history: Log, course: Course, read_by: Iterable[str]) -> None:
    """Make the tables that queries read by `run`, which runs one statement and gives its rows."""
    active = run("SELECT count(*) AS active FROM raw.products WHERE is_active")[0]["active"]
    made = [*statements(history, course), *laws.SALES, *demand.TABLES, *spaced_snapshots(history, course, active)]
    kept, names = _read_by(made, read_by)
    run("CREATE SCHEMA IF NOT EXISTS checked")
    by_hour = _of_hours(run, history, course) if "hours" in names else []
    by_day = _of_days(run, history, course) if names & {"shocks", "costs", "popularity"} else []
    for statement in chain(by_hour, by_day, kept):
        run(statement)


def _of_days(run: Callable[[str], list[dict[str, Any]]], history: Log, course: Course) -> list[str]:
    """Write the statements of the families' shocks and of the products' costs and popularity."""
    path = drawn.cost_path(course, history.tick)
    days = course.epochs[-1].second_of(history.tick) // DAY + 1
    step = _step(history) * sampling.day_step(_rows(history, "listings") // _step(history) * days)
    rows = run(
        "SELECT product_id, volatility_group, min(product_id) OVER (PARTITION BY product) AS good FROM raw.products"
        f" QUALIFY is_active AND volatility_group IN {GROUPS} AND product_id % {step} = 0 ORDER BY product_id"
    )
    products = [(row["product_id"], row["volatility_group"], row["good"]) for row in rows]
    return [*drawn.of_shocks(course, history.tick, path), *drawn.of_products(course, path, products)]


def _of_hours(run: Callable[[str], list[dict[str, Any]]], history: Log, course: Course) -> list[str]:
    calendar = [
        Entry(**{part.name: row[part.name] for part in fields(Entry)})
        for row in run("SELECT * FROM raw.calendar ORDER BY entry_id")
    ]
    named = run(
        "SELECT city FROM raw.stores WHERE platform_id = (SELECT min(platform_id) FROM raw.stores) ORDER BY store_id"
    )
    cities = list(dict.fromkeys(str(row["city"]) for row in named))
    return drawn.of_hours(course, history.tick, calendar, cities)
