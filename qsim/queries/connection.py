"""DuckDB connections over a market: each sees one commit throughout, through views and macros; no file is written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from threading import current_thread, main_thread
from typing import Any, NoReturn, TypeVar
from weakref import WeakKeyDictionary

import duckdb

from qsim.errors import CorruptError, QsimError, UsageError, one_line
from qsim.given import refused
from qsim.queries import views
from qsim.queries.scans import Scans, register_objects
from qsim.queries.statement import failure, kinds_named, writing
from qsim.queries.texts import ZONE, files, quoted
from qsim.queries.values import distinct
from qsim.runs.epochs import course_of
from qsim.standing import market_directory
from qsim.storage import integrity
from qsim.storage.log import Log
from qsim.storage.places import ObjectPath, Place, place_of

Answer = TypeVar("Answer")

_LOOK_SECONDS = 0.05
# The log of each market as this process last read it, so that to look for news costs what is new.
_known: dict[Place, Log] = {}
# The statements that each connection was set up by, so that those which a commit leaves as they are need not be run again.
_shown: WeakKeyDictionary[duckdb.DuckDBPyConnection, frozenset[str]] = WeakKeyDictionary()
# At the very beginning, options of plain words: a comment before or among them may end elsewhere for DuckDB than for a pattern.
_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?:ANALYZE\s+|\([\w\s,]*\)\s*)?", re.IGNORECASE)
# DuckDB takes a PIVOT that finds its values for several statements, in whatever it stands: a COPY of one is told apart by its word.
_READING = re.compile(r"\s*(?:SELECT|FROM|PIVOT)\b", re.IGNORECASE)
_WITHIN = re.compile(r"\s*(?:WITH\b|\()", re.IGNORECASE)
# Comments that end for every reader at the same place: none holds what begins or ends another.
_COMMENTS = re.compile(r"\A(?:\s|--[^\r\n]*\n|/\*[^*/]*\*/)*")


def connect(directory: str | os.PathLike[str] | None = None) -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory with all views of a market at its newest commit; the connection is DuckDB's own object.

    `.sql(query)` gives a relation: `.fetchall()`, `.pl()`, `.df()`, `.arrow()`. Amounts are rupees as DECIMAL, times in India.
    The view `dictionary` tells what every view, column and macro means.
    ConflictError where no market is, CorruptError where a file is not what was committed: Parquet readers would not notice.
    """
    market = market_directory(directory).absolute()
    return integrity.at_newest(market, partial(_opened, market))


def _opened(market: Place, history: Log) -> duckdb.DuckDBPyConnection:
    connection = connected(market, integrity.checked(market, history))
    _known[market] = integrity.still(market, history)
    return connection


def asked(directory: str | os.PathLike[str] | None, question: Callable[[duckdb.DuckDBPyConnection], Answer]) -> Answer:
    """Ask by a connection of its own, as `connect` opens one: again at the newest commit where files of this one went meanwhile."""
    market = market_directory(directory).absolute()

    def ask(history: Log) -> Answer:
        with _opened(market, history) as connection:
            try:
                return question(connection)
            except (QsimError, duckdb.Error):
                # Views look for their files when they are asked: that a vacuum took these is no fault of the question.
                integrity.checked(market, history)
                raise

    return integrity.at_newest(market, ask)


def in_memory() -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory, without a bar of progress and with ASOF joins that sort whatever they expect."""
    connection = duckdb.connect(":memory:")
    # In a notebook without widgets DuckDB refuses even to switch off a bar that is off.
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() != [(False,)]:
        connection.execute("SET enable_progress_bar = false")
    # What it takes for few rows it compares with every row of the other side, and it takes the days of a long market for few.
    connection.execute("SET GLOBAL asof_loop_join_threshold = 0")
    return connection


def connected(market: Place, history: Log) -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory with all views of a market at the commit that a log ends with."""
    connection = in_memory()
    # Files never change under their names, so that what is in their footers holds for every query.
    connection.execute("SET GLOBAL parquet_metadata_cache = true")
    # Of local files it reads ahead what the page index says is not needed.
    connection.execute("SET GLOBAL disable_parquet_prefetching = true")
    connection.execute(ZONE)
    connection.execute(f"SET VARIABLE qsim_market = {quoted(str(market))}")
    _show(connection, market, history)
    return connection


