"""The exact basket as an integer program for HiGHS, for lists beyond the search's limits.

It holds the model and its solution alone, over lines and platforms given by number; it needs the optional
library highspy and refuses to hold what to do where that is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qsim.errors import QsimError

if TYPE_CHECKING:
    from qsim.queries.optimum import Fees
    from qsim.queries.optimum_solver import Picks, Row

_OPTIONS = {"output_flag": False, "mip_rel_gap": 0.0, "mip_abs_gap": 0.0, "mip_feasibility_tolerance": 1e-9}


@contextmanager
def _silence() -> Iterator[None]:
    # HiGHS writes its banner from C when first made, before any option can be set.
    sys.stdout.flush()
    kept, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(sink)


def program(rows: Sequence[Row], charges: Sequence[Fees], budget: int | None) -> Picks:
    """Give the platform number of each line of an optimum; money is in paise. ImportError without highspy."""
    import highspy

    with _silence():
        model = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in _OPTIONS.items():
        model.setOptionValue(option, value)
    buy = {(i, p): model.addBinary() for i, row in enumerate(rows) for p, _ in row}
    use = [model.addBinary() for _ in charges]
    for i, row in enumerate(rows):
        model.addConstr(model.qsum(buy[i, p] for p, _ in row) <= 1)
        for p, _ in row:
            model.addConstr(buy[i, p] <= use[p])
    total = _total(model, rows, charges, buy, use)
    if budget is not None:
        model.addConstr(total <= budget)
    bought = model.qsum(buy.values())
    model.maximize(bought)
    model.addConstr(bought >= round(model.getObjectiveValue()))
    model.minimize(total)
    if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise QsimError(f"best_split: HiGHS stopped with {model.getModelStatus()}; split the list")
    return {i: p for (i, p), variable in buy.items() if model.val(variable) > 0.5}


def _total(
    model: Any, rows: Sequence[Row], charges: Sequence[Fees], buy: dict[tuple[int, int], Any], use: list[Any]
) -> Any:
    """Give goods and fees as an expression, and tie the fees to the goods of each platform."""
    free = [model.addBinary() for _ in charges]
    total = model.qsum(buy[i, p] * c for i, row in enumerate(rows) for p, c in row)
    for p, fee in enumerate(charges):
        goods = model.qsum(buy[i, p] * dict(row)[p] for i, row in enumerate(rows) if (i, p) in buy)
        model.addConstr(goods >= fee.minimum_order_paise * use[p])
        model.addConstr(goods >= fee.free_delivery_from_paise * free[p])
        model.addConstr(free[p] <= use[p])
        total += (fee.handling_paise + fee.delivery_paise) * use[p] - fee.delivery_paise * free[p]
    return total
