"""What the live page shows, each board as of any tick: plain rows of numbers, paise and basis points, no text to read.

Times are seconds of 1970 as a clock in India shows them, so that a page formats them without a zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qsim import clock
from qsim.clock import HOUR
from qsim.queries.board_states import (
    HOURS_SHOWN,
    Boards,
    order_fees,
    query,
    sample_step,
    second_of,
    stamp,
    state,
    step_for,
    stock_moves,
    tick_before,
    tick_of,
    told_of,
    written,
)
from qsim.queries.texts import CAUSES, letters, letters_of
from qsim.schema import EVENTS

DEPTH_BIN_BPS = 500
_MOVERS = 8
_SHELVES = 12

_LOWS = """lows AS (SELECT product_id, area, min(price_paise) AS low, count(*) AS offers FROM offers GROUP BY ALL
        HAVING offers > 1),
    best AS (SELECT product_id, area, platform_id, category, 1.0 / count(*) OVER (PARTITION BY product_id, area) AS part
        FROM offers JOIN lows USING (product_id, area) WHERE price_paise = low)"""


def overview(boards: Boards, as_of: int | None = None) -> dict[str, Any]:
    """Tell where a market stands, and count for each platform listings, discounts, surges and stock-outs; and the highest order fee
    of its dark stores.
    """
    tick = tick_of(boards, as_of)
    step = step_for(boards, tick)
    rows = query(
        boards,
        f"""SELECT platform, name, count(l.listing_id) AS listings,
            count(*) FILTER (discount_bps > 0) AS discounted, coalesce(avg(discount_bps) FILTER (discount_bps > 0), 0)::INTEGER
            AS mean_discount_bps, count(*) FILTER (discount_bps >= 3000) AS deep,
            count(*) FILTER (surge_bps > 0 OR surge_fee_paise > 0) AS surging, count(*) FILTER (stock = 0) AS out,
            count(*) FILTER (updated_tick = {tick} AND {tick} > 0) AS changed,
            coalesce(any_value(order_fee_paise), 0) AS order_fee_paise
            FROM platforms LEFT JOIN (SELECT * FROM listings JOIN {state(boards, tick, step)} USING (listing_id)) AS l
            USING (platform_id) LEFT JOIN (SELECT platform_id, max(order_fee_paise) AS order_fee_paise
                FROM {order_fees(boards, tick)} JOIN stores USING (store_id) GROUP BY platform_id) AS f USING (platform_id)
            GROUP BY platform_id, platform, name ORDER BY platform_id""",
    )
    _, parameters = boards.course.at(tick)
    return {
        **told_of(boards, tick, step),
        "head": boards.log.tick,
        "head_time": stamp(boards, boards.log.tick),
        "interval": clock.epoch_of(boards.course.epochs, tick).interval,
        "epochs": [[epoch.tick, stamp(boards, epoch.tick), epoch.interval] for epoch in boards.course.epochs],
        "preset": parameters.preset,
        "scenario": parameters.scenario,
        "seed": parameters.seed,
        "platforms": rows,
        "areas": query(
            boards,
            "SELECT area, min(city) AS city, min(locality) AS locality FROM stores GROUP BY area ORDER BY area LIMIT 200",
        ),
        "product": first_product(boards),
    }


def first_product(boards: Boards) -> int | None:
    """Choose the product that a page opens with: onions where the market has them, else its first."""
    rows = query(boards, f"SELECT product_id FROM ({_FOUND}) LIMIT 1", [["onion"], "onion", []]) or query(
        boards, "SELECT product_id FROM products WHERE is_active ORDER BY product_id LIMIT 1"
    )
    return int(rows[0]["product_id"]) if rows else None


# What the text means, and what has all its words: the name that is the text first, then what is meant, then the name that begins
# with the words, then the one that has them at a word's start.
_FOUND = f"""SELECT product_id, product, brand, category, pack FROM products
    WHERE is_active AND (product_id IN $3::UINTEGER[] OR len(list_filter($1::VARCHAR[], lambda word: NOT contains(words, word))) = 0)
    ORDER BY {letters_of("product")} <> $2, list_position($3::UINTEGER[], product_id) NULLS LAST, NOT starts_with(words, $2),
        NOT contains(' ' || words, ' ' || $2), length(product), product_id"""


def search(
    boards: Boards, text: str, limit: int = 12, as_of: int | None = None, meant: Sequence[int] = ()
) -> dict[str, Any]:
    """Find the products on sale that a text means (`meant`, nearest first) or that have all its words, or beginnings of them,
    likely ones first.
    """
    words = letters(text).split()[:8]
    rows = query(boards, f"{_FOUND} LIMIT {limit}", [words, " ".join(words), list(meant)]) if words else []
    return {"text": text, "products": rows}


def cheapest(boards: Boards, as_of: int | None = None, hours: int = HOURS_SHOWN) -> dict[str, Any]:
    """Tell for each category and each full hour of the last ones, and now, on what share of products each platform is cheapest.

    Compared are the offers in stock of one area, at platforms that are open, of products that two of these or more have; platforms
    that tie share.
    """
    tick = tick_of(boards, as_of)
    step = max(sample_step(boards), step_for(boards, tick))
    second = second_of(boards, tick)
    marks = {hour * HOUR: tick_before(boards, hour * HOUR) for hour in
             range(max(0, second // HOUR - hours + 1), second // HOUR + 1)}  # fmt: skip
    columns: list[dict[str, Any]] = [
        {"time": stamp(boards, at) - second_of(boards, at) + hour, "tick": at} for hour, at in marks.items()
    ]
    if second % HOUR:
        columns.append({"time": stamp(boards, tick), "tick": tick})
    for column in columns:
        column["cells"] = _winners(boards, column["tick"], step)
    rows = query(
        boards,
        f"SELECT category, count(*) AS n FROM products WHERE is_active GROUP BY ALL ORDER BY n DESC, category LIMIT {_SHELVES}",
    )
    shown = [row["category"] for row in rows]
    left_out = query(boards, "SELECT count(DISTINCT category) AS n FROM products WHERE is_active")[0]["n"] - len(shown)
    return {**told_of(boards, tick, step), "categories": shown, "left_out": left_out, "columns": columns}


def _winners(boards: Boards, tick: int, step: int) -> list[dict[str, Any]]:
    """Give the share of products (0-1) on which each platform is cheapest, by category, as of a tick; kept once found."""
    key = (tick, step)
    if key not in boards.hours:
        boards.hours[key] = query(
            boards,
            f"""WITH offers AS (SELECT * FROM listings JOIN {state(boards, tick, step)} USING (listing_id) WHERE stock > 0
                    AND platform_id NOT IN (SELECT platform_id FROM platforms WHERE list_contains($1::VARCHAR[], platform))),
                {_LOWS}
                SELECT category, platform, round(sum(part) / sum(sum(part)) OVER (PARTITION BY category), 4) AS share,
                    sum(sum(part)) OVER (PARTITION BY category)::INTEGER AS products
                FROM best JOIN platforms USING (platform_id) GROUP BY category, platform ORDER BY category, share DESC, platform""",
            [boards.course.at(tick)[1].demand.closed],
        )
        while len(boards.hours) > 2_000:
            del boards.hours[next(iter(boards.hours))]
    return boards.hours[key]


def movers(boards: Boards, as_of: int | None = None, hours: int = 1) -> dict[str, Any]:
    """Find the listings whose price rose and fell most, in percent, over the last hours of market time, each with the cause of
    its newest price; those of a product at several dark stores of a platform whose prices moved alike are one, with their number.
    """
    tick = tick_of(boards, as_of)
    before = tick_before(boards, second_of(boards, tick) - hours * HOUR)
    step = step_for(boards, before, tick)
    now, then = state(boards, tick, step), state(boards, before, step)
    boards.connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE moved AS SELECT n.*, b.price_paise AS was, b.discount_bps AS discount_before_bps,
                n.regular_price_paise <> b.regular_price_paise AS repriced
            FROM {now} AS n JOIN {then} AS b USING (listing_id) WHERE n.price_paise <> b.price_paise"""
    )
    news = written(boards, EVENTS, before, tick)
    counts = (
        "SELECT count(*) FILTER (price_paise > was) AS risen, count(*) FILTER (price_paise < was) AS fallen FROM moved"
    )
    most = query(boards, _MOVED.format(news=news, alike=_alike(boards)))
    return {
        **told_of(boards, tick, step),
        "since": before,
        "since_time": stamp(boards, before),
        **query(boards, counts)[0],
        "rises": [row for row in most if row["after_paise"] > row["before_paise"]],
        "falls": [row for row in most if row["after_paise"] < row["before_paise"]],
    }


