"""What ticks and blocks need of a market's catalog: the world that all follow, and the columns that blocks are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qsim import festivals, rulebook
from qsim.arrays import I64
from qsim.behaviour import GROUPS
from qsim.blocks import Columns
from qsim.market.state import products_per_block
from qsim.params import Parameters
from qsim.simulation import Campaigns, Course, World

# At tick 0, when costs are at their mean, no names are needed.
OPENING_COLUMNS = ["volatility_group", "mrp_paise", "is_loose", "is_active"]
CATALOG_COLUMNS = {
    "products": [*OPENING_COLUMNS, "product"],
    "listings": ["platform_id", "anchor_price_paise", "unit_cost_paise", "reorder_level", "target_stock"],
    "stores": ["platform_id", "city"],
    "campaigns": ["starts_second", "duration_seconds", "repeat_seconds", "ends_second"],
    "campaign_lines": ["campaign_id", "listing_id", "discount_bps"],
}


def campaign_times(campaigns: pa.Table) -> Campaigns:
    """Take the campaigns' times from their table; number 0 is none."""
    names = CATALOG_COLUMNS["campaigns"]
    return Campaigns(*(np.concatenate([[0], campaigns.column(name).to_numpy()]).astype(np.int64) for name in names))


def areas(stores: pa.Table) -> pa.DictionaryArray:
    """Give the city of each area: the k-th dark stores of all platforms serve one, which the first platform's tell."""
    of_first = stores.filter(pc.equal(stores["platform_id"], stores["platform_id"][0]))
    return of_first.column("city").combine_chunks().dictionary_encode()


def world_of(course: Course, catalog: Mapping[str, pa.Table]) -> World:
    """Put together what ticks follow: the campaigns and the cities of the areas that the catalog tells."""
    cities = areas(catalog["stores"])
    return World(
        course=course,
        campaigns=campaign_times(catalog["campaigns"]),
        calendar=festivals.from_table(catalog["calendar"]) if "calendar" in catalog else (),
        cities=tuple(cities.dictionary.to_pylist()),
        city_of_area=cities.indices.to_numpy().astype(np.int64),
    )


def block_products(parameters: Parameters) -> int:
    """Count the products of a block of a market that opens with these parameters."""
    return products_per_block(parameters.listings_per_product, rulebook.lives(parameters))


def goods_of(products: pa.Table) -> I64:
    """Give the first product of each product's name, int64[products]; each is one of its own where no names are told."""
    if "product" not in products.column_names:
        return np.arange(len(products))
    names = products.column("product").combine_chunks().dictionary_encode().indices.to_numpy()
    return np.asarray(np.unique(names, return_index=True)[1][names], np.int64)


def catalog_columns(catalog: Mapping[str, pa.Table], opening: Parameters) -> Columns:
    """Take from the catalog tables (of each CATALOG_COLUMNS, but for names at tick 0) what blocks are made of, by the parameters
    of tick 0.
    """

    def column(table: str, name: str) -> Any:
        return catalog[table].column(name).to_numpy()

    group = catalog["products"].column("volatility_group").combine_chunks().dictionary_encode()
    codes = np.array([GROUPS.index(name) for name in group.dictionary.to_pylist()], np.uint8)
    per_product = len(catalog["listings"]) // len(group)
    cities = areas(catalog["stores"])
    return Columns(
        is_active=column("products", "is_active"),
        is_loose=column("products", "is_loose"),
        mrp=column("products", "mrp_paise"),
        goods=goods_of(catalog["products"]),
        group=codes[group.indices.to_numpy()],
        anchor=column("listings", "anchor_price_paise"),
        unit_cost=column("listings", "unit_cost_paise"),
        reorder_level=column("listings", "reorder_level"),
        target_stock=column("listings", "target_stock"),
        city_of_area=cities.indices.to_numpy().astype(np.int64),
        platform_of_listing=column("listings", "platform_id")[:per_product],
        line_campaign=column("campaign_lines", "campaign_id").astype(np.int64),
        line_listing=column("campaign_lines", "listing_id").astype(np.int64),
        line_bps=column("campaign_lines", "discount_bps"),
        block_products=block_products(opening),
    )
