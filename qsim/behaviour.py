"""Parameters of how shops and customers behave over time: costs, prices, sales, rivals, demand, supply. Rates are per unit of time.

The defaults are a market in which none of it happens. Frozen and checked when made; holds no rule that uses them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

GROUPS = ("fruits", "vegetables", "dairy", "snacks", "staples", "other")
_GAP = 0.1

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, le=10_000)]
Rupees = Annotated[float, Field(ge=0, le=100_000)]
Days = Annotated[float, Field(gt=0, le=10_000)]
ByGroup = dict[str, Annotated[float, Field(ge=0, le=1_000)]]
# In logarithms: a standard deviation; noise of a price, or what moves a cost in a day.
Spread = Annotated[float, Field(ge=0, le=3)]
SmallByGroup = dict[str, Annotated[float, Field(ge=0, le=1)]]
# Monday to Sunday.
Weekdays = Annotated[list[Rate], Field(min_length=7, max_length=7)]
Weights = dict[str, Annotated[float, Field(ge=0, le=1_000)]]


class Checked(BaseModel):
    """A frozen set of parameters: unknown keys, wrong types, NaN and infinities are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


def _nothing() -> dict[str, float]:
    return dict.fromkeys(GROUPS, 0.0)


def check_keys(keys: Iterable[str], known: Collection[str] = GROUPS) -> None:
    """Refuse a key that is none of those known, the volatility groups, with a ValueError, of which pydantic makes its own."""
    for key in keys:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known are {', '.join(known)}")


def of_groups(values: dict[str, float], *, missing: float = 0.0) -> dict[str, float]:
    """Put values by volatility group in the order of the groups; one that is not given has what stands for the missing."""
    check_keys(values)
    return {group: values.get(group, missing) for group in GROUPS}


def _numbers(weights: dict[str, float], most: float, above: float = 0) -> dict[str, float]:
    for key in weights:
        try:
            fits = above < float(key) <= most
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"{key!r} is not a number above {above:g} and at most {most:g}")
    if weights and not sum(weights.values()) > 0:
        raise ValueError("the weights are all 0")
    return weights


