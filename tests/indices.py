"""Price indices worked out listing by listing over a history written by hand, as the views should have them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

from tests.handmade import Handmade, Row, noons, tick_at

DAY = 86_400
Group = tuple[str, str]


def groups(listing: Row) -> list[Group]:
    """The rows of a view with totals that a listing counts in."""
    platform, category = listing["platform"], listing["category"]
    return [(p, c) for p in (platform, "all") for c in (category, "all")]


def by_group(made: Handmade) -> dict[Group, list[Row]]:
    found: dict[Group, list[Row]] = defaultdict(list)
    for listing in made.active:
        for group in groups(listing):
            found[group].append(listing)
    return found


def at_noon(made: Handmade) -> Iterator[tuple[date, dict[int, Row], dict[int, int]]]:
    for noon in noons():
        tick = tick_at(noon)
        yield noon.date(), made.states[tick], made.stock[tick]


def jevons(made: Handmade) -> dict[tuple[date, Group], tuple[int, float]]:
    found = {}
    for group, listings in by_group(made).items():
        level, seen = 100.0, dict[int, int]()
        for day, states, stock in at_noon(made):
            now = seen | {
                row["listing_id"]: states[row["listing_id"]]["price_paise"]
                for row in listings
                if stock[row["listing_id"]]
            }
            if seen:
                level *= math.prod(now[at] / seen[at] for at in seen) ** (1 / len(seen))
            found[day, group] = (len(seen), level)
            seen = now
    return found


def fisher(sold: dict[date, dict[int, tuple[float, float]]], days: list[date], ids: set[int]) -> list[float]:
    """Direct Fishers against what the first 28 days sold, as (spent, units) by day and listing, over the first day's."""
    base: dict[int, tuple[float, float]] = {}
    for day in (day for day in sold if day < min(sold) + timedelta(days=28)):
        for at, (spent, units) in sold[day].items():
            base[at] = (base.get(at, (0, 0))[0] + spent, base.get(at, (0, 0))[1] + units)
    levels: list[float] = []
    for day in days:
        goods = [(s / u, base[at][0] / base[at][1], u, base[at][1]) for at, (s, u) in sold.get(day, {}).items()
                 if at in ids and at in base and u]  # fmt: skip
        if goods:
            laspeyres = sum(p * q for p, _, _, q in goods) / sum(p * q for _, p, _, q in goods)
            paasche = sum(p * q for p, _, q, _ in goods) / sum(p * q for _, p, q, _ in goods)
            levels.append(math.sqrt(laspeyres * paasche))
        else:
            levels.append(levels[-1] if levels else math.nan)
    first = next(level for level in levels if not math.isnan(level))
    return [100 * (first if math.isnan(level) else level) / first for level in levels]
