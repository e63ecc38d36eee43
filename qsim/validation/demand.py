"""Checks of how much is wanted (category 4): the customers that are due, and what they choose at the prices shown.

Customers of a product in an area come as a Poisson stream of mean a_day x popularity x its day's factor x load. One chooses
platform p with chance A_p / (N + sum of all A), the logit of `qsim.market.demand` with its reference price cancelled:
A_p = share x (price / mean anchor)^-elasticity,
N = outside / (1 - outside) x exp(-elasticity x (pass-through x log cost + drift)), and a fee takes exp(-elasticity x fee / basket).
The chance is least at p's dearest price of a day, the others' cheapest and the largest N, and greatest the other way round.
"""

from __future__ import annotations

from qsim.validation.checks import Check, bounds, faults

# The time of the ticks that end in an hour, which the fees in its row hold for, by the days on which their customers come.
_PASSED = """
    SELECT epoch, hour, came, greatest(since, came * 86400) AS since, least(until, (came + 1) * 86400) AS until FROM (
        SELECT *, unnest(range(since // 86400, (until - 1) // 86400 + 1)) AS came FROM (
            SELECT c.epoch, (c.second - 1) // 3600 AS hour, min(c.second) - any_value(interval) AS since, max(c.second) AS until
            FROM checked.clock AS c JOIN checked.epochs USING (epoch) WHERE tick > 0 GROUP BY ALL))"""
TABLES = [
    # Days of mean demand by epoch, the day of their ticks and that on which they came, city and the platforms' fees; an hour's
    # customers of a product are cut at a level that 63, the most there can be, is far above.
    f"""CREATE OR REPLACE TABLE checked.visits AS
        WITH passed AS (SELECT *, max(load) OVER (PARTITION BY epoch, city) AS most,
                sum(load) OVER (PARTITION BY epoch, city ORDER BY hour) - load AS done FROM checked.hours)
        SELECT e.epoch, e.hour // 24 AS day, e.came, f.city, f.fees, any_value(f.most) AS most, sum(n.done - b.done
            + n.load * (e.until / 3600 - n.hour) - b.load * (e.since / 3600 - b.hour)) / 24 AS days
        FROM ({_PASSED}) AS e JOIN passed AS f ON f.epoch = e.epoch AND f.hour = e.hour
        JOIN passed AS n ON n.epoch = e.epoch AND n.city = f.city AND n.hour = (e.until - 1) // 3600
        JOIN passed AS b ON b.epoch = e.epoch AND b.city = f.city AND b.hour = e.since // 3600
        GROUP BY e.epoch, e.hour // 24, e.came, f.city, f.fees""",
    # The dearest and the cheapest price that each listing showed to the customers of a day: from before its first tick on.
    """CREATE OR REPLACE TABLE checked.shown AS
        WITH days AS (SELECT epoch, (second - 1) // 86400 AS day, min(tick) AS first FROM checked.clock
            SEMI JOIN (FROM checked.laws WHERE trades) USING (epoch) WHERE tick > 0 GROUP BY ALL),
        moved AS (SELECT listing_id, c.epoch, (c.second - 1) // 86400 AS day, max(after) AS most, min(after) AS least
            FROM checked.states AS s JOIN checked.clock AS c ON c.tick = s.tick + 1 GROUP BY ALL)
        SELECT g.*, greatest(s.after, most) AS dearest, least(s.after, least) AS cheapest FROM (
            SELECT listing_id, product_id, platform, platform_id, area, city, volatility_group, is_loose, epoch, day, first
            FROM checked.listings SEMI JOIN checked.popularity USING (product_id) CROSS JOIN days) AS g
        ASOF JOIN checked.states AS s ON s.listing_id = g.listing_id AND g.first > s.tick
        LEFT JOIN moved AS m ON m.listing_id = g.listing_id AND m.epoch = g.epoch AND m.day = g.day""",
]
# Pulls of a day's offers at their dearest and cheapest under each set of fees, and what costs and inflation make of the pull of
# nothing in it.
_OFFERS = """
    SELECT s.*, v.fees, v.came, v.days, v.most, exp(-least(700, elasticity * fees[platform_id + 1] / basket)) AS eased,
        eased * pull * (dearest / anchor) ** -elasticity AS low, eased * pull * (cheapest / anchor) ** -elasticity AS high,
        coalesce(sum(low) OVER others, 0) AS low_others, coalesce(sum(high) OVER others, 0) AS high_others,
        exp(-elasticity * (pass_through * least(k.cost, n.cost) + CASE WHEN is_loose THEN least(drift * s.day, drift * (s.day + 1))
            ELSE 0 END)) AS nothing_high,
        exp(-elasticity * (pass_through * greatest(k.cost, n.cost) + CASE WHEN is_loose THEN greatest(drift * s.day,
            drift * (s.day + 1)) ELSE 0 END)) AS nothing_low
    FROM checked.shown AS s JOIN checked.laws USING (epoch) JOIN checked.shelves USING (epoch, platform)
    JOIN checked.visits AS v USING (epoch, day, city)
    JOIN (SELECT product_id, exp(avg(ln(anchor))) AS anchor FROM checked.listings GROUP BY product_id) USING (product_id)
    JOIN checked.costs AS k ON k.product_id = s.product_id AND k.day = s.day
    JOIN checked.costs AS n ON n.product_id = s.product_id AND n.day = s.day + 1
    WINDOW others AS (PARTITION BY s.product_id, area, s.epoch, s.day, v.came, v.fees
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)"""
_DUE = f"""
    SELECT epoch, volatility_group, platform, any_value(units) AS units, any_value(square) AS square,
        any_value(most_units) AS most_units,
        sum(a_day * days * least(1, 960 / (a_day * most)) * low / greatest(nothing * nothing_high + low + high_others, 1e-300))
            AS low,
        sum(a_day * days * high / greatest(nothing * nothing_low + high + low_others, 1e-300)) AS high
    FROM (SELECT o.*, units, square, most_units, outside / (1 - outside) AS nothing,
            a_day * exp(popular * k.normal - popular ** 2 / 2 + day_spread * coalesce(d.normal, 0) - day_spread ** 2 / 2) AS a_day
        FROM ({_OFFERS}) AS o JOIN checked.laws USING (epoch) JOIN checked.popularity AS k USING (product_id)
        JOIN checked.customers USING (epoch, volatility_group)
        LEFT JOIN checked.demand_days AS d ON d.day = came AND d.product_id = o.product_id AND d.area = o.area
        WHERE a_day > 0)
    GROUP BY epoch, volatility_group, platform"""
