"""The realistic tick written a second time: slow, one unit, listing and customer after another.

Written from the rules' description alone; what the engine does in arrays is held against this. All state that a rule
reads is that of the tick before, unless it says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace

import numpy as np

from qsim.streams import Purpose
from tests.reference import CAMPAIGN_END, CAMPAIGN_START, DAY, TIME_OF_DAY, Campaign
from tests.reference_cost import Costs
from tests.reference_demand import Shoppers, arrival, shelve
from tests.reference_goods import Listing, Product, State, Unit
from tests.reference_terms import Terms, exp, floor_half_up, hour_of
from tests.reference_truth import parts_of
from tests.reference_units import LOOK, REPRICE, SALE, Behaviours, Priced

DISCOUNT_START, DISCOUNT_END, REPRICED, CLEARANCE, RIVAL_MATCH, RIVAL_RELEASE, STOCK_OUT, RESTOCK = 3, 4, *range(9, 15)
ORDER = (DISCOUNT_START, CLEARANCE, DISCOUNT_END, REPRICED, RIVAL_MATCH, RIVAL_RELEASE)
DEEPEST, OLDEST_DAYS = 9000, 60


@dataclass(frozen=True)
class Why:
    """The rate a day at which something could happen, and the listing that it comes from; none is the listing's own."""

    rate: float = 0.0
    source: int | None = None


@dataclass(frozen=True)
class Tick:
    """The tick that is made: its number, market second and that of the tick before, and the shift of the time of day then."""

    number: int
    since: int
    second: int
    shift_before: int


@dataclass
class Rows:
    """What was written, in the columns of the tables of these names."""

    events: list[tuple[int, ...]] = field(default_factory=list)
    discounts: list[tuple[int, ...]] = field(default_factory=list)
    orders: list[tuple[int, ...]] = field(default_factory=list)
    deliveries: list[tuple[int, ...]] = field(default_factory=list)
    fees: list[tuple[int, int, int, int, bool]] = field(default_factory=list)
    truth: list[tuple[float, ...]] = field(default_factory=list)


