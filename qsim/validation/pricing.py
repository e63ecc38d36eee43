"""Category 2: prices within their rules, platforms' bands, and changes that follow one another without a gap."""

from __future__ import annotations

from qsim.schema import EVENTS, PRICE_RULES
from qsim.validation.checks import Check, bounds, broken_rules, faults

# Epochs whose prices begin no farther from their anchors than the pull to them widens moves by a tenth: after rules that let
# prices go farther, or that have no anchors, it does so by more.
_CALM = """
    SELECT v.epoch, v.volatility_group FROM checked.volatility AS v
    ANTI JOIN (SELECT a.epoch AS later, a.volatility_group FROM checked.volatility AS a JOIN checked.epochs AS q USING (epoch)
        JOIN checked.volatility AS b ON b.epoch < a.epoch AND b.volatility_group = a.volatility_group
        JOIN checked.epochs AS p ON p.epoch = b.epoch JOIN checked.laws AS r ON r.epoch = b.epoch
        WHERE p.last > p.start_tick AND (r.live OR (r.turns AND (q.reversion * b.v * p.bound_bps) ** 2
            > 0.2 * p.reversion * (2 - p.reversion) * (a.v * q.bound_bps) ** 2))) AS x
        ON x.later = v.epoch AND x.volatility_group = v.volatility_group"""
# Relative changes of regular prices in each epoch, by group. An update that changes nothing leaves no event, so
# the updates are counted from the turns that the ticks gave; goods so dear only that rounding to paise is no matter.
_DEAR = "g.anchor >= 2000 AND (v.v = 0 OR g.anchor * v.v * p.bound_bps >= 173205)"
_SWINGS = f"""
    SELECT p.epoch, volatility_group, v.v, v.v * p.bound_bps / 10000 / sqrt(3) AS wanted, p.reversion,
        sqrt(coalesce(sum((e.regular / e.was_regular::DOUBLE - 1) ** 2), 0) / any_value(n.updates)) AS swing,
        any_value(n.updates) AS updates
    FROM (SELECT p.epoch, g.volatility_group, count(*) * any_value((p.last - p.start_tick)
                * CASE WHEN p.batch_size = 0 THEN 1 ELSE least(1, p.batch_size / g.active) END) AS updates
          FROM checked.listings AS g JOIN checked.volatility AS v USING (volatility_group) JOIN checked.epochs AS p USING (epoch)
          WHERE g.is_active AND {_DEAR} GROUP BY ALL) AS n
    JOIN checked.epochs AS p USING (epoch) JOIN checked.volatility AS v USING (epoch, volatility_group)
    SEMI JOIN (FROM checked.laws WHERE turns AND NOT live) AS r USING (epoch)
    SEMI JOIN ({_CALM}) AS s USING (epoch, volatility_group)
    LEFT JOIN (SELECT e.*, g.volatility_group FROM checked.events AS e JOIN checked.listings AS g USING (listing_id)
               JOIN checked.volatility AS v USING (epoch, volatility_group) JOIN checked.epochs AS p USING (epoch)
               WHERE {_DEAR} AND e.in_turn) AS e USING (epoch, volatility_group)
    WHERE n.updates >= 2000 GROUP BY ALL"""
# Anchors as they might be drawn for goods whose MRP is so many percent of the base price: bands of which products share a
# part of their place. Each product is drawn 24 times until the spread is right.
_OF_MRP = "CASE WHEN mrp > 0 THEN least(999, mrp::BIGINT * 100 // base) ELSE 999 END"
_SPREADS = f"""
    SELECT of_mrp, nth, max(least(of_mrp, percent)) / min(least(of_mrp, percent)) AS spread
    FROM (SELECT DISTINCT {_OF_MRP} AS of_mrp FROM checked.listings) CROSS JOIN (
        SELECT nth, low + (high - low) * (0.35 * (hash(nth) % 10007) + 0.65 * (hash(nth, platform) % 10007)) / 10007 AS percent
        FROM range(1000) AS t(nth), checked.platforms) GROUP BY of_mrp, nth"""
