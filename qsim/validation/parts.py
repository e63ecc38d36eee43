"""Checks of the truth that is told of each price (category 2): its parts, rates and origins, and answers to rivals."""

from __future__ import annotations

from qsim.schema import Cause
from qsim.validation.checks import Check, bounds, faults

_TOLD = "checked.events AS e JOIN raw.truth AS t USING (tick, listing_id)"
# The parts of a price that its event gives, one laid on the other.
_LAID_ON = f"""
    SELECT *, floor((regular + off) * surge / 10000 + 0.5) AS surge_due FROM (
        SELECT e.* REPLACE (regular::BIGINT AS regular), t.* EXCLUDE (tick, listing_id), g.anchor,
            zoned AND NOT e.leads AS has_zone, watched,
            line > 0 AND line >= own AS by_line,
            -floor(regular::BIGINT * CASE WHEN fee > 0 THEN 0 ELSE discount END / 10000 + 0.5) AS off
        FROM {_TOLD} JOIN checked.listings AS g USING (listing_id)
        JOIN (SELECT epoch, zoned, watched FROM checked.laws) USING (epoch))"""
_OF_UNITS = (Cause.REPRICE, Cause.DISCOUNT_START, Cause.RIVAL_MATCH, Cause.RIVAL_RELEASE)
_BY_RATE = ", ".join(str(int(cause)) for cause in _OF_UNITS)
_START, _MATCH, _REPRICE = int(Cause.DISCOUNT_START), int(Cause.RIVAL_MATCH), int(Cause.REPRICE)
_RELEASE = int(Cause.RIVAL_RELEASE)
_WATCHING = f"{_MATCH}, {_RELEASE}"
# Units' answers to rivals with the rival's price and stock before the tick; the match is what they ask where it is lower.
_ANSWERS = f"""
    SELECT e.tick, e.listing_id, e.epoch, e.platform, e.product_id, e.is_loose, e.ceiling,
        e.after AS match, e.after::BIGINT - rival_paise AS unmatched,
        e.discount = was_discount AND shift = shift_before AS steady, tolerance,
        t.source_listing_id AS rival_id, g.product_id AS rival_product, g.platform AS rival_platform, g.leads AS rival_leads,
        s.after AS rival_price, greatest(floor * (anchor_paise::BIGINT + cost_paise + half), (1 - undercut) * s.after) AS x, reach,
        rival_paise
    FROM {_TOLD} JOIN checked.laws AS r ON r.epoch = e.epoch CROSS JOIN (SELECT unnest([-0.5, 0, 0.5]) AS half)
    LEFT JOIN checked.listings AS g ON g.listing_id = t.source_listing_id
    ASOF LEFT JOIN checked.states AS s ON s.listing_id = t.source_listing_id AND e.tick > s.tick
    WHERE e.cause = {_MATCH} AND e.leads"""

# What is told of an aim at most, beyond which it fits into no 32 bits.
_MOST_TOLD = "least(anchor_paise, regular)::BIGINT + 2147483647"

# Rates of repricing in an hour; of packaged goods no product of a billion is so uneven.
_UNEVEN = "CASE WHEN e.is_loose THEN 1 ELSE exp({sign} 6.5 * spread - spread ** 2 / 2) END"
_HELD = "{end}(1, nine_stick) * {end}(1, on_sale)"
_LEAST = f"0.9999 * z.base * reprice * {_UNEVEN.format(sign='-')} * {_HELD.format(end='least')}"
_MOST = (
    f"1.0001 * (z.base + by_gap) * (1 + fresh) * reprice * {_UNEVEN.format(sign='+')} * {_HELD.format(end='greatest')}"
)
# Whether units follow the time of day, by events that come whether they do or not.
_FOLLOWING = f"""
    SELECT epoch, product_id, platform, bool_or(time_of_day_paise <> 0) AS follows,
        bool_or(time_of_day_paise = 0) AS stays, bool_or(cause IN (3, 4, 6, 7, 9, 10, 13, 14)) AS by_others
    FROM ({_LAID_ON}) WHERE floor((regular + off + surge_due) * shift / 10000 + 0.5) <> 0 GROUP BY ALL"""

