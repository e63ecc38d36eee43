"""Texts, paths, tables, flags and functions that a caller gives: taken if of the kind, else refused in one line that names them."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from qsim.errors import UsageError, nearest

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_PATH = "a path, as text or of pathlib"
_FILE = "the path of a file, as text or of pathlib"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
# Options of the command line that Python has under another name, or elsewhere.
_ELSEWHERE = {
    "interval": "update_interval_seconds",
    "map": "columns",
    "grace": "grace_seconds",
    "no_monitoring": "monitoring=False",
    "set": "each parameter by its name, or config",
    "stdout": "on_events",
    "sample": "on_events, which gets all",
    "export_report": "qsim.report(directory, out=FILE) after the run",
    "log_level": "logging.getLogger('qsim')",
    "log_file": "logging.getLogger('qsim')",
}
# What says how a call goes on, and is no parameter of a market.
_OF_CALLS = {
    "run": ("ticks", "until", "duration", "scheduler", "realtime", "speed", "flush", "monitoring"),
    "generate": ("strict", "columns", "groups"),
}


def shown(value: object) -> str:
    """Write a value shortly, however long or deep it is."""
    return _SHORT.repr(value)[:80]


def refused(name: str, value: object, allowed: str, mend: str = "mend the value") -> UsageError:
    """Make the error for a value of another kind."""
    found = f"a {type(value).__name__}" if hasattr(value, "shape") else " ".join(shown(value).split())
    return UsageError(f"{name}: found {found}; allowed is {allowed}; {mend}")


def path(name: str, value: object, allowed: str = _PATH) -> str:
    """Give a path as text; UsageError for what is none, such as a number, bytes, or a text with a NUL in it."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or "\0" in text:
        raise refused(name, value, allowed)
    return text


def file(name: str, value: object) -> str:
    """Give the path of a file as text, as `path` does; of a table in memory it is told how to make a file."""
    if hasattr(value, "shape") or hasattr(value, "collect_schema"):
        raise refused(name, value, _FILE, "write it, with write_parquet or to_parquet, and name the file")
    return path(name, value, _FILE)


def text(name: str, value: object) -> str:
    """Give a text; UsageError for anything else."""
    if isinstance(value, str):
        return value
    raise refused(name, value, "text")


def table(name: str, value: object, allowed: str) -> Mapping[Any, Any]:
    """Give a table of keys and values; UsageError for anything else."""
    if isinstance(value, Mapping):
        return value
    raise refused(name, value, allowed)


def flag(name: str, value: object) -> bool:
    """Give True or False, Python's or numpy's; UsageError for anything else, texts such as `no` above all."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise refused(name, value, "True or False")


def check_called(name: str, value: object) -> None:
    """Make sure that what is to be called can be; UsageError where not."""
    if not callable(value):
        raise refused(name, value, "a function")


def check_event(name: str, value: object) -> None:
    """Make sure that what another thread may set is an event, of threads or of processes, or None; UsageError where not."""
    if value is not None and not all(callable(getattr(value, verb, None)) for verb in ("is_set", "wait")):
        raise refused(name, value, "an event, as threading.Event()")


def variable(name: str) -> tuple[str, str] | None:
    """Give the variable of the environment that holds a setting, and its text: QSIM_NAME before NAME; None where both are empty."""
    for one in (f"QSIM_{name}", name):
        if text := os.environ.get(one, "").strip():
            return one, text
    return None


def check_names(given: Iterable[str], known: Iterable[str], inside: Iterable[str]) -> None:
    """Make sure that a call's names are known; UsageError with the nearest, with the one of the keys inside tables that was
    meant, or with what an option of the command line is here.
    """
    known = list(known)
    for name in given:
        if name in _ELSEWHERE:
            raise UsageError(f"{name}: is an option of the command line; in Python it is {_ELSEWHERE[name]}; call that")
        if name not in known:
            raise UsageError(unknown_key(name, name, known, inside))


def unknown_key(where: str, name: str, known: Iterable[str], inside: Iterable[str] = ()) -> str:
    """Tell in one line that a key is unknown, with the nearest; or of what call it is an argument. `where` is its place."""
    call = next((call for call, names in _OF_CALLS.items() if where in names), None)
    if call is not None:
        option = {"monitoring": "no-monitoring", "columns": "map"}.get(name, name)
        allowed = f"qsim {call} --{option}, in Python qsim.{call}({name}=...)"
        return f"{name}: found an argument of {call}, which is no parameter; allowed is {allowed}; give it there"
    return f"{where[:200]}: unknown key{nearest(name[:60], known, inside)}; mend or remove it"
