"""Costs of goods, in logarithms: a mean-reverting part of their own, one shared by their family, and supply shocks of that.

A good is all packs of one name. The goods of each group fall into a fixed number of families.
Costs have a knot at the start of each market day, made of addressed draws alone, and run straight between knots;
so any worker works them out for itself, and halving the tick changes nothing. A day follows the rules that held before
its midnight: what begins at midnight or later moves costs from the next day on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from qsim import money, streams
from qsim.arrays import F64, I64, U8, U64
from qsim.streams import Purpose

_SMALLEST_SHOCK = 0.05
# To draw for few products costs as much a day as for hundreds, so that they are drawn for many days at once.
_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class CostRules:
    """What costs follow: volatilities in log units per square root of a day and shock rates a day, by group, each of which has so
    many families.
    """

    seed: int
    families: int
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
    """What each family's costs share at the knots of days 0, 1, ..., float64[families] each (see `family`), extended as time goes on.

    `rules` holds what each day follows, `shock_ids` the number of the newest shock of each family that began before a day:
    1 + its day, 0 for none.
    """

    rules: list[CostRules] = field(default_factory=list)
    shared: list[F64] = field(default_factory=list)
    shock_ids: list[I64] = field(default_factory=list)
    factor: F64 = field(default_factory=lambda: np.zeros(0))
    pipe: F64 = field(default_factory=lambda: np.zeros(0))
    spike: F64 = field(default_factory=lambda: np.zeros(0))


@cache
def decay(days: float) -> float:
    """Give what is left after one day of what fades with this time constant: exp(-1/days)."""
    return float(money.exp(np.array([-1 / days]))[0])


def family(seed: int, families: int, group: U8, goods: I64) -> I64:
    """Draw the family of goods of some groups: its number among those of all groups, int64[goods]."""
    drawn = streams.whole_numbers(streams.hashed(seed, Purpose.FAMILY, 0, goods), 0, families - 1)
    return group.astype(np.int64) * families + drawn


def innovation_sd(rules: CostRules) -> F64:
    """Give the sd of one day's innovation by group: sigma sqrt((1 - a^2) / (2 kappa)), a = exp(-kappa), kappa = 1/days."""
    a = decay(rules.reversion_days)
    return np.asarray(rules.volatility * np.sqrt((1 - a * a) * rules.reversion_days / 2))


def _words(seed: int, purpose: int, days: range, ids: I64) -> U64:
    """Draw a word for each of some days and ids, uint64[days, ids]."""
    words = streams.hashed(seed, purpose, np.repeat(np.array(days), len(ids)), np.tile(ids, len(days)))
    return words.reshape(len(days), len(ids))


def _begun(rules: CostRules, uniforms: F64, normals: F64) -> F64:
    """Give the log sizes of the shocks that begin on a day by what is drawn for it, by family; 0 for none."""
    begins = uniforms < np.repeat(rules.shocks_a_day / (1 + rules.shocks_a_day / 2), rules.families)
    return np.where(begins, np.maximum(_SMALLEST_SHOCK, rules.shock_size + rules.shock_sd * normals), 0.0)


def extend(path: CostPath, rules_of: Callable[[int], CostRules], days: int) -> None:
    """Take a path on to the knot of day `days`, each day by the rules that `rules_of` gives for it.

    F <- a F + sd sqrt(rho) z; a shock B enters a pipe Q that flows into J at rate 1/ramp, and J fades at rate 1/decay.
    """
    if not path.shared:
        first = rules_of(0)
        families = len(first.volatility) * first.families
        path.factor, path.pipe, path.spike = np.zeros((3, families))
        path.shared.append(np.zeros(families))
        path.shock_ids.append(np.zeros(families, np.int64))
    ahead = range(len(path.rules), days)
    if not ahead:
        return
    each = [rules_of(day) for day in ahead]
    shared, begins, sizes = (
        _words(each[0].seed, purpose, ahead, np.arange(len(path.factor)))
        for purpose in (Purpose.SHARED_COST, Purpose.SHOCK, Purpose.SHOCK_SIZE)
    )
    drawn = streams.normals(shared), streams.uniforms(begins), streams.normals(sizes)
    for day, rules, normals, *shock in zip(ahead, each, *drawn, strict=True):
        a, out, fade = decay(rules.reversion_days), 1 - decay(rules.ramp_days), decay(rules.decay_days)
        begun = _begun(rules, *shock)
        sd = np.repeat(innovation_sd(rules) * np.sqrt(rules.shared), rules.families)
        path.factor = a * path.factor + sd * normals
        path.pipe = path.pipe + begun
        path.spike, path.pipe = fade * path.spike + out * path.pipe, path.pipe - out * path.pipe
        path.rules.append(rules)
        path.shared.append(path.factor + path.spike)
        path.shock_ids.append(np.where(begun > 0, day + 1, path.shock_ids[-1]))


def own_path(rules: Sequence[CostRules], group: U8, goods: I64, days: range, own: F64) -> Iterator[F64]:
    """Take the own cost of products of some goods on from the knot of the first of some days, and yield that at the end of each,
    float64[products]: x <- a x + sd sqrt(1 - rho) z. The rules are by day, from day 0.
    """
    at_once = max(1, _AT_ONCE // max(1, len(goods)))
    for part in (days[begin : begin + at_once] for begin in range(0, len(days), at_once)):
        drawn = streams.normals(_words(rules[part[0]].seed, Purpose.COST, part, goods))
        for day, normals in zip(part, drawn, strict=True):
            sd = innovation_sd(rules[day])[group] * np.sqrt(1 - rules[day].shared)
            own = np.asarray(decay(rules[day].reversion_days) * own + sd * normals)
            yield own
