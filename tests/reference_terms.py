"""Addressed draws one at a time, and the clock of the realistic market: hours, profiles, rain, load and fees.

Takes its random words from `qsim.streams` and its exponentials and logarithms, whose every bit is defined, from
`qsim.money`; nothing else of qsim. Parameters are the plain tables of `market.toml`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from qsim import money, streams
from qsim.streams import Purpose
from tests.reference import shift_bps

GROUPS = ("fruits", "vegetables", "dairy", "snacks", "staples", "other")
STYLES = ("whole", "nine", "five", "paise", "percent")
MOST = 63


@lru_cache(1 << 16)
def word(seed: int, purpose: Purpose, time: int, number: int) -> int:
    return int(streams.hashed(seed, purpose, time, np.array([number], np.uint64))[0])


@lru_cache(1 << 16)
def normal(seed: int, purpose: Purpose, time: int, number: int) -> float:
    return float(streams.normals(streams.hashed(seed, purpose, time, np.array([number], np.uint64)))[0])


def uniform_of(drawn: int) -> float:
    return (drawn >> 12) * 2.0**-52 + 2.0**-53


@lru_cache(1 << 16)
def exp(x: float) -> float:
    return float(money.exp(np.array([x]))[0])


@lru_cache(1 << 16)
def log(x: float) -> float:
    return float(money.log(np.array([float(x)]))[0])


def floor_half_up(x: float) -> int:
    return math.floor(x + 0.5)


def whole_number(drawn: int, low: int, high: int) -> int:
    return ((drawn >> 32) * (high - low + 1) >> 32) + low


def poisson(drawn: int, mean: float) -> int:
    """How many happen, by inversion of the Poisson law; at most 63."""
    u, n = uniform_of(drawn), 0
    p = cdf = exp(-mean)
    while u > cdf and n < MOST:
        n += 1
        p = p * mean / n
        cdf = cdf + p
    return n


def place_of(drawn: int) -> float:
    """The low half of a word as a number in (0, 1)."""
    return ((drawn & 0xFFFFFFFF) + 0.5) * 2.0**-32


def second_of(hour: int, drawn: int) -> int:
    """The high half of a word as a second of the hour, which covers 3600 h + 1 .. 3600 h + 3600."""
    return 3600 * hour + 1 + ((drawn >> 32) * 3600 >> 32)


def hour_of(second: int) -> int:
    return (second - 1) // 3600


@dataclass(frozen=True)
class Law:
    """Values with cumulative shares."""

    values: Sequence[float]
    shares: Sequence[float]

    def at(self, u: float) -> float:
        found = [value for value, share in zip(self.values, self.shares, strict=True) if share >= u]
        return found[0] if found else self.values[-1]


def law(weights: Mapping[str, float]) -> Law:
    total, shares, so_far = math.fsum(weights.values()), [], 0.0
    for weight in weights.values():
        so_far += weight
        shares.append(so_far / total)
    return Law([float(key) for key in weights], shares)


def of_mean(weights: Sequence[float], at: int) -> float:
    return float(weights[at] * len(weights) / math.fsum(weights))


def of_morning(share: float, hour: int) -> float:
    """The rate of an hour over the day's mean, where so large a share falls from 05:00 to 08:00."""
    return share * 24 / 3 if 5 <= hour % 24 < 8 else (1 - share) * 24 / 21


@dataclass(frozen=True)
class Entry:
    """Days of a calendar: `pattern` is YYYY-MM-DD with * for any year or month; hours are those of each of the days."""

    pattern: str
    days: int
    from_hour: int
    to_hour: int
    city: str
    demand: float
    sales: float
    deeper_bps: int

    def holds(self, day: date) -> bool:
        return any(fits(self.pattern, day - timedelta(days=back)) for back in range(self.days))


def fits(pattern: str, day: date) -> bool:
    parts = zip(pattern.split("-"), day.isoformat().split("-"), strict=True)
    return all(part in ("*", of_day) for part, of_day in parts)


