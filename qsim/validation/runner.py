"""Run the checks of all categories over a connection, each timed, and tell what they found."""

from __future__ import annotations

from collections.abc import Collection
from time import perf_counter
from typing import TYPE_CHECKING, Any

from qsim.errors import QsimError
from qsim.queries.connection import rows_of
from qsim.simulation import Course
from qsim.storage.log import Log
from qsim.validation import integrity, inventory, prepared, pricing, promotions, questions, timing
from qsim.validation.checks import Check, Judgement

if TYPE_CHECKING:
    import duckdb

ALL_CHECKS: tuple[Check, ...] = (
    *integrity.CHECKS,
    *pricing.CHECKS,
    *promotions.CHECKS,
    *inventory.CHECKS,
    *questions.CHECKS,
    *timing.CHECKS,
)


def _judged(connection: duckdb.DuckDBPyConnection, check: Check) -> Judgement:
    start = perf_counter()
    try:
        rows = rows_of(connection, check.query)
    except QsimError as fault:
        return Judgement(False, None, str(fault))
    return check.judge(rows, (perf_counter() - start) * 1000)


def _detail(judgement: Judgement, check: Check, step: int) -> str:
    part = f"one product in {step} was looked at, the history being long" if check.sampled and step > 1 else ""
    return "; ".join(text for text in (judgement.detail, part) if text)


def run_checks(
    connection: duckdb.DuckDBPyConnection, history: Log, course: Course, only: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Run the checks over a connection that `queries.connect` gave, against what the log and its epochs say.

    `only` are the numbers of the checks wanted; none named are all.
    """
    try:
        prepared.lay_out(lambda statement: rows_of(connection, statement), history, course)
        step, unread = int(str(rows_of(connection, "SELECT step FROM checked.market")[0]["step"])), ""
    except QsimError as fault:
        step, unread = 1, f"the tables cannot be read: {fault}"
    found = []
    for check in (check for check in ALL_CHECKS if not only or check.number in only):
        judgement = _judged(connection, check)
        if unread and not judgement.passed:
            judgement = Judgement(False, judgement.measured, unread)
        found.append(
            {
                "number": check.number,
                "category": check.category,
                "name": check.name,
                "passed": judgement.passed,
                "measured": judgement.measured,
                "target": check.target,
                "detail": _detail(judgement, check, step),
            }
        )
    return found
