"""Events as rows that people read: rupees, market times, names; the newest of a market, and those that come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise
from time import sleep
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from qsim import clock, forks
from qsim.arrays import I64, edges
from qsim.clock import Epoch
from qsim.errors import UsageError
from qsim.monitoring.metrics import frame_of, table_of
from qsim.runs.epochs import course_of
from qsim.scalars import whole_number
from qsim.schema import EVENTS, PLATFORMS, PRODUCTS, STORES, Cause
from qsim.standing import market_directory
from qsim.storage import integrity, log, tables
from qsim.storage.log import Log
from qsim.storage.places import Place

if TYPE_CHECKING:
    import os

    import pyarrow as pa

_LOOK_SECONDS = 0.2
_NAMES = ("product", "brand", "category", "pack")
_CAUSES = pl.DataFrame(
    {"cause": [cause.value for cause in Cause], "why": [cause.name.lower() for cause in Cause]},
    schema={"cause": pl.UInt8, "why": pl.String},
)


@dataclass(frozen=True)
class Feed:
    """What events are told with: the market's start and epochs, its products' names in order, its stores with platforms."""

    market: Place
    start: date
    epochs: tuple[Epoch, ...]
    products: pl.DataFrame
    stores: pl.DataFrame


def feed_of(directory: str | os.PathLike[str] | None = None) -> Feed:
    """Read what the events of a market are told with, as of its newest commit."""
    market = market_directory(directory)
    return integrity.at_newest(market, partial(_feed_at, market))


def _feed_at(market: Place, history: Log) -> Feed:
    forks.check("events")
    course = course_of(history)
    stores = table_of(market, history, STORES, ("store_id", "platform_id", "city")).join(
        table_of(market, history, PLATFORMS, ("platform_id", "platform")), on="platform_id"
    )
    products = table_of(market, history, PRODUCTS, ("product_id", *_NAMES)).sort("product_id")
    start = clock.parse_start(course.parameters[0].start)
    return Feed(market, start, course.epochs, products, stores.drop("platform_id").sort("store_id"))


def sampled(events: pa.Table, most: int | None) -> pa.Table:
    """Take at most so many events of each tick, spread evenly over the listings; all of them where it is None.

    `events` are rows of `schema.EVENTS` in the order (tick, listing_id).
    """
    if most is None or not events.num_rows:
        return events
    taken = []
    for first, last in pairwise(edges(events.column("tick").to_numpy()).tolist()):
        count = min(most, last - first)
        taken.append(first + np.arange(count) * (last - first) // max(1, count))
    return events.take(np.concatenate(taken))


def told(feed: Feed, events: pa.Table) -> list[dict[str, Any]]:
    """Tell events as rows: tick, ts, listing, names, platform, cause, prices and fees in rupees, shares in percent."""
    per = feed.stores.height
    rows = frame_of(events)
    listing = pl.col("listing_id").cast(pl.Int64)
    seconds = _seconds(feed.epochs, rows["tick"].to_numpy().astype(np.int64))
    rows = rows.with_columns(
        ts=pl.lit(feed.start, pl.Date).cast(pl.Datetime("ms")) + pl.duration(seconds=pl.lit(pl.Series(seconds))),
        product_id=(listing // per).cast(pl.UInt32),
        store_id=(listing % per).cast(pl.UInt32),
    )
    rows = rows.join(feed.products, on="product_id", how="left", maintain_order="left")
    rows = rows.join(feed.stores, on="store_id", how="left", maintain_order="left")
    rows = rows.join(_CAUSES, on="cause", how="left", maintain_order="left")
    return rows.select(
        "tick",
        pl.col("ts").dt.to_string("%Y-%m-%d %H:%M:%S"),
        "listing_id",
        "product_id",
        *_NAMES,
        "platform",
        "store_id",
        "city",
        pl.col("why").alias("cause"),
        *(
            (pl.col(f"{name}_paise") / 100).round(2).alias(name)
            for name in ("price_before", "price_after", "regular_price", "surge_fee")
        ),
        *((pl.col(f"{name}_bps") / 100).round(2).alias(f"{name}_pct") for name in ("discount", "surge")),
    ).to_dicts()


def _seconds(epochs: tuple[Epoch, ...], ticks: I64) -> I64:
    if not len(ticks):
        return ticks
    first = int(ticks.min())
    return clock.seconds_of(epochs, first, int(ticks.max()))[ticks - first]


def recent(directory: str | os.PathLike[str] | None = None, last: int = 10) -> list[dict[str, Any]]:
    """Give the newest events of a market as `told` tells them, the oldest of them first."""
    last = whole_number("last", last)
    if last < 0:
        raise UsageError(f"last: found {last}; allowed are 0 and more events; mend the number")
    market = market_directory(directory)
    # Vacuum may remove files while they are read, where others have taken their place.
    return integrity.at_newest(market, partial(_recent, market, last))


def _recent(market: Place, last: int, history: Log) -> list[dict[str, Any]]:
    feed = _feed_at(market, history)
    files = sorted(history.of_table(EVENTS.name), key=lambda file: file.last)
    newest = EVENTS.arrow().empty_table()
    # A file may hold but some of the events of its ticks: those of a block.
    while files and last and (newest.num_rows < last or files[-1].last >= newest["tick"][0].as_py()):
        taken, missing = [files.pop()], last - newest.num_rows
        # What is missing is read before all is put in order: that takes its time for each of many files.
        while files and (missing := missing - taken[-1].rows) > 0:
            taken.append(files.pop())
        newest = _joined([newest, tables.read(feed.market, taken)])
        newest = newest.slice(max(0, newest.num_rows - last))
    return told(feed, newest)


def _joined(parts: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(parts).sort_by([("tick", "ascending"), ("listing_id", "ascending")])


def follow(
    directory: str | os.PathLike[str] | None = None, after: int | None = None, stop: threading.Event | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Give the events of ticks after one (None: the newest) as they are committed, as `told` tells them.

    It ends when `stop` is set; it looks for commits five times a second.
    """
    feed, history = feed_of(directory), log.read(market_directory(directory))
    after = history.tick if after is None else after
    while stop is None or not stop.is_set():
        if any(file.last > after for file in history.of_table(EVENTS.name)):
            known = history
            feed, rows, history = integrity.at_newest(feed.market, partial(_since, feed, after), history)
            # What was read is that of another market where one took its place meanwhile.
            log.goes_on(feed.market, known)
            if rows:
                yield rows
        after, known = max(after, history.tick), history
        if log.goes_on(feed.market, known):
            history = log.read_on(feed.market, known)
        if history.number == known.number:
            sleep(_LOOK_SECONDS)


def _since(feed: Feed, after: int, history: Log) -> tuple[Feed, list[dict[str, Any]], Log]:
    """Tell the events after a tick up to a commit, with what they were told with and the commit."""
    if course_of(history).epochs != feed.epochs:
        feed = _feed_at(feed.market, history)
    files = [file for file in history.of_table(EVENTS.name) if file.last > after]
    parts = [
        read.filter(read["tick"].to_numpy() > after) for read in (tables.read(feed.market, [file]) for file in files)
    ]
    return feed, told(feed, _joined(parts)) if parts else [], history
