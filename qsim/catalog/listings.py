"""Listings of a market: the anchor of every product on every platform, its cost and its stock, dark store by dark store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from qsim import compiled, streams, taxonomy
from qsim.arrays import F64, I32, I64, Mask
from qsim.behaviour import Platform
from qsim.money import BPS, MAX_PAISE, round_half_up
from qsim.params import Parameters
from qsim.popularity import popularity, units_a_day
from qsim.streams import Purpose

SPREAD = (1.05, 1.25)
# Weight of what the platforms share in a product's place within their bands; the rest is each platform's own.
_COMMON = 0.35
_ATTEMPTS = 24
# Unit costs, of the anchor.
_COST_BPS = 7_000, 9_200
_LEAST_SHELF, _MOST_SHELF = 4, 60_000
# Draws of 16 bits below this are of shelves that are sold out at tick 0: one in 20.
_SOLD_OUT_BELOW = 0xFFFF // 20
# What sells at its MRP is seldom 5 % cheaper on a platform whose band begins near it.
_ATTEMPTS_BELOW_MRP = 96


def _bands(platforms: Sequence[Platform]) -> tuple[F64, F64]:
    """Give the lowest and the highest multiple of the base price of each platform, float64[platforms] each."""
    low, high = (np.array([getattr(p, name) / 100 for p in platforms]) for name in ("low_percent", "high_percent"))
    return low, high


def _multipliers(platforms: Sequence[Platform], seed: int, attempt: int, products: I64) -> F64:
    """Draw each product's multiplier on each platform inside its band, float64[platforms, products]."""

    def drawn(number: int) -> F64:
        return streams.uniforms(streams.hashed(seed, Purpose.PLATFORM_MULTIPLIER, attempt, products * 64 + number))

    common = _COMMON * drawn(63)
    bands = enumerate(zip(*_bands(platforms), strict=True))
    return np.stack([low + (high - low) * (common + (1 - _COMMON) * drawn(number)) for number, (low, high) in bands])


def anchors(platforms: Sequence[Platform], seed: int, products: I64, base: I64, ceiling: I64) -> I64:
    """Draw anchors in paise, int64[products, platforms]: inside the platform's band of the base, at most the ceiling.

    A product whose dearest platform is not 5-25 % above its cheapest is drawn again, up to 24 times.
    """
    loops = compiled.library()
    if loops is not None:
        return _looped_anchors(loops, platforms, seed, products, base, ceiling)
    # Platform by platform, since of five neighbours in memory the greatest is found several times more slowly.
    prices = np.zeros((len(platforms), len(base)), np.int64)
    left = np.arange(len(base))
    for attempt in range(_ATTEMPTS):
        drawn = round_half_up(_multipliers(platforms, seed, attempt, products[left]) * base[left])
        np.clip(drawn, 1, ceiling[left], out=drawn)
        prices[:, left] = drawn
        spread = drawn.max(axis=0) / drawn.min(axis=0)
        left = left[(spread < SPREAD[0]) | (spread > SPREAD[1])]
        if not left.size or len(platforms) == 1:
            break
    return prices.T


def _looped_anchors(
    loops: compiled.Loops, platforms: Sequence[Platform], seed: int, products: I64, base: I64, ceiling: I64
) -> I64:
    prices, (low, high) = np.zeros((len(base), len(platforms)), np.int64), _bands(platforms)
    terms = compiled.Anchors(
        count=len(base),
        platforms=len(platforms),
        attempts=_ATTEMPTS if len(platforms) > 1 else 1,
        stem=streams.stem(seed, Purpose.PLATFORM_MULTIPLIER),
        common=_COMMON,
        least_spread=SPREAD[0],
        most_spread=SPREAD[1],
        products=compiled.at(products),
        base=compiled.at(base),
        ceiling=compiled.at(ceiling),
        low=compiled.at(low),
        high=compiled.at(high),
        prices=compiled.at(prices),
    )
    compiled.anchors(loops, terms)
    return prices


