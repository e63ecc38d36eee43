"""The SQL of the views that analyse a market by day: prices at noon, and indices, shares and rates made of them.

Totals over platforms or categories are rows in which these are `all`. Shares are fractions. Listings of products off
sale do not count. Days are those whose noon the market has reached, except in what is counted from orders alone. What a tick
brings, such as orders, came before its time: that of a tick at midnight counts in the day that ends there.
"""

from __future__ import annotations

from qsim import clock
from qsim.queries.state_views import has
from qsim.queries.texts import percent, rupees
from qsim.schema import DELIVERIES, ORDERS
from qsim.storage.log import Log

_NOON = clock.DAY // 2
# Four whole weeks: every weekday as often as another, and nearly all that a market sells.
_BASE_DAYS = 28
# Names of the groups of a GROUP BY with CUBE (platform, category); the columns themselves are never null.
_TOTALS = "coalesce(platform, 'all') AS platform, coalesce(category, 'all') AS category"


# The number of the first day whose noon shows what happened at a tick.
_FIRST_NOON = f"greatest(0, (raw.second_of_tick(tick) + {clock.DAY - _NOON - 1}) // {clock.DAY})::INTEGER"
# The number of the day in which a tick from 1 on passed, which ends at its time.
_DAY_PASSED = f"(raw.second_of_tick(tick) - 1) // {clock.DAY}"


def _daily_prices(moving: bool) -> str:
    """One row for each listing on sale and day: its state at noon, that is after its last event at or before it."""
    columns = {"price": "price_after_paise", "regular": "regular_price_paise", "discount": "discount_bps"}
    packed = ", ".join(f"{name} := {source}" for name, source in columns.items())
    moved = f"""LEFT JOIN (SELECT listing_id, {_FIRST_NOON} AS n, sum(units)::INTEGER AS units FROM raw.moves
        GROUP BY ALL) AS m ON m.listing_id = c.listing_id AND m.n = c.n"""
    so_far = " + coalesce(sum(m.units) OVER (PARTITION BY c.listing_id ORDER BY c.n), 0)::INTEGER"
    return f"""
        WITH changes AS (
            SELECT listing_id, {_FIRST_NOON} AS n, max_by(struct_pack({packed}), tick) AS seen
            FROM (SELECT tick, listing_id, {", ".join(columns.values())} FROM raw.events
                  UNION ALL SELECT tick, listing_id, price_paise, regular_price_paise, discount_bps FROM raw.opening)
            GROUP BY ALL),
        calendar AS (SELECT l.*, o.stock AS opening_stock, d.n FROM raw.named AS l JOIN raw.opening AS o USING (listing_id),
            (SELECT unnest(range((raw.head_second() + {clock.DAY - _NOON}) // {clock.DAY}))::INTEGER AS n) AS d WHERE l.is_active)
        SELECT second_time(c.n::BIGINT * {clock.DAY})::DATE AS day, c.listing_id, c.product_id, c.product, c.category,
            c.platform, c.store_id, {rupees("e.seen.price")} AS price, {rupees("e.seen.regular")} AS regular_price,
            {percent("e.seen.discount")} AS discount_pct,
            c.opening_stock::INTEGER{so_far if moving else ""} AS stock, stock > 0 AS in_stock
        FROM calendar AS c ASOF JOIN changes AS e ON c.listing_id = e.listing_id AND c.n >= e.n {moved if moving else ""}"""


# `seen` is the last price at which a listing was in stock at noon, null before it first was.
_DAILY_CHANGES = """
    SELECT *, ln(price::DOUBLE / lag(price::DOUBLE) OVER listing) AS change, ln(seen / lag(seen) OVER listing) AS seen_change
    FROM (SELECT *, last_value(CASE WHEN in_stock THEN price::DOUBLE END IGNORE NULLS) OVER (PARTITION BY listing_id
        ORDER BY day ROWS UNBOUNDED PRECEDING) AS seen FROM daily_prices)
    WINDOW listing AS (PARTITION BY listing_id ORDER BY day)"""

