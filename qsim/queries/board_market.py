"""What a report shows of a market beside the boards of the live page: how far prices lie from where they should, and campaigns."""

from __future__ import annotations

import math
from typing import Any

from qsim import clock, rulebook
from qsim.queries import boards as pages
from qsim.queries.board_states import (
    HOURS_SHOWN,
    Boards,
    events_between,
    query,
    sampled,
    second_of,
    stamp,
    state,
    step_for,
    tick_before,
    told_of,
    written,
)
from qsim.schema import CAMPAIGN_LINES, CAMPAIGNS, EVENTS, LISTINGS, PLATFORMS

# Events that are read to measure how far prices move, at most: enough for each group of goods.
_MEASURED_EVENTS = 400_000
_LEAST_TURNS, _LEAST_MOVES = 500, 30
# Prices below this are left out there: a paisa more or less is a move of its own.
_LEAST_BASE_PAISE = 2_000
_CAMPAIGNS = 40


def featured(boards: Boards) -> int | None:
    """Choose the product that a report opens with: onions where the market has them, else what moved most in a day.

    None where nothing is on sale.
    """
    if found := pages.search(boards, "onion", 1)["products"]:
        return int(found[0]["product_id"])
    moved = pages.movers(boards, hours=HOURS_SHOWN)
    if rows := [*moved["rises"], *moved["falls"]]:
        return int(max(rows, key=lambda row: abs(row["change_bps"]))["product_id"])
    return pages.first_product(boards)


def volatility(boards: Boards) -> dict[str, Any]:
    """Measure by volatility group how far a regular price moves when its product has its turn, in percent.

    `realised_pct` is the root of the mean square of the relative moves, of goods from 20 rupees on. `target_pct` is that of
    moves v x M x u with u uniform in [-1, 1], which is v x M / sqrt 3 (v the group's volatility, M the largest change);
    None where prices are set by rates and not by turns, and `realised_pct` is of the moves that were made. Over the newest
    ticks of the last day that ran under the same parameters and had few enough events.
    """
    tick = boards.log.tick
    epoch, parameters = boards.course.at(tick)
    since = max(epoch.tick, tick_before(boards, second_of(boards, tick) - clock.DAY))
    share = _MEASURED_EVENTS / max(1.0, events_between(boards, since, tick))
    since = max(since, tick - max(1, int((tick - since) * share)))
    step = step_for(boards, since)
    by_turns = not rulebook.lives(parameters)
    rows = query(boards, _moves(boards, since, tick, step, parameters.batch_size if by_turns else None))
    for row in rows:
        v = parameters.category_volatility[row["volatility_group"]]
        target = v * parameters.max_price_change_percent / math.sqrt(3) if by_turns else None
        row["target_pct"] = None if target is None else round(target, 3)
    return {**told_of(boards, tick, step), "since": since, "since_time": stamp(boards, since), "groups": rows}


def _moves(boards: Boards, since: int, tick: int, step: int, batch: int | None) -> str:
    """Write the moves of regular prices by group; `batch` is None where there are no turns to count them by."""
    turns = _turns(batch, tick - since)
    # Turn k of the product at a place is at the tick whose stretch of the round, from tick x batch on, holds it.
    turn = f"(({{at}} + 1)::BIGINT * {batch or 1} - 1 - place + active) // active"
    return f"""WITH goods AS (SELECT product_id, volatility_group, base_price_paise,
            row_number() OVER (ORDER BY product_id) - 1 AS place, count(*) OVER () AS active FROM products WHERE is_active),
        mine AS (SELECT listing_id, goods.* FROM listings JOIN goods USING (product_id)
            WHERE base_price_paise >= {_LEAST_BASE_PAISE} AND {sampled(boards, step)}),
        sizes AS (SELECT volatility_group, count(*) AS listings,
            sum({turn.format(at=tick)} - {turn.format(at=since)})::BIGINT AS turns FROM mine GROUP BY ALL),
        told AS (SELECT listing_id, {since} AS tick, regular_price_paise FROM {state(boards, since, step)}
            UNION ALL SELECT listing_id, tick, regular_price_paise FROM {written(boards, EVENTS, since, tick)}
            WHERE {sampled(boards, step)}),
        moves AS (SELECT listing_id, regular_price_paise
            / lag(regular_price_paise) OVER (PARTITION BY listing_id ORDER BY tick) - 1 AS change FROM told)
        SELECT volatility_group, round(100 * sqrt(squares / turns), 3) AS realised_pct, turns FROM (
            SELECT volatility_group, sum(change ** 2) AS squares, {turns}::BIGINT AS turns
            FROM moves JOIN mine USING (listing_id) JOIN sizes USING (volatility_group) WHERE change IS NOT NULL GROUP BY ALL)
        WHERE turns >= {_LEAST_MOVES if batch is None else _LEAST_TURNS} ORDER BY realised_pct DESC, volatility_group"""


