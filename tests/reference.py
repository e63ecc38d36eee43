"""The classic tick written a second time: slow, one listing after another, in whole numbers and fractions.

Written from the design alone, and meant to be read beside it. Takes its random words from `qsim.streams`, the
one maker of random numbers, and nothing else of qsim; what the engine does in arrays is held against this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from qsim import streams
from qsim.streams import Purpose

SURGE_START, SURGE_END, DISCOUNT_START, DISCOUNT_END, UPDATE, CAMPAIGN_START, CAMPAIGN_END, TIME_OF_DAY = range(1, 9)
BLOCK_LISTINGS = 65_536
DAY = 86_400
WHOLE = 10_000  # basis points
SHORT = Fraction(1, 10**7)  # what floats may fall short of a half by, paise


@dataclass(frozen=True)
class Terms:
    """What ticks run under: percents, probabilities, paise, and each platform's table of 4096 equally likely depths."""

    seed: int
    batch_size: int
    max_change_percent: float
    reversion: float
    volatility: Sequence[float]
    discount_probability: float
    discount_end_probability: float
    surge_probability: float
    surge_bps: tuple[int, int]
    surge_fee: int
    windows: dict[str, float]
    laws: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Campaign:
    """When a campaign runs, in market seconds; `repeat` 0 is once."""

    starts: int
    duration: int
    repeat: int
    ends: int

    def runs_at(self, second: int) -> bool:
        if not self.starts <= second < self.ends:
            return False
        since = second - self.starts
        return (since % self.repeat if self.repeat > 0 else since) < self.duration


@dataclass
class Listing:
    """One active product at one dark store. `rank` counts active products; `mrp` is none for loose produce."""

    listing_id: int
    rank: int
    platform: int
    group: int
    anchor: int
    mrp: int | None
    lines: list[tuple[int, int]] = field(default_factory=list)
    regular: int = 0
    price: int = 0
    own: int = 0
    line: int = 0
    surge: int = 0
    fee: int = 0
    updated: int = 0

    @property
    def running(self) -> int:
        """The running discount: the deeper of its own and the deepest campaign line."""
        return max(self.own, self.line)

    @property
    def surges(self) -> bool:
        return self.surge > 0 or self.fee > 0

    def seen(self) -> tuple[int, int, int, int, int]:
        """What an event tells; an event is written when any of it changes."""
        return self.price, self.regular, self.running, self.surge, self.fee


