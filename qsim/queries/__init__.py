"""Answers from a market: connections with views, the four questions, SQL from outside. The only place that uses DuckDB.

Each is loaded when first used: the process that runs SQL from outside is started for every query.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qsim.queries.connection import connect, refresh
    from qsim.queries.guard import guarded_sql
    from qsim.queries.questions import ask

__all__ = ["ask", "connect", "guarded_sql", "refresh"]

_HOMES = {"ask": "questions", "connect": "connection", "guarded_sql": "guard", "refresh": "connection"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"qsim.queries.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'qsim.queries' has no attribute {name!r}")
