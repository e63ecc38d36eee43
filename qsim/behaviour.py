"""Parameters of how shops behave over time: costs, shocks, repricing, price points, sales. All rates are per unit of time.

The defaults are a market in which none of it happens. Frozen and checked when made; holds no rule that uses them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

GROUPS = ("fruits", "vegetables", "dairy", "snacks", "staples", "other")

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, le=10_000)]
Days = Annotated[float, Field(gt=0, le=10_000)]
ByGroup = dict[str, Annotated[float, Field(ge=0, le=1_000)]]
Weights = dict[str, Annotated[float, Field(ge=0, le=1_000)]]


class Checked(BaseModel):
    """A frozen set of parameters: unknown keys, wrong types, NaN and infinities are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


def _nothing() -> dict[str, float]:
    return dict.fromkeys(GROUPS, 0.0)


def of_groups(values: dict[str, float]) -> dict[str, float]:
    """Put values by volatility group in the order of the groups; a group that is not given has 0."""
    for key in values:
        if key not in GROUPS:
            raise ValueError(f"unknown key {key!r}; known are {', '.join(GROUPS)}")
    return {group: values.get(group, 0.0) for group in GROUPS}


def _numbers(weights: dict[str, float], most: float) -> dict[str, float]:
    for key in weights:
        try:
            fits = 0 < float(key) <= most
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"{key!r} is not a number above 0 and at most {most:g}")
    if weights and not sum(weights.values()) > 0:
        raise ValueError("the weights are all 0")
    return weights


class Cost(Checked):
    """A product's cost, in logarithms: mean-reverting, partly shared within its group, drifting with inflation."""

    volatility: ByGroup = Field(default_factory=_nothing)
    reversion_days: Days = 150
    shared: Share = 0.45
    pass_through: Share = 0.85
    drift_percent_a_year: Annotated[float, Field(ge=-50, le=100)] = 0

    _groups = field_validator("volatility")(of_groups)


class Shocks(Checked):
    """Supply shocks of a group: so many a year, their log size, days to build up and to fade."""

    a_year: ByGroup = Field(default_factory=_nothing)
    size: Annotated[float, Field(ge=0, le=3)] = 0.45
    size_sd: Annotated[float, Field(ge=0, le=3)] = 0.35
    ramp_days: Days = 6
    decay_days: Days = 25

    _groups = field_validator("a_year")(of_groups)


class Repricing(Checked):
    """Hazard of setting the regular price anew: a base rate and one that grows with the gap to the aim, a day."""

    a_day: ByGroup = Field(default_factory=_nothing)
    gap_a_day: ByGroup = Field(default_factory=_nothing)
    gap: ByGroup = Field(default_factory=lambda: dict.fromkeys(GROUPS, 0.1))
    noise: ByGroup = Field(default_factory=_nothing)
    spread: Annotated[float, Field(ge=0, le=3)] = 0
    nine_stick: Share = 1
    on_sale: Share = 1
    morning_share: Share = 0
    weekdays: Annotated[list[Rate], Field(min_length=7, max_length=7)] = [1.0] * 7

    _groups = field_validator("a_day", "gap_a_day", "gap", "noise")(of_groups)


class PricePoints(Checked):
    """Shares of listings that price in whole rupees, ending in 9, in fives, to the paisa, or in paise ending in 99, in 49
    or 99, or in 9, by kind of good; and the share of listings whose sale prices are exact percentages, at no point.
    """

    packaged: Weights = Field(default_factory=dict)
    loose: Weights = Field(default_factory=dict)
    reach: Annotated[float, Field(ge=0, le=0.5)] = 0.035
    exact_sales: Share = 0

    @field_validator("packaged", "loose")
    @classmethod
    def _styles(cls, shares: dict[str, float]) -> dict[str, float]:
        for key in shares:
            if key not in STYLES:
                raise ValueError(f"unknown key {key!r}; known are {', '.join(STYLES)}")
        if shares and not sum(shares.values()) > 0:
            raise ValueError("the shares are all 0")
        return {style: shares.get(style, 0.0) for style in STYLES} if shares else {}


STYLES = ("whole", "nine", "five", "paise", "x99", "x49", "x9")


class Sales(Checked):
    """Temporary sales: the share of listings on sale in the long run, how long and how deep, and how they spread; the share that
    start from 05:00 to 08:00; and the share of a platform's products that each campaign prices, fixed at generation.
    """

    share: Annotated[float, Field(ge=0, le=0.9)] = 0
    days: Weights = Field(default_factory=dict)
    depths: Weights = Field(default_factory=dict)
    weekdays: Annotated[list[Rate], Field(min_length=7, max_length=7)] = [1.0] * 7
    morning_share: Share = 0.125
    clearance: Share = 0
    shared_share: Share = 0
    shared_spread: Share = 0
    campaign_share: Share = 0.011

    @field_validator("days")
    @classmethod
    def _days(cls, weights: dict[str, float]) -> dict[str, float]:
        return _numbers(weights, 365)

    @field_validator("depths")
    @classmethod
    def _depths(cls, weights: dict[str, float]) -> dict[str, float]:
        return _numbers(weights, 90)
