"""Checks of markets whose prices move between turns: price points, repricing, causes (categories 2 and 6)."""

from __future__ import annotations

from qsim.behaviour import STYLES
from qsim.schema import Cause
from qsim.validation.checks import Check, bounds, faults

# The units' regular prices at tick 0 and after each event.
_REGULARS = """
    SELECT g.listing_id, g.platform, g.is_loose, g.ceiling, g.anchor, s.tick, s.regular FROM checked.states AS s
    JOIN checked.listings AS g USING (listing_id) WHERE g.leads AND g.is_active"""
# The share of listings whose prices show paise: of those that price to the paisa a hundredth stand at 00.
_SHOWN_PAISE = "0.99 * paise"
# Price points that never changed, by platform; percents off an MRP are whole rupees where there is none.
_STEADY_POINTS = f"""(SELECT platform, is_loose, sum(share) FILTER (style IN ('paise', 'x99', 'x49', 'x9')) AS paise,
        sum(share) FILTER (style = 'percent' AND NOT is_loose) AS percent, sum(share) FILTER (style = 'nine') AS nine,
        sum(share) FILTER (style = 'five') AS five,
        sum(share) FILTER (style = 'whole' OR (style = 'percent' AND is_loose)) AS whole
    FROM (SELECT DISTINCT platform, is_loose, style, share FROM checked.points) GROUP BY platform, is_loose
    HAVING count(*) = {len(STYLES)} AND (SELECT bool_and(pointed AND NOT turned) FROM checked.laws))"""
# Dear enough that the nearest nine, at most five rupees off, is within reach; platforms of equal points together.
_ENDINGS = f"""
    SELECT is_loose, paise, whole, count(*) AS n, avg((regular % 1000 = 900)::INTEGER) AS nines,
        avg((regular % 500 = 0)::INTEGER) AS fives, any_value((nine + whole / 10) / (1 - paise)) AS nine,
        any_value((five + whole / 5) / (1 - paise)) AS five
    FROM (SELECT platform, is_loose, listing_id, max_by(regular, tick) AS regular, any_value(ceiling) AS ceiling
          FROM ({_REGULARS}) GROUP BY ALL) JOIN {_STEADY_POINTS} USING (platform, is_loose)
    WHERE regular % 100 = 0 AND regular < ceiling AND paise < 1 AND coalesce(percent, 0) = 0
        AND regular * (SELECT min(reach) FROM checked.laws) >= 500 GROUP BY is_loose, paise, whole HAVING count(*) >= 30"""
# Whether the price `unmatched` is at the point of the amount x, in paise; a regular price is at its own already. Zones
# make fractions of a paisa, of which only the nearest whole one is known.
_AT_POINT = """((x = regular AND unmatched = regular AND NOT part) OR ((x <> regular OR part) AND (
    checked.fits(style, unmatched, x, reach, ceiling) OR (part AND (checked.fits(style, unmatched, x - 0.5, reach, ceiling)
    OR checked.fits(style, unmatched, x + 0.5, reach, ceiling) OR (abs(x - regular) <= 0.5 AND unmatched = regular))))))"""
# Every amount that a price could be the point of: some listings follow the time of day, some do not.
_AMOUNTS = """
    SELECT *, unnest([checked.price(regular, discount, surge, fee, shift, ceiling),
        checked.price(regular, discount, surge, fee, 0, ceiling)]) + zone AS x FROM ({source})"""
# Events whose price without a match is known: the truth tells it, or no rival is answered and no dark store has a zone.
_UNMATCHED = """
    SELECT e.tick, e.listing_id, e.epoch, e.cause, e.platform, e.is_loose, e.regular, e.discount, e.surge, e.fee, e.shift,
        e.ceiling, e.after - coalesce(t.rival_paise, 0) AS unmatched, coalesce(t.zone_paise, 0) AS zone,
        zoned AND NOT e.leads AS part, reach
    FROM checked.events AS e JOIN (SELECT epoch, reach, zoned, watched FROM checked.laws) USING (epoch)
    LEFT JOIN raw.truth AS t USING (tick, listing_id)
    WHERE live AND (t.tick IS NOT NULL OR NOT (watched OR (zoned AND NOT e.leads)))"""
_STYLES = "(SELECT epoch, platform, is_loose, style FROM checked.points WHERE share > 0)"
# Some listings have sale prices at no point.
_SALE_STYLES = f"""({_STYLES[1:-1]} UNION SELECT DISTINCT epoch, platform, is_loose, 'paise' FROM checked.points
    JOIN checked.laws USING (epoch) WHERE exact > 0)"""


