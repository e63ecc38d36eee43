"""The SQL of the views of what happened: prices, discounts, snapshots, metrics, orders, deliveries, fees, and the truth."""

from __future__ import annotations

from qsim import clock
from qsim.queries.state_views import has
from qsim.queries.texts import CAUSES, percent, rupees
from qsim.schema import SIZES, STATES, TRUTH
from qsim.storage.log import Log

# Campaigns are told this far ahead of the market's time.
_AHEAD_SECONDS = 14 * clock.DAY

# The parts of a price and what they are, in paise, where only the event is known.
_OFF = "-((regular_price_paise::BIGINT * taken + 5000) // 10000)"
_SURGE = "((regular_price_paise + off) * surge_bps + 5000) // 10000"
_WORKED_OUT = {
    "cost": "0",
    "noise": "regular_price_paise - anchor_price_paise",
    "discount": "off",
    "campaign": "0",
    "surge": "surge",
    "time_of_day": "price_after_paise - regular_price_paise - off - surge",
    "zone": "0",
    "rounding": "0",
    "rival": "0",
}


def _truth(log: Log) -> str:
    """The parts that each price is made of; with the anchor they add up to it.

    They are those of the truth files; of an event without a row there they are worked out from the event alone.
    """
    known = has(log, TRUTH)

    def either(name: str, worked_out: str) -> str:
        return f"coalesce({name}, {worked_out})" if known else worked_out

    paise = {name: either(f"{name}_paise", worked_out) for name, worked_out in _WORKED_OUT.items()}
    parts = ", ".join(f"{rupees(f'({value})')} AS {name}_part" for name, value in paise.items())
    with_files = "LEFT JOIN (SELECT * EXCLUDE (anchor_paise) FROM raw.truth) USING (tick, listing_id)" if known else ""
    return f"""CREATE OR REPLACE VIEW truth AS
        SELECT tick, tick_time(tick) AS ts, listing_id, {CAUSES} AS cause, {rupees("anchor_price_paise")} AS anchor_price,
            {rupees("regular_price_paise")} AS regular_price, {parts}, {rupees("price_after_paise")} AS price,
            {either("shock_id", "0")}::UINTEGER AS shock_id, {either("hazard_a_day", "0")}::FLOAT AS hazard_a_day,
            {either("source_listing_id", "listing_id")}::UINTEGER AS source_listing_id
        FROM (SELECT *, {_SURGE} AS surge
              FROM (SELECT *, {_OFF} AS off
                    FROM (SELECT *, CASE WHEN surge_fee_paise > 0 THEN 0 ELSE discount_bps END AS taken
                          FROM raw.events JOIN raw.listings USING (listing_id)))) {with_files}"""


def _discounts() -> list[str]:
    return [
        f"""CREATE OR REPLACE VIEW raw.campaign_times AS
            SELECT campaign_id, second_time(second) AS starts_at,
                second_time(least(second + duration_seconds, ends_second)) AS ends_at
            FROM (SELECT *, unnest(CASE WHEN repeat_seconds = 0 THEN [starts_second] ELSE range(starts_second,
                least(ends_second, raw.head_second() + {_AHEAD_SECONDS}), repeat_seconds) END) AS second FROM raw.campaigns)""",
        f"""CREATE OR REPLACE VIEW raw.line_times AS
            SELECT listing_id, campaign_id, {percent("discount_bps")} AS discount_pct, starts_at, ends_at
            FROM raw.campaign_lines JOIN raw.campaign_times USING (campaign_id)""",
        f"""CREATE OR REPLACE VIEW discounts AS
            SELECT listing_id, NULL::USMALLINT AS campaign_id, {percent("discount_bps")} AS discount_pct,
                tick_time(tick) AS starts_at, tick_time(next_tick) AS ends_at
            FROM (SELECT *, lead(tick) OVER (PARTITION BY listing_id ORDER BY tick) AS next_tick FROM raw.discounts)
            WHERE discount_bps > 0
            UNION ALL SELECT * FROM raw.line_times""",
        """CREATE OR REPLACE MACRO active_at(ts) AS TABLE SELECT * FROM discounts
            WHERE starts_at <= raw.tick_time_at(ts) AND (ends_at IS NULL OR ends_at > raw.tick_time_at(ts))""",
    ]


