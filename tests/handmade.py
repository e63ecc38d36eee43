"""A market whose history is written by hand: random events, orders, deliveries, fees and truth, and all of it in Python.

The rules of no preset made it, so prices tie, shelves run empty and fees change often; what it should give is told by
loops over ticks and listings.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import qsim
from qsim.clock import Epoch
from qsim.runs import epochs
from qsim.schema import TABLES
from qsim.storage import log, tables

START = datetime(2026, 3, 10)
# Ticks up to the 60th lie 90 minutes apart, so that noon is one; later ones 7,000 s, so that it is none.
EPOCHS = (Epoch(0, 0, 5400), Epoch(60, 60 * 5400, 7000))
HEAD, MIDDLE = 92, 70
PARTS = ("cost", "noise", "discount", "campaign", "surge", "time_of_day", "zone", "rounding", "rival")
Row = dict[str, Any]


def rupees(paise: int) -> Decimal:
    return Decimal(paise) / 100


@dataclass
class Handmade:
    """The market's folder, the catalog's rows, every history row written, and the states after every tick."""

    market: Path
    listings: list[Row] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    states: list[dict[int, Row]] = field(default_factory=list)
    stock: list[dict[int, int]] = field(default_factory=list)
    fees: list[dict[int, int]] = field(default_factory=list)

    @property
    def active(self) -> list[Row]:
        return [row for row in self.listings if row["is_active"]]

    def catalog(self, name: str) -> list[Row]:
        return list(pq.read_table(self.market / "catalog" / f"{name}.parquet").to_pylist())


def second(tick: int) -> int:
    epoch = EPOCHS[0] if tick <= EPOCHS[1].tick else EPOCHS[1]
    return epoch.second_of(tick)


def time(tick: int) -> datetime:
    return START + timedelta(seconds=second(tick))


def tick_at(moment: datetime) -> int:
    return max([tick for tick in range(HEAD + 1) if time(tick) <= moment], default=0)


def noons() -> list[datetime]:
    every = (START + timedelta(days=day, hours=12) for day in range(100))
    return [noon for noon in every if noon <= time(HEAD)]


GOODS = """product,brand,category,pack,mrp,price
Onion,Fresho,Vegetables,1 kg,40,21
Potato,Fresho,Vegetables,1 kg,40,22
Tomato,Fresho,Vegetables,500 g,40,20
Mango,Fresho,Fruits,1 kg,40,23
Ghee,Amul,Dairy,500 ml,40,21
Curd,Amul,Dairy,400 g,40,20
Milk,Amul,Dairy,500 ml,40,22
Salt,Tata,Staples,1 kg,40,21
Sugar,Tata,Staples,1 kg,40,20
Atta,Tata,Staples,1 kg,40,23
"""


def make(place: Path, seed: int) -> Handmade:
    """Generate a market of ten products, two of them off sale, at two dark stores a platform, with its history up to HEAD."""
    goods = place.with_name("goods.csv")
    goods.write_text(GOODS)
    start = START.date().isoformat()
    qsim.generate(place, catalog=goods, stores=2, start=start, update_interval_seconds=5400, inactive_percent=20)
    made, chance = Handmade(place), random.Random(seed)
    platforms = {row["platform_id"]: row["platform"] for row in made.catalog("platforms")}
    products = {row["product_id"]: row for row in made.catalog("products")}
    made.listings = [
        {**products[row["product_id"]], **row, "platform": platforms[row["platform_id"]]}
        for row in made.catalog("listings")
    ]
    made.rows = {name: [] for name in ("events", "discounts", "orders", "deliveries", "fees", "truth", "snapshots")}
    _open(made)
    for tick in range(1, HEAD + 1):
        _step(made, chance, tick)
    _write(made)
    return made


def _open(made: Handmade) -> None:
    found = pq.read_table(next((made.market / "snapshots").glob("*.parquet")), partitioning=None).to_pylist()
    names = ("price_paise", "regular_price_paise", "discount_bps", "surge_bps", "surge_fee_paise")
    made.states = [{row["listing_id"]: {name: row[name] for name in names} for row in found}]
    made.stock = [{row["listing_id"]: row["stock"] for row in made.listings}]
    made.fees = [{row["store_id"]: 0 for row in made.catalog("stores")}]


def _step(made: Handmade, chance: random.Random, tick: int) -> None:
    state, stock, fees = (dict(past[-1]) for past in (made.states, made.stock, made.fees))
    for row in made.active:
        at = row["listing_id"]
        if chance.random() < 0.3:
            _event(made, chance, tick, row, state)
        _trade(made, chance, tick, row, stock)
        assert stock[at] >= 0
    for store in fees:
        if chance.random() < 0.1:
            fees[store] = chance.choice([0, 1000, 2500])
            made.rows["fees"].append(
                {"tick": tick, "store_id": store, "fee_paise": fees[store], "load_bps": chance.randrange(30_000),
                 "is_raining": chance.random() < 0.3}
            )  # fmt: skip
    made.states.append(state)
    made.stock.append(stock)
    made.fees.append(fees)


def _event(made: Handmade, chance: random.Random, tick: int, listing: Row, state: dict[int, Row]) -> None:
    """A new price of a few, with a discount or a surge; from MIDDLE on with its truth, of random parts."""
    at, before = listing["listing_id"], state[listing["listing_id"]]
    regular, discount = chance.choice([2000, 2050]), chance.choice([0, 0, 0, 1000, 2500])
    surge, fee = chance.choice([(0, 0), (0, 0), (777, 0), (0, 1500)])
    taken = 0 if fee else discount
    price = round(regular * (1 - taken / 10_000) * (1 + surge / 10_000)) + chance.choice([0, 0, 5])
    state[at] = {"price_paise": price, "regular_price_paise": regular, "discount_bps": discount, "surge_bps": surge,
                 "surge_fee_paise": fee}  # fmt: skip
    made.rows["events"].append(
        {**state[at], "tick": tick, "listing_id": at, "cause": 9, "price_before_paise": before["price_paise"],
         "price_after_paise": price}
    )  # fmt: skip
    if discount != before["discount_bps"]:
        made.rows["discounts"].append({"tick": tick, "listing_id": at, "discount_bps": discount})
    if tick >= MIDDLE:
        parts = {f"{name}_paise": chance.randrange(-300, 300) for name in PARTS}
        parts["noise_paise"] += price - listing["anchor_price_paise"] - sum(parts.values())
        made.rows["truth"].append(
            {**parts, "tick": tick, "listing_id": at, "anchor_paise": listing["anchor_price_paise"],
             "shock_id": chance.randrange(9), "hazard_a_day": 0.25, "source_listing_id": chance.randrange(9)}
        )  # fmt: skip


def _trade(made: Handmade, chance: random.Random, tick: int, listing: Row, stock: dict[int, int]) -> None:
    """Customers for many units at once, some sent away or come from elsewhere; a delivery now and then, full or short."""
    at = listing["listing_id"]
    wanted = chance.choice([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9, 40])
    sold = min(stock[at], max(0, wanted + chance.choice([0, 0, 0, -1, 3])) if wanted else 0)
    received = (
        chance.choice([1, 20, listing["target_stock"]]) if chance.random() < (0.5 if stock[at] < 9 else 0.02) else 0
    )
    received = min(received, listing["target_stock"] - stock[at])
    stock[at] += received - sold
    if wanted:
        made.rows["orders"].append(
            {"tick": tick, "listing_id": at, "units": sold, "wanted_units": wanted,
             "price_paise": made.states[-1][at]["price_paise"], "cost_paise": chance.choice([1500, 1900, 2300])}
        )  # fmt: skip
    if received:
        made.rows["deliveries"].append({"tick": tick, "listing_id": at, "units": received, "stock": stock[at]})


def _write(made: Handmade) -> None:
    """Commit the rows: a second epoch, all but the snapshots in two files, and a snapshot with its stock between these."""
    none = {"own_discount_bps": 0, "own_ends_second": 0, "repriced_second": 0, "match_paise": 0, "restock_second": 0}
    updated = {row["listing_id"]: row["tick"] for row in made.rows["events"] if row["tick"] <= MIDDLE}
    made.rows["snapshots"] = [
        {
            **none,
            **state,
            "tick": MIDDLE,
            "listing_id": at,
            "stock": made.stock[MIDDLE][at],
            "updated_tick": updated.get(at, 0),
        }
        for at, state in made.states[MIDDLE].items()
    ]
    history = log.read(made.market)
    epoch = epochs.epoch_entry(EPOCHS[1], epochs.course_of(history).parameters[0])
    epoch["parameters"]["update_interval_seconds"] = EPOCHS[1].interval
    added = []
    for first, last in ((1, MIDDLE), (MIDDLE + 1, HEAD)):
        for name, rows in made.rows.items():
            within = [row for row in rows if first <= row["tick"] <= last]
            if within:
                table = pa.Table.from_pylist(
                    [{column: row[column] for column in TABLES[name].columns} for row in within], TABLES[name].arrow()
                )
                ticks = (MIDDLE, MIDDLE) if name == "snapshots" else (first, last)
                added.append(tables.write_history(made.market, name, table, ticks, 0))
    log.append(made.market, history, tick=HEAD, digest=history.digest, added=added, epoch=epoch)
