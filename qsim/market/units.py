"""Units of a block and the rules and clocks they follow. A unit is one product on one platform; all its dark stores follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qsim import money, streams
from qsim.arrays import F64, I32, I64, U8, U16, U32, Mask
from qsim.clock import DAY, HOUR
from qsim.market.cost import CostPath, family
from qsim.market.demand import DemandRules
from qsim.market.repricing import PAISE
from qsim.market.state import Block
from qsim.market.stock import SupplyRules
from qsim.streams import Purpose


@dataclass(frozen=True)
class RivalRules:
    """How platforms follow each other; `reactive` float64[platforms] is the share of known goods that each reacts on."""

    known_share: float
    looks_a_day: float
    reactive: F64
    tolerance: float
    undercut: float
    floor: float


@dataclass(frozen=True)
class LiveRules:
    """How units behave: rates a day by group, sale laws as cumulative shares, price styles as cumulative shares."""

    seed: int
    families: int
    pass_through: float
    drift_a_day: float
    base: F64
    by_gap: F64
    width: F64
    noise: F64
    spread: float
    nine_stick: float
    on_sale: float
    fresh: float
    fresh_days: float
    zone_sd: float
    headroom: float
    dynamic_share: float
    styles: F64
    reach: float
    exact_sales: float
    sale_rate: F64
    sale_days: F64
    sale_day_shares: F64
    sale_bps: U16
    sale_bps_shares: F64
    clearance: float
    shared_share: float
    shared_spread: float
    rivals: RivalRules
    demand: DemandRules
    supply: SupplyRules
    truth: bool


@dataclass(frozen=True)
class Hour:
    """What the clock, the weather and the calendar make of an hour of market time.

    Profiles of repricings and of sales that start, what new sales are deeper by, and by city: customers over the mean,
    orders' surge fees in paise, int64[cities, platforms], load over the mean in basis points, and rain.
    """

    number: int
    reprice: float
    sale: float
    deeper_bps: int
    demand: F64
    fee_paise: I64
    load_bps: I64
    rain: Mask


class LiveClock(NamedTuple):
    """The clock of one tick: its market second and that of the tick before, the shifts, and whether it is its epoch's first.

    There are many, and a tuple is made in a fifth of the time of a frozen dataclass.
    """

    tick: int
    second: int
    before: int
    shift: int
    shift_before: int
    hours: Mapping[int, Hour]
    costs: CostPath
    begins: bool

    @property
    def day(self) -> int:
        """Give the market day."""
        return self.second // DAY

    @property
    def hour(self) -> Hour:
        """Give the hour that ends the tick."""
        return self.hours[(self.second - 1) // HOUR]

    def hours_since(self, before: int) -> list[Hour]:
        """Give the hours that the time after a market second touches, up to the tick."""
        return [self.hours[number] for number in range(before // HOUR, (self.second - 1) // HOUR + 1)]


@dataclass(frozen=True)
class Units:
    """The unchanging columns of a block's units (one row a unit, or a listing where said) under an epoch's rules.

    `zone` float64[listings] multiplies prices, None without zones; `dynamic` tells whose price follows the time of day,
    None where all do; `headroom` is what the MRP cuts off the log price aimed at. By product: `goods` are the first products of
    their names, whose packs share their costs, `family` what else does (see `cost.family`), `log_reference` is the mean log
    anchor, `customers` the mean a day in an area; `customer_ids` int64[products x areas] number these in the market;
    `drift_a_day` is the inflation of log costs and prices, none of goods with a printed MRP, which would end at it one and all.
    """

    stores: int
    platforms: int
    products: I64
    goods: I64
    product_group: U8
    family: I64
    listing_id: U32
    platform: U8
    group: U8
    log_anchor: F64
    headroom: F64
    log_reference: F64
    ceiling: I32
    style: U8
    sale_style: U8
    base: F64
    by_gap: F64
    width: F64
    sale_rate: F64
    look_rate: F64
    dynamic: Mask | None
    zone: F64 | None
    customers: F64
    customer_ids: I64
    drift_a_day: F64

    @cached_property
    def any_customers(self) -> bool:
        """Tell whether anybody comes at all."""
        return bool(self.customers.any())

    def of_listings(self, values: np.ndarray) -> np.ndarray:
        """Repeat a column of units for each of their listings."""
        return values if self.stores == 1 else np.repeat(values, self.stores)

    def at(self, values: np.ndarray, part: slice | I64) -> np.ndarray:
        """Take a column of units at listings: a part of the block, or places in it."""
        if isinstance(part, slice):
            return self.of_listings(values)[part]
        return values[part] if self.stores == 1 else values[part // self.stores]


def _look_rates(rules: LiveRules, products: I64, ids: U32, platform: U8, platforms: int) -> F64:
    rivals = rules.rivals
    known = streams.uniforms(streams.hashed(rules.seed, Purpose.KNOWN, 0, products)) < rivals.known_share
    reacts = streams.uniforms(streams.hashed(rules.seed, Purpose.REACTIVE, 0, ids)) < rivals.reactive[platform]
    return np.where(np.repeat(known, platforms) & reacts, rivals.looks_a_day, 0.0)


def _zones(rules: LiveRules, platforms: int, stores: int, products: int) -> F64 | None:
    """Give the factor of each listing's dark store; a platform's first one has 1."""
    if rules.zone_sd == 0 or stores == 1:
        return None
    zone = money.exp(
        rules.zone_sd * streams.normals(streams.hashed(rules.seed, Purpose.ZONE, 0, np.arange(platforms * stores)))
    )
    zone[::stores] = 1.0
    return np.tile(zone, products)


def _headroom(rules: LiveRules, anchor: I32, ceiling: I32, ids: U32) -> F64:
    """Draw how far in logs the price that a unit would have without its MRP lies above it; 0 for anchors below the MRP."""
    drawn = streams.uniforms(streams.hashed(rules.seed, Purpose.HEADROOM, 0, ids))
    return np.where(anchor >= ceiling, rules.headroom * drawn, 0.0)


def _row_means(table: F64) -> F64:
    """Take the means of rows, added from left to right, so that they are the same however numpy adds."""
    return np.asarray(np.cumsum(table, axis=1)[:, -1] / table.shape[1])


def units(block: Block, rules: LiveRules, stores: int) -> Units:
    """Work out the units of a block and what the rules make of their columns."""
    ids, group, platform = block.listing_id[::stores], block.group[::stores], block.platform[::stores]
    loose, platforms = block.is_loose[::stores], block.listings_per_product // stores
    products = ids[::platforms].astype(np.int64) // block.listings_per_product
    normal = streams.normals(streams.hashed(rules.seed, Purpose.PROPENSITY, 0, ids))
    uneven = np.where(loose, 1.0, money.exp(rules.spread * normal - rules.spread * rules.spread / 2))
    draw = streams.uniforms(streams.hashed(rules.seed, Purpose.PRICE_STYLE, 0, ids))
    style = (draw[:, None] >= rules.styles[platform, loose.astype(np.int64)][:, :-1]).sum(axis=1).astype(np.uint8)
    exact = streams.uniforms(streams.hashed(rules.seed, Purpose.PRICE_STYLE, 1, ids)) < rules.exact_sales
    dynamic = streams.uniforms(streams.hashed(rules.seed, Purpose.DYNAMIC, 0, ids)) < rules.dynamic_share
    log_anchor = money.log(block.anchor[::stores].astype(np.float64))
    return Units(
        stores=stores,
        platforms=platforms,
        products=products,
        goods=block.goods,
        product_group=group[::platforms],
        family=family(rules.seed, rules.families, group[::platforms], block.goods),
        listing_id=ids,
        platform=platform,
        group=group,
        log_anchor=log_anchor,
        headroom=_headroom(rules, block.anchor[::stores], block.ceiling[::stores], ids),
        log_reference=_row_means(log_anchor.reshape(-1, platforms)),
        ceiling=block.ceiling[::stores],
        style=style,
        sale_style=np.where(exact, np.uint8(PAISE), style),
        base=rules.base[group] * uneven,
        by_gap=rules.by_gap[group] * uneven,
        width=rules.width[group],
        sale_rate=rules.sale_rate[platform],
        look_rate=_look_rates(rules, products, ids, platform, platforms),
        dynamic=None if rules.dynamic_share >= 1 else dynamic,
        zone=_zones(rules, platforms, stores, len(products)),
        customers=rules.demand.customers(rules.seed, products, group[::platforms]),
        customer_ids=(products[:, None] * stores + np.arange(stores)).ravel(),
        drift_a_day=np.where(loose[::platforms], rules.drift_a_day, 0.0),
    )
