"""From parameters, or a user's own product list, to the catalog tables of a market."""

from __future__ import annotations

import numpy as np
import polars as pl

from qsim import taxonomy
from qsim.catalog.brands import with_brands
from qsim.catalog.listings import listing_table, store_table
from qsim.catalog.mrp import with_mrps
from qsim.catalog.products import generated_products, inactive
from qsim.catalog.promotions import campaign_tables, opening_discounts
from qsim.money import BPS, PAISE_PER_RUPEE
from qsim.params import LOOSE_GROUPS, Parameters

__all__ = [
    "campaign_tables",
    "listing_table",
    "named_tables",
    "opening_discounts",
    "products_table",
    "store_table",
]
_MOST_OFF_BPS = 9_900


def user_products(user: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    """Make products of a user's list, in its order: its price is the base, its MRP the ceiling of packaged goods.

    Of fruit and vegetables, which are sold loose, MRP and price give the permanent discount, by which the MRP shown moves with
    the price; packaged ones are given another group.
    """
    loose = pl.col("volatility_group").is_in(LOOSE_GROUPS)
    off = (BPS * (1 - pl.col("price_paise") / pl.col("mrp_paise")) + 0.5).floor().clip(0, _MOST_OFF_BPS)
    sizes = [taxonomy.pack_size(pack) for pack in user["pack"].to_list()]
    return user.select(
        product_id=pl.int_range(len(user), dtype=pl.UInt32),
        product="product",
        brand="brand",
        category="category",
        subcategory="subcategory",
        volatility_group="volatility_group",
        pack="pack",
        unit=pl.Series([size[0] if size else "" for size in sizes], dtype=pl.String),
        pack_units=pl.Series([size[1] if size else 0.0 for size in sizes], dtype=pl.Float64),
        base_price_paise="price_paise",
        mrp_paise="mrp_paise",
        is_loose=loose,
        is_active=pl.Series(~inactive(parameters.seed, np.ones(len(user), bool), parameters.inactive_percent)),
        mrp_discount_bps=pl.when(loose).then(off).otherwise(0).cast(pl.UInt16),
    )


def _platform_table(parameters: Parameters) -> pl.DataFrame:
    def paise(rupees: float) -> int:
        return round(rupees * PAISE_PER_RUPEE)

    rows = [
        (
            number,
            platform_id,
            p.name,
            p.low_percent,
            p.high_percent,
            p.average_discount_percent,
            paise(p.delivery_fee),
            paise(p.handling_fee),
            paise(p.free_delivery_from),
            paise(p.minimum_order),
        )
        for number, (platform_id, p) in enumerate(parameters.platforms.items())
    ]
    names = (
        "platform_id",
        "platform",
        "name",
        "low_percent",
        "high_percent",
        "average_discount_percent",
        "delivery_fee_paise",
        "handling_fee_paise",
        "free_delivery_from_paise",
        "minimum_order_paise",
    )
    return pl.DataFrame(rows, schema=names, orient="row")


def products_table(parameters: Parameters, user: pl.DataFrame | None = None) -> pl.DataFrame:
    """Make the products, columns of `schema.PRODUCTS`; `user` is a list as `read_user_catalog` gives it."""
    if user is not None:
        return user_products(user, parameters)
    ranges = parameters.assortment.ranges
    products = generated_products(parameters.seed, parameters.products, parameters.inactive_percent, ranges)
    return with_mrps(parameters, with_brands(parameters, products))


def named_tables(parameters: Parameters, products: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Make the tables of what products and listings name: platforms, categories and brands."""
    group = ("category", "subcategory", "volatility_group")
    return {
        "platforms": _platform_table(parameters),
        "categories": products.select(group).unique().sort(group).with_row_index("category_id"),
        "brands": products.select(pl.col("brand").unique().sort()).with_row_index("brand_id"),
    }
