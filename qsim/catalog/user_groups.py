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

from qsim.behaviour import GROUPS
from qsim.catalog.csv_rows import check_file, read_csv, refusal, shown
from qsim.catalog.user_columns import nearest

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


def with_groups(products: pl.DataFrame, tables: Sequence[GroupTable]) -> pl.DataFrame:
    """Return the products with a last column volatility_group, null where no table has the category.

    The tables are searched in order; inside one, category and subcategory together beat the category alone. Products
    without a column subcategory have none.
    """
    keys = [name for name in ("category", "subcategory") if name in products.columns]
    pairs = products.select(keys).unique(maintain_order=True)
    found = [_group(tables, category, *subcategory) for category, *subcategory in pairs.iter_rows()]
    pairs = pairs.with_columns(pl.Series("volatility_group", found, pl.String))
    return products.join(pairs, on=keys, how="left", maintain_order="left")


def ungrouped(products: pl.DataFrame) -> list[tuple[str, int]]:
    """Return the categories that `with_groups` found in no table, with their rows, the most frequent first."""
    unknown = products.filter(pl.col("volatility_group").is_null()).group_by("category", maintain_order=True).len()
    return list(unknown.sort("len", descending=True, maintain_order=True).iter_rows())


def _group(tables: Sequence[GroupTable], category: str, subcategory: str = "") -> str | None:
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
