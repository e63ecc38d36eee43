"""Small realistic markets: drawn, run by the engine in a directory, and taken up by the reference at tick 0."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

import qsim
from qsim import params
from qsim.market import state
from tests.reference import Campaign
from tests.reference_cost import Costs
from tests.reference_goods import Listing, Product, State, Unit
from tests.reference_realistic import Market, Rows
from tests.reference_terms import GROUPS, Calendar, Entry, Terms
from tests.stored import history, logged

PLATFORMS = ("blinkit", "zepto", "instamart", "bigbasket", "dunzo")
LONGEST = 130_000
STATE = {
    "price": "price_paise",
    "regular": "regular_price_paise",
    "own": "own_discount_bps",
    "surge": "surge_bps",
    "fee": "surge_fee_paise",
    "updated": "updated_tick",
    "own_ends": "own_ends_second",
    "repriced": "repriced_second",
    "match": "match_paise",
    "stock": "stock",
    "restock": "restock_second",
}


@dataclass(frozen=True)
class Case:
    """A market to be made: what `generate` is given, and for each call of `run` its ticks and changes."""

    platforms: list[str]
    block_listings: int
    made_of: dict[str, Any]
    runs: list[tuple[int, dict[str, Any]]]


def run_market(folder: Path, case: Case) -> None:
    """Make and run a market of the realistic preset with fewer platforms and smaller blocks than is usual."""
    values = params.preset_values("realistic")
    platforms = {name: values["platforms"][name] for name in case.platforms}
    # Found once, and from presets as they are.
    params._shipped_platforms()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "LIVE_BLOCK_LISTINGS", case.block_listings)
        patch.setattr(params, "preset_values", lambda _: values | {"platforms": platforms})
        qsim.generate(folder, preset="realistic", **case.made_of)
        for ticks, changes in case.runs:
            qsim.run(folder, ticks=ticks, **changes)


def catalog(market: Path, table: str) -> list[dict[str, Any]]:
    return pl.read_parquet(market / "catalog" / f"{table}*.parquet").to_dicts()


def refer(market: Path) -> Market:
    """A market at tick 0 as the reference has it."""
    snapshot = {row["listing_id"]: row for row in history(market, "snapshots", 0).to_dicts()}
    listings = {row["listing_id"]: _listing(row, snapshot) for row in catalog(market, "listings")}
    for line in catalog(market, "campaign_lines"):
        listings[line["listing_id"]].lines.append((line["campaign_id"], line["discount_bps"]))
    places = [row["city"] for row in catalog(market, "stores") if row["platform_id"] == 0]
    cities = [list(dict.fromkeys(places)).index(city) for city in places]
    for listing in listings.values():
        listing.area = listing.store_id % len(cities)
    campaigns = {
        row["campaign_id"]: Campaign(*(row[f"{name}_second{'s' * (name in ('duration', 'repeat'))}"] for name in TIMES))
        for row in catalog(market, "campaigns")
    }
    settings = tomllib.loads((market / "market.toml").read_text())
    products = _products(market, listings, len(cities), settings["products_per_block"])
    costs = Costs([(entry.epoch["second"], entry.epoch["parameters"]) for entry in logged(market) if entry.epoch])
    made = Market(products, campaigns, cities, costs)
    made.set_terms(terms_of(market, logged(market)[0].epoch["parameters"]))  # type: ignore[index]  # the first has one
    made.set_clock(0)
    return made


def terms_of(market: Path, tables: Mapping[str, Any]) -> Terms:
    named = (market / "catalog" / "calendar.parquet").exists()
    entries = [Entry(*(row[name] for name in ENTRY)) for row in (catalog(market, "calendar") if named else [])]
    places = [row["city"] for row in catalog(market, "stores") if row["platform_id"] == 0]
    return Terms(tables, Calendar(date.fromisoformat(tables["start"]), entries), list(dict.fromkeys(places)))


ENTRY = ("date", "days", "from_hour", "to_hour", "city", "demand", "sales", "deeper_bps")
TIMES = ("starts", "duration", "repeat", "ends")


def _listing(row: dict[str, Any], snapshot: dict[int, dict[str, Any]]) -> Listing:
    held = snapshot[row["listing_id"]]
    state = State(line=0, **{name: held[column] for name, column in STATE.items()})
    numbers = ("listing_id", "store_id", "anchor_price_paise", "unit_cost_paise", "reorder_level", "target_stock")
    number, store, anchor, cost, reorder, target = (row[name] for name in numbers)
    return Listing(number, store, 0, anchor, cost, reorder, target, state)


def _products(market: Path, listings: dict[int, Listing], stores: int, block_size: int) -> list[Product]:
    per = max(listing.store_id for listing in listings.values()) + 1
    found: list[Product] = []
    good: dict[str, int] = {}
    for row in sorted(catalog(market, "products"), key=lambda row: row["product_id"]):
        good.setdefault(row["product"], row["product_id"])
        if not row["is_active"]:
            continue
        number, block = row["product_id"], row["product_id"] // block_size
        of = [listings[number * per + store] for store in range(per)]
        units = [Unit(nth, of[nth * stores : (nth + 1) * stores]) for nth in range(per // stores)]
        rank = sum(1 for product in found if product.block == block)
        mrp = None if row["is_loose"] else row["mrp_paise"]
        found.append(
            Product(number, good[row["product"]], block, rank, GROUPS.index(row["volatility_group"]), mrp, units)
        )
    return found


def opening_differences(market: Path) -> list[str]:
    """Where the state at tick 0 differs from what the reference sets."""
    made = refer(market)
    names = ("price", "regular", "own_ends", "repriced", "restock")
    held = [(one.listing_id, *(getattr(one.state, name) for name in names)) for one in made.listings]
    return _first_difference(f"opening {names}", held, made.opened())


def follow(market: Path) -> Market:
    """The reference taken through all ticks of a market, under the parameters of its epochs."""
    made = refer(market)
    entries = logged(market)
    epochs = [entry.epoch for entry in entries if entry.epoch]
    last = max(entry.tick for entry in entries)
    second = 0
    for epoch, following in zip(epochs, [*epochs[1:], None], strict=True):
        made.set_terms(terms_of(market, epoch["parameters"]))
        for tick in range(epoch["tick"] + 1, (following["tick"] if following else last) + 1):
            since, second = second, epoch["second"] + (tick - epoch["tick"]) * epoch["interval"]
            made.step(tick, since, second)
    return made


def differences(market: Path, made: Market) -> list[str]:
    """Where the engine and the reference differ: the first row of each table, and of the state at the end."""
    found = []
    for table in fields(Rows):
        name = table.name
        held = [row for row in _held(market, name) if row[0] > 0]
        found += _first_difference(name, sorted(held), sorted(getattr(made.rows, name)))
    last = max(entry.tick for entry in logged(market))
    snapshot = {row["listing_id"]: row for row in history(market, "snapshots", last).to_dicts()}
    names = ["listing_id", *STATE]
    held = [(one.listing_id, *(snapshot[one.listing_id][column] for column in STATE.values())) for one in made.listings]
    wanted = [(one.listing_id, *(getattr(one.state, name) for name in STATE)) for one in made.listings]
    return found + _first_difference(f"state {names}", held, wanted)


def _held(market: Path, table: str) -> list[tuple[Any, ...]]:
    files = [pl.read_parquet(path) for path in (market / table).glob("*.parquet")]
    return pl.concat(files).rows() if files else []


def _first_difference(what: str, found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> list[str]:
    if found == wanted:
        return []
    at = next((at for at, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(found), len(wanted)) if at is None else at
    sizes = f"{len(found)} rows against {len(wanted)}"
    return [f"{what}: {sizes}: row {at}: engine {found[at : at + 1]}, reference {wanted[at : at + 1]}"]


def drawn_case(number: int) -> Case:
    """A small market whose size, parameters, tick lengths and changes are drawn from a number."""
    draw = Random(number)
    platforms = draw.sample(PLATFORMS, draw.randint(2, 5))
    made_of = {
        "seed": draw.randrange(2**63),
        "start": draw.choice(("2026-01-01", "2026-03-03", "2026-07-14", "2026-11-05")),
        "products": draw.randint(2, 7),
        "stores": draw.randint(1, 3),
        "inactive_percent": draw.choice((0.0, 30.0)),
        "truth": True,
        **drawn_changes(draw, platforms),
    }
    interval, runs = made_of["update_interval_seconds"], []
    for nth in range(draw.randint(1, 3)):
        changes = drawn_changes(draw, platforms) if nth and draw.random() < 0.7 else {}
        interval = changes.get("update_interval_seconds", interval)
        runs.append((min(draw.randint(5, 60), LONGEST // interval), changes))
    return Case(platforms, draw.choice((65_536, 24)), made_of, runs)


def _for_groups(draw: Random, *values: float) -> dict[str, float]:
    return {group: draw.choice(values) for group in GROUPS}


def drawn_changes(draw: Random, platforms: list[str]) -> dict[str, Any]:
    """Run parameters, lively enough that all happens within some dozens of ticks."""
    pick = draw.choice
    shares = {name: pick((0.5, 1.0, 2.0, 0.0)) for name in platforms}
    shares[platforms[0]] = 1.0
    # Draws that leave the others what they were.
    beside = Random(repr(shares))
    points = {"whole": 0.2, "nine": 0.2, "five": 0.2, "paise": 0.1, "percent": 0.2}
    return {
        "update_interval_seconds": pick((60, 300, 3600, 7200, 5000, 40_000)),
        "time_of_day": pick(({}, {"01:00-05:00": 2, "04:00-23:00": -1}, {"01:00-05:00": 3})),
        "time_of_day_share": pick((0.0, 0.5, 1.0)),
        "cost": {"drift_percent_a_year": pick((5, 100)), "pass_through": pick((0.85, 1.0))},
        "shocks": {"a_year": _for_groups(draw, 1.2, 150.0, 0.0)},
        "repricing": {
            "a_day": _for_groups(draw, 0.5, 4.0),
            "gap_a_day": _for_groups(draw, 0.9, 30.0),
            "noise": _for_groups(draw, 0.006, 0.05),
            "spread": pick((0.0, 0.6)),
            "morning_share": pick((0.0, 0.125, 0.7)),
            "fresh": pick((0.0, 3.0)),
            "fresh_days": pick((0.2, 5.0)),
            "zone_sd": pick((0.0, 0.02)),
            "headroom": beside.choice((0.0, 0.15)),
        },
        "price_points": {
            "reach": pick((0.035, 0.2)),
            "packaged": pick(({}, points)),
            "loose": pick(({}, points)),
            "platforms": pick(({}, {platforms[0]: {"percent": 1.0}})),
        },
        "sales": {
            "share": pick((0.1, 0.6)),
            "days": pick(({"0.125": 1.0, "0.25": 2.0}, {"1": 0.2, "3": 0.3, "7": 0.5})),
            "morning_share": beside.choice((0.125, 0.6)),
            "clearance": pick((0.08, 0.5)),
            "shared_share": pick((0.5, 1.0)),
        },
        "rivals": {
            "known_share": pick((0.25, 1.0)),
            "looks_a_day": pick((6.0, 48.0)),
            "reactive": {name: pick((0.3, 1.0)) for name in platforms},
            "tolerance": pick((0.0, 0.03)),
            "undercut": pick((0.0, 0.02)),
            "floor": pick((0.6, 0.88, 0.95)),
        },
        "demand": {
            "a_day": _for_groups(draw, 0.0, 20.0, 150.0),
            "level": pick((0.7, 1.0, 1.0, 6.0)),
            "spread": pick((0.0, 0.8)),
            "day_spread": beside.choice((0.0, 0.3)),
            "city_spread": beside.choice((0.0, 0.1)),
            "shares": shares,
            "outside": pick((0.0, 0.2)),
            "units": pick(({"1": 1.0}, {"1": 0.6, "2": 0.3, "10": 0.1})),
            "hours": [pick((0.5, 1.0, 2.0)) for _ in range(24)],
            "weekdays": [pick((0.9, 1.1)) for _ in range(7)],
            "rain": 0.3,
            "closed": pick(([], [], [platforms[-1]])),
        },
        "supply": {
            "least_days": pick((0.0, 0.02, 0.15)),
            "wait_days": pick((0.02, 0.25)),
            "late": pick((0.1, 0.6)),
            "late_days": pick((0.1, 1.6)),
        },
        "weather": {"rainy_days": [pick((0.2, 1.0))] * 12, "hours": [1, pick((1, 5, 24))]},
        "surge_fees": {
            "capacity": pick((0.8, 1.2)),
            "riders_spread": beside.choice((0.0, 0.1)),
            "rain_loss": 0.25,
            "rupees": [0.0, 10.0, 15.0, 20.0, 30.0],
        },
    }
