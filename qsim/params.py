"""Every parameter of a market: names, limits, presets, files, overrides, and their text in `market.toml`.

Parameters are frozen and checked when made. Holds no rule that uses them and touches no market.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from qsim import given
from qsim.assortment import Assortment
from qsim.behaviour import (
    GROUPS,
    Checked,
    Cost,
    Demand,
    Platform,
    PricePoints,
    Repricing,
    Rivals,
    Sales,
    Shocks,
    Supply,
    SurgeFees,
    Weather,
)
from qsim.clock import parse_hour, parse_start
from qsim.errors import UsageError, nearest
from qsim.explain import fault_line
from qsim.layers import Whole as Whole
from qsim.layers import merge as merge
from qsim.scalars import plain
from qsim.toml_text import assignment as assignment
from qsim.toml_text import read_toml as read_toml
from qsim.toml_text import to_toml as to_toml

LOOSE_GROUPS = ("fruits", "vegetables")
FIXED = frozenset(
    ("preset", "seed", "start", "products", "stores", "inactive_percent", "discounted_percent", "platforms")
) | {"catalog", "calendar", "assortment"}
MAX_LISTINGS = 2**32 - 1
NO_BATCH = -1

Probability = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]


def _in_hundredths(value: float) -> float:
    if abs(value * 100 - round(value * 100)) > 1e-9:
        raise ValueError("at most two decimals are allowed")
    return value


Preset = Literal["classic", "realistic", "supermarket"]


class Parameters(Checked):
    """All parameters of a market, resolved. Money in rupees, shares in percent or as probabilities, times in seconds."""

    preset: Preset = "classic"
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 42
    start: str = "2026-01-01"
    catalog: str = ""
    calendar: str = ""
    scenario: str = ""
    products: Annotated[int, Field(ge=1, le=1_000_000)]
    stores: Annotated[int, Field(ge=1, le=5_000)]
    inactive_percent: Annotated[float, Field(ge=0, le=50)]
    discounted_percent: Percent
    update_interval_seconds: Annotated[int, Field(ge=1, le=86_400)]
    batch_size: Annotated[int, Field(ge=NO_BATCH, le=1_000_000)]
    max_price_change_percent: Annotated[float, Field(gt=0, le=50)]
    discount_probability: Probability
    discount_end_probability: Probability
    # Markets that were made before it could be told have 2 % of their own discounts at 30 % and more.
    deep_discount_percent: Annotated[float, Field(ge=2, le=20)] = 2
    surge_probability: Probability
    surge_min_percent: Annotated[float, Field(ge=0.01, le=100)]
    surge_max_percent: Percent
    surge_fee_rupees: Annotated[float, Field(ge=0.01, le=600)]
    reversion: Probability
    category_volatility: dict[str, Annotated[float, Field(ge=0, le=5)]]
    time_of_day: dict[str, Annotated[float, Field(ge=-50, le=100)]]
    time_of_day_share: Probability = 1
    truth: bool = False
    platforms: Annotated[dict[str, Platform], Field(min_length=1, max_length=50)]
    cost: Cost = Cost()
    shocks: Shocks = Shocks()
    repricing: Repricing = Repricing()
    price_points: PricePoints = PricePoints()
    sales: Sales = Sales()
    rivals: Rivals = Rivals()
    demand: Demand = Demand()
    supply: Supply = Supply()
    weather: Weather = Weather()
    surge_fees: SurgeFees = SurgeFees()
    assortment: Assortment = Assortment()

    @field_validator("batch_size", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return {"all": 0, "none": NO_BATCH}.get(value, value) if isinstance(value, str) else value

    @field_validator("start", mode="before")
    @classmethod
    def _plain_date(cls, value: object) -> object:
        if isinstance(value, datetime) and value == datetime.combine(value, time.min):
            value = value.date()
        if type(value) is date:
            return value.isoformat()
        if not isinstance(value, str):
            raise ValueError("allowed is a date such as 2026-01-01; a market starts at 00:00 in India")
        return value

    @field_validator("start")
    @classmethod
    def _is_date(cls, value: str) -> str:
        parse_start(value)
        return value

    _hundredths = field_validator(
        "max_price_change_percent", "surge_min_percent", "surge_max_percent", "surge_fee_rupees"
    )(_in_hundredths)

    @field_validator("time_of_day")
    @classmethod
    def _windows(cls, windows: dict[str, float]) -> dict[str, float]:
        for window, percent in windows.items():
            begin, dash, end = window.partition("-")
            if not dash or parse_hour(begin) == parse_hour(end):
                raise ValueError(f'{window!r} is not a window such as "07:00-09:00"')
            _in_hundredths(percent)
        return windows

    @field_validator("category_volatility")
    @classmethod
    def _groups(cls, volatility: dict[str, float]) -> dict[str, float]:
        for key in volatility:
            if key not in GROUPS:
                raise ValueError(f"unknown key {key!r}{nearest(key, GROUPS)}")
        return {group: volatility[group] for group in GROUPS}

    @field_validator("platforms")
    @classmethod
    def _platform_ids(cls, platforms: dict[str, Platform]) -> dict[str, Platform]:
        for key in platforms:
            if not (key.isascii() and key.replace("_", "").isalnum() and key == key.lower() and len(key) <= 30):
                raise ValueError(f"platform id {key!r} is not lower-case letters, digits and _")
            if key == "all":
                raise ValueError("platform id 'all' is what totals over platforms are called; allowed is another")
        return platforms

    @model_validator(mode="after")
    def _together(self) -> Parameters:
        if self.products * self.listings_per_product > MAX_LISTINGS:
            count = f"{self.products:,} products x {len(self.platforms)} platforms x {self.stores:,} stores"
            raise ValueError(f"{count} are more than {MAX_LISTINGS:,} listings")
        if self.surge_min_percent > self.surge_max_percent:
            raise ValueError(
                f"surge_min_percent {self.surge_min_percent:g} is above surge_max_percent {self.surge_max_percent:g}"
            )
        self._known_platforms()
        rates = self.repricing.a_day, self.repricing.gap_a_day
        by_rate = self.sales.share, self.rivals.known_share, *(rate for by_group in rates for rate in by_group.values())
        if self.batch_size != NO_BATCH and self.stores > 1 and any(by_rate):
            raise ValueError(
                'batch_size acts on dark stores, sales and rivals on platforms: set batch_size = "none" or stores = 1'
            )
        return self

    def _known_platforms(self) -> None:
        named = {
            "demand.closed": self.demand.closed,
            "demand.shares": self.demand.shares,
            "rivals.reactive": self.rivals.reactive,
            "price_points.platforms": self.price_points.platforms,
        }
        for where, keys in named.items():
            for key in keys:
                # A market of other platforms may keep the weights of those that a preset brought.
                if key not in self.platforms and (where == "demand.closed" or key not in _shipped_platforms()):
                    raise ValueError(f"{where} names the platform {key[:60]!r}{nearest(key, self.platforms)}")

    @property
    def listings_per_product(self) -> int:
        """Count the listings of one product: platforms times dark stores."""
        return len(self.platforms) * self.stores


@cache
def _shipped_platforms() -> frozenset[str]:
    return frozenset(key for preset in get_args(Preset) for key in preset_values(preset).get("platforms", {}))


def check(values: Mapping[str, Any]) -> Parameters:
    """Make checked parameters of plain values; UsageError names the first faulty key, what was found and the rule."""
    try:
        return Parameters.model_validate(plain(dict(values)))
    except ValidationError as failure:
        raise UsageError(fault_line(failure.errors(include_url=False)[0], Parameters)) from None


def without_process(values: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
    """Take `max_workers`, which is the process's and not the market's, out of a set of values; None where it is not given.

    A table of no platform is refused here, for laid over a preset it would change nothing.
    """
    if values.get("platforms") == {}:
        raise UsageError("platforms: found none; allowed are 1 to 50; name one, or leave the table out")
    values = plain(values)
    market = {key: value for key, value in values.items() if key != "max_workers"}
    workers = values.get("max_workers")
    return market, None if workers is None else worker_count(workers)


def worker_count(value: object) -> int:
    """Give a number of workers as Python's int; UsageError for what is none."""
    count = plain(value)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise given.refused("max_workers", count, "a whole number from 1 up", "mend it: it changes speed only")
    return count


