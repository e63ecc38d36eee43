"""All tables of a catalog at once; a market that is opened makes them piece by piece."""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl
import polars.selectors as cs

from qsim import catalog, params
from qsim.params import Parameters


def catalog_tables(parameters: Parameters, user: pl.DataFrame | None = None) -> dict[str, pl.DataFrame]:
    """Make all catalog tables by name; columns of `schema`."""
    products = catalog.products_table(parameters, user)
    campaigns, lines = catalog.campaign_tables(parameters, products)
    tables = catalog.named_tables(parameters, products) | {
        "products": products,
        "stores": catalog.store_table(parameters),
        "campaigns": campaigns,
        "campaign_lines": lines,
        "listings": catalog.listing_table(parameters, products),
    }
    # As they are written.
    return {name: table.cast({cs.enum(): pl.String}) for name, table in tables.items()}


@cache
def tables(products: int = 5_000, seed: int = 1, **assortment: Any) -> dict[str, pl.DataFrame]:
    changes = {"products": products, "seed": seed, "assortment": assortment}
    return catalog_tables(params.resolve("realistic", changes))
