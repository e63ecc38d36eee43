"""The SQL of files as views, and of the state of prices, stock and fees: now, and as of a tick.

A state is the last snapshot overlaid with what was written since. Parts that a market has no files for (orders,
deliveries, fees) are left out of the texts, so that they cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qsim.queries.texts import HALF, duckdb_type, files, percent, rupees
from qsim.schema import CATALOG, DELIVERIES, EVENTS, FEES, HISTORY, ORDERS, SNAPSHOTS, STORES, Table
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place

if TYPE_CHECKING:
    from qsim.queries.texts import Select, SelectHere


# As many files as a million listings have, which is how many DuckDB joins by place.
_SNAPSHOT_FILES_APART = 16
# Half of what 32 bits hold, added so that no value is below 0.
_MIDDLE = 1 << 31


def has(log: Log, *tables: Table) -> bool:
    """Tell whether a market has files of any of these tables."""
    return any(log.of_table(table.name) for table in tables)


def raw_views(market: Place, log: Log, select: Select = files) -> list[str]:
    """Views of the tables as their files hold them, in the schema `raw`; of the opening and of the newest state alone."""
    ticks = sorted({file.last for file in log.of_table(SNAPSHOTS.name)})

    def view(name: str, table: Table, named: Sequence[DataFile]) -> str:
        return f"CREATE OR REPLACE VIEW raw.{name} AS {select(market, table, named)}"

    def snapshot(tick: int) -> list[DataFile]:
        return [file for file in log.of_table(SNAPSHOTS.name) if file.last == tick]

    def apart(named: Sequence[DataFile]) -> str:
        # DuckDB knows the range of the ids in one file, not in several, and joins by place where it knows it.
        if select is not files or len(named) > _SNAPSHOT_FILES_APART:
            return select(market, SNAPSHOTS, named)
        return " UNION ALL ".join(files(market, SNAPSHOTS, [file]) for file in named)

    def later(table: Table) -> list[DataFile]:
        return [file for file in log.of_table(table.name) if file.last > ticks[-1]]

    return [
        *(view(table.name, table, log.of_table(table.name)) for table in (*CATALOG, *HISTORY)),
        view("opening", SNAPSHOTS, snapshot(ticks[0])),
        f"CREATE OR REPLACE VIEW raw.newest_snapshot AS {apart(snapshot(ticks[-1]))}",
        *(view(f"newest_{table.name}", table, later(table)) for table in (EVENTS, ORDERS, DELIVERIES)),
        f"CREATE OR REPLACE VIEW raw.moves AS {_moves('raw.orders', 'raw.deliveries')}",
        f"CREATE OR REPLACE VIEW raw.newest_moves AS {_moves('raw.newest_orders', 'raw.newest_deliveries')}",
        *_states(
            f"list_max(list_filter({ticks}, lambda tick: tick <= t))",
            ticks[-1],
            "raw.newest_events" if later(EVENTS) else "",
            has(log, ORDERS, DELIVERIES),
        ),
    ]


def _moves(orders: str, deliveries: str) -> str:
    """What the stock of listings gained (positive) and lost (negative) at each tick."""
    return f"""SELECT tick, listing_id, units::INTEGER AS units FROM {deliveries} WHERE units > 0
        UNION ALL SELECT tick, listing_id, -(units::INTEGER) FROM {orders} WHERE units > 0"""


def _states(known: str, newest: int, newest_events: str, moving: bool) -> list[str]:
    now, then = f"tick > {newest}", "tick > raw.snapshot_before(t) AND tick <= t"
    past = "raw.snapshots WHERE tick = raw.snapshot_before(t)"
    moved = (_moved("raw.newest_moves", now), _moved("raw.moves", then)) if moving else ("", "")
    return [
        f"CREATE OR REPLACE MACRO raw.snapshot_before(t) AS {known}",
        f"CREATE OR REPLACE VIEW raw.state AS {_state('raw.newest_snapshot', newest_events, now, moved[0])}",
        f"CREATE OR REPLACE MACRO raw.state_at(t) AS TABLE {_state(past, 'raw.events', then, moved[1])}",
        f"CREATE OR REPLACE VIEW raw.stock AS {_stock('raw.newest_snapshot', moved[0])}",
        f"CREATE OR REPLACE MACRO raw.stock_at(t) AS TABLE {_stock(past, moved[1])}",
    ]


def _moved(moves: str, during: str) -> str:
    return f"""LEFT JOIN (SELECT listing_id, sum(units)::INTEGER AS units FROM {moves} WHERE {during}
        GROUP BY listing_id) AS moved USING (listing_id)"""


def _on_hand(moved: str) -> str:
    return "base.stock::INTEGER" + (" + coalesce(moved.units, 0)" if moved else "")


def _stock(snapshot: str, moved: str) -> str:
    return f"SELECT base.listing_id, {_on_hand(moved)} AS stock FROM (SELECT * FROM {snapshot}) AS base {moved}"


def state_between(base: str, since: int, until: int, log: Log, where: str, select: SelectHere) -> str:
    """Write the state as of a tick, `until`, from what holds the state at an earlier one and what was written between.

    Args:
        base: What to select the earlier state from.
        since: Its tick.
        until: The tick wanted.
        log: The log that names the files of the market.
        where: A condition on `listing_id`; other listings are left out.
        select: Writes the SELECT of files of a table.
    """

    def written(table: Table) -> str:
        named = [file for file in log.of_table(table.name) if file.last > since and file.first <= until]
        return f"({select(table, named)})"

    during = f"tick > {since} AND tick <= {until} AND {where}"
    moves = f"({_moves(written(ORDERS), written(DELIVERIES))})"
    moved = _moved(moves, during) if has(log, ORDERS, DELIVERIES) else ""
    return _state(f"{base} WHERE {where}", written(EVENTS), during, moved)


def prices_as_of(tick: int, market: Place, log: Log, snapshot: Sequence[DataFile]) -> str:
    """Write the rows of `prices` as of a tick from the files of the snapshot before it and of what was written since."""
    base = f"({files(market, SNAPSHOTS, snapshot)})"
    state = f"({state_between(base, snapshot[0].last, tick, log, 'true', partial(files, market))})"
    return _prices(_numbered(state, log), _fees(str(tick)) if has(log, FEES) else "")


def _state(snapshot: str, events: str, during: str, moved: str) -> str:
    """The last snapshot overlaid with the last event of each listing since, and with what moved its stock.

    `events` is empty where there were none since.
    """
    columns = {
        "price_paise": "price_after_paise", "regular_price_paise": "regular_price_paise", "discount_bps": "discount_bps",
        "surge_bps": "surge_bps", "surge_fee_paise": "surge_fee_paise", "updated_tick": "tick",
    }  # fmt: skip
    # The greatest of numbers with the tick in front is the last one, found several times faster than by max_by, and
    # what a query does not ask for is not read.
    last = ", ".join(f"max((tick::BIGINT << 32) + {source} + {_MIDDLE}) AS {name}" for name, source in columns.items())
    value = (
        f"coalesce((change.{{name}} & {2 * _MIDDLE - 1}) - {_MIDDLE}, base.{{name}})::{{kind}} AS {{name}}"
        if events
        else "base.{name}"
    )
    chosen = ", ".join(value.format(name=name, kind=duckdb_type(SNAPSHOTS, name)) for name in columns)
    change = f"""LEFT JOIN (SELECT listing_id, {last} FROM {events} WHERE {during} GROUP BY listing_id) AS change
        USING (listing_id)"""
    return f"""
        SELECT base.listing_id, {chosen}, {_on_hand(moved)} AS stock
        FROM (SELECT * FROM {snapshot}) AS base {change if events else ""} {moved}"""


def _numbered(state: str, log: Log) -> str:
    """The state with the names of each listing, whose number tells its product and its dark store."""
    stores = sum(file.rows for file in log.of_table(STORES.name))
    return f"""(SELECT * FROM {state} AS s JOIN raw.goods AS g ON g.product_id = (s.listing_id // {stores})::UINTEGER
        JOIN raw.doors AS d ON d.store_id = (s.listing_id % {stores})::UINTEGER)"""


def _prices(named: str, fees: str) -> str:
    """The rows of `prices` from the state with the names of each listing, and the fees of its dark store."""
    order_fee = "coalesce(f.fee_paise, 0)" if fees else "0"
    # Loose goods have no printed MRP: the one shown lies their permanent discount above the regular price and moves with it, and
    # is never below the price.
    rest = "(10000 - n.mrp_discount_bps::BIGINT)"
    moves = f"((20000 * n.regular_price_paise::BIGINT + {rest}) // (2 * {rest}))"
    shown = f"CASE WHEN n.mrp > 0 OR n.mrp_discount_bps > 0 THEN greatest({moves}, n.price_paise::BIGINT) END"
    mrp = f"(CASE WHEN n.is_loose THEN {shown} ELSE (100 * n.mrp)::BIGINT END)"
    # Halves go up in whole numbers: most decimal fractions have no double, and halves of them would go either way.
    off_mrp = f"((20000 * ({mrp} - n.price_paise) + {mrp}) // (2 * {mrp}))"
    unit_price = f"floor(n.price_paise / nullif(n.pack_units, 0) + {HALF})::BIGINT"
    return f"""
        SELECT n.listing_id, n.product_id, n.product, n.brand, n.category, n.subcategory, n.pack, n.platform, n.store_id,
            n.city, n.pincode, {rupees(mrp)} AS mrp, {rupees("n.regular_price_paise")} AS regular_price,
            {rupees("n.price_paise")} AS price, {percent("n.discount_bps")} AS discount_pct,
            {percent(off_mrp)} AS off_mrp_pct, {rupees(unit_price, 18)} AS unit_price, n.unit,
            {rupees(f"(n.surge_fee_paise::INTEGER + {order_fee})")} AS surge_fee, n.stock, n.stock > 0 AS in_stock,
            n.is_loose, n.is_active, tick_time(n.updated_tick) AS updated_at, {rupees(order_fee)} AS order_fee
        FROM {named} AS n {fees}"""


def _fees(until: str) -> str:
    """The fee of an order at each dark store as of a tick: the last change at or before it."""
    return f"""LEFT JOIN (SELECT store_id, max_by(fee_paise, tick) AS fee_paise FROM raw.fees WHERE tick <= {until}
        GROUP BY store_id) AS f ON f.store_id = n.store_id"""


def _inventory(stock: str) -> str:
    return f"""
        SELECT listing_id, product_id, platform, store_id, stock, least(reserved::INTEGER, stock) AS reserved,
            reorder_level::INTEGER AS reorder_level, target_stock::INTEGER AS target_stock,
            CASE WHEN stock = 0 THEN 'out_of_stock' WHEN stock <= reorder_level THEN 'low_stock'
            ELSE 'in_stock' END AS status
        FROM {stock} JOIN raw.named USING (listing_id)"""


def price_views(log: Log) -> list[str]:
    """Prices and stock now, and the macros `prices_at(ts)`, `price_of(name, ts)` and `inventory_at(ts)`.

    As of a time after the newest tick they give what holds now, and before the start what a market opened with.
    """
    now, then = (_fees(until) if has(log, FEES) else "" for until in ("raw.head_tick()", "tick_at(ts)"))
    # Of the past mostly some listings are asked for, which files are searched for by their ids and not by what these tell.
    past = "(SELECT * FROM raw.state_at(tick_at(ts)) JOIN raw.named USING (listing_id))"
    return [
        f"CREATE OR REPLACE VIEW prices AS {_prices(_numbered('raw.state', log), now)}",
        f"CREATE OR REPLACE MACRO prices_at(ts) AS TABLE {_prices(past, then)}",
        "CREATE OR REPLACE MACRO price_of(name, ts) AS TABLE SELECT * FROM prices_at(ts) WHERE product = name",
        f"CREATE OR REPLACE VIEW inventory AS {_inventory('raw.stock')}",
        f"CREATE OR REPLACE MACRO inventory_at(ts) AS TABLE {_inventory('raw.stock_at(tick_at(ts))')}",
    ]
