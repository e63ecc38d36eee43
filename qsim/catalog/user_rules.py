"""The rules one row of a user's product list must keep, each a named column expression over text.

CSV and Parquet rows meet the same rules. Nothing here reads files, repairs a value or drops a row unsaid:
a row that breaks a rule comes back with its line, the cell found and the reason.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from qsim.catalog.csv_rows import NO_NAMES, rupees, shown, swallowed
from qsim.catalog.user_columns import FIELDS
from qsim.money import MAX_PAISE
from qsim.params import LOOSE_GROUPS

MAX_CELL_BYTES = 64 * 1024
PRICE_FIELDS = ("mrp", "price")
REJECTED_SCHEMA = {"line": pl.UInt32, "field": pl.String, "found": pl.String, "reason": pl.String}

_PLAIN = r"^-?[0-9]+(\.[0-9]+)?$"
_PAISE_EXACT = r"^[^.]*(\.[0-9]{1,2}0*)?$"

# Fruit and vegetables are sold loose, without a brand and without a printed MRP.
_LOOSE = pl.col("volatility_group").is_in(LOOSE_GROUPS).fill_null(False)
_UNLESS_LOOSE = "empty: every product but fruit and vegetables needs one (--groups tells which categories these are)"


class Rule(NamedTuple):
    """A fault: the field it is in, where it holds, what to show of the row, and why it is one."""

    field: str
    bad: pl.Expr
    found: pl.Expr
    reason: str


def sort_rows(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split text rows into (kept, rejected), both in file order.

    `rows`: line, cells, width, a String column per field read (see `csv_rows.read_csv`), where optional fields may
    be absent, and volatility_group (null where it is not known). Kept: line (u32), product, brand, category,
    subcategory, pack (NFC, trimmed), mrp_paise and price_paise (i32), volatility_group as it came. Rejected: line,
    field, found (at most 80 characters), reason: the first fault of each.
    """
    absent = [pl.lit("").alias(field) for field in FIELDS if field not in rows.columns]
    text = rows.with_columns(pl.col(f).fill_null("") for f in FIELDS if f in rows.columns).with_columns(absent)
    sized = text.with_columns(pl.col(field).str.len_bytes().alias(f"{field}_bytes") for field in FIELDS)
    clean = sized.with_columns(pl.col(field).str.normalize("NFC").str.strip_chars() for field in FIELDS)
    clean = clean.with_columns(unprinted=(pl.col("mrp") == "") & _LOOSE)
    # Without an MRP the one shown is the price.
    clean = clean.with_columns(mrp=pl.when("unprinted").then("price").otherwise("mrp"))
    written = clean.with_columns(
        pl.coalesce(rupees(pl.col(field)), field).alias(f"{field}_amount") for field in PRICE_FIELDS
    )
    priced = written.with_columns(_paise(f"{field}_amount").alias(f"{field}_paise") for field in PRICE_FIELDS)
    rules = row_rules()
    hits = [pl.when(rule.bad).then(pl.lit(i, pl.Int16)) for i, rule in enumerate(rules)]
    judged = priced.with_columns(pl.coalesce(hits).alias("fault"))
    kept = judged.filter(pl.col("fault").is_null()).select(
        "line",
        *("product", "brand", "category", "subcategory", "pack"),
        *(pl.col(f"{field}_paise").cast(pl.Int32) for field in PRICE_FIELDS),
        "volatility_group",
    )
    return kept, _rejected(judged.filter(pl.col("fault").is_not_null()), rules)


def repeated(kept: pl.DataFrame, unit: str) -> pl.DataFrame:
    """Give the kept rows that have product, brand and pack of an earlier one, as rejected rows; `unit` is line or row."""
    named = kept.with_columns(pl.col("line").first().over("product", "brand", "pack").alias("first"))
    again = named.filter(pl.col("line") != pl.col("first"))
    reason = pl.format("repeats " + unit + " {}: one row for a product, brand and pack is allowed", "first")
    found = pl.Series("found", [shown(text) for text in again["product"]], pl.String)
    return again.select("line", pl.lit("product").alias("field"), found, reason.alias("reason"))


