"""The hours of market time: what clock, weekday, weather and calendar make of each for prices and customers.

An hour's figures follow from the parameters and the seed alone, never from what was sold, so blocks stay independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import fsum
from typing import Any

import numpy as np
import pyarrow as pa

from qsim import clock, streams
from qsim.arrays import F64, I64, U64, Mask
from qsim.festivals import Entry, factors
from qsim.market.arrivals import HOURS_A_DAY
from qsim.market.units import Hour, LiveClock
from qsim.money import BPS, PAISE_PER_RUPEE
from qsim.params import Parameters
from qsim.popularity import of_mean_one
from qsim.schema import FEES
from qsim.streams import Purpose

_MORNING = range(5, 8)
# Above the most platforms that a market may have.
_PLATFORM_ROOM = 64
# Entries of a calendar multiply, and what is kept of a load has 32 bits.
_MOST_LOAD_BPS = 2**32 - 1


def rain(parameters: Parameters, hours: I64, cities: int) -> Mask:
    """Tell in which cities it rains, bool[hours, cities]: a shower on a share of a month's days, of some hours, within the day."""
    weather, numbers = parameters.weather, np.arange(cities)
    days, at = np.unique(hours // HOURS_A_DAY, return_inverse=True)
    start = clock.parse_start(parameters.start)
    wetness = [weather.rainy_days[(start + timedelta(days=day)).month - 1] for day in days.tolist()]

    def draw(purpose: Purpose) -> U64:
        return streams.hashed(parameters.seed, purpose, days[:, None], numbers)

    rains = streams.uniforms(draw(Purpose.RAIN)) < np.array(wetness)[:, None]
    first = np.floor(HOURS_A_DAY * streams.uniforms(draw(Purpose.RAIN_HOUR))).astype(np.int64)
    last = first + streams.whole_numbers(draw(Purpose.RAIN_LENGTH), *weather.hours)
    of_day = (hours % HOURS_A_DAY)[:, None]
    return np.asarray(rains[at] & (of_day >= first[at]) & (of_day < last[at]))


def _of_days(parameters: Parameters, hours: I64, cities: int) -> F64:
    """Give what a day makes of a city's customers, float64[hours, cities]."""
    days, at = np.unique(hours // HOURS_A_DAY, return_inverse=True)
    words = streams.hashed(parameters.seed, Purpose.CITY_DEMAND, days[:, None], np.arange(cities))
    return of_mean_one(parameters.demand.city_spread, words)[at]


def _of_morning(share: float) -> F64:
    """Give the rate in each hour of the day over the day's mean, where so large a share falls into the morning."""
    morning, rate = len(_MORNING), np.zeros(HOURS_A_DAY)
    rate[:] = (1 - share) * HOURS_A_DAY / (HOURS_A_DAY - morning)
    rate[_MORNING] = share * HOURS_A_DAY / morning
    return rate


def of_mean(weights: Sequence[float]) -> F64:
    """Scale weights to a mean of 1; all are 1 where the weights are all 0."""
    total = fsum(weights)
    return np.array([weight * len(weights) / total if total else 1.0 for weight in weights])


def riders(parameters: Parameters, hours: I64, cities: int) -> F64:
    """Give the platforms' riders in each city over their mean, which each day has anew, float64[hours, cities, platforms]."""
    days, at = np.unique(hours // HOURS_A_DAY, return_inverse=True)
    ids = np.arange(cities)[:, None] * _PLATFORM_ROOM + np.arange(len(parameters.platforms))
    words = streams.hashed(parameters.seed, Purpose.RIDERS, days[:, None, None], ids)
    return of_mean_one(parameters.surge_fees.riders_spread, words)[at]


def _fees(parameters: Parameters, hours: I64, load: F64, wet: Mask) -> I64:
    """Give orders' surge fees by city and platform: so many steps of load over the riders' capacity are a level of the fee table."""
    surge = parameters.surge_fees
    able = surge.capacity * np.where(wet, 1 - surge.rain_loss, 1.0)
    over = load[:, :, None] / (able[:, :, None] * riders(parameters, hours, load.shape[1]))
    level = np.clip(np.ceil((over - 1) / surge.step), 0, len(surge.rupees) - 1).astype(np.int64)
    return np.array([round(fee * PAISE_PER_RUPEE) for fee in surge.rupees], np.int64)[level]


def hours(
    parameters: Parameters, calendar: Sequence[Entry], cities: Sequence[str], first: int, last: int
) -> dict[int, Hour]:
    """Work out the hours first..last, counted from tick 0: hour h covers the market seconds 3600 h + 1 to 3600 (h + 1)."""
    start, numbers = clock.parse_start(parameters.start), np.arange(first, last + 1)
    by_city = [factors(calendar, start, numbers, city) for city in cities]
    repricing, sales, demand = parameters.repricing, parameters.sales, parameters.demand
    weekday, of_day = (start.weekday() + numbers // HOURS_A_DAY) % 7, numbers % HOURS_A_DAY
    wet = rain(parameters, numbers, len(cities))
    load = demand.level * of_mean(demand.hours)[of_day] * of_mean(demand.weekdays)[weekday]
    loads = load[:, None] * np.where(wet, 1 + demand.rain, 1.0) * np.stack([one.demand for one in by_city], axis=1)
    loads *= _of_days(parameters, numbers, len(cities))
    reprice = _of_morning(repricing.morning_share)[of_day] * of_mean(repricing.weekdays)[weekday]
    sale = _of_morning(sales.morning_share)[of_day] * of_mean(sales.weekdays)[weekday] * by_city[0].sales
    shown = (
        reprice.tolist(),
        sale.tolist(),
        by_city[0].deeper_bps.tolist(),
        loads,
        _fees(parameters, numbers, loads, wet),
    )
    load_bps = np.minimum(np.floor(loads * BPS + 0.5), _MOST_LOAD_BPS).astype(np.int64)
    columns = zip(numbers.tolist(), *shown, load_bps, wet, strict=True)
    return {number: Hour(number, *column) for number, *column in columns}


def fee_changes(ticks: Sequence[LiveClock], earlier: Hour | None, city_of_area: I64) -> pa.Table:
    """Give the rows of `schema.FEES` of some ticks: all stores at the first tick of all, where `earlier` is None, then those
    whose fee or rain is another than at the tick before; `earlier` is the hour of the tick before these.
    """
    areas = len(city_of_area)
    rows = []
    for now in ticks:
        hour = now.hour
        if hour is earlier:
            continue
        turned = np.ones_like(hour.fee_paise, bool)
        if earlier is not None:
            turned = (hour.fee_paise != earlier.fee_paise) | (hour.rain != earlier.rain)[:, None]
        earlier = hour
        if turned.any():
            stores = _stores_of(turned, city_of_area)
            city, fee = city_of_area[stores % areas], hour.fee_paise.T[:, city_of_area].ravel()[stores]
            rows.append((np.full(len(stores), now.tick), stores, fee, hour.load_bps[city], hour.rain[city]))
    return _fee_rows(rows)


def fee_ends(tick: int, earlier: Hour, city_of_area: I64) -> pa.Table:
    """Give the rows of `schema.FEES` of a tick from which on there are no customers: of the stores that had a fee, or rain, in the
    hour before, none any more.
    """
    stores = _stores_of((earlier.fee_paise > 0) | earlier.rain[:, None], city_of_area)
    nothing = np.zeros(len(stores), np.int64)
    return _fee_rows([(np.full(len(stores), tick), stores, nothing, nothing, nothing > 0)])


def _stores_of(turned: Mask, city_of_area: I64) -> I64:
    """Give the stores, platform by platform, of a table of bool[cities, platforms]."""
    return np.flatnonzero(turned.T[:, city_of_area])


def _fee_rows(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    if not rows:
        return FEES.arrow().empty_table()
    columns = [pa.array(np.concatenate(parts)) for parts in zip(*rows, strict=True)]
    return pa.table(columns, names=FEES.arrow().names).cast(FEES.arrow())
