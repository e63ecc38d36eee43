"""Checks of sales that have a set end (category 3, and their causes in category 6): how many, how long, how deep, how
far they spread, and what is left when they are over.

Sales that one brand funds start together, so standard errors are of groups: the sales of a product at a tick.
"""

from __future__ import annotations

from qsim.schema import Cause
from qsim.validation.checks import Check, bounds, faults

# Begun while the market ran under one law to the end, and long enough ago that the longest would be over.
_DRAWN = """
    SELECT s.*, c.epoch FROM checked.sales AS s JOIN checked.clock AS c USING (tick) WHERE s.timed AND s.tick > 0"""
_CLUSTERS = "sqrt((SELECT sum(n ** 2) FROM (SELECT count(*) AS n FROM drawn GROUP BY product_id, tick)))"


def _mean_within(value: str, law: str, drawn: str, room: str) -> str:
    """Write rows of a mean over drawn sales against its law's, by epoch, within four standard errors and `room`."""
    return f"""
        WITH drawn AS ({drawn})
        SELECT 'mean of ' || count(*) || ' in epoch ' || epoch AS what, avg({value}) AS measured,
            any_value(mean) - 4 * any_value(sd) * {_CLUSTERS} / count(*) - {room} AS low,
            any_value(mean) + 4 * any_value(sd) * {_CLUSTERS} / count(*) + {room} AS high
        FROM drawn JOIN (SELECT epoch, sum(value * weight) AS mean,
            sqrt(greatest(0, sum(value ** 2 * weight) - sum(value * weight) ** 2)) AS sd FROM checked.{law} GROUP BY epoch)
            USING (epoch) GROUP BY epoch HAVING count(*) >= 100 ORDER BY epoch"""


# The chance that a unit starts a sale of its own in a tick, at its highest.
_BY_CHANCE = """
    SELECT epoch, max(a_day) * max(days) AS p FROM checked.sale_rates JOIN checked.sale_time USING (epoch) GROUP BY epoch"""
# How many sales of a unit may follow on end: as many as a hundredth of a unit is due, one that starts in the tick at which another of
# the likeliest depth ends. Where that is likely at each end, as in ticks of days, no more than twenty.
_ON_END = f"""
    SELECT epoch, least(20, greatest(2, 1 + floor(ln(100 * n) / -ln(chance)))) AS most FROM (
        SELECT epoch, least(0.5, greatest(1e-9, p * (1 + joined) * likeliest)) AS chance FROM ({_BY_CHANCE})
        JOIN checked.laws USING (epoch) JOIN (SELECT epoch, max(weight) AS likeliest FROM checked.sale_depths GROUP BY epoch)
        USING (epoch)), (SELECT count(*) + 1 AS n FROM checked.sales)"""
# One that starts as another of the same depth ends leaves no row; each tick between may slip by one. Sums that are one are as near as
# a tenth of a second; longer ones than any sale was are none's.
_LENGTHS = f"""
    WITH RECURSIVE sums AS (SELECT epoch, value, 0 AS slip FROM checked.sale_days UNION
        SELECT epoch, round(s.value + d.value, 6), slip + 1 FROM sums AS s JOIN checked.sale_days AS d USING (epoch)
        JOIN ({_ON_END}) USING (epoch), (SELECT max(stop_second - second) / 86400 AS most_days FROM checked.sales)
        WHERE slip + 1 < most AND s.value + d.value <= most_days),
    lengths AS (SELECT epoch, value, max(slip) AS slip FROM sums GROUP BY epoch, value)"""
# The longest and the shortest sale of all laws and the longest tick, in seconds.
_LONGEST = """(SELECT max(value) * 86400 AS longest, min(value) * 86400 AS shortest FROM checked.sale_days WHERE weight > 0),
    (SELECT max(interval) AS step FROM checked.epochs)"""
_ENDING = "(SELECT bool_and(timed AND NOT turned) FROM checked.laws)"
_OLD_ENOUGH = f"""{_DRAWN} AND s.stop IS NOT NULL AND s.second + 86400 * (SELECT max(value) FROM checked.sale_days)
    <= (SELECT max(second) FROM checked.clock)"""
# Sales that a unit off sale is due; none while it is on sale, from after the start to the tick of the end.
_DUE = """
    SELECT sum(units * whole) - coalesce((SELECT sum(greatest(0, b.due - a.due)) FROM checked.sales AS s
            JOIN checked.due AS a ON a.platform = s.platform AND a.tick = s.tick JOIN checked.due AS b
            ON b.platform = s.platform AND b.tick = coalesce(s.stop, (SELECT head FROM checked.market))), 0) AS due
    FROM (SELECT platform, count(*) AS units FROM checked.listings WHERE leads AND is_active GROUP BY platform)
    JOIN (SELECT platform, max(due) AS whole FROM checked.due GROUP BY platform) USING (platform)"""
