"""What the parameters of each epoch promise about happenings between turns: tables of sale laws, rates and price points.

Worked out from the parameters here, apart from the code that made the market.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qsim.clock import parse_start
from qsim.params import Parameters
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
    # What a unit off sale is due from tick 0 to each tick: the sales of it that the rate of its platform gives.
    """CREATE OR REPLACE TABLE checked.due AS
        SELECT platform, tick, sum(CASE WHEN tick = 0 OR NOT r.timed THEN 0
                ELSE coalesce(s.a_day, 0) * coalesce(w.factor, 0) * interval / 86400 END)
            OVER (PARTITION BY platform ORDER BY tick) AS due
        FROM checked.clock AS c JOIN checked.epochs AS p USING (epoch) JOIN checked.laws AS r USING (epoch)
        CROSS JOIN checked.platforms LEFT JOIN checked.sale_rates AS s USING (epoch, platform)
        LEFT JOIN checked.weekdays AS w ON w.epoch = c.epoch AND w.weekday = (r.first_weekday + c.second // 86400) % 7
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


def _mean(weights: dict[str, float]) -> float:
    total = sum(weights.values())
    return sum(float(value) * weight for value, weight in weights.items()) / total if total else 0.0


def _law(number: int, p: Parameters) -> tuple[Any, ...]:
    """Tell what an epoch has: turns, a chain of discounts, repricing, points, sales; and its figures for these."""
    turns = p.batch_size >= 0
    chain = turns and p.discount_probability + p.discount_end_probability > 0
    repriced = any(p.repricing.a_day.values()) or any(p.repricing.gap_a_day.values())
    pointed = bool(p.price_points.packaged or p.price_points.loose)
    live = bool(p.price_points.packaged) or p.sales.share > 0 or repriced
    timed = live and p.sales.share > 0 and not chain
    shares = (p.sales.clearance, p.sales.shared_share, p.sales.shared_spread)
    figures = (p.price_points.reach, *shares, p.repricing.spread, parse_start(p.start).weekday())
    return (number, turns, chain, live, repriced, live and pointed, timed, *map(float, figures[:-1]), figures[-1])


def _sale_rates(number: int, p: Parameters) -> list[tuple[int, str, float]]:
    """Give the rate a day at which sales must start on a unit off sale, so that the share on sale is the parameters'.

    In the long run s = r D / (1 + r D), so r = s / (D (1 - s)); platforms differ as their mean discounts do.
    """
    length, share = _mean(p.sales.days), p.sales.share
    means = {name: platform.average_discount_percent for name, platform in p.platforms.items()}
    rate = share / (length * (1 - share)) if length else 0.0
    return [(number, name, float(rate * mean * len(means) / sum(means.values()))) for name, mean in means.items()]


def _weighted(number: int, weights: dict[str, float]) -> list[tuple[int, float, float]]:
    total = sum(weights.values()) or 1.0
    return [(number, float(value), float(weight / total)) for value, weight in weights.items()]


def _weekdays(number: int, p: Parameters) -> list[tuple[int, int, float]]:
    mean = sum(p.sales.weekdays) / 7 or 1.0
    return [(number, day, float(factor / mean)) for day, factor in enumerate(p.sales.weekdays)]


def _hazards(number: int, p: Parameters) -> list[tuple[int, str, float, float]]:
    rates = p.repricing.a_day.items()
    return [(number, group, float(base), float(p.repricing.gap_a_day[group])) for group, base in rates]


def _points(number: int, p: Parameters) -> list[tuple[int, bool, str, float]]:
    # Platforms that price otherwise have their rows beside the rest, and packaged goods then no one law to be held to.
    otherwise = ((False, shares) for shares in p.price_points.platforms.values())
    kinds = ((False, p.price_points.packaged), *otherwise, (True, p.price_points.loose))
    return [
        (number, loose, style, float(share / (sum(shares.values()) or 1)))
        for loose, shares in kinds
        for style, share in shares.items()
    ]


def tables(course: Course) -> list[str]:
    """Write the statements of all tables of what the epochs promise."""
    epochs = list(enumerate(course.parameters))
    flags = dict.fromkeys(("turns", "chain", "live", "repriced", "pointed", "timed"), "BOOLEAN")
    figures = dict.fromkeys(("reach", "clearance", "shared_share", "shared_spread", "spread"), "DOUBLE")
    numbered = {"epoch": "BIGINT"}
    law, share = {"value": "DOUBLE", "weight": "DOUBLE"}, {"style": "VARCHAR", "share": "DOUBLE"}
    rates = {"volatility_group": "VARCHAR", "base": "DOUBLE", "by_gap": "DOUBLE"}
    days = {"weekday": "BIGINT", "factor": "DOUBLE"}
    return [
        *table("laws", numbered | flags | figures | {"first_weekday": "BIGINT"}, [_law(n, p) for n, p in epochs]),
        *table("sale_days", numbered | law, [row for n, p in epochs for row in _weighted(n, p.sales.days)]),
        *table("sale_depths", numbered | law, [row for n, p in epochs for row in _weighted(n, p.sales.depths)]),
        *table(
            "sale_rates",
            numbered | {"platform": "VARCHAR", "a_day": "DOUBLE"},
            [row for n, p in epochs for row in _sale_rates(n, p)],
        ),
        *table("weekdays", numbered | days, [row for n, p in epochs for row in _weekdays(n, p)]),
        *table("hazards", numbered | rates, [row for n, p in epochs for row in _hazards(n, p)]),
        *table("points", numbered | {"is_loose": "BOOLEAN"} | share, [row for n, p in epochs for row in _points(n, p)]),
    ]
