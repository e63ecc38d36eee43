"""What happens to units between updates by chance and by the clock: repricings, sales that start, sales that end.

A unit is one product on one platform; all its dark stores follow it. One dense draw a unit and tick holds the race of
repricing against a sale's start at their highest rates; who wins it is settled at the exact rates (thinning).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim import money, streams
from qsim.arrays import F64, I32, I64, U8, U16, U32, Mask
from qsim.market import cost, repricing
from qsim.market.cost import CostRules
from qsim.market.state import Block, OwnCosts, State
from qsim.schema import Cause
from qsim.streams import Purpose

_DAY = 86_400.0


@dataclass(frozen=True)
class LiveRules:
    """How units behave: rates a day by group, sale laws as cumulative shares, price styles as cumulative shares."""

    seed: int
    cost: CostRules
    base: F64
    by_gap: F64
    width: F64
    noise: F64
    spread: float
    nine_stick: float
    on_sale: float
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


@dataclass(frozen=True)
class LiveClock:
    """The clock of one tick: its market second, its length in days, the day and the way through it, and the profiles."""

    tick: int
    second: int
    days: float
    day: int
    through: float
    reprice_profile: float
    sale_profile: float


@dataclass(frozen=True)
class Units:
    """The unchanging columns of a block's units, and the positions of their first listings."""

    stores: int
    platforms: int
    first: I64
    products: I64
    product_group: U8
    listing_id: U32
    group: U8
    log_anchor: F64
    ceiling: I32
    style: U8
    sale_style: U8
    base: F64
    by_gap: F64
    width: F64
    sale_rate: F64


def units(block: Block, rules: LiveRules, stores: int) -> Units:
    """Work out the units of a block and what the rules make of their columns."""
    first = np.arange(0, len(block.lanes), stores)
    ids, group = block.listing_id[first], block.group[first]
    loose, platforms = block.is_loose[first], block.listings_per_product // stores
    normal = streams.normals(streams.hashed(rules.seed, Purpose.PROPENSITY, 0, ids))
    uneven = np.where(loose, 1.0, money.exp(rules.spread * normal - rules.spread**2 / 2))
    draw = streams.uniforms(streams.hashed(rules.seed, Purpose.PRICE_STYLE, 0, ids))
    style = (draw[:, None] >= rules.styles[loose.astype(np.int64)][:, :-1]).sum(axis=1).astype(np.uint8)
    exact = streams.uniforms(streams.hashed(rules.seed, Purpose.PRICE_STYLE, 1, ids)) < rules.exact_sales
    return Units(
        stores=stores,
        platforms=platforms,
        first=first,
        products=ids[::platforms].astype(np.int64) // block.listings_per_product,
        product_group=group[::platforms],
        listing_id=ids,
        group=group,
        log_anchor=money.log(block.anchor[first].astype(np.float64)),
        ceiling=block.ceiling[first],
        style=style,
        sale_style=np.where(exact, np.uint8(repricing.PAISE), style),
        base=rules.base[group] * uneven,
        by_gap=rules.by_gap[group] * uneven,
        width=rules.width[group],
        sale_rate=rules.sale_rate[block.platform[first]],
    )


def _settle(
    of: Units, rules: LiveRules, log_aim: F64, regular: I32, own: U16, now: LiveClock, at: I64
) -> tuple[Mask, Mask]:
    """Settle what the candidates `at` do, at their exact rates: who reprices and who starts a sale."""
    most = (of.base[at] + of.by_gap[at]) * now.reprice_profile
    rate = most + of.sale_rate[at] * now.sale_profile
    place = streams.uniforms(streams.hashed(rules.seed, Purpose.HAZARD_KIND, now.tick, of.listing_id[at])) * rate
    gap = log_aim - money.log(regular[at].astype(np.float64))
    exact = repricing.hazard(of.base[at], of.by_gap[at], gap, of.width[at]) * now.reprice_profile
    exact *= np.where(repricing.ends_in_nine(regular[at]), rules.nine_stick, 1.0)
    exact *= np.where(own[at] > 0, rules.on_sale, 1.0)
    exact[(gap > 0) & (regular[at] >= of.ceiling[at])] = 0.0
    return place < exact, (place >= most) & (own[at] == 0)


def _from_law(words: np.ndarray, values: np.ndarray, shares: F64) -> np.ndarray:
    return np.asarray(values[np.minimum(np.searchsorted(shares, streams.uniforms(words)), len(values) - 1)])


