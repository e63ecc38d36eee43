"""Tables of what validation expects, laid out by themselves: parameters to change, epochs of them, and the rows they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from qsim import params
from qsim.behaviour import GROUPS
from qsim.clock import Epoch
from qsim.params import Parameters
from qsim.queries.connection import rows_of
from qsim.simulation import Course

CLASSIC, REALISTIC = params.resolve("classic"), params.resolve("realistic")
CITIES = ("Bengaluru", "Mumbai")


def changed(parameters: Parameters, **changes: Any) -> Parameters:
    """Change parameters; a table of changes changes these of a part alone."""
    parts = {
        name: getattr(parameters, name).model_copy(update=value)
        if isinstance(value, dict) and hasattr(getattr(parameters, name), "model_copy")
        else value
        for name, value in changes.items()
    }
    return parameters.model_copy(update=parts)


def course(*parameters: Parameters) -> Course:
    """Epochs of ten ticks of a minute."""
    return Course(tuple(Epoch(10 * n, 600 * n, 60) for n in range(len(parameters))), parameters)


def laid(bare: duckdb.DuckDBPyConnection, statements: Sequence[str], table: str) -> list[dict[str, Any]]:
    """Carry out the statements that make a table; give its rows."""
    for statement in statements:
        bare.execute(statement)
    return rows_of(bare, f"FROM checked.{table} ORDER BY ALL")


NEVER = dict.fromkeys(GROUPS, 0.0)