# For each start, how many units of its product were on sale just before, those left out that ended at that tick.
_GROUPS = """
    SELECT product_id, tick, count(*) AS starts, any_value(on_before) AS on_before, any_value(epoch) AS epoch FROM (
        SELECT *, coalesce(sum(step) OVER (PARTITION BY product_id ORDER BY place RANGE BETWEEN UNBOUNDED PRECEDING
            AND 1 PRECEDING), 0) AS on_before
        FROM (SELECT product_id, tick, 2 * tick::BIGINT + 1 AS place, 1 AS step, timed FROM checked.sales
            UNION ALL SELECT product_id, stop, 2 * stop::BIGINT, -1, false FROM checked.sales WHERE stop IS NOT NULL))
    JOIN checked.clock USING (tick) WHERE step = 1 AND timed AND tick > 0 GROUP BY product_id, tick"""
# The least and the most sales that are due to start beside those, for all or one of which began of themselves.
_BESIDE = f"""
    SELECT coalesce(sum(shared_share * shared_spread * (platforms - on_before - starts)), 0) AS least,
        coalesce(sum((1 - (1 - shared_share) ** starts) * shared_spread * (platforms - on_before - 1)), 0) AS most
    FROM ({_GROUPS}) JOIN checked.laws USING (epoch), (SELECT count(*) AS platforms FROM checked.platforms)"""

# What the calendar deepens a sale by, at its start.
_DEEPENED = f"""
    SELECT s.*, deeper FROM ({_DRAWN}) AS s JOIN (SELECT DISTINCT epoch, hour, deeper FROM checked.hours) AS h
        ON h.epoch = s.epoch AND h.hour = (s.second - 1) // 3600"""
# Those of hours in which the calendar takes no depth of the law past the deepest that there is.
_FREELY_DEEPENED = f"""
    SELECT s.* FROM ({_DEEPENED}) AS s JOIN (SELECT epoch, max(value) AS deepest FROM checked.sale_depths WHERE weight > 0
        GROUP BY epoch) USING (epoch) WHERE round_even(deepest * 100, 0) + deeper <= 9000"""
# The depths that sales which start at a tick can have: their law's, and what the calendar adds in its hour.
_DEPTHS = f"""
    SELECT s.*, least(9000, round_even(value * 100, 0) + deeper) AS allowed FROM ({_DEEPENED}) AS s
    JOIN checked.sale_depths AS d USING (epoch)"""

