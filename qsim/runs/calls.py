"""What calls of `generate` and `run` give, checked and made plain before anything is done."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from qsim import given, params
from qsim.explain import names_inside
from qsim.runs import pacing
from qsim.runs.recording import Manner
from qsim.scalars import plain


def parameters(values: Mapping[str, Any], call: Callable[..., Any]) -> dict[str, Any]:
    """Give the parameters named in a call, without those that are None; UsageError for a name that nothing has."""
    own = [name for name in inspect.signature(call).parameters if name not in ("parameters", "changes")]
    given.check_names(values, [*params.Parameters.model_fields, *own], names_inside(params.Parameters))
    return {key: plain(value) for key, value in values.items() if value is not None}


def files(**paths: str | os.PathLike[str] | None) -> list[str | None]:
    """Give the paths of files as text, None where none is named; UsageError for what is no path."""
    return [None if path is None else given.file(name, path) for name, path in paths.items()]


def columns_of(columns: Mapping[str, str] | None) -> Mapping[str, str]:
    """Give the table of columns and their fields, empty where there is none."""
    return given.table(
        "columns", {} if columns is None else columns, "a table of columns and their fields, as {'Name': 'product'}"
    )


def manner(
    progress: Any, on_events: Any, realtime: bool, speed: float | None, flush: float | None, stop: object
) -> Manner:
    """Give how a run is to go on; UsageError for what is no function, flag or number, or for a `stop` that is no event."""
    given.check_event("stop", stop)
    for name, called in {"progress": progress, "on_events": progress if on_events is None else on_events}.items():
        given.check_called(name, called)
    return Manner(progress, on_events, *pacing.wanted(given.flag("realtime", realtime), speed, flush))
