"""Checks of markets whose prices move between turns: price points, repricing, causes (categories 2 and 6)."""

from __future__ import annotations

from qsim.schema import Cause
from qsim.validation.checks import Check, bounds, faults


def _cause(name: str) -> int:
    """Give a cause's number; one that no event has where there is no such cause."""
    return int(Cause[name]) if name in Cause.__members__ else -1


_PRICE = "checked.price(regular, discount, surge, fee, shift, ceiling)"
# A price may stand lower than the listing's own rules make it from a rival's match to its release.
_MATCHED = f"""last_value(CASE cause WHEN {_cause("RIVAL_MATCH")} THEN true WHEN {_cause("RIVAL_RELEASE")} THEN false END
    IGNORE NULLS) OVER (PARTITION BY listing_id ORDER BY tick)"""
# At its point means: within reach, or half a rupee, of what it would be to the paisa; nothing costs less than a rupee.
_OFF_POINT = "abs(price - computed) > greatest(50, reach * computed) + 1 AND NOT (price = 100 AND computed < 100)"
# The units' regular prices at tick 0 and after each event.
_REGULARS = """
    SELECT g.listing_id, g.is_loose, g.ceiling, s.tick, s.regular FROM checked.states AS s
    JOIN checked.listings AS g USING (listing_id) WHERE g.leads AND g.is_active"""
_STEADY_POINTS = """(SELECT is_loose, sum(share) FILTER (style = 'paise') AS paise, sum(share) FILTER (style = 'nine') AS nine,
        sum(share) FILTER (style = 'five') AS five, sum(share) FILTER (style = 'whole') AS whole
    FROM (SELECT DISTINCT is_loose, style, share FROM checked.points) GROUP BY is_loose
    HAVING count(*) = 5 AND sum(share) FILTER (style = 'percent') = 0 AND (SELECT bool_and(pointed) FROM checked.laws))"""
# Dear enough that the nearest nine, at most five rupees off, is within reach.
_ENDINGS = f"""
    SELECT is_loose, count(*) AS n, avg((regular % 1000 = 900)::INTEGER) AS nines, avg((regular % 500 = 0)::INTEGER) AS fives,
        any_value((nine + whole / 10) / (1 - paise)) AS nine, any_value((five + whole / 5) / (1 - paise)) AS five
    FROM (SELECT is_loose, listing_id, max_by(regular, tick) AS regular, any_value(ceiling) AS ceiling FROM ({_REGULARS})
          GROUP BY ALL) JOIN {_STEADY_POINTS} USING (is_loose)
    WHERE regular % 100 = 0 AND regular < ceiling AND paise < 1
        AND regular * (SELECT min(reach) FROM checked.laws) >= 500 GROUP BY is_loose HAVING count(*) >= 50"""