def row_rules() -> list[Rule]:
    """Return the rules in the order they are tried; the first that holds is the row's fault."""
    cells = pl.format("{} cells under {} columns", "cells", "width")
    few = Rule("row", pl.col("cells") < pl.col("width"), cells, "too few cells: one per column is allowed")
    many = Rule("row", pl.col("cells") > pl.col("width"), cells, "too many cells: quote a cell with a comma in it")
    rules = [few, many]
    for field in FIELDS:
        size = pl.col(f"{field}_bytes")
        reason = "too long: a cell may have 64 KB (65,536 bytes)"
        rules.append(Rule(field, size > MAX_CELL_BYTES, pl.col(field), reason))
        reason = "rows below it taken in by a quote that opens it: close the quote in its own line"
        rules.append(Rule(field, swallowed(pl.col(field), pl.col("width")), pl.col(field), reason))
    for field in ("product", "brand", "category"):
        blank = ~pl.col(field).str.contains(r"[^\s\p{Cc}\p{Cf}]")
        if field == "brand":
            blank &= ~_LOOSE | (pl.col("brand") != "")
        reason = _UNLESS_LOOSE if field == "brand" else "empty: every product needs one"
        rules.append(Rule(field, blank, pl.col(field), reason))
        lost = "no name but the trace of a missing value: write the name"
        rules.append(Rule(field, pl.col(field).is_in(NO_NAMES), pl.col(field), lost))
    totals = "what totals over categories are called: another name is allowed, as All goods"
    rules.append(Rule("category", pl.col("category") == "all", pl.col("category"), totals))
    rules.append(Rule("mrp", (pl.col("mrp") == "") & ~pl.col("unprinted"), pl.col("mrp"), _UNLESS_LOOSE))
    # An MRP that is not there has no faults but its price's.
    mrp_rules = [rule._replace(bad=rule.bad & ~pl.col("unprinted")) for rule in _price_rules("mrp")]
    rules += [*mrp_rules, *_price_rules("price")]
    above = pl.format("{} > mrp {}", "price", "mrp")
    dearer = pl.col("price_paise") > pl.col("mrp_paise")
    return [*rules, Rule("price", dearer, above, "above the mrp: at most the mrp is allowed")]


def _price_rules(field: str) -> list[Rule]:
    cell, found = pl.col(f"{field}_amount"), pl.col(field)
    # Nine or more digits before the point cannot fit, and may not fit the integer the paise are computed in.
    above = (cell.str.extract(r"^-?0*([0-9]+)").str.len_bytes() > 8) | (pl.col(f"{field}_paise") > MAX_PAISE)
    plain = "not a plain number: digits with an optional point and up to two decimals are allowed, as in 1299.50 or ₹1,299.50"
    return [
        Rule(field, ~cell.str.contains(_PLAIN), found, plain),
        Rule(
            field,
            cell.str.starts_with("-") | ~cell.str.contains("[1-9]"),
            found,
            "zero or less: above 0 is allowed",
        ),
        Rule(field, ~cell.str.contains(_PAISE_EXACT), found, "more than two decimals: whole paise are allowed"),
        Rule(field, above, found, "too high: at most 21474836.47 rupees is allowed"),
    ]


def _paise(field: str) -> pl.Expr:
    cell = pl.col(field)
    whole = cell.str.extract(r"^-?0*([0-9]+)").cast(pl.Int64, strict=False)
    hundredths = cell.str.extract(r"\.([0-9]{1,2})0*$").str.pad_end(2, "0").fill_null("0").cast(pl.Int64)
    exact = cell.str.contains(_PLAIN) & cell.str.contains(_PAISE_EXACT)
    return pl.when(exact).then(whole * 100 + hundredths)


def _rejected(faulty: pl.DataFrame, rules: list[Rule]) -> pl.DataFrame:
    parts = [pl.DataFrame(schema=REJECTED_SCHEMA)]
    for i, rule in enumerate(rules):
        part = faulty.filter(pl.col("fault") == i)
        if part.height:
            found = part.select(rule.found.str.slice(0, 80)).to_series().to_list()
            parts.append(
                part.select(
                    "line",
                    pl.lit(rule.field).alias("field"),
                    pl.Series("found", [shown(text) for text in found], pl.String),
                    pl.lit(rule.reason).alias("reason"),
                )
            )
    return pl.concat(parts).sort("line")
