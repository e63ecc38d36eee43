"""Checks of the metrics (category 6): what the ticks counted by platform and category is what happened, and what is."""

from __future__ import annotations

from qsim.validation.checks import Check, faults

# Cells of listings by platform and category; a category is known by its least number.
_CELLS = """
    SELECT l.listing_id, l.platform_id, category_id, is_active FROM raw.listings AS l JOIN raw.products USING (product_id)
    JOIN (SELECT category, min(category_id) AS category_id FROM raw.categories GROUP BY category) USING (category)"""

CHECKS: tuple[Check, ...] = (
    faults(
        "6.25",
        "Each tick's counts by platform and category are of its events, and add up to those of the blocks.",
        f"""WITH watched AS (SELECT min(tick) AS first FROM raw.platform_metrics)
        SELECT tick, platform_id, category_id, changed AS counted, events AS due FROM raw.platform_metrics FULL JOIN (
            SELECT tick, platform_id, category_id, count(*) AS events FROM raw.events JOIN ({_CELLS}) USING (listing_id)
            WHERE tick >= (SELECT first FROM watched) GROUP BY ALL) USING (tick, platform_id, category_id)
        WHERE coalesce(changed, 0) <> coalesce(events, 0)
        UNION ALL SELECT tick, NULL, NULL, m.attempted, b.attempted
        FROM (SELECT tick, sum(attempted) AS attempted FROM raw.platform_metrics GROUP BY tick) AS m FULL JOIN (
            SELECT tick, sum(attempted) AS attempted FROM raw.metrics WHERE tick >= (SELECT first FROM watched)
            GROUP BY tick) AS b USING (tick)
        WHERE coalesce(m.attempted, 0) <> coalesce(b.attempted, 0)""",
    ),
    faults(
        "6.26",
        "The newest counts of discounted, surging and sold-out listings are those of the state now.",
        f"""SELECT platform_id, category_id, m.discounted, s.discounted AS discounted_now, m.surging, s.surging AS surging_now,
            m.out_of_stock, s.out_of_stock AS out_of_stock_now
        FROM (SELECT * FROM raw.platform_metrics
              QUALIFY row_number() OVER (PARTITION BY platform_id, category_id ORDER BY tick DESC) = 1) AS m
        JOIN (SELECT platform_id, category_id, count(*) FILTER (discount_bps > 0) AS discounted,
                count(*) FILTER (surge_bps > 0 OR surge_fee_paise > 0) AS surging, count(*) FILTER (k.stock = 0) AS out_of_stock
              FROM raw.state JOIN (FROM ({_CELLS}) WHERE is_active) USING (listing_id)
              JOIN (SELECT listing_id, stock FROM raw.stock) AS k USING (listing_id) GROUP BY ALL) AS s
            USING (platform_id, category_id)
        WHERE (m.discounted, m.surging, m.out_of_stock) IS DISTINCT FROM (s.discounted, s.surging, s.out_of_stock)""",
    ),
)
