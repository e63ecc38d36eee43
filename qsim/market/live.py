"""One tick of a block whose units live by rates: happenings, customers and stock, posted prices, rows and their truth.

The order is fixed: everything reads the state before the tick; customers pay the prices that were posted before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim import money
from qsim.arrays import F64, I32, I64, U8, U16, Mask
from qsim.market import arrivals, demand, happenings, stock, truth
from qsim.market.demand import Sold
from qsim.market.happenings import Happened
from qsim.market.posting import posted
from qsim.market.state import Block, EventRows, State, fill
from qsim.market.units import LiveClock, LiveRules, Units
from qsim.schema import Cause
from qsim.streams import Purpose


@dataclass(frozen=True)
class Before:
    """Columns of a block before a tick."""

    regular: I32
    own: U16
    surge: U16
    fee: U16
    discount: U16


def before(state: State) -> Before:
    """Keep the columns that tell whether a listing changed."""
    return Before(*(getattr(state, name).copy() for name in ("regular", "own", "surge", "fee", "discount")))


@dataclass(frozen=True)
class Diaries:
    """What is to come at a block's units, and its customers."""

    happenings: arrivals.Diary
    customers: arrivals.Diary


def diaries() -> Diaries:
    """Open empty diaries."""
    return Diaries(arrivals.Diary(), arrivals.Diary())


def _sell(block: Block, of: Units, state: State, rules: LiveRules, diary: arrivals.Diary, now: LiveClock) -> Sold:
    """Let the tick's customers choose and buy, at the prices and with the stock before it."""
    if not of.customers.any():
        return demand.NOTHING
    areas = of.stores

    def mean(profile: bytes) -> F64:
        factor = np.frombuffer(profile)[block.city_of_area] / arrivals.HOURS_A_DAY
        return (of.customers[:, None] * factor).ravel()

    source = arrivals.Source(rules.seed, Purpose.CUSTOMERS, Purpose.CUSTOMER, block.number, of.customer_ids)
    profiles = [hour.demand.tobytes() for hour in now.touched()]
    came = arrivals.coming(diary, source, profiles, mean, now.before, now.second)
    if not len(came.lane):
        return demand.NOTHING
    product, area = came.lane // areas, came.lane % areas
    offers = (product * block.listings_per_product + area)[:, None] + np.arange(of.platforms) * areas
    costs = happenings.log_costs(of, state, now, product)
    reference = of.log_reference[product] + rules.pass_through * costs + rules.drift_a_day * now.days
    prices = state.price[offers]
    fee = now.hour.fee_paise[block.city_of_area[area]]
    pull = demand.pulls(rules.demand, prices, reference, fee)
    return demand.shop(rules.seed, rules.demand, came.draw, came.word, offers, state.stock[offers], pull)


def _keep_orders(block: Block, of: Units, state: State, sold: Sold, now: LiveClock, rows: EventRows) -> None:
    places = sold.places
    costs = happenings.log_costs(of, state, now, places // block.listings_per_product)
    paid = np.maximum(1, np.floor(block.unit_cost[places] * money.exp(costs) + 0.5)).astype(np.int32)
    columns = (sold.units.astype(np.uint16), sold.wanted.astype(np.uint16), state.price[places], paid)
    rows.orders.append((now.tick, block.listing_id[places], *columns))
    rows.trades += len(places)


def _trade(
    block: Block, of: Units, state: State, rules: LiveRules, diaries: Diaries, now: LiveClock, rows: EventRows
) -> stock.Moved:
    """Sell and supply: rows of orders and deliveries; stock changes in place."""
    sold = _sell(block, of, state, rules, diaries.customers, now)
    if len(sold.places):
        _keep_orders(block, of, state, sold, now, rows)
    some = sold.units > 0
    pairs = sold.places[some], sold.units[some]
    moved = stock.move(block, state, rules.seed, rules.supply, pairs, now.tick, now.second)
    if len(moved.delivered):
        ids = block.listing_id[moved.delivered]
        rows.deliveries.append((now.tick, ids, moved.units, state.stock[moved.delivered]))
        rows.trades += len(ids)
    return moved


def step(
    block: Block,
    of: Units,
    state: State,
    rules: LiveRules,
    diaries: Diaries,
    now: LiveClock,
    cause: U8,
    earlier: Before,
    clock_moved: bool,
    rows: EventRows,
) -> None:
    """Make a tick of a block: change the state in place and fill the rows of what was taken up.

    `cause` uint8[listings] has the causes of what a batch took up before, 0 elsewhere; `earlier` the columns before that.
    """
    happened = happenings.happen(block, of, state, rules, diaries.happenings, now)
    _touch(of, cause, happened)
    moved = _trade(block, of, state, rules, diaries, now, rows)
    turned = _turn(cause, moved)
    switched = np.flatnonzero(state.own != earlier.own)
    if len(switched):
        rows.transitions.append((now.tick, block.listing_id[switched], state.own[switched]))
    at = np.arange(len(cause)) if clock_moved else np.flatnonzero(cause)
    if not len(at):
        return
    discount = np.maximum(state.own[at], state.line[at])
    if clock_moved:
        _clock_causes(cause, discount, earlier.discount)
    post = posted(block, of, state, rules, at, discount, now.shift)
    part = fill(block, state, at, discount, post.price, now.tick, rows)
    rows.cause[part] = cause[at]
    rows.tick_rows.append((now.tick, len(at)))
    rows.changed[part] |= _differs(state, earlier, at)
    rows.changed[part][np.searchsorted(at, turned)] = True
    kept = np.flatnonzero(rows.changed[part])
    state.updated[at[kept]] = now.tick
    if rules.truth:
        rows.truth.append(truth.parts(block, of, state, rules, now, happened, at[kept], post.rows(kept)))


def _touch(of: Units, cause: U8, happened: Happened) -> None:
    cause.reshape(-1, of.stores)[happened.units] = happened.cause[:, None]


def _turn(cause: U8, moved: stock.Moved) -> I64:
    """Set the cause of listings that sold out or came back, unless they have one; give their places."""
    turned = moved.places[moved.out | moved.back]
    why = np.where(moved.out, Cause.STOCK_OUT, Cause.RESTOCK)[moved.out | moved.back]
    cause[turned] = np.where(cause[turned] == 0, why, cause[turned])
    return turned


def _clock_causes(cause: U8, discount: U16, earlier: U16) -> None:
    by_clock = np.where(
        discount > earlier, Cause.CAMPAIGN_START, np.where(discount < earlier, Cause.CAMPAIGN_END, Cause.TIME_OF_DAY)
    )
    np.copyto(cause, by_clock.astype(np.uint8), where=cause == 0)


def _differs(state: State, earlier: Before, at: I64) -> Mask:
    differs = state.regular[at] != earlier.regular[at]
    differs |= (state.surge[at] != earlier.surge[at]) | (state.fee[at] != earlier.fee[at])
    return np.asarray(differs)
