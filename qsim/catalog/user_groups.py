"""The volatility group of a product, from its category and subcategory.

Reads group tables (the packaged one and a user's own) and looks categories up in them. Product names are
never read for hints: a category in no table is 'other', and the caller is told which and how many.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import polars as pl

from qsim.catalog.csv_rows import check_file, read_csv, refusal, shown
from qsim.catalog.user_columns import nearest

GROUPS = ("fruits", "vegetables", "dairy", "snacks", "staples", "other")
HEADER = ("category", "subcategory", "group")
GroupTable = Mapping[tuple[str, str], str]


def packaged_groups() -> GroupTable:
    """Return the packaged table: (category key, subcategory key or '') -> group."""
    with as_file(files("qsim") / "taxonomy" / "category_groups.csv") as path:
        return read_groups(path)


def read_groups(path: Path) -> GroupTable:
    """Return a CSV table `category,subcategory,group` as (category key, subcategory key or '') -> group.

    Raises InputError, naming file and line, for a wrong header, a row of another length, an empty category,
    an unknown group (with the nearest one), or two groups for one category.
    """
    check_file(path)
    table: dict[tuple[str, str], str] = {}
    for row in read_csv(path, lambda header: _header(path, header)).iter_rows(named=True):
        where = f"line {row['line']}"
        if row["cells"] != row["width"]:
            found = f"{row['cells']} cells under {row['width']} columns at {where}"
            raise refusal(path, found, "one cell per column", "quote a name with a comma in it")
        group = row["group"].strip().casefold()
        if group not in GROUPS:
            found = f"the group '{shown(row['group'])}' at {where} ({nearest(row['group'], GROUPS)})"
            raise refusal(path, found, ", ".join(GROUPS), "correct the group")
        key = (category_key(row["category"]), category_key(row["subcategory"]))
        if not key[0]:
            raise refusal(path, f"no category at {where}", "a category name in each row", "fill it in")
        if table.setdefault(key, group) != group:
            found = f"a second group for '{shown(row['category'])}' at {where}"
            raise refusal(path, found, "one group for each category and subcategory", "remove one row")
    return table


def category_key(name: str) -> str:
    """Return the name as tables are searched: case, spacing, commas and '&' for 'and' make no difference."""
    text = unicodedata.normalize("NFC", name).casefold().replace("&", " and ")
    return re.sub(r"[\s_,/\-]+", " ", text).strip()


def add_groups(products: pl.DataFrame, tables: Sequence[GroupTable]) -> tuple[pl.DataFrame, list[tuple[str, int]]]:
    """Return the products with a last column volatility_group, and (category, rows) for categories unknown.

    The tables are searched in order; inside one, category and subcategory together beat the category alone.
    Unknown categories come most frequent first.
    """
    pairs = products.group_by("category", "subcategory", maintain_order=True).len()
    found = [_group(tables, category, sub) for category, sub, _ in pairs.iter_rows()]
    pairs = pairs.with_columns(pl.Series("volatility_group", found, pl.String))
    unknown = (
        pairs.filter(pl.col("volatility_group").is_null())
        .group_by("category", maintain_order=True)
        .agg(pl.col("len").sum())
        .sort("len", descending=True, maintain_order=True)
    )
    grouped = products.join(
        pairs.select("category", "subcategory", pl.col("volatility_group").fill_null("other")),
        on=["category", "subcategory"],
        how="left",
        maintain_order="left",
    )
    return grouped, list(unknown.iter_rows())


def _group(tables: Sequence[GroupTable], category: str, subcategory: str) -> str | None:
    whole = (category_key(category), "")
    part = (whole[0], category_key(subcategory))
    for table in tables:
        group = table.get(part) or table.get(whole)
        if group:
            return group
    return None


def _header(path: Path, header: list[str]) -> dict[str, int]:
    names = [name.casefold() for name in header]
    for name, given in zip(names, header, strict=True):
        if name not in HEADER:
            found = f"the column '{shown(given)}' ({nearest(given, HEADER)})"
            raise refusal(path, found, f"the header {','.join(HEADER)}", "correct the header")
    missing = [name for name in HEADER if name not in names]
    if missing or len(names) != len(HEADER):
        found = f"the header '{shown(','.join(header))}'"
        raise refusal(path, found, f"the header {','.join(HEADER)}", "correct the header")
    return {name: names.index(name) for name in HEADER}
