"""Which column of a user's product list stands for which field.

Holds the field names, a short table of the names other lists use, and the choice between them. Guesses
nothing from the cells: a name that does not settle the matter is an error that asks for `--map`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from qsim.catalog.csv_rows import refusal, shown
from qsim.errors import ALIKE, UsageError

REQUIRED = ("product", "brand", "category", "mrp", "price")
OPTIONAL = ("subcategory", "pack")
FIELDS = REQUIRED + OPTIONAL

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "product": ("name", "title", "product_name", "product_title", "item", "item_name", "sku_name"),
    "brand": ("brand_name", "manufacturer", "company"),
    "category": ("category_name", "main_category", "department"),
    "mrp": (
        "market_price",
        "list_price",
        "max_retail_price",
        "maximum_retail_price",
        "original_price",
        "regular_price",
        "mrp_rs",
        "mrp_inr",
    ),
    "price": (
        "sale_price",
        "selling_price",
        "offer_price",
        "discounted_price",
        "discount_price",
        "current_price",
        "price_rs",
        "price_inr",
    ),
    "subcategory": ("sub_category", "sub_category_name"),
    "pack": ("size", "weight", "quantity", "unit", "pack_size", "net_weight", "net_quantity"),
}


def choose_columns(
    path: Path,
    header: list[str],
    mapping: Mapping[str, str],
    names: Mapping[str, tuple[str, ...]] = SYNONYMS,
    required: tuple[str, ...] = REQUIRED,
) -> dict[str, int]:
    """Return field -> column position, in the order of `names` (field -> its synonyms); optional fields may be absent.

    `mapping` is column -> field and wins over names. Raises UsageError for a mapping of an unknown column or
    field, or two columns to one field; InputError when a required field has no column or two compete.
    """
    picks = _mapped(path, header, mapping, tuple(names))
    taken = set(picks.values())
    for field in names:
        if field not in picks:
            free = [i for i in range(len(header)) if i not in taken]
            picks.update(_named(path, header, free, field, names[field]))
    missing = [field for field in required if field not in picks]
    if missing:
        raise refusal(
            path,
            f"no column for {', '.join(missing)} ({_near_columns(header, picks, {name: names[name] for name in missing})})",
            "; ".join(f"{field} or {', '.join(names[field][:3])}" for field in missing),
            f"rename a column or add --map COLUMN={missing[0]}"
            + ("" if picks else ", and remove lines over the header, if there are any"),
        )
    return {field: picks[field] for field in names if field in picks}


def near_misses(path: Path, unused: Iterable[str], picks: Mapping[str, int]) -> None:
    """Raise InputError for an unused column whose name is nearly that of an optional field that has no column."""
    open_fields = {_key(word): field for field in OPTIONAL if field not in picks for word in (field, *SYNONYMS[field])}
    for name in unused:
        close = difflib.get_close_matches(_key(name), list(open_fields), n=1, cutoff=0.8)
        if close:
            field = open_fields[close[0]]
            raise refusal(
                path,
                f"the column '{shown(name)}', which no field has (nearest: '{field}')",
                f"{', '.join(FIELDS)} or another name for them when strict",
                f"rename it, add --map {shown(name)}={field}, or leave out --strict",
            )


def nearest(word: str, words: Iterable[str]) -> str:
    """Return the one of `words` most like `word` as "nearest: 'x'", or all of them when none is close."""
    known = {_key(name): name for name in words if name}
    close = difflib.get_close_matches(_key(word), list(known), n=1, cutoff=ALIKE)
    if close:
        return f"nearest: '{shown(known[close[0]])}'"
    return "known: " + ", ".join(f"'{shown(name)}'" for name in list(known.values())[:12])


def _key(name: str) -> str:
    return re.sub(r"[\s_\-./()]+", "", name.casefold())


def _mapped(path: Path, header: list[str], mapping: Mapping[str, str], fields: tuple[str, ...]) -> dict[str, int]:
    picks: dict[str, int] = {}
    for column, field in mapping.items():
        call = f"--map {shown(column)}={shown(field)}"
        target = next((name for name in fields if _key(name) == _key(field)), None)
        if target is None:
            raise UsageError(
                f"{call}: there is no field '{shown(field)}' ({nearest(field, fields)}); "
                f"allowed: {', '.join(fields)}; correct the field"
            )
        exact = [i for i, name in enumerate(header) if name == column.strip()]
        alike = exact or [i for i, name in enumerate(header) if name and _key(name) == _key(column)]
        if len(alike) != 1:
            raise UsageError(
                f"{call}: {path} has {'no' if not alike else 'more than one'} column '{shown(column)}' "
                f"({nearest(column, header)}); allowed: a column of its header; correct the column"
            )
        if target in picks or alike[0] in picks.values():
            raise UsageError(
                f"{call}: the column or the field is mapped twice; allowed: one column for one field; drop one --map"
            )
        picks[target] = alike[0]
    return picks


def _named(path: Path, header: list[str], free: list[int], field: str, synonyms: tuple[str, ...]) -> dict[str, int]:
    keys = {_key(name) for name in synonyms}
    exact = [i for i in free if _key(header[i]) == _key(field)]
    found = exact or [i for i in free if _key(header[i]) in keys]
    if len(found) > 1:
        names = " and ".join(f"'{shown(header[i])}'" for i in found)
        raise refusal(
            path,
            f"columns {names} for the one field {field}",
            "one column for each field",
            f"add --map COLUMN={field} with the one to use",
        )
    return {field: found[0]} if found else {}


def _near_columns(header: list[str], picks: Mapping[str, int], missing: Mapping[str, tuple[str, ...]]) -> str:
    free = {_key(name): name for i, name in enumerate(header) if name and i not in picks.values()}
    near: dict[str, None] = {}
    for field, synonyms in missing.items():
        for word in (field, *synonyms):
            for key in difflib.get_close_matches(_key(word), list(free), n=1, cutoff=ALIKE):
                near[free[key]] = None
    names = ", ".join(f"'{shown(name)}'" for name in list(near or dict.fromkeys(free.values()))[:8])
    return f"nearest columns: {names}" if near else f"unused columns: {names or 'none'}"
