"""Calendars as files: read and checked, and written as a catalog table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import date
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import NoReturn

import polars as pl

from qsim.catalog.csv_rows import check_file, read_csv, refusal, shown
from qsim.errors import InputError, nearest
from qsim.festivals import Entry
from qsim.taxonomy import places

SHIPPED = "india"
COLUMNS = ("name", "date", "days", "from_hour", "to_hour", "city", "demand", "sales", "deeper_percent")
MOST_ENTRIES = 10_000
# What an empty cell or a missing column means, with the least and the most of a number.
_NUMBERS = {
    "days": ("1", 1, 366),
    "from_hour": ("0", 0, 23),
    "to_hour": ("24", 1, 24),
    "demand": ("1", 0, 100),
    "sales": ("1", 0, 100),
    "deeper_percent": ("0", 0, 85),
}
_WHOLE = ("days", "from_hour", "to_hour")


def shipped_text() -> str:
    """Give the CSV file of the calendar that qsim ships."""
    return (files("qsim") / "taxonomy" / "calendar.csv").read_text("utf-8")


def named_calendar(name: str) -> tuple[str, tuple[Entry, ...]]:
    """Give the name that a market keeps of its calendar, and the entries: those that qsim ships, a CSV file's, or none."""
    if name in ("", "none"):
        return "", ()
    if name == SHIPPED:
        return name, read_calendar(None)
    try:
        there = Path(name).exists()
    except (OSError, ValueError):
        there = False
    if not there:
        found = shown(name, 400)
        raise InputError(
            f"calendar: found '{found}', no such file; allowed are {SHIPPED}, none or a CSV file; name one"
        )
    return Path(name).name, read_calendar(Path(name))


def read_calendar(path: Path | None) -> tuple[Entry, ...]:
    """Read the entries of a CSV file, or for None of the calendar that qsim ships.

    Lines whose first cell starts with # are remarks. InputError names file, line and column of what cannot be taken.
    """
    if path is None:
        with as_file(files("qsim") / "taxonomy" / "calendar.csv") as shipped:
            return _read(shipped)
    return _read(path)


def _read(path: Path) -> tuple[Entry, ...]:
    check_file(path)
    rows = read_csv(path, lambda header: {"first": 0, **_header(path, header)})
    kept = [row for row in rows.iter_rows(named=True) if not row["first"].lstrip().startswith("#")]
    if not kept:
        raise refusal(path, "no entry", "at least one line below the header", "leave the calendar out: --calendar none")
    if len(kept) > MOST_ENTRIES:
        raise refusal(
            path, f"{len(kept):,} entries", f"at most {MOST_ENTRIES:,}", "use * for years and months, and days"
        )
    return tuple(_entry(path, row) for row in kept)


def _header(path: Path, header: list[str]) -> dict[str, int]:
    names = [name.casefold() for name in header]
    for name in names:
        if name not in COLUMNS:
            raise refusal(
                path, f"the column '{shown(name)}'{nearest(name, COLUMNS)}", ", ".join(COLUMNS), "mend the header"
            )
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise refusal(path, f"two columns named '{twice[0]}'", "each column once", "remove one of them")
    for name in COLUMNS[:2]:
        if name not in names:
            raise refusal(path, f"no column '{name}'", f"the header {','.join(COLUMNS)}", "add the column")
    return {name: at for at, name in enumerate(names)}


def _entry(path: Path, row: dict[str, str]) -> Entry:
    def refuse(column: str, allowed: str) -> NoReturn:
        found = f"{column} '{shown(cells[column])}' at line {row['line']}"
        raise refusal(path, found, allowed, "mend the line")

    if row["cells"] != row["width"]:
        found = f"{row['cells']} cells under {row['width']} columns at line {row['line']}"
        raise refusal(path, found, "one cell for each column", "quote a name with a comma in it")
    cells = {column: row.get(column, "").strip() for column in COLUMNS}
    numbers = {column: _number(cells[column] or plain) for column, (plain, _, _) in _NUMBERS.items()}
    for column, (_, least, most) in _NUMBERS.items():
        whole = column in _WHOLE
        if not least <= numbers[column] <= most or (whole and numbers[column] % 1):
            refuse(column, f"a {'whole ' * whole}number from {least} to {most}")
    days, first, last = (int(numbers[column]) for column in _WHOLE)
    if not cells["name"]:
        refuse("name", "a name in each line")
    if not _is_pattern(cells["date"]):
        refuse("date", "YYYY-MM-DD of a real day, with * for any year or any month")
    if first >= last:
        refuse("to_hour", f"an hour after from_hour {first}; hours past midnight are a line of the next day")
    city = _city(cells["city"])
    if city is None:
        refuse("city", f"a city of dark stores, or nothing for all{nearest(cells['city'], _cities())}")
    if city and (numbers["sales"] != 1 or numbers["deeper_percent"]):
        refuse("city", "nothing, where a line changes sales or deeper_percent, which are the same in all cities")
    deeper = round(numbers["deeper_percent"] * 100)
    return Entry(cells["name"], cells["date"], days, first, last, city, numbers["demand"], numbers["sales"], deeper)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


@cache
def _cities() -> tuple[str, ...]:
    return tuple(dict.fromkeys(city for city, _, _ in places()))


def _city(text: str) -> str | None:
    return next((city for city in ("", *_cities()) if city.casefold() == text.casefold()), None)


def _is_pattern(text: str) -> bool:
    # 2000 was a leap year, and January has 31 days.
    parts = text.split("-")
    if [len(part) for part in parts] not in ([4, 2, 2], [1, 2, 2], [4, 1, 2], [1, 1, 2]):
        return False
    year, month, day = parts
    plain = f"{'2000' if year == '*' else year}-{'01' if month == '*' else month}-{day}"
    try:
        date.fromisoformat(plain)
    except ValueError:
        return False
    return True


def to_table(entries: Sequence[Entry]) -> pl.DataFrame:
    """Make the rows of the catalog table `calendar`, in the order of the entries."""
    columns = [part.name for part in fields(Entry)]
    rows = pl.DataFrame([astuple(entry) for entry in entries], schema=columns, orient="row")
    return rows.with_row_index("entry_id")
