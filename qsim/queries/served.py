"""A market kept at hand for many readers: its catalog and its newest state as tables of one DuckDB, moved on commit by commit.

Every reader sees one commit throughout, under the names that every connection has. What changes with a commit is little: the
rows of the state, and the views whose SQL tells ticks or files. History stays in its files.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from threading import Lock

import duckdb

from qsim import clock
from qsim.clock import Epoch
from qsim.queries import connection as connections
from qsim.queries import state_views, views
from qsim.runs import market_directory
from qsim.schema import CATALOG, LISTINGS, PRODUCTS
from qsim.storage import integrity
from qsim.storage.log import Log
from qsim.writing import course_of

# One thread a query: many small queries at once are quicker so, and none takes a whole machine.
_SETTINGS = ("SET threads = 1", "SET enable_progress_bar = false")
# In this order: each is made of those before it.
_KEPT = (*(table.name for table in CATALOG), "named", "searchable")
# A reader that has begun reads by the commit it began with, which is of these.
_MOMENTS = 8


@dataclass(frozen=True)
class Moment:
    """Where a market stands at a commit: the log up to it, and its epochs."""

    log: Log
    start: date
    epochs: tuple[Epoch, ...]

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

    @property
    def listings_per_product(self) -> int:
        """Count the listings of a product, which are numbered one after another, product by product."""
        return self.rows(LISTINGS.name) // self.rows(PRODUCTS.name)

    def time_of(self, tick: int) -> str:
        """Tell the time in India at which a tick falls."""
        return clock.timestamp(self.start, clock.epoch_of(self.epochs, tick).second_of(tick)).isoformat(" ")

    def tick_at(self, time: datetime) -> int:
        """Tell the last tick at or before a time in India, which may lie before the market's start or after its end."""
        second = int((time - datetime(self.start.year, self.start.month, self.start.day)).total_seconds() // 1)
        epoch = self.epochs[max(0, bisect_right([epoch.second for epoch in self.epochs], second) - 1)]
        return epoch.tick + (second - epoch.second) // epoch.interval


@dataclass(frozen=True)
class Reading:
    """One reader's view of a market: where it is, a connection that sees one commit throughout, and where it stands at that."""

    market: Path
    connection: duckdb.DuckDBPyConnection
    moment: Moment

    def prices(self, tick: int | None = None) -> str:
        """Write what to SELECT FROM for the prices as of a tick, with the columns of `prices`; None is the newest."""
        return "prices" if tick is None or tick == self.moment.tick else f"prices_at(tick_time({tick}))"


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

    @property
    def moment(self) -> Moment:
        """Tell where the newest commit that was seen stands."""
        return self.moments[self.log.number]


def opened(directory: str | os.PathLike[str] | None = None) -> Served:
    """Open a market for many readers at its newest commit; ConflictError where there is none, CorruptError where it is not sound."""
    market = market_directory(directory)
    history = integrity.read_log(market)
    database = connections.connected(market, history)
    for setting in _SETTINGS:
        database.execute(setting)
    database.execute("CREATE SCHEMA kept")
    for name in _KEPT:
        _keep(database, name)
    database.execute("CREATE TABLE kept.state AS SELECT * FROM raw.state ORDER BY listing_id")
    _stand_in(database)
    database.execute(f"CREATE TABLE kept.at AS SELECT {history.number} AS number")
    texts = {_name_of(text): text for text in views.all_statements(market, history, course_of(history))}
    return Served(market, history, {history.number: _moment(history)}, database, texts)


def _keep(database: duckdb.DuckDBPyConnection, name: str) -> None:
    database.execute(f"CREATE TABLE kept.{name} AS SELECT * FROM raw.{name}")
    database.execute(f"CREATE OR REPLACE VIEW raw.{name} AS SELECT * FROM kept.{name}")


def _stand_in(database: duckdb.DuckDBPyConnection) -> None:
    """Put the tables that are kept in the place of the views over files."""
    for name in (*_KEPT, "state"):
        database.execute(f"CREATE OR REPLACE VIEW raw.{name} AS SELECT * FROM kept.{name}")
    database.execute("CREATE OR REPLACE VIEW raw.stock AS SELECT listing_id, stock FROM kept.state")


def _name_of(text: str) -> str:
    """Give the head of a statement, which names what it makes."""
    return text.partition(" AS ")[0]


def _moment(history: Log) -> Moment:
    course = course_of(history)
    return Moment(history, clock.parse_start(course.parameters[0].start), course.epochs)


def follow(served: Served) -> bool:
    """Move to the newest commit; False where there is none after the one that was seen.

    Readers at work go on with the commit they began with. CorruptError where what came is not sound: nothing moves then.
    """
    with served.moving:
        history = integrity.follow_log(served.market, served.log)
        if history is served.log:
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


def _changed(served: Served, history: Log) -> dict[str, str]:
    """Give the statements that a commit changes, by what they make; what is kept in tables is left out."""
    kept = {f"CREATE OR REPLACE VIEW raw.{name}" for name in (*_KEPT, "state", "stock")}
    texts = views.all_statements(served.market, history, course_of(history))
    named = {_name_of(text): text for text in texts}
    return {name: text for name, text in named.items() if name not in kept and served.texts.get(name) != text}


def _move_state(cursor: duckdb.DuckDBPyConnection, served: Served, history: Log) -> None:
    since = served.log.tick
    if history.tick > since:
        state = state_views.state_after("kept.state", since, served.market, history)
        cursor.execute(f"CREATE OR REPLACE TABLE kept.state AS {state} ORDER BY listing_id")


@contextmanager
def reading(served: Served) -> Iterator[Reading]:
    """Lend a connection that sees the newest commit, and only that, until it is given back."""
    try:
        cursor = served.idle.pop()
    except IndexError:
        cursor = served.database.cursor()
    cursor.execute("BEGIN")
    try:
        [(number,)] = cursor.execute("SELECT number FROM kept.at").fetchall()
        yield Reading(served.market, cursor, served.moments[number])
    finally:
        cursor.execute("ROLLBACK")
        served.idle.append(cursor)
