"""Validation of a market: six categories of numbered checks, each with its measured value beside its target."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import partial
from typing import Any

from qsim.given import refused
from qsim.queries.connection import connected
from qsim.runs.epochs import course_of
from qsim.standing import market_directory
from qsim.storage.integrity import at_newest, checked
from qsim.storage.log import Log
from qsim.storage.places import Place
from qsim.validation.runner import run_checks

__all__ = ["run_checks", "validate"]


def validate(directory: str | os.PathLike[str] | None = None, only: str | Collection[str] = ()) -> dict[str, Any]:
    """Check a market at its newest commit; `passed` tells whether every one of `checks` did.

    `only` are the numbers of the checks wanted, such as `2.6`; none named are all. UsageError for a number that no check has.
    What `qsim validate --realism` tells is `realism` of `qsim.realism`.
    """
    only = [only] if isinstance(only, str) else only
    if not isinstance(only, Collection):
        raise refused("only", only, "the numbers of checks, as ['2.6']")
    market = market_directory(directory)
    # All checks see one commit; vacuum may remove its files meanwhile, where others have taken their place.
    return {"directory": str(market)} | at_newest(market.absolute(), partial(_checked, market.absolute(), only))


def _checked(market: Place, only: Collection[str], history: Log) -> dict[str, Any]:
    with connected(market, checked(market, history)) as connection:
        checks = run_checks(connection, history, course_of(history), only)
    return {
        "tick": history.tick,
        "digest": f"{history.digest:032x}",
        "passed": all(check["passed"] for check in checks),
        "checks": checks,
    }
