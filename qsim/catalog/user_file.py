"""A user's own product list, CSV or Parquet, as the products of a market.

Brings both kinds of file to the same text rows, has them judged by the same rules, and says what was left
out and why. It repairs no value, merges no repeats and never writes: a faulty file is refused in one line,
a faulty row is listed and skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa

from qsim.catalog.csv_rows import Choose, check_file, clean_header, opened, read_csv, refusal, shown
from qsim.catalog.user_columns import choose_columns, near_misses
from qsim.catalog.user_groups import packaged_groups, read_groups, ungrouped, with_groups
from qsim.catalog.user_rules import PRICE_FIELDS, repeated, sort_rows
from qsim.errors import InputError, counted
from qsim.taxonomy import pack_size

_PARQUET_SUFFIXES = (".parquet", ".pq")
_PARQUET_MARK = b"PAR1"
_NAMES_SHOWN = 20
_ROWS_SHOWN = 100
_TEXT_TYPES = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null)


@dataclass(frozen=True)
class UserCatalog:
    """The products of a user's file, the rows left out, and what else the user should know.

    products: line (u32: line of the CSV file, header counted, or row of the Parquet file, both from 1),
    product, brand, category, subcategory ('' if none), pack ('' if none), mrp_paise and price_paise (i32),
    volatility_group; file order. rejected: line, field, found (at most 80 characters), reason; file order.
    warnings: one line each. unit: what `line` counts, line or row.
    """

    products: pl.DataFrame
    rejected: pl.DataFrame
    warnings: list[str]
    unit: str


class RejectedRowsError(InputError):
    """Faulty rows refuse the file; `rejected` lists them as in UserCatalog."""

    def __init__(self, message: str, rejected: pl.DataFrame) -> None:
        super().__init__(message)
        self.rejected = rejected


def read_user_catalog(
    path: Path, mapping: Mapping[str, str], *, strict: bool = False, groups: Path | None = None
) -> UserCatalog:
    """Read a product list; prices in rupees become whole paise, exactly.

    `mapping` is column -> field and wins over column names. `groups` is a CSV `category,subcategory,group`
    searched before the packaged table. With `strict` a row that repeats an earlier one's product, brand and pack is
    faulty too, and a column whose name is nearly that of an optional field is refused. Raises InputError when a
    file cannot be taken, RejectedRowsError when no row is valid or, with `strict`, when any row is faulty (its notes
    list the first 100); UsageError for a mapping that does not fit.
    """
    tables = [read_groups(groups)] if groups is not None else []
    tables.append(packaged_groups())
    ignored: list[str] = []

    def choose(header: list[str]) -> dict[str, int]:
        picks = choose_columns(path, header, mapping)
        ignored.extend(name for i, name in enumerate(header) if i not in picks.values())
        if strict:
            near_misses(path, ignored, picks)
        return picks

    check_file(path)
    parquet = _is_parquet(path)
    rows = _read_parquet(path, choose) if parquet else read_csv(path, choose)
    unit = "row" if parquet else "line"
    kept, rejected = sort_rows(with_groups(rows, tables))
    if strict:
        rejected = pl.concat([rejected, repeated(kept, unit)]).sort("line")
    if rejected.height and (strict or kept.is_empty()):
        raise _refused_rows(path, counted(rows.height, "row"), unit, rejected, strict)
    products = kept.with_columns(pl.col("volatility_group").fill_null("other"))
    return UserCatalog(products, rejected, _warnings(products, ignored, ungrouped(kept)), unit)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as source:
            marked = source.read(len(_PARQUET_MARK)) == _PARQUET_MARK
    except OSError as error:
        raise refusal(path, f"an unreadable file ({error.strerror})", "a readable file", "check it") from None
    return marked or path.suffix.lower() in _PARQUET_SUFFIXES


def _read_parquet(path: Path, choose: Choose) -> pl.DataFrame:
    try:
        # An open file, not its name: a name would be searched for ~, * and [ as a pattern.
        with opened(path) as source:
            names = list(pl.read_parquet_schema(source))
            picks = choose(clean_header(path, names))
            source.seek(0)
            # Polars' own reader panics on some damaged files, and prints the backtrace; Arrow's refuses them.
            frame = pl.read_parquet(source, columns=[names[i] for i in picks.values()], use_pyarrow=True)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, pa.ArrowException) as error:
        found = f"an unreadable Parquet file ({shown(str(error).strip() or type(error).__name__)})"
        raise refusal(path, found, "a whole Parquet file", "write it again or save the list as CSV") from None
    if frame.is_empty():
        raise refusal(path, "a Parquet file without rows", "at least one row", "export the list again")
    texts = [_text(path, frame[names[i]], field) for field, i in picks.items()]
    line = pl.int_range(1, frame.height + 1, dtype=pl.UInt32, eager=True).alias("line")
    width = pl.lit(len(names), pl.Int32)
    rows = pl.DataFrame([line, *texts]).with_columns(width.alias("cells"), width.alias("width"))
    for field in picks:
        nul = rows.filter(pl.col(field).str.contains("\0", literal=True))
        if nul.height:
            found = f"a NUL character in {field} of row {nul['line'][0]}"
            raise refusal(path, found, "text without NUL", "remove it or export the list again")
    return rows


def _text(path: Path, column: pl.Series, field: str) -> pl.Series:
    kind = column.dtype
    if field in PRICE_FIELDS and kind.is_float():
        return _decimal_text(column).alias(field)
    if not kind.is_numeric() and kind not in _TEXT_TYPES:
        found = f"the column '{shown(column.name)}' of type {kind} for {field}"
        raise refusal(path, found, "text or numbers", "write the column as text")
    return column.cast(pl.String).fill_null("").alias(field)


def _decimal_text(column: pl.Series) -> pl.Series:
    """Write floats as plain decimals, taking one within 1e-6 paise of whole paise for just that."""
    # The shortest text of a Float32 is the price that was meant; widened as it is, 149.99 has more decimals.
    wide = column.cast(pl.String).cast(pl.Float64) if column.dtype != pl.Float64 else column
    hundred = wide * 100
    near = ((hundred - hundred.round()).abs() < 1e-6) & (wide.abs() < 1e9)
    paise = pl.DataFrame({"near": near.fill_null(False), "wide": wide, "hundred": hundred.round()})
    value = pl.when("near").then(pl.col("hundred")).cast(pl.Int64)
    cents = value.abs() % 100
    text = paise.select(
        pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        + (value.abs() // 100).cast(pl.String)
        + pl.when(cents > 0).then("." + cents.cast(pl.String).str.zfill(2)).otherwise(pl.lit(""))
    ).to_series()
    odd = (~paise["near"]).arg_true()
    far = [None if x is None else format(Decimal(repr(x)), "f") for x in wide.gather(odd)]
    return text.scatter(odd, pl.Series(far, dtype=pl.String)).fill_null("")


def _refused_rows(path: Path, total: str, unit: str, rejected: pl.DataFrame, strict: bool) -> RejectedRowsError:
    line, field, found, reason = rejected.row(0)
    cell = f"{found}: {reason}" if field == "row" else f"{field} '{found}': {reason}"
    count = f"{rejected.height:,} faulty of {total} (first: {unit} {line}, {cell})"
    allowed = "no faulty row when strict" if strict else "a file with at least one valid row"
    todo = "correct them, or leave out --strict to skip them" if strict else "correct the rows"
    error = RejectedRowsError(str(refusal(path, count, allowed, todo)), rejected)
    for note in listed_rows(rejected, unit) if rejected.height > 1 else ():
        error.add_note(note)
    return error


def listed_rows(rejected: pl.DataFrame, unit: str = "line") -> list[str]:
    """Give a line for each of the first 100 rejected rows, and one that counts the rest."""
    lines = [
        f"{unit} {line}: {field}: found '{found}': {reason}"
        for line, field, found, reason in rejected.head(_ROWS_SHOWN).iter_rows()
    ]
    rest = rejected.height - _ROWS_SHOWN
    return [*lines, f"and {rest:,} more"] if rest > 0 else lines


def _warnings(products: pl.DataFrame, ignored: list[str], unknown: list[tuple[str, int]]) -> list[str]:
    warnings = []
    if unknown:
        names = [f"'{shown(name)}' ({counted(count, 'row')})" for name, count in unknown]
        warnings.append(f"categories in no group table, taken as 'other': {_listed(names)}; name them with --groups")
    repeats = products.height - products.select("product", "brand", "pack").n_unique()
    if repeats:
        facts = [name for name in products.columns if name not in ("line", "volatility_group")]
        same = products.height - products.select(facts).n_unique()
        warnings.append(
            f"{counted(repeats, 'row')} {'repeats' if repeats == 1 else 'repeat'} an earlier product, brand and pack, "
            f"{same:,} of them in every field: kept as separate products"
        )
    packs = products.filter(pl.col("pack") != "")["pack"]
    odd = [pack for pack in packs.to_list() if pack_size(pack) is None]
    if odd:
        told = f"packs not understood in {counted(len(odd), 'row')}, such as '{shown(odd[0])}'"
        warnings.append(f"{told}: these compare by price alone; write them as 500 g or 6 x 200 ml")
    if ignored:
        quoted = [f"'{shown(name)}'" for name in ignored]
        warnings.append(f"columns not used: {_listed(quoted)}")
    return warnings


def _listed(names: list[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")