CHECKS: tuple[Check, ...] = (
    faults(
        "2.25",
        "Where the truth is told, every event has it, and nothing else has.",
        """SELECT e.tick, e.listing_id, told FROM checked.events AS e ANTI JOIN raw.truth USING (tick, listing_id) WHERE told
        UNION ALL SELECT tick, listing_id, NULL FROM (SELECT * FROM raw.truth SEMI JOIN checked.listings USING (listing_id))
        ANTI JOIN (FROM checked.events WHERE told) USING (tick, listing_id)""",
        sampled=True,
        needs="told",
    ),
    faults(
        "2.26",
        "Each part is what the event gives: anchor, cost and noise the regular price, discounts and surge their sizes, the"
        " time of day its share or nothing, a zone not at a platform's first dark store, a match never a higher price.",
        f"""SELECT tick, listing_id, anchor_paise, cost_paise, noise_paise, discount_paise, campaign_paise, surge_paise,
            time_of_day_paise, zone_paise, rival_paise FROM ({_LAID_ON})
        WHERE anchor_paise <> anchor OR anchor_paise::BIGINT + cost_paise + noise_paise <> regular
            OR discount_paise <> CASE WHEN by_line THEN 0 ELSE off END OR campaign_paise <> CASE WHEN by_line THEN off ELSE 0 END
            OR surge_paise <> surge_due
            OR time_of_day_paise NOT IN (0, floor((regular + off + surge_due) * shift / 10000 + 0.5))
            OR (zone_paise <> 0 AND NOT has_zone) OR rival_paise > 0 OR (rival_paise < 0 AND NOT watched)""",
        sampled=True,
        needs="told",
    ),
    faults(
        "2.27",
        "Costs move the prices aimed at alike on all platforms of a product.",
        f"""SELECT tick, product_id, min((anchor_paise::BIGINT + cost_paise + 0.5) / anchor_paise) AS most,
            max((anchor_paise::BIGINT + cost_paise - 0.5) / anchor_paise) AS least
        FROM {_TOLD} WHERE anchor_paise::BIGINT + cost_paise < {_MOST_TOLD} GROUP BY tick, product_id
        HAVING max((anchor_paise::BIGINT + cost_paise - 0.5) / anchor_paise)
            > min((anchor_paise::BIGINT + cost_paise + 0.5) / anchor_paise) + 1e-9""",
        sampled=True,
        needs="told",
    ),
    faults(
        "2.28",
        "The newest shock of a family is that of the day, one for all its products.",
        f"""SELECT tick, k.family, least, most, shock_id FROM (
            SELECT tick, family, min(shock_id) AS least, max(shock_id) AS most
            FROM {_TOLD} JOIN checked.listings AS g USING (listing_id) JOIN checked.families AS f ON f.product_id = g.product_id
            GROUP BY ALL) AS k
        JOIN checked.clock USING (tick) LEFT JOIN checked.shocks AS s ON s.day = second // 86400 AND s.family = k.family
        WHERE least <> most OR most IS DISTINCT FROM shock_id""",
        sampled=True,
        needs="told",
    ),
    faults(
        "2.29",
        "What comes by chance has its rate: of sales their platform's in the hour, of looks at rivals the parameters'; what"
        " clock and stock decide has none, and none has an answer withdrawn where an epoch begins in which nobody looks; of"
        " repricings one between the base rate's and that of the widest gap, as products differ.",
        f"""SELECT tick, e.listing_id, cause, hazard_a_day, a_day, sale, looks FROM {_TOLD}
        JOIN checked.clock AS c USING (tick) JOIN checked.laws AS r ON r.epoch = c.epoch
        JOIN checked.epochs AS p ON p.epoch = c.epoch
        LEFT JOIN checked.sale_rates AS s ON s.epoch = c.epoch AND s.platform = e.platform
        LEFT JOIN (SELECT DISTINCT epoch, hour, sale, reprice FROM checked.hours) AS h
            ON h.epoch = c.epoch AND h.hour = (c.second - 1) // 3600
        JOIN checked.listings AS g ON g.listing_id = e.listing_id
        LEFT JOIN checked.hazards AS z ON z.epoch = c.epoch AND z.volatility_group = g.volatility_group
        WHERE (cause = {_REPRICE} AND hazard_a_day NOT BETWEEN {_LEAST} AND {_MOST})
            OR (cause NOT IN ({_BY_RATE}) AND hazard_a_day <> 0) OR hazard_a_day < 0
            OR (cause = {_START} AND e.timed AND NOT e.turned AND abs(hazard_a_day - a_day * sale) > 1e-6 * (1 + a_day * sale))
            OR (cause IN ({_WATCHING}) AND NOT (cause = {_RELEASE} AND hazard_a_day = 0 AND tick = p.first)
                AND abs(hazard_a_day - looks) > 1e-6 * (1 + looks))""",
        sampled=True,
        needs="told",
    ),
    faults(
        "2.30",
        "A change comes from its own listing, but a shared sale from one that starts at that tick on another platform, and an"
        " answer from the rival.",
        f"""SELECT tick, e.listing_id, cause, source_listing_id FROM {_TOLD}
        LEFT JOIN checked.listings AS g ON g.listing_id = source_listing_id
        ASOF LEFT JOIN checked.own AS o ON o.listing_id = source_listing_id AND e.tick >= o.tick
        WHERE source_listing_id <> e.listing_id AND (cause NOT IN ({_START}, {_MATCH}) OR g.product_id IS DISTINCT FROM e.product_id
            OR g.platform = e.platform OR NOT g.leads OR (cause = {_START} AND o.depth IS DISTINCT FROM own))""",
        sampled=True,
        needs="told",
    ),
    faults(
        "2.31",
        "A rival is answered at its price, less the undercut, or at the floor of the price aimed at, taken to a price point;"
        " the rival was cheaper by more than is tolerated.",
        f"""SELECT tick, listing_id, match, rival_id, rival_price, rival_paise FROM ({_ANSWERS})
        JOIN (SELECT epoch, platform, is_loose, style FROM checked.points WHERE share > 0) USING (epoch, platform, is_loose)
        GROUP BY ALL HAVING NOT bool_or(rival_price IS NOT NULL AND rival_product = product_id AND rival_platform <> platform
            AND rival_leads AND (NOT steady OR rival_price < (1 - tolerance) * unmatched)
            AND (rival_paise = 0 OR checked.fits(style, match, x, reach, ceiling)))""",
        sampled=True,
        needs="told AND rivals",
    ),
    faults(
        "2.35",
        "A product follows the time of day on a platform throughout an epoch, or not at all.",
        f"SELECT epoch, product_id, platform FROM ({_FOLLOWING}) WHERE follows AND stays",
        sampled=True,
        needs="told",
    ),
    bounds(
        "2.36",
        "As many products follow the time of day on their platforms as the parameters say.",
        "percent within four standard deviations",
        f"""SELECT 'following of ' || count(*) || ' in epoch ' || epoch AS what, 100 * avg(follows::INTEGER) AS measured,
            100 * (any_value(share) - checked.slack(count(*), any_value(share))) AS low,
            100 * (any_value(share) + checked.slack(count(*), any_value(share))) AS high
        FROM (FROM ({_FOLLOWING}) WHERE by_others) JOIN (SELECT epoch, r.follows AS share FROM checked.laws AS r) USING (epoch)
        GROUP BY epoch HAVING count(*) >= 30 ORDER BY epoch""",
        too_few="fewer than 30 products had a price set while the time of day was felt",
        sampled=True,
        needs="told",
    ),
    bounds(
        "2.32",
        "Rivals are answered on no larger a share of products than is known, and of these by each platform on its own.",
        "percent of products at most, four standard deviations on",
        f"""SELECT platform || ' of ' || n AS what, 100 * coalesce(watched, 0) / n AS measured, 0 AS low,
            100 * (p + checked.slack(n, p)) AS high
        FROM (SELECT platform, count(DISTINCT product_id) AS n FROM checked.listings WHERE is_active GROUP BY platform)
        JOIN (SELECT platform, max(known) * max(reactive) AS p FROM checked.shelves JOIN checked.laws USING (epoch)
              GROUP BY platform) USING (platform)
        LEFT JOIN (SELECT platform, count(DISTINCT product_id) AS watched FROM checked.events WHERE cause IN ({_WATCHING})
                   GROUP BY platform) USING (platform) ORDER BY what""",
        sampled=True,
        needs="rivals",
    ),
    bounds(
        "2.33",
        "No answer to a rival outlives its cause: at the snapshots of an epoch no larger a share of products has one than is"
        " known and reacted on in it, and none where nobody looks.",
        "percent of products at most, four standard deviations on",
        """SELECT platform || ' of ' || n || ' in epoch ' || epoch AS what, 100 * coalesce(held, 0) / n AS measured, 0 AS low,
            100 * (p + checked.slack(n, p)) AS high
        FROM (SELECT epoch, platform, CASE WHEN looks > 0 THEN known * reactive ELSE 0 END AS p FROM checked.shelves
              JOIN checked.laws USING (epoch) WHERE live)
        JOIN (SELECT platform, count(DISTINCT product_id) AS n FROM checked.listings WHERE is_active GROUP BY platform)
            USING (platform)
        LEFT JOIN (SELECT epoch, platform, count(DISTINCT product_id) AS held FROM checked.snapshots WHERE match > 0
                   GROUP BY epoch, platform) USING (epoch, platform) ORDER BY what""",
        sampled=True,
        needs="rivals",
    ),
    faults(
        "2.37",
        "The price that a listing aims at is its anchor, moved by what its product's cost, as far as it is passed on, and"
        " inflation have come to.",
        f"""SELECT * FROM (SELECT tick, listing_id, anchor_paise::BIGINT + cost_paise AS aim,
                least({_MOST_TOLD}, g.anchor * exp(pass_through * (k.cost + (n.cost - k.cost) * (second / 86400 - k.day))
                    + CASE WHEN g.is_loose THEN drift * second / 86400 ELSE 0 END)) AS due
            FROM {_TOLD} JOIN checked.listings AS g USING (listing_id) JOIN checked.clock USING (tick)
            JOIN checked.laws AS r ON r.epoch = e.epoch
            JOIN checked.costs AS k ON k.product_id = g.product_id AND k.day = second // 86400
            JOIN checked.costs AS n ON n.product_id = g.product_id AND n.day = second // 86400 + 1)
        WHERE abs(aim - due) > 0.500001 + 1e-9 * due""",
        sampled=True,
        needs="told",
    ),
)
