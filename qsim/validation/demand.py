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
    # Days of mean demand by epoch, the day and the quarter of it in which their ticks end, the day on which they came, city and the
    # platforms' fees; an hour's customers of a product are cut at a level that 63, the most there can be, is far above.
    f"""CREATE OR REPLACE TABLE checked.visits AS
        WITH passed AS (SELECT *, max(load) OVER (PARTITION BY epoch, city) AS most,
                sum(load) OVER (PARTITION BY epoch, city ORDER BY hour) - load AS done FROM checked.hours)
        SELECT e.epoch, e.hour // 24 AS day, e.hour % 24 // 6 AS part, e.came, f.city, f.fees, any_value(f.most) AS most,
            sum(n.done - b.done + n.load * (e.until / 3600 - n.hour) - b.load * (e.since / 3600 - b.hour)) / 24 AS days
        FROM ({_PASSED}) AS e JOIN passed AS f ON f.epoch = e.epoch AND f.hour = e.hour
        JOIN passed AS n ON n.epoch = e.epoch AND n.city = f.city AND n.hour = (e.until - 1) // 3600
        JOIN passed AS b ON b.epoch = e.epoch AND b.city = f.city AND b.hour = e.since // 3600
        GROUP BY e.epoch, e.hour // 24, e.hour % 24 // 6, e.came, f.city, f.fees""",
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
# A product's customers on a day in an area: k is of its popularity, d of its day.
_A_DAY = """
    a_day * exp(popular * k.normal - popular ** 2 / 2 + day_spread * coalesce(d.normal, 0) - day_spread ** 2 / 2)"""
# Customers that the groups are due by the hours of each epoch, with the units that each buys, and the squares of these.
_CUSTOMERS = f"""
    SELECT epoch, volatility_group, any_value(units) AS units, any_value(square) AS square, any_value(most_units) AS most_units,
        sum(days * {_A_DAY}) AS customers
    FROM (SELECT epoch, came, city, sum(days) AS days FROM checked.visits GROUP BY ALL)
    JOIN (SELECT DISTINCT product_id, area, city, volatility_group FROM checked.listings WHERE is_active) AS g USING (city)
    JOIN checked.popularity AS k ON k.product_id = g.product_id
    JOIN checked.customers USING (epoch, volatility_group) JOIN checked.laws USING (epoch)
    LEFT JOIN checked.demand_days AS d ON d.day = came AND d.product_id = g.product_id AND d.area = g.area
    WHERE a_day > 0 GROUP BY epoch, volatility_group"""
# Pulls of a day's offers at their dearest and cheapest under each set of fees, and what costs and inflation make of the pull of
# nothing in it.
_OFFERS = """
    SELECT s.*, v.fees, v.part, v.came, v.days, v.most, exp(-least(700, elasticity * fees[platform_id + 1] / basket)) AS eased,
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
    WINDOW others AS (PARTITION BY s.product_id, area, s.epoch, s.day, v.part, v.came, v.fees
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)"""
# The parts of a group's demand on a platform, each held against its own law: by quarters of the day, and days of more or fewer
# customers than the mean.
_PARTS = "epoch, volatility_group, platform, part, more"
_DUE = f"""
    SELECT {_PARTS}, any_value(units) AS units, any_value(square) AS square,
        any_value(most_units) AS most_units,
        sum(a_day * days * least(1, 960 / (a_day * most)) * low / greatest(nothing * nothing_high + low + high_others, 1e-300))
            AS low,
        sum(a_day * days * high / greatest(nothing * nothing_low + high + low_others, 1e-300)) AS high
    FROM (SELECT o.*, units, square, most_units, outside / (1 - outside) AS nothing,
            {_A_DAY} AS a_day,
            coalesce(n.normal, 0) > 0 AS more
        FROM ({_OFFERS}) AS o JOIN checked.laws USING (epoch) JOIN checked.popularity AS k USING (product_id)
        JOIN checked.customers USING (epoch, volatility_group)
        LEFT JOIN checked.demand_days AS d ON d.day = came AND d.product_id = o.product_id AND d.area = o.area
        LEFT JOIN checked.demand_days AS n ON n.day = o.day AND n.product_id = o.product_id AND n.area = o.area
        WHERE a_day > 0)
    GROUP BY {_PARTS}"""
_WANTED = f"""
    SELECT {_PARTS}, sum(wanted) AS wanted, bool_or(wanted = 65535) AS is_cut FROM (
        SELECT c.epoch, g.volatility_group, g.platform, (c.second - 1) // 3600 % 24 // 6 AS part,
            coalesce(n.normal, 0) > 0 AS more, wanted
        FROM checked.shelf AS s JOIN checked.clock AS c USING (tick) JOIN checked.listings AS g USING (listing_id)
        JOIN checked.popularity AS k ON k.product_id = g.product_id
        LEFT JOIN checked.demand_days AS n ON n.day = (c.second - 1) // 86400 AND n.product_id = g.product_id AND n.area = g.area)
    GROUP BY {_PARTS}"""