CHECKS: tuple[Check, ...] = (
    bounds(
        "3.19",
        "Sales start so often that the share of listings on sale in the long run is the parameters'.",
        "sales that listings off sale are due, within four standard errors and five percent",
        f"""WITH drawn AS ({_DRAWN})
        SELECT 'sales begun' AS what, (SELECT count(*) FROM drawn) AS measured,
            0.95 * (due + least) - room AS low, 1.05 * (due + most) + room AS high
        FROM (SELECT *, 4 * coalesce({_CLUSTERS}, sqrt(due)) + 3 AS room FROM ({_DUE}), ({_BESIDE})) WHERE due >= 30""",
        too_few="not enough time: fewer than 30 sales are due",
        sampled=True,
        needs="timed",
    ),
    faults(
        "3.20",
        "Every sale that is over lasted one of the lengths of its law, to the tick; or some, of equal depth, on end. None that"
        " is on began so long ago that it would be over.",
        f"""{_LENGTHS} SELECT listing_id, tick, stop, (stop_second - second) / 86400 AS days FROM ({_DRAWN}) AS s
        WHERE stop IS NOT NULL AND NOT EXISTS (SELECT 1 FROM lengths AS d WHERE d.epoch = s.epoch AND floor(s.second + d.value * 86400)
                BETWEEN s.second_before + 1 - slip * (s.stop_second - s.second_before) AND s.stop_second)
        UNION ALL SELECT listing_id, tick, NULL, (head - second) / 86400 FROM ({_DRAWN}),
            (SELECT max(second) AS head FROM checked.clock), {_LONGEST}, (SELECT max(most) AS most FROM ({_ON_END}))
        WHERE {_ENDING} AND stop IS NULL AND head >= second + most * longest + (most - 1) * step""",
        sampled=True,
        needs="timed",
    ),
    bounds(
        "3.21",
        "Sales last as long on the average as their law says.",
        "days within four standard errors and a tick",
        _mean_within(
            "(stop_second - second) / 86400",
            "sale_days",
            _OLD_ENOUGH,
            "(SELECT max(interval) / 86400 FROM checked.epochs)",
        ),
        too_few="not enough sales are over: 100 are needed that began as long ago as the longest lasts",
        sampled=True,
        needs="timed",
    ),
    faults(
        "3.22",
        "Every sale is as deep as one of the depths of its law, and the calendar at its start deepens it.",
        f"""SELECT listing_id, tick, depth FROM ({_DRAWN})
        ANTI JOIN (SELECT listing_id, tick, allowed AS depth FROM ({_DEPTHS}))
            USING (listing_id, tick, depth)""",
        sampled=True,
        needs="timed",
    ),
    bounds(
        "3.23",
        "Sales are as deep on the average as their law says, less what the calendar deepens them by.",
        "percent within four standard errors",
        _mean_within("(depth - deeper) / 100", "sale_depths", _FREELY_DEEPENED, "0"),
        too_few="not enough sales began: 100 are needed",
        sampled=True,
        needs="timed",
    ),
    bounds(
        "3.24",
        "Of the sales that end, the parameters' share is cleared: the regular price is set anew; else it comes back.",
        "percent within four standard deviations",
        f"""SELECT 'cleared of ' || count(*) || ' in epoch ' || epoch AS what,
            100 * avg((cause = {int(Cause.CLEARANCE)})::INTEGER) AS measured,
            100 * (any_value(clearance) - checked.slack(count(*), any_value(clearance))) AS low,
            100 * (any_value(clearance) + checked.slack(count(*), any_value(clearance))) AS high
        FROM checked.events JOIN (SELECT epoch, clearance FROM checked.laws) USING (epoch)
        ANTI JOIN raw.campaign_lines USING (listing_id)
        WHERE timed AND leads AND was_discount > 0 AND discount = 0 GROUP BY epoch HAVING count(*) >= 30 ORDER BY epoch""",
        too_few="fewer than 30 sales ended",
        sampled=True,
        needs="timed",
    ),
    bounds(
        "3.25",
        "Sales that brands fund spread to the product's other platforms as often as the parameters say.",
        "sales that started beside another, within four standard errors",
        f"""SELECT 'sales beside another in epoch ' || epoch AS what, sum(starts - 1) AS measured,
            greatest(0, sum(a * b * m) - 4 * sqrt(sum(a * (b * m * (1 - b) + b * b * m * m))) - 3) AS low,
            sum(m * (a * b + p)) + 4 * sqrt(sum(m * p + a * (b * m * (1 - b) + b * b * m * m))) + 3 AS high
        FROM (SELECT epoch, starts, shared_share AS a, shared_spread AS b, p,
                (SELECT count(*) FROM checked.platforms) - on_before - 1 AS m
              FROM ({_GROUPS}) JOIN checked.laws USING (epoch) JOIN ({_BY_CHANCE}) USING (epoch))
        GROUP BY epoch HAVING count(*) >= 30 ORDER BY epoch""",
        too_few="fewer than 30 sales began",
        sampled=True,
        needs="timed",
    ),
    faults(
        "3.26",
        "A sale starts and ends at all dark stores of its platform together, equally deep.",
        """SELECT o.tick, g.product_id, g.platform, count(*) AS stores FROM checked.own AS o
        JOIN checked.listings AS g USING (listing_id) JOIN checked.clock USING (tick) JOIN checked.laws USING (epoch)
        WHERE timed GROUP BY o.tick, g.product_id, g.platform
        HAVING count(*) <> (SELECT stores FROM checked.market) OR min(o.depth) < max(o.depth)""",
        sampled=True,
        needs="timed",
    ),
    faults(
        "3.28",
        "Every snapshot tells when its sales end: at the tick at which they do, or later than the newest; but where another of"
        " equal depth follows.",
        f"""SELECT s.tick, s.listing_id, own, own_ends, e.tick AS stop, e.second AS stop_second
        FROM (SELECT s.*, n.tick AS stop FROM (FROM checked.snapshots WHERE own > 0 AND {_ENDING}) AS s
            ASOF LEFT JOIN checked.own AS n ON n.listing_id = s.listing_id AND s.tick < n.tick) AS s
        LEFT JOIN checked.clock AS e ON e.tick = s.stop LEFT JOIN checked.clock AS b ON b.tick = s.stop - 1,
            (SELECT max(second) AS head FROM checked.clock), {_LONGEST}
        WHERE own_ends <= s.second OR CASE WHEN s.stop IS NULL THEN own_ends <= head - longest - step OR own_ends > s.second + longest
            ELSE own_ends > e.second OR (own_ends <= b.second AND own_ends + shortest > e.second) END""",
        sampled=True,
        needs="timed",
    ),
    faults(
        "6.19",
        "A clearance is at the tick at which a sale ends.",
        f"""SELECT e.tick, e.listing_id, o.depth FROM checked.events AS e LEFT JOIN checked.own AS o
            ON o.tick = e.tick AND o.listing_id = e.listing_id WHERE e.cause = {int(Cause.CLEARANCE)} AND coalesce(o.depth, 1) > 0""",
        sampled=True,
        needs="timed",
    ),
)
