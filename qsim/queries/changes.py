"""Changes of prices in the order in which they happened, each as JSON, for those who follow a market."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qsim.queries.connection import rows_of
from qsim.queries.goods import Goods, Ints
from qsim.queries.served import Reading
from qsim.queries.texts import CAUSES, files, percent, rupees
from qsim.schema import EVENTS, FEES

Position = tuple[int, int]


class Filter(NamedTuple):
    """What somebody wants of the changes: those of a platform, of a product; None is all."""

    platform: str | None = None
    product_id: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change: where it stands in the order (tick, listing_id), the product and platform that it is of, and its JSON."""

    tick: int
    listing_id: int
    product_id: int
    platform: str
    text: str


class Fee(NamedTuple):
    """The order fee that a dark store of a platform has come to, as JSON."""

    platform: str
    text: str


def fees(reading: Reading, position: Position) -> list[Fee]:
    """Give the newest order fee of each dark store where it has changed since the tick of a position, by store."""
    first = position[0]
    later = [file for file in reading.moment.log.of_table(FEES.name) if file.last >= first]
    if not later:
        return []
    rows = rows_of(
        reading.connection,
        f"""SELECT s.platform, to_json(struct_pack(tick := f.tick, ts := strftime(tick_time(f.tick), '%Y-%m-%d %H:%M:%S'),
            store_id := s.store_id, platform := s.platform, city := s.city, order_fee := {rupees("f.fee_paise")},
            is_raining := f.is_raining))::VARCHAR AS text
        FROM (SELECT * FROM ({files(reading.market, FEES, later)}) WHERE tick >= {first}
            QUALIFY row_number() OVER (PARTITION BY store_id ORDER BY tick DESC) = 1) AS f
        JOIN stores AS s USING (store_id) ORDER BY s.store_id""",
    )
    return [Fee(**row) for row in rows]


def rows_since(reading: Reading, position: Position) -> int:
    """Count the rows of the files that hold what came at or after a position: what `since` has to look at."""
    return sum(file.rows for file in reading.moment.log.of_table(EVENTS.name) if file.last >= position[0])


def since(reading: Reading, position: Position, most: int) -> tuple[list[Change], int]:
    """Give the changes at or after a position (tick, listing_id) in order, the newest `most`, and how many there are in all."""
    source = _source(reading, position)
    if source is None:
        return [], 0
    counted = rows_of(reading.connection, f"SELECT count(*) AS n FROM {source}")[0]["n"]
    newest = f"SELECT * FROM {source} ORDER BY tick DESC, listing_id DESC LIMIT {most}"
    return _changes(reading, newest), counted


def shares(
    reading: Reading, position: Position, filters: Iterable[Filter], most: int, in_all: int
) -> dict[Filter, tuple[list[Change], int]]:
    """Give of the changes at or after a position what each filter wants: in order, its newest `most`, and how many it has in all.

    All are read once, however many filters there are. `in_all` is the most that is given to all filters together: those that
    have few go before; one that gets none for it has an empty list beside its count.
    """
    source = _source(reading, position)
    if source is None:
        return {wants: ([], 0) for wants in filters}
    query = f"SELECT tick::UBIGINT << 32 | listing_id AS place FROM {source} ORDER BY place"
    order = np.asarray(reading.connection.execute(query).fetchnumpy()["place"]).astype(np.int64)
    found = _places(reading.now.goods, order & 0xFFFFFFFF, filters)
    given: dict[Filter, Ints] = {}
    for wants in sorted(found, key=lambda one: len(found[one])):
        newest = found[wants][-most:]
        given[wants] = newest if len(newest) <= in_all else newest[:0]
        in_all -= len(given[wants])
    wanted = np.unique(np.concatenate([*given.values(), np.empty(0, np.int64)]))
    places = "SELECT unnest($1::UBIGINT[])"
    rows = _changes(
        reading,
        f"SELECT * FROM {source} WHERE tick::UBIGINT << 32 | listing_id IN ({places})",
        [order[wanted].tolist()],
    )
    return {
        wants: ([rows[at] for at in np.searchsorted(wanted, given[wants]).tolist()], len(found[wants]))
        for wants in found
    }


def _places(goods: Goods, listings: Ints, filters: Iterable[Filter]) -> dict[Filter, Ints]:
    """Tell where in a column of listings those stand that each filter wants, in their order."""
    products = listings // goods.per
    by_product = np.argsort(products, kind="stable")
    products = products[by_product]
    found: dict[Filter, Ints] = {}
    for wants in filters:
        first, last = 0, len(listings)
        if wants.product_id is not None:
            first, last = np.searchsorted(products, (wants.product_id, wants.product_id + 1)).tolist()
        at = np.arange(last) if wants.product_id is None else by_product[first:last]
        if wants.platform is not None:
            at = at[np.isin(listings[at] % goods.per, goods.stores_of(wants.platform))]
        found[wants] = at
    return found


def _source(reading: Reading, position: Position) -> str | None:
    """Write what to SELECT FROM for the events at or after a position; None where no file holds any."""
    later = [file for file in reading.moment.log.of_table(EVENTS.name) if file.last >= position[0]]
    if not later:
        return None
    tick, listing = position
    after = f"tick > {tick} OR tick = {tick} AND listing_id >= {listing}"
    return f"(SELECT * FROM ({files(reading.market, EVENTS, later)}) WHERE {after})"


def _changes(reading: Reading, events: str, values: list[object] | None = None) -> list[Change]:
    """Give the changes that a SELECT of events tells of, in order."""
    rows = rows_of(
        reading.connection,
        f"""WITH newest AS MATERIALIZED ({events})
        SELECT e.tick, e.listing_id, n.product_id, n.platform, to_json(struct_pack(
            tick := e.tick, ts := strftime(tick_time(e.tick), '%Y-%m-%d %H:%M:%S'), listing_id := e.listing_id,
            product_id := n.product_id, product := n.product, pack := n.pack, platform := n.platform, store_id := n.store_id,
            cause := {CAUSES}, price_before := {rupees("price_before_paise")}, price_after := {rupees("price_after_paise")},
            regular_price := {rupees("regular_price_paise")}, discount_pct := {percent("discount_bps")},
            surge_pct := {percent("surge_bps")}, surge_fee := {rupees("surge_fee_paise")}))::VARCHAR AS text
        FROM newest AS e JOIN raw.named AS n USING (listing_id) ORDER BY e.tick, e.listing_id""",
        values,
    )
    return [Change(**row) for row in rows]