def standings(parameters: Parameters, products: I64, discount: I64, loose: Mask) -> tuple[F64, F64]:
    """Draw multiples of the base under permanent discounts to the MRP (basis points): all, float64[products, platforms],
    and those of the platform that shows the discounts exactly, float64[products], which are 1 where no platform does.

    Drawn again, up to 96 times, where the dearest platform is not 5-25 % above the cheapest with all cut at the MRP, and
    where the reference platform stands so low that the base price would be above the MRP; at last it is lifted.
    """
    platforms, names = list(parameters.platforms.values()), list(parameters.platforms)
    named = parameters.assortment.mrp.reference
    place = names.index(named) if named in names else None
    multiples = np.zeros((len(platforms), len(products)))
    left = np.arange(len(products))
    for attempt in range(_ATTEMPTS_BELOW_MRP):
        drawn = _multipliers(platforms, parameters.seed, attempt, products[left])
        share, own = 1 - discount[left] / BPS, np.ones(len(left)) if place is None else drawn[place]
        multiples[:, left] = drawn
        cut = drawn * np.where(discount[left] > 0, share / own, 1.0)
        cut = np.where(loose[left], cut, np.minimum(cut, 1.0))
        spread = cut.max(axis=0) / cut.min(axis=0)
        right = (spread >= SPREAD[0]) & (spread <= SPREAD[1]) | (len(platforms) == 1)
        left = left[~(right & (loose[left] | (own >= share)))]
        if not left.size:
            break
    if place is None:
        return multiples.T, np.ones(len(products))
    multiples[place] = np.where(loose, multiples[place], np.maximum(multiples[place], 1 - discount / BPS))
    return multiples.T, multiples[place]


def _below_mrp(parameters: Parameters, products: pl.DataFrame) -> I64:
    """Set anchors in paise, int64[products, platforms], of a catalog with permanent discounts to the MRP."""
    ids = products["product_id"].to_numpy().astype(np.int64)
    base, mrp, discount = (
        products[name].to_numpy().astype(np.int64)[:, None]
        for name in ("base_price_paise", "mrp_paise", "mrp_discount_bps")
    )
    loose = products["is_loose"].to_numpy()
    multiples, reference = standings(parameters, ids, discount[:, 0], loose)
    # The base is rounded to the paisa; the reference platform's price is taken from the MRP, so that it is exact.
    exact = mrp * (BPS - discount) / BPS * (multiples / reference[:, None])
    anchor = round_half_up(np.where(loose[:, None] | (discount == 0), base * multiples, exact))
    low, high = _bands(list(parameters.platforms.values()))
    anchor = np.clip(anchor, np.ceil(base * low - 0.5), np.floor(base * high + 0.5))
    return np.clip(anchor, 1, np.where(loose[:, None], MAX_PAISE, mrp)).astype(np.int64)


def store_table(parameters: Parameters) -> pl.DataFrame:
    """Place each platform's dark stores: the n-th store of every platform is in the n-th locality of the list."""
    places = taxonomy.places()
    rows = [
        (number * parameters.stores + nth, number, *places[nth % len(places)])
        for number in range(len(parameters.platforms))
        for nth in range(parameters.stores)
    ]
    return pl.DataFrame(rows, schema=["store_id", "platform_id", "city", "pincode", "area"], orient="row")


