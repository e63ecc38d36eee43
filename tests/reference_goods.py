"""What a realistic market is made of, as plain objects: products, their units, and the listings of these."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class State:
    """What ticks change about a listing."""

    price: int
    regular: int
    own: int
    line: int
    surge: int
    fee: int
    updated: int
    own_ends: int
    repriced: int
    match: int
    stock: int
    restock: int

    @property
    def discount(self) -> int:
        """The running discount: the deeper of its own and the deepest campaign line."""
        return max(self.own, self.line)

    def seen(self) -> tuple[int, int, int, int, int]:
        """What an event tells; an event is written when any of it changes."""
        return self.price, self.regular, self.discount, self.surge, self.fee


@dataclass
class Listing:
    """One product at one dark store, which serves `area`."""

    listing_id: int
    store_id: int
    area: int
    anchor: int
    unit_cost: int
    reorder_level: int
    target: int
    state: State
    lines: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Unit:
    """One product on one platform: its listings have one regular price and one sale. Its id is its first listing's."""

    platform: int
    listings: list[Listing]

    @property
    def number(self) -> int:
        return self.listings[0].listing_id

    @property
    def state(self) -> State:
        return self.listings[0].state


@dataclass
class Product:
    """An active product; `rank` counts the active products of its block, `good` is the first product of its name. `mrp` is none for
    loose produce.
    """

    number: int
    good: int
    block: int
    rank: int
    group: int
    mrp: int | None
    units: list[Unit]

    @property
    def ceiling(self) -> int:
        return 2**31 - 1 if self.mrp is None else self.mrp

    def listing(self, platform: int, area: int) -> Listing:
        return self.units[platform].listings[area]

    @property
    def listings(self) -> list[Listing]:
        return [listing for unit in self.units for listing in unit.listings]
