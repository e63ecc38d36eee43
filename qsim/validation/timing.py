"""Category 6: the clock, and what it does to prices: level shifts, starts and ends, causes at their ticks."""

from __future__ import annotations

from qsim.validation.checks import Check, bounds, faults

_PRICE = "checked.price(regular, discount, surge, fee, shift, ceiling)"
# Boundary ticks, every so many-th where there are more of them, times listings, than can be looked at.
_EDGES = """
    SELECT tick::INTEGER AS tick, shift FROM (SELECT *, row_number() OVER (ORDER BY tick) - 1 AS nth, count(*) OVER () AS edges
        FROM checked.clock JOIN checked.laws USING (epoch) WHERE NOT live AND shift <> shift_before AND tick > 0)
    WHERE nth % greatest(1, edges * (SELECT count(*) FROM checked.listings) // 2000000) = 0"""
_CLOCK_CAUSES = "cause IN (6, 7, 8)"

CHECKS: tuple[Check, ...] = (
    faults(
        "6.1",
        "Every event's price is regular x (1 - discount) x (1 + surge) x (1 + time of day) to the paisa.",
        f"""SELECT tick, listing_id, after, {_PRICE} AS computed, regular, discount, surge, fee, shift FROM checked.events
        WHERE NOT live AND after IS DISTINCT FROM {_PRICE}""",
        sampled=True,
        needs="NOT live",
    ),
    faults(
        "6.2",
        "Every snapshot's price is regular x (1 - discount) x (1 + surge) x (1 + time of day) to the paisa.",
        f"""SELECT tick, listing_id, price, {_PRICE} AS computed, regular, discount, surge, fee, shift FROM checked.snapshots
        WHERE NOT live AND is_active AND price IS DISTINCT FROM {_PRICE}""",
        sampled=True,
        needs="NOT live",
    ),
    faults(
        "6.3",
        "At each boundary of the time of day every active listing stands at the new level.",
        f"""SELECT b.tick, g.listing_id, e.after, checked.price(e.regular, e.discount, e.surge, e.fee, b.shift, g.ceiling) AS due
        FROM ({_EDGES}) AS b CROSS JOIN (FROM checked.listings WHERE is_active) AS g
        ASOF LEFT JOIN checked.states AS e ON e.listing_id = g.listing_id AND b.tick >= e.tick
        WHERE e.after IS DISTINCT FROM checked.price(e.regular, e.discount, e.surge, e.fee, b.shift, g.ceiling)""",
        sampled=True,
        needs="NOT live",
    ),
    faults(
        "6.4",
        "A price that only the time of day moved has all its other parts unmoved, at a boundary and not in its turn; what was"
        " posted by other rules, and its regular price with it, may move at any tick that posts prices anew.",
        """SELECT tick, listing_id, was_after, after, shift_before, shift FROM (
            SELECT *, coalesce(p.posting > coalesce(p.priced, 0), false) AS at_other_points FROM checked.events LEFT JOIN (
                SELECT tick, listing_id, posting, max(posting) FILTER (regular <> was_regular) OVER (PARTITION BY listing_id
                    ORDER BY tick) AS priced FROM checked.events JOIN (SELECT epoch, posting FROM checked.laws) USING (epoch)
                WHERE posting > 0) AS p USING (tick, listing_id))
        WHERE cause = 8 AND (in_turn OR after = was_after OR (shift = shift_before AND NOT at_other_points)
            OR ((after > was_after) <> (shift > shift_before) AND NOT (live AND (turned OR at_other_points)))
            OR (regular, discount, surge, fee) IS DISTINCT FROM (was_regular, was_discount, was_surge, was_fee))""",
        sampled=True,
    ),
    faults(
        "6.5",
        "Starts and ends of campaigns are at ticks where a campaign starts or ends, and move the discount that way.",
        """SELECT tick, listing_id, cause, was_discount, discount FROM (SELECT e.*, t.second, b.second AS second_before
            FROM checked.events AS e JOIN checked.clock AS t USING (tick) JOIN checked.clock AS b ON b.tick = e.tick - 1
            WHERE cause IN (6, 7)) AS e
        WHERE in_turn OR (cause = 6) <> (discount > was_discount) OR (cause = 7) <> (discount < was_discount)
            OR NOT EXISTS (SELECT 1 FROM raw.campaign_lines AS l JOIN raw.campaigns AS c USING (campaign_id)
                WHERE l.listing_id = e.listing_id
                AND checked.running(e.second, starts_second, duration_seconds, repeat_seconds, ends_second)
                    <> checked.running(e.second_before, starts_second, duration_seconds, repeat_seconds, ends_second))""",
        sampled=True,
    ),
    faults(
        "6.6",
        "Updates, surges and discounts of a listing's own happen only when its product has its turn.",
        f"SELECT tick, listing_id, cause FROM checked.events WHERE NOT live AND in_turn = ({_CLOCK_CAUSES})",
        sampled=True,
        needs="turns AND NOT live",
    ),
    faults(
        "6.7",
        "A surge starts where none was, and ends where one was.",
        """SELECT tick, listing_id, cause, was_surge, surge, was_fee, fee FROM (SELECT *,
            was_surge + was_fee = 0 AND surge + fee > 0 AS starts, was_surge + was_fee > 0 AND surge + fee = 0 AS ends
            FROM checked.events)
        WHERE (cause = 1 AND NOT starts) OR (cause = 2 AND NOT ends)
            OR (((cause <> 1 AND starts) OR (cause <> 2 AND ends)) AND NOT (live AND in_turn AND cause IN (3, 4, 9, 10, 11, 12)))""",
        sampled=True,
    ),
    faults(
        "6.8",
        "An event that starts or ends a discount is at the tick that the discount starts or ends; a sale may follow an equal one.",
        """SELECT e.tick, e.listing_id, e.cause, o.depth FROM checked.events AS e LEFT JOIN checked.own AS o
            ON o.tick = e.tick AND o.listing_id = e.listing_id
        WHERE (e.cause = 3 AND coalesce(o.depth, CASE WHEN live THEN own ELSE 0 END) = 0) OR (e.cause = 4 AND coalesce(o.depth, 1) > 0)
            OR (e.cause IN (5, 6, 7, 8) AND o.depth IS NOT NULL)""",
        sampled=True,
    ),
    faults(
        "6.9",
        "Discounts start and end at ticks up to the newest, and in a market of turns only in their product's.",
        """SELECT o.tick, o.listing_id, o.depth FROM checked.own AS o JOIN checked.listings AS g USING (listing_id)
        LEFT JOIN checked.clock AS c USING (tick) LEFT JOIN checked.epochs AS p USING (epoch) LEFT JOIN checked.laws AS r USING (epoch)
        WHERE c.tick IS NULL OR (o.tick > 0 AND NOT live AND NOT (p.batch_size = 0
            OR (g.place - o.tick * p.batch_size % g.active + g.active) % g.active < p.batch_size))""",
        sampled=True,
    ),
    faults(
        "6.10",
        "Ticks of events lie after 0 and up to the newest.",
        "SELECT tick, listing_id FROM raw.events WHERE tick < 1 OR tick > (SELECT head FROM checked.market)",
    ),
    faults(
        "6.11",
        "Each listing's events follow one another at strictly later ticks.",
        "SELECT listing_id, was_tick, tick FROM checked.events WHERE was_tick IS NULL OR was_tick >= tick",
        sampled=True,
    ),
    faults(
        "6.12",
        "Epochs follow one another without a gap: each starts at the second at which the one before it stops; the first may"
        " have tick 0 alone.",
        """SELECT epoch, start_tick, second, due FROM (SELECT *, lag(start_tick) OVER (ORDER BY epoch) AS was_tick,
            lag(second + (last - start_tick) * interval, 1, 0) OVER (ORDER BY epoch) AS due FROM checked.epochs)
        WHERE second <> due OR start_tick > last OR interval < 1 OR (epoch = 0 AND start_tick <> 0)
            OR (start_tick <= was_tick AND epoch > 1)""",
    ),
    faults(
        "6.13",
        "Times run forward with the ticks, and each tick's time leads back to it.",
        """SELECT tick FROM (SELECT tick, second, lag(second) OVER (ORDER BY tick) AS was FROM checked.clock)
        WHERE second <= was OR (tick % greatest(1, (SELECT head FROM checked.market) // 10000) = 0
            AND tick_at(tick_time(tick)) <> tick)""",
    ),
    faults(
        "6.14",
        "Every tick that takes up listings has its counts, and as many changes as events.",
        """SELECT c.tick, m.changed, e.events FROM checked.clock AS c LEFT JOIN checked.laws AS r USING (epoch)
        LEFT JOIN (SELECT tick, sum(attempted) AS attempted, sum(changed) AS changed FROM raw.metrics GROUP BY tick) AS m USING (tick)
        LEFT JOIN (SELECT tick, count(*) AS events FROM raw.events GROUP BY tick) AS e USING (tick)
        WHERE c.tick > 0 AND ((m.changed IS NULL AND turns) OR coalesce(m.changed, 0) <> coalesce(e.events, 0)
            OR m.changed > m.attempted)""",
    ),
    bounds(
        "6.15",
        "At each boundary of the time of day prices move by the ratio of its levels.",
        "the ratio within 0.0005, which is the rounding of prices from ₹20 up",
        """SELECT shift_before || ' to ' || shift || ' basis points' AS what, avg(after / was_after::DOUBLE) AS measured,
            (10000 + shift) / (10000.0 + shift_before)::DOUBLE - 0.0005 AS low,
            (10000 + shift) / (10000.0 + shift_before)::DOUBLE + 0.0005 AS high
        FROM checked.events WHERE NOT live AND cause = 8 AND was_after BETWEEN 2000 AND ceiling - 1 AND after < ceiling
        GROUP BY shift_before, shift ORDER BY what""",
        too_few="no boundary of the time of day was passed",
        sampled=True,
        needs="NOT live",
    ),
)
