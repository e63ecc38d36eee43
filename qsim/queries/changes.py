"""Changes of prices in the order in which they happened, each as JSON, for those who follow a market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qsim.queries.connection import rows_of
from qsim.queries.served import Reading
from qsim.queries.texts import CAUSES, files, percent, rupees
from qsim.schema import EVENTS

Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Change:
    """A change: where it stands in the order (tick, listing_id), the product and platform that it is of, and its JSON."""

    tick: int
    listing_id: int
    product_id: int
    platform: str
    text: str


def rows_since(reading: Reading, position: Position) -> int:
    """Count the rows of the files that hold what came at or after a position: what `since` has to look at."""
    return sum(file.rows for file in reading.moment.log.of_table(EVENTS.name) if file.last >= position[0])


def since(reading: Reading, position: Position, most: int) -> tuple[list[Change], int]:
    """Give the changes at or after a position (tick, listing_id) in order, the newest `most`, and how many there are in all."""
    log = reading.moment.log
    later = [file for file in log.of_table(EVENTS.name) if file.last >= position[0]]
    if not later:
        return [], 0
    tick, listing = position
    source = f"({files(reading.market, EVENTS, later)})"
    after = f"(tick > {tick} OR tick = {tick} AND listing_id >= {listing})"
    counted: Any = rows_of(reading.connection, f"SELECT count(*) AS n FROM {source} WHERE {after}")[0]["n"]
    rows: list[dict[str, Any]] = rows_of(
        reading.connection,
        f"""WITH newest AS MATERIALIZED (
            SELECT * FROM {source} WHERE {after} ORDER BY tick DESC, listing_id DESC LIMIT {most})
        SELECT e.tick, e.listing_id, n.product_id, n.platform, to_json(struct_pack(
            tick := e.tick, ts := strftime(tick_time(e.tick), '%Y-%m-%d %H:%M:%S'), listing_id := e.listing_id,
            product_id := n.product_id, product := n.product, platform := n.platform, store_id := n.store_id,
            cause := {CAUSES}, price_before := {rupees("price_before_paise")}, price_after := {rupees("price_after_paise")},
            regular_price := {rupees("regular_price_paise")}, discount_pct := {percent("discount_bps")},
            surge_pct := {percent("surge_bps")}, surge_fee := {rupees("surge_fee_paise")}))::VARCHAR AS text
        FROM newest AS e JOIN raw.named AS n USING (listing_id) ORDER BY e.tick, e.listing_id""",
    )
    return [Change(**row) for row in rows], int(counted)
