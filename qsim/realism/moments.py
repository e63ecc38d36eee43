"""The table of moments: which are measured, on which part of a panel, each with its standard error.

The definitions are in `movement` and `standing`, the intervals in `targets.toml`. A moment that the data cannot give
has no value and tells why. It refuses to judge.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import isnan

import numpy as np

from qsim.realism import movement, standing
from qsim.realism.panel import PACKAGED, PRODUCE, Panel
from qsim.realism.sample import Estimator, Sample, estimated, sample_of

DRAWS, SEED = 200, 1
GROUPS = ("frequency", "size", "dynamics", "sales", "dispersion", "price points", "stock")

_MOMENTS: dict[str, tuple[Callable[[Sample], Estimator | None], str]] = {
    "change_rate_all": (movement.change_rate, "no two consecutive steps are observed"),
    "change_rate_produce": (movement.change_rate, "no two consecutive steps are observed"),
    "change_rate_packaged": (movement.change_rate, "no two consecutive steps are observed"),
    "mean_size": (movement.mean_size, "no price changes"),
    "median_size": (movement.median_size, "no price changes"),
    "small_share": (movement.small_share, "no price changes"),
    "large_share": (movement.large_share, "no price changes"),
    "kurtosis": (movement.kurtosis, "the changes do not differ"),
    "decrease_share": (movement.decrease_share, "no price changes"),
    "consecutive_correlation": (movement.consecutive_correlation, "no price changes twice by differing sizes"),
    "change_autocorrelation": (movement.change_autocorrelation, "needs daily prices that move"),
    "hazard_ratio": (movement.hazard_ratio, "no price changes both 1-2 and 8-14 steps after a change"),
    "modal_share": (movement.modal_share, "no price is observed"),
    "level_autocorrelation": (movement.level_autocorrelation, "needs 365 days of prices that move"),
    "level_spread": (movement.level_spread, "no two prices of a series are observed"),
    "sale_share": (standing.sale_share, "whether a price is a sale is not known"),
    "product_sale_share": (standing.product_sale_share, "needs a sale flag and two sellers"),
    "sale_depth": (standing.sale_depth, "no sale with a known regular price"),
    "sale_return": (standing.sale_return, "no sale is seen from its start to its end"),
    "cut_return": (movement.cut_return(28), "no price cut is followed for 28 days"),
    "seller_spread": (standing.seller_spread, "no item is seen at two sellers"),
    "seller_good_share": (standing.seller_good_share, "no item is seen at two sellers with differing prices"),
    "seller_share": (standing.seller_share, "no item is seen at two sellers with differing prices"),
    "sync_lift": (standing.sync_lift, "no item changes at two sellers"),
    "identical_share": (standing.identical_share, "no item is seen at two sellers"),
    "whole_share": (standing.whole_share, "no price is observed"),
    "nine_share": (standing.nine_share, "no whole-rupee price is observed"),
    "round_share": (standing.round_share, "no whole-rupee price is observed"),
    "below_mrp": (standing.below_mrp, "no MRP is known"),
    "mean_discount": (standing.mean_discount, "no MRP is known"),
    "above_mrp": (standing.above_mrp, "no MRP is known"),
    "out_of_stock": (standing.out_of_stock, "stock is not known"),
}


@dataclass(frozen=True)
class Target:
    """Interval of a moment; the fields are those of `targets.toml`, and are explained there."""

    key: str
    name: str
    scope: str
    lo: float
    hi: float
    group: str
    scale: str
    tau: float
    basis: str


@dataclass(frozen=True)
class Measured:
    """A moment's value and standard error; None where the data cannot give them, and then why."""

    value: float | None
    se: float | None
    missing: str = ""


@cache
def targets() -> tuple[Target, ...]:
    """Read the targets, in the order of the table."""
    text = files("qsim.realism").joinpath("targets.toml").read_text("utf-8")
    return tuple(Target(key=key, **values) for key, values in tomllib.loads(text).items())


def _part(panel: Panel, scope: str) -> Panel:
    """Produce alone, packaged goods alone, or all; series of unknown group are in the whole only."""
    group = {"F": PRODUCE, "P": PACKAGED}.get(scope)
    return panel if group is None else panel.rows(panel.group == group)


def measure(panel: Panel, *, draws: int = DRAWS, seed: int = SEED) -> dict[str, Measured]:
    """Measure every moment of the table on a panel: its key to value and standard error.

    Args:
        panel: prices; the moments of scope F and P use the series of groups F and P.
        draws: bootstrap draws over items, of all series of an item together; fewer than 2 for no errors.
        seed: of the bootstrap.
    """
    samples: dict[str, Sample | None] = {}
    found: dict[str, Measured] = {}
    for target in targets():
        if target.scope not in samples:
            part = _part(panel, target.scope)
            samples[target.scope] = sample_of(part) if part.price_paise.size else None
        found[target.key] = _measured(target, samples[target.scope], draws, seed)
    return found


def _measured(target: Target, sample: Sample | None, draws: int, seed: int) -> Measured:
    moment, missing = _MOMENTS[target.key]
    if sample is None:
        return Measured(None, None, f"no series of group {target.scope}")
    with np.errstate(over="ignore"):
        estimator = moment(sample)
        value, se = (float("nan"), 0.0) if estimator is None else estimated(estimator, sample.items, draws, seed)
    return Measured(None, None, missing) if isnan(value) else Measured(value, None if isnan(se) else se)
