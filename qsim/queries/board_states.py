"""The states of a market that boards are counted from: as of any tick, one built on another, kept in memory.

History does not change, so the state as of a tick is made once: it is the nearest earlier state (one made before, or a
snapshot) overlaid with what was written since, read from the files of these ticks alone. Where that is much, the state
is of every n-th product: such a sample has no more of one shelf than of another, and boards tell that they are of it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from qsim import clock
from qsim.errors import UsageError
from qsim.queries.connection import fetched, files_read, in_memory, rows_of
from qsim.queries.scans import select_for
from qsim.queries.state_views import state_between
from qsim.queries.texts import letters_of
from qsim.runs.epochs import course_of
from qsim.schema import EVENTS, FEES, LISTINGS, PLATFORMS, PRODUCTS, SNAPSHOTS, STORES, Table
from qsim.simulation import Course
from qsim.storage.log import Log
from qsim.storage.places import Place

if TYPE_CHECKING:
    from qsim.queries.texts import SelectHere

HOURS_SHOWN = 24
# Events that one state may have to read; beyond it is of every n-th product, these many of them.
_MOST_EVENTS = 2_000_000
SAMPLED_PRODUCTS = 4_000
_KEPT = 4


@dataclass
class Boards:
    """A market as boards see it: the log as read last, its catalog in memory, and the states made so far; for one thread.

    `select` writes the SELECT of files of a table, which the connection can read; `states` maps (tick, step) to the table that
    holds every step-th product's state, the one used last at the end.
    """

    connection: duckdb.DuckDBPyConnection
    select: SelectHere
    log: Log
    course: Course
    products: int
    per_product: int
    states: OrderedDict[tuple[int, int], str] = field(default_factory=OrderedDict)
    hours: dict[tuple[int, int], list[dict[str, Any]]] = field(default_factory=dict)


@files_read()
def open_boards(market: Place, history: Log) -> Boards:
    """Load a market's catalog for boards; CorruptError where a file of it that the log names cannot be read."""
    connection = in_memory()
    # Whatever the machine, the rest of it stays free for the writer and for other questions.
    connection.execute("SET threads = 2")
    select = select_for(connection, market)

    def table(name: Table) -> str:
        return f"({select(name, history.of_table(name.name))})"

    connection.execute(f"""
        CREATE TABLE platforms AS SELECT platform_id, platform, name FROM {table(PLATFORMS)};
        CREATE TABLE products AS SELECT product_id, product, brand, category, subcategory, pack, is_loose, is_active,
            volatility_group, base_price_paise, if(is_loose, 0, mrp_paise) AS mrp_paise,
            {letters_of("product || ' ' || brand || ' ' || pack")} AS words FROM {table(PRODUCTS)};
        CREATE TABLE stores AS SELECT store_id, platform_id, city, area AS locality,
            row_number() OVER (PARTITION BY platform_id ORDER BY store_id)::INTEGER - 1 AS area FROM {table(STORES)};
        CREATE TYPE shelf AS ENUM (SELECT DISTINCT category FROM products ORDER BY category);
        CREATE TABLE listings AS SELECT l.listing_id, l.product_id, l.platform_id, s.area, p.category::shelf AS category
            FROM {table(LISTINGS)} AS l JOIN stores AS s USING (store_id) JOIN products AS p USING (product_id)
            WHERE p.is_active ORDER BY listing_id""")
    counts = "SELECT (SELECT count(*) FROM products) AS products, (SELECT count(*) FROM stores) AS per_product"
    return Boards(connection, select, history, course_of(history), **rows_of(connection, counts)[0])


def moved_on(boards: Boards, history: Log) -> None:
    """Take over a newer log of the same market; what was made of ticks stays, as history does not change."""
    boards.log, boards.course = history, course_of(history)


def query(boards: Boards, text: str, values: list[object] | None = None) -> list[dict[str, Any]]:
    """Run one query over the catalog and the states, and give its rows."""
    with files_read():
        return fetched(boards.connection, text, values)[1]


def tick_of(boards: Boards, as_of: int | None) -> int:
    """Give the tick that a board is asked for; the head of the market where none is named, UsageError beyond it."""
    head = boards.log.tick
    if as_of is None:
        return head
    if not 0 <= as_of <= head:
        raise UsageError(f"as_of: found {as_of}; this market has the ticks 0 to {head}; take one of them")
    return as_of


def second_of(boards: Boards, tick: int) -> int:
    """Tell the market second of a tick."""
    return clock.epoch_of(boards.course.epochs, tick).second_of(tick)


