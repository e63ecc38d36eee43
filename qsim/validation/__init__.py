"""Validation of a market: six categories of numbered checks, each with its measured value beside its target."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import partial
from typing import Any

from qsim.queries.connection import connected
from qsim.standing import market_directory
from qsim.storage.integrity import at_newest, checked
from qsim.storage.log import Log
from qsim.storage.places import Place
from qsim.validation.runner import run_checks
from qsim.writing import course_of

__all__ = ["run_checks", "validate"]


def validate(directory: str | os.PathLike[str] | None = None, only: Collection[str] = ()) -> dict[str, Any]:
    """Check a market at its newest commit; `passed` tells whether every one of `checks` did.

    `only` are the numbers of the checks wanted; none named are all. UsageError for a number that no check has.
    """
    market = market_directory(directory).absolute()
    # All checks see one commit; vacuum may remove its files meanwhile, where others have taken their place.
    return at_newest(market, partial(_checked, market, only))


def _checked(market: Place, only: Collection[str], history: Log) -> dict[str, Any]:
    with connected(market, checked(market, history)) as connection:
        checks = run_checks(connection, history, course_of(history), only)
    return {
        "directory": str(market),
        "tick": history.tick,
        "digest": f"{history.digest:032x}",
        "passed": all(check["passed"] for check in checks),
        "checks": checks,
    }