def _turns(batch: int | None, ticks: int) -> str:
    """Write how many turns the listings of a group had in so many ticks; where there are no turns, how many moves they made."""
    if batch is None:
        return "count(*) FILTER (change <> 0)"
    if batch == 0:
        return f"any_value(sizes.listings) * {ticks}"
    return f"any_value(CASE WHEN {batch} >= active THEN sizes.listings * {ticks} ELSE sizes.turns END)"


def levels(boards: Boards) -> dict[str, Any]:
    """Tell where each platform's price multipliers and prices lie, in percent of the base price, beside its band.

    `multiplier` (anchor over base price) and `price` (over base price) are the 2nd, 25th, 50th, 75th and 98th percentiles.
    """
    tick = boards.log.tick
    step = step_for(boards, tick)
    anchors = boards.select(LISTINGS, boards.log.of_table(LISTINGS.name))
    bands = boards.select(PLATFORMS, boards.log.of_table(PLATFORMS.name))
    shares = "[0.02, 0.25, 0.5, 0.75, 0.98]"
    rows = query(
        boards,
        f"""SELECT platform, low_percent AS low, high_percent AS high,
            quantile_cont(100.0 * anchor_price_paise / base_price_paise, {shares}) AS multiplier,
            quantile_cont(100.0 * price_paise / base_price_paise, {shares}) AS price
            FROM ({anchors}) JOIN (SELECT listing_id, price_paise FROM {state(boards, tick, step)}) USING (listing_id)
            JOIN products USING (product_id) JOIN ({bands}) USING (platform_id) WHERE is_active
            GROUP BY platform_id, platform, low_percent, high_percent ORDER BY platform_id""",
    )
    for row in rows:
        row |= {name: [round(value, 2) for value in row[name]] for name in ("multiplier", "price")}
    return {**told_of(boards, tick, step), "platforms": rows}


def campaigns(boards: Boards) -> dict[str, Any]:
    """Tell when campaigns run from a day before the newest tick to a day after: the stretches of each, its lines and their depths.

    Those that run at that tick come first, then those that come, then those that are past; at most so many.
    """
    tick = boards.log.tick
    now, at = second_of(boards, tick), stamp(boards, tick)
    first, last = now - clock.DAY, now + clock.DAY
    kept, lines = (boards.select(table, boards.log.of_table(table.name)) for table in (CAMPAIGNS, CAMPAIGN_LINES))
    rows = query(
        boards,
        f"""SELECT c.*, platform, lines, deepest_bps FROM ({kept}) AS c JOIN platforms USING (platform_id)
            LEFT JOIN (SELECT campaign_id, count(*) AS lines, max(discount_bps) AS deepest_bps FROM ({lines}) GROUP BY ALL)
            USING (campaign_id) WHERE starts_second < {last} AND ends_second > {first} ORDER BY campaign_id""",
    )
    found = []
    for row in rows:
        spans = _spans(row, first, last)
        if spans:
            status = "running" if any(a <= now < b for a, b in spans) else "coming" if spans[-1][0] > now else "past"
            told = {
                name: row[name] for name in ("campaign_id", "campaign", "kind", "platform", "category", "deepest_bps")
            }
            times = [[begin - now + at, end - now + at] for begin, end in spans]
            found.append({**told, "lines": row["lines"] or 0, "status": status, "spans": times})
    found.sort(key=lambda one: ("running", "coming", "past").index(one["status"]))
    return {**told_of(boards, tick), "from_time": at - clock.DAY, "to_time": at + clock.DAY,
            "campaigns": found[:_CAMPAIGNS], "left_out": len(found[_CAMPAIGNS:])}  # fmt: skip


def _spans(row: dict[str, Any], first: int, last: int) -> list[tuple[int, int]]:
    """Give the stretches [begin, end) of market seconds in which a campaign runs, within first..last."""
    starts, repeat, ends = row["starts_second"], row["repeat_seconds"], row["ends_second"]
    turn = max(0, (first - starts) // repeat) if repeat else 0
    spans, begin = [], starts + turn * repeat
    while begin < min(last, ends):
        end = min(begin + row["duration_seconds"], ends, last)
        if end > first:
            spans.append((max(begin, first), end))
        if not repeat:
            break
        begin += repeat
    return spans
