"""Panels of prices for tests: made of figures, of rows, and of real shops, where the data for these are there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from qsim.errors import InputError
from qsim.fitting import reading
from qsim.realism.panel import Panel, from_long
from qsim.realism.validate import read_reference

START = date(2026, 1, 1)


def shared(name: str) -> pl.DataFrame:
    folder = os.environ.get("QSIM_SHARED_DATA")
    if not folder:
        pytest.skip("QSIM_SHARED_DATA names no folder of real prices")
    return pl.read_parquet(Path(folder) / name)


def shop(seller: str) -> Panel:
    """An Austrian shop's daily prices from the day on which its collection was wide."""
    rows = shared("austria_price_changes.parquet").filter(pl.col("store") == seller)
    return from_long(rows.rename({"store": "seller", "id": "item"}), carry=True, since=date(2023, 6, 7))


def fitted(path: Path) -> Panel:
    """What a fit reads of a table of prices."""
    return reading.panel_of(reading.read_source(path, {}))[0]


READERS = pytest.mark.parametrize("read", [fitted, read_reference], ids=["fit", "reference"])


def assert_refused(read: Callable[[Path], Panel], folder: Path, text: bytes, told: str) -> None:
    """Hold a reader to refuse a table of prices, and to say why in these words."""
    path = folder / "prices.csv"
    path.write_bytes(text)
    with pytest.raises(InputError, match=told):
        read(path)


def panel_of(prices: Sequence[Sequence[int]], step_days: int = 1, **given: Any) -> Panel:
    """A panel of the given prices in paise; each row an item of its own, packaged, at one seller, unless given."""
    price = np.array(prices, np.int32)
    rows = range(len(price))

    def dense(name: str, kind: Any, unknown: int) -> Any:
        return np.array(given[name], kind) if name in given else np.full(price.shape, unknown, kind)

    return Panel(
        price_paise=price,
        mrp_paise=dense("mrp", np.int32, 0),
        on_sale=dense("on_sale", np.int8, -1),
        in_stock=dense("in_stock", np.int8, -1),
        regular_paise=dense("regular", np.int32, 0),
        item=np.array(given.get("item", [f"item{row:05d}" for row in rows]), np.str_),
        seller=np.array(given.get("seller", ["shop" for _ in rows]), np.str_),
        group=np.array(given.get("group", ["P" for _ in rows]), np.str_),
        days=np.datetime64("2026-01-01") + np.arange(price.shape[1]) * np.timedelta64(step_days, "D"),
        step_days=step_days,
    )


def table(*rows: tuple[str, int, float]) -> pl.DataFrame:
    """Rows of (item, days after the start, price in rupees)."""
    return pl.DataFrame(
        [{"item": item, "date": START + timedelta(days=day), "price": price} for item, day, price in rows]
    )


def learn() -> None:
    pytest.importorskip("sklearn", reason="the extra ml is not installed")
