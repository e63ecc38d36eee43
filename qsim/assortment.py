"""Parameters of a generated catalog beyond its size: MRPs, permanent discounts to them, and how unequal brands are.

The defaults are a catalog without any of it. Frozen and checked when made; holds no rule that uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field, field_validator

from qsim import taxonomy
from qsim.behaviour import GROUPS, Checked, Share, check_keys

Laws = dict[str, dict[str, Annotated[float, Field(ge=0, le=1_000_000)]]]


def _in_order(law: dict[str, float], allowed: str, fits: Callable[[float], bool]) -> dict[str, float]:
    """Put a law in the order of its keys, which are numbers written as text."""
    for key in law:
        try:
            right = fits(float(key))
        except ValueError:
            right = False
        if not right:
            raise ValueError(f"{key!r} is not {allowed}")
    return dict(sorted(law.items(), key=lambda pair: float(pair[0])))


class Mrp(Checked):
    """MRPs of a generated catalog, by volatility group; without `discounts` they are a quarter above the base price.

    `levels` takes prices of the goods list to MRPs, in rupees, by straight lines between logarithms, at the mean of all
    packs of a good of one brand, whose ratios it keeps; `endings` are shares of last digits; `discounts` are shares of
    permanent discounts to the MRP in percent, which the platform named `reference` shows exactly (the base price itself,
    where no platform has that name). Loose goods show an MRP too.
    """

    reference: str = ""
    levels: Laws = Field(default_factory=dict)
    endings: Laws = Field(default_factory=dict)
    discounts: Laws = Field(default_factory=dict)

    @field_validator("levels")
    @classmethod
    def _levels(cls, laws: Laws) -> Laws:
        check_keys(laws)
        ordered = {g: _in_order(laws[g], "a price in rupees", lambda x: 0 < x <= 1e6) for g in GROUPS if g in laws}
        for group, law in ordered.items():
            values = list(law.values())
            if len({float(price) for price in law}) < max(2, len(law)) or values[0] <= 0 or values != sorted(values):
                raise ValueError(f"{group} needs two prices or more, each once, with MRPs that rise with them")
        return ordered

    @field_validator("endings")
    @classmethod
    def _endings(cls, laws: Laws) -> Laws:
        check_keys(laws)
        return _shares(laws, "a digit", lambda x: x in range(10))

    @field_validator("discounts")
    @classmethod
    def _discounts(cls, laws: Laws) -> Laws:
        check_keys(laws)
        return _shares(laws, "a percentage from 0 up to 90 with at most two decimals", _is_percentage)


def _is_percentage(x: float) -> bool:
    return 0 <= x <= 90 and abs(x * 100 - round(x * 100)) < 1e-9


def _shares(laws: Laws, allowed: str, fits: Callable[[float], bool]) -> Laws:
    ordered = {group: _in_order(laws[group], allowed, fits) for group in GROUPS if group in laws}
    for group, law in ordered.items():
        if not sum(law.values()) > 0:
            raise ValueError(f"{group}: the weights are all 0")
    return ordered


class Brands(Checked):
    """How unequal the brands of a group are: the share of the first, and of the r-th after it (r + offset)^-exponent."""

    first: Share
    exponent: Annotated[float, Field(ge=0, le=10)]
    offset: Annotated[float, Field(ge=0, le=1_000)]
    places: Annotated[int, Field(ge=2, le=900)]


class Assortment(Checked):
    """What a generated catalog is made of: shares of the goods list that may be taken, by subcategory; brands; MRPs.

    And of every catalog, into how many families the goods of each group fall: what their costs share is a family's, and so are
    supply shocks.
    """

    families: Annotated[int, Field(ge=1, le=1_000)] = 1
    ranges: dict[str, Share] = Field(default_factory=dict)
    brands: dict[str, Brands] = Field(default_factory=dict)
    mrp: Mrp = Mrp()

    @field_validator("ranges")
    @classmethod
    def _ranges(cls, ranges: dict[str, float]) -> dict[str, float]:
        known = dict.fromkeys(good.subcategory for good in taxonomy.goods()) if ranges else {}
        check_keys(ranges, known)
        return {subcategory: ranges[subcategory] for subcategory in known if subcategory in ranges}

    @field_validator("brands")
    @classmethod
    def _brands(cls, brands: dict[str, Brands]) -> dict[str, Brands]:
        check_keys(brands)
        return {group: brands[group] for group in GROUPS if group in brands}
