"""Promotions that a market opens with: campaigns past, running and coming with their lines, and own discounts.

Exactly the given share of each platform's listings is discounted at tick 0, running campaign lines included,
and the mean depth of these is the platform's; where sales have a law of depths, own discounts open by that law.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

import numpy as np
import polars as pl

from qsim import streams
from qsim.arrays import I64, U16, Mask
from qsim.catalog.products import shuffled
from qsim.clock import DAY, HOUR, parse_start
from qsim.depths import in_bps, laid_out, stratified_depths
from qsim.params import Parameters
from qsim.schema import CAMPAIGNS
from qsim.streams import Purpose

# What repeats does so beyond the last second of any market.
_FOREVER = 2**32 - 1
_LINE_DEPTHS = np.array([20, 25, 30, 35, 40, 50])
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class _Plan:
    """A campaign before it is given a platform and lines; times in market seconds."""

    name: str
    kind: str
    category: str
    starts: int
    duration: int
    repeat: int
    units: int


def _plans(draw: I64, weekday_at_start: int, categories: list[str]) -> list[_Plan]:
    """Lay out one platform's campaigns by eight drawn numbers: past, running at tick 0 and coming, of every kind."""
    drawn = [int(number) for number in draw]
    weekday = drawn[3] % 7
    days_until = (weekday - weekday_at_start) % 7
    days_since_saturday = (weekday_at_start - 6) % 7 + 1 + 7 * (drawn[0] % 2)
    past, now = categories[drawn[7] % len(categories)], categories[drawn[4] % len(categories)]
    return [
        _Plan("Weekend Flash Sale", "flash", "", -days_since_saturday * DAY + 12 * HOUR, 3 * HOUR, 0, 20),
        _Plan("Midnight Flash Sale", "flash", "", -2 * HOUR, 4 * HOUR, 0, 20),
        _Plan("Lunch Flash Sale", "flash", "", (1 + drawn[2] % 3) * DAY + 12 * HOUR, 3 * HOUR, 7 * DAY, 20),
        _Plan(f"{_WEEKDAYS[weekday]} Saver", "weekday", "", days_until * DAY - 28 * DAY, DAY, 7 * DAY, 40),
        _Plan(f"{now} Week", "category", now, -(1 + drawn[4] // 8 % 5) * DAY, 7 * DAY, 28 * DAY, 60),
        _Plan("Evening Happy Hours", "time_of_day", "", -(3 + drawn[5] % 7) * DAY + 17 * HOUR, 2 * HOUR, DAY, 15),
        _Plan("Stock-up Days", "bulk", "", (2 + drawn[6] % 8) * DAY, 5 * DAY, 30 * DAY, 80),
        _Plan(f"{past} Fest", "category", past, -20 * DAY, 7 * DAY, 0, 60),
    ]


def _eligible(plan: _Plan, products: pl.DataFrame) -> I64:
    """Find the products that a plan may price: active, of its category, and for bulk in large packs where packs are known."""
    fits = products["is_active"].to_numpy()
    if plan.category:
        fits = fits & (products["category"] == plan.category).to_numpy()
    if plan.kind == "bulk":
        large = fits & (products["pack_units"] >= 1).to_numpy()
        fits = large if large.any() else fits
    return np.flatnonzero(fits)


def _lines(parameters: Parameters, number: int, platform: int, products: I64, count: int) -> tuple[I64, I64]:
    """Choose `count` products for a campaign, at all dark stores of its platform: listing ids and depths in basis points."""
    order = shuffled(parameters.seed, Purpose.CAMPAIGN_LINE + 1024 * number, len(products), count)
    chosen = np.sort(products[order])
    word = streams.hashed(parameters.seed, Purpose.CAMPAIGN_DEPTH, number, chosen)
    depths = _LINE_DEPTHS[streams.whole_numbers(word, 0, len(_LINE_DEPTHS) - 1)] * 100
    first = chosen * parameters.listings_per_product + platform * parameters.stores
    return (first[:, None] + np.arange(parameters.stores)).ravel(), np.repeat(depths, parameters.stores)


def campaign_tables(parameters: Parameters, products: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Plan every platform's campaigns and their lines; columns of `schema.CAMPAIGNS` and `schema.CAMPAIGN_LINES`."""
    categories = products["category"].unique().sort().to_list()
    weekday = parse_start(parameters.start).weekday()
    share = parameters.sales.campaign_share
    count = round(share * len(products))
    campaigns: list[tuple[object, ...]] = []
    lines: list[tuple[I64, I64, I64]] = []
    eligible: dict[tuple[str, str], I64] = {}
    for platform in range(len(parameters.platforms)):
        words = streams.hashed(parameters.seed, Purpose.CAMPAIGN_PLAN, platform, np.arange(8))
        for plan in _plans((words >> np.uint64(40)).astype(np.int64), weekday, categories):
            number = len(campaigns) + 1
            campaigns.append(_campaign_row(number, platform, plan))
            running = plan.starts <= 0 and -plan.starts % (plan.repeat or _FOREVER) < plan.duration
            wanted = count if running or not share else max(1, count)
            kind = plan.category, plan.kind
            if kind not in eligible:
                eligible[kind] = _eligible(plan, products)
            listings, depths = _lines(parameters, number, platform, eligible[kind], wanted)
            lines.append((np.full(len(listings), number), listings, depths))
    columns = map(np.concatenate, zip(*lines, strict=True))
    of_lines = pl.DataFrame(dict(zip(("campaign_id", "listing_id", "discount_bps"), columns, strict=True)))
    return pl.DataFrame(campaigns, schema=list(CAMPAIGNS.columns), orient="row"), of_lines


def _campaign_row(number: int, platform: int, plan: _Plan) -> tuple[object, ...]:
    """Lay a plan out in the columns of `schema.CAMPAIGNS`; what repeats does so as long as a market can last."""
    ends = _FOREVER if plan.repeat else plan.starts + plan.duration
    times = (plan.starts, plan.duration, plan.repeat, ends)
    return (number, plan.name, plan.kind, platform, plan.category, *times, plan.units)


def _depths_of(parameters: Parameters, count: int) -> I64:
    """Give `count` depths in basis points, ascending, in the parts that the law of sales gives them."""
    law = parameters.sales.depths
    edges = np.cumsum(list(law.values())) / fsum(law.values())
    return np.sort(laid_out(in_bps(law), edges, count))


def opening_discounts(parameters: Parameters, active: Mask, line_bps: U16) -> U16:
    """Choose each listing's own discount at tick 0, basis points, uint16[listings]; `line_bps` are the running lines,
    `active` is told by product.
    """
    own = np.zeros((len(active), parameters.listings_per_product), np.uint16)
    may_be = np.repeat(active, parameters.stores)
    for number, platform in enumerate(parameters.platforms.values()):
        stores = slice(number * parameters.stores, (number + 1) * parameters.stores)
        lines = line_bps.reshape(own.shape)[:, stores].ravel()
        free = np.flatnonzero(may_be & (lines == 0))
        with_line = int((lines > 0).sum())
        quota = round(len(lines) * parameters.discounted_percent / 100)
        wanted = min(len(free), max(0, quota - with_line))
        if not wanted:
            continue
        missing = platform.average_discount_percent * (wanted + with_line) - lines.sum() / 100
        depths = (
            _depths_of(parameters, wanted)
            if parameters.sales.depths
            else stratified_depths(missing / wanted, wanted, parameters.deep_discount_percent) * 100
        )
        order = shuffled(parameters.seed, Purpose.OPENING_DISCOUNT + 1024 * number, len(free), wanted)
        placed = shuffled(parameters.seed, Purpose.OPENING_DEPTH + 1024 * number, wanted)
        of_platform = np.zeros(len(lines), np.uint16)
        of_platform[free[order]] = depths.astype(np.uint16)[placed]
        own[:, stores] = of_platform.reshape(len(active), -1)
    return own.ravel()
