"""Checks of the metrics (category 6): what the ticks counted by platform and category is what happened, and what is."""

from __future__ import annotations

from qsim.schema import MOST_SQUARES, PLATFORM_METRICS, SIZE_EDGES_BPS, SIZES
from qsim.storage.log import Log
from qsim.validation.checks import Check, faults
from qsim.validation.laws import table

# Cells of listings by platform and category; a category is known by its least number.
_CELLS = """
    SELECT l.listing_id, l.platform_id, category_id, is_active FROM raw.listings AS l JOIN raw.products USING (product_id)
    JOIN (SELECT category, min(category_id) AS category_id FROM raw.categories GROUP BY category) USING (category)"""
_EDGES = ("-infinity", *SIZE_EDGES_BPS, "infinity")
_CLASSES = ", ".join(
    f"count(*) FILTER (size >= '{low}'::DOUBLE AND size < '{high}'::DOUBLE) AS {name}"
    for name, low, high in zip(SIZES, _EDGES, _EDGES[1:], strict=False)
)
_SIZED = ("sized", "change_bps", *SIZES)
# Changes of price by tick and cell: their sizes in basis points, and how many are in each class.
_SIZES = f"""
    SELECT tick, platform_id, category_id, count(*) AS sized, sum(round_even(size, 0))::BIGINT AS change_bps,
        least(sum(round_even(size, 0) ** 2), {MOST_SQUARES})::BIGINT AS change_squares, {_CLASSES}
    FROM (SELECT tick, listing_id, (price_after_paise - price_before_paise) / price_before_paise * 10000 AS size
          FROM raw.events WHERE price_after_paise <> price_before_paise) JOIN ({_CELLS}) USING (listing_id) GROUP BY ALL"""
# How many more listings of each cell are in each state after a tick than before it.
_SWITCHED = f"""
    SELECT tick, platform_id, category_id, sum(discounted) AS discounted, sum(surging) AS surging, sum(out_of_stock) AS out_of_stock
    FROM (SELECT tick, listing_id, (discount > 0)::BIGINT - (was_discount > 0)::BIGINT AS discounted,
            (surge + fee > 0)::BIGINT - (was_surge + was_fee > 0)::BIGINT AS surging, 0 AS out_of_stock FROM checked.events
        UNION ALL SELECT tick, listing_id, 0, 0, (after = 0)::BIGINT - (before = 0)::BIGINT FROM checked.shelf)
    JOIN ({_CELLS}) USING (listing_id) GROUP BY ALL"""

# Which ticks were counted the log alone tells: of none there is nothing to hold against what happened.
_COUNTED = "EXISTS (FROM checked.stretches)"


def counted(history: Log) -> list[str]:
    """Write the tables of the ticks that were counted: their stretches (first, last), as runs without monitoring leave gaps, and
    each of them with the first of its stretch.
    """
    stretches: list[tuple[int, int]] = []
    for file in sorted(history.of_table(PLATFORM_METRICS.name), key=lambda file: file.first):
        if stretches and file.first <= stretches[-1][1] + 1:
            stretches[-1] = stretches[-1][0], max(stretches[-1][1], file.last)
        else:
            stretches.append((file.first, file.last))
    return [
        *table("stretches", {"first": "BIGINT", "last": "BIGINT"}, stretches),
        "CREATE OR REPLACE TABLE checked.counted AS SELECT unnest(range(first, last + 1)) AS tick, first FROM checked.stretches",
    ]


