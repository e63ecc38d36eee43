"""Checks of what is sold and delivered (category 4): shelves for days of demand, orders, deliveries, customers' choices."""

from __future__ import annotations

from qsim.validation.checks import Check, bounds, faults

_TICK = "JOIN checked.clock AS c USING (tick) JOIN checked.laws AS r USING (epoch)"
_HELD = "LEFT JOIN checked.shelf AS h ON h.listing_id = s.listing_id AND s.tick >= h.tick"
# A product's customers a day as each of its shelves tells them: between target / (most days) and target / (fewest days).
_SHELVES = """
    SELECT l.product_id, l.listing_id, l.target, CASE WHEN l.target > 4 THEN (l.target - 1) / (takes * cover_high) END AS least,
        CASE WHEN l.target < 60000 THEN l.target / (takes * cover_low) END AS most
    FROM checked.listings AS l JOIN checked.shelves AS s USING (platform) JOIN checked.laws AS r USING (epoch)
    WHERE epoch = 0 AND takes > 0"""
# When each shelf first ran low since the delivery before: it is ordered at that tick. At tick 0, and where supply begins
# later, it is looked at however long it has been low; a delivery that falls due without supply waits for it.
_SUPPLIED = "(SELECT tick, second FROM checked.clock JOIN checked.laws USING (epoch) WHERE live)"
_ORDERED = f"""
    WITH begun AS (SELECT tick FROM (SELECT tick, live, lag(live) OVER (ORDER BY tick) AS was_live
            FROM checked.clock JOIN checked.laws USING (epoch)) WHERE live AND NOT was_live),
    moves AS (SELECT listing_id, tick, after, received IS NOT NULL AS arrives, reorder FROM checked.shelf
        UNION ALL SELECT s.listing_id, 0, s.stock, false, g.reorder FROM checked.snapshots AS s
            JOIN checked.listings AS g USING (listing_id) WHERE s.tick = 0 AND s.is_active AND s.live
        UNION ALL SELECT g.listing_id, b.tick, coalesce(h.after, g.stock), false, g.reorder
            FROM begun AS b CROSS JOIN (FROM checked.listings WHERE is_active) AS g
            ASOF LEFT JOIN checked.shelf AS h ON h.listing_id = g.listing_id AND b.tick >= h.tick),
    rounds AS (SELECT *, sum(arrives::INTEGER) OVER (PARTITION BY listing_id ORDER BY tick) AS round FROM moves)
    SELECT listing_id, o.ordered, d.tick AS arrived, c.second AS ordered_second, c.epoch, e.second AS arrived_second,
        b.second AS second_before
    FROM (SELECT listing_id, round, min(tick) FILTER (after <= reorder) AS ordered FROM rounds GROUP BY ALL) AS o
    FULL JOIN (SELECT listing_id, round - 1 AS round, tick FROM rounds WHERE arrives) AS d USING (listing_id, round)
    LEFT JOIN checked.clock AS c ON c.tick = o.ordered LEFT JOIN checked.clock AS e ON e.tick = d.tick
    LEFT JOIN {_SUPPLIED} AS b ON b.tick = d.tick - 1"""
