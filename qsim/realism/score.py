"""The realism score: each moment's distance to its interval, means of groups, and one number with its two parts.

Score = 100 (.7 M + .3 D) with reference data, else 100 M. M is the mean of the groups' means of the moments' scores;
D = 1 - (2 max(.5, AUC) - 1) is how far a classifier fails to tell the market from the reference (the detection score
of sdmetrics on one AUC). It refuses to measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, log
from typing import Any

from qsim.realism.moments import GROUPS, Measured, Target, targets

MOMENTS_WEIGHT, DETECTION_WEIGHT = 0.7, 0.3


def distance(target: Target, value: float) -> float:
    """How far a value lies outside its interval, on the target's scale; 0 inside, infinite for log at 0 or below."""
    if target.lo <= value <= target.hi:
        return 0.0
    bound = target.lo if value < target.lo else target.hi
    if target.scale == "hard" or (target.scale == "log" and value <= 0):
        return inf
    return abs(log(value / bound)) if target.scale == "log" else abs(value - bound)


def moment_score(target: Target, value: float) -> float:
    """Score of a moment: max(0, 1 - distance/tau), 1 inside its interval."""
    apart = distance(target, value)
    if apart == 0:
        return 1.0
    return max(0.0, 1 - apart / target.tau) if target.tau > 0 else 0.0


def detection_score(auc: float) -> float:
    """1 - (2 max(.5, AUC) - 1): 1 where a classifier only guesses, 0 where it is always right."""
    return 1 - (2 * max(0.5, auc) - 1)


def _row(target: Target, found: Measured) -> dict[str, Any]:
    return {
        "key": target.key,
        "moment": target.name,
        "scope": target.scope,
        "target_lo": target.lo,
        "target_hi": target.hi,
        "simulated": found.value,
        "se": found.se,
        "score": None if found.value is None else moment_score(target, found.value),
        "basis": target.basis,
        "group": target.group,
        "hard": target.scale == "hard",
        "missing": found.missing,
    }


def _group_means(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for group in GROUPS:
        scores = [
            row["score"] for row in rows if row["group"] == group and not row["hard"] and row["score"] is not None
        ]
        means[group] = sum(scores) / len(scores) if scores else None
    return means


def scored(
    found: Mapping[str, Measured], auc: Mapping[str, float] | None = None, *, min_score: float | None = None
) -> dict[str, Any]:
    """Turn measured moments, and the AUC against reference data where there is one, into the score and all its parts.

    Moments without a value, and groups without any, are left out of the means and named in `left_out`. The result
    passes when no hard constraint is broken and the score is at least `min_score`; `auc` counts by its key `boosted`.
    """
    rows = [_row(target, found[target.key]) for target in targets()]
    groups = _group_means(rows)
    means = [value for value in groups.values() if value is not None]
    m = sum(means) / len(means) if means else None
    d = None if auc is None else detection_score(auc["boosted"])
    total = None if m is None else 100 * (m if d is None else MOMENTS_WEIGHT * m + DETECTION_WEIGHT * d)
    broken = [row["moment"] for row in rows if row["hard"] and row["score"] == 0]
    enough = total is not None and (min_score is None or total >= min_score)
    return {
        "score": total,
        "M": m,
        "D": d,
        "auc": None if auc is None else dict(auc),
        "moments": rows,
        "groups": groups,
        "left_out": [f"{row['moment']} ({row['scope']}): {row['missing']}" for row in rows if row["missing"]],
        "broken": broken,
        "min_score": min_score,
        "passed": enough and not broken,
    }
