"""How near a fitted market comes: moments of the real part, of the market and of what was held out, and a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from qsim.errors import QsimError
from qsim.fitting.figures import ALL, Figures, measure
from qsim.fitting.simulate import told_as
from qsim.realism import classifier, moments
from qsim.realism.panel import Panel

_FIGURES = ("price change a day, off sale", "mean size of these", "share on sale", "sale length, days", "sale depth")
# These need what a fitted panel has not, or belong to the catalog.
_LEFT_OUT = {"above_mrp", "out_of_stock", "sale_share", "product_sale_share", "sale_depth", "sale_return"}


def _own(figures: Figures) -> dict[str, float]:
    def mean(law: Mapping[float, float]) -> float:
        return sum(value * share for value, share in law.items()) / (sum(law.values()) or 1.0)

    pool = figures.pools[ALL]
    values = (pool.rate, pool.size, figures.sale_share, mean(figures.days), mean(figures.depths) / 100)
    return dict(zip(_FIGURES, values, strict=True))


def _moments(panel: Panel, grouped: bool, draws: int) -> dict[str, moments.Measured]:
    plain = panel if grouped else replace(panel, group=np.full(len(panel.group), "P"))
    return moments.measure(plain, draws=draws)


def compared(
    real: Panel, held: Panel | None, made: Panel, groups: Mapping[str, str], made_groups: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Lay moments side by side: the part that was fitted, the held-out part, the fitted market seen as the held-out part
    was, and whether the market is as near to it as the fitted part, or within two standard errors.
    """
    sides = [real, held or real, told_as(made, real)]
    tables = [_moments(side, bool(groups), 60 if side is held else 0) for side in sides]
    own = [_own(measure(side, known)) for side, known in zip(sides, (groups, groups, made_groups), strict=True)]
    rows = [_row(name, [each[name] for each in own], None, held is not None) for name in _FIGURES]
    for target in moments.targets():
        found = [table[target.key] for table in tables]
        doubled = not groups and any(row["moment"] == target.name for row in rows)
        if target.key in _LEFT_OUT or doubled or any(each.value is None for each in found):
            continue
        values = [each.value or 0.0 for each in found]
        scope = f" ({target.scope})" if groups and target.scope in "FP" else ""
        rows.append(_row(target.name + scope, values, found[1].se, held is not None))
    return rows


def _row(name: str, values: list[float], error: float | None, is_held: bool) -> dict[str, Any]:
    fitted, held, made = values
    room = max(2 * (error or 0.0), abs(fitted - held), 0.1 * abs(held))
    return {
        "moment": name,
        "fitted part": round(fitted, 4),
        "held out": round(held, 4) if is_held else None,
        "market": round(made, 4),
        "near": bool(abs(made - held) <= room),
    }


def told_apart(real: Panel, held: Panel | None, made: Panel, seed: int) -> tuple[dict[str, Any] | None, str]:
    """AUC of a classifier between the held-out part and the market, the fitted part, and itself; else None and the reason."""
    if held is None:
        return None, "nothing was held out"
    try:
        pairs = {"market": made, "fitted part": real}
        found: dict[str, Any] = {name: classifier.auc(held, other, seed=seed) for name, other in pairs.items()}
        found["held out against itself"] = classifier.floor(held, seed=seed)
    except QsimError as fault:
        return None, str(fault).removeprefix("classifier: ")
    return found, ""
