"""A market kept at hand for many readers: its newest prices as columns, its catalog as tables of one DuckDB, moved on by commits.

Every reader sees one commit throughout, by SQL under the names that every connection has. What changes with a commit is little:
the prices of what it changed, and the views whose SQL tells ticks or files. History stays in its files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock

import duckdb

from qsim.errors import QsimError, UsageError
from qsim.queries import connection as connections
from qsim.queries import now, state_views, views
from qsim.queries.moment import Moment, moment_of
from qsim.queries.now import Now
from qsim.runs.epochs import course_of
from qsim.schema import CATALOG, SNAPSHOTS
from qsim.standing import market_directory
from qsim.storage import integrity, log
from qsim.storage.log import Log
from qsim.storage.places import ObjectPath

_KEPT = tuple(table.name for table in CATALOG)
# A reader that has begun reads by the commit it began with, which is of these.
_NOWS = 3
# Each file's footer takes some 15 kB, and a day of commits has tens of thousands: looked at so often, so much is kept.
_FOOTERS_EVERY, _FOOTERS_BYTES = 64, 128 * 2**20
# What a query may meet where a file is gone.
FAULTS = (QsimError, duckdb.Error)


@dataclass(frozen=True, eq=False)
class Reading:
    """One reader's view of a market: where it is, a connection that sees one commit throughout, and the prices at that."""

    market: Path
    connection: duckdb.DuckDBPyConnection
    now: Now

    @property
    def moment(self) -> Moment:
        """Tell where the market stands."""
        return self.now.moment

    def prices(self, tick: int) -> str:
        """Write what to SELECT FROM for the prices as of a tick, with the columns of `prices`."""
        snapshots = self.moment.files(SNAPSHOTS, None, 0, tick)
        known = max(file.last for file in snapshots)
        newest = [file for file in snapshots if file.last == known]
        return f"({state_views.prices_as_of(tick, self.market, self.moment.log, newest)})"


@dataclass
class Served:
    """A market at hand: the log that was read, its prices, its database, and the SQL that its views were set up by.

    `nows` are the prices of the newest commits by number: a reader that has just begun may be one behind.
    """

    market: Path
    log: Log
    nows: dict[int, Now]
    database: duckdb.DuckDBPyConnection
    texts: frozenset[str]
    idle: list[duckdb.DuckDBPyConnection] = field(default_factory=list)
    moving: Lock = field(default_factory=Lock)

    @property
    def now(self) -> Now:
        """Give the prices of the newest commit that was seen."""
        return self.nows[self.log.number]

    @property
    def moment(self) -> Moment:
        """Tell where the newest commit that was seen stands."""
        return self.now.moment


def opened(directory: str | os.PathLike[str] | None = None) -> Served:
    """Open a market for many readers at its newest commit; ConflictError where there is none, CorruptError where it is not sound."""
    market = market_directory(directory)
    if isinstance(market, ObjectPath):
        raise UsageError(f"{market}: serving is of a local folder alone; copy the market to one and serve that")
    return integrity.at_newest(market, partial(_opened, market))


def _opened(market: Path, history: Log) -> Served:
    database = connections.connected(market, integrity.checked(market, history))
    # One thread a query: many small queries at once are quicker so, and none takes a whole machine.
    database.execute("SET threads = 1")
    # Else `_forget_footers` would put tables there, and not forget any.
    database.execute("SET temp_directory = ''")
    database.execute("CREATE SCHEMA kept")
    for name in _KEPT:
        database.execute(f"CREATE TABLE kept.{name} AS SELECT * FROM raw.{name}")
        database.execute(f"CREATE OR REPLACE VIEW raw.{name} AS SELECT * FROM kept.{name}")
    database.execute(f"CREATE TABLE kept.at AS SELECT {history.number} AS number")
    texts = frozenset(views.all_statements(market, history, course_of(history)))
    prices = now.now_of(database, market, moment_of(history))
    prices.goods.read_ahead()
    return Served(market, history, {history.number: prices}, database, texts)


def follow(served: Served) -> bool:
    """Move to the newest commit; False where there is none after the one that was seen.

    Readers at work go on with the commit they began with. CorruptError where what came is not sound: nothing moves then.
    """
    with served.moving:
        history = _later(served.market, served.log)
        if history is None:
            return False
        texts, known = views.all_statements(served.market, history, course_of(history)), served.log.number
        with served.database.cursor() as cursor:
            cursor.execute("BEGIN")
            # The catalog, whose tables stand in for files, is that of the market's first commit for good.
            connections.run_new(cursor, texts, served.texts)
            cursor.execute(f"UPDATE kept.at SET number = {history.number}")
            served.nows[history.number] = now.moved_on(served.now, cursor, moment_of(history))
            cursor.execute("COMMIT")
        served.texts = frozenset(texts)
        served.log = history
        for number in sorted(served.nows)[:-_NOWS]:
            del served.nows[number]
        if history.number // _FOOTERS_EVERY > known // _FOOTERS_EVERY:
            _forget_footers(served.database, _FOOTERS_BYTES)
        return True


def _forget_footers(database: duckdb.DuckDBPyConnection, most: int) -> None:
    """Make DuckDB forget the footers that were not asked for the longest, where it keeps more than so many bytes of them.

    It does so only where memory runs short, and not when a file is gone. What readers at work need meanwhile is taken from the
    footers too, of which most stay.
    """
    with database.cursor() as cursor:
        text = "SELECT tag = 'OBJECT_CACHE', sum(memory_usage_bytes)::BIGINT FROM duckdb_memory() GROUP BY ALL"
        taken = dict(cursor.execute(text).fetchall())
        if (beyond := taken[True] - most) > 0:
            # Where readers took more memory meanwhile than can be freed the limit stays, and the next look is in time.
            with suppress(duckdb.OutOfMemoryException):
                cursor.execute(f"SET memory_limit = '{sum(taken.values()) - beyond}B'")
            cursor.execute("RESET memory_limit")


def _later(market: Path, known: Log) -> Log | None:
    """Read on to the newest commit; None where there is none after those known or it is not whole yet."""
    if not log.goes_on(market, known):
        return None
    history = integrity.read_log(market, known)
    # What was read is that of another market where one took its place meanwhile.
    log.goes_on(market, known)
    return history if history.number > known.number else None


def overtaken(market: Path, known: Log) -> bool:
    """Tell whether files that a log names are gone because others have taken their place since, which is no fault."""
    named = {file.path for file in log.read(market).files}
    return any(file.path not in named and not (market / file.path).exists() for file in known.files)


@contextmanager
def reading(served: Served) -> Iterator[Reading]:
    """Lend a connection that sees the newest commit, and only that, until it is given back."""
    try:
        cursor = served.idle.pop()
    except IndexError:
        cursor = served.database.cursor()
    try:
        [(number,)] = cursor.execute("BEGIN; SELECT number FROM kept.at").fetchall()
        yield Reading(served.market, cursor, served.nows[number])
    finally:
        cursor.execute("ROLLBACK")
        served.idle.append(cursor)