def seconds_of_day(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def shift_bps(windows: dict[str, float], second: int) -> int:
    """The level shift of the time of day; windows are half-open, may cross midnight, and add up."""
    now, shift = second % DAY, 0
    for window, percent in windows.items():
        begin, end = map(seconds_of_day, window.split("-"))
        if begin <= now < end or (begin > end and (now >= begin or now < end)):
            shift += round(percent * 100)
    return shift


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def happens(number: int, probability: float) -> bool:
    return number < round(probability * 2**20)


def next_regular(listing: Listing, terms: Terms, noise: int) -> int:
    """clip(round(regular x (1 + v x M x u) x (anchor/regular)^k), ceil((1-M) regular), floor((1+M) regular)), halves up."""
    u = (noise + 0.5) / 2**23 - 1
    factor = 1 + terms.volatility[listing.group] * (terms.max_change_percent / 100) * u
    pull = math.pow(listing.anchor / listing.regular, terms.reversion)
    bound = Fraction(round(terms.max_change_percent * 100), WHOLE)
    lowest, highest = math.ceil((1 - bound) * listing.regular), math.floor((1 + bound) * listing.regular)
    return min(max(half_up(Fraction(listing.regular * factor * pull) + SHORT), lowest), highest)


def composed_price(listing: Listing, shift: int) -> int:
    """The price: regular x (1 - discount) x (1 + surge) x (1 + shift), halves up, from 1 paisa to the MRP."""
    discount = 0 if listing.fee else listing.running
    overlays = (WHOLE - discount) * (WHOLE + listing.surge) * (WHOLE + shift)
    price = max(1, half_up(Fraction(listing.regular * overlays, WHOLE**3)))
    return price if listing.mrp is None else min(price, listing.mrp)


class Market:
    """All active listings of a market and what was written about them."""

    def __init__(self, listings: list[Listing], per_product: int, campaigns: dict[int, Campaign]) -> None:
        self.listings = sorted(listings, key=lambda listing: listing.listing_id)
        self.per_product = per_product
        self.products = len(listings) // per_product
        self.campaigns = campaigns
        self.block_size = max(1, BLOCK_LISTINGS // per_product) * per_product
        self.shift = 0
        self.running: set[int] = set()
        self.events: list[tuple[int, ...]] = []
        self.transitions: list[tuple[int, int, int]] = []
        self.taken_up: dict[tuple[int, int], int] = {}

    def block_of(self, listing: Listing) -> int:
        return listing.listing_id // self.block_size

    def set_clock(self, terms: Terms, second: int) -> bool:
        """Set the time-of-day shift and the running campaigns; tells whether either moved."""
        before = self.shift, self.running
        self.shift = shift_bps(terms.windows, second)
        self.running = {number for number, campaign in self.campaigns.items() if campaign.runs_at(second)}
        for listing in self.listings:
            listing.line = max((bps for number, bps in listing.lines if number in self.running), default=0)
        return (self.shift, self.running) != before

    def open(self, terms: Terms, second: int) -> None:
        """Set the opening prices: regular prices at their anchors, own discounts as they are."""
        self.set_clock(terms, second)
        for listing in self.listings:
            listing.regular = listing.anchor
            listing.price = composed_price(listing, self.shift)

    def batch(self, terms: Terms, tick: int) -> set[int]:
        """The ranks of the active products whose turn it is."""
        if terms.batch_size == 0 or terms.batch_size >= self.products:
            return set(range(self.products))
        cursor = tick * terms.batch_size % self.products
        return {(cursor + place) % self.products for place in range(terms.batch_size)}

    def step(self, terms: Terms, tick: int, second: int) -> None:
        before = [(listing.seen(), listing.surges) for listing in self.listings]
        moved = self.set_clock(terms, second)
        batch = self.batch(terms, tick)
        for listing, (seen, surged) in zip(self.listings, before, strict=True):
            taken = listing.rank in batch
            if not taken and not moved:
                continue
            switched = self.update(listing, terms, tick) if taken else 0
            listing.price = composed_price(listing, self.shift)
            cause = update_cause(listing, surged, switched) if taken else clock_cause(listing, seen[2])
            self.write(listing, tick, cause, seen)

    def update(self, listing: Listing, terms: Terms, tick: int) -> int:
        """Draw what happens to a listing in the batch; gives the cause of its discount chain's switch, or 0."""
        block = self.block_of(listing)
        lane = listing.listing_id - block * self.block_size
        word = int(streams.bits(terms.seed, Purpose.CLASSIC_UPDATE, block, tick, lane, 1)[0])
        listing.regular = next_regular(listing, terms, word >> 40)
        listing.surge = listing.fee = 0
        if happens(word % 2**20, terms.surge_probability):
            if listing.mrp is None:
                drawn = hashed(terms, Purpose.SURGE_SIZE, tick, listing)
                listing.surge = int(streams.whole_numbers(drawn, *terms.surge_bps)[0])
            else:
                listing.fee = terms.surge_fee
        return self.switch_discount(listing, terms, tick, (word >> 20) % 2**20)

    def switch_discount(self, listing: Listing, terms: Terms, tick: int, number: int) -> int:
        if listing.own == 0 and happens(number, terms.discount_probability):
            place = int(hashed(terms, Purpose.DISCOUNT_DEPTH, tick, listing)[0]) >> 52
            listing.own = int(terms.laws[listing.platform][place])
            cause = DISCOUNT_START
        elif listing.own > 0 and happens(number, terms.discount_end_probability):
            listing.own = 0
            cause = DISCOUNT_END
        else:
            return 0
        self.transitions.append((tick, listing.listing_id, listing.own))
        return cause

    def write(self, listing: Listing, tick: int, cause: int, before: tuple[int, ...]) -> None:
        key = tick, self.block_of(listing)
        self.taken_up[key] = self.taken_up.get(key, 0) + 1
        after = listing.seen()
        if after != before:
            listing.updated = tick
            self.events.append((tick, listing.listing_id, cause, before[0], *after))


def hashed(terms: Terms, purpose: Purpose, tick: int, listing: Listing) -> np.ndarray:
    return streams.hashed(terms.seed, purpose, tick, np.array([listing.listing_id]))


def update_cause(listing: Listing, surged: bool, switched: int) -> int:
    if listing.surges and not surged:
        return SURGE_START
    if surged and not listing.surges:
        return SURGE_END
    return switched or UPDATE


def clock_cause(listing: Listing, earlier_discount: int) -> int:
    if listing.running > earlier_discount:
        return CAMPAIGN_START
    if listing.running < earlier_discount:
        return CAMPAIGN_END
    return TIME_OF_DAY