def lay(base: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a layer over a base as `merge` does; one that gives every parameter without a default is a preset itself and
    stands in the base's place, so that no sale length or platform of the base shows through.
    """
    whole = all(name in layer for name, field in Parameters.model_fields.items() if field.is_required())
    return dict(layer) if whole else merge(base, layer)


def preset_values(name: object, kind: str = "preset") -> dict[str, Any]:
    """Read the named preset, or the overlay of the named `scenario`, as plain values."""
    folder = files("qsim").joinpath("presets", *(["scenarios"] if kind == "scenario" else []))
    known = [entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")]
    if name not in known:
        raise UsageError(f"{kind}: found {str(name)[:60]!r}{nearest(str(name), known)}; name one of them")
    return tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))


def configured(config: Mapping[str, Any] | str | os.PathLike[str] | None) -> Mapping[str, Any]:
    """Give the values that a caller gives as a table, or as the path of a TOML file; none for None."""
    if config is None or isinstance(config, Mapping):
        return config or {}
    if not isinstance(config, (str, os.PathLike)):
        raise given.refused("config", config, "a table of parameters, or the path of a TOML file")
    return read_toml(Path(config))


def resolve(preset: str, *layers: Mapping[str, Any]) -> Parameters:
    """Lay files and overrides over a preset, later ones winning, and check the result."""
    values = preset_values(preset)
    for layer in layers:
        values = lay(values, layer)
    return check(values)


def change(current: Parameters, changes: Mapping[str, Any]) -> Parameters:
    """Change run parameters; UsageError when a fixed one (seed, catalog, size, platforms) would change."""
    values = current.model_dump()
    changed = check(merge(values, changes))
    for key in sorted(FIXED):
        if getattr(changed, key) != getattr(current, key):
            raise UsageError(
                f"{key}: found {given.shown(changes[key])}, the market has {given.shown(values[key])}; it is fixed when a market"
                " is generated; generate another market"
            )
    return changed


def digest(parameters: Parameters) -> bytes:
    """Hash all parameters to 16 bytes, the same for the same values, in the same order in each table, on every machine.

    What stands at its default is left out, so a parameter that is added and changes nothing leaves known digests as they are.
    """
    text = json.dumps(parameters.model_dump(exclude_defaults=True), separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
