"""Numbers that a caller gives, Python's own or numpy's, made Python's own before they go into arithmetic, JSON or a log."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from qsim.errors import UsageError, one_line

_MOST_SHOWN = 60
# No parameter lies as deep.
_LEVELS = 16


def plain(value: Any, levels: int = _LEVELS) -> Any:
    """Give a value with numpy's numbers and arrays in it, also inside tables and lists, as Python's own; any other as it is, and
    what lies deeper than so many levels.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if levels == 0:
        return value
    if type(value) is dict or (isinstance(value, Mapping) and not isinstance(value, dict)):
        return {key: plain(inner, levels - 1) for key, inner in value.items()}
    return [plain(inner, levels - 1) for inner in value] if type(value) is list else value


def whole_number(name: str, value: object) -> int:
    """Give a whole number as Python's int; UsageError that names it for anything else, True and False too."""
    try:
        if not isinstance(value, (bool, np.bool_)):
            return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        pass
    raise _refused(name, value, "a whole number")


def number(name: str, value: object) -> float:
    """Give a number, a Decimal too, as Python's int or float; UsageError that names it for anything else, True and False too."""
    # DuckDB gives amounts as Decimal.
    own = float(value) if isinstance(value, Decimal) and value.is_finite() else plain(value)
    if isinstance(own, Real) and not isinstance(own, bool):
        return own if isinstance(own, int) else float(own)
    raise _refused(name, value, "a number")


def _refused(name: str, value: object, allowed: str) -> UsageError:
    found = one_line(repr(plain(value)))[:_MOST_SHOWN]
    return UsageError(f"{name}: found {found}; allowed is {allowed}; mend the value")