CHECKS: tuple[Check, ...] = (
    faults(
        "6.25",
        "Each tick's counts by platform and category are of its events, and add up to those of the blocks.",
        f"""SELECT tick, platform_id, category_id, changed AS counted, events AS due FROM raw.platform_metrics FULL JOIN (
            SELECT tick, platform_id, category_id, count(*) AS events FROM raw.events SEMI JOIN checked.counted USING (tick)
            JOIN ({_CELLS}) USING (listing_id) GROUP BY ALL) USING (tick, platform_id, category_id)
        WHERE coalesce(changed, 0) <> coalesce(events, 0)
        UNION ALL SELECT tick, NULL, NULL, m.attempted, b.attempted
        FROM (SELECT tick, sum(attempted) AS attempted FROM raw.platform_metrics GROUP BY tick) AS m FULL JOIN (
            SELECT tick, sum(attempted) AS attempted FROM raw.metrics SEMI JOIN checked.counted USING (tick)
            GROUP BY tick) AS b USING (tick)
        WHERE coalesce(m.attempted, 0) <> coalesce(b.attempted, 0)""",
        needs=_COUNTED,
    ),
    faults(
        "6.26",
        "The newest counts of discounted, surging and sold-out listings are those of the state now, unless it was counted no more.",
        f"""SELECT platform_id, category_id, m.discounted, s.discounted AS discounted_now, m.surging, s.surging AS surging_now,
            m.out_of_stock, s.out_of_stock AS out_of_stock_now
        FROM (SELECT * FROM raw.platform_metrics
              QUALIFY row_number() OVER (PARTITION BY platform_id, category_id ORDER BY tick DESC) = 1) AS m
        RIGHT JOIN (SELECT platform_id, category_id, count(*) FILTER (discount_bps > 0) AS discounted,
                count(*) FILTER (surge_bps > 0 OR surge_fee_paise > 0) AS surging, count(*) FILTER (k.stock = 0) AS out_of_stock
              FROM raw.state JOIN (FROM ({_CELLS}) WHERE is_active) USING (listing_id)
              JOIN (SELECT listing_id, stock FROM raw.stock) AS k USING (listing_id) GROUP BY ALL) AS s
            USING (platform_id, category_id)
        WHERE (m.discounted, m.surging, m.out_of_stock) IS DISTINCT FROM (s.discounted, s.surging, s.out_of_stock)
            AND NOT EXISTS (FROM raw.events WHERE tick > (SELECT max(last) FROM checked.stretches))""",
        needs=_COUNTED,
    ),
    faults(
        "6.27",
        "Each count tells what was not taken up and what is off sale of all listings there are, and no price that failed.",
        f"""SELECT tick, platform_id, category_id, attempted, skipped_waiting, active, skipped_inactive, inactive, failed
        FROM raw.platform_metrics LEFT JOIN (
            SELECT platform_id, category_id, count(*) FILTER (is_active) AS active, count(*) FILTER (NOT is_active) AS inactive
            FROM ({_CELLS}) GROUP BY ALL) USING (platform_id, category_id)
        WHERE (attempted + skipped_waiting, skipped_inactive, failed) IS DISTINCT FROM (active, inactive, 0)""",
        needs=_COUNTED,
    ),
    faults(
        "6.28",
        "The sizes of price changes that each tick counted are those of its events; of ticks that take up more than 1,024"
        " listings of a block some may be left out.",
        f"""SELECT m.tick, platform_id, category_id, m.sized, s.sized AS due, m.change_bps, s.change_bps AS due_bps
        FROM raw.platform_metrics AS m LEFT JOIN ({_SIZES}) AS s USING (tick, platform_id, category_id)
        WHERE {" + ".join(f"m.{name}" for name in SIZES)} <> m.sized OR m.sized > coalesce(s.sized, 0)
            OR ((SELECT max(attempted) FROM raw.metrics) <= 1024
                AND ({", ".join(f"m.{name}" for name in _SIZED)}, least(m.change_squares, {MOST_SQUARES}))
                IS DISTINCT FROM ({", ".join(f"coalesce(s.{name}, 0)" for name in (*_SIZED, "change_squares"))}))""",
        needs=_COUNTED,
    ),
    faults(
        "6.29",
        "From row to row the counts of discounted, surging and sold-out listings move by those that events and shelves tell.",
        f"""SELECT tick, platform_id, category_id, m.discounted, s.discounted AS discounted_due, m.surging, s.surging AS surging_due,
            m.out_of_stock, s.out_of_stock AS out_of_stock_due
        FROM (SELECT tick, platform_id, category_id, discounted::BIGINT - lag(discounted) OVER w AS discounted,
                surging::BIGINT - lag(surging) OVER w AS surging, out_of_stock::BIGINT - lag(out_of_stock) OVER w AS out_of_stock
              FROM raw.platform_metrics LEFT JOIN checked.counted USING (tick)
              WINDOW w AS (PARTITION BY platform_id, category_id, first ORDER BY tick)) AS m
        FULL JOIN ({_SWITCHED}) AS s USING (tick, platform_id, category_id)
        WHERE tick IN (SELECT tick FROM checked.counted WHERE tick > first) AND (SELECT step FROM checked.market) = 1
            AND (coalesce(m.discounted, 0), coalesce(m.surging, 0), coalesce(m.out_of_stock, 0))
                <> (coalesce(s.discounted, 0), coalesce(s.surging, 0), coalesce(s.out_of_stock, 0))""",
        sampled=True,
        needs=_COUNTED,
    ),
)
