"""All tables of a catalog at once; a market that is opened makes them piece by piece."""

from __future__ import annotations

import polars as pl

from qsim import catalog
from qsim.params import Parameters


def catalog_tables(parameters: Parameters, user: pl.DataFrame | None = None) -> dict[str, pl.DataFrame]:
    """Make all catalog tables by name; columns of `schema`."""
    products = catalog.products_table(parameters, user)
    campaigns, lines = catalog.campaign_tables(parameters, products)
    return catalog.named_tables(parameters, products) | {
        "products": products,
        "stores": catalog.store_table(parameters),
        "campaigns": campaigns,
        "campaign_lines": lines,
        "listings": catalog.listing_table(parameters, products),
    }
