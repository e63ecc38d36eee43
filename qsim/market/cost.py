"""Costs of products, in logarithms: a mean-reverting part of their own, one shared by the group, and supply shocks.

Costs have a knot at the start of each market day, made of addressed draws alone, and run straight between knots;
so any worker works them out for itself, and halving the tick changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    pass_through: float
    drift_a_day: float
    shocks_a_day: F64
    shock_size: float
    shock_sd: float
    ramp_days: float
    decay_days: float


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


def shared_path(rules: CostRules, days: int) -> F64:
    """Work out the shared part of each group's cost at the knots 0..days, float64[days + 1, groups].

    F <- a F + sd sqrt(rho) z; a shock B enters a pipe Q that flows into J at rate 1/ramp, and J fades at rate 1/decay.
    """
    a, out, fade = decay(rules.reversion_days), 1 - decay(rules.ramp_days), decay(rules.decay_days)
    sd = innovation_sd(rules) * np.sqrt(rules.shared)
    path = np.zeros((days + 1, len(rules.volatility)))
    factor, pipe, spike = np.zeros((3, len(rules.volatility)))
    for day in range(days):
        words = streams.hashed(rules.seed, Purpose.SHARED_COST, day, np.arange(len(factor)))
        factor = a * factor + sd * streams.normals(words)
        pipe = pipe + _shocks(rules, day)
        spike, pipe = fade * spike + out * pipe, pipe - out * pipe
        path[day + 1] = factor + spike
    return path


def own_step(rules: CostRules, group: U8, products: I64, day: int, own: F64) -> F64:
    """Take the products' own cost from the knot of a day to the next: x <- a x + sd sqrt(1 - rho) z, float64[products]."""
    sd = innovation_sd(rules)[group] * np.sqrt(1 - rules.shared)
    words = streams.hashed(rules.seed, Purpose.COST, day, products)
    return np.asarray(decay(rules.reversion_days) * own + sd * streams.normals(words))
