"""A small market under given parameters, seen as a real panel was seen: on the same days, with the same gaps."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from qsim import params
from qsim.clock import DAY
from qsim.fitting.goods import repeated
from qsim.queries import connect
from qsim.realism.panel import Panel, from_market
from qsim.runs import verbs
from qsim.streams import hashed

WARM_DAYS = 35
_PRODUCTS, _LEAST_PRODUCTS, _SERIES = 600, 60, 2_400
# The longest tick that divides a day and still has one in the morning hours and one at noon.
_INTERVAL = 10_800
# Which real series lends its gaps to which simulated one; no draw of a market has such a purpose.
_GAPS = 1 << 20


def simulated(
    values: Mapping[str, Any], like: Panel, goods: pl.DataFrame | None, *, seed: int
) -> tuple[Panel, dict[str, str]]:
    """Generate and run a market of the goods (None: of the packaged list) under the parameters, and give its panel with the
    days and gaps of a real one, and the group of each item.

    A market of one platform is given as many copies of it as make about as many series as one of several has. The first
    days are left out: by then what the market opened with is forgotten.
    """
    days = (len(like.days) - 1) * like.step_days + 1
    start = like.days[0].astype("datetime64[D]") - np.timedelta64(WARM_DAYS, "D")
    platforms = _copies(values["platforms"])
    layer: dict[str, Any] = {
        "seed": seed,
        "start": str(start),
        "stores": 1,
        "products": max(_LEAST_PRODUCTS, min(_PRODUCTS, _SERIES // len(platforms))),
        "platforms": platforms,
        "update_interval_seconds": _INTERVAL,
    }
    with tempfile.TemporaryDirectory(prefix="qsim-fit-") as folder:
        market = Path(folder) / "market"
        catalog = None if goods is None else Path(folder) / "goods.csv"
        if goods is not None and catalog is not None:
            repeated(goods, _LEAST_PRODUCTS, layer["products"]).write_csv(catalog)
        verbs.generate(market, config={**values, **layer}, catalog=catalog)
        verbs.run(market, duration=(WARM_DAYS + days) * DAY / 60)
        with connect(market) as connection:
            panel = from_market(connection)
            rows = connection.sql("SELECT product_id, volatility_group FROM raw.products").fetchall()
    return _seen_as(panel, like, seed), {str(item): str(group) for item, group in rows}


def _copies(platforms: Mapping[str, Any]) -> dict[str, Any]:
    if len(platforms) > 1:
        return dict(platforms)
    ((name, only),) = platforms.items()
    return {f"{name[:24]}_{number}": only for number in range(_SERIES // _PRODUCTS)}


def _seen_as(panel: Panel, like: Panel, seed: int) -> Panel:
    """Keep of a daily panel the days of a real one, and let each series miss what some real series misses."""
    kept = panel.columns(WARM_DAYS + np.arange(len(like.days)) * like.step_days)
    lender = (hashed(seed, _GAPS, 0, np.arange(len(panel.item))) % np.uint64(len(like.item))).astype(np.int64)
    seen = (like.price_paise > 0)[lender]
    price = np.where(seen, kept.price_paise, 0).astype(np.int32)
    return replace(kept, price_paise=price, days=like.days, step_days=like.step_days)


def told_as(panel: Panel, like: Panel) -> Panel:
    """Take away from a simulated panel what a real one does not tell, flags of sales and regular prices, so that sales of both
    are found in the same way.
    """
    flags = panel.on_sale if (like.on_sale >= 0).any() else np.full_like(panel.on_sale, -1)
    regular = panel.regular_paise if (like.regular_paise > 0).any() else np.zeros_like(panel.regular_paise)
    return replace(panel, on_sale=flags, regular_paise=regular)


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters and give them complete, as plain values."""
    return params.check(values).model_dump()
