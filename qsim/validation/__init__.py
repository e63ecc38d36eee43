"""Validation of a market: six categories of numbered checks, each with its measured value beside its target."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from qsim.given import refused
from qsim.queries import connect
from qsim.standing import market_directory
from qsim.storage import log
from qsim.validation.runner import run_checks
from qsim.writing import course_of

__all__ = ["run_checks", "validate"]


def validate(directory: str | os.PathLike[str] | None = None, only: str | Collection[str] = ()) -> dict[str, Any]:
    """Check a market at its newest commit; `passed` tells whether every one of `checks` did.

    `only` are the numbers of the checks wanted, such as `2.6`; none named are all. UsageError for a number that no check has.
    What `qsim validate --realism` tells is `qsim.realism.validate.realism`.
    """
    only = [only] if isinstance(only, str) else only
    if not isinstance(only, Collection):
        raise refused("only", only, "the numbers of checks, as ['2.6']")
    market = market_directory(directory)
    history = log.read(market)
    with connect(market) as connection:
        checks = run_checks(connection, history, course_of(history), only)
    return {
        "directory": str(market),
        "tick": history.tick,
        "digest": f"{history.digest:032x}",
        "passed": all(check["passed"] for check in checks),
        "checks": checks,
    }
