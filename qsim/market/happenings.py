"""What happens to units by chance and by the clock: repricings, sales that start and end, answers to rivals.

Arrivals come at the highest rates that a unit can have; who wins the race of repricing, sale and look at rivals is
settled at the exact rates (thinning), on the state before the tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from qsim import money, streams
from qsim.arrays import F64, I64, U8, U32, U64, distinct
from qsim.clock import DAY, HOUR
from qsim.market import agenda, arrivals, cost, repricing, rivals
from qsim.market.agenda import Agenda
from qsim.market.arrivals import Arrivals, Diary
from qsim.market.rounds import Round
from qsim.market.state import Block, OwnCosts, State
from qsim.market.units import Hour, LiveRules, Units
from qsim.schema import Cause
from qsim.streams import Purpose

_DEEPEST = 9_000
_OPENING_AGE_DAYS = 60.0


@dataclass(frozen=True)
class Happened:
    """Units that were touched in a tick, ascending, with cause, rate a day of what happened, and the listing it came from."""

    units: I64
    cause: U8
    hazard: F64
    source: U32


@dataclass
class Diaries:
    """What is to come at a block's units: arrivals, and the ends of sales."""

    arrivals: Diary = field(default_factory=Diary)
    ends: Agenda = field(default_factory=Agenda)


@dataclass
class Journal:
    """What units had before a tick changed it: the column's name, the units, the values of all their listings; in order."""

    kept: list[tuple[str, I64, np.ndarray]] = field(default_factory=list)

    def undo(self, name: str, units: I64, now: np.ndarray) -> None:
        """Take the values of units (ascending; a row each) back to before the tick, in place."""
        for of, changed, before in reversed(self.kept):
            if of == name:
                now[np.searchsorted(units, changed)] = before


def coming(
    block: Block, of: Units, rules: LiveRules, diary: Diary, hours: Sequence[Hour], before: int, until: int
) -> Arrivals:
    """Give the arrivals at units after one market second, up to another; `hours` are those that the time touches."""

    def mean(profile: tuple[float, float]) -> F64:
        most, sale, look = _most(of, rules, *profile)
        return np.asarray((most + sale + look) / arrivals.HOURS_A_DAY)

    source = arrivals.Source(rules.seed, Purpose.HAZARD, Purpose.HAZARD_KIND, block.number, of.listing_id)
    profiles = [(hour.reprice, hour.sale) for hour in hours]
    return arrivals.coming(diary, source, profiles, mean, before, until)


def _most(
    of: Units, rules: LiveRules, reprice: F64 | float, sale: F64 | float, at: I64 | slice = slice(None)
) -> list[F64]:
    """Give the highest rates a day of repricings, sales that start and looks at rivals, of the units `at`."""
    repricings = (of.base[at] + of.by_gap[at]) * (1 + rules.fresh) * reprice
    return [repricings, of.sale_rate[at] * sale, of.look_rate[at]]


def log_costs(of: Units, state: State, now: Round, products: I64) -> F64:
    """Give the log costs of products of the block now, between the knots of today and tomorrow."""
    own, through = _own_costs(of, state, now), now.seconds[products] % DAY / DAY
    family = of.family[products]
    knots = [now.costs.shared[now.day + ahead][family] + own.knots[ahead][products] for ahead in range(2)]
    return np.asarray((1 - through) * knots[0] + through * knots[1])


def _own_costs(of: Units, state: State, now: Round) -> OwnCosts:
    """Take the products' own costs on to today, from day 0 where they are not known."""
    own = state.costs
    if own is None:
        zero = np.zeros(len(of.products))
        own = OwnCosts(-1, (zero, zero))
    days = range(own.day + 1, now.day + 1)
    for knot in cost.own_path(now.costs.rules, of.product_group, of.goods, days, own.knots[1]):
        own = OwnCosts(own.day + 1, (own.knots[1], knot))
    state.costs = own
    return own


def drifts(of: Units, now: Round, products: I64) -> F64:
    """Give how far inflation has taken the log costs and prices of products of the block."""
    return np.asarray(of.drift_a_day[products] * now.days(products))


def log_aims(of: Units, state: State, rules: LiveRules, now: Round, at: I64) -> F64:
    """Give the log of the price that units aim at: anchor, costs passed on, inflation."""
    products = at // of.platforms
    costs = log_costs(of, state, now, products)
    return np.asarray(of.log_anchor[at] + rules.pass_through * costs + drifts(of, now, products))


def _wanted(of: Units, state: State, rules: LiveRules, now: Round, at: I64) -> F64:
    """Give the log of the price that units would set if no MRP held it: a price at its MRP stays while this is above it."""
    return np.asarray(log_aims(of, state, rules, now, at) + of.headroom[at])