_WANTED = """
    SELECT c.epoch, g.volatility_group, g.platform, sum(wanted) AS wanted, bool_or(wanted = 65535) AS is_cut FROM checked.shelf
    JOIN checked.clock AS c USING (tick) JOIN checked.listings AS g USING (listing_id)
    SEMI JOIN checked.popularity AS k ON k.product_id = g.product_id GROUP BY ALL"""

CHECKS: tuple[Check, ...] = (
    bounds(
        "4.27",
        "As many units are wanted in each group and on each platform as the customers due choose there at the prices shown.",
        "between the least and the most chances of each day, five standard errors on; every so many-th product in a long market",
        f"""SELECT coalesce(volatility_group, platform, 'all') || ' in epoch ' || epoch AS what, coalesce(sum(wanted), 0) AS measured,
            CASE WHEN bool_or(is_cut) THEN 0 ELSE greatest(0, sum(low * units) - 5 * sqrt(sum(high * square)) - 10) END AS low,
            sum(high * units) + 5 * sqrt(sum(high * square)) + 10 * max(most_units) AS high
        FROM ({_DUE}) LEFT JOIN ({_WANTED}) USING (epoch, volatility_group, platform)
        GROUP BY GROUPING SETS ((epoch), (epoch, volatility_group), (epoch, platform)) ORDER BY what""",
        too_few="no customers are due",
        sampled=True,
        needs="trades",
    ),
    faults(
        "4.28",
        "What a unit costs is its first cost moved by what the product's cost and inflation have come to.",
        """SELECT * FROM (SELECT o.tick, o.listing_id, o.cost_paise,
                unit_cost * exp(k.cost + (n.cost - k.cost) * (second / 86400 - k.day)
                    + CASE WHEN is_loose THEN drift * second / 86400 ELSE 0 END) AS due
            FROM raw.orders AS o JOIN checked.listings AS g USING (listing_id) JOIN checked.clock USING (tick)
            JOIN checked.laws USING (epoch)
            JOIN checked.costs AS k ON k.product_id = g.product_id AND k.day = second // 86400
            JOIN checked.costs AS n ON n.product_id = g.product_id AND n.day = second // 86400 + 1)
        WHERE abs(cost_paise - least(greatest(due, 1), 2147483647)) > 0.500001 + 1e-9 * due""",
        sampled=True,
        needs="trades",
    ),
)
