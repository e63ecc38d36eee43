"""Cells of a table of real prices as they come: times with or without a zone, money as it is written, flags and yes/no words.

What cannot be read is null: it is for the reader of the table to leave the row out or to refuse it.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
from polars import selectors

from qsim.catalog.csv_rows import NO_NAMES, check_csv, read_csv, refusal, rupees, shown, swallowed
from qsim.errors import InputError, counted

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
    "%d-%b-%y",
    "%d %b %y",
    "%d %B %Y",
    "%d-%B-%Y",
)
_YEARS = (1900, 2200)
_CLOCK = (
    r"^(?<day>.+?)(?:[T ]\s*(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:\.(?<part>\d{1,6})\d*)?)?"
    r"\s*(?<zone>Z|z|UTC|(?<sign>[+-])(?<ahead>\d{2})(?::?(?<minutes>\d{2}))?)?)?$"
)
_MONTH_FIRST = r"^\s*\d{1,2}[/.-](?:1[3-9]|2\d|3[01])[/.-]\d{2,4}(?:\D|$)"
_YES, _NO = ("true", "yes", "y", "t", "in stock"), ("false", "no", "n", "f", "out of stock")


def read(path: Path) -> pl.DataFrame:
    """Read a table of prices, CSV or Parquet; InputError for CSV that cannot be taken, else Polars' own errors and OSError.

    All cells of CSV are text: guessed types would make one item of 0012 and 12, and depend on the first rows of a column.
    """
    # A name with * or [ in it is no pattern, by which other files would be read.
    if path.suffix.lower() in (".parquet", ".pq"):
        table = pl.read_parquet(path, glob=False)
        return table.with_columns(selectors.by_dtype(pl.Categorical, pl.Enum).cast(pl.String))
    check_csv(path)
    try:
        return pl.read_csv(path, infer_schema=False, glob=False)
    except pl.exceptions.PolarsError:
        return _row_by_row(path)


def _row_by_row(path: Path) -> pl.DataFrame:
    """Read CSV that Polars refuses, such as for a quote inside a cell; InputError with the line where it is at fault."""
    names: list[str] = []

    def choose(header: list[str]) -> dict[str, int]:
        names.extend(header)
        return {str(at): at for at in range(len(header))}

    rows = read_csv(path, choose)
    for line, found, width in (
        rows.filter(pl.col("cells") > pl.col("width")).select("line", "cells", "width").head(1).rows()
    ):
        told = f"{found} cells under {counted(width, 'column')} at line {line}"
        raise refusal(
            path, told, "one cell for each column", "quote a cell with a comma in it, or remove lines over the header"
        )
    text = pl.col(pl.String).replace("", None)
    return rows.select(text).select(pl.col(str(at)).alias(name) for at, name in enumerate(names) if name)


def check_rows(path: Path, frame: pl.DataFrame, width: int) -> None:
    """Raise InputError for a cell of the columns read that took rows of the file, of `width` columns, in by its quote."""
    for name in (name for name, kind in frame.schema.items() if kind == pl.String):
        for cell in frame.filter(swallowed(pl.col(name), pl.lit(width)))[name].head(1):
            found = f"a quote that takes {cell.count(chr(10)):,} more lines into the cell '{shown(cell, 40)}' of {name}"
            raise refusal(path, found, "a quote that closes in its own line", "close it, or remove it")


def first_line(fault: Exception) -> str:
    """Give the first line of what Polars or the system says, for an error of one line; the kind of error where it says nothing."""
    return str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__


def is_time(kind: pl.DataType) -> bool:
    """Tell whether a column of this type can hold times: dates, datetimes and text."""
    return kind == pl.String or kind == pl.Date or isinstance(kind, pl.Datetime)


def times(frame: pl.DataFrame, name: str) -> pl.Series:
    """Read a column of times (see `is_time`) as Indian wall time: Datetime in microseconds without a zone.

    A time with a zone or an offset to UTC is brought to IST; one without is taken as it stands. A year of two digits is of
    this century; a time out of the years 1900-2200 is null: a slip of one digit would make a panel of centuries.
    """
    at = frame[name]
    if at.dtype == pl.String:
        at = _of_text(at.str.strip_chars())
    elif isinstance(at.dtype, pl.Datetime) and at.dtype.time_zone:
        at = at.dt.convert_time_zone(ZONE).dt.replace_time_zone(None)
    at = at.cast(pl.Datetime("us"))
    # Polars' reader of CSV takes two digits of a year for the first century.
    at = at.zip_with((at.dt.year() >= 100).fill_null(True), at.dt.offset_by("2000y"))
    return at.set((~at.dt.year().is_between(*_YEARS)).fill_null(False), None).alias(name)


def _of_text(text: pl.Series) -> pl.Series:
    # Stage by stage on frames: one nested expression would run its parts again for each place that they stand in.
    parts = text.str.extract_groups(_CLOCK).struct.unnest()
    counts = [pl.col(part).cast(pl.Int64).fill_null(0) for part in ("hour", "minute", "second", "ahead", "minutes")]
    parts = parts.with_columns(
        *counts, pl.col("part").str.pad_end(6, "0").cast(pl.Int64).fill_null(0), _day(parts["day"])
    )
    ahead = (60 * pl.col("ahead") + pl.col("minutes")) * pl.when(sign="-").then(-1).otherwise(1)
    shift = pl.when(pl.col("zone").is_null()).then(0).otherwise(_IST_MINUTES - ahead)
    clock = pl.duration(hours="hour", minutes=pl.col("minute") + shift, seconds="second", microseconds="part")
    proper = (pl.col("hour") < 24) & (pl.col("minute") < 60) & (pl.col("second") < 60)
    return parts.select(pl.when(proper).then(pl.col("day").cast(pl.Datetime("us")) + clock)).to_series()


def _day(text: pl.Series) -> pl.Series:
    tries = pl.DataFrame([text.str.to_date(form, strict=False).alias(form) for form in _DAYS])
    # %Y takes two digits too, and the day of 06-01-25 for a year.
    sane = [pl.when(pl.col(form).dt.year() >= _YEARS[0]).then(pl.col(form)) for form in _DAYS]
    return tries.select(pl.coalesce(sane).alias("day")).to_series()


def unread(texts: pl.Series, found: pl.Series) -> pl.Series:
    """Give the texts of a column that are not empty, yet null in what was read of it; none of another type has any."""
    return (
        texts.filter((texts.str.strip_chars() != "") & found.is_null()) if texts.dtype == pl.String else texts.head(0)
    )


def check_times(frame: pl.DataFrame, name: str) -> None:
    """Raise InputError for a column of times of another type, for the first of its texts that has the month in front, and for
    texts that are no time: rows left out unsaid would bend figures.
    """
    if not is_time(frame.schema[name]):
        raise InputError(f"prices: found {name} as {frame.schema[name]}; allowed are dates; write the column as dates")
    allowed = "2026-01-31 and 31/01/2026"
    if odd := month_first(frame[name]):
        raise InputError(f"prices: found {name} {odd!r}, the month first; allowed are {allowed}; write it so")
    odd_ones = unread(frame[name], times(frame, name))
    if len(odd_ones):
        told = f"found no time in {counted(len(odd_ones), 'text')} for {name}, such as {odd_ones[0][:40]!r}"
        raise InputError(f"prices: {told}; allowed are {allowed}, from {_YEARS[0]} to {_YEARS[1]}; mend the column")


def month_first(column: pl.Series) -> str | None:
    """Give the first text that can be a day only with its month in front, as 12/31/2025; None without one.

    Where one stands, others of the column are misread: 03/04/2025 is taken for April.
    """
    if column.dtype != pl.String:
        return None
    odd = column.filter(column.str.contains(_MONTH_FIRST).fill_null(False))
    return odd[0].strip()[:40] if len(odd) else None


def names(name: str) -> pl.Expr:
    """Read a column of names as NFC text without blanks around it; null where nothing is left, or the trace of a missing value."""
    text = pl.col(name).cast(pl.String).str.normalize("NFC").str.strip_chars()
    return pl.when((text != "") & ~text.is_in(NO_NAMES)).then(text).alias(name)


def numbers(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Read a column of numbers as Float64, text such as `₹1,299.00`, `Rs. 45` or `45/-` too; no number is infinite."""
    value = pl.col(name)
    if frame.schema[name] == pl.String:
        text = value.str.strip_chars()
        # What is no amount in rupees may still be a number as a program writes it, such as 1e3.
        value = pl.coalesce(rupees(text), text)
    value = value.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value).alias(name)


def flags(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Read a flag, a count or a yes/no word as 1, 0 or null (Int8)."""
    counted = (numbers(frame, name) > 0).cast(pl.Int8)
    if frame.schema[name] != pl.String:
        return counted
    word = pl.col(name).str.strip_chars().str.to_lowercase()
    return pl.when(word.is_in(_YES)).then(1).when(word.is_in(_NO)).then(0).otherwise(counted).cast(pl.Int8).alias(name)