class Market:
    """All active products of a market and what was written about them; `cities` are those of the areas."""

    def __init__(
        self, products: list[Product], campaigns: Mapping[int, Campaign], cities: list[int], costs: Costs
    ) -> None:
        self.products, self.campaigns, self.cities, self.costs = products, campaigns, cities, costs
        self.rows, self.shift, self.running = Rows(), 0, set[int]()
        self.fees: dict[tuple[int, int], tuple[int, bool]] = {}

    @property
    def listings(self) -> list[Listing]:
        return [listing for product in self.products for listing in product.listings]

    def set_terms(self, terms: Terms) -> None:
        self.terms, self.behaviours = terms, Behaviours(terms, self.costs)
        self.shoppers = Shoppers(terms, self.cities, self.costs)
        self.begins = True

    def set_clock(self, second: int) -> bool:
        """Set the time-of-day shift and the running campaigns; tells whether either moved."""
        before = self.shift, self.running
        self.shift = self.terms.shift(second)
        self.running = {number for number, campaign in self.campaigns.items() if campaign.runs_at(second)}
        for listing in self.listings:
            listing.state.line = max((bps for number, bps in listing.lines if number in self.running), default=0)
        return (self.shift, self.running) != before

    def opened(self) -> list[tuple[int, ...]]:
        """What tick 0 sets of each listing, given its stock and own discount: listing_id, price, regular price, when the
        sale ends, when it was repriced, when what is on order arrives.
        """
        rows = []
        for product in self.products:
            for unit in product.units:
                behaviour = self.behaviours.of(product, unit)
                days = self.terms.drawn(self.terms.sale_days, Purpose.SALE_DAYS, 0, unit.number)
                ends = 1 + math.floor(days * self.terms.uniform(Purpose.SALE_LEFT, 0, unit.number) * DAY)
                repriced = -math.floor(DAY * OLDEST_DAYS * self.terms.uniform(Purpose.AGE, 0, unit.number))
                for listing in unit.listings:
                    regular = behaviour.snap(float(listing.anchor))
                    state = replace(listing.state, regular=regular, match=0)
                    price = behaviour.priced(listing, state, self.shift).price
                    low = state.stock <= listing.reorder_level
                    restock = arrival(self.terms, listing.listing_id, 0, 0) if low else 0
                    sale = ends if state.own > 0 else 0
                    rows.append((listing.listing_id, price, regular, sale, repriced, restock))
        return rows

    def step(self, tick: int, since: int, second: int) -> None:
        now = Tick(tick, since, second, self.shift)
        before = {listing.listing_id: replace(listing.state) for listing in self.listings}
        moved = self.set_clock(second)
        self.write_fees(now)
        for product in self.products:
            did = self.happen(product, now, before)
            self.trade(product, now, before)
            for unit in product.units:
                for listing in unit.listings:
                    self.finish(now, product, unit, listing, did.get(unit.number, {}), before, moved)
        self.begins = False

    def happen(self, product: Product, now: Tick, before: Mapping[int, State]) -> dict[int, dict[int, Why]]:
        """Let a tick's sales end and start, its repricings and its looks at rivals happen; tells why, by unit and cause."""
        did: dict[int, dict[int, Why]] = {unit.number: {} for unit in product.units}
        acts = {unit.number: self.acts(product, unit, now, before) for unit in product.units}
        for unit in product.units:
            self.end_sale(unit, now, did[unit.number])
            if self.begins and unit.state.match and not self.behaviours.of(product, unit).look:
                self.set_match(unit, 0, did[unit.number], Why())
            if LOOK in acts[unit.number]:
                self.look(product, unit, now, before, did[unit.number])
            if REPRICE in acts[unit.number]:
                did[unit.number][REPRICED] = Why(self.reprice_rate(product, unit, now, before))
            if REPRICE in acts[unit.number] or CLEARANCE in did[unit.number]:
                self.reprice(product, unit, now)
        starters = [number for number, done in acts.items() if SALE in done]
        self.start_sales(product, now, starters, did)
        return did

    def reprice_rate(self, product: Product, unit: Unit, now: Tick, before: Mapping[int, State]) -> float:
        log_aim = self.behaviours.log_wanted(product, unit, now.second)
        behaviour = self.behaviours.of(product, unit)
        return behaviour.exact(before[unit.number], log_aim, hour_of(now.second), now.second)

    def acts(self, product: Product, unit: Unit, now: Tick, before: Mapping[int, State]) -> set[int]:
        """What the unit's candidates of the tick come to."""
        behaviour, state = self.behaviours.of(product, unit), before[unit.number]
        due = self.behaviours.due(product, unit, now.since, now.second)
        if not due:
            return set()
        log_aim = self.behaviours.log_wanted(product, unit, now.second)
        acts = {behaviour.act(one, state, log_aim, now.second) for one in due}
        return {act for act in acts if act is not None}

    def end_sale(self, unit: Unit, now: Tick, did: dict[int, Why]) -> None:
        if not (unit.state.own > 0 and 0 < unit.state.own_ends <= now.second):
            return
        for listing in unit.listings:
            listing.state.own = 0
        clears = self.terms.uniform(Purpose.CLEARANCE, now.number, unit.number)
        did[CLEARANCE if clears < self.terms.tables["sales"]["clearance"] else DISCOUNT_END] = Why()

    def reprice(self, product: Product, unit: Unit, now: Tick) -> None:
        behaviour, log_aim = self.behaviours.of(product, unit), self.behaviours.log_wanted(product, unit, now.second)
        noise = behaviour.of_group("noise") * self.terms.normal(Purpose.REPRICE_NOISE, now.number, unit.number)
        regular = behaviour.snap(exp(log_aim + noise))
        for listing in unit.listings:
            listing.state.regular, listing.state.repriced = regular, now.second

    def start_sales(
        self,
        product: Product,
        now: Tick,
        starters: list[int],
        did: dict[int, dict[int, Why]],
    ) -> None:
        """Start sales at units, and where brands fund them at the product's other platforms that have none."""
        sales, starts = self.terms.tables["sales"], dict[int, int]()
        for number in starters:
            if self.terms.uniform(Purpose.SALE_SHARED, now.number, number) < sales["shared_share"]:
                for unit in product.units:
                    joins = self.terms.uniform(Purpose.SALE_JOINED, now.number, unit.number) < sales["shared_spread"]
                    if joins and unit.state.own == 0 and unit.number not in starters:
                        starts.setdefault(unit.number, number)
        starts |= {number: number for number in starters}
        for unit in product.units:
            if unit.number in starts:
                source = starts[unit.number]
                self.start_sale(unit, now, source)
                rate = self.behaviours.of(product, unit).sale * self.terms.w_sale(hour_of(now.second))
                did[unit.number][DISCOUNT_START] = Why(rate, source)

    def start_sale(self, unit: Unit, now: Tick, source: int) -> None:
        terms = self.terms
        percent = terms.drawn(terms.sale_depths, Purpose.SALE_DEPTH, now.number, source)
        days = terms.drawn(terms.sale_days, Purpose.SALE_DAYS, now.number, source)
        depth = min(DEEPEST, round(percent * 100) + terms.calendar.deeper_bps(hour_of(now.second)))
        for listing in unit.listings:
            listing.state.own, listing.state.own_ends = depth, int(now.second + days * DAY)

    def look(self, product: Product, unit: Unit, now: Tick, before: Mapping[int, State], did: dict[int, Why]) -> None:
        """Answer the cheapest rival of the tick before where it is cheap enough, or answer none."""
        rivals, behaviour = self.terms.tables["rivals"], self.behaviours.of(product, unit)
        unmatched = behaviour.priced(unit.listings[0], before[unit.number], now.shift_before).unmatched
        others = [one for one in product.units if one is not unit and self.is_rival(one, before)]
        rival = min(others, key=lambda one: before[one.number].price, default=None)
        match = 0
        if rival and before[rival.number].price < (1 - rivals["tolerance"]) * unmatched:
            lowest = rivals["floor"] * exp(self.behaviours.log_aim(product, unit, now.second))
            match = behaviour.snap(max(lowest, (1 - rivals["undercut"]) * before[rival.number].price))
            match = match if match < unmatched else 0
        self.set_match(unit, match, did, Why(behaviour.look, rival.number if rival and match else None))

    def set_match(self, unit: Unit, match: int, did: dict[int, Why], why: Why) -> None:
        if match != unit.state.match:
            did[RIVAL_MATCH if match else RIVAL_RELEASE] = why
        for listing in unit.listings:
            listing.state.match = match

    def is_rival(self, unit: Unit, before: Mapping[int, State]) -> bool:
        closed = self.terms.platforms[unit.platform] in self.terms.tables["demand"]["closed"]
        return not closed and any(before[listing.listing_id].stock > 0 for listing in unit.listings)

    def trade(self, product: Product, now: Tick, before: Mapping[int, State]) -> None:
        """Sell to customers, and receive and order stock."""
        asked = self.shoppers.shop(product, now.since, now.second, before)
        for listing in product.listings:
            number, wish = listing.listing_id, asked.get(listing.listing_id)
            shelved = shelve(self.terms, listing, before[number], wish.asked if wish else 0, now.number, now.second)
            listing.state.stock, listing.state.restock = shelved.stock, shelved.restock
            if wish and (wish.wanted > 0 or shelved.sold > 0):
                paid = self.costs.paid(self.terms.tables, product, listing.unit_cost, now.second)
                self.rows.orders.append((now.number, number, shelved.sold, wish.wanted, before[number].price, paid))
            if shelved.received is not None:
                self.rows.deliveries.append((now.number, number, shelved.received, shelved.stock))

    def finish(
        self,
        now: Tick,
        product: Product,
        unit: Unit,
        listing: Listing,
        did: Mapping[int, Why],
        before: Mapping[int, State],
        moved: bool,
    ) -> None:
        """Compose a listing's price where anything touched it, and write what changed."""
        number, state, old = listing.listing_id, listing.state, before[listing.listing_id]
        cause = next((cause for cause in ORDER if cause in did), 0)
        why, stock = did.get(cause, Why()), stock_cause(old, state)
        if not (did or moved or stock):
            return
        made = self.behaviours.of(product, unit).priced(listing, state, self.shift)
        state.price = made.price
        if state.own != old.own:
            self.rows.discounts.append((now.number, number, state.own))
        if state.seen() == old.seen() and not stock:
            return
        state.updated = now.number
        cause = cause or stock or clock_cause(old, state)
        self.rows.events.append((now.number, number, cause, old.price, *state.seen()))
        self.write_truth(now, product, unit, listing, made, why)

    def write_truth(self, now: Tick, product: Product, unit: Unit, listing: Listing, made: Priced, why: Why) -> None:
        parts = parts_of(listing, made, self.behaviours.log_aim(product, unit, now.second))
        shock = self.costs.shock_id(product, now.second)
        source = listing.listing_id if why.source in (None, unit.number) else why.source
        self.rows.truth.append(
            (now.number, listing.listing_id, *astuple(parts), shock, float(np.float32(why.rate)), source)
        )

    def write_fees(self, now: Tick) -> None:
        """Write the fees of all stores at first, then of those whose fee or rain is another than before; without demand none."""
        hour, areas, none = hour_of(now.second), len(self.cities), (0, False)
        serves = any(self.terms.tables["demand"]["a_day"].values())
        places = [(city, at) for city in self.cities for at in range(len(self.terms.platforms)) if serves]
        fees = {(city, at): (self.terms.fee(city, at, hour), self.terms.rains(city, hour)) for city, at in places}
        for store in range(areas * len(self.terms.platforms)):
            city = self.cities[store % areas]
            place = city, store // areas
            if fees.get(place, none) != self.fees.get(place, None if serves else none):
                load = floor_half_up(self.terms.load(city, hour) * 10_000) if serves else 0
                fee, rains = fees.get(place, none)
                self.rows.fees.append((now.number, store, fee, load, rains))
        self.fees = fees


def stock_cause(old: State, new: State) -> int:
    if old.stock > 0 and new.stock == 0:
        return STOCK_OUT
    return RESTOCK if old.stock == 0 and new.stock > 0 else 0


def clock_cause(old: State, new: State) -> int:
    if new.discount != old.discount:
        return CAMPAIGN_START if new.discount > old.discount else CAMPAIGN_END
    return TIME_OF_DAY