# Offers among which customers chose, at the prices before the tick and the fees of its hour, with what of a logit's utility is price
# and what is fee, and the chance of each given that one of them is taken.
_CHOICES = """
    SELECT * REPLACE (chance / sum(chance) OVER w AS chance) FROM (
        SELECT *, exp(utility - max(utility) OVER w) AS chance FROM (
            SELECT c.epoch, n.tick, n.product_id, n.area, coalesce(s.wanted, 0) AS wanted, ln(t.after) AS dear,
                h.fees[g.platform_id + 1] / basket AS burden, ln(pull) - elasticity * (dear + burden) AS utility
            FROM (SELECT DISTINCT tick, product_id, area FROM checked.shelf SEMI JOIN checked.popularity USING (product_id)
                WHERE wanted > 0) AS n
            JOIN checked.clock AS c USING (tick) JOIN checked.laws USING (epoch)
            JOIN checked.listings AS g ON g.product_id = n.product_id AND g.area = n.area
            JOIN checked.shelves AS p ON p.epoch = c.epoch AND p.platform = g.platform AND pull > 0
            JOIN checked.hours AS h ON h.epoch = c.epoch AND h.hour = (c.second - 1) // 3600 AND h.city = g.city
            ASOF JOIN checked.states AS t ON t.listing_id = g.listing_id AND n.tick > t.tick
            LEFT JOIN checked.shelf AS s ON s.tick = n.tick AND s.listing_id = g.listing_id)
        WINDOW w AS (PARTITION BY tick, product_id, area))
    WINDOW w AS (PARTITION BY tick, product_id, area)"""
# What was chosen less what is expected of prices and of fees, its variance where each unit is chosen by itself, and how far one
# choice can move it; a customer's moves it by as many units as that one takes.
_SCORES = f"""
    SELECT epoch, what, sum(chosen - n * mean) AS score, sum(n * (square - mean ** 2)) AS spread, max(far) AS far FROM (
        SELECT epoch, what, sum(wanted) AS n, sum(wanted * x) AS chosen, sum(chance * x) AS mean, sum(chance * x ** 2) AS square,
            max(x) - min(x) AS far
        FROM (SELECT *, unnest([{{'what': 'price', 'x': dear}}, {{'what': 'order fee', 'x': burden}}], recursive := true)
            FROM ({_CHOICES}))
        GROUP BY epoch, tick, product_id, area, what HAVING max(wanted) < 65535)
    GROUP BY epoch, what"""

CHECKS: tuple[Check, ...] = (
    bounds(
        "4.26",
        "No more units are wanted than the customers of each group buy at the most.",
        "what all of them would buy, five standard errors on; every so many-th product in a long market",
        f"""SELECT volatility_group || ' in epoch ' || epoch AS what, coalesce(w.wanted, 0) AS measured, 0 AS low,
            customers * units + 5 * sqrt(customers * square) + 10 * most_units AS high
        FROM ({_CUSTOMERS}) LEFT JOIN (SELECT epoch, volatility_group, sum(wanted) AS wanted FROM ({_WANTED}) GROUP BY ALL) AS w
            USING (epoch, volatility_group) ORDER BY what""",
        too_few="no customers are due",
        sampled=True,
        needs="trades",
    ),
    bounds(
        "4.27",
        "As many units are wanted in each group, on each platform and at each time as the customers due choose at the prices shown.",
        "between the least and the most chances of each day, five standard errors on; every so many-th product in a long market",
        f"""SELECT coalesce(volatility_group, platform, part * 6 || ' to ' || (part * 6 + 6) || ' h',
                CASE WHEN more THEN 'days of more' WHEN NOT more THEN 'days of fewer' END, 'all') || ' in epoch ' || epoch AS what,
            coalesce(sum(wanted), 0) AS measured,
            CASE WHEN bool_or(is_cut) THEN 0 ELSE greatest(0, sum(low * units) - 5 * sqrt(sum(high * square)) - 10) END AS low,
            sum(high * units) + 5 * sqrt(sum(high * square)) + 10 * max(most_units) AS high
        FROM ({_DUE}) LEFT JOIN ({_WANTED}) USING ({_PARTS})
        GROUP BY GROUPING SETS ((epoch), (epoch, volatility_group), (epoch, platform), (epoch, part), (epoch, more))
        ORDER BY what""",
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
    bounds(
        "4.29",
        "Prices and order fees draw customers to platforms as the elasticity says.",
        "0 for what is chosen less what is expected, five standard errors on",
        f"""SELECT what || ' in epoch ' || epoch AS what, round(score, 3) AS measured,
            -5 * sqrt(greatest(spread, 0) * a_choice) - 10 * most_units * far AS low, -low AS high
        FROM ({_SCORES}) JOIN (SELECT epoch, max(square / units) AS a_choice, max(most_units) AS most_units FROM checked.customers
            GROUP BY epoch) USING (epoch) ORDER BY what""",
        too_few="nobody has chosen",
        sampled=True,
        needs="trades",
    ),
)
