"""The calendar of a market: dated entries that raise demand, start more sales and deepen them, and the factors of any hours.

Holds no prices.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from qsim.arrays import F64, I64

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Entry:
    """Days of a calendar: from each date that fits `date` (YYYY-MM-DD, `*` for any year or month) on, so many days long.

    Hours are [from_hour, to_hour) of each day; an empty city is all; `deeper_bps` adds to the depth of sales that start.
    """

    name: str
    date: str
    days: int
    from_hour: int
    to_hour: int
    city: str
    demand: float
    sales: float
    deeper_bps: int


@dataclass(frozen=True)
class Factors:
    """What a calendar does in each of some hours: float64[n], float64[n], int64[n]."""

    demand: F64
    sales: F64
    deeper_bps: I64


def from_table(rows: pa.Table) -> tuple[Entry, ...]:
    """Make the entries again from the catalog table `calendar`."""
    columns = [rows.column(part.name).to_pylist() for part in fields(Entry)]
    return tuple(Entry(*row) for row in zip(*columns, strict=True))


def factors(entries: Sequence[Entry], start: date, hours: I64, city: str) -> Factors:
    """Give what the calendar does in market hours, counted from tick 0 at 00:00 of `start`, in a city.

    Hour h covers the market seconds 3600h + 1 to 3600h + 3600. Entries that overlap multiply, and the deepest counts.
    Entries of a city change its demand alone.
    """
    done = Factors(np.ones(len(hours)), np.ones(len(hours)), np.zeros(len(hours), np.int64))
    if not len(hours):
        return done
    day, hour = np.divmod(hours, 24)
    day += start.toordinal()
    first, last = int(day.min()), int(day.max())
    for entry in entries:
        if entry.city not in ("", city):
            continue
        begins = _begins(entry.date, first - entry.days + 1, last)
        if not begins:
            continue
        covered = np.any([(begin <= day) & (day < begin + entry.days) for begin in begins], axis=0)
        on = covered & (entry.from_hour <= hour) & (hour < entry.to_hour)
        done.demand[on] *= entry.demand
        if not entry.city:
            done.sales[on] *= entry.sales
            done.deeper_bps[on] = np.maximum(done.deeper_bps[on], entry.deeper_bps)
    return done


def last_dated(entries: Sequence[Entry]) -> date | None:
    """Give the last day of the entries that name their year, as movable feasts do; None where these are of one year at most."""
    dated = [(entry, int(entry.date[:4])) for entry in entries if not entry.date.startswith("*")]
    if len({year for _, year in dated}) < 2:
        return None
    last = max(_days_of(entry.date, year)[-1] + entry.days - 1 for entry, year in dated)
    return date.fromordinal(min(last, date.max.toordinal()))


def _begins(pattern: str, first: int, last: int) -> list[int]:
    """Give the days first..last, as ordinals, that fit a pattern."""
    years = range(date.fromordinal(max(first, 1)).year, date.fromordinal(last).year + 1)
    return [day for year in years for day in _days_of(pattern, year) if first <= day <= last]


@cache
def _days_of(pattern: str, year: int) -> tuple[int, ...]:
    of_year, of_month, of_day = pattern.split("-")
    if of_year not in ("*", f"{year:04d}"):
        return ()
    months = range(1, 13) if of_month == "*" else [int(of_month)]
    return tuple(date(year, month, int(of_day)).toordinal() for month in months
                 if int(of_day) <= monthrange(year, month)[1])  # fmt: skip