# Jevons of the prices last seen in stock, by which a price at which goods sell out is left again when they are back; chained
# daily it is the direct index of the same listings. A Fisher does not bear that: on sales, units bounce and its chain drifts
# (ILO, IMF and others, Consumer Price Index Manual: Concepts and Methods, 2020, on chain drift). So each day's unit values and
# units are compared with those of one base period, the days' levels with the first day's.
_PRICE_INDEX = f"""
    WITH jevons AS (
        SELECT day, {_TOTALS}, avg(seen_change) AS step, count(seen_change) AS listings
        FROM raw.daily_changes GROUP BY day, CUBE (platform, category)),
    sold AS (
        SELECT day, listing_id, platform, category, units, revenue_paise / units AS price FROM raw.daily_orders WHERE units > 0),
    base AS (
        SELECT listing_id, sum(units) AS base_units, sum(units * price) / sum(units) AS base_price
        FROM sold WHERE day < (SELECT min(day) FROM sold) + {_BASE_DAYS} GROUP BY listing_id),
    fisher AS (
        SELECT day, {_TOTALS}, 0.5 * (ln(sum(price * base_units) / sum(base_price * base_units))
            + ln(sum(price * units) / sum(base_price * units))) AS level
        FROM sold JOIN base USING (listing_id) GROUP BY day, CUBE (platform, category)),
    levels AS (
        SELECT *, first_value(level IGNORE NULLS) OVER every AS first_level,
            last_value(level IGNORE NULLS) OVER past AS last_level
        FROM jevons LEFT JOIN fisher USING (day, platform, category)
        WINDOW past AS (PARTITION BY platform, category ORDER BY day),
            every AS (past ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))
    SELECT day, platform, category, listings, 100 * exp(sum(coalesce(step, 0)) OVER past) AS jevons,
        100 * exp(coalesce(last_level, first_level) - first_level) AS fisher
    FROM levels WINDOW past AS (PARTITION BY platform, category ORDER BY day)"""

_VOLATILITY = f"""
    SELECT {_TOTALS}, count(DISTINCT listing_id) AS listings, count(change) AS days, stddev_samp(change) AS volatility
    FROM raw.daily_changes GROUP BY CUBE (platform, category) HAVING count(*) > 0"""

_LISTING_VOLATILITY = """
    SELECT listing_id, any_value(product_id) AS product_id, any_value(product) AS product, any_value(category) AS category,
        any_value(platform) AS platform, any_value(store_id) AS store_id, count(change) AS days,
        stddev_samp(change) AS volatility
    FROM raw.daily_changes WHERE day > since::DATE AND day <= until::DATE GROUP BY listing_id"""

# Compared are the dark stores of one area, the k-th of every platform, and there what two open platforms or more have in stock;
# ties share.
_LOWEST_PRICE_SHARE = """
    WITH offers AS (
        SELECT day, platform, category, product_id, area,
            (offered AND count_if(offered) OVER alike > 1 AND price = min(price) FILTER (offered) OVER alike)::INTEGER AS lowest
        FROM (SELECT *, store_id % areas AS area,
                  in_stock AND raw.is_open(platform, tick_at(day + INTERVAL 12 HOUR)) AS offered FROM daily_prices,
              (SELECT count(*) // count(DISTINCT platform_id) AS areas FROM raw.stores))
        WINDOW alike AS (PARTITION BY day, product_id, area)),
    parts AS (
        SELECT *, coalesce(lowest / nullif(sum(lowest) OVER (PARTITION BY day, product_id, area), 0), 0) AS part FROM offers)
    SELECT day, platform, coalesce(category, 'all') AS category, sum(part) AS products_lowest,
        sum(sum(part)) OVER compared AS products, sum(part) / nullif(sum(sum(part)) OVER compared, 0) AS share
    FROM parts GROUP BY day, platform, CUBE (category) WINDOW compared AS (PARTITION BY day, category)"""

_DAILY_ORDERS = f"""
    SELECT second_time(n * {clock.DAY})::DATE AS day, product_id, product, category, platform, store_id, o.* EXCLUDE (n)
    FROM (SELECT {_DAY_PASSED} AS n, listing_id, sum(wanted_units)::BIGINT AS wanted_units,
              sum(units)::BIGINT AS units, sum(greatest(wanted_units::INTEGER - units, 0))::BIGINT AS lost_units,
              sum(units::BIGINT * price_paise)::BIGINT AS revenue_paise,
              sum(units::BIGINT * (price_paise::BIGINT - cost_paise))::BIGINT AS margin_paise
          FROM raw.orders GROUP BY ALL) AS o JOIN raw.named USING (listing_id)"""

_MARKET_SHARE = f"""
    SELECT day, platform, category, units, {rupees("revenue", 18)} AS revenue, {rupees("margin", 18)} AS margin,
        units / nullif(sum(units) OVER compared, 0) AS unit_share,
        revenue / nullif(sum(revenue) OVER compared, 0) AS revenue_share
    FROM (SELECT day, platform, coalesce(category, 'all') AS category, sum(units)::BIGINT AS units,
            sum(revenue_paise)::BIGINT AS revenue, sum(margin_paise)::BIGINT AS margin
          FROM raw.daily_orders GROUP BY day, platform, CUBE (category))
    WINDOW compared AS (PARTITION BY day, category)"""

_DEMAND_TRUTH = """
    SELECT day, listing_id, product_id, product, category, platform, store_id, wanted_units, units, lost_units,
        units - wanted_units + lost_units AS gained_units
    FROM raw.daily_orders"""


