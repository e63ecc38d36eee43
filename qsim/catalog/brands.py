"""Brands of a generated catalog as unequal as the parameters' law has them.

A brand that has more products than its place in the law keeps as many as that; the products over go to made-up brands
in the places that are left open, never what is a firm's own. A made-up brand takes its packs of a good from one brand, so
that they are of one tier; where it would have them from two, the product keeps its own brand.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from qsim import money, streams, taxonomy
from qsim.arrays import F64, I64, U64, Mask
from qsim.catalog.products import own_names
from qsim.params import Parameters
from qsim.streams import Purpose

# What the draws of one purpose are told apart by, in the place of a tick; those of each round of slots follow the last.
_PLACE, _NAME, _KEPT, _SLOT = range(2, 6)
_ROUNDS = 6
# The first places of a law, which hold many products each.
_HOUSES = 5
# Set in the words of products that are not their brand's own, so that they come after those that are.
_AFTER_OWN = np.uint64(1 << 63)


def shares(first: float, exponent: float, offset: float, places: int) -> F64:
    """Give the share of each place: `first`, then (r + offset)^-exponent; float64[places], sum 1."""
    rest = money.power(np.arange(1, places).astype(np.float64) + offset, -exponent)
    return np.concatenate([[first], (1 - first) * rest / rest.sum()])


def _words(seed: int, what: int, ids: I64) -> U64:
    """Draw a raw word for each id; `what` is one of the numbers above."""
    return streams.hashed(seed, Purpose.PRODUCT_CHOICE, what, ids)


def _keep(brand: pl.Series, own: Mask, quotas: I64, words: U64) -> tuple[np.ndarray, I64]:
    """Give each brand, the largest first, the largest free quota that it can fill.

    Returns which products keep their brand, bool[products] (all that are the brand's own, then others by their words),
    and the quotas that are left, descending.
    """
    sizes = brand.to_frame("brand").group_by("brand").len().sort("len", "brand", descending=[True, False])
    free = np.sort(quotas[quotas > 0])[::-1].tolist()
    kept: dict[str, int] = {}
    for name, size in sizes.iter_rows():
        place = next((place for place, quota in enumerate(free) if quota <= size), None)
        kept[name] = free.pop(place) if place is not None else 0
    turn = np.where(own, words >> np.uint64(1), words >> np.uint64(1) | _AFTER_OWN)
    room = pl.DataFrame({"brand": brand, "word": turn, "row": np.arange(len(brand))}).with_columns(
        nth=pl.col("word").rank("ordinal").over("brand"),
        room=pl.col("brand").replace_strict(kept, return_dtype=pl.UInt32),
    )
    return (room["nth"] <= room["room"]).to_numpy() | own, np.array(free, np.int64)


def _fill(seed: int, over: pl.DataFrame, slots: I64) -> pl.DataFrame:
    """Give each product that is left over (row, brand, title) one of the slots, as a column `place`.

    Within a place all products of one title come from one brand; a product that finds no such place is left out.
    """
    placed = over.clear().with_columns(place=pl.lit(0, pl.Int64))
    # Houses with many places take theirs first, from different goods; drawn at random they would have too many twice.
    for place, quota in enumerate(np.bincount(slots[slots < _HOUSES])):
        mine = over.filter(pl.col("brand") == pl.col("brand").first().over("title")).head(int(quota))
        placed = placed.vstack(mine.with_columns(place=pl.lit(place, pl.Int64)))
        over = over.join(mine, "row", how="anti", maintain_order="left")
    slots = np.concatenate(
        [slots[slots >= _HOUSES], slots[slots < _HOUSES][: max(0, len(over) - (slots >= _HOUSES).sum())]]
    )
    for attempt in range(_ROUNDS):
        slots = slots[np.argsort(_words(seed, _SLOT + 1 + attempt, np.arange(len(slots))), kind="stable")]
        tried = pl.concat([placed, over.with_columns(place=slots)])
        fits = tried.select(pl.col("brand") == pl.col("brand").first().over("place", "title")).to_series().to_numpy()
        placed, over, slots = tried.filter(fits), tried.filter(~fits).drop("place"), slots[~fits[len(placed) :]]
    return placed


def _has_brand(group: str) -> pl.Expr:
    """Tell which products of a group have a brand that could change; loose goods have none."""
    return (pl.col("volatility_group") == group) & (pl.col("brand") != "")


def _of_group(parameters: Parameters, products: pl.DataFrame, group: str, names: pl.Series) -> pl.DataFrame:
    """Find the products of a group that change their brand: columns row and brand."""
    laws, seed = parameters.assortment.brands, parameters.seed
    of = products.filter(_has_brand(group))
    law = laws[group]
    edges = np.cumsum(shares(law.first, law.exponent, law.offset, law.places))
    rows = of["row"].to_numpy().astype(np.int64)
    drawn = np.searchsorted(edges, streams.uniforms(_words(seed, _PLACE, rows)))
    quotas = np.bincount(np.minimum(drawn, law.places - 1))
    own = of["product"].is_in(own_names()).to_numpy()
    keep, free = _keep(of["brand"], own, quotas, _words(seed, _KEPT, rows))
    order = np.argsort(_words(seed, _SLOT, rows[~keep]), kind="stable")
    over = of.filter(~keep)[order].select(
        "row", "brand", title=pl.col("product").str.slice(pl.col("brand").str.len_chars() + 1)
    )
    # What a brand keeps of its own beyond its place is taken from the smallest places.
    placed = _fill(seed, over, np.repeat(np.arange(len(free)), free)[: len(over)])
    return placed.select("row", brand_new=names.gather(placed["place"]))


def with_brands(parameters: Parameters, products: pl.DataFrame) -> pl.DataFrame:
    """Give products other brands where the parameters have a law of brands for their group; names stay distinct.

    A catalog so large that it uses up the made-up names has its brands already, and is left as it is.
    """
    groups = [group for group in parameters.assortment.brands if products.select(_has_brand(group).any()).item()]
    if not groups:
        return products
    rows = products.with_row_index("row").with_columns(pl.col("brand").cast(pl.String))
    made_up = pl.Series("name", taxonomy.words("brands"))
    made_up = made_up.filter(~made_up.is_in(products["brand"].unique().to_list()))
    if len(made_up) < len(groups) * max(parameters.assortment.brands[group].places for group in groups):
        return products
    words = _words(parameters.seed, _NAME, np.arange(len(made_up)))
    names = made_up.gather(np.argsort(words, kind="stable"))
    # Each group has its own run of the names: a house of dairies is no house of spices.
    runs = [names[number :: len(groups)] for number in range(len(groups))]
    changes = pl.concat([_of_group(parameters, rows, *pair) for pair in zip(groups, runs, strict=True)])
    title = pl.col("product").str.slice(pl.col("brand").str.len_chars())
    changed = rows.join(changes, "row", how="left", maintain_order="left")
    return changed.with_columns(
        product=pl.when(pl.col("brand_new").is_null()).then("product").otherwise(pl.col("brand_new") + title),
        brand=pl.coalesce("brand_new", "brand"),
    ).select(products.columns)
