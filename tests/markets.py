"""Small markets made by hand: as the engine's blocks, and as the reference's listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from qsim import depths, params, rulebook, simulation
from qsim.blocks import Columns, make_blocks, opening_state
from qsim.clock import Epoch
from qsim.events import Tile
from qsim.market.rules import Rules
from qsim.market.state import Block, State, products_per_block
from qsim.params import GROUPS, Parameters
from qsim.simulation import Campaigns, Course, World
from tests import reference

COLUMNS = ("price", "regular", "own", "line", "discount", "surge", "fee", "updated")


@dataclass(frozen=True)
class Product:
    """An active product; `mrp` is none for loose produce; anchors and own discounts of its listings."""

    number: int
    mrp: int | None
    group: int
    anchors: Sequence[int]
    own: Sequence[int]


@dataclass(frozen=True)
class Plan:
    """All that a small market is made of; products that are not named are inactive. Lines: (campaign, listing, bps)."""

    products: Sequence[Product]
    total: int
    platforms: Sequence[int]
    campaigns: Mapping[int, reference.Campaign]
    lines: Sequence[tuple[int, int, int]]


def parameters_of(**changes: Any) -> Parameters:
    """Parameters of classic with whole values replaced, tables too."""
    return params.check({**params.preset_values("classic"), **changes})


def course_of(*stretches: tuple[int, Parameters]) -> Course:
    """The epochs of a market: (tick from which on, parameters), the first at tick 0."""
    epochs: list[Epoch] = []
    for tick, parameters in stretches:
        second = epochs[-1].second_of(tick) if epochs else 0
        epochs.append(Epoch(tick, second, parameters.update_interval_seconds))
    return Course(tuple(epochs), tuple(parameters for _, parameters in stretches))


@cache
def _law(mean_percent: float, deep_percent: float) -> tuple[int, ...]:
    return tuple(depths.depth_law(mean_percent, deep_percent).tolist())


def terms_of(parameters: Parameters) -> reference.Terms:
    return reference.Terms(
        seed=parameters.seed,
        batch_size=parameters.batch_size,
        max_change_percent=parameters.max_price_change_percent,
        reversion=parameters.reversion,
        volatility=[parameters.category_volatility[group] for group in GROUPS],
        discount_probability=parameters.discount_probability,
        discount_end_probability=parameters.discount_end_probability,
        surge_probability=parameters.surge_probability,
        surge_bps=(round(parameters.surge_min_percent * 100), round(parameters.surge_max_percent * 100)),
        surge_fee=round(parameters.surge_fee_rupees * 100),
        windows=parameters.time_of_day,
        laws=[
            _law(platform.average_discount_percent, parameters.deep_discount_percent)
            for platform in parameters.platforms.values()
        ],
    )


def columns_of(plan: Plan) -> Columns:
    per = len(plan.platforms)
    numbers = [product.number for product in plan.products]
    active, loose = np.zeros(plan.total, np.bool_), np.zeros(plan.total, np.bool_)
    mrp, group = np.ones(plan.total, np.int32), np.zeros(plan.total, np.uint8)
    anchor = np.ones((plan.total, per), np.int32)
    active[numbers] = True
    loose[numbers] = [product.mrp is None for product in plan.products]
    mrp[numbers] = [product.mrp or 0 for product in plan.products]
    group[numbers] = [product.group for product in plan.products]
    anchor[numbers] = [list(product.anchors) for product in plan.products]
    lines = np.array(plan.lines, np.int64).reshape(-1, 3)
    platforms = np.array(plan.platforms, np.uint8)
    line_bps = lines[:, 2].astype(np.uint16)
    listings = anchor.size
    return Columns(
        active,
        loose,
        mrp,
        np.arange(len(active)),
        group,
        anchor.ravel(),
        unit_cost=np.ones(listings, np.int32),
        reorder_level=np.zeros(listings, np.uint16),
        target_stock=np.ones(listings, np.uint16),
        platform_of_listing=platforms,
        city_of_area=np.zeros(1, np.int64),
        line_campaign=lines[:, 0],
        line_listing=lines[:, 1],
        line_bps=line_bps,
        block_products=products_per_block(per, False),
    )


def campaigns_of(plan: Plan) -> Campaigns:
    table = np.zeros((max(plan.campaigns, default=0) + 1, 4), np.int64)
    for number, one in plan.campaigns.items():
        table[number] = one.starts, one.duration, one.repeat, one.ends
    return Campaigns(*table.T.copy())


class Simulated:
    """A small market in the engine: goes from tick to tick and keeps the tiles that came of it."""

    def __init__(self, plan: Plan, course: Course, tick: int = 0, highest_price: int = 0) -> None:
        self.course, self.campaigns, self.tick = course, campaigns_of(plan), tick
        self.highest_price = highest_price or max(max(product.anchors) for product in plan.products)
        self.blocks: list[Block] = make_blocks(columns_of(plan))
        self.tiles: list[tuple[int, Tile]] = []
        self.rules: dict[bytes, Rules] = {}
        per = len(plan.platforms)
        own = np.zeros((plan.total, per), np.uint16)
        own[[product.number for product in plan.products]] = [list(product.own) for product in plan.products]
        epoch, parameters = course.at(tick)
        second = np.array([epoch.second_of(tick)])
        clock = self.campaigns.running(second)[0], int(simulation.shift_bps(parameters, second)[0])
        self.states: list[State] = []
        for block in self.blocks:
            place = slice(block.first_listing, block.first_listing + len(block.resting))
            stock = np.ones(len(block.resting), np.uint16)
            self.states.append(opening_state(block, own.ravel()[place], stock, *clock))

    def to(self, last: int) -> Simulated:
        """Go on to tick `last`, in one window for each epoch."""
        products = sum(block.products for block in self.blocks)
        while self.tick < last:
            end = self.course.last_tick_of(self.tick + 1, last)
            window = simulation.span(World(self.course, self.campaigns), self.tick + 1, end)
            parameters = self.course.at(end)[1]
            key = params.digest(parameters)
            if key not in self.rules:
                self.rules[key] = rulebook.rules(parameters, products, self.highest_price)
            for block, state in zip(self.blocks, self.states, strict=True):
                self.tiles += [(block.number, tile) for tile in simulation.tiles(block, state, self.rules[key], window)]
            self.tick = end
        return self

    def table(self, name: str) -> pa.Table:
        return pa.concat_tables([getattr(tile, name) for _, tile in self.tiles])

    def rows(self, name: str, block: int) -> list[tuple[int, ...]]:
        table = pa.concat_tables([getattr(tile, name) for number, tile in self.tiles if number == block])
        return list(zip(*table.to_pydict().values(), strict=True))

    def columns(self) -> dict[str, np.ndarray]:
        """The present state of all active listings, with their ids."""
        ids = np.concatenate([block.listing_id for block in self.blocks])
        parts = {
            part.name: [getattr(state, part.name) for state in self.states]
            for part in fields(State)
            if part.name not in ("costs", "prepared")
        }
        return {"listing_id": ids} | {name: np.concatenate(arrays) for name, arrays in parts.items()}


class Referred:
    """The same small market in the reference."""

    def __init__(self, plan: Plan, course: Course, tick: int = 0) -> None:
        self.course, self.tick, per = course, tick, len(plan.platforms)
        listings = []
        for rank, product in enumerate(sorted(plan.products, key=lambda product: product.number)):
            for place, platform in enumerate(plan.platforms):
                number, anchor = product.number * per + place, product.anchors[place]
                lines = [(campaign, bps) for campaign, listing, bps in plan.lines if listing == number]
                listings.append(reference.Listing(number, rank, platform, product.group, anchor, product.mrp, lines))
                listings[-1].own = product.own[place]
        self.market = reference.Market(listings, per, dict(plan.campaigns))
        epoch, parameters = course.at(tick)
        self.market.open(terms_of(parameters), epoch.second_of(tick))

    def to(self, last: int) -> Referred:
        for tick in range(self.tick + 1, last + 1):
            epoch, parameters = self.course.at(tick)
            self.market.step(terms_of(parameters), tick, epoch.second_of(tick))
        self.tick = last
        return self


def differences(simulated: Simulated, referred: Referred) -> list[str]:
    """Where the engine and the reference differ, in rows of events, discounts and metrics and in the state."""
    market, found = referred.market, []
    changed: dict[tuple[int, int], int] = {}
    blocks = {listing.listing_id: market.block_of(listing) for listing in market.listings}
    for row in market.events:
        changed[row[0], blocks[row[1]]] = changed.get((row[0], blocks[row[1]]), 0) + 1
    metrics = [(*key, count, changed.get(key, 0)) for key, count in market.taken_up.items()]
    for number in range(len(simulated.blocks)):
        wanted = {
            "events": [row for row in market.events if blocks[row[1]] == number],
            "discounts": [row for row in market.transitions if blocks[row[1]] == number],
            "metrics": [row for row in metrics if row[1] == number],
        }
        for name, rows in wanted.items():
            found += _first_difference(f"{name} of block {number}", simulated.rows(name, number), rows)
    states = [tuple(column) for column in zip(*(simulated.columns()[name].tolist() for name in COLUMNS), strict=True)]
    wanted_states = [
        (one.price, one.regular, one.own, one.line, one.running, one.surge, one.fee, one.updated)
        for one in market.listings
    ]
    return found + _first_difference("state", states, wanted_states)


def _first_difference(what: str, found: list[tuple[int, ...]], wanted: list[tuple[int, ...]]) -> list[str]:
    if found == wanted:
        return []
    at = next((at for at, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(found), len(wanted)) if at is None else at
    return [f"{what}: row {at}: engine {found[at : at + 1]}, reference {wanted[at : at + 1]}"]
