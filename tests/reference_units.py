"""What units do by chance, one candidate at a time: rates, candidates of an hour, price points, prices of listings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from qsim import streams
from qsim.streams import Purpose
from tests.reference import DAY, WHOLE, half_up
from tests.reference_cost import Costs
from tests.reference_goods import Listing, Product, State, Unit
from tests.reference_terms import (
    GROUPS,
    STYLES,
    Law,
    Terms,
    exp,
    law,
    log,
    place_of,
    poisson,
    second_of,
    word,
)

REPRICE, SALE, LOOK = range(3)


@dataclass(frozen=True)
class Candidate:
    """A time at which a unit may do something, and the place, a rate a day, that settles what."""

    hour: int
    second: int
    place: float


@dataclass(frozen=True)
class Priced:
    """A listing's price on its way: overlaid, times its zone, at its point, and answered to rivals."""

    shift: int
    raw: int
    zoned: float
    unmatched: int
    price: int


@dataclass(frozen=True, eq=False)
class Behaviour:
    """What a unit is under the terms: its rates a day, its price style, its inclinations."""

    terms: Terms
    product: Product
    unit: Unit

    @cached_property
    def uneven(self) -> float:
        if self.product.mrp is None:
            return 1.0
        spread = self.terms.tables["repricing"]["spread"]
        return exp(spread * self.terms.normal(Purpose.PROPENSITY, 0, self.unit.number) - spread**2 / 2)

    def of_group(self, name: str) -> float:
        return float(self.terms.tables["repricing"][name][GROUPS[self.product.group]])

    @cached_property
    def base(self) -> float:
        return self.of_group("a_day") * self.uneven

    @cached_property
    def by_gap(self) -> float:
        return self.of_group("gap_a_day") * self.uneven

    @cached_property
    def sale(self) -> float:
        sales, platforms = self.terms.tables["sales"], self.terms.tables["platforms"].values()
        if not sales["days"]:
            return 0.0
        depths = [platform["average_discount_percent"] for platform in platforms]
        shares = law(sales["days"])
        each = [high - low for low, high in zip([0.0, *shares.shares], shares.shares, strict=False)]
        mean_days = sum(days * share for days, share in zip(shares.values, each, strict=True))
        joined = sales["shared_share"] * sales["shared_spread"] * (1 - sales["share"]) * (len(depths) - 1)
        rate = sales["share"] / (mean_days * (1 - sales["share"]) * (1 + joined))
        return float(rate * depths[self.unit.platform] / (sum(depths) / len(depths)))

    @cached_property
    def look(self) -> float:
        rivals = self.terms.tables["rivals"]
        reactive = rivals["reactive"].get(self.terms.platforms[self.unit.platform], 0.0)
        known = self.terms.uniform(Purpose.KNOWN, 0, self.product.number) < rivals["known_share"]
        reacts = self.terms.uniform(Purpose.REACTIVE, 0, self.unit.number) < reactive
        return float(rivals["looks_a_day"]) if known and reacts else 0.0

    @cached_property
    def style(self) -> str:
        points = self.terms.tables["price_points"]
        packaged = points["platforms"].get(self.terms.platforms[self.unit.platform], points["packaged"])
        shares = points["loose"] if self.product.mrp is None else packaged
        if not shares:
            return "paise"
        u = self.terms.uniform(Purpose.PRICE_STYLE, 0, self.unit.number)
        cumulative: Law = law({str(n): shares.get(style, 0.0) for n, style in enumerate(STYLES)})
        return STYLES[sum(u >= share for share in cumulative.shares[:-1])]

    @cached_property
    def headroom(self) -> float:
        if self.unit.listings[0].anchor < self.product.ceiling:
            return 0.0
        most = self.terms.tables["repricing"]["headroom"]
        return float(most * self.terms.uniform(Purpose.HEADROOM, 0, self.unit.number))

    @cached_property
    def dynamic(self) -> bool:
        share = self.terms.tables["time_of_day_share"]
        return bool(share == 1 or self.terms.uniform(Purpose.DYNAMIC, 0, self.unit.number) < share)

    def most(self, hour: int) -> float:
        """The highest rate of repricing in an hour, a day."""
        fresh = self.terms.tables["repricing"]["fresh"]
        return float((self.base + self.by_gap) * (1 + fresh) * self.terms.w_reprice(hour))

    def candidates(self, hour: int) -> list[Candidate]:
        product, platforms = self.product, len(self.terms.platforms)
        rate = self.most(hour) + self.sale * self.terms.w_sale(hour) + self.look
        lane = product.rank * platforms + self.unit.platform
        drawn = int(streams.bits(self.terms.seed, Purpose.HAZARD, product.block, hour, lane, 1)[0])
        found = []
        for number in range(poisson(drawn, rate / 24)):
            kind = word(self.terms.seed, Purpose.HAZARD_KIND, hour, self.unit.number * 64 + number)
            found.append(Candidate(hour, second_of(hour, kind), place_of(kind) * rate))
        return found

    def exact(self, state: State, log_aim: float, hour: int, second: int) -> float:
        """The rate of repricing of a unit in its present state, a day."""
        of = self.terms.tables["repricing"]
        gap = log_aim - log(state.regular)
        if gap > 0 and state.regular >= self.product.ceiling:
            return 0.0
        width = self.of_group("gap")
        wide = gap / width if width else float(gap != 0)
        age = (second - state.repriced) / DAY
        rate = self.base + self.by_gap * min(1.0, wide * wide)
        rate = rate * (1 + of["fresh"] * exp(-age / of["fresh_days"])) * self.terms.w_reprice(hour)
        if state.regular % 1000 == 900:
            rate *= of["nine_stick"]
        if state.own > 0:
            rate *= of["on_sale"]
        return float(rate)

    def act(self, one: Candidate, state: State, log_aim: float, second: int) -> int | None:
        """Settle a candidate of the tick at `second` against the unit's state before it."""
        most, sale = self.most(one.hour), self.sale * self.terms.w_sale(one.hour)
        if one.place < self.exact(state, log_aim, one.hour, second):
            return REPRICE
        if most <= one.place < most + sale and state.own == 0:
            return SALE
        if one.place >= most + sale:
            return LOOK
        return None

    def snap(self, price: float) -> int:
        """The price point of the unit's style next to a price in paise."""
        reach, rupees = self.terms.tables["price_points"]["reach"], price / 100
        if price >= self.product.ceiling:
            return self.product.ceiling
        if self.style == "paise":
            return max(1, math.floor(price + 0.5))
        if self.style == "percent" and self.product.mrp is not None:
            percents = math.floor(100.0 * price / self.product.mrp + 0.5)
            return min(max(1, math.floor(percents * self.product.mrp / 100 + 0.5)), self.product.mrp)
        whole = math.floor(rupees + 0.5)
        nine = math.floor(rupees / 10 + 0.1 + 0.5) * 10 - 1
        five = math.floor(rupees / 5 + 0.5) * 5
        point = {"nine": nine, "five": five}.get(self.style, whole)
        fits = abs(point - rupees) <= reach * rupees and point > 0
        return min(max(point if fits else whole, 1) * 100, self.product.ceiling)

    def zone(self, listing: Listing) -> float:
        sd = self.terms.tables["repricing"]["zone_sd"]
        return 1.0 if listing.area == 0 else exp(sd * self.terms.normal(Purpose.ZONE, 0, listing.store_id))

    def priced(self, listing: Listing, state: State, shift: int) -> Priced:
        """Compose a listing's price: overlays on the regular price, the zone, the price point, the answer to a rival."""
        shift = shift if self.dynamic else 0
        taken = 0 if state.fee else state.discount
        overlays = (WHOLE - taken) * (WHOLE + state.surge) * (WHOLE + shift)
        raw = min(max(1, half_up(Fraction(state.regular * overlays, WHOLE**3))), self.product.ceiling)
        zoned = raw * self.zone(listing) if self.terms.tables["repricing"]["zone_sd"] > 0 else float(raw)
        unmatched = int(zoned) if zoned == state.regular else self.snap(zoned)
        price = min(unmatched, state.match) if state.match > 0 else unmatched
        return Priced(shift, raw, zoned, unmatched, price)