def _off_point(source: str, shown: str) -> str:
    """Write a query of the rows of a source whose price is at no point that its platform's styles have."""
    return f"""
        SELECT listing_id, tick, {shown} FROM ({_AMOUNTS.format(source=source)}) JOIN {_SALE_STYLES} USING (epoch, platform, is_loose)
        GROUP BY ALL HAVING NOT bool_or({_AT_POINT})"""


_KNOWN = ", ".join(str(int(cause)) for cause in Cause)
# How often regular prices were set anew by hours that make it likelier or not: at most, and at least at those units that move, whose
# aims differ from time to time by half a rupee, and by half of what a point may be away, so that they come to another price.
_REPRICED = f"""
    WITH passed AS (
        SELECT epoch, reprice, greatest(0, least(until, 3600 * hour + 3600) - greatest(since, 3600 * hour)) / 86400 AS days
        FROM (SELECT DISTINCT epoch, hour, reprice FROM checked.hours) JOIN (SELECT epoch, second AS since,
            second + (last - start_tick) * interval AS until FROM checked.epochs) USING (epoch)),
    rates AS (
        SELECT epoch, volatility_group, any_value(spread) AS spread, any_value(reach) AS reach,
            sum(days * least(base * reprice, 0.5)) / 3 AS least_due,
            sum(days * reprice * (base + by_gap) * (1 + fresh)) AS most_due,
            any_value(sqrt(noise ** 2 + cost ** 2 * least(1 / greatest(base, 1e-9), settled))) AS moved,
            any_value(noise) AS noise, any_value(cost) AS cost, sum(days) AS days
        FROM checked.hazards JOIN passed USING (epoch) JOIN checked.laws USING (epoch) WHERE repriced AND NOT turns GROUP BY ALL)
    SELECT epoch, volatility_group, any_value(spread) AS spread, count(*) AS units, count(*) FILTER (moves) AS moving,
        any_value(coalesce(times, 0)) AS times,
        coalesce(sum(least_due) FILTER (moves), 0) AS low, sum(most_due) AS high
    FROM (SELECT *, anchor < ceiling AND anchor * moves_by >= 50 AND moves_by >= reach / 2 AS moves
        FROM (SELECT *, least(moved, sqrt(noise ** 2 + cost ** 2 * days)) AS moves_by FROM rates)
        JOIN checked.listings USING (volatility_group) WHERE leads AND is_active)
    LEFT JOIN (SELECT epoch, g.volatility_group, count(*) AS times
        FROM checked.events AS e JOIN checked.listings AS g USING (listing_id)
        WHERE e.leads AND e.regular <> e.was_regular AND e.cause <> {int(Cause.CLEARANCE)} GROUP BY ALL)
        USING (epoch, volatility_group) GROUP BY epoch, volatility_group"""

