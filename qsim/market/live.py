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
from qsim.market.happenings import Happened, Journal
from qsim.market.posting import posted
from qsim.market.state import Block, EventRows, State, WatchedRows, fill
from qsim.market.stock import Shelves
from qsim.market.units import LiveClock, LiveRules, Units
from qsim.schema import Cause
from qsim.streams import Purpose


@dataclass(frozen=True)
class Taken:
    """What a turn took up: a part of the block, the causes, and what was there before."""

    part: slice
    cause: U8
    regular: I32
    own: U16
    surge: U16
    fee: U16
    clipped: Mask | None = None

    def watch(self, watched: WatchedRows | None, place: slice) -> None:
        """Note for the metrics whose steps were held and who had a surge before, at the rows of the part."""
        if watched is not None:
            watched.clipped[place] |= False if self.clipped is None else self.clipped
            watched.was_surging[place] = (self.surge | self.fee) > 0


@dataclass(frozen=True)
class Diaries:
    """What is to come at a block's units and shelves, and its customers."""

    units: happenings.Diaries
    customers: arrivals.Diary
    shelves: Shelves


def diaries() -> Diaries:
    """Open empty diaries."""
    return Diaries(happenings.Diaries(), arrivals.Diary(), Shelves())


def _sell(block: Block, of: Units, state: State, rules: LiveRules, diary: arrivals.Diary, now: LiveClock) -> Sold:
    """Let the tick's customers choose and buy, at the prices and with the stock before it."""
    if not of.any_customers:
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
    moved = stock.move(block, state, rules.seed, rules.supply, diaries.shelves, pairs, now.tick, now.second)
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
    taken: list[Taken],
    clock_moved: bool,
    rows: EventRows,
) -> None:
    """Make a tick of a block: change the state in place and fill the rows of what was taken up; `taken` in turn before."""
    happened, journal = happenings.happen(block, of, state, rules, diaries.units, now)
    moved = _trade(block, of, state, rules, diaries, now, rows)
    if rows.watched is not None and len(_turned(moved)):
        rows.watched.shelves.append((now.tick, moved.places[moved.out], moved.places[moved.back]))
    at, cause = _causes(of, taken, happened, moved, len(block.lanes) if clock_moved else None)
    if not len(at):
        return
    differs, switched = _changed(of, state, at, taken, happened, journal)
    if switched.any():
        rows.transitions.append((now.tick, block.listing_id[at[switched]], state.own[at[switched]]))
    discount = np.maximum(state.own[at], state.line[at])
    if clock_moved:
        _clock_causes(cause, discount, state.discount[at])
    held = rows.watched.clipped[rows.count : rows.count + len(at)] if rows.watched else None
    post = posted(block, of, state, rules, at, discount, now.shift, held)
    part = fill(block, state, at, discount, post.price, now.tick, rows)
    for one in taken if rows.watched else []:
        one.watch(rows.watched, slice(*(part.start + np.searchsorted(at, [one.part.start, one.part.stop]))))
    rows.cause[part] = cause
    rows.tick_rows.append((now.tick, len(at)))
    rows.changed[part] |= differs
    rows.changed[part][np.searchsorted(at, _turned(moved))] = True
    kept = np.flatnonzero(rows.changed[part])
    state.updated[at[kept]] = now.tick
    if rules.truth:
        rows.truth.append(truth.parts(block, of, state, rules, now, happened, at[kept], post.rows(kept)))


def _turned(moved: stock.Moved) -> I64:
    return moved.places[moved.out | moved.back]


def _listings(of: Units, units: I64) -> I64:
    """Give the places of all listings of units, in order."""
    return units if of.stores == 1 else (units[:, None] * of.stores + np.arange(of.stores)).ravel()


def _causes(
    of: Units, taken: list[Taken], happened: Happened, moved: stock.Moved, everything: int | None
) -> tuple[I64, U8]:
    """Give the places that a tick takes up, ascending, and their causes, 0 for none yet: all, or those that have one.

    What a turn took up gives way to what happened, and a shelf that ran out or was filled to both.
    """
    touched, turned = _listings(of, happened.units), _turned(moved)
    parts = [np.arange(one.part.start, one.part.stop) for one in taken]
    at = np.unique(np.concatenate([touched, turned, *parts])) if everything is None else np.arange(everything)
    cause = np.zeros(len(at), np.uint8)
    for one, places in zip(taken, parts, strict=True):
        cause[np.searchsorted(at, places)] = one.cause
    cause[np.searchsorted(at, touched)] = np.repeat(happened.cause, of.stores)
    why = np.where(moved.out, Cause.STOCK_OUT, Cause.RESTOCK)[moved.out | moved.back]
    place = np.searchsorted(at, turned)
    cause[place] = np.where(cause[place] == 0, why, cause[place])
    return at, cause


def _clock_causes(cause: U8, discount: U16, earlier: U16) -> None:
    by_clock = np.where(
        discount > earlier, Cause.CAMPAIGN_START, np.where(discount < earlier, Cause.CAMPAIGN_END, Cause.TIME_OF_DAY)
    )
    np.copyto(cause, by_clock.astype(np.uint8), where=cause == 0)


def _changed(
    of: Units, state: State, at: I64, taken: list[Taken], happened: Happened, journal: Journal
) -> tuple[Mask, Mask]:
    """Tell which of the places have another regular price, surge or fee than before the tick, and which another own discount."""
    differs, switched = np.zeros((2, len(at)), np.bool_)
    touched = np.searchsorted(at, _listings(of, happened.units))
    for name, mask in (("regular", differs), ("own", switched)):
        now = getattr(state, name).reshape(-1, of.stores)[happened.units]
        before = now.copy()
        journal.undo(name, happened.units, before)
        mask[touched] = (now != before).ravel()
    for one in taken:
        place = slice(*np.searchsorted(at, [one.part.start, one.part.stop]))
        differs[place] = (state.regular[one.part] != one.regular) | (state.surge[one.part] != one.surge)
        differs[place] |= state.fee[one.part] != one.fee
        switched[place] = state.own[one.part] != one.own
    return differs, switched
