"""What the parameters of each epoch promise about happenings between turns: tables of sale laws, rates and price points.

Worked out from the parameters here, apart from the code that made the market; only the rate of sales is the rulebook's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from qsim import rulebook
from qsim.money import PAISE_PER_RUPEE
from qsim.params import Parameters
from qsim.popularity import shares_of, units_a_day
from qsim.queries.texts import quoted
from qsim.simulation import Course

# Each sale of a unit, which is a product on a platform, at its first dark store: from tick to tick, in market seconds.
# `second_before` is of the tick before the sale's end; the end is unknown while it runs.
SALES = [
    """CREATE OR REPLACE TABLE checked.sales AS
        SELECT s.*, r.timed AND coalesce(q.timed, true) AS timed, c.second, e.second AS stop_second,
            b.second AS second_before
        FROM (SELECT listing_id, g.product_id, g.platform, tick, depth,
                lead(tick) OVER (PARTITION BY listing_id ORDER BY tick) AS stop
              FROM checked.own AS o JOIN checked.listings AS g USING (listing_id) WHERE g.leads) AS s
        JOIN checked.clock AS c USING (tick) JOIN checked.laws AS r ON r.epoch = c.epoch
        LEFT JOIN checked.clock AS e ON e.tick = s.stop LEFT JOIN checked.laws AS q ON q.epoch = e.epoch
        LEFT JOIN checked.clock AS b ON b.tick = s.stop - 1
        WHERE s.depth > 0 AND (SELECT bool_or(timed) FROM checked.laws)""",
    # Days of sales' time from tick to tick: weekdays and the calendar make some hours longer and some shorter.
    """CREATE OR REPLACE TABLE checked.sale_time AS
        WITH passed AS (SELECT epoch, hour, sale, sum(sale) OVER (PARTITION BY epoch ORDER BY hour) - sale AS done
            FROM checked.hours WHERE city = (SELECT min(city) FROM checked.hours))
        SELECT c.tick, c.epoch, (n.done + n.sale * (c.second - 3600 * n.hour) / 3600
            - coalesce(b.done + b.sale * (c.second - interval - 3600 * b.hour) / 3600, 0)) / 24 AS days
        FROM checked.clock AS c JOIN checked.epochs AS p USING (epoch) JOIN passed AS n
            ON n.epoch = c.epoch AND n.hour = (c.second - 1) // 3600
        LEFT JOIN passed AS b ON b.epoch = c.epoch AND c.second > interval AND b.hour = (c.second - interval - 1) // 3600
        WHERE c.tick > 0""",
    # What a unit off sale is due from tick 0 to each tick: the sales that the rate of its platform gives.
    """CREATE OR REPLACE TABLE checked.due AS
        SELECT platform, tick, sum(CASE WHEN r.timed THEN 1 - exp(-coalesce(s.a_day * t.days, 0)) ELSE 0 END)
            OVER (PARTITION BY platform ORDER BY tick) AS due
        FROM checked.clock AS c JOIN checked.laws AS r USING (epoch) CROSS JOIN checked.platforms
        LEFT JOIN checked.sale_rates AS s USING (epoch, platform) LEFT JOIN checked.sale_time AS t USING (tick)
        WHERE (SELECT bool_or(timed) FROM checked.laws)""",
]


def _text(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else repr(value).lower() if isinstance(value, bool) else repr(value)


def table(name: str, columns: dict[str, str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Write the statements that make the table `checked.name` of these columns (name -> type) and rows."""
    declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    listed = ", ".join(f"({', '.join(map(_text, row))})" for row in rows)
    made = f"CREATE OR REPLACE TABLE checked.{name} ({declared})"
    return [made, f"INSERT INTO checked.{name} VALUES {listed}"] if listed else [made]


_OF_HAZARDS = ("base", "by_gap", "noise", "cost", "settled")


def _watches(p: Parameters) -> bool:
    return p.rivals.known_share * p.rivals.looks_a_day > 0 and any(p.rivals.reactive.values())


