"""Run the checks of all categories over a connection, each timed, and tell what they found."""

from __future__ import annotations

from collections.abc import Collection
from time import perf_counter
from typing import Any

import duckdb

from qsim.errors import QsimError, UsageError
from qsim.queries.connection import rows_of
from qsim.simulation import Course
from qsim.storage.log import Log
from qsim.validation import (
    between,
    catalog,
    counts,
    demand,
    integrity,
    inventory,
    parts,
    prepared,
    pricing,
    promotions,
    questions,
    sales,
    timing,
    trade,
)
from qsim.validation.checks import NEEDS, Check, Judgement

_MODULES = (
    integrity,
    catalog,
    pricing,
    promotions,
    inventory,
    questions,
    timing,
    between,
    sales,
    trade,
    demand,
    parts,
    counts,
)


def _place(check: Check) -> tuple[int, ...]:
    return tuple(map(int, check.number.split(".")))


ALL_CHECKS: tuple[Check, ...] = tuple(sorted((check for module in _MODULES for check in module.CHECKS), key=_place))

_STEP = "SELECT step FROM checked.market"
_MET = f"SELECT {', '.join(f'bool_or({need or True}) AS n{nth}' for nth, need in enumerate(NEEDS))} FROM checked.laws"


def _judged(connection: duckdb.DuckDBPyConnection, check: Check) -> Judgement:
    start = perf_counter()
    try:
        rows = rows_of(connection, check.query)
        ms = (perf_counter() - start) * 1000
        rows = rows or (rows_of(connection, check.otherwise) if check.otherwise else [])
    except QsimError as fault:
        return Judgement(False, None, str(fault))
    return check.judge(rows, ms)


def _not_for(check: Check) -> Judgement:
    return Judgement(True, None, f"not for this market, which lacks {NEEDS[check.needs]}")


def _detail(judgement: Judgement, check: Check, step: int) -> str:
    part = f"one product in {step} was looked at, the history being long" if check.sampled and step > 1 else ""
    return "; ".join(text for text in (judgement.detail, part) if text)


def _applying(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Tell which needs of checks the market meets, in one of its epochs at least."""
    met = rows_of(connection, _MET)[0]
    return {need for nth, need in enumerate(NEEDS) if met[f"n{nth}"]}


def _wanted(only: Collection[str]) -> list[Check]:
    known = [check.number for check in ALL_CHECKS]
    if unknown := [number for number in only if number not in known]:
        raise UsageError(
            f"check: found {unknown[0]!r}; allowed are {known[0]} to {known[-1]}; `qsim validate` tells them all"
        )
    return [check for check in ALL_CHECKS if not only or check.number in only]


def run_checks(
    connection: duckdb.DuckDBPyConnection, history: Log, course: Course, only: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Run the checks over a connection that `queries.connect` gave, against what the log and its epochs say.

    `only` are the numbers of the checks wanted; none named are all. A check that is not for this market is not run; it
    has passed, with `applies` false. UsageError for a number that no check has.
    """
    wanted = _wanted(only)
    try:
        queries = [_STEP, _MET, *(check.query for check in wanted)]
        prepared.lay_out(lambda statement: rows_of(connection, statement), history, course, queries)
        step, unread = rows_of(connection, _STEP)[0]["step"], ""
        met = _applying(connection)
    except QsimError as fault:
        step, unread, met = 1, f"the tables cannot be read: {fault}", set(NEEDS)
    found = []
    for check in wanted:
        applies = check.needs in met
        judgement = _judged(connection, check) if applies else _not_for(check)
        if unread and not judgement.passed:
            judgement = Judgement(False, judgement.measured, unread)
        found.append(
            {
                "number": check.number,
                "category": check.category,
                "name": check.name,
                "applies": applies,
                "passed": judgement.passed,
                "measured": judgement.measured,
                "target": check.target,
                "detail": _detail(judgement, check, step if applies else 1),
            }
        )
    return found
