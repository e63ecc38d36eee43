"""The prices of now as columns in memory: a commit's, made from those before it by what changed alone.

A column holds the view `prices` in whole numbers, by listing: paise, hundredths of a percent, units, seconds. What the numbers
are is said in `state_views` alone; here they are put side by side. Nothing changes once it is made, so that who reads needs no lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np

from qsim.queries import state_views
from qsim.queries.goods import NONE, Bools, Goods, Ints, goods_of
from qsim.queries.moment import Moment
from qsim.queries.texts import files
from qsim.schema import FEES
from qsim.storage.places import Place

# Of `prices` without the fees of orders: the surge fee is then the item's own.
_COLUMNS = {
    "price": "(100 * price)::INTEGER", "regular_price": "(100 * regular_price)::INTEGER", "mrp": "(100 * mrp)::INTEGER",
    "discount_pct": "(100 * discount_pct)::INTEGER", "off_mrp_pct": "(100 * off_mrp_pct)::INTEGER",
    "unit_price": "(100 * unit_price)::BIGINT", "item_fee": "(100 * surge_fee)::INTEGER", "stock": "stock::INTEGER",
    "updated_at": "date_diff('second', TIMESTAMP '1970-01-01', updated_at)",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Now:
    """The prices of a commit: columns by name with an entry for each listing, the fee of an order at each dark store in paise, and
    until when each campaign goes on that runs.
    """

    moment: Moment
    goods: Goods
    columns: Mapping[str, Ints]
    order_fees: Ints
    ends: Mapping[int, datetime]

    def of_products(self, name: str) -> Ints:
        """Give a column as a table: a row for each product, a column for each dark store."""
        return self.columns[name].reshape(self.goods.count, self.goods.per)

    def is_on_sale(self, listings: Ints) -> Bools:
        """Tell which of these listings are in stock and not taken off sale."""
        on_sale: Bools = (self.columns["stock"][listings] > 0) & self.goods.is_active[listings // self.goods.per]
        return on_sale

    def surge_fees(self, listings: Ints) -> Ints:
        """Give the surge fees of these listings in paise: the items' own and those of an order at their dark stores."""
        return np.asarray(self.columns["item_fee"][listings] + self.order_fees[listings % self.goods.per])


def now_of(connection: duckdb.DuckDBPyConnection, market: Place, moment: Moment) -> Now:
    """Read the prices of now from a connection that sees a market at its newest commit."""
    goods = goods_of(connection)
    fees = np.zeros(goods.per, np.int32)
    _put_fees(connection, fees, market, moment, -1)
    columns = _read(connection, "raw.state")
    del columns["listing_id"]
    return Now(moment, goods, columns, fees, _ends(connection, moment))


def moved_on(now: Now, connection: duckdb.DuckDBPyConnection, market: Place, moment: Moment, moved: str) -> Now:
    """Make the prices of a later commit from those of an earlier one; `moved` selects the ids of the listings that may differ."""
    fees = now.order_fees.copy()
    _put_fees(connection, fees, market, moment, now.moment.tick)
    changed = _read(connection, f"(SELECT * FROM raw.state WHERE listing_id IN ({moved}))")
    columns = {name: values.copy() for name, values in now.columns.items()}
    listings = changed.pop("listing_id")
    for name, values in changed.items():
        columns[name][listings] = values
    return Now(moment, now.goods, columns, fees, _ends(connection, moment))


def _read(connection: duckdb.DuckDBPyConnection, state: str) -> dict[str, Ints]:
    columns = ", ".join(f"coalesce({value}, {NONE}) AS {name}" for name, value in _COLUMNS.items())
    found = connection.execute(
        f"SELECT listing_id, {columns} FROM ({state_views.item_prices(state)}) ORDER BY listing_id"
    ).fetchnumpy()
    return {name: np.asarray(values) for name, values in found.items()}


def _put_fees(connection: duckdb.DuckDBPyConnection, fees: Ints, market: Place, moment: Moment, since: int) -> None:
    """Put the fees of an order in the place of those of a tick, in paise by dark store."""
    later = [file for file in moment.log.of_table(FEES.name) if file.last > since]
    if later:
        source = f"({files(market, FEES, later)})"
        for store, fee in connection.execute(state_views.fees_by_store(source, str(moment.tick))).fetchall():
            fees[store] = fee


def _ends(connection: duckdb.DuckDBPyConnection, moment: Moment) -> dict[int, datetime]:
    return dict(
        connection.execute(
            """SELECT campaign_id, max(ends_at) FROM raw.campaign_times WHERE starts_at <= $1 AND ends_at > $1
                GROUP BY campaign_id""",
            [datetime.fromisoformat(moment.time_of(moment.tick))],
        ).fetchall()
    )