def _flags(p: Parameters, before: Sequence[Parameters]) -> dict[str, bool]:
    """Tell what an epoch has, or what it or one `before` had: turns, repricing, sales, customers, rivals ..."""
    turns, first = p.batch_size >= 0, (*before, p)[0]
    chain = turns and p.discount_probability + p.discount_end_probability > 0
    repriced = any(p.repricing.a_day.values()) or any(p.repricing.gap_a_day.values())
    live = rulebook.lives(p)
    return {
        "turns": turns,
        "turned": any(one.batch_size >= 0 for one in (*before, p)),
        "live": live,
        "repriced": repriced,
        "pointed": live and bool(p.price_points.packaged or p.price_points.loose),
        "timed": p.sales.share > 0 and not chain,
        "opened_by_law": bool(first.sales.depths),
        "shelved": any(first.demand.a_day.values()),
        "trades": any(p.demand.a_day.values()),
        "told": live and p.truth,
        "rivals": live and _watches(p),
        "watched": any(rulebook.lives(one) and _watches(one) for one in (*before, p)),
        "was_zoned": any(one.stores > 1 and one.repricing.zone_sd > 0 for one in (*before, p)),
        "zoned": p.stores > 1 and p.repricing.zone_sd > 0,
    }


def long_table(name: str, columns: dict[str, str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Write the statements that make a table of many rows: a text for each column is read much faster than rows of values."""
    texts = ("|".join(map(str, column)) for column in zip(*rows, strict=True))
    split = ", ".join(
        f"unnest(string_split({quoted(text)}, '|'))::{kind} AS {column}"
        for text, (column, kind) in zip(texts, columns.items(), strict=False)
    )
    return [*table(name, columns, []), *([f"INSERT INTO checked.{name} SELECT {split}"] if split else [])]


def _figures(p: Parameters, first: Parameters) -> dict[str, float]:
    sales, rivals, supply, surge = p.sales, p.rivals, p.supply, p.surge_fees
    waits = 2 * supply.wait_days**2 + supply.late * (2 - supply.late) * supply.late_days**2
    return {
        "reach": p.price_points.reach,
        "clearance": sales.clearance,
        "shared_share": sales.shared_share,
        "shared_spread": sales.shared_spread,
        "joined": sales.shared_share * sales.shared_spread * (1 - sales.share) * (len(p.platforms) - 1),
        "spread": p.repricing.spread,
        "fresh": p.repricing.fresh,
        "tolerance": rivals.tolerance,
        "undercut": rivals.undercut,
        "floor": rivals.floor,
        "known": rivals.known_share,
        "looks": rivals.looks_a_day,
        "reorder": first.supply.reorder,
        "least_days": supply.least_days,
        "mean_days": supply.least_days + 2 * supply.wait_days + supply.late * supply.late_days,
        "sd_days": waits**0.5,
        "cover_low": first.supply.cover_days[0],
        "cover_high": first.supply.cover_days[1],
        "capacity": surge.capacity,
        "rain_loss": surge.rain_loss,
        "step": surge.step,
        "exact": p.price_points.exact_sales,
        "nine_stick": p.repricing.nine_stick,
        "on_sale": p.repricing.on_sale,
        "follows": p.time_of_day_share,
        "outside": p.demand.outside,
        "elasticity": p.demand.elasticity,
        "basket": p.demand.basket_rupees * PAISE_PER_RUPEE,
        "popular": p.demand.spread,
        "day_spread": p.demand.day_spread,
        "pass_through": p.cost.pass_through,
        "drift": p.cost.drift_percent_a_year / 100 / 365,
    }


def _posting(p: Parameters) -> tuple[Any, ...]:
    """Give what posted prices follow beside the state; where it changes, each price does so when it is next posted."""
    return rulebook.lives(p), p.price_points, p.repricing.zone_sd, p.time_of_day_share


def _law(number: int, course: Sequence[Parameters]) -> dict[str, bool | float]:
    figures = _figures(course[number], course[0])
    figures["posting"] = sum(_posting(a) != _posting(b) for a, b in pairwise(course[: number + 1]))
    return _flags(course[number], course[:number]) | {name: float(figure) for name, figure in figures.items()}


def _sale_rates(number: int, p: Parameters) -> list[tuple[int, str, float]]:
    rates = rulebook.sale_rates(p)
    return [(number, name, float(rates[nth])) for nth, name in enumerate(p.platforms)]


def _weighted(number: int, weights: dict[str, float]) -> list[tuple[int, float, float]]:
    total = sum(weights.values()) or 1.0
    return [(number, float(value), float(weight / total)) for value, weight in weights.items()]


def _hazards(number: int, p: Parameters) -> list[tuple[Any, ...]]:
    """Give the rates of repricing, and what moves the price aimed at, in logs: noise, and costs a day, for so many days."""
    of, cost = p.repricing, p.cost
    figures = [(of.a_day, 1.0), (of.gap_a_day, 1.0), (of.noise, 1.0), (cost.volatility, cost.pass_through)]
    return [(number, g, *(float(values[g] * by) for values, by in figures), cost.reversion_days / 2) for g in of.a_day]


def _points(number: int, p: Parameters) -> list[tuple[int, str, bool, str, float]]:
    """Give the share of each platform's listings that price in each style; to the paisa where the points say nothing."""
    points = p.price_points
    return [
        (number, platform, loose, style, float(share / sum(shares.values())))
        for platform in p.platforms
        for loose, law in ((False, points.platforms.get(platform, points.packaged)), (True, points.loose))
        for shares in [law or {"paise": 1.0}]
        for style, share in shares.items()
    ]


def _customers(number: int, p: Parameters) -> list[tuple[int, str, float, float, float, float]]:
    """Give the customers of each group a day, the means of the units that one buys and of their squares, and the most units."""
    units, total = p.demand.units, sum(p.demand.units.values())
    means = (sum(int(count) ** power * weight for count, weight in units.items()) / total for power in (1, 2))
    mean, square = map(float, means)
    most = float(max(map(int, units)))
    return [(number, group, float(count), mean, square, most) for group, count in p.demand.a_day.items()]


def _shelves(number: int, p: Parameters) -> list[tuple[int, str, float, bool, float, float]]:
    """Give the units that a customer is expected to buy at each platform, whether it is closed, its share of reactive goods, and
    its pull on customers at equal prices.
    """
    closed, reactive = p.demand.closed, p.rivals.reactive
    takes, pulls = units_a_day(p.demand, p.platforms), shares_of(p.demand, p.platforms)
    return [
        (
            number,
            name,
            float(takes[nth]),
            name in closed,
            float(reactive.get(name, 0.0)),
            0.0 if name in closed else float(pulls[nth]),
        )
        for nth, name in enumerate(p.platforms)
    ]


def _levels(number: int, p: Parameters) -> list[tuple[int, int, int]]:
    return [(number, level, round(rupees * 100)) for level, rupees in enumerate(p.surge_fees.rupees)]


def mrp_discounts(p: Parameters) -> list[tuple[str, int]]:
    """Give the permanent discounts to the MRP that generated goods of each group may have, basis points."""
    laws = p.assortment.mrp.discounts.items()
    return [(group, round(float(percent) * 100)) for group, law in laws for percent, share in law.items() if share]


def tables(course: Course) -> list[str]:
    """Write the statements of all tables of what the epochs promise."""
    epochs = list(enumerate(course.parameters))
    numbered = {"epoch": "BIGINT"}
    named, grouped = numbered | {"platform": "VARCHAR"}, numbered | {"volatility_group": "VARCHAR"}
    law, share = {"value": "DOUBLE", "weight": "DOUBLE"}, {"style": "VARCHAR", "share": "DOUBLE"}
    shelf = {"takes": "DOUBLE", "closed": "BOOLEAN", "reactive": "DOUBLE", "pull": "DOUBLE"}
    buyers = dict.fromkeys(("a_day", "units", "square", "most_units"), "DOUBLE")

    def of_each(rows: Callable[[int, Parameters], Iterable[Sequence[Any]]]) -> list[Sequence[Any]]:
        return [row for number, p in epochs for row in rows(number, p)]

    laws = [_law(number, course.parameters) for number, _ in epochs]
    told = {name: "BOOLEAN" if isinstance(value, bool) else "DOUBLE" for name, value in laws[0].items()}
    return [
        *table("laws", numbered | told, ((number, *law.values()) for number, law in enumerate(laws))),
        *table("sale_days", numbered | law, of_each(lambda n, p: _weighted(n, p.sales.days))),
        *table("sale_depths", numbered | law, of_each(lambda n, p: _weighted(n, p.sales.depths))),
        *table("sale_rates", named | {"a_day": "DOUBLE"}, of_each(_sale_rates)),
        *table("hazards", grouped | dict.fromkeys(_OF_HAZARDS, "DOUBLE"), of_each(_hazards)),
        *table("points", named | {"is_loose": "BOOLEAN"} | share, of_each(_points)),
        *table("customers", grouped | buyers, of_each(_customers)),
        *table("shelves", named | shelf, of_each(_shelves)),
        *table("fee_levels", numbered | {"level": "BIGINT", "fee": "BIGINT"}, of_each(_levels)),
    ]