def _trade() -> list[str]:
    """Orders, deliveries and the fees of orders.

    A row of orders cannot tell its own customers from those who came from a platform without stock, so what was lost
    is the least that it can be.
    """
    return [
        f"""CREATE OR REPLACE VIEW orders AS SELECT o.tick, tick_time(o.tick) AS ts, o.listing_id, n.product_id, n.product,
            n.category, n.platform, n.store_id, o.units::INTEGER AS units, o.wanted_units::INTEGER AS wanted_units,
            greatest(o.wanted_units::INTEGER - o.units, 0) AS lost_units, {rupees("o.price_paise")} AS price,
            {rupees("o.cost_paise")} AS cost, {rupees("(o.units::BIGINT * o.price_paise)", 18)} AS revenue,
            {rupees("(o.units::BIGINT * (o.price_paise::BIGINT - o.cost_paise))", 18)} AS margin
            FROM raw.orders AS o JOIN raw.named AS n USING (listing_id)""",
        """CREATE OR REPLACE VIEW deliveries AS SELECT d.tick, tick_time(d.tick) AS ts, d.listing_id, n.product_id, n.product,
            n.category, n.platform, n.store_id, d.units::INTEGER AS units, d.stock::INTEGER AS stock
            FROM raw.deliveries AS d JOIN raw.named AS n USING (listing_id)""",
        f"""CREATE OR REPLACE VIEW fees AS SELECT f.tick, tick_time(f.tick) AS ts, f.store_id, s.platform, s.city,
            {rupees("f.fee_paise")} AS fee, (f.load_bps::BIGINT * 0.0001)::DECIMAL(12, 4) AS load, f.is_raining
            FROM raw.fees AS f JOIN stores AS s USING (store_id)""",
    ]


def _platform_metrics() -> str:
    """Counts and sizes of what happened, by tick, platform and category; blocks added up."""
    counts = ("attempted", "changed", "clipped", "failed", "skipped_waiting", "skipped_inactive", "sized")
    columns = ", ".join(f"sum({name})::BIGINT AS {name}" for name in (*counts, *SIZES, *STATES))
    mean = "sum(change_bps) / nullif(sum(sized), 0)"
    # To greatest no value is as if it were not there: without a change there would be a deviation of 0.
    variance = f"sum(change_squares) / nullif(sum(sized), 0) - ({mean}) ** 2"
    return f"""CREATE OR REPLACE VIEW platform_metrics AS
        SELECT m.tick, tick_time(m.tick) AS ts, p.platform, c.category, {columns},
            round(0.01 * {mean}, 4) AS mean_change_pct,
            if(sum(sized) > 0, round(0.01 * sqrt(greatest({variance}, 0)), 4), NULL) AS sd_change_pct
        FROM raw.platform_metrics AS m JOIN raw.platforms AS p USING (platform_id)
        JOIN (SELECT category, min(category_id) AS category_id FROM raw.categories GROUP BY category) AS c USING (category_id)
        GROUP BY ALL"""


def history_views(log: Log) -> list[str]:
    """Views of everything that happened, and the macro of the discounts that run at a time."""
    return [
        f"""CREATE OR REPLACE VIEW price_history AS SELECT e.tick, tick_time(e.tick) AS ts, e.listing_id, n.product_id, n.product,
            n.category, n.subcategory, n.pack, n.platform, n.store_id, {CAUSES} AS cause,
            {rupees("price_before_paise")} AS price_before, {rupees("price_after_paise")} AS price_after,
            {rupees("regular_price_paise")} AS regular_price, {percent("discount_bps")} AS discount_pct,
            {percent("surge_bps")} AS surge_pct, {rupees("surge_fee_paise")} AS surge_fee
            FROM raw.events AS e JOIN raw.named AS n USING (listing_id)""",
        *_discounts(),
        f"""CREATE OR REPLACE VIEW snapshots AS SELECT tick, tick_time(tick) AS ts, listing_id, {rupees("price_paise")} AS price,
            {rupees("regular_price_paise")} AS regular_price, {percent("discount_bps")} AS discount_pct,
            {percent("surge_bps")} AS surge_pct, {rupees("surge_fee_paise")} AS surge_fee, stock FROM raw.snapshots""",
        "CREATE OR REPLACE VIEW metrics AS SELECT tick, tick_time(tick) AS ts, block, attempted, changed FROM raw.metrics",
        _platform_metrics(),
        *_trade(),
        _truth(log),
    ]