def _alike(boards: Boards) -> str:
    stores = boards.course.parameters[0].stores
    if stores == 1:
        return "SELECT *, 1 AS stores FROM moved"
    of_unit = f"PARTITION BY listing_id // {stores}, price_paise, was"
    return f"""SELECT *, (count(*) OVER ({of_unit}))::INTEGER AS stores FROM moved
        QUALIFY row_number() OVER ({of_unit} ORDER BY listing_id) = 1"""


# Rises and then falls, each from the largest on, together: what happened in between is read once for both.
_MOVED = f"""WITH alike AS ({{alike}}),
    most AS (
        (FROM alike WHERE price_paise > was ORDER BY price_paise / was DESC, listing_id LIMIT {_MOVERS})
        UNION ALL (FROM alike WHERE price_paise < was ORDER BY price_paise / was, listing_id LIMIT {_MOVERS})),
    newest AS (SELECT listing_id, max_by({CAUSES}, tick) AS cause FROM {{news}} WHERE price_before_paise <> price_after_paise
        AND listing_id IN (SELECT listing_id FROM most) GROUP BY listing_id)
    SELECT product_id, product, pack, platform, was AS before_paise, price_paise AS after_paise,
        (10000.0 * (price_paise - was) / was)::INTEGER AS change_bps, cause, repriced, discount_before_bps, discount_bps, surge_bps,
        surge_fee_paise, stores
    FROM most JOIN newest USING (listing_id) JOIN listings USING (listing_id) JOIN products USING (product_id)
        JOIN platforms USING (platform_id)
    ORDER BY if(price_paise > was, -price_paise, price_paise) / was, listing_id"""


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
    return {**told_of(boards, tick, step), "bin_bps": DEPTH_BIN_BPS, "bins": rows}


def stockouts(boards: Boards, as_of: int | None = None) -> dict[str, Any]:
    """Count the listings without stock by category and platform, and name the products of which most are out."""
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
    return {
        **told_of(boards, tick, step),
        "stock_moves": stock_moves(boards.course),
        "cells": cells,
        "products": products,
    }
