"""What a catalog alone tells: how many goods are below their MRP and by how much, by category, and price points."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from qsim.arrays import F64
from qsim.fitting.points import endings, exact_sales
from qsim.money import PAISE_PER_RUPEE

# A category is told of from so many goods on, and so many categories at the most.
_LEAST, _SHOWN = 30, 40


def paise(column: pl.Series) -> F64:
    """Give rupees as whole paise."""
    return np.round(column.cast(pl.Float64).to_numpy() * PAISE_PER_RUPEE)


def by_category(catalog: pl.DataFrame) -> list[dict[str, Any]]:
    """Tell, of all goods and of each category of thirty and more, the share below MRP and the mean and median discount of
    these, percent; and the depths that are commonest. Nothing where no MRP is known.
    """
    if "mrp" not in catalog.columns:
        return []
    known = catalog.filter(pl.col("mrp").fill_null(0) >= pl.col("price")).with_columns(
        depth=(1 - pl.col("price") / pl.col("mrp")) * 100
    )
    parts = [("all", known)]
    if "category" in known.columns:
        counts = known["category"].drop_nulls().value_counts(sort=True)
        names = [name for name, count in counts.iter_rows() if count >= _LEAST][:_SHOWN]
        parts += [(str(name), known.filter(pl.col("category") == name)) for name in names]
    return [_discounts(name, rows) for name, rows in parts if len(rows)]


def _discounts(name: str, rows: pl.DataFrame) -> dict[str, Any]:
    depth = rows["depth"].to_numpy()
    off = depth[depth > 0]
    values, counts = np.unique(np.round(off), return_counts=True)
    common = values[np.argsort(-counts, kind="stable")[:5]]
    return {
        "category": name,
        "goods": len(rows),
        "below MRP": round(len(off) / len(rows), 4),
        "mean discount": round(float(off.mean()), 2) if len(off) else 0.0,
        "median": round(float(np.median(off)), 2) if len(off) else 0.0,
        "commonest": ", ".join(f"{value:g} %" for value in common),
    }


def price_figures(catalog: pl.DataFrame) -> tuple[dict[str, float], float | None]:
    """Give the endings of prices, and of those below MRP the share that is a multiple of five percent off to the paisa."""
    price = paise(catalog["price"])
    if "mrp" not in catalog.columns:
        return endings(price), None
    mrp = np.nan_to_num(paise(catalog["mrp"].fill_null(0)))
    off = mrp > price
    return endings(price), exact_sales(mrp[off], price[off]) if off.any() else None