_REPRICED = f"""
    SELECT h.epoch, h.volatility_group, h.base, h.by_gap, r.spread, n.units, count(e.tick) AS times,
        n.units * (p.last - p.start_tick) * p.interval / 86400 AS days
    FROM checked.hazards AS h JOIN checked.epochs AS p USING (epoch) JOIN checked.laws AS r USING (epoch)
    JOIN (SELECT volatility_group, count(*) AS units FROM checked.listings WHERE leads AND is_active GROUP BY ALL) AS n
        USING (volatility_group)
    LEFT JOIN (SELECT e.tick, e.epoch, g.volatility_group FROM checked.events AS e JOIN checked.listings AS g USING (listing_id)
        WHERE e.leads AND e.regular <> e.was_regular AND e.cause <> {_cause("CLEARANCE")}) AS e USING (epoch, volatility_group)
    WHERE r.repriced AND NOT r.turns GROUP BY ALL"""

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
        "between a third of the base rate, for many keep their price point, and both rates together; four standard errors on",
        f"""SELECT volatility_group || ' in epoch ' || epoch AS what, times AS measured,
            greatest(0, low * (1 - 4 * uneven / sqrt(units)) - 4 * sqrt(low)) AS low,
            high * (1 + 4 * uneven / sqrt(units)) + 4 * sqrt(high) + 3 AS high
        FROM (SELECT *, days * base / 3 AS low, days * (base + by_gap) AS high, sqrt(exp(spread ** 2) - 1) AS uneven
              FROM ({_REPRICED})) ORDER BY what""",
        too_few="no product of a group that is repriced",
        sampled=True,
        needs="repriced",
    ),
    bounds(
        "2.21",
        "As many listings price to the paisa as the price points say; all others' regular prices are whole rupees, or the MRP.",
        "percent within four standard deviations, and two points fewer: some paise are 00",
        f"""SELECT CASE WHEN is_loose THEN 'loose' ELSE 'packaged' END || ', percent of ' || n AS what, 100 * share AS measured,
            100 * (paise - checked.slack(n, paise)) - 2 AS low, 100 * (paise + checked.slack(n, paise)) AS high
        FROM (SELECT is_loose, count(*) AS n, avg(broken::INTEGER) AS share FROM (
            SELECT is_loose, listing_id, bool_or(regular % 100 <> 0) AS broken FROM ({_REGULARS})
            WHERE regular < ceiling GROUP BY ALL) GROUP BY is_loose) JOIN {_STEADY_POINTS} USING (is_loose) ORDER BY what""",
        too_few="the price points changed midway, or differ by platform",
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
        too_few="fewer than 50 prices of a kind are dear enough",
        sampled=True,
        needs="pointed",
    ),
    faults(
        "2.23",
        "At tick 0 every listing's regular price is its anchor, taken to its price point.",
        f"""SELECT listing_id, price, computed, ceiling FROM (SELECT g.listing_id, g.is_active, s.regular AS price,
            g.anchor AS computed, g.ceiling, reach FROM checked.listings AS g
            LEFT JOIN (FROM checked.snapshots WHERE tick = 0) AS s USING (listing_id), (FROM checked.laws WHERE epoch = 0 AND live))
        WHERE price IS NULL OR ({_OFF_POINT})""",
        sampled=True,
        needs="live",
    ),
    faults(
        "2.24",
        "All dark stores of a platform have the same regular price and sale; and, equally discounted, the same price.",
        """SELECT tick, product_id, platform FROM checked.snapshots WHERE live AND is_active GROUP BY tick, product_id, platform
            HAVING min(regular) < max(regular) OR min(own) < max(own)
        UNION ALL SELECT tick, product_id, platform FROM checked.snapshots WHERE live AND is_active
            GROUP BY tick, product_id, platform, discount, surge, fee HAVING min(price) < max(price)""",
        sampled=True,
        needs="live",
    ),
    faults(
        "6.16",
        "Every event's price is regular x (1 - discount) x (1 + surge) x (1 + time of day), taken to its price point; without"
        " an overlay it is the regular price; only a rival's match makes it lower.",
        f"""SELECT tick, listing_id, cause, price, computed, regular, discount FROM (
            SELECT *, after AS price, {_PRICE} AS computed, {_MATCHED} AS matched FROM checked.events
            JOIN (SELECT epoch, reach FROM checked.laws) USING (epoch))
        WHERE live AND ((computed = regular AND price <> computed) OR ({_OFF_POINT}))
            AND NOT (coalesce(matched, false) AND price < computed)""",
        sampled=True,
        needs="live",
    ),
    faults(
        "6.17",
        "At tick 0 every price is regular x (1 - discount) x (1 + time of day), taken to its price point.",
        f"""SELECT listing_id, price, computed, regular, discount FROM (SELECT *, {_PRICE} AS computed FROM checked.snapshots,
            (SELECT reach FROM checked.laws WHERE epoch = 0)) WHERE live AND tick = 0 AND is_active
            AND ((computed = regular AND price <> computed) OR ({_OFF_POINT}))""",
        sampled=True,
        needs="live",
    ),
    faults(
        "6.18",
        "Every event has a known cause, which the rules of its epoch can have.",
        f"""SELECT tick, listing_id, cause FROM checked.events JOIN (SELECT epoch, turns FROM checked.laws) USING (epoch)
        WHERE cause NOT IN ({", ".join(str(int(cause)) for cause in Cause)}) OR (cause = {_cause("UPDATE")} AND NOT turns)
            OR (cause IN ({_cause("REPRICE")}, {_cause("CLEARANCE")}) AND NOT live)""",
        sampled=True,
    ),
)