CHECKS: tuple[Check, ...] = (
    faults(
        "4.15",
        "A product's shelves all hold the same demand, for days within cover_days of it, and four units at least.",
        f"""SELECT product_id, max(least) AS least_a_day, min(most) AS most_a_day, min(target) AS target FROM ({_SHELVES})
        GROUP BY product_id HAVING max(least) > min(most) * 1.000001 OR min(target) < 4""",
        sampled=True,
        needs="shelved",
    ),
    faults(
        "4.16",
        "The reorder level is the parameters' share of the target.",
        """SELECT listing_id, l.reorder, target, r.reorder AS share FROM checked.listings AS l
        JOIN (SELECT reorder FROM checked.laws WHERE epoch = 0) AS r ON l.reorder <> floor(r.reorder * l.target)""",
        sampled=True,
        needs="shelved",
    ),
    faults(
        "4.17",
        "Nothing is sold that is not there; a delivery fills the shelf up to its target, and tells what is on it then.",
        """SELECT tick, listing_id, before, sold, received, after, shelf, target FROM checked.shelf
        WHERE sold > before OR after NOT BETWEEN 0 AND target OR received <> greatest(0, target - before) OR shelf <> after""",
        sampled=True,
        needs="live",
    ),
    faults(
        "4.18",
        "The stock in every snapshot is the opening's, plus what was delivered, less what was sold.",
        f"""SELECT s.tick, s.listing_id, s.stock, coalesce(h.after, g.stock) AS due FROM checked.snapshots AS s
        JOIN checked.listings AS g ON g.listing_id = s.listing_id ASOF {_HELD}
        WHERE s.stock <> coalesce(h.after, g.stock)""",
        sampled=True,
    ),
    faults(
        "4.19",
        "A delivery comes only where the shelf has run low before, and no sooner than the least days after that.",
        f"""SELECT o.*, least_days FROM ({_ORDERED}) AS o LEFT JOIN checked.laws USING (epoch)
        WHERE arrived IS NOT NULL AND (ordered IS NULL OR arrived_second < ordered_second + 1 + floor(86400 * least_days))""",
        sampled=True,
        needs="live",
    ),
    faults(
        "4.20",
        "In every snapshot what is on order is due later, on a shelf that has run low; it comes at the first tick then.",
        f"""SELECT s.tick, s.listing_id, s.stock, s.restock, o.ordered, o.arrived FROM checked.snapshots AS s
        LEFT JOIN ({_ORDERED}) AS o ON o.listing_id = s.listing_id AND o.ordered <= s.tick
            AND (o.arrived > s.tick OR o.arrived IS NULL)
        WHERE (s.restock > 0) <> (o.ordered IS NOT NULL) OR (s.restock > 0 AND ((s.live AND s.restock <= s.second)
            OR CASE WHEN o.arrived IS NULL THEN s.restock <= (SELECT max(second) FROM {_SUPPLIED})
                ELSE s.restock > o.arrived_second OR coalesce(s.restock <= o.second_before, false) END))""",
        sampled=True,
        needs="live",
    ),
    bounds(
        "4.21",
        "Deliveries take as long on the average as their law says.",
        "days within four standard errors and a tick, of what was ordered long before the end",
        f"""SELECT 'mean days of ' || count(*) || ' in epoch ' || epoch AS what,
            avg((arrived_second - ordered_second) / 86400) AS measured, mean_days - 4 * sd_days / sqrt(count(*)) AS low,
            mean_days + 4 * sd_days / sqrt(count(*)) + (SELECT max(interval) / 86400 FROM checked.epochs) AS high
        FROM ({_ORDERED}) JOIN checked.laws USING (epoch)
        WHERE ordered_second + 86400 * (mean_days + 12 * sd_days) <= (SELECT max(second) FROM checked.clock)
            AND arrived IS NOT NULL
        GROUP BY epoch, mean_days, sd_days HAVING count(*) >= 100 ORDER BY epoch""",
        too_few="fewer than 100 deliveries were ordered long enough ago",
        sampled=True,
        needs="live",
    ),
    faults(
        "4.22",
        "Customers pay the price that was shown since the tick before, for goods that are on sale.",
        """SELECT o.tick, o.listing_id, o.price_paise, s.after AS shown FROM raw.orders AS o
        JOIN checked.listings AS g USING (listing_id)
        ASOF LEFT JOIN checked.states AS s ON s.listing_id = o.listing_id AND o.tick > s.tick
        WHERE o.price_paise IS DISTINCT FROM s.after OR NOT g.is_active""",
        sampled=True,
        needs="trades",
    ),
    faults(
        "4.23",
        "What a unit costs moves alike on all platforms of a product.",
        """SELECT o.tick, g.product_id, min((cost_paise + 0.5) / unit_cost) AS most, max((cost_paise - 0.5) / unit_cost) AS least
        FROM raw.orders AS o JOIN checked.listings AS g USING (listing_id) WHERE cost_paise > 1 AND cost_paise < 2147483647
        GROUP BY o.tick, g.product_id HAVING max((cost_paise - 0.5) / unit_cost) > min((cost_paise + 0.5) / unit_cost) + 1e-9""",
        sampled=True,
        needs="trades",
    ),
    faults(
        "4.24",
        "Who wants what is there buys it, as far as it goes; only those who find their first choice sold out buy another.",
        """SELECT *, sum(sold) OVER w AS all_sold, sum(wanted) OVER w AS all_wanted FROM (
            SELECT tick, product_id, area, listing_id, before, sold, wanted,
                bool_or(wanted > 0 AND before = 0) OVER (PARTITION BY tick, product_id, area) AS missed FROM checked.shelf)
        WINDOW w AS (PARTITION BY tick, product_id, area)
        QUALIFY sold < least(wanted, before) OR (sold > least(wanted, before) AND NOT missed) OR all_sold > all_wanted""",
        sampled=True,
        needs="trades",
    ),
    faults(
        "4.25",
        "Orders come only while there are customers, and none to a platform that is closed.",
        f"""SELECT tick, s.listing_id, s.platform, wanted, sold FROM checked.shelf AS s {_TICK}
        JOIN checked.shelves AS p ON p.epoch = c.epoch AND p.platform = s.platform
        WHERE wanted + sold > 0 AND (NOT trades OR closed)""",
        sampled=True,
        needs="trades",
    ),
    faults(
        "6.22",
        "A shelf that is sold out or filled again is told by an event of that tick; one that is called so is.",
        """SELECT tick, listing_id, s.before, s.after, cause FROM (FROM checked.shelf WHERE (before = 0) <> (after = 0)) AS s
        LEFT JOIN checked.events AS e USING (tick, listing_id) WHERE e.cause IS NULL
            OR (e.cause IN (13, 14) AND (e.cause = 13) <> (s.after = 0))
        UNION ALL SELECT tick, listing_id, NULL, NULL, cause FROM checked.events
        ANTI JOIN (FROM checked.shelf WHERE (before = 0) <> (after = 0)) USING (tick, listing_id) WHERE cause IN (13, 14)""",
        sampled=True,
        needs="live",
    ),
    faults(
        "6.23",
        "An order's surge fee is the table's level for the load over the riders' capacity.",
        """SELECT tick, store_id, fee_paise, load_bps, is_raining, low, high FROM (
            SELECT f.*, c.epoch, least(most, greatest(0, ceil(((load_bps - 0.5) / 10000 / able - 1) / step - 1e-9))) AS low,
                least(most, greatest(0, ceil(((load_bps + 0.5) / 10000 / able - 1) / step + 1e-9))) AS high
            FROM (SELECT f.*, c.epoch, step, capacity * (1 - CASE WHEN is_raining THEN rain_loss ELSE 0 END)
                      * h.riders[platform_id + 1] AS able
                  FROM raw.fees AS f JOIN raw.stores AS s USING (store_id) JOIN checked.clock AS c USING (tick)
                  JOIN checked.laws USING (epoch) LEFT JOIN checked.hours AS h
                      ON h.epoch = c.epoch AND h.hour = (c.second - 1) // 3600 AND h.city = s.city WHERE trades) AS f
            JOIN (SELECT epoch, max(level) AS most FROM checked.fee_levels GROUP BY epoch) AS c USING (epoch)) AS f
        WHERE NOT EXISTS (SELECT 1 FROM checked.fee_levels AS l
            WHERE l.epoch = f.epoch AND l.fee = f.fee_paise AND l.level BETWEEN low AND high)""",
        needs="trades",
    ),
    faults(
        "6.24",
        "At every dark store the fee and the rain in force are its platform's in the city, from the first tick of an hour to its last;"
        " without customers there is neither.",
        """SELECT t.tick, s.store_id, s.city, f.fee_paise, h.fees[platform_id + 1] AS fee, f.is_raining, h.rain
        FROM (SELECT unnest([min(tick), max(tick)]) AS tick, epoch, hour, trades FROM (
                SELECT tick, epoch, (second - 1) // 3600 AS hour, trades FROM checked.clock JOIN checked.laws USING (epoch)
                WHERE tick > 0) GROUP BY epoch, hour, trades) AS t
        CROSS JOIN raw.stores AS s LEFT JOIN checked.hours AS h ON h.epoch = t.epoch AND h.hour = t.hour AND h.city = s.city
        ASOF LEFT JOIN raw.fees AS f ON f.store_id = s.store_id AND t.tick >= f.tick
        WHERE CASE WHEN trades THEN (f.fee_paise, f.is_raining) IS DISTINCT FROM (h.fees[platform_id + 1], h.rain)
            ELSE f.fee_paise > 0 OR f.is_raining END""",
        needs="trades",
    ),
    faults(
        "6.30",
        "Every row of fees tells the load of its hour, and another fee or rain than before it, but where an epoch begins.",
        """SELECT tick, store_id, load_bps, load, fee_paise, is_raining FROM (
            SELECT f.*, CASE WHEN trades THEN h.load ELSE 0 END AS load, p.first,
                (fee_paise, is_raining) = lag((fee_paise, is_raining)) OVER (PARTITION BY f.store_id ORDER BY tick) AS is_same
            FROM raw.fees AS f JOIN raw.stores AS s USING (store_id) JOIN checked.clock AS c USING (tick)
            JOIN checked.epochs AS p USING (epoch) JOIN checked.laws USING (epoch) LEFT JOIN checked.hours AS h
                ON h.epoch = c.epoch AND h.hour = (c.second - 1) // 3600 AND h.city = s.city)
        WHERE load_bps IS DISTINCT FROM floor(load * 10000 + 0.5) OR (is_same AND tick <> first)""",
        needs="trades",
    ),
)
