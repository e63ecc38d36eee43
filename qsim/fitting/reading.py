"""A user's prices, from CSV or Parquet as they are: which column is what, whether rows are a log of changes, their panel.

A file with a column of time is a panel of prices, one without is a catalog. It refuses to estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from qsim.behaviour import GROUPS
from qsim.catalog.csv_rows import check_file, refusal, shown
from qsim.catalog.user_columns import SYNONYMS, choose_columns
from qsim.catalog.user_groups import packaged_groups, ungrouped, with_groups
from qsim.errors import InputError, counted
from qsim.money import MAX_PAISE, PAISE_PER_RUPEE
from qsim.params import LOOSE_GROUPS
from qsim.realism import cells
from qsim.realism.panel import PACKAGED, PRODUCE, UNKNOWN, Panel, from_long

PANEL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "item": ("product", "commodity", "sku", "id", "item_id", "product_id", "article", *SYNONYMS["product"]),
    "time": ("ts", "date", "day", "datetime", "timestamp", "market_time", "week", "observed_at", "time_of_price"),
    "price": SYNONYMS["price"],
    "seller": ("store", "shop", "centre", "center", "platform", "retailer", "chain", "supermarket", "city", "store_id"),
    "mrp": ("market_price", "list_price", "max_retail_price", "maximum_retail_price", "original_price"),
    "regular": ("regular_price", "base_price"),
    "on_sale": ("sale", "sale_flag", "promo", "promotion", "discounted", "is_on_sale"),
    "in_stock": ("stock", "available", "availability", "is_in_stock"),
    "group": ("volatility_group", "category", *SYNONYMS["category"]),
    "subcategory": SYNONYMS["subcategory"],
}
CATALOG_FIELDS: Mapping[str, tuple[str, ...]] = SYNONYMS
_KINDS = dict.fromkeys(LOOSE_GROUPS, PRODUCE)
# A log of changes never repeats a price; what repeats less often than this is one.
_REPEATS, _LEAST_PAIRS = 0.02, 50
_AMOUNTS, _AMOUNTS_OF_CATALOG = ("price", "mrp", "regular"), ("price", "mrp")
# Packs of a product share its name; so many rows of one are more likely its days.
_PANEL_LIKE = 5
MOST_CELLS = 40_000_000


@dataclass(frozen=True)
class Source:
    """What a file holds: a panel (item, seller, ts, price ...) or a catalog (product, mrp, price ...), and what was made of it.

    `carry` tells a log of changes, `since` the day from which on its collection is wide. `notes` are lines for the user.
    """

    kind: str
    frame: pl.DataFrame
    columns: dict[str, str]
    carry: bool
    since: date | None
    notes: list[str]


def read_table(path: Path) -> pl.DataFrame:
    """Read a CSV or Parquet file; InputError in one line where it cannot be taken."""
    check_file(path)
    try:
        return cells.read(path)
    except (pl.exceptions.PolarsError, OSError) as fault:
        reason = cells.first_line(fault)
        raise InputError(f"{path}: cannot be read as a table of prices: {reason}; mend the file") from None


def read_source(path: Path, mapping: Mapping[str, str], *, carry: bool | None = None) -> Source:
    """Read a file of prices and say what it is.

    Args:
        path: CSV or Parquet.
        mapping: column -> field, over the names of columns.
        carry: whether rows are a log of changes; None to find out.
    """
    table = read_table(path)
    header = table.columns
    # The realism score reads the same files and calls it ts.
    mapping = _with_day(header, {column: "time" if field == "ts" else field for column, field in mapping.items()})
    panel_like = "time" in mapping.values() or _has_time(header)
    fields = PANEL_FIELDS if panel_like else CATALOG_FIELDS
    required = ("item", "time", "price") if panel_like else ("product", "price")
    picks = choose_columns(path, header, mapping, fields, required)
    columns = {field: header[at] for field, at in picks.items()}
    frame = table.select(pl.col(column).alias(field) for field, column in columns.items())
    _check_flat(path, table, columns)
    cells.check_rows(path, frame, len(header))
    if not panel_like:
        goods, notes = _catalog(path, frame)
        return Source("catalog", goods, columns, False, None, notes)
    rows, notes = _panel_rows(path, frame)
    logged = _is_log(rows) if carry is None else carry
    since = _wide_since(rows) if logged else None
    if logged:
        notes.append(f"rows are a log of changes: each price holds until the series' next row; panel from {since} on")
    return Source("panel", rows, columns, logged, since, notes)


def _check_flat(path: Path, table: pl.DataFrame, columns: Mapping[str, str]) -> None:
    """Refuse a column of tables or lists, of which no cell is a price, a name or a flag."""
    for field, column in columns.items():
        if table.schema[column].is_nested():
            found = f"the column {column!r} for {field} as {str(table.schema[column])[:60]}"
            raise refusal(path, found, "one value in each cell", "unnest it, or map another column")


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


def _has_time(header: list[str]) -> bool:
    return any(_plain(name) in ("time", *PANEL_FIELDS["time"]) for name in header)


def _with_day(header: list[str], mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Take the column of days where a file has the time of day in one of its own, for that one bears the field's name."""
    days = [name for name in header if _plain(name) in ("date", "day")]
    both = len(days) == 1 and any(_plain(name) == "time" for name in header)
    return (
        {**mapping, days[0]: "time"} if both and "time" not in mapping.values() and days[0] not in mapping else mapping
    )