_OFTEN = 1 - 0.001 ** (1 / 24)
# Prices that are not the sum of their parts, and those whose time of day's part is off by more than its own rounding.
_OFF_BY_MORE = """
    SELECT * FROM (SELECT t.*, c.shift, NOT r.live AND t.price * 100 < g.ceiling AND t.price > 0.01 AS to_the_paisa,
            abs(time_of_day_part - (t.regular_price + t.discount_part + t.surge_part) * c.shift / 10000) AS off,
            anchor_price + cost_part + noise_part + discount_part + campaign_part + surge_part + time_of_day_part
                + zone_part + rounding_part + rival_part AS parts
        FROM truth AS t JOIN checked.listings AS g USING (listing_id) JOIN checked.clock AS c USING (tick)
        JOIN checked.laws AS r USING (epoch))
    WHERE parts <> price OR (to_the_paisa AND off > 0.005001)"""

CHECKS: tuple[Check, ...] = (
    faults(
        "2.1",
        "Every rule of prices holds for every listing now.",
        broken_rules(PRICE_RULES, "prices", ("listing_id", "platform", "product", "price", "mrp")),
    ),
    faults(
        "2.2",
        "Every rule of events holds throughout the history.",
        broken_rules(
            EVENTS.rules,
            "(SELECT * FROM price_history SEMI JOIN checked.listings USING (listing_id))",
            ("tick", "listing_id", "price_before", "price_after", "regular_price", "discount_pct"),
        ),
        sampled=True,
    ),
    bounds(
        "2.3",
        "Anchors lie in their platform's band of the base price, cut at the MRP.",
        "100 % of listings",
        """SELECT 'percent of anchors' AS what, 100 * avg((anchor >= least(greatest(1, base * p.low / 100 - 0.5), limit_paise)
                AND anchor <= least(greatest(1, base * p.high / 100 + 0.5), limit_paise))::INTEGER) AS measured,
            100 AS low, 100 AS high
        FROM (SELECT *, CASE WHEN mrp > 0 THEN mrp ELSE 2147483647 END AS limit_paise FROM checked.listings)
        JOIN checked.platforms AS p USING (platform)""",
        sampled=True,
    ),
    bounds(
        "2.4",
        "The dearest platform's anchor is 5-25 % above the cheapest's.",
        "at least 95 % of products for which the platforms' bands, cut at the MRP, nearly always leave room for it",
        f"""SELECT 'percent of ' || count(*) || ' products' AS what,
            100 * avg((most * 100 BETWEEN least * 105 AND least * 125)::INTEGER) AS measured, 95 AS low, 100 AS high
        FROM (SELECT max(anchor)::BIGINT AS most, min(anchor)::BIGINT AS least, any_value({_OF_MRP}) AS of_mrp
              FROM checked.listings WHERE base >= 100 GROUP BY product_id)
        SEMI JOIN (SELECT of_mrp FROM ({_SPREADS}) GROUP BY of_mrp
                   HAVING avg((spread BETWEEN 1.05 AND 1.25)::INTEGER) >= {_OFTEN}) USING (of_mrp)
        HAVING count(*) > 0""",
        too_few="the platforms' bands leave no room for a spread",
        sampled=True,
    ),
    faults(
        "2.5",
        "No packaged good costs more than its MRP now.",
        "SELECT listing_id, platform, product, price, mrp FROM prices WHERE NOT is_loose AND (price > mrp OR mrp IS NULL)",
    ),
    faults(
        "2.6",
        "No packaged good ever cost more than its MRP.",
        "SELECT tick, listing_id, before, after, ceiling FROM checked.events WHERE greatest(before, after) > ceiling",
        sampled=True,
    ),
    faults(
        "2.7",
        "No packaged good costs more than its MRP in a snapshot.",
        "SELECT tick, listing_id, price, ceiling FROM checked.snapshots WHERE price > ceiling OR price < 1",
        sampled=True,
    ),
    faults(
        "2.8",
        "No regular price moves further in one event than the epoch's max_price_change_percent.",
        """SELECT tick, listing_id, was_regular, regular, bound_bps FROM checked.events JOIN checked.epochs AS p USING (epoch)
        WHERE NOT live AND abs(regular - was_regular)::BIGINT * 10000 > was_regular::BIGINT * bound_bps""",
        sampled=True,
        needs="turns AND NOT live",
    ),
    faults(
        "2.9",
        "A regular price moves only when its product has its turn.",
        "SELECT tick, listing_id, was_regular, regular FROM checked.events WHERE regular <> was_regular AND NOT in_turn AND NOT live",
        sampled=True,
        needs="turns AND NOT live",
    ),
    faults(
        "2.10",
        "Each event's price before is the price after the event before it; the first event's is the snapshot's at tick 0.",
        """SELECT tick, listing_id, before, was_tick, was_after FROM checked.events WHERE before IS DISTINCT FROM was_after""",
        sampled=True,
    ),
    faults(
        "2.11",
        "Events replayed from tick 0 meet every later snapshot in every column.",
        """SELECT tick, listing_id, price, after AS replayed, updated, event_tick FROM checked.snapshots
        WHERE (price, regular, discount, surge, fee, updated)
            IS DISTINCT FROM (after, event_regular, event_discount, event_surge, event_fee, event_tick)""",
        sampled=True,
    ),
    faults(
        "2.12",
        "The parts of the truth add up to the price, and the time of day's part is what the clock gives.",
        f"""SELECT tick, listing_id, price, parts, regular_price, discount_part, surge_part, time_of_day_part
        FROM ({_OFF_BY_MORE}) LEFT JOIN (SELECT tick, listing_id, discount, surge FROM checked.events) USING (tick, listing_id)
        WHERE parts <> price OR off > 0.005001 + 0.005001 * (1 + abs(shift) / 10000) * ((surge > 0)::INTEGER
            + (discount > 0)::INTEGER * (1 + surge / 10000))""",
        sampled=True,
    ),
    faults(
        "2.13",
        "A group of goods with a clearly higher volatility really moves more.",
        f"""WITH swings AS ({_SWINGS})
        SELECT a.epoch, a.volatility_group AS calmer, a.swing AS calmer_swing, b.volatility_group AS livelier, b.swing
        FROM swings AS a JOIN swings AS b USING (epoch) WHERE b.v > 1.3 * a.v AND b.swing <= a.swing""",
        sampled=True,
        needs="turns AND NOT live",
    ),
    bounds(
        "2.14",
        "The size of regular price moves is volatility x bound / sqrt 3, widened a little by the pull to the anchor.",
        "0.9 to 1.15 of it",
        f"""SELECT volatility_group || ' in epoch ' || epoch AS what, swing / wanted AS measured, 0.9 AS low, 1.15 AS high
        FROM ({_SWINGS}) WHERE v > 0 AND v <= 1 AND reversion <= 0.3 ORDER BY ALL""",
        too_few="not enough updates: a group needs 2,000 in an epoch",
        sampled=True,
        needs="turns AND NOT live",
    ),
    faults(
        "2.15",
        "Inactive products have no events and rest at their anchor.",
        """SELECT tick, listing_id, after FROM checked.events WHERE NOT is_active
        UNION ALL SELECT tick, listing_id, price FROM checked.snapshots WHERE NOT is_active
            AND (price <> anchor OR regular <> anchor OR discount + surge + fee > 0)""",
        sampled=True,
    ),
    faults(
        "2.16",
        "At tick 0 every listing has a price and its regular price is its anchor.",
        """SELECT g.listing_id, g.anchor, s.regular FROM checked.listings AS g
        LEFT JOIN (FROM checked.snapshots WHERE tick = 0) AS s USING (listing_id)
        WHERE NOT (SELECT live FROM checked.laws WHERE epoch = 0) AND s.regular IS DISTINCT FROM g.anchor""",
        sampled=True,
        needs="NOT live",
    ),
    faults(
        "2.17",
        "Every event changes something: the price, a part of it, or whether there is stock.",
        """SELECT tick, listing_id, after FROM checked.events
        ANTI JOIN (FROM checked.shelf WHERE (before = 0) <> (after = 0)) USING (tick, listing_id)
        WHERE (after, regular, discount, surge, fee)
            IS NOT DISTINCT FROM (was_after, was_regular, was_discount, was_surge, was_fee)""",
        sampled=True,
    ),
    faults(
        "2.18",
        "Every snapshot has a row for every listing.",
        """SELECT tick, count(*) AS rows FROM checked.snapshots GROUP BY tick
        HAVING count(DISTINCT listing_id) <> (SELECT count(*) FROM checked.listings)""",
        sampled=True,
    ),
    faults(
        "2.34",
        "No price is above the MRP that is shown beside it, printed or not.",
        "SELECT listing_id, product, price, mrp, off_mrp_pct FROM prices WHERE price > mrp OR off_mrp_pct < 0",
    ),
)
