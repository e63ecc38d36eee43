"""What a table is: columns with types and meaning, key, and named rules; and why a listing changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class Cause(IntEnum):
    """Why a listing changed at a tick. Where several things happen at once, the first of them in this order, but sales
    and clearances, then repricings, rivals and stock come before what the clock drives.
    """

    SURGE_START = 1
    SURGE_END = 2
    DISCOUNT_START = 3
    DISCOUNT_END = 4
    UPDATE = 5
    CAMPAIGN_START = 6
    CAMPAIGN_END = 7
    TIME_OF_DAY = 8
    REPRICE = 9
    CLEARANCE = 10
    RIVAL_MATCH = 11
    RIVAL_RELEASE = 12
    STOCK_OUT = 13
    RESTOCK = 14


CAMPAIGN_KINDS = ("flash", "weekday", "category", "time_of_day", "bulk")


@dataclass(frozen=True, eq=False)
class Table:
    """A table: its columns as name -> (type, meaning), the columns of its key, and its rules as name -> SQL."""

    name: str
    columns: dict[str, tuple[str, str]]
    key: tuple[str, ...]
    rules: dict[str, str] = field(default_factory=dict)

    def arrow(self) -> pa.Schema:
        """Give the pyarrow schema of the table's files; every field is non-null."""
        import pyarrow as pa

        types = {"string": pa.string(), "bool": pa.bool_()}
        return pa.schema(
            [
                pa.field(name, types.get(kind) or getattr(pa, kind)(), nullable=False)
                for name, (kind, _) in self.columns.items()
            ]
        )
