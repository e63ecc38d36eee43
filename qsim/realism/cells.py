"""Cells of a table of real prices as they come: times with or without a zone, money as it is written, flags and yes/no words.

What cannot be read is null: it is for the reader of the table to leave the row out or to refuse it.
"""

from __future__ import annotations

import polars as pl

ZONE = "Asia/Kolkata"
_IST_MINUTES = 330
_DAYS = (
    "%Y-%m-%d",
    "%d-%m-%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d.%m.%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d-%m-%y",
    "%d/%m/%y",
)
_YEARS = (1900, 2200)
_CLOCK = r"^(.+?)(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?\s*(Z|z|UTC|[+-]\d{2}(?::?\d{2})?)?)?$"
_YES, _NO = ("true", "yes", "y", "t", "in stock"), ("false", "no", "n", "f", "out of stock")
_MONEY = r"^(?i:₹|rs\.?|inr)?\s*(-?(?:\d+|\d{1,3}(?:,\d{2,3})*,\d{3})(?:\.\d*)?|-?\.\d+)\s*(?:/-)?$"


def is_time(kind: pl.DataType) -> bool:
    """Tell whether a column of this type can hold times: dates, datetimes and text."""
    return kind == pl.String or kind == pl.Date or isinstance(kind, pl.Datetime)


def times(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Read a column of times (see `is_time`) as Indian wall time: Datetime in microseconds without a zone.

    A time with a zone or an offset to UTC is brought to IST; one without is taken as it stands. A year of two digits is of
    this century; a time out of the years 1900-2200 is null: a slip of one digit would make a panel of centuries.
    """
    kind, at = frame.schema[name], pl.col(name)
    if kind == pl.String:
        at = _of_text(at.str.strip_chars())
    elif isinstance(kind, pl.Datetime) and kind.time_zone:
        at = at.dt.convert_time_zone(ZONE).dt.replace_time_zone(None)
    at = at.cast(pl.Datetime("us"))
    # Polars' reader of CSV takes two digits of a year for the first century.
    whole = pl.when(at.dt.year() < 100).then(at.dt.offset_by("2000y")).otherwise(at)
    return pl.when(whole.dt.year().is_between(*_YEARS)).then(whole).alias(name)


def _of_text(text: pl.Expr) -> pl.Expr:
    def part(group: int) -> pl.Expr:
        return text.str.extract(_CLOCK, group)

    def count(group: int) -> pl.Expr:
        return part(group).cast(pl.Int64, strict=False).fill_null(0)

    days = [part(1).str.to_date(form, strict=False) for form in _DAYS]
    # %Y takes two digits too, and the day of 06-01-25 for a year.
    day = pl.coalesce(pl.when(day.dt.year() >= _YEARS[0]).then(day) for day in days)
    hours, minutes, seconds, offset = count(2), count(3), count(4), part(6)
    micros = part(5).str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)
    ahead = offset.str.extract(r"^[+-](\d{2})", 1).cast(pl.Int64).fill_null(0) * 60
    ahead += offset.str.extract(r"(?:\d{2}):?(\d{2})$", 1).cast(pl.Int64).fill_null(0)
    ahead = pl.when(offset.str.starts_with("-")).then(-ahead).otherwise(ahead)
    shift = pl.when(offset.is_null()).then(0).otherwise(_IST_MINUTES - ahead)
    at = day.cast(pl.Datetime("us")) + pl.duration(
        hours=hours, minutes=minutes + shift, seconds=seconds, microseconds=micros
    )
    return pl.when((hours < 24) & (minutes < 60) & (seconds < 60)).then(at)


def numbers(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Read a column of numbers as Float64, text such as `₹1,299.00`, `Rs. 45` or `45/-` too; no number is infinite."""
    value = pl.col(name)
    if frame.schema[name] == pl.String:
        text = value.str.strip_chars()
        digits = text.str.extract(_MONEY, 1).str.replace_all(",", "", literal=True)
        # What is no amount in rupees may still be a number as a program writes it, such as 1e3.
        value = pl.coalesce(digits, text)
    value = value.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value).alias(name)


def flags(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Read a flag, a count or a yes/no word as 1, 0 or null (Int8)."""
    counted = (numbers(frame, name) > 0).cast(pl.Int8)
    if frame.schema[name] != pl.String:
        return counted
    word = pl.col(name).str.strip_chars().str.to_lowercase()
    return pl.when(word.is_in(_YES)).then(1).when(word.is_in(_NO)).then(0).otherwise(counted).cast(pl.Int8).alias(name)
