"""The same price step as others would make and store it: one tick of each, durable when it returns.

Each draws a uniform, pulls the price to its anchor, keeps the change within 15 %, and stores one row a change: tick,
listing, price before and after. qsim does more for each of its events: discounts, surges, the clock, causes, digests.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

BATCH, ANCHOR = 50, 10_000
NOISE, PULL, LOWEST, HIGHEST = 0.045, 0.1, 0.85, 1.15
Tick = Callable[[int], None]


def sqlalchemy(folder: Path, listings: int) -> Tick:
    """Update rows through an ORM on SQLite, 50 in a transaction, each change a row of its own: the original style."""
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session, declarative_base, mapped_column
    from sqlalchemy.types import Integer

    base: Any = declarative_base()

    class Listing(base):
        __tablename__ = "listings"
        id = mapped_column(Integer, primary_key=True)
        anchor = mapped_column(Integer)
        price = mapped_column(Integer)

    class Change(base):
        __tablename__ = "changes"
        id = mapped_column(Integer, primary_key=True)
        tick = mapped_column(Integer)
        listing = mapped_column(Integer)
        before = mapped_column(Integer)
        after = mapped_column(Integer)

    engine = create_engine(f"sqlite:///{folder}/market.db")
    base.metadata.create_all(engine)
    draw = random.Random(42)
    with Session(engine) as session:
        session.add_all([Listing(id=number, anchor=ANCHOR, price=ANCHOR) for number in range(listings)])
        session.commit()

    def tick(number: int) -> None:
        for first in range(0, listings, BATCH):
            with Session(engine) as session:
                for row in session.scalars(select(Listing).where(Listing.id.between(first, first + BATCH - 1))):
                    factor = (1 + NOISE * draw.uniform(-1, 1)) * (row.anchor / row.price) ** PULL
                    after = round(row.price * min(HIGHEST, max(LOWEST, factor)))
                    session.add(Change(tick=number, listing=row.id, before=row.price, after=after))
                    row.price = after
                session.commit()

    return tick


def duckdb(folder: Path, listings: int) -> Tick:
    """Make a tick by SQL alone in a DuckDB database: a new table of prices, and its changes added to the history."""
    import duckdb

    connection = duckdb.connect(str(folder / "market.db"))
    connection.execute(f"CREATE TABLE listings AS SELECT range::INTEGER AS id, {ANCHOR} AS anchor, {ANCHOR} AS price, "
                       f"0 AS before FROM range({listings})")  # fmt: skip
    connection.execute("CREATE TABLE changes (tick INTEGER, listing INTEGER, before INTEGER, after INTEGER)")
    factor = f"(1 + {NOISE} * (2 * random() - 1)) * pow(anchor / price, {PULL})"
    step = f"round(price * least({HIGHEST}, greatest({LOWEST}, {factor})))::INTEGER"

    def tick(number: int) -> None:
        connection.execute("BEGIN")
        connection.execute(
            f"CREATE OR REPLACE TABLE listings AS SELECT id, anchor, {step} AS price, price AS before FROM listings"
        )
        connection.execute(f"INSERT INTO changes SELECT {number}, id, before, price FROM listings")
        connection.execute("COMMIT")

    return tick


def _factors(draw: np.random.Generator, anchors: Any, prices: Any) -> Any:
    return (1 + NOISE * draw.uniform(-1, 1, len(prices))) * (anchors / prices) ** PULL


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def pandas(folder: Path, listings: int) -> Tick:
    """Make a tick on a pandas frame and write its changes as a Parquet file of their own."""
    import pandas as pd

    ids = np.arange(listings, dtype=np.int32)
    market = pd.DataFrame({"listing": ids, "anchor": np.int32(ANCHOR), "price": np.int32(ANCHOR)})
    draw = np.random.default_rng(42)

    def tick(number: int) -> None:
        factors = _factors(draw, market["anchor"], market["price"]).clip(LOWEST, HIGHEST)
        after = (market["price"] * factors).round().astype(np.int32)
        changes = pd.DataFrame({"listing": market["listing"], "before": market["price"], "after": after})
        changes.insert(0, "tick", np.int32(number))
        market["price"] = after
        path = folder / f"{number:06d}.parquet"
        changes.to_parquet(path, index=False)
        _synced(path)

    return tick


def polars(folder: Path, listings: int) -> Tick:
    """Make a tick by polars expressions, with drawn numbers put in as a column, and write its changes as a Parquet file."""
    import polars as pl

    kept = [
        pl.DataFrame(
            {
                "listing": np.arange(listings, dtype=np.int32),
                "anchor": np.full(listings, ANCHOR, np.int32),
                "after": np.full(listings, ANCHOR, np.int32),
            }
        )
    ]
    draw = np.random.default_rng(42)
    factor = (1 + NOISE * pl.col("u")) * (pl.col("anchor") / pl.col("after")).pow(PULL)
    step = (pl.col("after") * factor.clip(LOWEST, HIGHEST)).round().cast(pl.Int32)

    def tick(number: int) -> None:
        frame = kept[0].lazy().with_columns(u=pl.Series(draw.uniform(-1, 1, listings)))
        made = frame.with_columns(before=pl.col("after"), after=step, tick=pl.lit(number, pl.Int32)).collect()
        kept[0] = made.select("listing", "anchor", "after")
        path = folder / f"{number:06d}.parquet"
        made.select("tick", "listing", "before", "after").write_parquet(path)
        _synced(path)

    return tick


RIVALS: dict[str, Callable[[Path, int], Tick]] = {
    "sqlalchemy": sqlalchemy,
    "duckdb": duckdb,
    "pandas": pandas,
    "polars": polars,
}


def rival(name: str, folder: str, listings: int, ticks: int) -> dict[str, Any]:
    """Make so many ticks as a rival does, after a first one that does not count."""
    place = Path(folder)
    place.mkdir(parents=True)
    tick = RIVALS[name](place, listings)
    tick(0)
    os.sync()
    began = perf_counter()
    for number in range(1, ticks + 1):
        tick(number)
    return {"events": listings * ticks, "seconds": perf_counter() - began}
