"""qsim: simulate quick-commerce markets, keep their history, know their answers.

The verbs of the command line under the same names; each is loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# A fork is looked at only where this was there before it.
from qsim import forks as _forks  # noqa: F401

if TYPE_CHECKING:
    from qsim.errors import QsimError
    from qsim.fitting import fit
    from qsim.monitoring.health import health
    from qsim.monitoring.metrics import metrics
    from qsim.monitoring.report import report
    from qsim.queries import ask, connect, guarded_sql, refresh
    from qsim.runs.upkeep import compact, vacuum, verify
    from qsim.runs.verbs import generate, run
    from qsim.server.verb import serve
    from qsim.standing import status
    from qsim.validation import validate

__all__ = [
    "QsimError",
    "ask",
    "compact",
    "connect",
    "fit",
    "generate",
    "guarded_sql",
    "health",
    "metrics",
    "refresh",
    "report",
    "run",
    "serve",
    "status",
    "vacuum",
    "validate",
    "verify",
]

_HOMES = {
    "QsimError": "qsim.errors",
    "ask": "qsim.queries",
    "connect": "qsim.queries",
    "guarded_sql": "qsim.queries",
    "refresh": "qsim.queries",
    "fit": "qsim.fitting",
    "generate": "qsim.runs.verbs",
    "health": "qsim.monitoring.health",
    "metrics": "qsim.monitoring.metrics",
    "report": "qsim.monitoring.report",
    "run": "qsim.runs.verbs",
    "serve": "qsim.server.verb",
    "status": "qsim.standing",
    "validate": "qsim.validation",
    "compact": "qsim.runs.upkeep",
    "vacuum": "qsim.runs.upkeep",
    "verify": "qsim.runs.upkeep",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "__version__":
        return import_module("qsim.versions").own()
    raise AttributeError(f"module 'qsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