class Platform(Checked):
    """A quick-commerce service: its price band, its discounts, and its fees in rupees an order."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    low_percent: Annotated[float, Field(gt=0, le=1000)]
    high_percent: Annotated[float, Field(gt=0, le=1000)]
    average_discount_percent: Annotated[float, Field(ge=4, le=25)]
    delivery_fee: Rupees = 0
    handling_fee: Rupees = 0
    free_delivery_from: Rupees = 0
    minimum_order: Rupees = 0

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError("a name is letters, digits, signs and spaces, without control characters")
        return name

    @model_validator(mode="after")
    def _ordered(self) -> Platform:
        if self.low_percent > self.high_percent:
            raise ValueError(f"low_percent {self.low_percent:g} is above high_percent {self.high_percent:g}")
        return self


class Cost(Checked):
    """A good's cost, in logarithms: mean-reverting, partly shared within its family; that of loose goods drifts with inflation.

    Goods with a printed MRP do not drift: their prices would all end at the MRP, which stays. The drift is one of logarithms: 5 are
    5.1 % in a year, 100 make prices e-fold.
    """

    volatility: SmallByGroup = Field(default_factory=_nothing)
    reversion_days: Days = 150
    shared: Share = 0.45
    pass_through: Share = 0.85
    drift_percent_a_year: Annotated[float, Field(ge=-50, le=100)] = 0

    _groups = field_validator("volatility")(of_groups)


class Shocks(Checked):
    """Supply shocks of a family: so many a year, their log size, days to build up and to fade. They fade while they build up: with 15
    and 45 days costs rise by .58 of the size at most.
    """

    a_year: ByGroup = Field(default_factory=_nothing)
    size: Annotated[float, Field(ge=0, le=3)] = 0.45
    size_sd: Spread = 0.35
    ramp_days: Days = 6
    decay_days: Days = 25

    _groups = field_validator("a_year")(of_groups)


class Repricing(Checked):
    """Hazard of setting the regular price anew: a base rate and one that grows with the gap to the aim, a day.

    A log distance of `gap` to the aim is a wide one, at which the second rate is all there; any is where `gap` is 0. A price
    just set is `1 + fresh` times as likely to be set again, which fades over `fresh_days`; `zone_sd` is the sd of log prices
    between the dark stores of a platform. What has its MRP for its anchor would sell for up to a log distance `headroom`
    more without it, drawn evenly: its costs fall by that much before its price does.
    """

    a_day: ByGroup = Field(default_factory=_nothing)
    gap_a_day: ByGroup = Field(default_factory=_nothing)
    gap: ByGroup = Field(default_factory=lambda: dict.fromkeys(GROUPS, _GAP))
    noise: SmallByGroup = Field(default_factory=_nothing)
    spread: Spread = 0
    nine_stick: Share = 1
    on_sale: Share = 1
    morning_share: Share = 0
    weekdays: Weekdays = [1.0] * 7
    fresh: Annotated[float, Field(ge=0, le=100)] = 0
    fresh_days: Days = 5
    zone_sd: Annotated[float, Field(ge=0, le=0.5)] = 0
    headroom: Annotated[float, Field(ge=0, le=1)] = 0

    _groups = field_validator("a_day", "gap_a_day", "noise")(of_groups)

    @field_validator("gap")
    @classmethod
    def _gaps(cls, gap: dict[str, float]) -> dict[str, float]:
        return of_groups(gap, missing=_GAP)


class PricePoints(Checked):
    """Shares of listings that price in whole rupees, ending in 9, in fives, to the paisa, in whole percents off the MRP, or in
    paise ending in 99, in 49 or 99, or in 9, by kind of good; `platforms` has the packaged goods of those that price otherwise.
    A share `exact_sales` of listings has sale prices that are exact percentages, at no point.
    """

    packaged: Weights = Field(default_factory=dict)
    loose: Weights = Field(default_factory=dict)
    platforms: dict[str, Weights] = Field(default_factory=dict)
    reach: Annotated[float, Field(ge=0, le=0.5)] = 0.035
    exact_sales: Share = 0

    @field_validator("platforms")
    @classmethod
    def _platforms(cls, laws: dict[str, Weights]) -> dict[str, Weights]:
        return {platform: cls._styles(shares) for platform, shares in laws.items()}

    @field_validator("packaged", "loose")
    @classmethod
    def _styles(cls, shares: dict[str, float]) -> dict[str, float]:
        check_keys(shares, STYLES)
        if shares and not sum(shares.values()) > 0:
            raise ValueError("the shares are all 0")
        return {style: shares.get(style, 0.0) for style in STYLES} if shares else {}


STYLES = ("whole", "nine", "five", "paise", "percent", "x99", "x49", "x9")


class Sales(Checked):
    """Temporary sales: the share of listings on sale in the long run, how long and how deep, and how they spread; the share that
    start from 05:00 to 08:00; and the share of a platform's products that each campaign prices, fixed at generation.
    """

    share: Annotated[float, Field(ge=0, le=0.9)] = 0
    days: Weights = Field(default_factory=dict)
    depths: Weights = Field(default_factory=dict)
    weekdays: Weekdays = [1.0] * 7
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
        # What is less would be rounded to no basis point, and a sale that is none.
        return _numbers(weights, 90, above=0.005)

    @model_validator(mode="after")
    def _together(self) -> Sales:
        if self.share and not (self.days and self.depths):
            raise ValueError("a share above 0 needs days and depths")
        return self


class Rivals(Checked):
    """How platforms follow each other on the goods whose prices customers know: a share of products, looks a day, the
    share of these that a platform reacts on, the gap it tolerates, and the lowest price as a share of the one aimed at.
    """

    known_share: Share = 0
    looks_a_day: Annotated[float, Field(ge=0, le=1_000)] = 0
    reactive: dict[str, Share] = Field(default_factory=dict)
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.03
    undercut: Annotated[float, Field(ge=0, lt=1)] = 0
    floor: Annotated[float, Field(gt=0, le=1)] = 0.88


class Demand(Checked):
    """Customers of a product in an area a day, by group; how they spread over hours and weekdays, and how they choose.

    `shares` are the platforms' pull at equal prices; one that is not named has that of the least. `outside` is the share who then
    buy nothing, `elasticity` how utility falls with the log of price; a fee counts as its share of `basket_rupees`. Platforms in
    `closed` take no orders. At most 63 customers of a product in an area come in an hour.
    """

    a_day: ByGroup = Field(default_factory=_nothing)
    level: Annotated[float, Field(ge=0, le=100)] = 1
    # Between products; between days, of a product in an area and of a city.
    spread: Spread = 0
    day_spread: Spread = 0
    city_spread: Spread = 0
    shares: Weights = Field(default_factory=dict)
    outside: Annotated[float, Field(ge=0, lt=1)] = 0.2
    elasticity: Annotated[float, Field(ge=0, le=20)] = 3
    basket_rupees: Annotated[float, Field(gt=0, le=100_000)] = 400
    units: Weights = Field(default_factory=lambda: {"1": 1.0})
    hours: Annotated[list[Rate], Field(min_length=24, max_length=24)] = [1.0] * 24
    weekdays: Weekdays = [1.0] * 7
    rain: Annotated[float, Field(ge=0, le=10)] = 0
    closed: list[str] = Field(default_factory=list)

    _groups = field_validator("a_day")(of_groups)

    @field_validator("units")
    @classmethod
    def _units(cls, weights: dict[str, float]) -> dict[str, float]:
        for key in weights:
            if not (key.isdecimal() and 1 <= int(key) <= 100):
                raise ValueError(f"{key!r} is not a whole number from 1 to 100")
        return _numbers(weights, 100)


class Supply(Checked):
    """Stock: days of demand that a full shelf covers, the share at which it is ordered again, and the days a delivery takes:
    `least_days` + two exponential waits of `wait_days`, and for a `late` share another one of `late_days`.
    """

    cover_days: Annotated[list[Days], Field(min_length=2, max_length=2)] = Field(default_factory=lambda: [1.2, 3.0])
    reorder: Annotated[float, Field(ge=0, lt=1)] = 0.35
    least_days: Annotated[float, Field(ge=0, le=100)] = 0.15
    wait_days: Annotated[float, Field(ge=0, le=100)] = 0.25
    late: Share = 0.1
    late_days: Annotated[float, Field(ge=0, le=100)] = 1.6


class Weather(Checked):
    """Rain: the share of days with a shower, January to December, and the least and most hours that it lasts."""

    rainy_days: Annotated[list[Share], Field(min_length=12, max_length=12)] = Field(default_factory=lambda: [0.0] * 12)
    hours: Annotated[list[Annotated[int, Field(ge=1, le=24)]], Field(min_length=2, max_length=2)] = Field(
        default_factory=lambda: [1, 5]
    )

    @field_validator("hours")
    @classmethod
    def _ordered(cls, hours: list[int]) -> list[int]:
        if hours[0] > hours[1]:
            raise ValueError("the least hours come first")
        return hours


class SurgeFees(Checked):
    """The fee of an order by load: each `step` of load over the riders' `capacity`, in multiples of the mean load, is a level."""

    capacity: Annotated[float, Field(gt=0, le=1_000)] = 1_000
    # Of the riders of a platform in a city, between days.
    riders_spread: Spread = 0
    rain_loss: Annotated[float, Field(ge=0, lt=1)] = 0
    step: Annotated[float, Field(gt=0, le=10)] = 0.15
    rupees: Annotated[list[Annotated[float, Field(ge=0, le=600)]], Field(min_length=1, max_length=20)] = [0.0]
