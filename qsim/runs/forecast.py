"""What a run that is asked for would take, told and checked before anything of the market is written or locked."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from statistics import NormalDist

from qsim import clock, festivals, hours
from qsim.errors import DiskError, UsageError
from qsim.festivals import Entry
from qsim.market import arrivals
from qsim.params import NO_BATCH, Parameters
from qsim.runs.epochs import course_of
from qsim.schema import HISTORY, SNAPSHOTS
from qsim.storage import files
from qsim.storage.log import Log
from qsim.storage.places import Place

# An event takes 8.6 bytes on disk (README, "Parquet settings are measured"), and rows of most other tables fewer.
BYTES_A_ROW = 8
# Measured on two cores with classic markets of 12 and of 5,000 products, batch all; the hours are told, nothing hangs on them.
ROWS_A_SECOND = 4_000_000
SECONDS_A_TICK = 0.0004
# Where no batch is updated in turn, a product's listings have about a row each in so many seconds of market time.
_QUIET_SECONDS = 76_800
# The share of the busiest hour's demand that may be lost because more customers are due than can come.
_LOST = 0.05

_logger = logging.getLogger("qsim")


def products_a_tick(parameters: Parameters, products: int) -> float:
    """Tell how many of so many products a tick takes up, or about how many where none is updated in turn."""
    if parameters.batch_size == NO_BATCH:
        return products * min(1.0, parameters.update_interval_seconds / _QUIET_SECONDS)
    return min(parameters.batch_size or products, products)


def rows_a_tick(history: Log, parameters: Parameters) -> float:
    """Estimate the rows of a tick: from the ticks since the parameters last changed, else from the batch size."""
    since: int = history.epochs[-1]["tick"]
    if history.epochs[-1]["parameters"] == parameters.model_dump() and history.tick > since:
        names = {table.name for table in HISTORY} - {SNAPSHOTS.name}
        later = [file for file in history.files if file.table in names and file.last > since]
        # A file that compaction made may begin before.
        rows = sum(
            file.rows * (file.last - max(file.first - 1, since)) / (file.last - file.first + 1) for file in later
        )
        return rows / (history.tick - since)
    products = sum(file.rows for file in history.of_table("products"))
    return products_a_tick(parameters, products) * parameters.listings_per_product


def told(ticks: int, rows: float) -> str:
    """Say what so many ticks with so many rows in all take: bytes and hours."""
    size, units = rows * BYTES_A_ROW, ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    while size >= 1000 and len(units) > 1:
        size, _ = size / 1000, units.pop(0)
    seconds = ticks * SECONDS_A_TICK + rows / ROWS_A_SECOND
    return f"about {size:,.0f} {units[0]} and {seconds / clock.HOUR:,.1f} hours"


def check(market: Place, history: Log, parameters: Parameters, ticks: int, paced: bool = False) -> None:
    """Refuse a run of so many ticks under `parameters` that market time or the disk has no room for.

    A `paced` run may last for years, and needs room for its first day. UsageError beyond the last second that a market may
    reach, DiskError where fewer bytes are free than it would write.
    """
    epoch = course_of(history).epochs[-1]
    interval = parameters.update_interval_seconds
    left = (clock.MAX_SECOND - epoch.second_of(history.tick)) // interval
    rows = rows_a_tick(history, parameters) * ticks
    if ticks > left:
        raise UsageError(
            f"ticks: found {ticks:,} of {interval} s, {told(ticks, rows)}; allowed are {left:,},"
            f" up to {clock.MAX_YEARS} years from the start; run fewer"
        )
    free = files.free_bytes(market)
    if paced and ticks > (a_day := clock.DAY // interval + 1):
        ticks, rows = a_day, rows * a_day / ticks
    if rows * BYTES_A_ROW > free:
        raise DiskError(
            f"{market}: {ticks:,} ticks take {told(ticks, rows)}; allowed are the {free:,} bytes that are free;"
            " run fewer ticks, or free space"
        )


def warn_of_demand(market: Place, parameters: Parameters) -> None:
    """Log what customers make unsound: more of them than can come in an hour, and ticks longer than one."""
    _warn_of_crowds(market, parameters)
    _warn_of_long_ticks(market, parameters)


def _warn_of_long_ticks(market: Place, parameters: Parameters) -> None:
    """Log a warning where customers of more than an hour meet the stock and prices of the tick before: README, "The realistic
    market".
    """
    interval, demand = parameters.update_interval_seconds, parameters.demand
    if interval > clock.HOUR and demand.level and any(demand.a_day.values()):
        _logger.warning(
            "%s: update_interval_seconds: found %d in a market with customers; up to %d all of an hour's sales are made, in"
            " longer ticks many are lost, since shelves are seen, sold and filled once a tick; lower update_interval_seconds",
            market,
            interval,
            clock.HOUR,
        )


def warn_of_calendar(market: Place, entries: Sequence[Entry], start: str, begin: int, until: int) -> None:
    """Log a warning where a run from one market second to another passes the last day of a calendar that has a date of its
    own in each year, or opens beyond it: from then on nothing movable is kept.
    """
    last = festivals.last_dated(entries)
    if last is None:
        return
    first = clock.parse_start(start)
    over = ((last - first).days + 1) * clock.DAY
    if until > over and (begin <= over or begin == 0):
        _logger.warning(
            "%s: calendar: its movable days are dated up to %s, and this run goes on to %s without any; allowed are later ones"
            " in a calendar of your own; generate with --calendar FILE",
            market,
            last,
            clock.timestamp(first, until).date(),
        )


def _warn_of_crowds(market: Place, parameters: Parameters) -> None:
    """Log a warning where more customers of a product want to come to an area in an hour than can: those beyond are lost.

    Looked at is the busiest hour of the week, without rain and calendar.
    """
    demand = parameters.demand
    peak = max(hours.of_mean(demand.hours)) * max(hours.of_mean(demand.weekdays)) * demand.level / arrivals.HOURS_A_DAY
    customers = max(demand.a_day.values()) * peak
    lost = _share_beyond(customers, math.hypot(demand.spread, demand.day_spread, demand.city_spread), arrivals.MOST)
    if lost > _LOST:
        _logger.warning(
            "%s: demand: found %.1f customers of a mean product in an area in the busiest hour; at most %d of any come, and %.0f %%"
            " of that hour's demand are beyond and lost; lower demand.level, demand.a_day or the spreads of demand",
            market,
            customers,
            arrivals.MOST,
            100 * lost,
        )


def _share_beyond(mean: float, spread: float, most: float) -> float:
    """Give the share of a count's mean that lies beyond `most`, where the Poisson law's mean is itself lognormal, `spread` the sd of
    logs: E(X - most)+ / E X of a lognormal X of the same mean and variance, in closed form (Black and Scholes 1973).
    """
    if mean == 0:
        return 0.0
    sd = math.sqrt(spread * spread + math.log1p(1 / (mean * math.exp(spread * spread))))
    above = (math.log(mean / most) + sd * sd / 2) / sd
    law = NormalDist()
    return law.cdf(above) - most / mean * law.cdf(above - sd)
