"""What the live page shows of what happened: a product's prices over time, the newest changes, what ticks did."""

from __future__ import annotations

from typing import Any

from qsim.clock import HOUR
from qsim.errors import UsageError
from qsim.queries.board_states import (
    HOURS_SHOWN,
    Boards,
    order_fees,
    query,
    second_of,
    stamp,
    state,
    step_for,
    tick_before,
    tick_of,
    told_of,
    written,
)
from qsim.queries.texts import CAUSES
from qsim.schema import EVENTS, METRICS, SNAPSHOTS

# Points of a line and bars of a chart, at most.
_POINTS = 700
_BARS = 180


def prices(
    boards: Boards,
    product: int,
    as_of: int | None = None,
    hours: int = HOURS_SHOWN,
    area: int = 0,
    every: int | None = None,
) -> dict[str, Any]:
    """Give a product's price on each platform over the last hours of market time, where it changed.

    A point is [tick, time, price, discount, surge, surge fee] in seconds, paise and basis points. The stores compared
    are those of one area; platforms `closed` take no orders as of the tick. The last change of every `every` ticks is
    given: of each one (1) unless a window holds more ticks than a chart can show, or as is asked for.
    """
    tick = tick_of(boards, as_of)
    named = _named(boards, product)
    _check_area(boards, area)
    first = tick_before(boards, second_of(boards, tick) - hours * HOUR)
    every = max(1, (tick - first) // _POINTS) if every is None else every
    lines: dict[str, list[list[int]]] = {}
    for row in query(boards, _points(boards, product, first, tick, every), [area]):
        at = row["tick"]
        lines.setdefault(row["platform"], []).append(
            [at, stamp(boards, at), row["price_paise"], row["discount_bps"], row["surge_bps"], row["surge_fee_paise"]]
        )
    return {
        **told_of(boards, tick), **named, "from": first, "from_time": stamp(boards, first), "every": every,
        "area": area, "lines": lines, "offers": _offers(boards, product, tick, area),
        "closed": boards.course.at(tick)[1].demand.closed,
    }  # fmt: skip


def _points(boards: Boards, product: int, first: int, tick: int, every: int) -> str:
    """Write the SELECT of a product's last change on each platform in every so many ticks, in the area $1."""
    return f"""WITH points AS ({_changes(boards, product, first, tick)}),
        chosen AS (SELECT l.platform_id, l.listing_id, greatest(p.tick, {first}) AS tick,
            max_by(p, p.tick) AS p FROM points AS p JOIN listings AS l USING (listing_id) WHERE l.area = $1
            GROUP BY l.platform_id, l.listing_id, greatest(p.tick, {first}))
        SELECT platform, max(tick) AS tick, max_by(p.price_paise, tick) AS price_paise, max_by(p.discount_bps, tick)
            AS discount_bps, max_by(p.surge_bps, tick) AS surge_bps, max_by(p.surge_fee_paise, tick)
            AS surge_fee_paise
        FROM chosen JOIN platforms USING (platform_id) GROUP BY platform_id, platform, tick // {every}
        ORDER BY platform_id, tick"""


def _check_area(boards: Boards, area: int) -> None:
    last = query(boards, "SELECT max(area) AS last FROM stores")[0]["last"]
    if area > last:
        raise UsageError(f"area: found {area}; allowed are 0 to {last}, see the overview; choose one of them")


def _named(boards: Boards, product: int) -> dict[str, Any]:
    """Give what a product is; UsageError where the market has no such product."""
    text = "SELECT product_id, product, brand, category, pack, is_loose, mrp_paise FROM products WHERE product_id = $1"
    if found := query(boards, text, [product]):
        return found[0]
    raise UsageError(
        f"product: found {product}; allowed are 0 to {boards.products - 1:,} in this market; take one of them"
    )


def _changes(boards: Boards, product: int, first: int, last: int) -> str:
    """Write the SELECT of a product's states: as a tick begins, and after each change up to another."""
    mine = f"listing_id >= {product * boards.per_product} AND listing_id < {(product + 1) * boards.per_product}"
    known = max(file.last for file in boards.log.of_table(SNAPSHOTS.name) if file.last <= first)
    snapshot = [file for file in boards.log.of_table(SNAPSHOTS.name) if file.last == known]
    columns = "listing_id, regular_price_paise, discount_bps, surge_bps, surge_fee_paise"
    return f"""SELECT tick, price_paise, {columns}, updated_tick FROM ({boards.select(SNAPSHOTS, snapshot)}) WHERE {mine}
        UNION ALL SELECT tick, price_after_paise, {columns}, tick FROM {written(boards, EVENTS, known, last)} WHERE {mine}"""


def _offers(boards: Boards, product: int, tick: int, area: int) -> list[dict[str, Any]]:
    """Give a product's offers in an area as of a tick; stock is null where it would cost too much to know."""
    columns = "price_paise, regular_price_paise, discount_bps, surge_bps, surge_fee_paise"
    if step_for(boards, tick) == 1:
        source = f"SELECT listing_id, stock, {columns}, updated_tick FROM {state(boards, tick)}"
    else:
        source = f"""SELECT listing_id, NULL::INTEGER AS stock, p.* EXCLUDE (tick, listing_id) FROM (
            SELECT listing_id, max_by(c, c.tick) AS p FROM ({_changes(boards, product, tick, tick)}) AS c GROUP BY listing_id)"""
    return query(
        boards,
        f"""SELECT platform, stock, {columns}, updated_tick, coalesce(order_fee_paise, 0) AS order_fee_paise
            FROM ({source}) JOIN listings USING (listing_id) JOIN platforms USING (platform_id)
            JOIN stores USING (platform_id, area) LEFT JOIN {order_fees(boards, tick)} USING (store_id)
            WHERE product_id = $1 AND area = $2 ORDER BY platform_id""",
        [product, area],
    )


def ticker(boards: Boards, as_of: int | None = None, limit: int = 30) -> dict[str, Any]:
    """Give the newest events at or before a tick, the newest first, from the files that hold them alone."""
    tick = tick_of(boards, as_of)
    named = [file for file in boards.log.of_table(EVENTS.name) if file.first <= tick and file.rows]
    since = tick
    for first in sorted({file.first for file in named}, reverse=True):
        since = first - 1
        inside = [file for file in named if file.first >= first]
        if sum(file.rows for file in inside if file.last <= tick) >= limit:
            break
    rows = query(
        boards,
        f"""SELECT e.tick, {CAUSES} AS cause, product_id, product, pack, platform, price_before_paise, price_after_paise,
            discount_bps, surge_bps, surge_fee_paise
            FROM (SELECT * FROM {written(boards, EVENTS, since, tick)} ORDER BY tick DESC, hash(listing_id) LIMIT {2 * limit}) AS e
            JOIN listings USING (listing_id) JOIN products USING (product_id) JOIN platforms USING (platform_id)
            ORDER BY e.tick DESC, hash(listing_id) LIMIT {limit}""",
    )
    return {**told_of(boards, tick), "events": [{**row, "time": stamp(boards, row["tick"])} for row in rows]}


def activity(boards: Boards, as_of: int | None = None) -> dict[str, Any]:
    """Count by stretches of ticks over the last day what ticks took up and changed, and by cause what the last hour changed."""
    tick = tick_of(boards, as_of)
    first = tick_before(boards, second_of(boards, tick) - HOURS_SHOWN * HOUR)
    every = max(1, -(-(tick - first) // _BARS))
    stretches = -(-(tick - first) // every)
    bars = query(
        boards,
        f"""SELECT least({tick}, {first} + (part + 1) * {every})::INTEGER AS tick, coalesce(sum(attempted), 0)::BIGINT AS attempted,
                coalesce(sum(changed), 0)::BIGINT AS changed, least({every}, {tick - first} - part * {every})::INTEGER AS ticks
            FROM (SELECT unnest(range({stretches})) AS part) LEFT JOIN (
                SELECT attempted, changed, (tick - 1 - {first}) // {every} AS part FROM {written(boards, METRICS, first, tick)})
                USING (part)
            GROUP BY part ORDER BY part""",
    )
    hour = tick_before(boards, second_of(boards, tick) - HOUR)
    causes = query(
        boards,
        f"""SELECT {CAUSES} AS cause, count(*) AS events FROM {written(boards, EVENTS, hour, tick)}
            GROUP BY ALL ORDER BY events DESC, cause""",
    )
    return {
        **told_of(boards, tick), "since": first, "since_time": stamp(boards, first), "every": every, "hour_since": hour,
        "bars": [{**bar, "time": stamp(boards, bar["tick"])} for bar in bars], "causes": causes,
    }  # fmt: skip