def _costs(seed: int, listings: I64, anchor: I64) -> I32:
    """Draw the unit cost of each listing in paise, a share of its anchor."""
    cost_bps = streams.whole_numbers(streams.hashed(seed, Purpose.UNIT_COST, 0, listings), *_COST_BPS)
    costs: I32 = np.maximum(1, anchor * cost_bps // BPS).astype(np.int32)
    return costs


def _shelves(seed: int, listings: I64, anchor: I64, active: Mask) -> dict[str, np.ndarray]:
    """Draw the unit cost of each listing, one figure of stock and what follows from it; goods off sale hold none."""
    loops = compiled.library()
    if loops is not None:
        return _looped_shelves(loops, seed, listings, anchor, active)
    words = streams.hashed(seed, Purpose.STOCK, 0, listings)
    target = (words & np.uint64(0x7F)).astype(np.uint16) + np.uint16(20)
    share = ((words >> np.uint64(8)) & np.uint64(0xFFFF)).astype(np.uint32)
    # What is not sold out holds between one unit and the target.
    stock = np.where(active & (share >= _SOLD_OUT_BELOW), 1 + (share * target >> np.uint32(16)), 0).astype(np.uint16)
    reserved = np.minimum(stock, ((words >> np.uint64(24)) & np.uint64(3)).astype(np.uint16))
    levels = {"stock": stock, "reserved": reserved, "reorder_level": target // np.uint16(4), "target_stock": target}
    return {"unit_cost_paise": _costs(seed, listings, anchor), **levels}


def _looped_shelves(
    loops: compiled.Loops, seed: int, listings: I64, anchor: I64, active: Mask
) -> dict[str, np.ndarray]:
    cost, levels = np.zeros(len(anchor), np.int32), np.zeros((4, len(anchor)), np.uint16)
    names = "stock", "reserved", "reorder_level", "target_stock"
    terms = compiled.Shelves(
        count=len(anchor),
        first=int(listings[0]),
        least_cost_bps=_COST_BPS[0],
        cost_span=_COST_BPS[1] - _COST_BPS[0] + 1,
        sold_out_below=_SOLD_OUT_BELOW,
        cost_stem=streams.stem(seed, Purpose.UNIT_COST),
        stock_stem=streams.stem(seed, Purpose.STOCK),
        anchor=compiled.at(anchor),
        is_active=compiled.at(active),
        unit_cost=compiled.at(cost),
        **{name: compiled.at(column) for name, column in zip(names, levels, strict=True)},
    )
    compiled.shelves(loops, terms)
    return {"unit_cost_paise": cost, **dict(zip(names, levels, strict=True))}


def _shelves_by_demand(
    parameters: Parameters, products: pl.DataFrame, listings: I64, anchor: I64, active: Mask
) -> dict[str, np.ndarray]:
    """Draw the unit cost of each listing, and stock it for some days of its expected demand; how full a shelf is at tick 0 is as
    in `_shelves`.
    """
    seed, demand, supply, per = parameters.seed, parameters.demand, parameters.supply, parameters.listings_per_product
    groups = np.array([demand.a_day[group] for group in products["volatility_group"].to_list()])
    customers = groups * popularity(seed, demand.spread, products["product_id"].to_numpy().astype(np.int64))
    units = np.repeat(units_a_day(demand, parameters.platforms), parameters.stores)
    low, high = supply.cover_days
    days = low + (high - low) * streams.uniforms(streams.hashed(seed, Purpose.COVER, 0, listings))
    wanted = np.ceil(days * np.repeat(customers, per) * np.tile(units, len(products)))
    target = np.clip(wanted, _LEAST_SHELF, _MOST_SHELF).astype(np.uint32)
    share = (streams.hashed(seed, Purpose.STOCK, 0, listings) >> np.uint64(48)).astype(np.uint32)
    stock = np.where(active & (share >= _SOLD_OUT_BELOW), 1 + (share * target >> np.uint32(16)), 0)
    reorder = np.floor(supply.reorder * target)
    columns = {"stock": stock, "reserved": 0 * stock, "reorder_level": reorder, "target_stock": target}
    levels = {name: values.astype(np.uint16) for name, values in columns.items()}
    return {"unit_cost_paise": _costs(seed, listings, anchor), **levels}


def listing_table(parameters: Parameters, products: pl.DataFrame) -> pl.DataFrame:
    """List products at every dark store, product by product; columns of `schema.LISTINGS`.

    The products may be any run of a market's: their listings are the same as those in the table of all.
    """
    platforms, stores, per = list(parameters.platforms.values()), parameters.stores, parameters.listings_per_product
    ids = products["product_id"].to_numpy().astype(np.int64)
    mrp = products["mrp_paise"].to_numpy()
    ceiling = np.where(mrp > 0, mrp, MAX_PAISE).astype(np.int64)
    if parameters.assortment.mrp.discounts and not parameters.catalog:
        by_platform = _below_mrp(parameters, products)
    else:
        by_platform = anchors(
            platforms, parameters.seed, ids, products["base_price_paise"].to_numpy().astype(np.int64), ceiling
        )
    listings = np.arange(ids[0] * per, (ids[-1] + 1) * per)
    anchor = np.repeat(by_platform.ravel(), stores)
    active = np.repeat(products["is_active"].to_numpy(), per)
    if any(parameters.demand.a_day.values()):
        shelves = _shelves_by_demand(parameters, products, listings, anchor, active)
    else:
        shelves = _shelves(parameters.seed, listings, anchor, active)
    return pl.DataFrame(
        {
            "listing_id": listings.astype(np.uint32),
            "product_id": np.repeat(ids.astype(np.uint32), per),
            "store_id": np.tile(np.arange(per, dtype=np.uint32), len(ids)),
            "platform_id": np.tile(np.repeat(np.arange(len(platforms), dtype=np.uint8), stores), len(ids)),
            "anchor_price_paise": anchor.astype(np.int32),
            **shelves,
        }
    )