@dataclass(frozen=True, eq=False)
class Calendar:
    """What the entries of a calendar do to hours of a market: those that overlap multiply, and the deepest counts."""

    start: date
    entries: Sequence[Entry]
    days: dict[int, list[Entry]] = field(default_factory=dict)

    def on(self, hour: int, *cities: str) -> list[Entry]:
        number, of_day = divmod(hour, 24)
        if number not in self.days:
            day = self.start + timedelta(days=number)
            self.days[number] = [entry for entry in self.entries if entry.holds(day)]
        return [
            entry for entry in self.days[number] if entry.city in cities and entry.from_hour <= of_day < entry.to_hour
        ]

    def demand(self, hour: int, city: str) -> float:
        return math.prod((entry.demand for entry in self.on(hour, "", city)), start=1.0)

    def sales(self, hour: int) -> float:
        return math.prod((entry.sales for entry in self.on(hour, "")), start=1.0)

    def deeper_bps(self, hour: int) -> int:
        return max((entry.deeper_bps for entry in self.on(hour, "")), default=0)


@dataclass(frozen=True, eq=False)
class Terms:
    """What the ticks of an epoch run under: the tables of parameters, the calendar, the cities in the order of areas, and
    what the clock makes of them.
    """

    tables: Mapping[str, Any]
    calendar: Calendar
    cities: Sequence[str]

    @cached_property
    def seed(self) -> int:
        return int(self.tables["seed"])

    @cached_property
    def start(self) -> date:
        return date.fromisoformat(self.tables["start"])

    @cached_property
    def platforms(self) -> list[str]:
        return list(self.tables["platforms"])

    def uniform(self, purpose: Purpose, time: int, number: int) -> float:
        return uniform_of(word(self.seed, purpose, time, number))

    def normal(self, purpose: Purpose, time: int, number: int) -> float:
        return normal(self.seed, purpose, time, number)

    def drawn(self, shares: Law, purpose: Purpose, time: int, number: int) -> float:
        return shares.at(self.uniform(purpose, time, number))

    def shift(self, second: int) -> int:
        return shift_bps(self.tables["time_of_day"], second)

    def weekday(self, hour: int) -> int:
        return (self.start.weekday() + hour // 24) % 7

    def w_reprice(self, hour: int) -> float:
        return of_morning(self.tables["repricing"]["morning_share"], hour)

    def w_sale(self, hour: int) -> float:
        sales = self.tables["sales"]
        of_day = of_morning(sales["morning_share"], hour) * of_mean(sales["weekdays"], self.weekday(hour))
        return of_day * self.calendar.sales(hour)

    @cached_property
    def sale_days(self) -> Law:
        return law(self.tables["sales"]["days"])

    @cached_property
    def sale_depths(self) -> Law:
        return law(self.tables["sales"]["depths"])

    def rains(self, city: int, hour: int) -> bool:
        """Whether it rains in a city, which is its number of first appearance among the areas."""
        day, of_day = divmod(hour, 24)
        weather, month = self.tables["weather"], (self.start + timedelta(days=day)).month
        if not self.uniform(Purpose.RAIN, day, city) < weather["rainy_days"][month - 1]:
            return False
        first = math.floor(24 * self.uniform(Purpose.RAIN_HOUR, day, city))
        return (
            first <= of_day < first + whole_number(word(self.seed, Purpose.RAIN_LENGTH, day, city), *weather["hours"])
        )

    def load(self, city: int, hour: int) -> float:
        """Demand over the mean demand in an hour: level, hour of the day, weekday, rain, calendar, the city's day."""
        demand = self.tables["demand"]
        factor = demand["level"] * of_mean(demand["hours"], hour % 24)
        factor = factor * of_mean(demand["weekdays"], self.weekday(hour))
        if self.rains(city, hour):
            factor = factor * (1 + demand["rain"])
        factor = factor * self.calendar.demand(hour, self.cities[city])
        normal, spread = self.normal(Purpose.CITY_DEMAND, hour // 24, city), demand["city_spread"]
        return float(factor * exp(spread * normal - spread**2 / 2))

    def fee(self, city: int, platform: int, hour: int) -> int:
        """The surge fee of an order in paise, by the level of load over the riders' capacity."""
        fees = self.tables["surge_fees"]
        normal, spread = self.normal(Purpose.RIDERS, hour // 24, city * 64 + platform), fees["riders_spread"]
        riders = fees["capacity"] * (1 - fees["rain_loss"] if self.rains(city, hour) else 1)
        over = self.load(city, hour) / (riders * exp(spread * normal - spread**2 / 2))
        level = math.ceil((over - 1) / fees["step"])
        return round(fees["rupees"][min(max(level, 0), len(fees["rupees"]) - 1)] * 100)