def _numbers(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    return frame.with_columns(cells.numbers(frame, name) for name in names if name in frame.columns)


def _panel_rows(path: Path, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Bring a panel's rows to the names and types that `from_long` takes; rows without item, time or price are left out."""
    if not cells.is_time(frame.schema["time"]):
        found = f"the time as {frame.schema['time']}"
        raise refusal(path, found, "dates such as 2026-01-31", "write the column as dates")
    if odd := cells.month_first(frame["time"]):
        raise refusal(path, f"a time with its month first, {odd!r}", "2026-01-31 and 31/01/2026", "write the column so")
    stamped = _numbers(frame, _AMOUNTS).with_columns(cells.times(frame, "time").alias("ts"))
    named = [name for name in ("on_sale", "in_stock") if name in frame.columns]
    flags = [cells.flags(frame, name) for name in named]
    texts = [cells.names(name) for name in ("item", "seller") if name in frame.columns]
    stamped = stamped.with_columns(*flags, *texts)
    paise = (pl.col("price").fill_null(0) * PAISE_PER_RUPEE).round()
    rows = stamped.filter(paise.is_between(1, MAX_PAISE), pl.col("ts").is_not_null(), pl.col("item").is_not_null())
    if rows.is_empty():
        raise refusal(
            path, f"no row with an item, a day and a positive price{_first(frame)}", "one or more", "mend the file"
        )
    notes = (
        [f"{counted(len(frame) - len(rows), 'row')} without item, day or positive price left out"]
        if len(rows) < len(frame)
        else []
    )
    if dear := stamped.select((paise > MAX_PAISE).sum()).item():
        notes.append(f"{dear:,} of these cost more than {MAX_PAISE / PAISE_PER_RUPEE:,.2f}, the most there is")
    notes += _unreadable(frame, stamped, named)
    if "seller" not in rows.columns:
        rows = rows.with_columns(pl.lit("").alias("seller"))
    notes += _rivalling(rows)
    return _grouped(rows, notes).drop("time"), notes


def _unreadable(frame: pl.DataFrame, stamped: pl.DataFrame, flags: Sequence[str]) -> list[str]:
    """Tell of the times, amounts and flags of a panel that are not understood."""
    notes = _unread("time", frame["time"], stamped["ts"], "no time", "write 2026-01-31 or 31/01/2026")
    notes += _unread_amounts(frame, stamped, _AMOUNTS)
    for flag in flags:
        notes += _unread(flag, frame[flag], stamped[flag], "neither yes nor no", "write yes, no or a number")
    return notes


def _unread_amounts(frame: pl.DataFrame, found: pl.DataFrame, amounts: Sequence[str]) -> list[str]:
    told = "no amount", "write rupees such as 1299.50"
    return [
        note for name in amounts if name in frame.columns for note in _unread(name, frame[name], found[name], *told)
    ]


def _rivalling(rows: pl.DataFrame) -> list[str]:
    """Tell of rows that give an item of a seller another price at one time, as packs under one name do: the last stands."""
    prices = rows.group_by("item", "seller", "ts").agg(pl.len(), pl.col("price").n_unique().alias("prices"))
    odd = prices.filter(pl.col("prices") > 1).sort("ts", "item", "seller")
    if odd.is_empty():
        return []
    told = f"{counted(int(odd['len'].sum()), 'row')} have the item, seller and time of another and not its price"
    first = f"such as {shown(odd['item'][0], 40)!r} at {odd['ts'][0]:%Y-%m-%d %H:%M}"
    return [f"{told}, {first}: the last of each stands; map a column that tells them apart, as by pack or brand"]


def _first(frame: pl.DataFrame) -> str:
    cells_of = frame.select("item", "time", "price").head(1).rows()
    return "".join(f"; the first is {', '.join(shown(str(cell), 40) for cell in row)}" for row in cells_of)


def _unread(name: str, cells_of: pl.Series, found: pl.Series, none: str, mend: str) -> list[str]:
    """Tell of the cells of a column that are neither empty nor understood."""
    odd = cells.unread(cells_of, found)
    return (
        [f"{name}: {len(odd):,} cells are {none}, such as {odd[0][:40]!r}, and say nothing; {mend}"] if len(odd) else []
    )


def _grouped(rows: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """Give every row its volatility group, of a column of groups or of categories; null where there is none."""
    if "group" not in rows.columns:
        notes.append("no column of categories: one law for all groups")
        return rows.with_columns(pl.lit(None, pl.String).alias("volatility_group"))
    text = rows.with_columns(pl.col("group").cast(pl.String).fill_null("").alias("category"))
    if set(text["category"].unique()) <= {PRODUCE, PACKAGED, UNKNOWN, ""}:
        of_kind = {PRODUCE: "vegetables", PACKAGED: "other"}
        group = pl.col("category").replace_strict(of_kind, default=None)
        return text.with_columns(group.alias("volatility_group")).drop("category")
    if set(text["category"].str.to_lowercase().unique()) <= {*GROUPS, ""}:
        found = text.with_columns(pl.col("category").str.to_lowercase().alias("volatility_group"))
    else:
        if "subcategory" in text.columns:
            text = text.with_columns(pl.col("subcategory").cast(pl.String).fill_null(""))
        found = with_groups(text, [packaged_groups()])
        if unknown := ungrouped(found):
            notes.append(
                f"{len(unknown)} categories in no group, taken as other: {', '.join(name for name, _ in unknown[:5])}"
            )
        found = found.with_columns(pl.col("volatility_group").fill_null("other"))
    return found.with_columns(pl.col("volatility_group").replace_strict(_KINDS, default=PACKAGED).alias("group")).drop(
        "category", "subcategory", strict=False
    )


def _catalog(path: Path, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Bring a catalog's amounts to numbers; rows without a price are left out, and told of."""
    amounts = _numbers(frame, _AMOUNTS_OF_CATALOG)
    rows = amounts.filter(pl.col("price").fill_null(0) > 0)
    if rows.is_empty():
        raise refusal(path, "no row with a positive price", "one or more", "mend the file")
    left = len(frame) - len(rows)
    notes = [f"{counted(left, 'row')} without positive price left out"] if left else []
    notes += _unread_amounts(frame, amounts, _AMOUNTS_OF_CATALOG)
    names = rows["product"].n_unique()
    if len(rows) >= _PANEL_LIKE * names:
        told = f"{counted(names, 'product')} in {counted(len(rows), 'row')} and no column of time: taken for a catalog"
        notes.append(f"{told}; if these are prices over time, add --map COLUMN=time")
    return rows, notes


def _is_log(rows: pl.DataFrame) -> bool:
    """Tell a log of changes: hardly ever do two rows of a series in turn have the same price."""
    ordered = rows.sort("item", "seller", "ts", maintain_order=True)
    same = (ordered["item"] == ordered["item"].shift(1)) & (ordered["seller"] == ordered["seller"].shift(1))
    pairs = ordered.filter(same.fill_null(False))
    if len(pairs) < _LEAST_PAIRS:
        return False
    repeats = ordered.filter(same.fill_null(False) & (ordered["price"] == ordered["price"].shift(1)).fill_null(False))
    days = rows["ts"].dt.date().n_unique()
    series = rows.select("item", "seller").n_unique()
    return len(repeats) < _REPEATS * len(pairs) and len(rows) < 0.5 * series * days


def _wide_since(rows: pl.DataFrame) -> date:
    """Give the day after the one by which half of a log's series had been seen: from there on silence means no change."""
    first = rows.group_by("item", "seller").agg(pl.col("ts").min().dt.date()).sort("ts")
    half: date = first["ts"][(len(first) - 1) // 2]
    last: date = rows["ts"].dt.date().max()  # type: ignore[assignment]
    return min(half + timedelta(days=1), last)


def panel_of(source: Source) -> tuple[Panel, dict[str, str]]:
    """Lay a panel's rows out, series evenly left out where they are too many; and the volatility group of each item."""
    rows = source.frame
    days = rows["ts"].dt.date()
    ends: tuple[date, date] = (source.since or days.min(), days.max())  # type: ignore[assignment]
    span = (ends[1] - ends[0]).days + 1
    names = rows.select("item", "seller").unique().sort("item", "seller")
    most = max(100, MOST_CELLS // max(1, span))
    if len(names) > most:
        kept = names.gather_every(-(-len(names) // most))
        source.notes.append(f"{len(kept):,} of {len(names):,} series are used, evenly over the list")
        rows = rows.join(kept, on=["item", "seller"], how="semi")
    groups = rows.filter(pl.col("volatility_group").is_not_null()).unique("item", keep="last")
    panel = from_long(rows.drop("volatility_group"), carry=source.carry, since=source.since)
    return panel, dict(zip(groups["item"].to_list(), groups["volatility_group"].to_list(), strict=True))
