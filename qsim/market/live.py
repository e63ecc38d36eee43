"""Ticks of a block whose units live by rates: happenings, customers and stock, posted prices, rows and their truth.

The order is fixed: everything reads the state before the tick; customers pay the prices that were posted before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsim import money
from qsim.arrays import F64, I32, I64, U8, U16, Mask, distinct
from qsim.clock import DAY
from qsim.market import agenda, arrivals, demand, happenings, stock, truth
from qsim.market.arrivals import Arrivals
from qsim.market.demand import Sold
from qsim.market.happenings import Happened, Journal
from qsim.market.posting import posted
from qsim.market.rounds import Coming, Round, rounds
from qsim.market.state import Block, EventRows, State, WatchedRows, fill, put_in_order
from qsim.market.stock import Shelves
from qsim.market.units import Hour, LiveClock, LiveRules, Units
from qsim.schema import Cause
from qsim.streams import Purpose


@dataclass(frozen=True)
class Taken:
    """What turns took up: a part of the block, the tick, or that of each listing, the causes, and what was there before."""

    part: slice | I64
    tick: int | I64
    cause: U8
    regular: I32
    own: U16
    surge: U16
    fee: U16
    clipped: Mask | None = None

    @property
    def span(self) -> slice:
        """The part of a single tick, whose listings lie side by side."""
        assert isinstance(self.part, slice)
        return self.part

    def watch(self, watched: WatchedRows | None, place: slice) -> None:
        """Note for the metrics whose steps were held and who had a surge before, at the rows of the part."""
        if watched is not None:
            watched.clipped[place] |= False if self.clipped is None else self.clipped
            watched.was_surging[place] = (self.surge | self.fee) > 0


@dataclass(frozen=True)
class Diaries:
    """What is to come at a block's units and shelves, and its customers, with their mean number a day as a day has it."""

    units: happenings.Diaries
    customers: arrivals.Diary
    days: dict[int, F64]
    shelves: Shelves


def diaries() -> Diaries:
    """Open empty diaries."""
    return Diaries(happenings.Diaries(), arrivals.Diary(), {}, Shelves())


