"""The prices of now as columns in memory: a commit's, made from those before it by what changed alone.

A column holds the state in whole numbers, by listing. Nothing changes once it is made, so that who reads needs no lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np

from qsim.arrays import Mask
from qsim.queries.goods import Goods, Ints, goods_of
from qsim.queries.moment import Moment
from qsim.schema import DELIVERIES, EVENTS, FEES, ORDERS, Table
from qsim.storage import tables

# What an event leaves behind: columns of the state by those of events.
AFTER = {
    "price_paise": "price_after_paise", "regular_price_paise": "regular_price_paise", "discount_bps": "discount_bps",
    "surge_fee_paise": "surge_fee_paise", "updated_tick": "tick",
}  # fmt: skip
STATE = (*AFTER, "stock")
_FEE = ("tick", "store_id", "fee_paise")
# What moves stock, up or down.
MOVES = ((DELIVERIES, 1), (ORDERS, -1))


@dataclass(frozen=True, eq=False)
class Now:
    """The prices of a commit: the columns of STATE with an entry for each listing, all changes of the fee of an order at dark stores
    in the order of their ticks (tick, store_id, fee_paise), and until when each campaign goes on that runs.
    """

    market: Path
    moment: Moment
    goods: Goods
    columns: Mapping[str, Ints]
    fees: Mapping[str, Ints]
    ends: Mapping[int, datetime]

    @cached_property
    def order_fees(self) -> Ints:
        """Give the fee of an order at each dark store, in paise."""
        return self.order_fees_at(self.moment.tick)

    def order_fees_at(self, tick: int) -> Ints:
        """Give the fee of an order at each dark store as of a tick, in paise: the last change at or before it."""
        found = np.zeros(self.goods.per, np.int64)
        until = int(np.searchsorted(self.fees["tick"], tick, side="right"))
        found[self.fees["store_id"][:until]] = self.fees["fee_paise"][:until]
        return found

    @cached_property
    def is_open(self) -> Mask:
        """Tell for each dark store whether its platform takes orders."""
        return np.array([store.platform not in self.moment.closed for store in self.goods.known.stores], np.bool_)

    def is_on_sale(self, listings: Ints) -> Mask:
        """Tell which of these listings are in stock, of a platform that takes orders, and not taken off sale."""
        on_sale: Mask = (self.columns["stock"][listings] > 0) & self.goods.is_active[listings // self.goods.per]
        return on_sale & self.is_open[listings % self.goods.per] if self.moment.closed else on_sale

    def of(self, listings: Ints) -> dict[str, Ints]:
        """Give the state of these listings, by column."""
        return {name: values[listings] for name, values in self.columns.items()}


def now_of(connection: duckdb.DuckDBPyConnection, market: Path, moment: Moment) -> Now:
    """Read the prices of now from a connection that sees a market at its newest commit."""
    goods = goods_of(connection)
    fees = connection.execute(f"SELECT {', '.join(_FEE)} FROM raw.fees ORDER BY tick").fetchnumpy()
    query = f"SELECT {', '.join(f'{name}::INTEGER AS {name}' for name in STATE)} FROM raw.state ORDER BY listing_id"
    columns = {name: np.asarray(values) for name, values in connection.execute(query).fetchnumpy().items()}
    return Now(
        market, moment, goods, columns, {name: np.asarray(fees[name]) for name in _FEE}, _ends(connection, moment)
    )


def moved_on(now: Now, connection: duckdb.DuckDBPyConnection, moment: Moment) -> Now:
    """Make the prices of a later commit from those of an earlier one and what was written since."""
    since, fees = now.moment.tick, now.fees
    columns = {name: values.copy() for name, values in now.columns.items()}
    for events in _written(now.market, moment, EVENTS, since, ("listing_id", *AFTER.values())):
        # Of several events of a listing the last one stays.
        order = np.argsort(events["tick"], kind="stable")
        listings = events["listing_id"][order]
        for name, column in AFTER.items():
            columns[name][listings] = events[column][order]
    for table, sign in MOVES:
        for moves in _written(now.market, moment, table, since, ("listing_id", "units")):
            np.add.at(columns["stock"], moves["listing_id"], sign * moves["units"].astype(np.int32))
    for later in _written(now.market, moment, FEES, since, _FEE):
        fees = {name: np.concatenate([fees[name], later[name]]) for name in _FEE}
    return Now(now.market, moment, now.goods, columns, fees, _ends(connection, moment))


def _written(
    market: Path, moment: Moment, table: Table, since: int, columns: Sequence[str]
) -> Iterator[dict[str, Ints]]:
    """Give what was written to a table after a tick, file by file, the older first."""
    names = list(dict.fromkeys(("tick", *columns)))
    for file in moment.tables.get(table.name, ()):
        if file.last > since:
            found = tables.read(market, [file], names)
            part = {name: found.column(name).to_numpy() for name in names}
            later = part["tick"] > since
            yield {name: values[later] for name, values in part.items()}


def _ends(connection: duckdb.DuckDBPyConnection, moment: Moment) -> dict[int, datetime]:
    return dict(
        connection.execute(
            """SELECT campaign_id, max(ends_at) FROM raw.campaign_times WHERE starts_at <= $1 AND ends_at > $1
                GROUP BY campaign_id""",
            [moment.datetime_of(moment.tick)],
        ).fetchall()
    )