def _hazard(of: Units, rules: LiveRules, state: State, at: I64, log_aim: F64, now: Round, profile: F64 | float) -> F64:
    """Give the exact rates a day at which units reprice."""
    stores = of.stores
    regular = state.regular[::stores][at]
    gap = log_aim - money.log_of_paise(regular)
    exact = repricing.hazard(of.base[at], of.by_gap[at], gap, of.width[at])
    if rules.fresh:
        age = (now.seconds[at // of.platforms] - state.repriced[::stores][at]) / DAY
        exact *= 1 + rules.fresh * money.exp(-age / rules.fresh_days)
    exact *= profile
    exact *= np.where(repricing.ends_in_nine(regular), rules.nine_stick, 1.0)
    exact *= np.where(state.own[::stores][at] > 0, rules.on_sale, 1.0)
    exact[(gap > 0) & (regular >= of.ceiling[at])] = 0.0
    return exact


@dataclass(frozen=True)
class _Settled:
    """What the arrivals of a tick do: units that reprice, that start a sale, that look at rivals; ascending."""

    repricing: I64
    starting: I64
    looking: I64


def _settle(of: Units, rules: LiveRules, state: State, now: Round) -> _Settled:
    came, at = now.units, now.units.lane
    if not len(at):
        return _Settled(at, at, at)
    nth = (came.second - 1) // HOUR - now.hours[0].number
    reprice = np.array([hour.reprice for hour in now.hours])[nth]
    most, sale, look = _most(of, rules, reprice, np.array([hour.sale for hour in now.hours])[nth], at)
    place = came.draw * (most + sale + look)
    exact = _hazard(of, rules, state, at, _wanted(of, state, rules, now, at), now, reprice)
    starts = (place >= most) & (place < most + sale) & (state.own[:: of.stores][at] == 0)
    return _Settled(distinct(at[place < exact]), distinct(at[starts]), distinct(at[place >= most + sale]))


def _start_sales(
    of: Units, rules: LiveRules, state: State, diaries: Diaries, now: Round, starters: I64, journal: Journal
) -> tuple[I64, I64]:
    """Start sales at units, and where brands fund them at the product's other platforms, in place; give all units that
    start, and for each the unit where its sale began.
    """
    if not len(starters):
        return starters, starters
    product = starters // of.platforms

    def draw(purpose: Purpose) -> U64:
        return streams.hashed(rules.seed, purpose, now.ticks[product], of.listing_id[starters])

    depth = streams.from_law(draw(Purpose.SALE_DEPTH), rules.sale_bps, rules.sale_bps_shares)
    depth = np.minimum(depth.astype(np.int64) + now.hour.deeper_bps, _DEEPEST).astype(np.uint16)
    days = streams.from_law(draw(Purpose.SALE_DAYS), rules.sale_days, rules.sale_day_shares)
    until = (now.seconds[product] + days * DAY).astype(np.uint32)
    funded = np.flatnonzero(streams.uniforms(draw(Purpose.SALE_SHARED)) < rules.shared_share)
    sisters = (starters[funded][:, None] // of.platforms * of.platforms + np.arange(of.platforms)).ravel()
    source = np.repeat(funded, of.platforms)
    ticks = now.ticks[sisters // of.platforms]
    joins = streams.uniforms(streams.hashed(rules.seed, Purpose.SALE_JOINED, ticks, of.listing_id[sisters]))
    joining = (joins < rules.shared_spread) & (state.own[:: of.stores][sisters] == 0) & ~np.isin(sisters, starters)
    sisters, kept = np.unique(sisters[joining], return_index=True)
    source = np.concatenate([np.arange(len(starters)), source[joining][kept]])
    everyone = np.concatenate([starters, sisters])
    _write(of, state.own, everyone, depth[source], journal, "own")
    _write(of, state.own_ends, everyone, until[source])
    agenda.note(diaries.ends, everyone, until[source])
    order = np.argsort(everyone)
    return everyone[order], starters[source][order]


def _over(of: Units, rules: LiveRules, state: State, now: Round) -> tuple[I64, I64]:
    """Find the units whose sale is over, and those of them whose regular price is set anew; an own discount without a set
    end is no sale.
    """
    over = agenda.due(now.ends, state.own_ends[:: of.stores], now.seconds[now.ends // of.platforms])
    over = over[state.own[:: of.stores][over] > 0]
    ticks = now.ticks[over // of.platforms]
    drawn = streams.uniforms(streams.hashed(rules.seed, Purpose.CLEARANCE, ticks, of.listing_id[over]))
    return over, over[drawn < rules.clearance]


def _noted(of: Units, noted: list[tuple[I64, Cause, F64 | float, U32 | None]]) -> Happened:
    """Put together what happened; of several things at one unit the last of the list stands."""
    touched = distinct(np.concatenate([units for units, _, _, _ in noted]))
    cause, hazard = np.zeros(len(touched), np.uint8), np.zeros(len(touched))
    source = of.listing_id[touched].copy()
    for units, why, rate, listing in noted:
        at = np.searchsorted(touched, units)
        cause[at], hazard[at] = why, rate
        source[at] = of.listing_id[units] if listing is None else listing
    return Happened(touched, cause, hazard, source)


def _write(
    of: Units, column: np.ndarray, at: I64, values: np.ndarray, journal: Journal | None = None, name: str = ""
) -> None:
    """Write values of units to all listings of theirs, keeping what was there in a journal."""
    table = column.reshape(-1, of.stores)
    if journal is not None and len(at):
        journal.kept.append((name, at, table[at]))
    table[at] = values[:, None]


def _reprice(of: Units, state: State, rules: LiveRules, now: Round, priced: I64, journal: Journal) -> F64:
    """Set regular prices anew, in place; give the rates a day at which it happened."""
    if not len(priced):
        return np.zeros(0)
    aim = _wanted(of, state, rules, now, priced)
    hazard = _hazard(of, rules, state, priced, aim, now, now.hour.reprice)
    product = priced // of.platforms
    noise = streams.normals(
        streams.hashed(rules.seed, Purpose.REPRICE_NOISE, now.ticks[product], of.listing_id[priced])
    )
    price = repricing.aimed_price(aim, rules.noise[of.group[priced]] * noise)
    snapped = repricing.snap(price, of.style[priced], rules.reach, of.ceiling[priced])
    _write(of, state.regular, priced, snapped, journal, "regular")
    _write(of, state.repriced, priced, now.seconds[product])
    return hazard


def happen(
    block: Block, of: Units, state: State, rules: LiveRules, diaries: Diaries, now: Round
) -> tuple[Happened, Journal]:
    """Let a round's repricings, sales and answers to rivals happen: change regular prices, own discounts and matches in
    place; give what happened, and what regular prices and own discounts were before.
    """
    journal = Journal()
    settled = _settle(of, rules, state, now)
    looked = log_aims(of, state, rules, now, settled.looking)
    answers = rivals.answer(block, of, state, rules, now, settled.looking, looked)
    abandoned = rivals.abandoned(of, state, now)
    over, cleared = _over(of, rules, state, now)
    priced = distinct(np.concatenate([settled.repricing, cleared]))
    hazard = _reprice(of, state, rules, now, priced, journal)
    _write(of, state.own, over, np.zeros(len(over)), journal, "own")
    started, source = _start_sales(of, rules, state, diaries, now, settled.starting, journal)
    matched = answers.match > 0
    _write(of, state.match, answers.units, answers.match)
    _write(of, state.match, abandoned, np.zeros(len(abandoned)))
    happened = _noted(
        of,
        [
            (abandoned, Cause.RIVAL_RELEASE, 0.0, None),
            (answers.units[~matched], Cause.RIVAL_RELEASE, of.look_rate[answers.units[~matched]], None),
            (answers.units[matched], Cause.RIVAL_MATCH, of.look_rate[answers.units[matched]], answers.rival[matched]),
            (priced, Cause.REPRICE, hazard, None),
            (over, Cause.DISCOUNT_END, 0.0, None),
            (cleared, Cause.CLEARANCE, 0.0, None),
            (started, Cause.DISCOUNT_START, of.sale_rate[started] * now.hour.sale, of.listing_id[source]),
        ],
    )
    return happened, journal


def open_units(block: Block, of: Units, state: State, rules: LiveRules) -> None:
    """Set a state at tick 0 to price points set some days ago, and give the sales that are on an end: a share of a drawn
    length away; none where the rules have no lengths of sales.
    """
    state.regular[:] = repricing.snap(
        block.anchor.astype(np.float64), of.of_listings(of.style), rules.reach, block.ceiling
    )
    age = streams.uniforms(streams.hashed(rules.seed, Purpose.AGE, 0, of.listing_id))
    _write(of, state.repriced, np.arange(len(age)), -np.floor(DAY * _OPENING_AGE_DAYS * age))
    if not len(rules.sale_days):
        return
    days = streams.from_law(
        streams.hashed(rules.seed, Purpose.SALE_DAYS, 0, of.listing_id), rules.sale_days, rules.sale_day_shares
    )
    left = streams.uniforms(streams.hashed(rules.seed, Purpose.SALE_LEFT, 0, of.listing_id))
    ends = 1 + np.floor(days * left * DAY)
    state.own_ends[:] = np.where(state.own > 0, of.of_listings(ends), 0)
