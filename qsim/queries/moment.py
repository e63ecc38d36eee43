"""Where a market stands at a commit: its log, its clock, and which files may hold what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from qsim import clock
from qsim.clock import Epoch
from qsim.runs.epochs import course_of
from qsim.runs.worlds import block_products
from qsim.schema import Table
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile


@dataclass(frozen=True)
class Moment:
    """Where a market stands at a commit: the log up to it, its epochs, the products of a block, and the platforms that take no
    orders.
    """

    log: Log
    start: date
    epochs: tuple[Epoch, ...]
    products_per_block: int
    closed: frozenset[str] = frozenset()

    @property
    def commit(self) -> int:
        """Give the number of the commit."""
        return self.log.number

    @property
    def tick(self) -> int:
        """Give the tick that the market has reached."""
        return self.log.tick

    @cached_property
    def market(self) -> str:
        """Give the hash of the market's settings, which tells it from markets that are made of others."""
        return next(file.sha256 for file in self.log.files if file.table == "settings")

    @cached_property
    def without_files(self) -> Moment:
        """Give the same without its files, for what is kept long: there may be thousands, and each commit has a list of its own."""
        return replace(self, log=replace(self.log, files=(), retired=()))

    @cached_property
    def tables(self) -> dict[str, list[DataFile]]:
        """Give the files of each table, in the order of their ticks and blocks."""
        found: dict[str, list[DataFile]] = {}
        for file in sorted(self.log.files, key=lambda file: (file.first, file.block)):
            found.setdefault(file.table, []).append(file)
        return found

    @cached_property
    def counts(self) -> dict[str, int]:
        """Count the rows of each table."""
        return {table: sum(file.rows for file in named) for table, named in self.tables.items()}

    def rows(self, table: str) -> int:
        """Count the rows of a table."""
        return self.counts.get(table, 0)

    def files(self, table: Table, product: int | None, first: int, last: int) -> list[DataFile]:
        """Give the files of a table that may hold rows of the ticks first..last, of a product alone where one is named."""
        named = [file for file in self.tables.get(table.name, ()) if file.last >= first and file.first <= last]
        if product is None:
            return named
        # A file holds blocks from its first up to the next file's of the same ticks.
        block = product // self.products_per_block
        holding = {(file.first, file.last): file for file in named if file.block <= block}
        return list(holding.values())

    def datetime_of(self, tick: int) -> datetime:
        """Tell the time in India at which a tick falls."""
        return clock.timestamp(self.start, clock.epoch_of(self.epochs, tick).second_of(tick))

    def time_of(self, tick: int) -> str:
        """Write the time in India at which a tick falls."""
        return self.datetime_of(tick).isoformat(" ")

    def place(self, tick: int | None = None) -> dict[str, Any]:
        """Give the commit that an answer is of, and the tick that it is as of, with its market time."""
        tick = self.tick if tick is None else tick
        return {"commit": self.commit, "tick": tick, "market_time": self.time_of(tick)}

    def tick_at(self, time: datetime) -> int:
        """Tell the last tick at or before a time in India, which may lie before the market's start or after its end."""
        second = int((time - datetime(self.start.year, self.start.month, self.start.day)).total_seconds() // 1)
        return clock.tick_at(self.epochs, second)


def moment_of(history: Log) -> Moment:
    """Tell where a market stands at the commit that a log ends with."""
    course = course_of(history)
    opening = course.parameters[0]
    closed = frozenset(course.at(history.tick)[1].demand.closed)
    return Moment(history, clock.parse_start(opening.start), course.epochs, block_products(opening), closed)
