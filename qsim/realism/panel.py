"""Panels of prices: one row for each series (an item at a seller), one column for each day or week.

A panel is what moments and classifiers read, whether it came from a market or from a file of real prices. What was
not observed stays missing: nothing is filled in, unless the table is a log of changes and its reader says so. It
refuses to hold a moment, a target or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from qsim.arrays import I32, I64, Mask
from qsim.behaviour import GROUPS
from qsim.clock import DAY, HOUR
from qsim.errors import ALIKE, InputError, UsageError
from qsim.params import LOOSE_GROUPS
from qsim.realism import cells

if TYPE_CHECKING:
    import duckdb

I8 = npt.NDArray[np.int8]
Words = npt.NDArray[np.str_]
Days = npt.NDArray[np.datetime64]
WEEK = 7
PRODUCE, PACKAGED, UNKNOWN = "F", "P", "?"
_ALL_UP_TO, _SAMPLE = 600, 400
_MONEY = {"price": "price_paise", "mrp": "mrp_paise", "regular": "regular_paise"}
_FLAGS = ("on_sale", "in_stock")
# The columns of a panel that have a value for each series and day.
DENSE = (*_MONEY.values(), *_FLAGS)
# A seller with rows on fewer steps of a log of changes was collected on the others as well, and nothing changed.
_COLLECTED_DAILY = 0.5
# What other tables call the columns of a panel, the likeliest first.
NAMES: Mapping[str, tuple[str, ...]] = {
    "item": ("item_id", "sku", "product_id", "id", "product", "commodity", "name"),
    "ts": ("date", "timestamp", "datetime", "time", "day", "week"),
    "price": ("sale_price", "selling_price", "current_price", "price_rs", "price_inr"),
    "seller": ("store", "platform", "retailer", "shop", "centre", "center", "city"),
    "mrp": ("market_price", "list_price", "max_retail_price"),
    "regular": ("regular_price",),
    "on_sale": ("sale", "promo", "promotion", "sale_flag"),
    "in_stock": ("available", "availability", "stock"),
    "group": (),
}


@dataclass(frozen=True)
class Panel:
    """Dense arrays [series, days] of one market or shop, and what each series is [series].

    Money is in paise; a price of 0 is a missing observation, an MRP or a regular price of 0 is an unknown one.
    Flags are 1, 0, or -1 where unknown. `step_days` is 1 where a column is a day, 7 where it is a week.
    """

    price_paise: I32
    mrp_paise: I32
    on_sale: I8
    in_stock: I8
    regular_paise: I32
    item: Words
    seller: Words
    group: Words
    days: Days
    step_days: int

    def rows(self, chosen: Mask | I64) -> Panel:
        """Give the panel of the chosen series alone."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in (*DENSE, "item", "seller", "group")})

    def columns(self, chosen: slice | I64) -> Panel:
        """Give the panel of the chosen days or weeks alone; `step_days` stays what it is."""
        dense: dict[str, Any] = {name: getattr(self, name)[:, chosen] for name in DENSE}
        return replace(self, **dense, days=self.days[chosen])

    def sellers(self) -> list[str]:
        """Name the sellers, the one with the most series first, ties by name."""
        names, counts = np.unique(self.seller, return_counts=True)
        return [str(name) for name in names[np.lexsort((names, -counts))]]


def _slip(step_days: int) -> int:
    """Give the days by which an observation may come early and still count for a step: half of a week, either way."""
    return WEEK // 2 if step_days == WEEK else 0


def _step_of(days: pl.Series) -> int:
    """Tell whether observations come daily (1) or weekly (7): by the commonest distance between days with any row."""
    gaps = days.unique().sort().diff().drop_nulls().dt.total_days()
    return WEEK if len(gaps) and int(np.median(gaps.to_numpy())) >= WEEK - 1 else 1


def _like(word: str, words: list[str]) -> str:
    close = get_close_matches(word, words, n=1, cutoff=ALIKE)
    return f"nearest is {close[0]!r}" if close else f"there are {', '.join(words[:20])}"