CHECKS: tuple[Check, ...] = (
    faults(
        "2.19",
        "The clock alone moves no regular price: campaigns and the time of day leave it as it is.",
        "SELECT tick, listing_id, cause, was_regular, regular FROM checked.events"
        " WHERE live AND cause IN (6, 7, 8) AND regular <> was_regular",
        sampled=True,
        needs="live",
    ),
    bounds(
        "2.20",
        "Regular prices of each group are set anew as often as the rates of repricing allow.",
        "between a third of each hour's base rate, or of once in two days where that is more often, of goods that so come to another"
        " price point, and both rates of all together; four standard errors on",
        f"""SELECT volatility_group || ' in epoch ' || epoch AS what, times AS measured,
            greatest(0, low * (1 - 4 * uneven / sqrt(greatest(1, moving))) - 4 * sqrt(low)) AS low,
            high * (1 + 4 * uneven / sqrt(units)) + 4 * sqrt(high) + 3 AS high
        FROM (SELECT *, sqrt(exp(spread ** 2) - 1) AS uneven FROM ({_REPRICED})) ORDER BY what""",
        too_few="no product of a group that is repriced",
        sampled=True,
        needs="repriced",
    ),
    bounds(
        "2.21",
        "As many listings price to the paisa, or in paise that end in 9, as the price points say; all others' regular prices"
        " are whole rupees, or the MRP.",
        "percent within four standard deviations and a point; more by those in percents off the MRP; without listings whose anchor"
        " is in whole rupees, at which prices to the paisa begin, or so near the MRP that some points are the MRP itself",
        f"""SELECT platform || CASE WHEN is_loose THEN ', loose' ELSE ', packaged' END || ', percent of ' || n AS what,
            100 * share AS measured, 100 * ({_SHOWN_PAISE} - checked.slack(n, {_SHOWN_PAISE})) - 1 AS low,
            100 * (paise + coalesce(percent, 0) + checked.slack(n, paise + coalesce(percent, 0))) AS high
        FROM (SELECT platform, is_loose, count(*) AS n, avg(broken::INTEGER) AS share FROM (
            SELECT platform, is_loose, listing_id, bool_or(regular % 100 <> 0) AS broken FROM ({_REGULARS})
            WHERE regular < ceiling AND anchor % 100 <> 0
                AND ceiling - anchor > 50 + ceiling * greatest(0.01, (SELECT max(reach) FROM checked.laws))
            GROUP BY ALL) GROUP BY ALL)
        JOIN {_STEADY_POINTS} USING (platform, is_loose) ORDER BY what""",
        too_few="the price points changed midway",
        sampled=True,
        needs="pointed",
    ),
    bounds(
        "2.22",
        "Regular prices in whole rupees end in 9, and in 0 or 5, as often as the price points say.",
        "percent within four standard deviations and three points, last digits of whole rupees being nearly even",
        f"""SELECT CASE WHEN is_loose THEN 'loose' ELSE 'packaged' END || ends || ' of ' || n AS what, 100 * share AS measured,
            100 * (p - checked.slack(n, p)) - 3 AS low, 100 * (p + checked.slack(n, p)) + 3 AS high
        FROM (SELECT is_loose, n, ' ending in 9' AS ends, nines AS share, nine AS p FROM ({_ENDINGS})
            UNION ALL SELECT is_loose, n, ' ending in 0 or 5', fives, five FROM ({_ENDINGS})) ORDER BY what""",
        too_few="fewer than 30 prices of a kind are dear enough",
        sampled=True,
        needs="pointed",
    ),
    faults(
        "2.23",
        "At tick 0 every listing's regular price is its anchor, taken to its price point.",
        f"""SELECT listing_id, regular, anchor, ceiling FROM (
            SELECT g.*, s.regular, 0 AS epoch, reach FROM checked.listings AS g
            LEFT JOIN (SELECT listing_id, regular FROM checked.snapshots WHERE tick = 0) AS s USING (listing_id),
            (FROM checked.laws WHERE epoch = 0 AND live) WHERE is_active)
        JOIN {_STYLES} USING (epoch, platform, is_loose)
        GROUP BY ALL HAVING NOT coalesce(bool_or(checked.fits(style, regular, anchor, reach, ceiling)), false)""",
        sampled=True,
        needs="live",
    ),
    faults(
        "2.24",
        "All dark stores of a platform have the same regular price and sale; and, equally discounted, the same price, unless"
        " they have zones, or opened where nothing happened by rates, each with discounts of its own.",
        """WITH alike AS (SELECT * FROM checked.snapshots JOIN (SELECT epoch, turned, was_zoned FROM checked.laws) USING (epoch)
            WHERE live AND is_active AND NOT turned AND (SELECT arg_min(live, epoch) FROM checked.laws))
        SELECT tick, product_id, platform FROM alike GROUP BY tick, product_id, platform
            HAVING min(regular) < max(regular) OR min(own) < max(own) OR min(match) < max(match)
        UNION ALL SELECT tick, product_id, platform FROM alike WHERE NOT was_zoned
            GROUP BY tick, product_id, platform, discount, surge, fee HAVING min(price) < max(price)""",
        sampled=True,
        needs="live",
    ),
    faults(
        "6.16",
        "Every event's price is regular x (1 - discount) x (1 + surge) x (1 + time of day), and the zone's part, taken to a"
        " price point of its platform; without an overlay it is the regular price; only a rival's match makes it lower.",
        _off_point(_UNMATCHED, "cause, unmatched, regular, discount, zone"),
        sampled=True,
        needs="live",
    ),
    faults(
        "6.17",
        "At tick 0 every price is regular x (1 - discount) x (1 + time of day), taken to its price point.",
        _off_point(
            """SELECT s.*, price AS unmatched, 0 AS zone, false AS part, reach FROM checked.snapshots AS s
            JOIN (SELECT epoch, reach, zoned FROM checked.laws) USING (epoch)
            WHERE live AND tick = 0 AND is_active AND NOT (zoned AND NOT leads)""",
            "unmatched, regular, discount",
        ),
        sampled=True,
        needs="live",
    ),
    faults(
        "6.18",
        "Every event has a known cause, which the rules of its epoch can have; what they have no more may end at its first"
        " tick.",
        f"""SELECT tick, listing_id, cause FROM checked.events
        JOIN (SELECT epoch, turns, rivals, watched FROM checked.laws) USING (epoch)
        JOIN (SELECT epoch, first FROM checked.epochs) USING (epoch) WHERE cause NOT IN ({_KNOWN})
            OR (cause = {int(Cause.UPDATE)} AND NOT turns)
            OR (cause IN (1, 2) AND NOT turns) OR (cause IN (9, 10, 11, 12, 13, 14) AND NOT live)
            OR (cause = 11 AND NOT rivals) OR (cause = 12 AND NOT (rivals OR (watched AND tick = first)))""",
        sampled=True,
    ),
    faults(
        "6.20",
        "The prices of each listing are all at points of one style, for as long as the price points stay.",
        f"""SELECT listing_id, epoch, count(*) AS prices FROM (
            SELECT listing_id, epoch, bool_and(fits) AS fits FROM (
                SELECT listing_id, epoch, tick, style, bool_or({_AT_POINT}) AS fits
                FROM ({_AMOUNTS.format(source=_UNMATCHED)}) JOIN {_SALE_STYLES} USING (epoch, platform, is_loose)
                GROUP BY listing_id, epoch, tick, style) GROUP BY listing_id, epoch, style)
        GROUP BY listing_id, epoch HAVING NOT bool_or(fits)""",
        sampled=True,
        needs="live",
    ),
    faults(
        "6.21",
        "Every later snapshot's price is at a price point of its platform since its last event, or the match of a rival, where"
        " that is lower.",
        _off_point(
            """SELECT s.* REPLACE (r.epoch AS epoch), price AS unmatched, 0 AS zone, false AS part, reach FROM checked.snapshots AS s
            JOIN checked.clock AS c ON c.tick = s.event_tick JOIN checked.laws AS r ON r.epoch BETWEEN c.epoch AND s.epoch
            WHERE s.live AND s.tick > 0 AND is_active AND NOT (was_zoned AND NOT leads) AND (match = 0 OR price <> match)""",
            "unmatched, regular, discount, match",
        )
        + " UNION ALL SELECT listing_id, tick, price, regular, discount, match FROM checked.snapshots"
        " WHERE match > 0 AND price > match",
        sampled=True,
        needs="live",
    ),
    faults(
        "2.38",
        "Every snapshot tells when regular prices were last set: at the tick of their last change, or at one after it; and within"
        " two months before tick 0 where that was before it.",
        """SELECT s.tick, s.listing_id, s.repriced, o.repriced AS opened, e.second AS moved
        FROM (SELECT * FROM checked.snapshots JOIN (SELECT epoch, turned FROM checked.laws) USING (epoch)
            WHERE live AND is_active AND NOT turned) AS s
        JOIN (SELECT listing_id, repriced FROM checked.snapshots WHERE tick = 0) AS o USING (listing_id)
        ASOF LEFT JOIN (SELECT listing_id, tick, second FROM checked.events JOIN checked.clock USING (tick)
            WHERE regular <> was_regular) AS e ON e.listing_id = s.listing_id AND s.tick >= e.tick
        WHERE s.repriced < coalesce(e.second, o.repriced) OR s.repriced > s.second OR o.repriced NOT BETWEEN -5184000 AND 0
            OR (s.repriced <> o.repriced AND s.repriced NOT IN (SELECT second FROM checked.clock))""",
        sampled=True,
        needs="live",
    ),
    faults(
        "6.31",
        "Each event's cause is the last that there was: a sale that starts; one that ends, cleared or not; a regular price set"
        " anew, which no other moves; an answer to a rival; a shelf that ran out or was filled; else the clock.",
        """SELECT e.tick, e.listing_id, cause, o.depth, was_regular, regular, h.tick IS NOT NULL AS by_shelf
        FROM (SELECT * FROM checked.events WHERE live AND NOT turned) AS e
        LEFT JOIN checked.own AS o ON o.tick = e.tick AND o.listing_id = e.listing_id
        LEFT JOIN (SELECT tick, listing_id FROM checked.shelf WHERE (before = 0) <> (after = 0)) AS h
            ON h.tick = e.tick AND h.listing_id = e.listing_id
        WHERE (o.depth > 0 AND cause <> 3) OR (o.depth = 0 AND cause NOT IN (4, 10)) OR (by_shelf AND cause IN (6, 7, 8))
            OR (regular <> was_regular AND cause NOT IN (3, 4, 9, 10))""",
        sampled=True,
        needs="live",
    ),
)
