"""The panel's own goods as a product list: `qsim generate --catalog` takes it, and simulated prices then have its levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from qsim.fitting.spells import Observed
from qsim.money import MAX_PAISE
from qsim.realism.panel import Panel

# One category of the packaged table for each group, so that the list needs no table of its own.
_PLACES = {
    "fruits": ("Fruits & Vegetables", "Fruits"),
    "vegetables": ("Fruits & Vegetables", "Vegetables"),
    "dairy": ("Dairy & Eggs", ""),
    "snacks": ("Snacks & Branded Foods", ""),
    "staples": ("Foodgrains, Oil & Masala", ""),
    "other": ("Other", ""),
}
_NO_CEILING = 3


def goods_of(panel: Panel, of: Observed, groups: Mapping[str, str]) -> pl.DataFrame:
    """List a panel's items: product, brand, category, subcategory, mrp, price (rupees), in order of name.

    The price is the median of the regular prices of all sellers, as one of them observed it; the MRP the highest seen, of
    regular prices too, for one that was passed bound nothing, or three times the price where none is.
    """
    known = panel.mrp_paise[of.series, of.step]
    found = pl.DataFrame({"product": panel.item[of.series].tolist(), "price": of.regular, "mrp": known})
    items = (
        found.group_by("product")
        .agg(pl.col("price").quantile(0.5, "lower"), pl.col("mrp").max().cast(pl.Float64), top=pl.col("price").max())
        .sort("product")
    )
    places = [_PLACES[groups.get(item, "other")] for item in items["product"].to_list()]
    price = items["price"].to_numpy()
    seen = items["mrp"].to_numpy()
    mrp = np.where(seen > 0, np.maximum(seen, items["top"].to_numpy()), _NO_CEILING * price)
    return items.select(
        "product",
        brand=pl.lit("-"),
        category=pl.Series([place[0] for place in places], dtype=pl.String),
        subcategory=pl.Series([place[1] for place in places], dtype=pl.String),
        mrp=pl.Series(np.minimum(np.round(mrp), MAX_PAISE) / 100),
        price=pl.Series(price / 100),
    )


def repeated(goods: pl.DataFrame, least: int, most: int) -> pl.DataFrame:
    """Take at most so many goods, evenly over the list, or repeat a short list until it has at least so many."""
    if len(goods) > most:
        return goods[np.linspace(0, len(goods) - 1, most).astype(np.int64)]
    times = -(-least // len(goods))
    if times <= 1:
        return goods
    copies = [goods.with_columns(pl.format("{} ({})", "product", pl.lit(number + 1))) for number in range(times)]
    return pl.concat(copies)