def _customers(
    block: Block, of: Units, rules: LiveRules, diaries: Diaries, hours: Sequence[Hour], before: int, until: int
) -> Arrivals:
    """Give the customers that come after one market second, up to another; their lanes are areas, product by product."""
    if not of.any_customers:
        return arrivals.NONE

    def mean(profile: tuple[int, bytes]) -> F64:
        day, demand = profile
        factor = np.frombuffer(demand)[block.city_of_area] / arrivals.HOURS_A_DAY
        return np.asarray(_of_day(of, rules, diaries.days, day) * np.tile(factor, len(of.products)))

    uneven = rules.demand.day_spread > 0
    profiles = [(hour.number // arrivals.HOURS_A_DAY if uneven else 0, hour.demand.tobytes()) for hour in hours]
    source = arrivals.Source(rules.seed, Purpose.CUSTOMERS, Purpose.CUSTOMER, block.number, of.customer_ids)
    return arrivals.coming(diaries.customers, source, profiles, mean, before, until)


def _of_day(of: Units, rules: LiveRules, days: dict[int, F64], day: int) -> F64:
    """Give the mean customers of a day of products in areas, float64[products x areas]; `days` keeps those of one day."""
    if day not in days:
        days.clear()
        customers = np.repeat(of.customers, of.stores)
        uneven = rules.demand.day_spread > 0
        days[day] = customers * rules.demand.of_day(rules.seed, day, of.customer_ids) if uneven else customers
    return days[day]


def _sell(block: Block, of: Units, state: State, rules: LiveRules, now: Round) -> Sold:
    """Let a round's customers choose and buy, at the prices and with the stock before it."""
    came, areas = now.customers, of.stores
    if not len(came.lane):
        return demand.NOTHING
    product, area = came.lane // areas, came.lane % areas
    offers = (product * block.listings_per_product + area)[:, None] + np.arange(of.platforms) * areas
    costs = happenings.log_costs(of, state, now, product)
    reference = of.log_reference[product] + rules.pass_through * costs + happenings.drifts(of, now, product)
    prices = state.price[offers]
    fee = now.hour.fee_paise[block.city_of_area[area]]
    pull = demand.pulls(rules.demand, prices, reference, fee)
    return demand.shop(rules.seed, rules.demand, came.draw, came.word, offers, state.stock[offers], pull)


def _keep_orders(block: Block, of: Units, state: State, sold: Sold, now: Round, rows: EventRows) -> None:
    places = sold.places
    product = places // block.listings_per_product
    costs = happenings.log_costs(of, state, now, product) + happenings.drifts(of, now, product)
    paid = np.clip(np.floor(block.unit_cost[places] * money.exp(costs) + 0.5), 1, money.MAX_PAISE).astype(np.int32)
    columns = (sold.units.astype(np.uint16), sold.wanted.astype(np.uint16), state.price[places], paid)
    rows.orders.append((now.ticks[product].astype(np.uint32), block.listing_id[places], *columns))
    rows.trades += len(places)


def _trade(
    block: Block, of: Units, state: State, rules: LiveRules, shelves: Shelves, now: Round, rows: EventRows
) -> stock.Moved:
    """Sell and supply: rows of orders and deliveries; stock changes in place."""
    sold = _sell(block, of, state, rules, now)
    if len(sold.places):
        _keep_orders(block, of, state, sold, now, rows)
    some = sold.units > 0
    moved = stock.move(block, state, rules.seed, rules.supply, shelves, (sold.places[some], sold.units[some]), now)
    if len(moved.delivered):
        ids = block.listing_id[moved.delivered]
        ticks = now.ticks[moved.delivered // block.listings_per_product].astype(np.uint32)
        rows.deliveries.append((ticks, ids, moved.units, state.stock[moved.delivered]))
        rows.trades += len(ids)
    return moved


def longest_stretch(rules: LiveRules) -> float:
    """Give the market seconds that a stretch may last: what is ordered or begins in it must not fall due in it."""
    return DAY * min(rules.supply.least_days, float(rules.sale_days.min(initial=np.inf)))


def _coming(
    block: Block, of: Units, state: State, rules: LiveRules, diaries: Diaries, clocks: Sequence[LiveClock]
) -> Coming:
    """Give what comes to a block in a stretch of ticks."""
    before, until = clocks[0].before, clocks[-1].second
    hours = clocks[-1].hours_since(before)
    return Coming(
        happenings.coming(block, of, rules, diaries.units.arrivals, hours, before, until),
        _customers(block, of, rules, diaries, hours, before, until),
        agenda.coming(diaries.units.ends, state.own_ends[:: of.stores], until),
        agenda.coming(diaries.shelves.orders, state.restock, until),
    )


def step(
    block: Block,
    of: Units,
    state: State,
    rules: LiveRules,
    diaries: Diaries,
    clocks: Sequence[LiveClock],
    taken: list[Taken],
    clock_moved: bool,
    rows: EventRows,
) -> None:
    """Make a stretch of ticks of a block: change the state in place and fill the rows of what was taken up, in the order of
    ticks and listings; where the first clock moved, or something was `taken` in turn before, the stretch is that tick alone.
    """
    marks = rows.count, len(rows.orders), len(rows.deliveries), len(rows.truth), len(rows.transitions)
    coming = _coming(block, of, state, rules, diaries, clocks)
    lanes = of.platforms, of.stores, of.platforms, block.listings_per_product
    for now in rounds(clocks, len(of.products), lanes, coming):
        _round(block, of, state, rules, diaries, now, taken, clock_moved, rows)
    if len(clocks) > 1:
        put_in_order(rows, *marks)


def _round(
    block: Block,
    of: Units,
    state: State,
    rules: LiveRules,
    diaries: Diaries,
    now: Round,
    taken: list[Taken],
    clock_moved: bool,
    rows: EventRows,
) -> None:
    happened, journal = happenings.happen(block, of, state, rules, diaries.units, now)
    moved = _trade(block, of, state, rules, diaries.shelves, now, rows)
    if rows.watched is not None and len(turned := _turned(moved)):
        out = moved.out[moved.out | moved.back]
        rows.watched.shelves.append((now.ticks[turned // block.listings_per_product], turned, out))
    at, cause = _causes(of, taken, happened, moved, len(block.lanes) if clock_moved else None)
    if not len(at):
        return
    ticks = now.ticks[at // block.listings_per_product].astype(np.uint32)
    differs, switched = _changed(of, state, at, taken, happened, journal)
    if switched.any():
        rows.transitions.append((ticks[switched], block.listing_id[at[switched]], state.own[at[switched]]))
    discount = np.maximum(state.own[at], state.line[at])
    if clock_moved:
        np.copyto(cause, clock_causes(discount, state.discount[at]), where=cause == 0)
    held = np.empty(len(at), np.bool_) if rows.watched else None
    post = posted(block, of, state, rules, at, discount, now.shift, held)
    part = fill(block, state, at, discount, post.price, ticks, rows, held)
    for one in taken if rows.watched else []:
        one.watch(rows.watched, slice(*(part.start + np.searchsorted(at, [one.span.start, one.span.stop]))))
    rows.cause[part] = cause
    rows.changed[part] |= differs
    rows.changed[part][np.searchsorted(at, _turned(moved))] = True
    kept = np.flatnonzero(rows.changed[part])
    state.updated[at[kept]] = ticks[kept]
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
    parts = [np.arange(one.span.start, one.span.stop) for one in taken]
    at = distinct(np.concatenate([touched, turned, *parts])) if everything is None else np.arange(everything)
    cause = np.zeros(len(at), np.uint8)
    for one, places in zip(taken, parts, strict=True):
        cause[np.searchsorted(at, places)] = one.cause
    cause[np.searchsorted(at, touched)] = np.repeat(happened.cause, of.stores)
    why = np.where(moved.out, Cause.STOCK_OUT, Cause.RESTOCK)[moved.out | moved.back]
    place = np.searchsorted(at, turned)
    cause[place] = np.where(cause[place] == 0, why, cause[place])
    return at, cause


def clock_causes(discount: U16, earlier: U16) -> U8:
    """Tell why prices that the clock alone moved did so, by their discounts now and before it."""
    at_edge = np.where(discount > earlier, Cause.CAMPAIGN_START, Cause.CAMPAIGN_END)
    return np.where(discount == earlier, Cause.TIME_OF_DAY, at_edge).astype(np.uint8)


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
        place = slice(*np.searchsorted(at, [one.span.start, one.span.stop]))
        differs[place] = (state.regular[one.part] != one.regular) | (state.surge[one.part] != one.surge)
        differs[place] |= state.fee[one.part] != one.fee
        switched[place] = state.own[one.part] != one.own
    return differs, switched