def _without_stock(moving: bool) -> str:
    """The spells in which a listing holds no stock, in market seconds [starts, ends).

    They are told from what moved the stock: an event that is a stock-out may carry the name of another cause.
    """
    if not moving:
        return """SELECT listing_id, 0::BIGINT AS starts, raw.head_second()::BIGINT AS ends FROM raw.opening
            WHERE stock = 0 AND ends > 0"""
    # What is sold in a tick goes before what arrives in it, and the row between the two lasts no time.
    return """
        SELECT listing_id, raw.second_of_tick(tick) AS starts, raw.second_of_tick(next_tick) AS ends
        FROM (SELECT listing_id, tick, sum(units) OVER (listing ROWS UNBOUNDED PRECEDING) AS stock,
                  lead(tick, 1, raw.head_tick()) OVER listing AS next_tick
              FROM (SELECT 0 AS tick, listing_id, stock::INTEGER AS units FROM raw.opening UNION ALL FROM raw.moves)
              WINDOW listing AS (PARTITION BY listing_id ORDER BY tick, units))
        WHERE stock = 0 AND next_tick > tick"""


def _out_of_stock_rate() -> str:
    """Listing-time without stock over all listing-time, by day up to the head of the market."""
    day = f"n * {clock.DAY}"
    return f"""
        WITH spells AS (
            SELECT *, unnest(range(starts // {clock.DAY}, (ends - 1) // {clock.DAY} + 1)) AS n FROM raw.without_stock),
        empty AS (
            SELECT n, platform, category, sum(least(ends, {day} + {clock.DAY}) - greatest(starts, {day})) AS seconds
            FROM spells JOIN raw.named USING (listing_id) WHERE is_active GROUP BY ALL),
        kinds AS (SELECT platform, category, count(*) AS listings FROM raw.named WHERE is_active GROUP BY ALL)
        SELECT second_time({day})::DATE AS day, {_TOTALS}, sum(listings)::BIGINT AS listings, coalesce(sum(seconds), 0)
            / (sum(listings) * (least(raw.head_second(), {day} + {clock.DAY}) - {day})) AS out_of_stock_rate
        FROM kinds CROSS JOIN (SELECT unnest(range((raw.head_second() + {clock.DAY - 1}) // {clock.DAY})) AS n) LEFT JOIN empty
            USING (n, platform, category)
        GROUP BY n, CUBE (platform, category)"""


def _discount_calendar() -> str:
    """Who is on discount at noon and how deep, and how many discounts and campaign lines start in the course of the day."""
    return f"""
        WITH starts AS (
            SELECT second_time({clock.DAY} * ({_DAY_PASSED}))::DATE AS day, listing_id FROM raw.discounts
            WHERE tick > 0 AND discount_bps > 0
            UNION ALL SELECT starts_at::DATE, listing_id FROM discounts
            WHERE campaign_id IS NOT NULL AND starts_at > second_time(0) AND starts_at <= second_time(raw.head_second())),
        started AS (SELECT day, {_TOTALS}, count(*) AS started FROM starts JOIN raw.named USING (listing_id)
            WHERE is_active GROUP BY day, CUBE (platform, category)),
        held AS (SELECT day, {_TOTALS}, count(*) AS listings, avg((discount_pct > 0)::INTEGER) AS discounted_share,
                avg(discount_pct::DOUBLE) FILTER (discount_pct > 0) AS mean_discount_pct
            FROM daily_prices GROUP BY day, CUBE (platform, category))
        SELECT held.*, coalesce(started, 0) AS started FROM held LEFT JOIN started USING (day, platform, category)"""


def analytics_views(log: Log) -> list[str]:
    """Views of a market by day, and the macro `listing_volatility(since, until)`."""
    moving = has(log, ORDERS, DELIVERIES)
    named = {
        "daily_prices": _daily_prices(moving),
        "raw.daily_changes": _DAILY_CHANGES,
        "raw.daily_orders": _DAILY_ORDERS,
        "raw.without_stock": _without_stock(moving),
        "price_index": _PRICE_INDEX,
        "volatility": _VOLATILITY,
        "lowest_price_share": _LOWEST_PRICE_SHARE,
        "out_of_stock_rate": _out_of_stock_rate(),
        "discount_calendar": _discount_calendar(),
        "market_share": _MARKET_SHARE,
        "demand_truth": _DEMAND_TRUTH,
    }
    return [
        *(f"CREATE OR REPLACE VIEW {name} AS {text}" for name, text in named.items()),
        f"CREATE OR REPLACE MACRO listing_volatility(since, until) AS TABLE {_LISTING_VOLATILITY}",
    ]
