"""What the live page shows, each board as of any tick: plain rows of numbers, paise and basis points, no text to read.

Times are seconds of 1970 as a clock in India shows them, so that a page formats them without a zone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from qsim import clock
from qsim.errors import UsageError
from qsim.queries.board_states import (
    HOUR,
    Boards,
    query,
    sample_step,
    second_of,
    state,
    step_for,
    tick_before,
    tick_of,
    written,
)
from qsim.queries.texts import CAUSES, files
from qsim.schema import EVENTS, METRICS, ORDERS, SNAPSHOTS

HOURS_SHOWN = 24
DEPTH_BIN_BPS = 500
_POINTS = 700
_BARS = 180
_MOVERS = 8
_SHELVES = 12

_LOWS = """lows AS (SELECT product_id, area, min(price_paise) AS low, count(*) AS offers FROM offers GROUP BY ALL
        HAVING offers > 1),
    best AS (SELECT product_id, area, platform_id, category, 1.0 / count(*) OVER (PARTITION BY product_id, area) AS part
        FROM offers JOIN lows USING (product_id, area) WHERE price_paise = low)"""


def _stamp(boards: Boards, tick: int) -> int:
    """Tell when a tick falls, in seconds of 1970 on a clock in India."""
    start = clock.parse_start(boards.course.parameters[0].start)
    since = datetime(start.year, start.month, start.day) - datetime(1970, 1, 1)
    return int(since.total_seconds()) + second_of(boards, tick)


def _as_of(boards: Boards, tick: int, step: int = 1) -> dict[str, Any]:
    """Tell what a board is of: the tick, its time, and how many products were counted where it is of a sample."""
    kept = None if step == 1 else -(-boards.products // step)
    return {"tick": tick, "time": _stamp(boards, tick), "sample": kept, "of_products": boards.products}


def overview(boards: Boards, as_of: int | None = None) -> dict[str, Any]:
    """Tell where a market stands, and count for each platform listings, discounts, surges and stock-outs."""
    tick = tick_of(boards, as_of)
    step = step_for(boards, tick)
    rows = query(
        boards,
        f"""SELECT platform, name, count(l.listing_id) AS listings,
            count(*) FILTER (discount_bps > 0) AS discounted, coalesce(avg(discount_bps) FILTER (discount_bps > 0), 0)::INTEGER
            AS mean_discount_bps, count(*) FILTER (discount_bps >= 3000) AS deep,
            count(*) FILTER (surge_bps > 0 OR surge_fee_paise > 0) AS surging, count(*) FILTER (stock = 0) AS out,
            count(*) FILTER (updated_tick = {tick} AND {tick} > 0) AS changed
            FROM platforms LEFT JOIN (SELECT * FROM listings JOIN {state(boards, tick, step)} USING (listing_id)) AS l
            USING (platform_id) GROUP BY platform_id, platform, name ORDER BY platform_id""",
    )
    _, parameters = boards.course.at(tick)
    return {
        **_as_of(boards, tick, step),
        "head": boards.log.tick,
        "head_time": _stamp(boards, boards.log.tick),
        "interval": clock.epoch_of(boards.course.epochs, tick).interval,
        "epochs": [[epoch.tick, _stamp(boards, epoch.tick), epoch.interval] for epoch in boards.course.epochs],
        "preset": parameters.preset,
        "scenario": parameters.scenario,
        "seed": parameters.seed,
        "platforms": rows,
        "areas": query(
            boards,
            "SELECT area, min(city) AS city, min(locality) AS locality FROM stores GROUP BY area ORDER BY area LIMIT 200",
        ),
        "product": _first_product(boards),
    }


def _first_product(boards: Boards) -> int | None:
    """Choose the product that a page opens with: onions where the market has them, else its first."""
    rows = query(boards, f"SELECT product_id FROM ({_FOUND}) LIMIT 1", [["onion"], "onion"]) or query(
        boards, "SELECT product_id FROM products WHERE is_active ORDER BY product_id LIMIT 1"
    )
    return int(rows[0]["product_id"]) if rows else None


# All the words asked for, the name that begins with them first, then the one that has them at a word's start.
_FOUND = """SELECT product_id, product, brand, category, pack FROM products
    WHERE is_active AND len(list_filter($1::VARCHAR[], lambda word: NOT contains(words, word))) = 0
    ORDER BY lower(product) <> $2, NOT starts_with(words, $2), NOT contains(' ' || words, ' ' || $2), length(product), product_id"""


def search(boards: Boards, text: str, limit: int = 12, as_of: int | None = None) -> dict[str, Any]:
    """Find the products on sale that have all words of a text, or beginnings of them, likely ones first."""
    words = text.lower().replace("'", "").replace("’", "").split()[:8]
    rows = query(boards, f"{_FOUND} LIMIT {limit}", [words, " ".join(words)]) if words else []
    return {"text": text, "products": rows}


def cheapest(boards: Boards, as_of: int | None = None) -> dict[str, Any]:
    """Tell for each category and each full hour of the last day, and now, on what share of products each platform is cheapest.

    Compared are the offers in stock of one area, of products that two platforms or more have; platforms that tie share.
    """
    tick = tick_of(boards, as_of)
    step = max(sample_step(boards), step_for(boards, tick))
    second = second_of(boards, tick)
    marks = {hour * HOUR: tick_before(boards, hour * HOUR) for hour in
             range(max(0, second // HOUR - HOURS_SHOWN + 1), second // HOUR + 1)}  # fmt: skip
    columns = [{"time": _stamp(boards, at) - second_of(boards, at) + hour, "tick": at} for hour, at in marks.items()]
    if second % HOUR:
        columns.append({"time": _stamp(boards, tick), "tick": tick})
    for column in columns:
        column["cells"] = _winners(boards, column["tick"], step)
    rows = query(boards, f"SELECT category, count(*) AS n FROM products WHERE is_active GROUP BY ALL ORDER BY n DESC, category LIMIT {_SHELVES}")
    shown = [row["category"] for row in rows]
    left_out = query(boards, "SELECT count(DISTINCT category) AS n FROM products WHERE is_active")[0]["n"] - len(shown)
    return {**_as_of(boards, tick, step), "categories": shown, "left_out": left_out, "columns": columns}


def _winners(boards: Boards, tick: int, step: int) -> list[dict[str, Any]]:
    """Give the share of products (0-1) on which each platform is cheapest, by category, as of a tick; kept once found."""
    key = (tick, step)
    if key not in boards.hours:
        boards.hours[key] = query(
            boards,
            f"""WITH offers AS (SELECT * FROM listings JOIN {state(boards, tick, step)} USING (listing_id) WHERE stock > 0),
                {_LOWS}
                SELECT category, platform, round(sum(part) / sum(sum(part)) OVER (PARTITION BY category), 4)::FLOAT AS share,
                    sum(sum(part)) OVER (PARTITION BY category)::INTEGER AS products
                FROM best JOIN platforms USING (platform_id) GROUP BY category, platform ORDER BY category, share DESC, platform""",
        )
        while len(boards.hours) > 2_000:
            del boards.hours[next(iter(boards.hours))]
    return boards.hours[key]


def movers(boards: Boards, as_of: int | None = None, hours: int = 1) -> dict[str, Any]:
    """Find the listings whose price rose and fell most, in percent, over the last hours of market time."""
    tick = tick_of(boards, as_of)
    before = tick_before(boards, second_of(boards, tick) - hours * HOUR)
    step = step_for(boards, before, tick)
    now, then = state(boards, tick, step), state(boards, before, step)

    def top(sign: str, order: str) -> list[dict[str, Any]]:
        return query(
            boards,
            f"""SELECT product_id, product, pack, platform, was AS before_paise, price_paise AS after_paise,
                (10000.0 * (price_paise - was) / was)::INTEGER AS change_bps, discount_before_bps, discount_bps, surge_bps, surge_fee_paise
                FROM (SELECT n.*, b.price_paise AS was, b.discount_bps AS discount_before_bps FROM {now} AS n JOIN {then} AS b
                        USING (listing_id) WHERE n.price_paise {sign} b.price_paise
                        ORDER BY n.price_paise / b.price_paise {order}, listing_id LIMIT {_MOVERS * 2})
                    JOIN listings USING (listing_id) JOIN products USING (product_id) JOIN platforms USING (platform_id)
                ORDER BY price_paise / was {order}, listing_id LIMIT {_MOVERS}""",
        )

    moved = query(boards, f"SELECT count(*) FILTER (n.price_paise > b.price_paise) AS risen, count(*) FILTER (n.price_paise < "
                  f"b.price_paise) AS fallen FROM {now} AS n JOIN {then} AS b USING (listing_id)")[0]  # fmt: skip
    return {
        **_as_of(boards, tick, step),
        "since": before,
        "since_time": _stamp(boards, before),
        **moved,
        "rises": top(">", "DESC"),
        "falls": top("<", "ASC"),
    }


def depths(boards: Boards, as_of: int | None = None) -> dict[str, Any]:
    """Count the running discounts of each platform by depth, in bins of 5 % from above 0; a bin is named by its lower edge."""
    tick = tick_of(boards, as_of)
    step = step_for(boards, tick)
    rows = query(
        boards,
        f"""SELECT platform, (discount_bps // {DEPTH_BIN_BPS} * {DEPTH_BIN_BPS})::INTEGER AS from_bps, count(*) AS listings
            FROM listings JOIN {state(boards, tick, step)} USING (listing_id) JOIN platforms USING (platform_id)
            WHERE discount_bps > 0 GROUP BY ALL ORDER BY ALL""",
    )
    return {**_as_of(boards, tick, step), "bin_bps": DEPTH_BIN_BPS, "bins": rows}


def stockouts(boards: Boards, as_of: int | None = None) -> dict[str, Any]:
    """Count the listings without stock by category and platform, and name the products that are out on most platforms."""
    tick = tick_of(boards, as_of)
    step = step_for(boards, tick)
    now = state(boards, tick, step)
    cells = query(
        boards,
        f"""SELECT category, platform, listings, out FROM (
                SELECT category, platform, count(*) AS listings, count(*) FILTER (stock = 0) AS out FROM listings JOIN {now}
                USING (listing_id) JOIN platforms USING (platform_id) GROUP BY ALL)
            ORDER BY sum(listings) OVER (PARTITION BY category) DESC, category, platform""",
    )
    products = query(
        boards,
        f"""SELECT product_id, product, pack, count(*) AS listings, list(DISTINCT platform ORDER BY platform) AS platforms
            FROM (SELECT product_id, platform_id FROM listings JOIN {now} USING (listing_id) WHERE stock = 0)
                JOIN products USING (product_id) JOIN platforms USING (platform_id)
            GROUP BY ALL ORDER BY listings DESC, product_id LIMIT {_MOVERS}""",
    )
    moves = bool(boards.log.of_table(ORDERS.name))
    return {**_as_of(boards, tick, step), "stock_moves": moves, "cells": cells, "products": products}


def prices(
    boards: Boards, product: int, as_of: int | None = None, hours: int = HOURS_SHOWN, area: int = 0
) -> dict[str, Any]:
    """Give a product's price on each platform over the last hours of market time: (tick, time, price, discount, surge) where it changed.

    The stores compared are those of one area. Where a window holds more ticks than a chart can show, the last change of
    every `every` ticks is given.
    """
    tick = tick_of(boards, as_of)
    named = query(boards, "SELECT product_id, product, brand, category, pack, is_loose, mrp_paise FROM products WHERE product_id = $1", [product])
    if not named:
        raise UsageError(f"product: found {product}; this market has {boards.products:,} products, from 0 on; take one of them")
    first = tick_before(boards, second_of(boards, tick) - hours * HOUR)
    every = max(1, (tick - first) // _POINTS)
    rows = query(
        boards,
        f"""WITH points AS ({_changes(boards, product, first, tick)}),
            chosen AS (SELECT l.platform_id, l.listing_id, greatest(p.tick, {first}) AS tick,
                max_by(p, p.tick) AS p FROM points AS p JOIN listings AS l USING (listing_id) WHERE l.area = $1
                GROUP BY l.platform_id, l.listing_id, greatest(p.tick, {first}) // {every}, greatest(p.tick, {first}))
            SELECT platform, max(tick) AS tick, max_by(p.price_paise, tick) AS price_paise, max_by(p.discount_bps, tick) AS discount_bps,
                max_by(p.surge_bps, tick) AS surge_bps, max_by(p.surge_fee_paise, tick) AS surge_fee_paise
            FROM chosen JOIN platforms USING (platform_id) GROUP BY platform_id, platform, tick // {every} ORDER BY platform_id, tick""",
        [area],
    )
    lines: dict[str, list[list[int]]] = {}
    for row in rows:
        at = row["tick"]
        lines.setdefault(row["platform"], []).append(
            [at, _stamp(boards, at), row["price_paise"], row["discount_bps"], row["surge_bps"], row["surge_fee_paise"]]
        )
    return {
        **_as_of(boards, tick), **named[0], "from": first, "from_time": _stamp(boards, first), "every": every,
        "area": area, "lines": lines, "offers": _offers(boards, product, tick, area),
    }  # fmt: skip


def _changes(boards: Boards, product: int, first: int, last: int) -> str:
    """Write the SELECT of a product's states: as a tick begins, and after each change up to another."""
    mine = f"listing_id >= {product * boards.per_product} AND listing_id < {(product + 1) * boards.per_product}"
    known = max(file.last for file in boards.log.of_table(SNAPSHOTS.name) if file.last <= first)
    snapshot = [file for file in boards.log.of_table(SNAPSHOTS.name) if file.last == known]
    columns = "listing_id, regular_price_paise, discount_bps, surge_bps, surge_fee_paise"
    return f"""SELECT tick, price_paise, {columns} FROM ({files(boards.market, SNAPSHOTS, snapshot)}) WHERE {mine}
        UNION ALL SELECT tick, price_after_paise, {columns} FROM {written(boards, EVENTS, known, last)} WHERE {mine}"""


def _offers(boards: Boards, product: int, tick: int, area: int) -> list[dict[str, Any]]:
    """Give a product's offers in an area as of a tick, the cheapest in stock first; stock is null where it is not known."""
    made = boards.states.get((tick, 1))
    stock = f"LEFT JOIN (SELECT listing_id, stock FROM {made}) AS s USING (listing_id)" if made else ""
    return query(
        boards,
        f"""SELECT platform, {"s.stock" if made else "NULL::INTEGER AS stock"}, p.* EXCLUDE (tick, listing_id), p.tick AS updated_tick
            FROM (SELECT listing_id, max_by(c, c.tick) AS p FROM ({_changes(boards, product, tick, tick)}) AS c GROUP BY listing_id)
            JOIN listings USING (listing_id) JOIN platforms USING (platform_id) {stock} WHERE area = $1 ORDER BY platform_id""",
        [area],
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
        f"""SELECT e.tick, {CAUSES} AS cause, product_id, product, pack, platform, price_before_paise, price_after_paise, discount_bps,
            surge_bps, surge_fee_paise FROM (SELECT * FROM {written(boards, EVENTS, since, tick)} ORDER BY tick DESC, hash(listing_id) LIMIT {2 * limit}) AS e
            JOIN listings USING (listing_id) JOIN products USING (product_id) JOIN platforms USING (platform_id)
            ORDER BY e.tick DESC, hash(listing_id) LIMIT {limit}""",
    )
    return {**_as_of(boards, tick), "events": [{**row, "time": _stamp(boards, row["tick"])} for row in rows]}


def activity(boards: Boards, as_of: int | None = None) -> dict[str, Any]:
    """Count by stretches of ticks over the last day what ticks took up and changed, and by cause what the last hour changed."""
    tick = tick_of(boards, as_of)
    first = tick_before(boards, second_of(boards, tick) - HOURS_SHOWN * HOUR)
    every = max(1, -(-(tick - first) // _BARS))
    bars = query(
        boards,
        f"""SELECT least({tick}, {first} + (part + 1) * {every})::INTEGER AS tick, sum(attempted)::BIGINT AS attempted,
                sum(changed)::BIGINT AS changed, least({every}, {tick - first} - part * {every})::INTEGER AS ticks
            FROM (SELECT *, (tick - 1 - {first}) // {every} AS part FROM {written(boards, METRICS, first, tick)})
            GROUP BY part ORDER BY part""",
    )
    hour = tick_before(boards, second_of(boards, tick) - HOUR)
    causes = query(
        boards,
        f"""SELECT {CAUSES} AS cause, count(*) AS events FROM {written(boards, EVENTS, hour, tick)} GROUP BY ALL ORDER BY events DESC""",
    )
    return {
        **_as_of(boards, tick), "since": first, "every": every, "hour_since": hour,
        "bars": [{**bar, "time": _stamp(boards, bar["tick"])} for bar in bars], "causes": causes,
    }  # fmt: skip
