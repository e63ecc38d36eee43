"""A market kept at hand for many readers: its catalog and its newest state as tables of one DuckDB, moved on commit by commit.

Every reader sees one commit throughout, under the names that every connection has. What changes with a commit is little: the
rows of the state, and the views whose SQL tells ticks or files. History stays in its files.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

import duckdb

from qsim import clock
from qsim.clock import Epoch
from qsim.errors import CorruptError, UsageError
from qsim.opening import block_products
from qsim.queries import connection as connections
from qsim.queries import state_views, views
from qsim.queries.history_views import history_of
from qsim.schema import CATALOG, EVENTS, FEES, LISTINGS, PRODUCTS, SNAPSHOTS, Table
from qsim.standing import market_directory
from qsim.storage import integrity, log
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile
from qsim.storage.places import ObjectPath
from qsim.writing import course_of

# One thread a query: many small queries at once are quicker so, and none takes a whole machine.
_SETTINGS = ("SET threads = 1", "SET enable_progress_bar = false")
# In this order: each is made of those before it.
_KEPT = (*(table.name for table in CATALOG), "searchable")
# The columns that may change with a tick.
_MOVING = {
    "state": ("price_paise", "regular_price_paise", "discount_bps", "surge_bps", "surge_fee_paise", "updated_tick", "stock"),
    "prices": ("mrp", "regular_price", "price", "discount_pct", "off_mrp_pct", "unit_price", "surge_fee", "stock", "in_stock",
               "updated_at", "order_fee"),
}  # fmt: skip
# Beyond this share of listings it costs less to make all prices anew.
_FEW = 0.1
# A reader that has begun reads by the commit it began with, which is of these.
_MOMENTS = 8


@dataclass(frozen=True)
class Moment:
    """Where a market stands at a commit: the log up to it, its epochs, and the products of a block."""

    log: Log
    start: date
    epochs: tuple[Epoch, ...]
    products_per_block: int

    @property
    def commit(self) -> int:
        """Give the number of the commit."""
        return self.log.number

    @property
    def tick(self) -> int:
        """Give the tick that the market has reached."""
        return self.log.tick

    def rows(self, table: str) -> int:
        """Count the rows of a table."""
        return sum(file.rows for file in self.log.files if file.table == table)

    def listings_of(self, product: int) -> range:
        """Give the numbers of a product's listings, which come one after another, product by product."""
        per = self.rows(LISTINGS.name) // self.rows(PRODUCTS.name)
        return range(product * per, product * per + per)

    def files(self, table: Table, product: int | None, first: int, last: int) -> list[DataFile]:
        """Give the files of a table that may hold rows of the ticks first..last, of a product alone where one is named."""
        named = [file for file in self.log.of_table(table.name) if file.last >= first and file.first <= last]
        if product is None:
            return named
        # A file holds blocks from its first up to the next file's of the same ticks.
        block = product // self.products_per_block
        holding = {(file.first, file.last): file for file in named if file.block <= block}
        return list(holding.values())

    def time_of(self, tick: int) -> str:
        """Tell the time in India at which a tick falls."""
        return clock.timestamp(self.start, clock.epoch_of(self.epochs, tick).second_of(tick)).isoformat(" ")

    def tick_at(self, time: datetime) -> int:
        """Tell the last tick at or before a time in India, which may lie before the market's start or after its end."""
        second = int((time - datetime(self.start.year, self.start.month, self.start.day)).total_seconds() // 1)
        epoch = self.epochs[max(0, bisect_right([epoch.second for epoch in self.epochs], second) - 1)]
        return epoch.tick + (second - epoch.second) // epoch.interval


@dataclass(frozen=True, eq=False)
class Reading:
    """One reader's view of a market: where it is, a connection that sees one commit throughout, and where it stands at that."""

    market: Path
    connection: duckdb.DuckDBPyConnection
    moment: Moment

    def prices(self, tick: int | None = None, product: int | None = None) -> str:
        """Write what to SELECT FROM for the prices as of a tick (None is now), with the columns of `prices`.

        Of a past tick those of all listings, or of one product alone, which costs less.
        """
        moment = self.moment
        if tick is None or tick == moment.tick:
            return "prices"
        snapshots = moment.files(SNAPSHOTS, product, 0, tick)
        known = max(file.last for file in snapshots)
        events = moment.files(EVENTS, product, known + 1, tick)
        listings = None if product is None else moment.listings_of(product)
        newest = [file for file in snapshots if file.last == known]
        return f"({state_views.prices_as_of(tick, self.market, moment.log, newest, events, listings)})"

    def history(self, product: int, files: Sequence[DataFile]) -> str:
        """Write what to SELECT FROM for a product's part of `price_history` in some files of events."""
        listings = self.moment.listings_of(product)
        events = state_views.within(self.market, EVENTS, files, listings)
        return f"({history_of(events, state_views.within_named(listings))})"


@dataclass
class Served:
    """A market at hand: the log that was read, where it stands, its database, and the SQL that was last run for each view.

    `moments` are those of the newest commits by number: a reader that has just begun may be one behind.
    """

    market: Path
    log: Log
    moments: dict[int, Moment]
    database: duckdb.DuckDBPyConnection
    texts: dict[str, str]
    idle: list[duckdb.DuckDBPyConnection] = field(default_factory=list)
    moving: Lock = field(default_factory=Lock)
    catalog: str = field(default_factory=lambda: uuid4().hex)

    @property
    def moment(self) -> Moment:
        """Tell where the newest commit that was seen stands."""
        return self.moments[self.log.number]


def opened(directory: str | os.PathLike[str] | None = None) -> Served:
    """Open a market for many readers at its newest commit; ConflictError where there is none, CorruptError where it is not sound."""
    market = market_directory(directory)
    if isinstance(market, ObjectPath):
        raise UsageError(f"{market}: serving is of a local folder alone; copy the market to one and serve that")
    history = integrity.read_log(market)
    database = connections.connected(market, history)
    for setting in _SETTINGS:
        database.execute(setting)
    database.execute("CREATE SCHEMA kept")
    for name in _KEPT:
        database.execute(f"CREATE TABLE kept.{name} AS SELECT * FROM raw.{name}")
    for name in ("state", "prices"):
        database.execute(f"CREATE TABLE kept.{name} AS SELECT * FROM {_STANDS_FOR[name]} ORDER BY listing_id")
    for name, text in _stand_ins().items():
        database.execute(f"{name} AS {text}")
    database.execute(f"CREATE TABLE kept.at AS SELECT {history.number} AS number")
    texts = {_name_of(text): text for text in views.all_statements(market, history, course_of(history))}
    return Served(market, history, {history.number: _moment(history)}, database, texts)


_STANDS_FOR = {**{name: f"raw.{name}" for name in (*_KEPT, "state")}, "prices": "prices"}


def _stand_ins() -> dict[str, str]:
    """Give the views that read the tables that are kept, in the place of those over files."""
    views = {f"CREATE OR REPLACE VIEW {name}": f"SELECT * FROM kept.{table}" for table, name in _STANDS_FOR.items()}
    return views | {"CREATE OR REPLACE VIEW raw.stock": "SELECT listing_id, stock FROM kept.state"}


def _name_of(text: str) -> str:
    """Give the head of a statement, which names what it makes."""
    return text.partition(" AS ")[0]


def _moment(history: Log) -> Moment:
    course = course_of(history)
    opening = course.parameters[0]
    return Moment(history, clock.parse_start(opening.start), course.epochs, block_products(opening))


def follow(served: Served) -> bool:
    """Move to the newest commit; False where there is none after the one that was seen.

    Readers at work go on with the commit they began with. CorruptError where what came is not sound: nothing moves then.
    """
    with served.moving:
        history = _later(served.market, served.log)
        if history is None:
            return False
        changed = _changed(served, history)
        with served.database.cursor() as cursor:
            cursor.execute("BEGIN")
            for text in changed.values():
                cursor.execute(text)
            _move_state(cursor, served, history)
            cursor.execute(f"UPDATE kept.at SET number = {history.number}")
            served.moments[history.number] = _moment(history)
            cursor.execute("COMMIT")
        served.texts |= changed
        served.log = history
        for number in sorted(served.moments)[:-_MOMENTS]:
            del served.moments[number]
        return True


def _later(market: Path, known: Log) -> Log | None:
    """Read on to the newest commit; None where there is none after those known or it is not whole yet."""
    if not log.goes_on(market, known):
        return None
    history = integrity.read_log(market, known)
    settings = [{file.sha256 for file in one.files if file.table == "settings"} for one in (known, history)]
    if settings[0] != settings[1] or history.tick < known.tick:
        raise CorruptError(f"{market}: holds another market than the one that was opened; open it again")
    return history if history.number > known.number else None


def _changed(served: Served, history: Log) -> dict[str, str]:
    """Give the statements that a commit changes, by what they make; what is kept in tables is left out."""
    texts = views.all_statements(served.market, history, course_of(history))
    named = {_name_of(text): text for text in texts}
    kept = _stand_ins()
    return {name: text for name, text in named.items() if name not in kept and served.texts.get(name) != text}


def _move_state(cursor: duckdb.DuckDBPyConnection, served: Served, history: Log) -> None:
    since = served.log.tick
    if history.tick == since:
        return
    moved = state_views.moved_after(since, served.market, history)
    cursor.execute(f"CREATE OR REPLACE TABLE kept.moved AS {moved}")
    [(count, of_all)] = cursor.execute(
        "SELECT (SELECT count(*) FROM kept.moved), (SELECT count(*) FROM kept.state)"
    ).fetchall()
    few = "(SELECT * FROM kept.state WHERE listing_id IN (FROM kept.moved))" if count <= _FEW * of_all else ""
    _put(cursor, "state", state_views.state_after(few or "kept.state", since, served.market, history), bool(few))
    if any(file.last > since for file in history.of_table(FEES.name)):
        few = ""
    _put(cursor, "prices", state_views.prices_of(few or "kept.state", history), bool(few))


def _put(cursor: duckdb.DuckDBPyConnection, table: str, rows: str, few: bool) -> None:
    """Put rows in the place of those of the same listings of a table that is kept, or of all."""
    if few:
        columns = ", ".join(f"{name} = new.{name}" for name in _MOVING[table])
        cursor.execute(
            f"UPDATE kept.{table} SET {columns} FROM ({rows}) AS new WHERE {table}.listing_id = new.listing_id"
        )
    else:
        cursor.execute(f"CREATE OR REPLACE TABLE kept.{table} AS {rows} ORDER BY listing_id")


@contextmanager
def reading(served: Served) -> Iterator[Reading]:
    """Lend a connection that sees the newest commit, and only that, until it is given back."""
    try:
        cursor = served.idle.pop()
    except IndexError:
        cursor = served.database.cursor()
        cursor.execute(f"SET VARIABLE qsim_catalog = '{served.catalog}'")
    try:
        [(number,)] = cursor.execute("BEGIN; SELECT number FROM kept.at").fetchall()
        yield Reading(served.market, cursor, served.moments[number])
    finally:
        cursor.execute("ROLLBACK")
        served.idle.append(cursor)