def _show(connection: duckdb.DuckDBPyConnection, market: Place, history: Log) -> None:
    """Set a connection's views up for a commit, all of them or none."""
    scans = Scans()
    # DuckDB has no way of its own to object stores but an extension that is fetched from the network.
    select = scans.select if isinstance(market, ObjectPath) else files
    texts = views.all_statements(market, history, course_of(history), select)
    with _at_home(connection):
        connection.execute("BEGIN")
        try:
            if isinstance(market, ObjectPath):
                register_objects(
                    connection, scans.named, {str(market / file.path): file.bytes for file in history.files}
                )
            run_new(connection, texts, _shown.get(connection, frozenset()))
        except BaseException:
            # Ctrl-C too must not leave the connection in a transaction, which the next refresh would refuse.
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    _shown[connection] = frozenset(texts)
    connection.execute(f"SET VARIABLE qsim_head = {quoted(history.head)}")


@contextmanager
def _at_home(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Have statements act on the market's views, where the user has put a database or schema of their own before them by USE."""
    path = connection.execute("SELECT current_setting('search_path')").fetchall()[0][0]
    connection.execute("USE memory.main")
    try:
        yield
    finally:
        connection.execute(f"SET search_path = {quoted(path)}")


def run_new(connection: duckdb.DuckDBPyConnection, texts: Sequence[str], before: Collection[str]) -> None:
    """Run those statements, in order, that are not among the ones that a connection was set up by before.

    CorruptError where a file that they name cannot be read.
    """
    with files_read():
        for text in texts:
            if text not in before:
                connection.execute(text)


@contextmanager
def files_read() -> Iterator[None]:
    """Tell as CorruptError, in one line, that a file of the market which DuckDB reads cannot be read."""
    try:
        yield
    except duckdb.IOException as fault:
        reason = one_line(str(fault).partition("\n")[0])[:300]
        raise CorruptError(f"a file of the market cannot be read: {reason}; restore it from a copy") from None


def refresh(connection: duckdb.DuckDBPyConnection) -> int:
    """Move a connection that `connect` gave to the market's newest commit, and give the tick it reaches.

    Its cursors move along with it. UsageError for one of these, and for a connection in a transaction.
    """
    if not isinstance(connection, duckdb.DuckDBPyConnection):
        raise refused("connection", connection, "one that qsim.connect gave")
    if _in_transaction(connection):
        raise UsageError(
            "refresh: the connection is in a transaction, which sees one commit; commit or roll back first"
        )
    rows = connection.execute("SELECT getvariable('qsim_market'), getvariable('qsim_head')").fetchall()
    if not rows or rows[0][0] is None:
        raise UsageError(
            "refresh: the connection is not over a market, or is a cursor of one that is, and moves along with that;"
            " allowed is one that qsim.connect gave; name it, or connect again"
        )
    market = place_of(rows[0][0])
    return integrity.at_newest(market, partial(_moved, connection, market, rows[0][1]), _known.get(market)).tick


def _moved(connection: duckdb.DuckDBPyConnection, market: Place, head: str, history: Log) -> Log:
    _known[market] = integrity.checked(market, history)
    if history.head != head:
        _show(connection, market, history)
        integrity.still(market, history)
    return history


def _in_transaction(connection: duckdb.DuckDBPyConnection) -> bool:
    # To begin another would tell too, and abort the one that is open. Outside of one every statement is one of its own.
    try:
        first, second = (connection.execute("SELECT txid_current()").fetchall() for _ in range(2))
    except duckdb.TransactionException:
        return True
    except duckdb.ConnectionException:
        raise UsageError("refresh: the connection is closed; allowed is an open one; connect again") from None
    return first == second


def fetched(
    connection: duckdb.DuckDBPyConnection, query: str, values: list[object] | None = None
) -> tuple[list[str], list[dict[str, Any]]]:
    """Run one query and give its columns and its rows as dictionaries; DuckDB's own error where it refuses it."""

    def run() -> tuple[list[str], list[dict[str, Any]]]:
        # Unlike a relation this is planned once, which is most of the work of a small query.
        done = connection.execute(query, values)
        columns = distinct(column[0] for column in done.description or ())
        return columns, [dict(zip(columns, row, strict=True)) for row in done.fetchall()]

    # No other thread is sent signals.
    return _within_reach(connection, run) if current_thread() is main_thread() else run()


def rows_of(
    connection: duckdb.DuckDBPyConnection, query: str, values: list[object] | None = None
) -> list[dict[str, Any]]:
    """Run one query and give its rows as dictionaries; QsimError in one line where DuckDB refuses it."""
    return _answer(connection, query, values)[1]


def _answer(
    connection: duckdb.DuckDBPyConnection, query: str, values: list[object] | None = None
) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        return fetched(connection, query, values)
    except duckdb.Error as fault:
        raise _refused(fault) from None


def selected(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Run a user's query, which has to be one SELECT or the EXPLAIN of one, and give its columns and rows: a COPY could write over
    the market's files. UsageError for another one.
    """
    kinds, told = _kinds(connection, query), query
    if kinds != [duckdb.StatementType.SELECT]:
        # What is looked at from here on is what is run, wherever DuckDB lets comments end.
        query = told = _COMMENTS.sub("", query, count=1)
        kinds = _kinds(connection, query)
    # EXPLAIN ANALYZE runs what it explains, whatever that is.
    if kinds == [duckdb.StatementType.EXPLAIN] and (explain := _EXPLAIN.match(query)):
        told = query[explain.end() :]
        kinds = _kinds(connection, told)
    if kinds == [duckdb.StatementType.MULTI] and _WITHIN.match(query):
        query = told = _in_a_select(connection, query)
    pivots = kinds == [duckdb.StatementType.MULTI] and _READING.match(query)
    if kinds != [duckdb.StatementType.SELECT] and not pivots:
        _refuse(kinds_named(kinds))
    if word := writing(connection, told):
        _refuse(word, "give a PIVOT its values, ON platform IN ('zepto', 'blinkit')" if pivots else "mend the query")
    return _answer(connection, query)


def _within_reach(connection: duckdb.DuckDBPyConnection, query: Callable[[], Answer]) -> Answer:
    """Run a query in a thread beside the main one, so that Ctrl-C ends it: while DuckDB waits for threads of its own it looks at
    no signals.
    """
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(query)
        try:
            return running.result()
        finally:
            # One that comes before the query has begun ends nothing.
            while not running.done():
                connection.interrupt()
                wait([running], _LOOK_SECONDS)


def _refuse(found: str, mend: str = "mend the query") -> NoReturn:
    raise UsageError(
        f"sql: found {found}; allowed is one SELECT (or DESCRIBE, SUMMARIZE, SHOW, EXPLAIN of one); {mend}"
    )


def _in_a_select(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Put a query in the place of a SELECT's table, where only what reads can stand; as it was where it cannot."""
    inner = query.rstrip().removesuffix(";")
    within = f"SELECT * FROM (\n{inner}\n)"
    try:
        return within if len(connection.extract_statements(within)) == 1 else query
    except duckdb.Error:
        return query


def _kinds(connection: duckdb.DuckDBPyConnection, query: str) -> list[duckdb.StatementType]:
    try:
        return [statement.type for statement in connection.extract_statements(query)]
    except duckdb.Error as fault:
        raise _refused(fault) from None


def _refused(fault: duckdb.Error) -> QsimError:
    return QsimError(failure(" ".join(str(fault).split())))