def _start_sales(of: Units, rules: LiveRules, own: U16, ends: U32, now: LiveClock, starters: I64) -> I64:
    """Start sales at units, and where brands fund them at the product's other platforms; give all units that start."""
    ids = of.listing_id[starters]

    def draw(purpose: Purpose) -> np.ndarray:
        return streams.hashed(rules.seed, purpose, now.tick, ids)

    depth = _from_law(draw(Purpose.SALE_DEPTH), rules.sale_bps, rules.sale_bps_shares)
    days = _from_law(draw(Purpose.SALE_DAYS), rules.sale_days, rules.sale_day_shares)
    until = (now.second + days * _DAY).astype(np.uint32)
    funded = np.flatnonzero(streams.uniforms(draw(Purpose.SALE_SHARED)) < rules.shared_share)
    sisters = (starters[funded][:, None] // of.platforms * of.platforms + np.arange(of.platforms)).ravel()
    source = np.repeat(funded, of.platforms)
    joins = streams.uniforms(streams.hashed(rules.seed, Purpose.SALE_JOINED, now.tick, of.listing_id[sisters]))
    joining = (joins < rules.shared_spread) & (own[sisters] == 0) & ~np.isin(sisters, starters)
    sisters, kept = np.unique(sisters[joining], return_index=True)
    source = source[joining][kept]
    everyone = np.concatenate([starters, sisters])
    own[everyone] = np.concatenate([depth, depth[source]])
    ends[everyone] = np.concatenate([until, until[source]])
    return everyone


def happen(block: Block, of: Units, state: State, rules: LiveRules, costs: F64, now: LiveClock) -> tuple[I64, U8]:
    """Let a tick's repricings and sales happen: change regular prices and own discounts in place.

    `costs` is the log cost of each unit's product now. Gives the units that were touched, ascending, and their causes.
    """
    rate = (of.base + of.by_gap) * now.reprice_profile + of.sale_rate * now.sale_profile
    words = streams.bits(rules.seed, Purpose.HAZARD, block.number, now.tick, 0, len(of.first))
    at = np.flatnonzero(streams.uniforms(words) < repricing.chance(rate * now.days))
    regular, own, ends = state.regular[of.first], state.own[of.first], state.own_ends[of.first]
    over = np.flatnonzero((own > 0) & (ends <= now.second))
    own[over] = 0
    log_aim = of.log_anchor + rules.cost.pass_through * costs + rules.cost.drift_a_day * (now.second / _DAY)
    reprices, starts = _settle(of, rules, log_aim[at], regular, own, now, at)
    clears = streams.uniforms(streams.hashed(rules.seed, Purpose.CLEARANCE, now.tick, of.listing_id[over]))
    cleared = over[clears < rules.clearance]
    priced = np.union1d(at[reprices], cleared)
    noise = streams.normals(streams.hashed(rules.seed, Purpose.REPRICE_NOISE, now.tick, of.listing_id[priced]))
    aim = repricing.aimed_price(log_aim[priced], rules.noise[of.group[priced]] * noise)
    regular[priced] = repricing.snap(aim, of.style[priced], rules.reach, of.ceiling[priced])
    started = _start_sales(of, rules, own, ends, now, at[starts])
    touched = np.union1d(np.union1d(priced, over), started)
    cause = np.full(len(touched), Cause.REPRICE, np.uint8)
    cause[np.searchsorted(touched, over)] = Cause.DISCOUNT_END
    cause[np.searchsorted(touched, cleared)] = Cause.CLEARANCE
    cause[np.searchsorted(touched, started)] = Cause.DISCOUNT_START
    _spread(of, state, touched, regular, own, ends)
    return touched, cause


def _spread(of: Units, state: State, touched: I64, regular: I32, own: U16, ends: U32) -> None:
    """Write the touched units' columns to all listings of theirs."""
    for store in range(of.stores):
        where = of.first[touched] + store
        state.regular[where], state.own[where], state.own_ends[where] = regular[touched], own[touched], ends[touched]


def costs_now(rules: CostRules, of: Units, state: State, shared: F64, now: LiveClock) -> F64:
    """Give each unit's log cost between the knots of today and tomorrow, taking the state's own costs on to today."""

    def step(day: int, own: F64) -> F64:
        return cost.own_step(rules, of.product_group, of.products, day, own)

    own = state.costs
    if own is None:
        zero = np.zeros(len(of.products))
        own = OwnCosts(0, (zero, step(0, zero)))
    while own.day < now.day:
        own = OwnCosts(own.day + 1, (own.knots[1], step(own.day + 1, own.knots[1])))
    state.costs = own
    knots = [shared[now.day + ahead][of.product_group] + own.knots[ahead] for ahead in range(2)]
    return np.repeat((1 - now.through) * knots[0] + now.through * knots[1], of.platforms)


def open_units(block: Block, of: Units, state: State, rules: LiveRules) -> None:
    """Set a state at tick 0 to price points, and give the sales that are on an end: a share of a drawn length away."""
    state.regular[:] = repricing.snap(
        block.anchor.astype(np.float64), np.repeat(of.style, of.stores), rules.reach, block.ceiling
    )
    days = _from_law(
        streams.hashed(rules.seed, Purpose.SALE_DAYS, 0, of.listing_id), rules.sale_days, rules.sale_day_shares
    )
    left = streams.uniforms(streams.hashed(rules.seed, Purpose.SALE_LEFT, 0, of.listing_id))
    ends = 1 + np.floor(days * left * _DAY)
    state.own_ends[:] = np.where(state.own > 0, np.repeat(ends, of.stores), 0)