class Behaviours:
    """The behaviours of all units under one set of terms, and their candidates of the hours."""

    def __init__(self, terms: Terms, costs: Costs) -> None:
        self.terms, self.costs = terms, costs
        self.known: dict[int, Behaviour] = {}
        self.hours: dict[tuple[int, int], list[Candidate]] = {}

    def of(self, product: Product, unit: Unit) -> Behaviour:
        return self.known.setdefault(unit.number, Behaviour(self.terms, product, unit))

    def due(self, product: Product, unit: Unit, before: int, second: int) -> list[Candidate]:
        """The unit's candidates in the seconds after `before` up to `second`."""
        found = []
        for hour in range(before // 3600, (second - 1) // 3600 + 1):
            key = unit.number, hour
            if key not in self.hours:
                self.hours[key] = self.of(product, unit).candidates(hour)
            found += [one for one in self.hours[key] if before < one.second <= second]
        return found

    def log_aim(self, product: Product, unit: Unit, second: int) -> float:
        log_anchor = log(unit.listings[0].anchor)
        return self.costs.aim(self.terms.tables, log_anchor, product, second)

    def log_wanted(self, product: Product, unit: Unit, second: int) -> float:
        """The log of the price that the unit would set without its MRP."""
        return self.log_aim(product, unit, second) + self.of(product, unit).headroom