def stamp(boards: Boards, tick: int) -> int:
    """Tell when a tick falls, in seconds of 1970 on a clock in India."""
    start = clock.parse_start(boards.course.parameters[0].start)
    since = datetime(start.year, start.month, start.day) - datetime(1970, 1, 1)
    return int(since.total_seconds()) + second_of(boards, tick)


def told_of(boards: Boards, tick: int, step: int = 1) -> dict[str, Any]:
    """Tell what a board is of: the tick, its time, and how many products were counted where it is of a sample."""
    kept = None if step == 1 else -(-boards.products // step)
    return {"tick": tick, "time": stamp(boards, tick), "sample": kept, "of_products": boards.products}


def tick_before(boards: Boards, second: int) -> int:
    """Tell the last tick at or before a market second, at least 0."""
    return min(boards.log.tick, max(0, clock.tick_at(boards.course.epochs, second)))


def written(boards: Boards, table: Table, since: int, until: int) -> str:
    """Write the SELECT of a table's rows with since < tick <= until, from the files that have such ticks."""
    named = [file for file in boards.log.of_table(table.name) if file.last > since and file.first <= until]
    return f"(SELECT * FROM ({boards.select(table, named)}) WHERE tick > {since} AND tick <= {until})"


def order_fees(boards: Boards, tick: int) -> str:
    """Write the SELECT of the order fees at a tick of the dark stores that ever had one: store_id and order_fee_paise."""
    return f"""(SELECT store_id, max_by(fee_paise, tick) AS order_fee_paise FROM {written(boards, FEES, -1, tick)}
        GROUP BY store_id)"""


def stock_moves(course: Course) -> bool:
    """Tell whether a market has customers, who take its stock."""
    return any(of.demand.level and any(of.demand.a_day.values()) for of in course.parameters)


def _snapshots(boards: Boards) -> list[int]:
    return sorted({file.last for file in boards.log.of_table(SNAPSHOTS.name)})


def _base(boards: Boards, tick: int, step: int) -> tuple[int, str]:
    """Find the newest state at or before a tick that is there for every step-th product: its tick and where it is."""
    snapshot = max(at for at in _snapshots(boards) if at <= tick)
    # A state of every product holds those of every n-th too.
    made = [(at, name) for (at, of), name in boards.states.items() if of in (1, step) and snapshot < at <= tick]
    if made:
        return max(made)
    named = [file for file in boards.log.of_table(SNAPSHOTS.name) if file.last == snapshot]
    return snapshot, f"({boards.select(SNAPSHOTS, named)})"


def events_between(boards: Boards, since: int, until: int) -> float:
    """Estimate how many events were written in since < tick <= until."""
    total = 0.0
    for file in boards.log.of_table(EVENTS.name):
        shared = min(file.last, until) - max(file.first - 1, since)
        if shared > 0:
            total += file.rows * shared / (file.last - file.first + 1)
    return total


def sample_step(boards: Boards) -> int:
    """Give the n of the every n-th product that a sample of this market has."""
    return max(1, boards.products // SAMPLED_PRODUCTS)


def step_for(boards: Boards, *ticks: int) -> int:
    """Tell whether the states of these ticks are of every product (1) or of every n-th (n), as these cost too much."""
    heavy = any(events_between(boards, _base(boards, tick, 1)[0], tick) > _MOST_EVENTS for tick in ticks)
    return sample_step(boards) if heavy else 1


def sampled(boards: Boards, step: int) -> str:
    """Write the condition that keeps every step-th product."""
    return f"listing_id % {boards.per_product * step} < {boards.per_product}" if step > 1 else "true"


def state(boards: Boards, tick: int, step: int = 1) -> str:
    """Give the name of the table that holds every step-th product's listings as of a tick; make it where it is not there.

    Columns: listing_id, price_paise, regular_price_paise, discount_bps, surge_bps, surge_fee_paise, updated_tick, stock.
    """
    key = (tick, step)
    if key in boards.states:
        boards.states.move_to_end(key)
        return boards.states[key]
    since, base = _base(boards, tick, step)
    name = f"state_{tick}_{step}"
    text = state_between(base, since, tick, boards.log, sampled(boards, step), boards.select)
    with files_read():
        boards.connection.execute(f"CREATE TABLE {name} AS {text}")
    boards.states[key] = name
    # Samples and whole states make way for their like: the hours of a day are many samples.
    if len(alike := [kept for kept in boards.states if kept[1] == step]) > _KEPT:
        boards.connection.execute(f"DROP TABLE {boards.states.pop(alike[0])}")
    return name
