"""Costs of products, in logarithms: a mean-reverting part of their own, one shared by the group, and supply shocks.

Costs have a knot at the start of each market day, made of addressed draws alone, and run straight between knots;
so any worker works them out for itself, and halving the tick changes nothing. A day follows the rules that held when it began.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from qsim import money, streams
from qsim.arrays import F64, I64, U8
from qsim.streams import Purpose

_SMALLEST_SHOCK = 0.05


@dataclass(frozen=True)
class CostRules:
    """What costs follow: volatilities in log units per square root of a day and shock rates a day, by group."""

    seed: int
    volatility: F64
    reversion_days: float
    shared: float
    shocks_a_day: F64
    shock_size: float
    shock_sd: float
    ramp_days: float
    decay_days: float


@dataclass
class CostPath:
    """The shared part of each group's cost at the knots of days 0, 1, ..., float64[groups] each, extended as time goes on.

    `rules` holds what each day follows, `shock_ids` the number of the newest shock of each group that began before a day:
    1 + its day, 0 for none.
    """

    rules: list[CostRules] = field(default_factory=list)
    shared: list[F64] = field(default_factory=list)
    shock_ids: list[I64] = field(default_factory=list)
    factor: F64 = field(default_factory=lambda: np.zeros(0))
    pipe: F64 = field(default_factory=lambda: np.zeros(0))
    spike: F64 = field(default_factory=lambda: np.zeros(0))


def decay(days: float) -> float:
    """Give what is left after one day of what fades with this time constant: exp(-1/days)."""
    return float(money.exp(np.array([-1 / days]))[0])


def innovation_sd(rules: CostRules) -> F64:
    """Give the sd of one day's innovation by group: sigma sqrt((1 - a^2) / (2 kappa)), a = exp(-kappa), kappa = 1/days."""
    a = decay(rules.reversion_days)
    return np.asarray(rules.volatility * np.sqrt((1 - a * a) * rules.reversion_days / 2))


def _shocks(rules: CostRules, day: int) -> F64:
    """Draw the log sizes of the shocks that begin on a day, by group; 0 for none."""
    groups = np.arange(len(rules.volatility))
    chance = rules.shocks_a_day / (1 + rules.shocks_a_day / 2)
    begins = streams.uniforms(streams.hashed(rules.seed, Purpose.SHOCK, day, groups)) < chance
    normals = streams.normals(streams.hashed(rules.seed, Purpose.SHOCK_SIZE, day, groups))
    return np.where(begins, np.maximum(_SMALLEST_SHOCK, rules.shock_size + rules.shock_sd * normals), 0.0)


def extend(path: CostPath, rules_of: Callable[[int], CostRules], days: int) -> None:
    """Take a path on to the knot of day `days`, each day by the rules that `rules_of` gives for it.

    F <- a F + sd sqrt(rho) z; a shock B enters a pipe Q that flows into J at rate 1/ramp, and J fades at rate 1/decay.
    """
    while len(path.shared) <= days:
        day = len(path.rules)
        if not path.shared:
            groups = len(rules_of(0).volatility)
            path.factor, path.pipe, path.spike = np.zeros((3, groups))
            path.shared.append(np.zeros(groups))
            path.shock_ids.append(np.zeros(groups, np.int64))
            continue
        rules = rules_of(day)
        a, out, fade = decay(rules.reversion_days), 1 - decay(rules.ramp_days), decay(rules.decay_days)
        sd = innovation_sd(rules) * np.sqrt(rules.shared)
        words = streams.hashed(rules.seed, Purpose.SHARED_COST, day, np.arange(len(path.factor)))
        begun = _shocks(rules, day)
        path.factor = a * path.factor + sd * streams.normals(words)
        path.pipe = path.pipe + begun
        path.spike, path.pipe = fade * path.spike + out * path.pipe, path.pipe - out * path.pipe
        path.rules.append(rules)
        path.shared.append(path.factor + path.spike)
        path.shock_ids.append(np.where(begun > 0, day + 1, path.shock_ids[-1]))


def own_step(rules: CostRules, group: U8, products: I64, day: int, own: F64) -> F64:
    """Take the products' own cost from the knot of a day to the next: x <- a x + sd sqrt(1 - rho) z, float64[products]."""
    sd = innovation_sd(rules)[group] * np.sqrt(1 - rules.shared)
    words = streams.hashed(rules.seed, Purpose.COST, day, products)
    return np.asarray(decay(rules.reversion_days) * own + sd * streams.normals(words))
