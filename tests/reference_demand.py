"""Customers one at a time, what they choose on the prices and stock before, and the stock that they leave."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from qsim import streams
from qsim.streams import Purpose
from tests.reference import DAY
from tests.reference_cost import Costs
from tests.reference_goods import Listing, Product, State
from tests.reference_terms import (
    GROUPS,
    Law,
    Terms,
    exp,
    hour_of,
    law,
    log,
    place_of,
    poisson,
    second_of,
    word,
)


@dataclass(frozen=True)
class Customer:
    """Someone who wants `units` of a product in an area; `x` and `x2` in (0, 1) settle the first and second choice."""

    second: int
    units: int
    x: float
    x2: float


@dataclass
class Asked:
    """Units of a listing wanted as first choice, and asked for in the end, at one tick."""

    wanted: int = 0
    asked: int = 0


class Shoppers:
    """The customers under one set of terms; `cities` are those of the areas."""

    def __init__(self, terms: Terms, cities: list[int], costs: Costs) -> None:
        self.terms, self.cities, self.costs, self.of = terms, cities, costs, terms.tables["demand"]
        self.units: Law = law(self.of["units"])
        self.known: dict[tuple[int, int, int], list[Customer]] = {}

    def mean(self, product: Product, area: int, hour: int) -> float:
        """The mean number of customers of a product in an area in an hour."""
        normal, spread = self.terms.normal(Purpose.POPULARITY, 0, product.number), self.of["spread"]
        popularity, place = exp(spread * normal - spread**2 / 2), product.number * len(self.cities) + area
        customers = self.of["a_day"][GROUPS[product.group]] * popularity
        normal, spread = self.terms.normal(Purpose.DEMAND, hour // 24, place), self.of["day_spread"]
        customers = customers * exp(spread * normal - spread**2 / 2)
        return float(customers * (self.terms.load(self.cities[area], hour) / 24))

    def customers(self, product: Product, area: int, hour: int) -> list[Customer]:
        key = product.number, area, hour
        if key not in self.known:
            self.known[key] = self._drawn(product, area, hour)
        return self.known[key]

    def _drawn(self, product: Product, area: int, hour: int) -> list[Customer]:
        seed, areas = self.terms.seed, len(self.cities)
        lane = product.rank * areas + area
        number = int(streams.bits(seed, Purpose.CUSTOMERS, product.block, hour, lane, 1)[0])
        found = []
        for nth in range(poisson(number, self.mean(product, area, hour))):
            place = (product.number * areas + area) * 64 + nth
            drawn = word(seed, Purpose.CUSTOMER, hour, place)
            units = self.terms.drawn(self.units, Purpose.CUSTOMER_UNITS, 0, drawn)
            x2 = self.terms.uniform(Purpose.CUSTOMER_SECOND, 0, drawn)
            found.append(Customer(second_of(hour, drawn), int(units), place_of(drawn), x2))
        return found

    def pulls(self, product: Product, area: int, second: int, before: Mapping[int, State]) -> list[float]:
        """The pull of each platform on the area's customers, at the prices before."""
        named = self.of["shares"]
        least = min((named[name] for name in self.terms.platforms if named.get(name)), default=1.0)
        shares = [named.get(name, least) for name in self.terms.platforms]
        total = sum(shares)
        anchors = [log(unit.listings[0].anchor) for unit in product.units]
        log_ref = self.costs.aim(self.terms.tables, sum(anchors) / len(anchors), product, second)
        elasticity, pulls = self.of["elasticity"], []
        for platform, name in enumerate(self.terms.platforms):
            fee = self.terms.fee(self.cities[area], platform, hour_of(second))
            dear = log(before[product.listing(platform, area).listing_id].price) - log_ref
            utility = -elasticity * dear - elasticity * fee / (self.of["basket_rupees"] * 100)
            share = 0.0 if name in self.of["closed"] else shares[platform] / total
            pulls.append(share * exp(utility))
        return pulls

    def outside(self) -> float:
        return float(self.of["outside"] / (1 - self.of["outside"]))

    def shop(self, product: Product, since: int, second: int, before: Mapping[int, State]) -> dict[int, Asked]:
        """What the customers who come after `since` up to `second` want and ask for, by listing."""
        found: dict[int, Asked] = defaultdict(Asked)
        for area in range(len(self.cities)):
            hours = range(since // 3600, hour_of(second) + 1)
            coming = [one for hour in hours for one in self.customers(product, area, hour)]
            coming = [one for one in coming if since < one.second <= second]
            if not coming:
                continue
            shelves = [product.listing(platform, area).listing_id for platform in range(len(product.units))]
            pulls = self.pulls(product, area, second, before)
            stocked = [pull if before[shelf].stock > 0 else 0.0 for pull, shelf in zip(pulls, shelves, strict=True)]
            for one in coming:
                wanted = chosen = choice(pulls, self.outside(), one.x)
                if wanted is None:
                    continue
                found[shelves[wanted]].wanted += one.units
                if before[shelves[wanted]].stock < 1:
                    chosen = choice(stocked, self.outside(), one.x2)
                if chosen is not None:
                    found[shelves[chosen]].asked += one.units
        return found


def choice(pulls: list[float], outside: float, x: float) -> int | None:
    """The first platform whose cumulative pull is above x times all pulls and the outside's; none: buys nothing."""
    total = 0.0
    for pull in pulls:
        total += pull
    aim, so_far = x * (outside + total), 0.0
    for platform, pull in enumerate(pulls):
        so_far += pull
        if aim < so_far:
            return platform
    return None


def arrival(terms: Terms, listing: int, tick: int, second: int) -> int:
    """The market second at which what is ordered at a tick arrives."""
    supply = terms.tables["supply"]
    first, again, late = (-log(terms.uniform(Purpose.LEAD, tick, listing * 4 + i)) for i in (1, 2, 3))
    lead = supply["least_days"] + supply["wait_days"] * (first + again)
    if terms.uniform(Purpose.LATE, tick, listing) < supply["late"]:
        lead = lead + supply["late_days"] * late
    return second + 1 + math.floor(DAY * lead)


@dataclass(frozen=True)
class Shelved:
    """What a tick did to a listing's stock; `received` is none where nothing arrived."""

    sold: int
    received: int | None
    stock: int
    restock: int


def shelve(terms: Terms, listing: Listing, before: State, asked: int, tick: int, second: int) -> Shelved:
    """Sell, receive and order again."""
    sold, restock, received = min(asked, before.stock), before.restock, None
    if 0 < restock <= second:
        received, restock = max(0, listing.target - before.stock), 0
    stock = before.stock - sold + (received or 0)
    if stock <= listing.reorder_level and restock == 0:
        restock = arrival(terms, listing.listing_id, tick, second)
    return Shelved(sold, received, stock, restock)