def long_columns(frame: pl.DataFrame, columns: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Give a table the column names that `from_long` reads: `item`, `ts`, `price` and the optional ones of `NAMES`.

    Args:
        frame: a long table under names of its own; columns that stand for nothing are left out.
        columns: column -> field, as the user says; UsageError where there is no such column or field, or one twice.
            Fields not named there are the columns of their own name, else the first of their `NAMES` that is there,
            capitals and blanks aside. `ts` may be called `time`, as `qsim fit` does.
    """
    given = {column: "ts" if field == "time" else field for column, field in (columns or {}).items()}
    for column, field in given.items():
        if column not in frame.columns or field not in NAMES:
            near = _like(column, frame.columns) if column not in frame.columns else _like(field, list(NAMES))
            raise UsageError(f"--map {column}={field}: allowed is a column of the file and its field; {near}; mend it")
    if len(set(given.values())) < len(given):
        raise UsageError(f"--map: found two columns for one field in {given}; allowed is one; drop the other")
    free = {name.strip().casefold().replace(" ", "_"): name for name in reversed(frame.columns) if name not in given}
    chosen = {field: column for column, field in given.items()}
    for field in (field for field in NAMES if field not in chosen):
        named = next((name for name in (field, *NAMES[field]) if name in free), None)
        if named is not None:
            chosen[field] = free.pop(named)
    return frame.select(pl.col(column).alias(field) for field, column in chosen.items())


def _check_money(frame: pl.DataFrame) -> None:
    """Raise InputError for the first text that should be an amount and is none: a row left out unsaid would bend figures."""
    for name in (name for name in _MONEY if frame.schema[name] == pl.String):
        text = pl.col(name).str.strip_chars()
        # NaN and infinities are numbers, as programs write them: their rows are left out.
        number = cells.numbers(frame, name).is_not_null() | text.cast(pl.Float64, strict=False).is_not_null()
        odd = frame.filter(text.str.len_bytes() > 0, ~number)
        if len(odd):
            told = f"found {len(odd):,} texts for {name} that are no amount, such as {str(odd[name][0])[:40]!r}"
            raise InputError(f"prices: {told}; allowed are rupees such as 1299.50; mend the column")


def _kind() -> pl.Expr:
    """Read a group as produce or packaged, a volatility group as the one that it belongs to."""
    kinds = {name: PRODUCE if name in LOOSE_GROUPS else PACKAGED for name in GROUPS}
    group = pl.col("group")
    return group.str.strip_chars().str.to_lowercase().replace_strict(kinds, default=group).alias("group")


def _columns_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Bring a long table to one set of names and types: texts, a date, paise, flags; null where unknown."""
    time = next((name for name in ("ts", "date") if name in frame.columns), "")
    missing = [name for name in ("item", "price") if name not in frame.columns] + ([] if time else ["ts"])
    if missing:
        told = f"found columns for {', '.join(frame.columns) or 'nothing'}; needed are item, ts and price"
        raise InputError(f"prices: {told}; add or map {', '.join(missing)}")
    cells.check_times(frame, time)
    others = {"seller": "", "group": UNKNOWN, **dict.fromkeys((*_MONEY, *_FLAGS))}
    whole = frame.with_columns(pl.lit(other).alias(name) for name, other in others.items() if name not in frame.columns)
    _check_money(whole)
    texts = [cells.names("item"), cells.names("seller"), pl.col("group").cast(pl.String)]
    money = [(cells.numbers(whole, name) * 100).round().cast(pl.Int32, strict=False) for name in _MONEY]
    flags = [cells.flags(whole, name) for name in _FLAGS]
    found = whole.select(*texts, cells.times(whole, time).alias("ts"), *money, *flags).with_columns(
        pl.col("ts").cast(pl.Date).alias("day"), _kind().fill_null(UNKNOWN), pl.col("seller").fill_null("")
    )
    return found.filter(pl.col("price").fill_null(0) > 0, pl.col("day").is_not_null(), pl.col("item").is_not_null())


def from_long(frame: pl.DataFrame, *, carry: bool = False, since: date | None = None) -> Panel:
    """Lay a long table out as a panel.

    Args:
        frame: item, ts (or date), price in rupees; and, where known, seller, mrp, regular (rupees), on_sale,
            in_stock, group (F produce, P packaged). Rows without a positive price are left out; of several rows of
            one series in one step the last stands.
        carry: the table is a log of changes: each row holds until the series' next, up to its seller's last collected
            day. Days without any row of a seller stay missing there, as not collected, where it has rows on most days;
            else, as where prices change on Mondays, they are days on which nothing changed.
        since: first day of the panel; with `carry`, earlier rows only give the levels to start from, and sellers without a
            later one are left out.
    """
    rows = _columns_of(frame).sort("ts", maintain_order=True)
    late = rows if since is None else rows.filter(pl.col("day") >= since)
    if late.is_empty():
        raise InputError("reference: holds no row with an item, a day and a positive price; mend the file")
    step, first = _step_of(late["day"]), late["day"].min()
    # A seller that was not collected since is none of the panel's.
    early = rows.filter(pl.col("seller").is_in(late["seller"].unique().to_list())) if carry else late
    place = (pl.col("day") - pl.lit(first)).dt.total_days()
    early = early.with_columns(((place + _slip(step)) // step).clip(0).alias("column"))
    series = early.select("item", "seller").unique().sort("item", "seller").with_row_index("row")
    group = early.group_by("item", "seller", maintain_order=True).agg(pl.col("group").last())
    series = series.join(group, on=["item", "seller"], maintain_order="left")
    early = early.join(series.select("item", "seller", "row"), on=["item", "seller"], maintain_order="left")
    early = early.unique(["row", "column"], keep="last", maintain_order=True)
    panel = _laid_out(early, series, np.datetime64(str(first), "D"), step)
    return _carried(panel, late) if carry else panel


def _laid_out(rows: pl.DataFrame, series: pl.DataFrame, first: np.datetime64, step: int) -> Panel:
    """Scatter rows that know their row and column into the dense arrays of a panel."""
    width = int(rows["column"].to_numpy().max()) + 1
    at = rows["row"].to_numpy().astype(np.int64), rows["column"].to_numpy().astype(np.int64)

    def dense(name: str, kind: Any, unknown: int) -> Any:
        values = np.full((len(series), width), unknown, kind)
        values[at] = rows[name].fill_null(unknown).to_numpy()
        return values

    words: dict[str, Any] = {name: np.array(series[name].to_list(), np.str_) for name in ("item", "seller", "group")}
    return Panel(
        **{field: dense(name, np.int32, 0) for name, field in _MONEY.items()},
        **{name: dense(name, np.int8, -1) for name in _FLAGS},
        **words,
        days=first + np.arange(width) * np.timedelta64(step, "D"),
        step_days=step,
    )


def _forward(panel: Panel) -> Panel:
    """Carry each row's values forward to the series' next row."""
    column = np.where(panel.price_paise > 0, np.arange(panel.price_paise.shape[1]), -1)
    column = np.maximum.accumulate(column, axis=1)
    taken = np.maximum(column, 0)
    # Before a series' first row the taken column is its own first, which is empty.
    held: dict[str, Any] = {name: np.take_along_axis(getattr(panel, name), taken, axis=1) for name in DENSE}
    return replace(panel, **held)


def _carried(panel: Panel, rows: pl.DataFrame) -> Panel:
    """Carry a log of changes forward, then empty the steps on which a seller was not collected."""
    collected = np.zeros_like(panel.price_paise, dtype=np.bool_)
    for seller in np.unique(panel.seller):
        days = rows.filter(pl.col("seller") == str(seller))["day"].unique().to_numpy().astype("datetime64[D]")
        offset = (days - panel.days[0]).astype(np.int64)
        columns = (offset + _slip(panel.step_days)) // panel.step_days
        seen = np.zeros(collected.shape[1], np.bool_)
        seen[columns] = True
        if seen.mean() < _COLLECTED_DAILY:
            seen[: columns.max() + 1] = True
        collected[panel.seller == seller] = seen
    full = _forward(panel)
    unknown = dict.fromkeys(_MONEY.values(), 0) | dict.fromkeys(_FLAGS, -1)
    blanked: dict[str, Any] = {name: np.where(collected, getattr(full, name), none) for name, none in unknown.items()}
    return replace(full, **blanked)


def _sampled(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Choose products, evenly over the catalog when they are many, and their listing at each platform's first store."""
    frame: pl.DataFrame = connection.sql(
        """SELECT l.listing_id, l.product_id AS item, p.platform AS seller, g.mrp_paise,
               CASE WHEN g.is_loose THEN 'F' ELSE 'P' END AS group
           FROM raw.listings AS l JOIN raw.products AS g USING (product_id) JOIN raw.platforms AS p USING (platform_id)
           WHERE g.is_active
           QUALIFY row_number() OVER (PARTITION BY l.product_id, l.platform_id ORDER BY l.store_id, l.listing_id) = 1
           ORDER BY l.listing_id"""
    ).pl()
    products = frame["item"].unique().sort().to_numpy()
    if len(products) > _ALL_UP_TO:
        products = products[np.linspace(0, len(products) - 1, _SAMPLE).astype(np.int64)]
    return frame.filter(pl.col("item").is_in(products.tolist())).with_row_index("row")


def _noon_rows(connection: duckdb.DuckDBPyConnection, chosen: pl.DataFrame) -> pl.DataFrame:
    """Give the state of each chosen listing at every noon; stock where anything is sold or delivered."""
    moves = connection.sql("SELECT EXISTS (FROM raw.orders) OR EXISTS (FROM raw.deliveries)").fetchall()[0][0]
    ids = ", ".join(map(str, chosen["listing_id"].to_list()))
    rows: pl.DataFrame = connection.sql(
        f"""SELECT listing_id, date_diff('day', tick_time(0)::DATE, day) AS "column", (price * 100)::INTEGER AS price,
                (regular_price * 100)::INTEGER AS regular, (discount_pct > 0)::TINYINT AS on_sale,
                {"in_stock::TINYINT" if moves else "NULL::TINYINT"} AS in_stock
            FROM daily_prices WHERE listing_id IN ({ids})"""
    ).pl()
    return rows


def from_market(connection: duckdb.DuckDBPyConnection) -> Panel:
    """Take a market's prices at noon of each day, over a connection that `qsim.connect` gave.

    Products are all active ones, or 400 spread evenly over the catalog where there are more than 600; the listings are
    those of each platform's first store.
    """
    span = "SELECT tick_time(0), date_diff('second', tick_time(0), tick_time(tick_at(TIMESTAMP '2500-01-01')))"
    start, seconds = connection.sql(span).fetchall()[0]
    days = (int(seconds) - DAY // 2) // DAY + 1
    if days < 2:
        raise UsageError(
            f"realism: the market has run {seconds / HOUR:.1f} hours; at least two noons are needed; run it further"
        )
    chosen = _sampled(connection)
    rows = _noon_rows(connection, chosen)
    rows = rows.join(chosen.select("row", "listing_id", pl.col("mrp_paise").alias("mrp")), on="listing_id")
    return _laid_out(rows, chosen.with_columns(pl.col("item").cast(pl.String)), np.datetime64(start, "D"), 1)
